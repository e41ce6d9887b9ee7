"""Learning-rate exploration: ktrain's LRFinder, kept within bounds, and how its curve is read.

A search trains for some steps while the learning rate grows, and yields a curve of losses over
rates (Smith 2017, arXiv:1506.01186). Three rules read a rate off such a curve, and the one to take
lies between two of them; a verdict says whether the curve can be trusted at all, and if not, what
to change. Reading is arithmetic on two arrays; `search`, at the end, is what trains.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.errors import TrainingError
from ktrain_sentiment.training.adversarial import plain_steps
from ktrain_sentiment.training.backend import Backend, Untyped, scratch_folder
from ktrain_sentiment.training.checkpoints import capture, restore
from ktrain_sentiment.training.dataset import steps_per_epoch

FloatArray = NDArray[np.float64]

SMOOTHING = 0.85
"""Weight of the past in each direction of the smoothing."""

FEWEST_POINTS = 30
"""Curves shorter than this are not read."""

LEAST_SIGNIFICANCE = 3.1
"""Standard scores by which the losses before the minimum must rank below those at the start.

The minimum is the lowest of some ten independent stretches, so pure noise reaches this about
once in a hundred curves.
"""

LEAST_FALL = 0.01
"""The loss must fall by this share of its first value, however little noise there is."""


@dataclass(frozen=True)
class Suggestion:
    """A learning rate read off a curve.

    Attributes:
        rule: `valley`, `steepest`, `minimum/10` or `between`.
        learning_rate: The rate.
        loss: The smoothed loss at that point of the curve (for minimum/10: at the minimum).
        why: How it was derived, in words.
    """

    rule: str
    learning_rate: float
    loss: float
    why: str


@dataclass(frozen=True)
class Reading:
    """What a curve says.

    Attributes:
        smoothed: The smoothed losses, float64 of shape (steps,).
        suggestions: The rates the rules give; empty when the curve cannot be read.
        chosen: The one to take, None when the curve cannot be read.
        problem: Why the curve cannot be read and what to change; empty when it can.
    """

    smoothed: FloatArray
    suggestions: tuple[Suggestion, ...]
    chosen: Suggestion | None
    problem: str = ""


def growing_rates(start: float, end: float, steps: int) -> FloatArray:
    """Rates of a search: `steps` values from start to end, each a constant multiple of the last."""
    return np.geomspace(start, end, steps)


def batch_losses(running_means: FloatArray, epoch_starts: NDArray[np.int64]) -> FloatArray:
    """The loss of each batch, from Keras's running mean since the start of its epoch.

    Keras reports the mean over the epoch so far after each batch, not the batch's own loss; read
    as a curve over learning rates, that lags far behind. The k-th loss of an epoch is
    k * mean_k - (k - 1) * mean_(k-1).

    Args:
        running_means: Running mean after each step, shape (steps,).
        epoch_starts: First step of each epoch, ascending, beginning with 0.
    """
    steps = np.arange(len(running_means))
    starts = epoch_starts[np.searchsorted(epoch_starts, steps, side="right") - 1]
    count = steps - starts + 1
    totals = running_means * count
    before = np.concatenate([[0.0], totals[:-1]])
    return totals - np.where(count == 1, 0.0, before)


def smooth(losses: FloatArray, weight: float = SMOOTHING) -> FloatArray:
    """Exponential smoothing forwards and backwards, so that nothing is shifted along the curve.

    Each direction is corrected for its start (Kingma and Ba 2015, arXiv:1412.6980, section 3).
    One direction alone, as is usual, puts every feature to the right of where it is.
    """
    return (_smooth_forwards(losses, weight) + _smooth_forwards(losses[::-1], weight)[::-1]) / 2


def _smooth_forwards(losses: FloatArray, weight: float) -> FloatArray:
    smoothed = np.empty_like(losses)
    average = 0.0
    for step, loss in enumerate(losses):
        average = weight * average + (1 - weight) * loss
        smoothed[step] = average / (1 - weight ** (step + 1))
    return smoothed


def significance_of_fall(losses: FloatArray, smoothed: FloatArray) -> float:
    """Standard score of a rank-sum test: the tenth that ends at the minimum against the start.

    The start is the first third of the curve. Ranks, because losses become noisier as they fall
    (Mann and Whitney 1947, doi:10.1214/aoms/1177730491; normal approximation).
    """
    width = max(5, len(losses) // 10)
    end = max(int(np.argmin(smoothed)) + 1, 2 * width)
    first, lowest = losses[: min(len(losses) // 3, end - width)], losses[end - width : end]
    wins = float((first[:, None] > lowest[None, :]).sum())
    pairs = len(first) * len(lowest)
    return (wins - pairs / 2) / math.sqrt(pairs * (len(first) + len(lowest) + 1) / 12)


def fall_of(smoothed: FloatArray) -> float:
    """How far the loss comes down to its minimum from the highest point before it."""
    lowest = int(np.argmin(smoothed))
    return float(smoothed[: lowest + 1].max() - smoothed[lowest])


def read_curve(rates: FloatArray, losses: FloatArray) -> Reading:
    """Smooth a curve, judge whether it can be trusted, and read the suggestions off it.

    Args:
        rates: Learning rates, ascending, shape (steps,).
        losses: Loss of each batch, shape (steps,).
    """
    finite = int(np.argmin(np.isfinite(losses))) if not np.isfinite(losses).all() else len(losses)
    rates, losses = np.asarray(rates[:finite], float), np.asarray(losses[:finite], float)
    if len(losses) < FEWEST_POINTS:
        problem = (
            f"the curve has {len(losses)} points and {FEWEST_POINTS} are needed: raise "
            "--search-steps, or lower --search-start if the loss diverged at once"
        )
        return Reading(losses, (), None, problem)
    smoothed = smooth(losses)
    problem = find_problem(rates, losses, smoothed)
    if problem:
        return Reading(smoothed, (), None, problem)
    valley, steepest = suggest_valley(rates, smoothed), suggest_steepest(rates, smoothed)
    chosen = suggest_between(valley, steepest)
    lowest = suggest_minimum(rates, smoothed)
    return Reading(smoothed, (valley, steepest, lowest, chosen), chosen)


def find_problem(rates: FloatArray, losses: FloatArray, smoothed: FloatArray) -> str:
    """Why a curve should not be read, and what to change; empty when it may be."""
    lowest, fall = int(np.argmin(smoothed)), fall_of(smoothed)
    doubtful = significance_of_fall(losses, smoothed) < LEAST_SIGNIFICANCE
    if fall < LEAST_FALL * abs(float(smoothed[0])) or doubtful:
        return (
            f"the loss never fell clearly (by {fall:.3f}, which noise alone can do): raise "
            "--search-end, --search-steps or --batch-size, or look at the labels"
        )
    # No point after the lowest shows where training breaks down.
    if lowest >= len(smoothed) - 3:
        return (
            f"the loss was still falling at the last rate, {rates[-1]:.1e}: raise --search-end so "
            "that the curve shows where training breaks down"
        )
    # Within half a power of ten of the start the curve never fell: it begins too high.
    if rates[lowest] < rates[0] * 3:
        return f"the loss was lowest at the first rates: lower --search-start from {rates[0]:.1e}"
    return ""


def suggest_valley(rates: FloatArray, smoothed: FloatArray) -> Suggestion:
    """Two thirds into the longest stretch of falling losses (fastai's `valley`, pull 3377)."""
    start, end = longest_fall(smoothed)
    index = start + int((end - start) * 2 / 3)
    return Suggestion(
        "valley",
        float(rates[index]),
        float(smoothed[index]),
        f"two thirds into the longest fall, which runs from {rates[start]:.1e} to {rates[end]:.1e}",
    )


def longest_fall(losses: FloatArray) -> tuple[int, int]:
    """First and last position of the longest strictly falling subsequence.

    Among equally long ones, the one that ends first.
    """
    length = np.ones(len(losses), np.int64)
    origin = np.arange(len(losses))
    for end in range(1, len(losses)):
        higher = np.flatnonzero(losses[:end] > losses[end])
        if len(higher):
            best = higher[np.argmax(length[higher])]
            length[end], origin[end] = length[best] + 1, origin[best]
    last = int(np.argmax(length))
    return int(origin[last]), last


def suggest_steepest(rates: FloatArray, smoothed: FloatArray) -> Suggestion:
    """Where the loss falls fastest per factor of learning rate, before its minimum."""
    end = max(int(np.argmin(smoothed)) + 1, 3)
    slope = np.gradient(smoothed[:end], np.log(rates[:end]))
    index = int(np.argmin(slope))
    return Suggestion(
        "steepest",
        float(rates[index]),
        float(smoothed[index]),
        f"where the loss falls fastest, {-slope[index] * math.log(10):.2f} per factor of ten",
    )


def suggest_minimum(rates: FloatArray, smoothed: FloatArray) -> Suggestion:
    """A tenth of the rate at which the loss is lowest."""
    index = int(np.argmin(smoothed))
    return Suggestion(
        "minimum/10",
        float(rates[index] / 10),
        float(smoothed[index]),
        f"a tenth of {rates[index]:.1e}, where the loss is lowest",
    )


def suggest_between(valley: Suggestion, steepest: Suggestion) -> Suggestion:
    """Halfway, on the logarithmic scale, between a careful rule and a bold one.

    The valley tends to be too low for a policy that spends few steps at its maximum, the
    steepest point lies close to where training breaks down.
    """
    return Suggestion(
        "between",
        math.sqrt(valley.learning_rate * steepest.learning_rate),
        (valley.loss + steepest.loss) / 2,
        f"halfway, in powers of ten, between valley ({valley.learning_rate:.1e}) "
        f"and steepest ({steepest.learning_rate:.1e})",
    )


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
    kind = type("BoundedFinder", (_Bounded, backend.ktrain.lroptimize.lrfinder.LRFinder), {})
    finder: Untyped = kind(model, bounds, backend.keras.backend.get_value, on_step)
    steps = steps_per_epoch(dataset.nsamples(), dataset.batch_size)
    # ktrain multiplies the rate after each step; its own search has no number of steps.
    ratio = float(growing_rates(bounds.start, bounds.end, bounds.steps)[1] / bounds.start)
    before = capture(model)
    try:
        with plain_steps(model), scratch_folder():
            finder.find(
                dataset.to_tfdataset(train=True),
                steps,
                use_gen=True,
                start_lr=bounds.start,
                lr_mult=ratio,
                class_weight=class_weight,
                verbose=0,
            )
    finally:
        restore(model, before)
        model.stop_training = False
    # Keras starts its running mean anew with each epoch, and a search may take several.
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
        # ktrain stops at a rate of 10, whatever the end; where the loss diverged it raises none.
        if float(self.get_value(self.model.optimizer.lr)) != rate:
            self.model.stop_training = False
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
