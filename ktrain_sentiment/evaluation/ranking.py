"""Several models on the same rows, best first, with what each costs, and which one to take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ktrain_sentiment.evaluation import confusion
from ktrain_sentiment.evaluation.baselines import BASELINES, CONSTANT
from ktrain_sentiment.evaluation.codec import to_plain
from ktrain_sentiment.evaluation.comparison import SIGNIFICANT, Comparison, compare
from ktrain_sentiment.evaluation.confusion import Floats
from ktrain_sentiment.evaluation.intervals import RESAMPLES, Estimate, holm
from ktrain_sentiment.evaluation.metrics import (
    Metrics,
    compute_metrics,
)
from ktrain_sentiment.messages import count
from ktrain_sentiment.tasks import CLASSES, Kind, Task


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What a model costs.

    Attributes:
        train_seconds: Time to train it, loading and searching included.
        texts_per_second: Speed of prediction on many texts.
        latency_ms: Median time of one text alone.
        memory_mb: Most memory of the process that trained and asked it.
        disk_mb: Size of the files that prediction needs; 0 without files.
    """

    train_seconds: float
    texts_per_second: float
    latency_ms: float
    memory_mb: float
    disk_mb: float

    def to_json(self) -> dict[str, float]:
        """The figures, rounded to what was measured."""
        digits = {
            "train_seconds": 2,
            "texts_per_second": 1,
            "latency_ms": 3,
            "memory_mb": 1,
            "disk_mb": 2,
        }
        return {name: round(getattr(self, name), places) for name, places in digits.items()}


@dataclass(frozen=True)
class Outcome:
    """What a model came to.

    Attributes:
        probabilities: Of the rows, shape (n, labels); of several labels such that a half is the
            threshold of each.
        costs: Its times, memory and size.
        learning_rate: The maximum learning rate, where there is one.
    """

    probabilities: NDArray[Any]
    costs: Costs
    learning_rate: float | None = None


@dataclass(frozen=True)
class Entry:
    """One model of a comparison.

    Attributes:
        name: What it is called.
        metrics: Its figures on the test rows.
        p_value: Of the test against the best model, corrected for the number of models; None for
            the best one itself.
        costs: Its times, memory and size.
        learning_rate: The maximum learning rate, where there is one.
        against_baseline: It beside the best of the baselines, paired by row; None for those, and
            where none was compared.
    """

    name: str
    metrics: Metrics
    p_value: float | None
    costs: Costs
    learning_rate: float | None
    against_baseline: Comparison | None = None

    @property
    def deciding(self) -> Estimate:
        """The figure that it is ranked by."""
        return self.metrics.headline[deciding_figure(self.metrics)]

    def to_json(self) -> dict[str, Any]:
        """Plain numbers and strings."""
        figures = self.metrics.headline
        return {
            "name": self.name,
            **{name: to_plain(figures[name]) for name in LISTED[self.metrics.kind]},
            "p_value_against_best": self.p_value,
            **self.costs.to_json(),
            "learning_rate": self.learning_rate,
        }


@dataclass(frozen=True)
class FewShot:
    """A model trained on few examples.

    Attributes:
        name: What it is called.
        examples: Rows a class.
        accuracies: On the test rows, one for each draw.
    """

    name: str
    examples: int
    accuracies: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain numbers and strings."""
        return {
            "name": self.name,
            "examples_a_class": self.examples,
            "accuracies": [round(one, 6) for one in self.accuracies],
        }


UNEVEN = 0.6
"""Share of the rows in one class above which accuracy says little, and macro F1 decides."""


LISTED: Mapping[Kind, tuple[str, ...]] = {
    "classes": ("accuracy", "macro_f1"),
    "stars": ("accuracy", "macro_f1", "mae", "kappa"),
    "score": ("score_mae", "rmse", "spearman"),
    "multi": ("macro_f1", "micro_f1", "subset_accuracy"),
}
"""Headline figures of a task's models that are listed side by side."""


def deciding_figure(metrics: Metrics) -> str:
    """What models are ranked by: `mae` of stars, `score_mae` of scores, else `accuracy`.

    `macro_f1` of uneven classes, and of several labels a text.
    """
    if metrics.kind != "classes":
        return {"stars": "mae", "score": "score_mae", "multi": "macro_f1"}[metrics.kind]
    largest = max(one.support for one in metrics.per_class) / metrics.n
    return "macro_f1" if largest > UNEVEN else "accuracy"


def randomization_test(
    y_true: ArrayLike, first: ArrayLike, second: ArrayLike, classes: int, *, seed: int = 0
) -> float:
    """Whether two classifiers' macro F1 differ on the same rows: p-value, 0 to 1.

    If they did not, each row's two answers could be swapped. So many random swaps are drawn, and
    counted that give as large a difference (approximate randomization; Noreen 1989, Yeh 2000).

    Args:
        y_true: Class indices, shape (n,).
        first: Predicted class indices of the one, shape (n,).
        second: Predicted class indices of the other, shape (n,).
        classes: Number of classes.
        seed: Seed of the swaps.
    """
    outcomes = np.stack([np.asarray(one, dtype=np.int64) for one in (y_true, first, second)])
    kinds, counts = np.unique(outcomes, axis=1, return_counts=True)
    true, one, other = kinds
    cells = np.eye(classes * classes)
    in_one, in_other = cells[true * classes + one], cells[true * classes + other]

    def difference(swapped: Floats) -> Floats:
        kept, shape = counts - swapped, (len(swapped), classes, classes)
        figure = confusion.macro_f1((kept @ in_other + swapped @ in_one).reshape(shape))
        gained: Floats = figure - confusion.macro_f1(
            (kept @ in_one + swapped @ in_other).reshape(shape)
        )
        return gained

    found = abs(float(difference(np.zeros((1, len(counts))))[0]))
    # Of rows that are alike it matters only how many are swapped.
    swaps = np.random.default_rng(seed).binomial(counts, 0.5, size=(RESAMPLES, len(counts)))
    as_large = int((np.abs(difference(swaps.astype(np.float64))) >= found - 1e-12).sum())
    return (as_large + 1) / (RESAMPLES + 1)


def rank(
    y_true: ArrayLike,
    found: Mapping[str, Outcome],
    labels: Sequence[str],
    task: Task = CLASSES,
) -> tuple[Entry, ...]:
    """Models on the same rows, best first, each tested against the best.

    They are ranked by `deciding_figure`: by accuracy with McNemar's test, or by macro F1 or the
    mean error of stars or scores with a randomization test. P-values are corrected for testing
    every other model (Holm 1979).

    Args:
        y_true: Class indices, shape (n,); of other tasks as `truth_of` gives it.
        found: What they came to on these rows, by model.
        labels: Class names.
        task: What the labels are.
    """
    tables = {name: one.probabilities for name, one in found.items()}
    metrics = {name: compute_metrics(y_true, table, labels, task) for name, table in tables.items()}
    figure = deciding_figure(next(iter(metrics.values())))
    sign = 1 if figure in _OFF_BY else -1
    ranked = sorted(metrics, key=lambda name: sign * metrics[name].headline[figure].value)
    best, *others = ranked

    def against(first: str, second: str) -> Comparison:
        return compare(y_true, tables[first], tables[second], labels, (first, second), task)

    def p_value(name: str) -> float:
        if task.chooses and figure == "macro_f1":
            here, there = (np.asarray(tables[one]).argmax(axis=1) for one in (name, best))
            return randomization_test(y_true, here, there, len(labels))
        return against(best, name).p_value

    p_values = [None, *holm([p_value(name) for name in others])]
    baseline = next((name for name in ranked if name in BASELINES[task.kind]), None)
    return tuple(
        Entry(
            name, metrics[name], p_value, found[name].costs, found[name].learning_rate,
            None if baseline is None or name in BASELINES[task.kind] else against(baseline, name),
        )
        for name, p_value in zip(ranked, p_values, strict=True)
    )  # fmt: skip


def equals(entries: Sequence[Entry]) -> list[Entry]:
    """The best, and those that chance cannot tell from it."""
    return [one for one in entries if one.p_value is None or one.p_value >= SIGNIFICANT]


def cheapest_of_best(entries: Sequence[Entry]) -> Entry:
    """The fastest of the best and those that chance cannot tell from it."""
    return min(equals(entries), key=lambda entry: entry.costs.latency_ms)


_OFF_BY = {"mae": " stars", "score_mae": ""}
"""Figures of which less is better, and their unit."""
_ALWAYS: Mapping[Kind, str] = {
    "classes": "the most frequent label", "stars": "the median star", "score": "the mean score",
    "multi": "the most frequent labels",
}  # fmt: skip
"""What those of `CONSTANT` answer with."""


def recommend(entries: Sequence[Entry]) -> str:
    """Which model to take, in a sentence or two, from entries with the best first.

    Never one that answers every text alike: where chance cannot tell the best from that one, no
    model is worth taking.
    """
    best, n = entries[0], entries[0].metrics.n
    figure = deciding_figure(best.metrics)
    named = figure.replace("macro_f1", "macro F1")

    def shown(entry: Entry) -> str:
        value = entry.deciding.value
        if figure in _OFF_BY:
            return f"{value:.2f}{_OFF_BY[figure]} off"
        return f"{100 * value:.1f} % {named}"

    alike = equals(entries)
    if any(entry.name in CONSTANT for entry in alike):
        others = [entry for entry in entries if entry.name not in CONSTANT]
        always = _ALWAYS[best.metrics.kind]
        closest = f" ({others[0].name} comes closest: {shown(others[0])})" if others else ""
        return (
            f"No model is worth taking yet: on {count(n, 'row')} chance cannot tell any of them "
            f"from always answering with {always}{closest}. Try more rows, or check "
            "that the labels can be told from the texts."
        )
    cheapest = cheapest_of_best(entries)
    if cheapest is best:
        rivals = ", ".join(entry.name for entry in alike if entry is not best)
        alone = len(entries) == 1
        reason = (
            f"it answers fastest of those that chance cannot tell from it ({rivals})"
            if rivals
            else "no other model was compared"
            if alone
            else "every other model is worse by more than chance"
        )
        return f"Take {best.name}: {shown(best)} on {count(n, 'row')}, and {reason}."
    gap = abs(best.deciding.value - cheapest.deciding.value)
    times = best.costs.latency_ms / max(cheapest.costs.latency_ms, 1e-9)
    faster = f"{cheapest.name} answers {times:.1f} times as fast"
    if gap == 0:
        return f"Take {cheapest.name}: {best.name} is no better on {count(n, 'row')}, and {faster}."
    ahead = f"{100 * gap:.1f} points of {named} ahead"
    if figure in _OFF_BY:
        ahead = f"{gap:.2f}{_OFF_BY[figure]} nearer"
    return (
        f"Take {cheapest.name}: {best.name} is {ahead}, which {count(n, 'row')} cannot tell from "
        f"chance, and {faster}. With more rows to judge by {best.name} may prove better."
    )


def beside_baseline(entries: Sequence[Entry]) -> str:
    """How the best that is no baseline does beside the best baseline; empty without either."""
    found = (one.against_baseline for one in entries if one.against_baseline is not None)
    return next((f"Beside {one.names[0]}: {one.sentence}" for one in found), "")
