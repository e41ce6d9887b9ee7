"""Which epoch is kept, and when training stops."""

from types import SimpleNamespace

import numpy as np
import pytest

from ktrain_sentiment.training import callbacks
from ktrain_sentiment.training.callbacks import BestEpoch, Pace, standard_error

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
