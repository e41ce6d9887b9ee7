"""Several labels a text: from which probability on each is given, and how good that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ktrain_sentiment.evaluation import calibration
from ktrain_sentiment.evaluation.confusion import Floats
from ktrain_sentiment.evaluation.intervals import (
    Estimate,
    bootstrap_f1,
    bootstrap_mean,
    bootstrap_share,
    bootstrap_weights,
    unseen_share,
)
from ktrain_sentiment.tasks import Task

MULTI_FIGURES = ("macro_f1", "micro_f1", "sample_f1", "subset_accuracy")

WORTHLESS = 0.1
"""The best F1 below which a threshold is read off chance."""
_BEYOND = 1e-6


@dataclass(frozen=True)
class LabelFigures:
    """One label, which a text has or has not.

    Attributes:
        label: Its name.
        precision: Of the rows that were given it, the share that have it.
        recall: Of the rows that have it, the share that were given it.
        f1: Harmonic mean of the two, with its interval.
        support: Rows that have it.
        threshold: The probability from which on a row is given it.
        average_precision: Area under the precision-recall curve; None where all rows have it or
            none.
    """

    label: str
    precision: float
    recall: float
    f1: Estimate
    support: int
    threshold: float
    average_precision: float | None


@dataclass(frozen=True)
class MultiFigures:
    """What is asked of several labels a text.

    Attributes:
        macro_f1: Mean F1 of the labels that occur: rare ones count as much as frequent ones.
        micro_f1: F1 of all labels of all rows together: frequent ones count more.
        sample_f1: Mean F1 of the rows; 1 for one that has no label and is given none.
        subset_accuracy: Share of rows whose labels are all right, and no other.
        per_label: Figures of each label, in the order of `Metrics.labels`.
    """

    macro_f1: Estimate
    micro_f1: Estimate
    sample_f1: Estimate
    subset_accuracy: Estimate
    per_label: tuple[LabelFigures, ...]

    @property
    def headline(self) -> dict[str, Estimate]:
        """Those with an interval, by name."""
        return {name: getattr(self, name) for name in MULTI_FIGURES}

    @property
    def thresholds(self) -> tuple[float, ...]:
        """The threshold of each label."""
        return tuple(one.threshold for one in self.per_label)


def multi_figures(
    truth: NDArray[np.int64],
    table: Floats,
    labels: Sequence[str],
    task: Task,
    *,
    seed: int,
    resamples: int,
) -> MultiFigures:
    """Judge several labels a row against the true ones.

    Args:
        truth: Which labels each row has, 0 or 1, shape (n, labels).
        table: Probabilities, of the same shape.
        labels: Names of the labels.
        task: With the thresholds from which on a row has each.
        seed: Seed of the bootstrap.
        resamples: Bootstrap resamples behind each interval.
    """
    has, said = truth.astype(bool), task.decided(table)
    options = {"seed": seed, "resamples": resamples}

    def micro(weights: Floats) -> Floats:
        hits, sums = weights @ (has & said).sum(axis=1), weights @ _sizes(has, said)
        return np.asarray(2 * hits / np.maximum(sums, 1))

    def macro(weights: Floats) -> Floats:
        return macro_f1_of(weights, has, said)

    by_row = np.where(
        _sizes(has, said) > 0, 2 * (has & said).sum(axis=1) / np.maximum(_sizes(has, said), 1), 1.0
    )
    of_labels, of_all = bootstrap_weights(macro, micro, rows=len(has), **options)
    for change in unseen_changes(has, said):
        of_labels = of_labels.stretched(change)
    right = int((has == said).all(axis=1).sum())
    cuts = task.cuts(len(labels))
    return MultiFigures(
        macro_f1=of_labels,
        micro_f1=of_all,
        sample_f1=bootstrap_mean(by_row, **options),
        subset_accuracy=bootstrap_share(right, len(has), seed=seed),
        per_label=tuple(
            _of_label(label, has[:, k], said[:, k], table[:, k], cuts[k], options)
            for k, label in enumerate(labels)
        ),
    )


def _sizes(has: NDArray[np.bool_], said: NDArray[np.bool_]) -> NDArray[np.int64]:
    return np.asarray(has.sum(axis=1) + said.sum(axis=1))


def macro_f1_of(weights: Floats, has: NDArray[np.bool_], said: NDArray[np.bool_]) -> Floats:
    """Mean F1 of the labels that rows have, where rows count so many times.

    Args:
        weights: How often each row counts, shape (m, n).
        has: True labels, shape (n, labels).
        said: Those that were given.

    Returns:
        Shape (m,); NaN where no row has a label.
    """
    occurs = has.any(axis=0)
    hits = weights @ (has & said)[:, occurs]
    sums = weights @ (has.astype(np.int64) + said)[:, occurs]
    if not occurs.any():
        return np.full(len(weights), np.nan)
    return np.asarray((2 * hits / np.maximum(sums, 1)).mean(axis=1))


def unseen_changes(has: NDArray[np.bool_], said: NDArray[np.bool_]) -> list[float]:
    """What macro F1 may change by for each label that is always found, or never.

    No resample of such rows finds one that is missed, or that is found: as many of them as may well
    have stayed unseen are moved, as in `intervals.bootstrap_confusion`.

    Args:
        has: True labels, shape (n, labels).
        said: Those that were given.
    """
    changes = []
    for hits, rows, given in zip((has & said).sum(0), has.sum(0), said.sum(0), strict=True):
        if not rows or 0 < hits < rows:
            continue
        moved = (1 if hits == 0 else -1) * unseen_share(int(rows)) * rows
        before, after = 2 * hits / (rows + given), 2 * (hits + moved) / (rows + given + moved)
        changes.append(float(after - before) / int(has.any(axis=0).sum()))
    return changes


def _of_label(
    label: str,
    has: NDArray[np.bool_],
    said: NDArray[np.bool_],
    probabilities: Floats,
    threshold: float,
    options: dict[str, int],
) -> LabelFigures:
    hits, given, support = int((has & said).sum()), int(said.sum()), int(has.sum())
    missed, wrong = support - hits, given - hits
    counts = np.array([[len(has) - hits - missed - wrong, wrong], [missed, hits]])
    return LabelFigures(
        label=label,
        precision=hits / given if given else 0.0,
        recall=hits / support if support else 0.0,
        f1=bootstrap_f1(counts, 1, **options),
        support=support,
        threshold=float(threshold),
        average_precision=calibration.average_precision(has, probabilities),
    )


def choose_thresholds(truth: ArrayLike, probabilities: ArrayLike) -> tuple[float, ...]:
    """The threshold of each label that gives the highest F1.

    Where even the best F1 is next to nothing, or no row has the label, it is the highest
    probability that occurs: a low one would give the label to many rows for the sake of one (Fan
    and Lin 2007, "A Study on Threshold Selection for Multi-label Classification", SCutFBR).

    Args:
        truth: Which labels each row has, 0 or 1, shape (n, labels).
        probabilities: The same shape.

    Returns:
        A threshold a label, each between two probabilities that occur, or the highest.
    """
    has, table = np.asarray(truth).astype(bool), np.asarray(probabilities, np.float64)
    return tuple(_best_threshold(*one) for one in zip(has.T, table.T, strict=True))


def _best_threshold(has: NDArray[np.bool_], said: Floats) -> float:
    order = np.argsort(-said, kind="stable")
    ranked = said[order]
    f1 = 2 * np.cumsum(has[order]) / (np.arange(1, len(said) + 1) + has.sum())
    # Rows of the same probability are above a threshold together.
    ends = np.flatnonzero(np.append(ranked[1:] < ranked[:-1], True))
    last = int(ends[np.argmax(f1[ends])])
    if f1[last] < WORTHLESS:
        # Not zero, which a label has that no row was learned with: all rows would get it.
        return max(float(ranked[0]), _BEYOND)
    below = ranked[last + 1] if last + 1 < len(ranked) else 0.0
    return float(np.clip((ranked[last] + below) / 2, _BEYOND, 1 - _BEYOND))
