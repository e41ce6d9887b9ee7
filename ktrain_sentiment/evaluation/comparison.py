"""Whether one classifier is better than another on the same rows, in a plain sentence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ktrain_sentiment.evaluation import confusion
from ktrain_sentiment.evaluation.calibration import row_log_loss
from ktrain_sentiment.evaluation.confusion import Floats
from ktrain_sentiment.evaluation.exact import mcnemar
from ktrain_sentiment.evaluation.intervals import Estimate, bootstrap_cells, bootstrap_mean
from ktrain_sentiment.evaluation.metrics import check

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
