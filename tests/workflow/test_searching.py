"""The search of a run: one curve, or another one where the first shows nothing."""

from types import SimpleNamespace

import numpy as np
import pytest

from ktrain_sentiment.config import SearchConfig
from ktrain_sentiment.training.learning_rate import (
    LearningRateCurve,
    Reading,
    SearchBounds,
    Suggestion,
)
from ktrain_sentiment.workflow import exploring

SEARCHES = tuple(
    SearchConfig(search_start=1e-6, search_end=0.1, search_steps=steps) for steps in (100, 200)
)


@pytest.fixture
def steps_searched():
    """A trainer whose searches of fewer steps cannot be read, and the steps of each search."""

    def prepare(readable_from: int) -> tuple[SimpleNamespace, list[int]]:
        made: list[int] = []

        def find(bounds: SearchBounds, on_step: object) -> LearningRateCurve:
            del on_step
            made.append(bounds.steps)
            rate = Suggestion("between", 1e-4, 0.5, "")
            found = rate if bounds.steps >= readable_from else None
            problem = "" if found else "the loss never fell clearly: raise --search-steps"
            reading = Reading(np.array([0.5]), (), found, problem)
            return LearningRateCurve(np.array([1e-5]), np.array([0.5]), reading, "", 1.0)

        return SimpleNamespace(find_learning_rate=find), made

    return prepare


def test_a_curve_that_can_be_read_is_the_only_one(steps_searched) -> None:
    trainer, made = steps_searched(readable_from=100)
    curve = exploring.run_search(trainer, SEARCHES, quiet=True)
    assert made == [100]
    assert curve.reading.chosen is not None


def test_a_curve_that_cannot_be_read_is_followed_by_a_longer_one(steps_searched, caplog) -> None:
    caplog.set_level("INFO")
    trainer, made = steps_searched(readable_from=200)
    curve = exploring.run_search(trainer, SEARCHES, quiet=True)
    assert made == [100, 200]
    assert curve.reading.chosen is not None
    assert "100 steps show too little: the loss never fell clearly" in caplog.messages


def test_the_last_curve_is_given_where_none_can_be_read(steps_searched) -> None:
    trainer, made = steps_searched(readable_from=300)
    curve = exploring.run_search(trainer, SEARCHES, quiet=True)
    assert made == [100, 200]
    assert curve.reading.chosen is None
