"""The running average of the weights: what it is, and that it is what is judged and kept."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.training.callbacks import AVERAGE_EVERY, as_callback, decay_of
from ktrain_sentiment.training.checkpoints import Checkpoints

DECAY = 0.9


class Witness:
    """Notes the weights after each step, and what a judgement sees."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[list[np.ndarray]] = []
        self.judged: list[list[np.ndarray]] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.steps.append(self.model.get_weights())

    def on_test_begin(self, logs: Any = None) -> None:
        self.judged.append(self.model.get_weights())


def averaged_by_hand(start: list[np.ndarray], steps: list[list[np.ndarray]]) -> list[np.ndarray]:
    average = [np.array(w, np.float64) for w in start]
    for number, weights in enumerate(steps[AVERAGE_EVERY - 1 :: AVERAGE_EVERY]):
        left = decay_of(number, DECAY)
        average = [left * a + (1 - left) * w for a, w in zip(average, weights, strict=True)]
    return average


def test_what_is_judged_and_kept_is_the_average_of_the_weights(
    open_tiny: Callable[..., Any], tmp_path: Path
) -> None:
    trainer = open_tiny(epochs=2, ema_decay=DECAY, keep_best="last")
    start, witness = trainer.model.get_weights(), as_callback(trainer.backend, Witness)
    trainer.fit(1e-3, Checkpoints(tmp_path), quiet=True, extra_callbacks=(witness,))
    wanted = averaged_by_hand(start, witness.steps)
    last = witness.steps[-1]
    for kept, judged, average in zip(
        trainer.model.get_weights(), witness.judged[-1], wanted, strict=True
    ):
        np.testing.assert_allclose(kept, average, atol=1e-5)
        np.testing.assert_array_equal(kept, judged)
    assert any(np.abs(a - w).max() > 1e-4 for a, w in zip(wanted, last, strict=True))


def test_training_itself_does_not_see_the_average(
    open_tiny: Callable[..., Any], tmp_path: Path
) -> None:
    paths = []
    for average in (0.0, DECAY):
        trainer = open_tiny(epochs=2, ema_decay=average)
        witness = as_callback(trainer.backend, Witness)
        trainer.fit(1e-3, Checkpoints(tmp_path / str(average)), quiet=True,
            extra_callbacks=(witness,),
        )  # fmt: skip
        paths.append(witness.steps[-1])
    for without, beside in zip(*paths, strict=True):
        np.testing.assert_array_equal(without, beside)


def test_without_an_average_the_last_weights_are_kept(
    open_tiny: Callable[..., Any], tmp_path: Path
) -> None:
    trainer = open_tiny(epochs=1, ema_decay=0.0, keep_best="last")
    witness = as_callback(trainer.backend, Witness)
    trainer.fit(1e-3, Checkpoints(tmp_path), quiet=True, extra_callbacks=(witness,))
    for kept, last in zip(trainer.model.get_weights(), witness.steps[-1], strict=True):
        np.testing.assert_array_equal(kept, last)


def test_the_start_is_forgotten_sooner_than_in_the_long_run() -> None:
    assert decay_of(0, 0.99) == pytest.approx(0.1)
    assert decay_of(10_000, 0.99) == pytest.approx(0.99**AVERAGE_EVERY)


@pytest.mark.parametrize("average", [1.0, -0.1])
def test_a_decay_that_is_none_is_refused(open_tiny: Callable[..., Any], average: float) -> None:
    with pytest.raises(ConfigError, match="must lie between 0 and 1"):
        open_tiny(ema_decay=average)
