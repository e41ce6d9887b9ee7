"""Several models on the same rows, best first, with what each costs, and which one to take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ktrain_sentiment.evaluation import confusion
from ktrain_sentiment.evaluation.codec import to_plain
from ktrain_sentiment.evaluation.comparison import SIGNIFICANT, sign_flips
from ktrain_sentiment.evaluation.confusion import Floats
from ktrain_sentiment.evaluation.intervals import (
    RESAMPLES,
    holm,
    mcnemar,
)
from ktrain_sentiment.evaluation.metrics import (
    Metrics,
    compute_metrics,
)
from ktrain_sentiment.tables.messages import count
from ktrain_sentiment.tasks import CLASSES, Task


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
class Entry:
    """One model of a comparison.

    Attributes:
        name: What it is called.
        metrics: Its figures on the test rows.
        p_value: Of the test against the best model, corrected for the number of models; None for
            the best one itself.
        costs: Its times, memory and size.
        learning_rate: The maximum learning rate, where there is one.
    """

    name: str
    metrics: Metrics
    p_value: float | None
    costs: Costs
    learning_rate: float | None

    def to_json(self) -> dict[str, Any]:
        """Plain numbers and strings."""
        stars = self.metrics.stars
        return {
            "name": self.name,
            "accuracy": to_plain(self.metrics.accuracy),
            "macro_f1": to_plain(self.metrics.macro_f1),
            **({"mae": to_plain(stars.mae), "kappa": to_plain(stars.kappa)} if stars else {}),
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


CONSTANT = frozenset({"majority", "median"})
"""The names of models that give every text the same label."""


def deciding_figure(metrics: Metrics) -> str:
    """What models are ranked by: `mae` of stars, else `accuracy`; `macro_f1` of uneven classes."""
    if metrics.stars is not None:
        return "mae"
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
    tables: Mapping[str, ArrayLike],
    labels: Sequence[str],
    costs: Mapping[str, Costs],
    rates: Mapping[str, float | None],
    task: Task = CLASSES,
) -> tuple[Entry, ...]:
    """Models on the same rows, best first, each tested against the best.

    They are ranked by `deciding_figure`: by accuracy with McNemar's test, or by macro F1 or the
    mean error of stars with a randomization test. P-values are corrected for testing every other
    model (Holm 1979).

    Args:
        y_true: Class indices, shape (n,).
        tables: Probabilities by model, shape (n, classes).
        labels: Class names.
        costs: By model.
        rates: Maximum learning rate by model; None where there is none.
        task: What the labels are.
    """
    metrics = {name: compute_metrics(y_true, table, labels, task) for name, table in tables.items()}
    figure = deciding_figure(next(iter(metrics.values())))
    sign = 1 if figure == "mae" else -1
    best, *others = sorted(metrics, key=lambda name: sign * metrics[name].headline[figure].value)
    truth = np.asarray(y_true, dtype=np.int64)
    winner = {name: np.asarray(table).argmax(axis=1) for name, table in tables.items()}
    p_values = []
    for name in others:
        if figure == "mae":
            gaps = [task.distance[truth, winner[one]] for one in (name, best)]
            p_values.append(sign_flips(*gaps))
        elif figure == "accuracy":
            here, there = winner[name] == truth, winner[best] == truth
            p_values.append(mcnemar(int((here & ~there).sum()), int((there & ~here).sum())))
        else:
            p_values.append(randomization_test(truth, winner[name], winner[best], len(labels)))
    return tuple(
        Entry(name, metrics[name], p_value, costs[name], rates[name])
        for name, p_value in zip([best, *others], [None, *holm(p_values)], strict=True)
    )


def equals(entries: Sequence[Entry]) -> list[Entry]:
    """The best, and those that chance cannot tell from it."""
    return [one for one in entries if one.p_value is None or one.p_value >= SIGNIFICANT]


def cheapest_of_best(entries: Sequence[Entry]) -> Entry:
    """The fastest of the best and those that chance cannot tell from it."""
    return min(equals(entries), key=lambda entry: entry.costs.latency_ms)


def recommend(entries: Sequence[Entry]) -> str:
    """Which model to take, in a sentence or two, from entries with the best first.

    Never the one that always answers with the most frequent label: where chance cannot tell the
    best from that one, no model is worth taking.
    """
    best, n = entries[0], entries[0].metrics.n
    figure = deciding_figure(best.metrics)
    name = {"accuracy": "accuracy", "macro_f1": "macro F1", "mae": "mean error"}[figure]

    def shown(entry: Entry) -> str:
        value = entry.metrics.headline[figure].value
        return f"{value:.2f} stars off" if figure == "mae" else f"{100 * value:.1f} % {name}"

    alike = equals(entries)
    if any(entry.name in CONSTANT for entry in alike):
        others = [entry for entry in entries if entry.name not in CONSTANT]
        always = "the median star" if figure == "mae" else "the most frequent label"
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
    values = [entry.metrics.headline[figure].value for entry in (best, cheapest)]
    times = best.costs.latency_ms / max(cheapest.costs.latency_ms, 1e-9)
    faster = f"{cheapest.name} answers {times:.1f} times as fast"
    if values[0] == values[1]:
        return f"Take {cheapest.name}: {best.name} is no better on {count(n, 'row')}, and {faster}."
    ahead = f"{100 * (values[0] - values[1]):.1f} points of {name} ahead"
    if figure == "mae":
        ahead = f"{values[1] - values[0]:.2f} stars nearer"
    return (
        f"Take {cheapest.name}: {best.name} is {ahead}, which {count(n, 'row')} cannot tell from "
        f"chance, and {faster}. With more rows to judge by {best.name} may prove better."
    )
