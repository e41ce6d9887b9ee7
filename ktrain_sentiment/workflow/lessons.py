"""What a training learns besides its rows and a teacher: rows made from templates (`--augment`)."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ktrain_sentiment.config import TrainConfig
from ktrain_sentiment.data import Splits
from ktrain_sentiment.data.augmentation import Lessons, make_lessons
from ktrain_sentiment.data.checks import main_language
from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.evaluation.behaviour import find_poles
from ktrain_sentiment.tables.messages import count
from ktrain_sentiment.training.dataset import learned_targets
from ktrain_sentiment.training.trainer import SoftTargets

log = logging.getLogger(__name__)


def draw_lessons(config: TrainConfig, splits: Splits) -> Lessons | None:
    """The rows to learn besides the training rows; None where none are wanted.

    Raises:
        ConfigError: The meaning of the labels is not known, or the texts are not English.
    """
    if not config.augment:
        return None
    try:
        poles = find_poles(splits.labels)
    except ConfigError:
        raise ConfigError(
            f"--augment: the labels {', '.join(splits.labels)} do not tell which are positive: "
            'rename them, as in --map "1,2=negative 3=neutral 4,5=positive"'
        ) from None
    language = main_language(splits.train["text"])
    if language not in ("", "en"):
        raise ConfigError(f"--augment knows English alone, and most texts are in {language}")
    return make_lessons(splits, poles, seed=config.seed)


def kept_lessons(lessons: Lessons, path: Path, *, resume: bool) -> Lessons:
    """The same, kept in a file so that a run that goes on learns the same.

    Args:
        lessons: What was drawn.
        path: The Parquet file to keep them in.
        resume: Take what the file holds, if it is there.
    """
    if resume and path.is_file():
        return Lessons.read(path, lessons.labels)
    lessons.write(path)
    log.info("learning %s made from templates", count(len(lessons.frame), "more row"))
    return lessons


def with_lessons(
    splits: Splits, soft_targets: SoftTargets | None, lessons: Lessons | None
) -> SoftTargets | None:
    """What is to be learned, and the lessons after it; None where that is the labels alone."""
    if lessons is None:
        return soft_targets
    if soft_targets is None:
        soft_targets = SoftTargets(splits.train[["text"]], learned_targets(splits))
    return SoftTargets(
        pd.concat([soft_targets.texts, lessons.frame[["text"]]], ignore_index=True),
        np.concatenate([soft_targets.targets, lessons.targets]),
    )


def lesson_figures(lessons: Lessons) -> dict[str, Any]:
    """What the record of a run says of them."""
    return {"rows": len(lessons.frame), "lessons": lessons.frame["lesson"].value_counts().to_dict()}
