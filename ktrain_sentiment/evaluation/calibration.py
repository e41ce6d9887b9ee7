"""Whether a probability means what it says: Brier score, calibration error, reliability bins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ktrain_sentiment.evaluation.confusion import Floats

BINS = 15
SMALLEST = 1e-7


def row_log_loss(y_true: ArrayLike, probabilities: ArrayLike) -> Floats:
    """Minus the logarithm of the probability of the true class, in nats, shape (n,)."""
    table = np.asarray(probabilities, dtype=np.float64)
    rows = np.arange(len(table))
    return -np.log(np.maximum(table[rows, np.asarray(y_true, dtype=np.int64)], SMALLEST))


def row_brier(y_true: ArrayLike, probabilities: ArrayLike) -> Floats:
    """Half the squared distance to the one-hot truth, 0 to 1 for any number of classes, shape (n,).

    For two classes this is the usual (p - y)² (Brier 1950 sums over classes, which doubles it).
    """
    table = np.asarray(probabilities, dtype=np.float64)
    truth = np.eye(table.shape[1])[np.asarray(y_true, dtype=np.int64)]
    squared: Floats = ((table - truth) ** 2).sum(axis=1)
    return squared / 2


@dataclass(frozen=True)
class Reliability:
    """Stated against observed, in equal-width bins of the winning probability.

    Attributes:
        edges: Bin edges, shape (bins + 1,).
        count: Rows a bin, shape (bins,).
        right: Rows a bin that were predicted rightly, shape (bins,).
        confidence: Mean winning probability a bin, 0 for an empty bin, shape (bins,).
    """

    edges: Floats
    count: NDArray[np.int64]
    right: NDArray[np.int64]
    confidence: Floats

    @property
    def accuracy(self) -> Floats:
        """Share predicted rightly a bin, 0 for an empty bin, shape (bins,)."""
        return self.right / np.maximum(self.count, 1)

    @property
    def error(self) -> float:
        """Expected calibration error (Guo et al. 2017), 0 to 1."""
        gaps = np.abs(self.right - self.confidence * self.count)
        return float(gaps.sum() / max(self.count.sum(), 1))


def reliability(y_true: ArrayLike, probabilities: ArrayLike, bins: int = BINS) -> Reliability:
    """Sort rows into bins of their winning probability.

    Args:
        y_true: Class indices, shape (n,).
        probabilities: Shape (n, classes).
        bins: Number of equal-width bins between 0 and 1.
    """
    table = np.asarray(probabilities, dtype=np.float64)
    confidence = table.max(axis=1)
    right = table.argmax(axis=1) == np.asarray(y_true)
    edges = np.linspace(0, 1, bins + 1)
    where = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    count = np.bincount(where, minlength=bins)
    summed = np.bincount(where, weights=confidence, minlength=bins)
    hits = np.bincount(where, weights=right, minlength=bins).astype(np.int64)
    return Reliability(edges, count, hits, summed / np.maximum(count, 1))


def cell_calibration_error(cells: ArrayLike, confidence: ArrayLike) -> Floats:
    """Calibration error of stacked counts of (bin, wrong or right), shape (..., bins, 2) → (...).

    The mean probability inside a bin is held fixed, which a bin is narrow enough to allow.
    """
    counts = np.asarray(cells, dtype=np.float64)
    gaps = np.abs(counts[..., 1] - np.asarray(confidence) * counts.sum(-1))
    error: Floats = gaps.sum(-1) / np.maximum(counts.sum((-2, -1)), 1)
    return error


def noise_floor(bins: Reliability, *, seed: int = 0, draws: int = 1000) -> float:
    """Calibration error that a perfectly calibrated model would stay below 19 times in 20.

    Rows are drawn right with exactly the stated probability of their bin (the consistency
    resampling of Bröcker and Smith 2007). A measured error below it is no evidence of anything.
    """
    rng = np.random.default_rng(seed)
    right = rng.binomial(bins.count, np.clip(bins.confidence, 0, 1), size=(draws, len(bins.count)))
    cells = np.stack([bins.count - right, right], axis=-1)
    return float(np.quantile(cell_calibration_error(cells, bins.confidence), 0.95))
