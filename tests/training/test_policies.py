"""The schedules are those that the policies promise."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ktrain_sentiment.config import TrainConfig
from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.training import policies
from ktrain_sentiment.training.checkpoints import Checkpoints


def test_linear_rates_warm_up_and_fall_to_zero() -> None:
    rates = [policies.linear_rate(step, 100, 10, 1.0) for step in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[9] == pytest.approx(1.0)
    assert (np.diff(rates[10:]) < 0).all()
    assert rates[100] == 0.0


@pytest.mark.parametrize(
    ("epochs", "length", "multiplier", "cycles"),
    [(1, 1, 2, 1), (3, 1, 2, 2), (6, 1, 2, 2), (7, 1, 2, 3), (4, 2, 1, 2), (1, 3, 2, 1)],
)
def test_sgdr_trains_whole_cycles_that_fit(
    epochs: int, length: int, multiplier: int, cycles: int
) -> None:
    assert policies.cycles_within(epochs, length, multiplier) == cycles


def test_planned_epochs_of_sgdr_are_those_of_its_cycles() -> None:
    config = TrainConfig(policy="sgdr", epochs=6, cycle_length=1, cycle_multiplier=2)
    assert policies.planned_epochs(config, texts=500) == 3
    assert policies.planned_epochs(TrainConfig(epochs=6), texts=500) == 6


@pytest.mark.parametrize(
    ("texts", "settings", "epochs"),
    [
        (50_000, {}, 3),
        (1_088, {}, 3),
        (1_056, {}, 4),
        (300, {}, 10),
        (300, {"batch_size": 8}, 3),
        (300, {"accumulate": 2}, 20),
        (5, {}, 100),
        (300, {"epochs": 2}, 2),
    ],
)
def test_few_texts_are_learned_more_often_unless_told_otherwise(
    texts: int, settings: dict[str, int], epochs: int
) -> None:
    assert policies.epochs_for(TrainConfig(**settings), texts) == epochs


def rates_of(open_tiny: Callable[..., Any], folder: Path, **settings: Any) -> np.ndarray:
    trainer = open_tiny(**settings)
    return np.array(trainer.fit(1e-3, Checkpoints(folder), quiet=True).schedule.learning_rates)


def test_onecycle_rises_to_the_maximum_and_falls(
    open_tiny: Callable[..., Any], tmp_path: Path
) -> None:
    rates = rates_of(open_tiny, tmp_path, policy="onecycle", epochs=2)
    assert rates.max() == pytest.approx(1e-3, rel=0.01)
    assert abs(int(rates.argmax()) - len(rates) // 2) <= 1
    assert rates[0] == pytest.approx(1e-4, rel=0.01)
    assert rates[-1] < 1e-4


def test_sgdr_restarts_at_the_maximum(open_tiny: Callable[..., Any], tmp_path: Path) -> None:
    rates = rates_of(open_tiny, tmp_path, policy="sgdr", epochs=3)
    steps = len(rates) // 3
    assert rates[0] == pytest.approx(1e-3)
    # ktrain sets a rate after each step, so a cycle's first step still has the last one's rate.
    assert rates[steps + 1] == pytest.approx(1e-3, rel=0.02)
    assert rates[steps - 1] < 1e-4
    assert rates[-1] < 1e-4


def test_a_constant_rate_stays(open_tiny: Callable[..., Any], tmp_path: Path) -> None:
    rates = rates_of(open_tiny, tmp_path, policy="constant", epochs=1)
    assert len(rates) == 19
    assert set(rates) == {1e-3}


# How much each class counts

LABELS = pd.Series(["negative"] * 30 + ["positive"] * 10)
CLASSES = ("negative", "positive")


def test_none_is_no_weights() -> None:
    assert policies.class_weights("none", LABELS, CLASSES) is None


def test_balanced_weights_make_every_class_count_the_same() -> None:
    weights = policies.class_weights("balanced", LABELS, CLASSES)
    assert weights == {0: pytest.approx(40 / 60), 1: pytest.approx(2.0)}


def test_given_weights_are_taken_and_others_are_one() -> None:
    assert policies.class_weights("positive=3", LABELS, CLASSES) == {0: 1.0, 1: 3.0}


@pytest.mark.parametrize("wanted", ["neutral=2", "positive=0", "positive=many", "heavy"])
def test_what_is_no_weight_is_refused(wanted: str) -> None:
    with pytest.raises(ConfigError, match="--class-weight"):
        policies.class_weights(wanted, LABELS, CLASSES)
