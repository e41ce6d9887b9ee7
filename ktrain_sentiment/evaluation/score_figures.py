"""Figures of stars and scores: how far off they are, and whether their order is right."""

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
    bootstrap_weights,
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


SCORE_FIGURES = {
    "score_mae": "mae", "rmse": "rmse", "spearman": "spearman", "pearson": "pearson", "r2": "r2",
    "coverage": "coverage",
}  # fmt: skip
"""Headline figures of scores, and which of `ScoreFigures` each is."""


@dataclass(frozen=True)
class ScoreFigures:
    """What is asked of scores: how far off they are, and whether their order is right.

    Attributes:
        mae: Mean distance from the true score, in its unit.
        rmse: Root of the mean squared distance, in the same unit: large errors count more.
        spearman: Correlation of the ranks, -1 to 1; 0 where all answers are equal.
        pearson: Correlation of the values, -1 to 1; 0 likewise.
        r2: Share of the scores' variance that is explained; below 0 for worse than their mean, 0
            where all true scores are equal.
        spread: Standard deviation of the true scores.
        half_width: How far the interval of each score reaches to either side; None without one.
        coverage: Share of the rows whose interval holds the true score; None without one.
    """

    mae: Estimate
    rmse: Estimate
    spearman: Estimate
    pearson: Estimate
    r2: Estimate
    spread: float
    half_width: float | None = None
    coverage: Estimate | None = None

    @property
    def headline(self) -> dict[str, Estimate]:
        """Those with an interval, by the name of the headline figure."""
        found = {name: getattr(self, own) for name, own in SCORE_FIGURES.items()}
        return {name: figure for name, figure in found.items() if figure is not None}


_TINY = 1e-12


def score_figures(
    truth: Floats, said: Floats, half_width: float | None, *, seed: int, resamples: int
) -> ScoreFigures:
    """Judge scores against the true ones.

    Args:
        truth: True scores, shape (n,).
        said: The model's, shape (n,).
        half_width: How far the interval around each reaches to either side; None without one.
        seed: Seed of the bootstrap.
        resamples: Bootstrap resamples behind each interval.
    """
    errors, middle, unit = said - truth, truth.mean(), truth.std() or 1.0
    # Of numbers far from 0 the squares would leave no digits for their differences.
    x, y = (truth - middle) / unit, (said - middle) / unit
    moments = np.stack([x, y, x * x, y * y, x * y, errors**2])

    def means(weights: Floats) -> Floats:
        return np.asarray(weights @ moments.T / weights.sum(axis=1, keepdims=True)).T

    def rmse(weights: Floats) -> Floats:
        return np.asarray(np.sqrt(means(weights)[5]))

    def pearson(weights: Floats) -> Floats:
        of_truth, of_said, truths, saids, both = means(weights)[:5]
        return _correlation(both - of_truth * of_said, truths - of_truth**2, saids - of_said**2)

    def explained(weights: Floats) -> Floats:
        found = means(weights)
        variance = found[2] - found[0] ** 2
        share = found[5] / unit**2 / np.maximum(variance, _TINY)
        return np.where(variance > _TINY, 1 - share, 0.0)

    def spearman(weights: Floats) -> Floats:
        return rank_correlation(truth, said, weights)

    figures = {"rmse": rmse, "spearman": spearman, "pearson": pearson, "r2": explained}
    options = {"seed": seed, "resamples": resamples}
    found = bootstrap_weights(*figures.values(), rows=len(truth), **options)
    coverage = None
    if half_width is not None:
        # The ends are answers in 32 bits, and a row may lie on one.
        held = np.abs(errors) <= half_width * (1 + 1e-6)
        coverage = bootstrap_share(int(held.sum()), len(truth), seed=seed)
    return ScoreFigures(
        mae=bootstrap_mean(np.abs(errors), **options),
        **dict(zip(figures, found, strict=True)),
        spread=float(truth.std()),
        half_width=half_width,
        coverage=coverage,
    )


def _correlation(both: Floats, one: Floats, other: Floats) -> Floats:
    """From a covariance and two variances; 0 where one of them does not vary."""
    scale = np.sqrt(np.maximum(one, _TINY) * np.maximum(other, _TINY))
    return np.where((one > _TINY) & (other > _TINY), both / scale, 0.0)


def rank_correlation(first: Floats, second: Floats, weights: Floats) -> Floats:
    """Spearman's correlation of rows that count so many times, ranked anew each time.

    Args:
        first: A number a row, shape (n,).
        second: Another, shape (n,).
        weights: How often each row counts, shape (m, n).

    Returns:
        Shape (m,); equal numbers share the mean of their ranks.
    """
    total = weights.sum(axis=1, keepdims=True)
    ranks = []
    for values in (first, second):
        kinds, kind = np.unique(values, return_inverse=True)
        order = np.argsort(kind, kind="stable")
        of_kind = weights[:, order]
        if len(kinds) < len(values):
            starts = np.searchsorted(kind[order], np.arange(len(kinds)))
            of_kind = np.add.reduceat(of_kind, starts, axis=1)
        middle = np.cumsum(of_kind, axis=1)
        middle -= of_kind / 2 + total / 2
        ranks.append(np.take(middle, kind, axis=1))
    a, b = ranks
    of_a, of_b, unit = weights * a, weights * b, total[:, 0] ** 3
    both, one, other = (
        np.einsum("ij,ij->i", x, y) / unit for x, y in ((of_a, b), (of_a, a), (of_b, b))
    )
    return _correlation(both, one, other)
