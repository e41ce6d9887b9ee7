"""Distillation: a model learns what another one says, besides the labels (arXiv:1503.02531)."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ktrain_sentiment.config import TrainConfig
from ktrain_sentiment.data import Splits
from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.inference import load
from ktrain_sentiment.prediction import Classifier
from ktrain_sentiment.training.dataset import one_hot
from ktrain_sentiment.training.model import class_indices

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Teacher:
    """A predictor that another model learns from.

    Attributes:
        classifier: It, opened.
        labels: The labels of the data, in the order of the columns that are learned.
        share: How much of a target is the teacher's; the rest is the label.
    """

    classifier: Classifier
    labels: tuple[str, ...]
    share: float

    def probabilities(self, frame: pd.DataFrame) -> NDArray[np.float32]:
        """What the teacher says of the `text` column, float32 of shape (rows, classes)."""
        columns = [list(self.classifier.labels).index(label) for label in self.labels]
        table = self.classifier.predict_proba(frame["text"].tolist())
        return np.asarray(table, np.float32)[:, columns]

    def targets(self, frame: pd.DataFrame) -> NDArray[np.float32]:
        """What a model is to learn of rows: the teacher's probabilities, mixed with the labels."""
        hard = one_hot(class_indices(frame["label"], self.labels), len(self.labels))
        mixed = self.share * self.probabilities(frame) + (1 - self.share) * hard
        return np.asarray(mixed, np.float32)

    def figures(self, test: pd.DataFrame, predicted: pd.Series[str]) -> dict[str, Any]:
        """How good the teacher is on rows, and how often its pupil says the same."""
        said = np.asarray(self.labels, object)[self.probabilities(test).argmax(axis=1)]
        return {
            "share": self.share,
            "accuracy": float((said == test["label"].to_numpy()).mean()),
            "agreement": float((said == predicted.to_numpy()).mean()),
            "rows": len(test),
        }


def open_teacher(config: TrainConfig, splits: Splits) -> Teacher | None:
    """The configured teacher, or None without one.

    Raises:
        ConfigError: It knows other labels than the data has.
        PredictorError: Its folder cannot be opened.
    """
    if config.teacher is None:
        return None
    classifier = load(config.teacher)
    if set(classifier.labels) != set(splits.labels):
        raise ConfigError(
            f"--teacher {config.teacher} knows the labels {', '.join(classifier.labels)}, the data "
            f"has {', '.join(splits.labels)}: wanted the same; rename labels with --map"
        )
    log.info("learning %.0f %% from the teacher %s", 100 * config.teacher_share, config.teacher)
    return Teacher(classifier, splits.labels, config.teacher_share)
