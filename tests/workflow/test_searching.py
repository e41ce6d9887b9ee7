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
from ktrain_sentiment.workflow import searching

SEARCHES = tuple(
    SearchConfig(search_start=1e-6, search_end=0.1, search_steps=steps) for steps in (100, 200)
)


@pytest.fixture
def steps_searched(monkeypatch: pytest.MonkeyPatch):
    """Make searches of fewer steps than these unreadable, and give the steps of each search."""

    def prepare(readable_from: int) -> list[int]:
        made: list[int] = []

        def find(trainer: object, bounds: SearchBounds, on_step: object) -> LearningRateCurve:
            del trainer, on_step
            made.append(bounds.steps)
            rate = Suggestion("between", 1e-4, 0.5, "")
            found = rate if bounds.steps >= readable_from else None
            problem = "" if found else "the loss never fell clearly: raise --search-steps"
            reading = Reading(np.array([0.5]), (), found, problem)
            return LearningRateCurve(np.array([1e-5]), np.array([0.5]), reading, "", 1.0)

        monkeypatch.setattr(searching, "find_learning_rate", find)
        return made

    return prepare


def test_a_curve_that_can_be_read_is_the_only_one(steps_searched) -> None:
    made = steps_searched(readable_from=100)
    curve = searching.run_search(SimpleNamespace(), SEARCHES, quiet=True)
    assert made == [100]
    assert curve.reading.chosen is not None


def test_a_curve_that_cannot_be_read_is_followed_by_a_longer_one(steps_searched, caplog) -> None:
    caplog.set_level("INFO")
    made = steps_searched(readable_from=200)
    curve = searching.run_search(SimpleNamespace(), SEARCHES, quiet=True)
    assert made == [100, 200]
    assert curve.reading.chosen is not None
    assert "100 steps show too little: the loss never fell clearly" in caplog.messages


def test_the_last_curve_is_given_where_none_can_be_read(steps_searched) -> None:
    made = steps_searched(readable_from=300)
    curve = searching.run_search(SimpleNamespace(), SEARCHES, quiet=True)
    assert made == [100, 200]
    assert curve.reading.chosen is None
