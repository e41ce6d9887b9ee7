"""Train sentiment classifiers with Keras and ktrain, and use them without either.

Importing this package is cheap: nothing here brings in TensorFlow, ktrain or ONNX Runtime.
Those load when they are first needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ktrain_sentiment.version import __version__

if TYPE_CHECKING:
    from ktrain_sentiment.inference import load as load
    from ktrain_sentiment.prediction import Classifier as Classifier
    from ktrain_sentiment.prediction import Prediction as Prediction

__all__ = ["Classifier", "Prediction", "__version__", "load"]


def __getattr__(name: str) -> Any:  # noqa: ANN401
    """Load a public name from its module the first time that it is asked for."""
    if name == "load":
        from ktrain_sentiment.inference import load

        return load
    if name in {"Classifier", "Prediction"}:
        from ktrain_sentiment import prediction

        return getattr(prediction, name)
    raise AttributeError(f"module 'ktrain_sentiment' has no attribute {name!r}")
