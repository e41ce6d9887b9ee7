"""Which epoch is kept, when training stops, and the running average of the weights."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.training import callbacks
from ktrain_sentiment.training.callbacks import (
    AVERAGE_EVERY,
    BestEpoch,
    Pace,
    as_callback,
    decay_of,
    standard_error,
)
from ktrain_sentiment.training.checkpoints import Checkpoints

NAMES = {"macro_f1": "val_macro_f1", "accuracy": "val_accuracy", "loss": "val_loss", "last": None}


def kept(monitor: str, values: list[float], rows: int = 100, patience: int | None = None) -> int:
    """The epoch, from 0, whose weights are kept after these figures."""
    best = BestEpoch(monitor, patience, rows)
    best.model = SimpleNamespace(stop_training=False)
    best.params = {"epochs": len(values)}
    for epoch, value in enumerate(values):
        best.model.get_weights = lambda epoch=epoch: [np.array([epoch])]
        best.on_epoch_end(epoch, {str(NAMES[monitor]): value})
        if best.model.stop_training:
            break
    assert best.weights[0].item() == best.state["epoch"]
    return int(best.state["epoch"])


@pytest.mark.parametrize("monitor", ["macro_f1", "accuracy"])
def test_a_later_epoch_that_the_rows_cannot_tell_from_the_best_is_kept(monitor: str) -> None:
    assert kept(monitor, [0.80, 0.84, 0.81]) == 2


def test_with_enough_rows_the_same_epoch_is_worse() -> None:
    assert kept("accuracy", [0.80, 0.84, 0.81], rows=10_000) == 1


def test_what_counts_as_good_is_measured_from_the_best_and_not_from_the_kept() -> None:
    assert kept("accuracy", [0.84, 0.81, 0.79]) == 1


def test_the_lowest_loss_is_kept_whatever_follows() -> None:
    assert kept("loss", [0.5, 0.4, 0.400001]) == 1


def test_the_last_is_kept_if_so_wished() -> None:
    assert kept("last", [0.9, 0.1, 0.2]) == 2


def test_a_figure_that_is_no_number_is_never_kept() -> None:
    assert kept("accuracy", [0.8, float("nan")]) == 0


def test_patience_counts_epochs_without_improvement_though_they_are_kept() -> None:
    assert kept("accuracy", [0.80, 0.84, 0.83, 0.83, 0.9], patience=2) == 3


def test_a_standard_error_is_that_of_a_share() -> None:
    assert standard_error(0.5, 100) == pytest.approx(0.05)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that stands still unless it is moved."""
    now = SimpleNamespace(time=0.0)
    monkeypatch.setattr(callbacks.time, "monotonic", lambda: now.time)
    return now


@pytest.mark.parametrize(
    ("terminal", "seconds", "lines"),
    [
        (False, 2.0, 7),  # one a minute of the eight that 240 such steps take
        (True, 2.0, 1),
        (False, 0.1, 0),  # nobody waits for an estimate of some seconds
    ],
)
def test_the_time_that_is_left_is_told_from_the_first_steps(
    clock: SimpleNamespace,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    terminal: bool,
    seconds: float,
    lines: int,
) -> None:
    monkeypatch.setattr(callbacks.sys.stderr, "isatty", lambda: terminal)
    pace = Pace(240)
    for step in range(240):
        clock.time += 60.0 if step < 3 else seconds  # the first ones trace and compile
        pace.step()
    said = capsys.readouterr().err.splitlines()
    assert len(said) == lines
    if lines:
        assert said[0] == "step 20 of 240: about 7 minutes to go"


def test_no_time_is_told_when_quiet(
    clock: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    pace = Pace(1000, quiet=True)
    for _ in range(100):
        clock.time += 10
        pace.step()
    assert capsys.readouterr().err == ""


def test_what_was_done_before_a_stop_is_not_counted_as_to_go() -> None:
    progress = callbacks.Progress(2, first_step=180, quiet=True)
    progress.params = {"steps": 236}
    progress.on_epoch_begin(0)
    assert progress.bar.n == 180
    assert progress.pace.total == 2 * 236 - 180


@pytest.mark.parametrize(("epochs", "told"), [(1, 10.0), (3, 2.0)])
def test_the_pace_of_steps_leaves_out_the_epoch_that_compiles_and_the_judging(
    clock: SimpleNamespace, epochs: int, told: float
) -> None:
    progress = callbacks.Progress(epochs, quiet=True)
    progress.params = {"steps": 4}
    assert progress.step_seconds == 0
    for epoch in range(epochs):
        progress.on_epoch_begin(epoch)
        for step in range(4):
            clock.time += 2.0 if epoch else 10.0
            progress.on_train_batch_end(step)
        clock.time += 100.0  # validation rows
        progress.on_epoch_end(epoch)
    assert progress.step_seconds == told


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
