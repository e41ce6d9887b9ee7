"""Figures of stars: how many stars off, and not only how often."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ktrain_sentiment.evaluation import confusion
from ktrain_sentiment.evaluation.confusion import Counts, Floats
from ktrain_sentiment.evaluation.intervals import (
    Estimate,
    bootstrap_confusion,
    bootstrap_mean,
    bootstrap_share,
)
from ktrain_sentiment.tasks import Task

STAR_FIGURES = ("mae", "expected_mae", "kappa", "within_one")
UNORDERED_FIGURES = frozenset({"weighted_f1", "mcc"})
"""Figures that say little where labels have an order."""


@dataclass(frozen=True)
class StarFigures:
    """What is asked of stars besides: how far off, and not only how often.

    Attributes:
        values: The star that each label stands for, in the order of `Metrics.labels`.
        mae: Mean distance of the most likely star from the true one, in stars.
        expected_mae: The same of the expected star, which may lie between two.
        kappa: Quadratic weighted kappa, -1 to 1 (Cohen 1968).
        within_one: Share of rows whose most likely star is at most one off.
    """

    values: tuple[float, ...]
    mae: Estimate
    expected_mae: Estimate
    kappa: Estimate
    within_one: Estimate

    @property
    def headline(self) -> dict[str, Estimate]:
        """Those with an interval, by name."""
        return {name: getattr(self, name) for name in STAR_FIGURES}


def star_figures(
    truth: NDArray[np.int64],
    table: Floats,
    matrix: Counts,
    task: Task,
    *,
    seed: int,
    resamples: int,
) -> StarFigures:
    """Judge stars against the true ones.

    Args:
        truth: Class indices, shape (n,).
        table: Probabilities, shape (n, classes).
        matrix: Their confusion matrix.
        task: Which stars the labels stand for.
        seed: Seed of the bootstrap.
        resamples: Bootstrap resamples behind each interval.
    """
    distance, stars = task.distance, np.asarray(task.stars)

    def mean_error(stack: ArrayLike) -> Floats:
        return confusion.mean_distance(stack, distance)

    def kappa(stack: ArrayLike) -> Floats:
        return confusion.weighted_kappa(stack, distance)

    errors = np.abs(task.expected(table) - stars[truth])
    return StarFigures(
        values=task.stars,
        mae=bootstrap_confusion(matrix, mean_error, seed=seed, resamples=resamples, is_mean=True),
        expected_mae=bootstrap_mean(errors, seed=seed, resamples=resamples),
        kappa=bootstrap_confusion(matrix, kappa, seed=seed, resamples=resamples),
        within_one=bootstrap_share(int(matrix[distance <= 1].sum()), len(truth), seed=seed),
    )
