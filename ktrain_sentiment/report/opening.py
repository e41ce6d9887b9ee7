"""Open any predictor folder: of this package, of Hugging Face, of ktrain."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ktrain_sentiment.inference import Engine, load
from ktrain_sentiment.prediction import Classifier


@dataclass(frozen=True)
class Opening:
    """How predictor folders are opened.

    Attributes:
        engine: As for `ktrain_sentiment.load`.
        trust_pickle: Whether a ktrain predictor's pickled preprocessor may be opened.
    """

    engine: Engine = "auto"
    trust_pickle: bool = False


AS_USUAL = Opening()


def open_classifier(folder: Path, opening: Opening = AS_USUAL) -> Classifier:
    """Open a predictor folder.

    Args:
        folder: A predictor folder.
        opening: How to open it.

    Raises:
        PredictorError: The folder cannot be used.
    """
    return load(folder, opening.engine)
