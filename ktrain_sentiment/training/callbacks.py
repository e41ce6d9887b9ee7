"""What happens between the steps of training: the best epoch is kept, progress is shown.

Callbacks are plain classes with Keras's method names; `as_callback` makes Keras accept them.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ktrain_sentiment.errors import TrainingError
from ktrain_sentiment.training.averaging import WeightAverage
from ktrain_sentiment.training.backend import Backend, Logs, Untyped

MONITORED = {
    "macro_f1": "val_macro_f1",
    "accuracy": "val_accuracy",
    "loss": "val_loss",
    "last": None,
}
"""The figure that decides the best epoch, and Keras's name for it; `last` asks no figure."""


def as_callback(backend: Backend, plain: type, *arguments: Any, **named: Any) -> Untyped:  # noqa: ANN401
    """An instance of a plain callback class that is also a `keras.callbacks.Callback`."""
    kind = type(plain.__name__, (plain, backend.keras.callbacks.Callback), {})
    return kind(*arguments, **named)


class BestEpoch:
    """Keeps the weights of the best epoch, and stops when nothing has improved for long enough.

    Where accuracy or macro F1 decides, a later epoch is kept instead of the best one if it is worse
    by less than a standard error of the figure (Breiman et al. 1984, section 3.4.3): so few rows
    cannot tell them apart, and the later one has learned more, at a rate that has come down.
    `state` and `weights` go into checkpoints.
    """

    model: Untyped

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
        value = float(epoch if self.figure is None else (logs or {})[self.figure])
        best = self.state["value"]
        better = math.isfinite(value) and (best is None or self.sign * value > self.sign * best)
        if better:
            self.state = {**self.state, "value": value, "waited": 0}
        else:
            self.state = {**self.state, "waited": self.state["waited"] + 1}
        if better or (self.is_share and value > best - standard_error(best, self.rows)):
            self.state = {**self.state, "epoch": epoch}
            source = self.model if self.average is None else self.average
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


class Progress:
    """One progress bar an epoch on standard error, and a line with its figures."""

    params: dict[str, Any]

    def __init__(self, epochs: int, *, quiet: bool) -> None:
        """Show bars unless quiet; off a terminal only the line at each epoch's end."""
        super().__init__()
        self.epochs = epochs
        self.quiet = quiet
        self.bar: Any = None
        self.first_step = 0

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Open a bar."""
        del logs
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

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Advance the bar."""
        del batch
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
        if self.writer is None:
            self.writer = self.tf.summary.create_file_writer(self.folder)
        with self.writer.as_default():
            for name, value in (logs or {}).items():
                tensor = self.tf.constant(value, self.tf.float32)
                self.tf.summary.write(f"epoch/{name}", tensor, epoch + 1, _scalar(self.tf))
        self.writer.flush()


def _scalar(tf: Untyped) -> Untyped:
    """Make the metadata that marks an event as one of TensorBoard's scalars."""
    metadata = tf.compat.v1.SummaryMetadata()
    metadata.plugin_data.plugin_name = "scalars"
    metadata.data_class = 1
    return metadata


def tensorboard_log(backend: Backend, folder: Path) -> Untyped:
    """Make the callback that logs for TensorBoard into a run's folder."""
    return as_callback(backend, TensorBoardLog, backend.tf, str(folder))
