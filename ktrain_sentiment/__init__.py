"""Train sentiment classifiers with Keras and ktrain, and use them without either.

    import ktrain_sentiment as ks

    run = ks.train("reviews.csv", encoder="minilm")    # a DataFrame, or (texts, labels), will do
    ks.load(run.predictor).predict(["Not bad at all."])

Importing this package is cheap: nothing here brings in TensorFlow, ktrain or ONNX Runtime, and
what is done with it leaves the caller's environment, warnings and loggers as they are.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ktrain_sentiment.version import __version__

if TYPE_CHECKING:
    from ktrain_sentiment.api import Dataset as Dataset
    from ktrain_sentiment.api import Evaluation as Evaluation
    from ktrain_sentiment.api import LearningRateSearch as LearningRateSearch
    from ktrain_sentiment.api import ModelComparison as ModelComparison
    from ktrain_sentiment.api import SettingsSearch as SettingsSearch
    from ktrain_sentiment.api import TrainingRun as TrainingRun
    from ktrain_sentiment.api import compare as compare
    from ktrain_sentiment.api import evaluate as evaluate
    from ktrain_sentiment.api import find_lr as find_lr
    from ktrain_sentiment.api import open_run as open_run
    from ktrain_sentiment.api import read as read
    from ktrain_sentiment.api import search as search
    from ktrain_sentiment.api import train as train
    from ktrain_sentiment.errors import InputError as InputError
    from ktrain_sentiment.errors import SentimentError as SentimentError
    from ktrain_sentiment.errors import TrainingError as TrainingError
    from ktrain_sentiment.inference import load as load
    from ktrain_sentiment.prediction import Classifier as Classifier
    from ktrain_sentiment.prediction import Prediction as Prediction

_HOMES = {
    "api": (
        "Dataset", "Evaluation", "LearningRateSearch", "ModelComparison", "SettingsSearch",
        "TrainingRun", "compare", "evaluate", "find_lr", "open_run", "read", "search", "train",
    ),
    "errors": ("InputError", "SentimentError", "TrainingError"),
    "inference": ("load",),
    "prediction": ("Classifier", "Prediction"),
}  # fmt: skip
"""Where each public name lives; the module is imported when the name is first asked for."""

__all__ = [
    "Classifier", "Dataset", "Evaluation", "InputError", "LearningRateSearch", "ModelComparison",
    "Prediction", "SentimentError", "SettingsSearch", "TrainingError", "TrainingRun", "__version__",
    "compare", "evaluate", "find_lr", "load", "open_run", "read", "search", "train",
]  # fmt: skip


def __getattr__(name: str) -> Any:  # noqa: ANN401
    """Load a public name from its module the first time that it is asked for."""
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"ktrain_sentiment.{home}"), name)
    raise AttributeError(f"module 'ktrain_sentiment' has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names, those that are not loaded yet among them."""
    return sorted(__all__)
