"""ROC and precision-recall curves of one class against the rest, and the areas under them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ktrain_sentiment.evaluation.confusion import Floats


@dataclass(frozen=True)
class Curve:
    """Points of a curve as the threshold falls, `x` and `y` of one shape."""

    x: Floats
    y: Floats


def roc_curve(is_class: ArrayLike, scores: ArrayLike) -> Curve | None:
    """False positive rate against true positive rate; None unless both kinds of row occur.

    Args:
        is_class: Whether a row is of the class, bool of shape (n,).
        scores: Its probability of the class, shape (n,).
    """
    hits, misses = _cumulated(is_class, scores)
    if not hits[-1] or not misses[-1]:
        return None
    zero = np.zeros(1)
    return Curve(np.append(zero, misses / misses[-1]), np.append(zero, hits / hits[-1]))


def roc_auc(is_class: ArrayLike, scores: ArrayLike) -> float | None:
    """Area under the ROC curve, ties counted half; None unless both kinds of row occur."""
    curve = roc_curve(is_class, scores)
    return None if curve is None else float(np.trapezoid(curve.y, curve.x))


def precision_recall_curve(is_class: ArrayLike, scores: ArrayLike) -> Curve | None:
    """Recall against precision; None unless both kinds of row occur."""
    hits, misses = _cumulated(is_class, scores)
    if not hits[-1] or not misses[-1]:
        return None
    return Curve(hits / hits[-1], hits / (hits + misses))


def average_precision(is_class: ArrayLike, scores: ArrayLike) -> float | None:
    """Precision averaged over the steps of recall; None unless both kinds of row occur."""
    curve = precision_recall_curve(is_class, scores)
    return None if curve is None else float((np.diff(curve.x, prepend=0.0) * curve.y).sum())


def _cumulated(is_class: ArrayLike, scores: ArrayLike) -> tuple[Floats, Floats]:
    """Rows of the class and others at or above each distinct score, from the highest down."""
    values = np.asarray(scores, dtype=np.float64)
    order = np.argsort(-values, kind="stable")
    flags: NDArray[np.bool_] = np.asarray(is_class, dtype=bool)[order]
    last_of_ties = np.append(np.flatnonzero(np.diff(values[order])), len(values) - 1)
    hits = np.cumsum(flags)[last_of_ties].astype(np.float64)
    return hits, last_of_ties + 1 - hits
