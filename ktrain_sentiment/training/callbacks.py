"""What happens between the steps: weights are averaged, the best epoch kept, progress shown.

Callbacks are plain classes with Keras's method names; `as_callback` makes Keras accept them.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ktrain_sentiment.errors import TrainingError
from ktrain_sentiment.training.backend import Backend, Logs, Untyped

MONITORED = {
    "macro_f1": "val_macro_f1",
    "accuracy": "val_accuracy",
    "loss": "val_loss",
    "last": None,
}
"""The figure that decides the best epoch, and Keras's name for it; `last` asks no figure."""


AVERAGE_EVERY = 5
"""Steps between two additions to the average: neighbours hardly differ, and a pass costs time."""

AVERAGE_PREFIX = "average/"
"""Names of the average's arrays in a checkpoint."""
AVERAGE_STEPS = "averaged/steps"
"""Name of the number of steps taken."""


def as_callback(backend: Backend, plain: type, *arguments: Any, **named: Any) -> Untyped:  # noqa: ANN401
    """An instance of a plain callback class that is also a `keras.callbacks.Callback`."""
    kind = type(plain.__name__, (plain, backend.keras.callbacks.Callback), {})
    return kind(*arguments, **named)


def decay_of(additions: int, decay: float) -> float:
    """How much of the average an addition leaves: less at first, so that the start is forgotten.

    Args:
        additions: Those before this one.
        decay: What is left after each step, in the long run.
    """
    # The ramp is TensorFlow's own (ExponentialMovingAverage, num_updates): without it the first
    # weights, whose head is random, would stay in the average for hundreds of steps.
    return min(decay**AVERAGE_EVERY, (1 + additions) / (10 + additions))


class WeightAverage:
    """A running average of the weights, which is judged and kept (Polyak & Juditsky 1992).

    Late in training the weights wander around a good place; their average lies nearer to it than
    any of them, costs no steps, and its probabilities are less extreme. It stands in for the
    weights whenever the model is judged, and comes before the keeper of the best epoch.
    """

    model: Untyped = None

    def __init__(self, tf: Untyped, decay: float) -> None:
        """Start with the first step.

        Args:
            tf: TensorFlow.
            decay: Share of the average that a step leaves as it is, below 1.
        """
        super().__init__()
        self._tf = tf
        self._decay = decay
        self._steps = 0
        # One call of a graph instead of two eager operations a weight.
        self._add = tf.function(self._add_weights)

    def set_model(self, model: Untyped) -> None:
        """Follow this model's weights, from those that it has now; Keras calls it again."""
        if model is self.model:
            return
        self.model = model
        # Counters (of batch normalisation, of seeds) are no weights: an average of them is nothing.
        self._weights = [w for w in model.weights if w.dtype.is_floating]
        self._averages = [self._tf.Variable(w, trainable=False) for w in self._weights]

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Add the weights, every few steps."""
        del batch, logs
        self._steps += 1
        if self._steps % AVERAGE_EVERY == 0:
            left = decay_of(self._steps // AVERAGE_EVERY - 1, self._decay)
            self._add(self._tf.constant(1.0 - left, self._tf.float32))

    def _add_weights(self, share: Untyped) -> None:
        for average, weight in zip(self._averages, self._weights, strict=True):
            average.assign_add(share * (weight - average))

    def on_test_begin(self, logs: Logs = None) -> None:
        """Put the average in the weights' place."""
        del logs
        self._exchange()

    def on_test_end(self, logs: Logs = None) -> None:
        """Put the weights back."""
        del logs
        self._exchange()

    def _exchange(self) -> None:
        for average, weight in zip(self._averages, self._weights, strict=True):
            held = weight.numpy()
            weight.assign(average)
            average.assign(held)

    def get_weights(self) -> list[NDArray[Any]]:
        """All of the model's weights, averaged, in the order of its own `get_weights`."""
        averaged = {w.ref(): a for w, a in zip(self._weights, self._averages, strict=True)}
        return [averaged.get(w.ref(), w).numpy() for w in self.model.weights]

    def capture(self) -> dict[str, NDArray[Any]]:
        """The average, for a checkpoint."""
        kept = {f"{AVERAGE_PREFIX}{k:05d}": a.numpy() for k, a in enumerate(self._averages)}
        return {**kept, AVERAGE_STEPS: np.array(self._steps, np.int64)}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a checkpoint."""
        for k, average in enumerate(self._averages):
            average.assign(arrays[f"{AVERAGE_PREFIX}{k:05d}"])
        self._steps = int(arrays[AVERAGE_STEPS])


class BestEpoch:
    """Keeps the weights of the best epoch, and stops when nothing has improved for long enough.

    Where accuracy or macro F1 decides, a later epoch is kept instead of the best one if it is worse
    by less than a standard error of the figure (Breiman et al. 1984, section 3.4.3): so few rows
    cannot tell them apart, and the later one has learned more, at a rate that has come down.
    `state` and `weights` go into checkpoints.
    """

    model: Untyped
    params: dict[str, Any]

    def __init__(
        self, monitor: str, patience: int | None, rows: int, average: WeightAverage | None = None
    ) -> None:
        """Start with nothing kept.

        Args:
            monitor: `macro_f1`, `accuracy` or `loss` on validation data, or `last`.
            patience: Epochs without improvement before training stops; None: never.
            rows: Number of validation rows.
            average: What is judged and kept instead of the weights themselves.
        """
        super().__init__()
        self.average = average
        self.figure = MONITORED[monitor]
        self.sign = -1.0 if monitor == "loss" else 1.0
        self.is_share = monitor in ("macro_f1", "accuracy")
        self.patience = patience
        self.rows = rows
        self.state: dict[str, Any] = {"epoch": None, "value": None, "waited": 0}
        self.weights: list[NDArray[Any]] = []

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Compare this epoch with the best one so far."""
        if self.figure is None and epoch + 1 < self.params["epochs"]:
            return  # It is the last that is kept, and to copy the others takes time.
        value = float(epoch if self.figure is None else (logs or {})[self.figure])
        best = self.state["value"]
        # A loss that is not a number is no improvement, also where nothing is kept yet.
        better = math.isfinite(value) and (best is None or self.sign * value > self.sign * best)
        if better:
            self.state = {**self.state, "value": value, "waited": 0}
        else:
            self.state = {**self.state, "waited": self.state["waited"] + 1}
        if better or (self.is_share and value > best - standard_error(best, self.rows)):
            self.state = {**self.state, "epoch": epoch}
            source = self.model if self.average is None else self.average
            # Copied: on CPUs Keras hands out views of memory that the next step writes to.
            self.weights = [np.array(w, copy=True) for w in source.get_weights()]
        if self.patience is not None and self.state["waited"] >= self.patience:
            self.model.stop_training = True

    def load_best(self) -> None:
        """Put the best epoch's weights into the model."""
        if self.weights:
            self.model.set_weights(self.weights)


def standard_error(share: float, rows: int) -> float:
    """Of a share that was counted on so many rows; of macro F1 near enough."""
    return math.sqrt(share * (1 - share) / rows)


class StopOnNan:
    """Ends training with a clear word when the loss is not a number any more."""

    model: Untyped

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Look at the loss of every step."""
        if not math.isfinite(float((logs or {}).get("loss", 0.0))):
            raise TrainingError(
                f"the loss was not a number any more at step {batch + 1}: lower --learning-rate, "
                "or try --precision float32"
            )


WARM_UP, MEASURED, EVERY, WORTH_SAYING = 5, 15, 60.0, 30.0
"""Steps that trace and allocate, steps that tell the pace, and seconds: between two lines where
there is no bar, and of a wait that needs no word."""


class Pace:
    """How long steps go on, by this machine's own first ones; a line a minute, on terminals one."""

    def __init__(self, total: int, *, quiet: bool = False) -> None:
        """Say nothing when quiet."""
        self.total = total
        self.quiet = quiet
        self.done = 0
        self.start: tuple[int, float] | None = None
        self.next_word = 0.0

    def step(self, count: int = 1) -> None:
        """Count steps, and write a line to standard error where it is time for one."""
        self.done += count
        now = time.monotonic()
        if self.start is None:
            if self.done >= WARM_UP:
                self.start = self.done, now
            return
        first, began = self.start
        if self.quiet or self.done - first < MEASURED or now < self.next_word:
            return
        left = (self.total - self.done) * (now - began) / (self.done - first)
        self.next_word = math.inf if sys.stderr.isatty() else now + EVERY
        if left >= WORTH_SAYING:
            wait = "a minute" if left < 90 else f"{left / 60:.0f} minutes"
            said = f"step {self.done:,} of {self.total:,}: about {wait} to go"
            tqdm.write(said, file=sys.stderr)


class Progress:
    """One progress bar an epoch on standard error, and a line with its figures."""

    params: dict[str, Any]
    pace: Pace | None = None

    def __init__(self, epochs: int, first_step: int = 0, *, quiet: bool) -> None:
        """Show bars unless quiet; off a terminal only lines.

        Args:
            epochs: To which the training goes on.
            first_step: Steps of the first epoch that were taken before it was stopped.
            quiet: Show nothing.
        """
        super().__init__()
        self.epochs = epochs
        self.quiet = quiet
        self.bar: Any = None
        self.first_step = first_step
        self.epoch_paces: list[float] = []

    @property
    def step_seconds(self) -> float:
        """Mean time of a step; the first epoch, in which shapes are compiled, counts only alone."""
        return fmean(self.epoch_paces[1:] or self.epoch_paces or [0.0])

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Open a bar, and begin to measure with the first one."""
        del logs
        if self.pace is None:
            steps = (self.epochs - epoch) * self.params["steps"] - self.first_step
            self.pace = Pace(steps, quiet=self.quiet)
        self.bar = tqdm(
            total=self.params["steps"],
            initial=self.first_step,
            desc=f"epoch {epoch + 1}/{self.epochs}",
            unit="step",
            file=sys.stderr,
            disable=self.quiet or not sys.stderr.isatty(),
            leave=False,
        )
        self.first_step = 0
        self.steps, self.began = 0, time.monotonic()
        self.epoch_paces.append(0.0)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Advance the bar."""
        del batch
        self.steps += 1
        # Here and not at the epoch's end: validation rows are judged before that.
        self.epoch_paces[-1] = (time.monotonic() - self.began) / self.steps
        assert self.pace is not None
        self.pace.step()
        self.bar.update(1)
        self.bar.set_postfix(loss=f"{(logs or {}).get('loss', math.nan):.3f}", refresh=False)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Close the bar and leave a line."""
        self.bar.close()
        if not self.quiet:
            figures = "  ".join(f"{name} {value:.4f}" for name, value in (logs or {}).items())
            tqdm.write(f"epoch {epoch + 1}/{self.epochs}  {figures}", file=sys.stderr)


class TensorBoardLog:
    """Writes each epoch's figures where TensorBoard reads them.

    Keras's own callback and `tf.summary.scalar` need the tensorboard package, which training can
    do without; `tf.summary.write` with the scalar plugin's metadata gives the same events.
    """

    model: Untyped

    def __init__(self, tf: Untyped, folder: str) -> None:
        """Log into this folder, which is made at the first epoch's end."""
        super().__init__()
        self.tf, self.folder = tf, folder
        self.writer: Untyped = None

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Write one point of every figure."""
        metadata = self.tf.compat.v1.SummaryMetadata()
        metadata.plugin_data.plugin_name = "scalars"
        metadata.data_class = 1
        if self.writer is None:
            self.writer = self.tf.summary.create_file_writer(self.folder)
        with self.writer.as_default():
            for name, value in (logs or {}).items():
                tensor = self.tf.constant(value, self.tf.float32)
                self.tf.summary.write(f"epoch/{name}", tensor, epoch + 1, metadata)
        self.writer.flush()


def tensorboard_log(backend: Backend, folder: Path) -> Untyped:
    """Make the callback that logs for TensorBoard into a run's folder."""
    return as_callback(backend, TensorBoardLog, backend.tf, str(folder))
