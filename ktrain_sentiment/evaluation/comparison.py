"""Which of several classifiers is better on the same rows, and what each costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ktrain_sentiment.evaluation import confusion
from ktrain_sentiment.evaluation.calibration import row_log_loss
from ktrain_sentiment.evaluation.codec import to_plain
from ktrain_sentiment.evaluation.confusion import Floats
from ktrain_sentiment.evaluation.intervals import (
    Estimate,
    bootstrap_cells,
    bootstrap_mean,
    mcnemar,
    paired_difference,
)
from ktrain_sentiment.evaluation.metrics import Metrics, check

SIGNIFICANT = 0.05


def chance(p_value: float) -> str:
    """A p-value in words: 'p = 0.012', or 'p < 0.001'."""
    return "p < 0.001" if p_value < 0.0005 else f"p = {p_value:.3f}"


@dataclass(frozen=True)
class Comparison:
    """Two classifiers, A and B, on the same rows; differences are B minus A.

    Attributes:
        names: What A and B are called.
        n: Number of rows.
        only_a_right: Rows that only A has right.
        only_b_right: Rows that only B has right.
        p_value: Exact two-sided McNemar test.
        better: The name of the better one, or None when no difference can be shown.
        accuracy_difference: Its interval holds 0 exactly when the test shows no difference.
        macro_f1_difference: Paired bootstrap.
        log_loss_difference: Paired bootstrap; negative when B is better.
        sentence: The verdict in plain words.
    """

    names: tuple[str, str]
    n: int
    only_a_right: int
    only_b_right: int
    p_value: float
    better: str | None
    accuracy_difference: Estimate
    macro_f1_difference: Estimate
    log_loss_difference: Estimate
    sentence: str


def compare(
    y_true: ArrayLike,
    probabilities_a: ArrayLike,
    probabilities_b: ArrayLike,
    labels: Sequence[str],
    names: tuple[str, str] = ("A", "B"),
    *,
    seed: int = 0,
) -> Comparison:
    """Compare two classifiers on the same rows.

    Args:
        y_true: Class indices, shape (n,).
        probabilities_a: Shape (n, classes), of the first classifier.
        probabilities_b: The same of the second.
        labels: Class names, in the order of both tables' columns.
        names: What the two are called in the verdict.
        seed: Seed of the bootstrap.

    Raises:
        DataError: Shapes, indices or probabilities make no sense.
    """
    truth, table_a = check(y_true, probabilities_a, labels)
    _, table_b = check(y_true, probabilities_b, labels)
    first, second = table_a.argmax(axis=1), table_b.argmax(axis=1)
    only_a = int(((first == truth) & (second != truth)).sum())
    only_b = int(((second == truth) & (first != truth)).sum())
    losses = row_log_loss(truth, table_b) - row_log_loss(truth, table_a)
    p_value, difference = mcnemar(only_a, only_b), paired_difference(only_a, only_b, len(truth))
    better = None if p_value >= SIGNIFICANT else names[int(only_b > only_a)]
    return Comparison(
        names=names,
        n=len(truth),
        only_a_right=only_a,
        only_b_right=only_b,
        p_value=p_value,
        better=better,
        accuracy_difference=difference,
        macro_f1_difference=_difference(
            (truth, first, second), len(labels), confusion.macro_f1, seed
        ),
        log_loss_difference=bootstrap_mean(losses, seed=seed),
        sentence=_verdict(names, only_a, only_b, difference, p_value),
    )


def _verdict(
    names: tuple[str, str], only_a: int, only_b: int, difference: Estimate, p_value: float
) -> str:
    """The outcome in plain words."""
    n, apart = difference.n, only_a + only_b
    if not apart:
        return f"No difference: both have the same rows right, of {n:,}."
    spread = f"{100 * difference.low:+.1f} to {100 * difference.high:+.1f}"
    points = f"{100 * difference.value:+.1f} points of accuracy"
    if p_value >= SIGNIFICANT:
        return (
            f"No difference can be shown with {n:,} rows: where only one is right, {names[0]} is "
            f"in {only_a:,} and {names[1]} in {only_b:,} ({chance(p_value)}); {points} ({spread})."
        )
    return (
        f"{names[int(only_b > only_a)]} is better: right in {max(only_a, only_b):,} of the "
        f"{apart:,} rows where only one is ({chance(p_value)}); {names[1]} has {points} "
        f"({spread}) on {n:,} rows."
    )


def _difference(
    outcomes: Sequence[NDArray[np.int64]],
    classes: int,
    figure: Callable[[ArrayLike], Floats],
    seed: int,
) -> Estimate:
    """Interval of figure(B) - figure(A), resampling the distinct (true, by A, by B) outcomes."""
    kinds, counts = np.unique(np.stack(outcomes), axis=1, return_counts=True)
    true, first, second = kinds
    cells = np.eye(classes * classes)
    in_a, in_b = cells[true * classes + first], cells[true * classes + second]

    def difference(stack: Floats) -> Floats:
        shape = (len(stack), classes, classes)
        gained: Floats = figure((stack @ in_b).reshape(shape)) - figure(
            (stack @ in_a).reshape(shape)
        )
        return gained

    return bootstrap_cells(counts, difference, seed=seed)


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
        p_value: McNemar against the best model, corrected for the number of models (Holm 1979);
            None for the best one itself.
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
        return {
            "name": self.name,
            "accuracy": to_plain(self.metrics.accuracy),
            "macro_f1": to_plain(self.metrics.macro_f1),
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
