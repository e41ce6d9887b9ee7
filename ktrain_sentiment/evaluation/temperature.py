"""One number that makes probabilities honest, and what it did to them.

A network that was trained long states probabilities that are too high. Dividing its logits by one
temperature, fitted on rows it was not trained on, mends most of that and changes no decision (Guo
et al. 2017, "On Calibration of Modern Neural Networks").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ktrain_sentiment.evaluation.calibration import SMALLEST
from ktrain_sentiment.evaluation.confusion import Floats
from ktrain_sentiment.evaluation.metrics import Evaluation, check, evaluate
from ktrain_sentiment.prediction import softmax

STEPS = 100
COLDEST, HOTTEST = 0.05, 20.0
# The weight of a belief that the temperature is near 1: a tenth of what one row tells. It decides
# only where the rows cannot, as when all were predicted rightly and the likelihood has no optimum.
PRIOR = 0.1


def apply_temperature(probabilities: ArrayLike, temperature: float) -> Floats:
    """Probabilities as they would be with the logits divided by `temperature`, (n, classes).

    The logits need not be known: up to a constant they are the logarithms of the probabilities.
    """
    logits = np.log(np.maximum(np.asarray(probabilities, dtype=np.float64), SMALLEST**2))
    return softmax(logits, temperature)


def fit_temperature(y_true: ArrayLike, probabilities: ArrayLike) -> float:
    """The temperature that minimises the log loss, by Newton's method.

    In the inverse temperature the log loss is convex: its slope is the difference between the
    expected and the true class's logit, its curvature the variance of the logit.

    Args:
        y_true: Class indices, shape (n,), of rows that the model was not trained on.
        probabilities: The model's probabilities at temperature 1, shape (n, classes).

    Returns:
        A temperature between 0.05 and 20; above 1 the model was too sure.
    """
    logits = np.log(np.maximum(np.asarray(probabilities, dtype=np.float64), SMALLEST**2))
    truth = np.asarray(y_true, dtype=np.int64)
    true_logits = logits[np.arange(len(logits)), truth]
    inverse = 1.0
    for _ in range(STEPS):
        stated = softmax(logits * inverse)
        expected = (stated * logits).sum(axis=1)
        variance = (stated * logits**2).sum(axis=1) - expected**2
        slope = (expected - true_logits).sum() + PRIOR * (inverse - 1)
        step = slope / (variance.sum() + PRIOR)
        # Far from the optimum the curvature vanishes and a whole step overshoots.
        new = float(np.clip(inverse - step, inverse / 2, inverse * 2))
        new = min(max(new, 1 / HOTTEST), 1 / COLDEST)
        if abs(new - inverse) < 1e-9:
            break
        inverse = new
    return 1 / inverse


@dataclass(frozen=True)
class Calibration:
    """What a temperature did on rows that it was not fitted on.

    Attributes:
        temperature: The temperature.
        before: Figures at temperature 1.
        after: Figures at this temperature.
    """

    temperature: float
    before: Evaluation
    after: Evaluation

    @property
    def helped(self) -> bool:
        """Whether the calibration error fell."""
        return self.after.ece.value < self.before.ece.value

    @property
    def sentence(self) -> str:
        """What happened, in plain words, whether or not it went well."""
        verb = "lowered" if self.helped else "did not lower"
        sentence = (
            f"A temperature of {self.temperature:.2f} {verb} the calibration error on "
            f"{self.after.n:,} rows it was not fitted on: {100 * self.before.ece.value:.1f} % "
            f"before, {100 * self.after.ece.value:.1f} % after"
        )
        floor = self.after.ece_floor
        if max(self.before.ece.value, self.after.ece.value) <= floor:
            return (
                f"{sentence}. Neither can be told from perfect calibration, whose error stays "
                f"below {100 * floor:.1f} % by chance alone on so many rows."
            )
        return f"{sentence}."


def judge_temperature(
    y_true: ArrayLike, probabilities: ArrayLike, labels: Sequence[str], temperature: float
) -> Calibration:
    """Compare the figures before and after a temperature.

    Args:
        y_true: Class indices, shape (n,), of rows the temperature was not fitted on.
        probabilities: Probabilities at temperature 1, shape (n, classes).
        labels: Class names.
        temperature: The temperature to judge.

    Raises:
        DataError: Shapes, indices or probabilities make no sense.
    """
    truth, table = check(y_true, probabilities, labels)
    after = apply_temperature(table, temperature)
    return Calibration(temperature, evaluate(truth, table, labels), evaluate(truth, after, labels))
