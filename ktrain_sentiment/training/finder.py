"""The learning-rate search: ktrain's LRFinder, kept within bounds and read without lag."""

from __future__ import annotations

import contextlib
import logging
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.errors import TrainingError
from ktrain_sentiment.training.adversarial import plain_steps
from ktrain_sentiment.training.backend import Backend, Untyped
from ktrain_sentiment.training.batches import steps_per_epoch
from ktrain_sentiment.training.learning_rate import (
    SMOOTHING,
    Reading,
    batch_losses,
    growing_rates,
    read_curve,
)
from ktrain_sentiment.training.state import capture, restore

log = logging.getLogger(__name__)

ALL_TRIED = "all learning rates were tried"


@dataclass(frozen=True)
class SearchBounds:
    """How far a search goes; the first bound that is reached ends it.

    Attributes:
        start: First learning rate.
        end: Last learning rate.
        steps: Batches to train on.
        stop_factor: End when the smoothed loss exceeds its best by this factor.
        seconds: End after this time.
    """

    start: float = 1e-6
    end: float = 1e-1
    steps: int = 100
    stop_factor: float = 2.0
    seconds: float = 1800.0


@dataclass(frozen=True)
class LearningRateCurve:
    """What a search measured and what it suggests.

    Attributes:
        rates: Learning rate of each step, shape (steps,).
        losses: Loss of each step's batch, shape (steps,).
        reading: Smoothed losses, suggestions and verdict.
        stopped: Why the search ended, in words.
        seconds: How long it took.
    """

    rates: NDArray[np.float64]
    losses: NDArray[np.float64]
    reading: Reading
    stopped: str
    seconds: float


def search(
    backend: Backend,
    model: Untyped,
    dataset: Untyped,
    bounds: SearchBounds,
    class_weight: dict[int, float] | None = None,
    on_step: Callable[[], Any] | None = None,
) -> LearningRateCurve:
    """Train with a growing learning rate, then put model and optimiser back as they were.

    Args:
        backend: The opened frameworks.
        model: A compiled Keras model.
        dataset: A ktrain data set of training rows.
        bounds: Where the search begins and ends.
        class_weight: Weight of each class in the loss.
        on_step: Called after each step, for a progress bar.

    Raises:
        TrainingError: The loss was not a number from the start.
    """
    began = time.monotonic()
    finder = _bounded_finder(backend, model, bounds, on_step)
    steps = steps_per_epoch(dataset.nsamples(), dataset.batch_size)
    ratio = float(growing_rates(bounds.start, bounds.end, bounds.steps)[1] / bounds.start)
    with _state_restored(model), plain_steps(model), scratch_folder():
        finder.find(
            dataset.to_tfdataset(train=True),
            steps,
            use_gen=True,
            start_lr=bounds.start,
            lr_mult=ratio,
            class_weight=class_weight,
            verbose=0,
        )
    rates = np.asarray(finder.lrs, np.float64)
    starts = np.arange(0, max(len(rates), 1), steps)
    losses = batch_losses(np.asarray(finder.means, np.float64), starts)
    if not len(losses) or not np.isfinite(losses[0]):
        raise TrainingError(
            f"the loss was not a number at the first learning rate, {bounds.start:.1e}: "
            "look at the texts and labels, or try --precision float32"
        )
    seconds = time.monotonic() - began
    return LearningRateCurve(rates, losses, read_curve(rates, losses), finder.stopped, seconds)


class _Bounded:
    """Mixed into ktrain's LRFinder, which would go on for ever on a loss that is not a number."""

    model: Untyped

    def __init__(
        self,
        model: Untyped,
        bounds: SearchBounds,
        get_value: Callable[[Any], Any],
        on_step: Callable[[], Any] | None,
    ) -> None:
        super().__init__(model, stop_factor=bounds.stop_factor)  # type: ignore[call-arg]
        self.bounds = bounds
        self.beta = SMOOTHING
        self.get_value = get_value
        self.on_step = on_step
        self.deadline = time.monotonic() + bounds.seconds
        self.means: list[float] = []
        self.stopped = ALL_TRIED

    def on_batch_end(self, batch: int, logs: dict[str, float]) -> None:
        """Note the loss, let ktrain raise the rate, and stop at the first bound."""
        rate = float(self.get_value(self.model.optimizer.lr))
        self.means.append(float(logs["loss"]))
        super().on_batch_end(batch, logs)  # type: ignore[misc]
        reason = self._reason_to_stop(rate, float(logs["loss"]))
        if reason:
            self.model.stop_training, self.stopped = True, reason
        if self.on_step is not None:
            self.on_step()

    def _compute_stats(self) -> None:
        """Leave the reading of the curve to learning_rate.py: ktrain's warns on short ones."""

    def _reason_to_stop(self, rate: float, loss: float) -> str:
        if self.model.stop_training:
            return f"the loss diverged at {rate:.1e}"
        if not np.isfinite(loss):
            return f"the loss was not a number any more at {rate:.1e}"
        if len(self.means) >= self.bounds.steps:
            return ALL_TRIED
        if time.monotonic() > self.deadline:
            return f"the time of {self.bounds.seconds:.0f} seconds was used up"
        return ""


def _bounded_finder(
    backend: Backend, model: Untyped, bounds: SearchBounds, on_step: Callable[[], Any] | None
) -> Untyped:
    base = backend.ktrain.lroptimize.lrfinder.LRFinder
    kind = type("BoundedFinder", (_Bounded, base), {})
    return kind(model, bounds, backend.keras.backend.get_value, on_step)


@contextlib.contextmanager
def _state_restored(model: Untyped) -> Iterator[None]:
    """Weights, optimiser and random state afterwards exactly as before."""
    before = capture(model)
    try:
        yield
    finally:
        restore(model, before)
        model.stop_training = False


@contextlib.contextmanager
def scratch_folder() -> Iterator[None]:
    """Give ktrain a temporary folder that goes away: it never removes the weights it saves."""
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix="ktrain-sentiment-") as folder:
        tempfile.tempdir = folder
        try:
            yield
        finally:
            tempfile.tempdir = before
