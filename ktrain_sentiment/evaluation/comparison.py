"""Which of several classifiers is better on the same rows, and what each costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ktrain_sentiment.evaluation import confusion
from ktrain_sentiment.evaluation.calibration import row_log_loss
from ktrain_sentiment.evaluation.confusion import Floats
from ktrain_sentiment.evaluation.intervals import Estimate, bootstrap_cells, bootstrap_mean, mcnemar
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
        accuracy: Difference in accuracy, paired bootstrap.
        macro_f1: Difference in macro F1, paired bootstrap.
        log_loss: Difference in log loss, paired bootstrap; negative when B is better.
    """

    names: tuple[str, str]
    n: int
    only_a_right: int
    only_b_right: int
    p_value: float
    accuracy: Estimate
    macro_f1: Estimate
    log_loss: Estimate

    @property
    def better(self) -> str | None:
        """The name of the better one, or None when no difference can be shown."""
        if self.p_value >= SIGNIFICANT:
            return None
        return self.names[int(self.only_b_right > self.only_a_right)]

    @property
    def sentence(self) -> str:
        """The verdict in plain words."""
        disagreements = self.only_a_right + self.only_b_right
        if not disagreements:
            return f"No difference: both have the same rows right, of {self.n:,}."
        won = max(self.only_a_right, self.only_b_right)
        points = f"{100 * self.accuracy.value:+.1f} points of accuracy"
        by_chance = chance(self.p_value)
        spread = f"{100 * self.accuracy.low:+.1f} to {100 * self.accuracy.high:+.1f}"
        if self.better is None:
            return (
                f"No difference can be shown with {self.n:,} rows: where only one is right, "
                f"{self.names[0]} is in {self.only_a_right:,} and {self.names[1]} in "
                f"{self.only_b_right:,} ({by_chance}); {points} ({spread})."
            )
        return (
            f"{self.better} is better: right in {won:,} of the {disagreements:,} rows where only "
            f"one is ({by_chance}); {self.names[1]} has {points} ({spread}) on {self.n:,} rows."
        )

    def to_json(self) -> dict[str, Any]:
        """Plain numbers and strings."""
        return {
            "names": list(self.names),
            "n": self.n,
            "only_a_right": self.only_a_right,
            "only_b_right": self.only_b_right,
            "p_value": self.p_value,
            "better": self.better,
            "accuracy_difference": self.accuracy.to_json(),
            "macro_f1_difference": self.macro_f1.to_json(),
            "log_loss_difference": self.log_loss.to_json(),
            "sentence": self.sentence,
        }


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
    outcomes = (truth, first, second)
    return Comparison(
        names=names,
        n=len(truth),
        only_a_right=only_a,
        only_b_right=only_b,
        p_value=mcnemar(only_a, only_b),
        accuracy=_difference(outcomes, len(labels), confusion.accuracy, seed),
        macro_f1=_difference(outcomes, len(labels), confusion.macro_f1, seed),
        log_loss=bootstrap_mean(losses, seed=seed),
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
        return {
            "train_seconds": round(self.train_seconds, 2),
            "texts_per_second": round(self.texts_per_second, 1),
            "latency_ms": round(self.latency_ms, 3),
            "memory_mb": round(self.memory_mb, 1),
            "disk_mb": round(self.disk_mb, 2),
        }


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
            "accuracy": self.metrics.accuracy.to_json(),
            "macro_f1": self.metrics.macro_f1.to_json(),
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
