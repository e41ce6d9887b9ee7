"""Figures that follow from a confusion matrix alone, for one matrix or a stack of them.

Every function takes counts of shape (..., classes, classes), rows being the true class and columns
the predicted one, and returns an array of the leading shape. A stack of resampled matrices is
therefore scored in one call, which is what makes the bootstrap of `intervals.py` take milliseconds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


def confusion_matrix(y_true: ArrayLike, y_predicted: ArrayLike, classes: int) -> Counts:
    """Count true against predicted classes, int64 of shape (classes, classes)."""
    cells = np.asarray(y_true, dtype=np.int64) * classes + np.asarray(y_predicted, dtype=np.int64)
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)


def accuracy(confusion: ArrayLike) -> Floats:
    """Share of rows on the diagonal."""
    counts = np.asarray(confusion, dtype=np.float64)
    return _divide(_diagonal(counts).sum(-1), counts.sum((-2, -1)))


def balanced_accuracy(confusion: ArrayLike) -> Floats:
    """Mean recall of the classes that have rows."""
    counts = np.asarray(confusion, dtype=np.float64)
    support = counts.sum(-1)
    return _mean_over(_divide(_diagonal(counts), support), support > 0)


def class_precision(confusion: ArrayLike) -> Floats:
    """Precision of each class, shape (..., classes); 0 for a class that was never predicted."""
    counts = np.asarray(confusion, dtype=np.float64)
    return _divide(_diagonal(counts), counts.sum(-2))


def class_recall(confusion: ArrayLike) -> Floats:
    """Recall of each class, shape (..., classes); 0 for a class without rows."""
    counts = np.asarray(confusion, dtype=np.float64)
    return _divide(_diagonal(counts), counts.sum(-1))


def class_f1(confusion: ArrayLike) -> Floats:
    """F1 of each class, shape (..., classes); 0 where it is not defined."""
    counts = np.asarray(confusion, dtype=np.float64)
    return _divide(2 * _diagonal(counts), counts.sum(-1) + counts.sum(-2))


def macro_f1(confusion: ArrayLike) -> Floats:
    """Mean F1 of the classes that occur in the truth or among the predictions."""
    counts = np.asarray(confusion, dtype=np.float64)
    return _mean_over(class_f1(counts), counts.sum(-1) + counts.sum(-2) > 0)


def weighted_f1(confusion: ArrayLike) -> Floats:
    """Mean F1 of the classes, weighted by their true number of rows."""
    counts = np.asarray(confusion, dtype=np.float64)
    support = counts.sum(-1)
    return _divide((class_f1(counts) * support).sum(-1), support.sum(-1))


def matthews(confusion: ArrayLike) -> Floats:
    """Matthews correlation, -1 to 1, for any number of classes (Gorodkin 2004); 0 if undefined."""
    counts = np.asarray(confusion, dtype=np.float64)
    total, true, predicted = counts.sum((-2, -1)), counts.sum(-1), counts.sum(-2)
    covariance = _diagonal(counts).sum(-1) * total - (true * predicted).sum(-1)
    spread = (total**2 - (true**2).sum(-1)) * (total**2 - (predicted**2).sum(-1))
    return _divide(covariance, np.sqrt(spread))


def mean_distance(confusion: ArrayLike, distance: Floats) -> Floats:
    """Mean distance of the predicted class from the true one.

    Args:
        confusion: Counts, see above.
        distance: Of each two classes, shape (classes, classes).
    """
    counts = np.asarray(confusion, dtype=np.float64)
    return _divide((counts * distance).sum((-2, -1)), counts.sum((-2, -1)))


def weighted_kappa(confusion: ArrayLike, distance: Floats) -> Floats:
    """Cohen's kappa with squared distances as weights (Cohen 1968), -1 to 1; 0 if undefined.

    Args:
        confusion: Counts, see above.
        distance: Of each two classes, shape (classes, classes).
    """
    counts, weights = np.asarray(confusion, dtype=np.float64), distance**2
    total = counts.sum((-2, -1), keepdims=True)
    by_chance = _divide(
        counts.sum(-1)[..., :, None] * counts.sum(-2)[..., None, :],
        np.broadcast_to(total, counts.shape),
    )
    expected = (by_chance * weights).sum((-2, -1))
    return _divide(expected - (counts * weights).sum((-2, -1)), expected)


def _diagonal(counts: Floats) -> Floats:
    return np.diagonal(counts, axis1=-2, axis2=-1)


def _divide(numerator: Floats, denominator: Floats) -> Floats:
    """Divide, with 0 where the denominator is 0."""
    return np.divide(
        numerator, denominator, out=np.zeros(np.shape(numerator)), where=denominator != 0
    )


def _mean_over(values: Floats, present: NDArray[np.bool_]) -> Floats:
    return _divide((values * present).sum(-1), present.sum(-1).astype(np.float64))
