"""Rows made from templates beside what a training learns anyway."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ktrain_sentiment.config import TrainConfig
from ktrain_sentiment.data import Splits
from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.training.trainer import SoftTargets
from ktrain_sentiment.workflow.lessons import (
    draw_lessons,
    kept_lessons,
    lesson_figures,
    with_lessons,
)

AUGMENT = TrainConfig(augment=True)


def splits_of(
    labels=("negative", "positive"), text="I have seen the film with my friends"
) -> Splits:
    rows = [(f"{text}, number {k}", labels[k % 2]) for k in range(200)]
    frame = pd.DataFrame(rows, columns=["text", "label"])
    return Splits(frame[:150], frame[150:180], frame[180:], tuple(labels))


def test_nothing_is_added_unless_it_is_asked_for() -> None:
    assert draw_lessons(TrainConfig(), splits_of()) is None
    assert with_lessons(splits_of(), None, None) is None


def test_lessons_follow_the_rows_with_their_labels() -> None:
    splits = splits_of()
    lessons = draw_lessons(AUGMENT, splits)
    learned = with_lessons(splits, None, lessons)
    assert learned.texts["text"][:150].tolist() == splits.train["text"].tolist()
    assert learned.targets[:2].tolist() == [[1, 0], [0, 1]]
    assert len(learned.texts) == len(learned.targets) == 150 + len(lessons.frame)
    held_out = {*splits.validation["text"], *splits.test["text"]}
    assert not held_out & set(learned.texts["text"])
    figures = lesson_figures(lessons)
    assert figures["rows"] == sum(figures["lessons"].values()) == len(lessons.frame)


def test_what_a_teacher_says_is_kept_before_them() -> None:
    splits = splits_of()
    soft = SoftTargets(splits.train[["text"]], np.full((150, 2), 0.5, np.float32))
    learned = with_lessons(splits, soft, draw_lessons(AUGMENT, splits))
    assert (learned.targets[:150] == 0.5).all()


def test_a_run_that_goes_on_learns_the_rows_that_it_began_with(tmp_path: Path) -> None:
    path = tmp_path / "augmented.parquet"
    first = kept_lessons(draw_lessons(AUGMENT, splits_of()), path, resume=False)
    other = draw_lessons(TrainConfig(augment=True, seed=3), splits_of())
    resumed = kept_lessons(other, path, resume=True)
    pd.testing.assert_frame_equal(resumed.frame, first.frame)


def test_labels_whose_meaning_is_unclear_are_refused_with_what_to_do() -> None:
    with pytest.raises(ConfigError, match=r"the labels 0, 1 do not tell .* --map"):
        draw_lessons(AUGMENT, splits_of(("0", "1")))


def test_texts_in_another_language_are_refused() -> None:
    german = "Wir haben diesen Film gestern mit unseren Freunden gesehen"
    with pytest.raises(ConfigError, match="English alone, and most texts are in de"):
        draw_lessons(AUGMENT, splits_of(text=german))
