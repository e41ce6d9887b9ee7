"""From which probability on a text has a label: chosen on rows that were not learned from."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ktrain_sentiment.evaluation.confusion import Floats

WORTHLESS = 0.1
"""The best F1 below which a threshold is read off chance."""
_BEYOND = 1e-6


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
    return tuple(_best(*one) for one in zip(has.T, table.T, strict=True))


def _best(has: NDArray[np.bool_], said: Floats) -> float:
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
