"""What is gained by leaving doubtful texts to a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ktrain_sentiment.evaluation.confusion import Floats
from ktrain_sentiment.evaluation.intervals import Estimate, bootstrap_share


@dataclass(frozen=True)
class CoverageCurve:
    """Accuracy of the answers as fewer texts are answered, a point for each distinct probability.

    Attributes:
        threshold: Texts with at least this winning probability are answered, falling.
        covered: Share of texts answered, rising, shape (points,).
        accuracy: Accuracy of the answers, shape (points,).
    """

    threshold: Floats
    covered: Floats
    accuracy: Floats


def coverage_curve(y_true: ArrayLike, probabilities: ArrayLike) -> CoverageCurve:
    """Answer the surest texts first and see how the accuracy of the answers falls.

    Args:
        y_true: Class indices, shape (n,).
        probabilities: Shape (n, classes).
    """
    table = np.asarray(probabilities, dtype=np.float64)
    confidence = table.max(axis=1)
    order = np.argsort(-confidence, kind="stable")
    right = (table.argmax(axis=1) == np.asarray(y_true))[order]
    last_of_ties = np.append(np.flatnonzero(np.diff(confidence[order])), len(order) - 1)
    answered = last_of_ties + 1
    return CoverageCurve(
        threshold=confidence[order][last_of_ties],
        covered=answered / len(order),
        accuracy=np.cumsum(right)[last_of_ties] / answered,
    )


@dataclass(frozen=True)
class Abstention:
    """What a threshold does.

    Attributes:
        below: Texts whose winning probability is below this are left to a person.
        covered: Share of texts that are answered, with its interval.
        accuracy: Accuracy of the answers, with its interval; None when nothing is answered.
    """

    below: float
    covered: Estimate
    accuracy: Estimate | None

    def to_json(self) -> dict[str, Any]:
        """Plain numbers."""
        accuracy = None if self.accuracy is None else self.accuracy.to_json()
        return {"below": self.below, "covered": self.covered.to_json(), "accuracy": accuracy}


def abstain(y_true: ArrayLike, probabilities: ArrayLike, below: float) -> Abstention:
    """Judge a threshold on rows with known classes.

    Args:
        y_true: Class indices, shape (n,).
        probabilities: Shape (n, classes).
        below: Leave texts below this winning probability to a person.
    """
    table = np.asarray(probabilities, dtype=np.float64)
    answered = table.max(axis=1) >= below
    right = (table.argmax(axis=1) == np.asarray(y_true))[answered]
    return Abstention(
        below=below,
        covered=bootstrap_share(int(answered.sum()), len(answered)),
        accuracy=bootstrap_share(int(right.sum()), len(right)) if len(right) else None,
    )


def threshold_for(curve: CoverageCurve, accuracy: float) -> float | None:
    """The lowest threshold from which on the answers are at least this accurate.

    None when no threshold that still answers a tenth of the texts reaches it.
    """
    enough = (curve.accuracy >= accuracy) & (curve.covered >= 0.1)
    found = np.flatnonzero(enough)
    return float(curve.threshold[found[-1]]) if len(found) else None
