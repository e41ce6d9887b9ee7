"""Two classifiers that see texts differently, taken together to doubt a label.

A fine-tuned encoder and a linear model on words make different mistakes. Where both are sure of
another label than the given one, a mistake of either is far less likely than where one alone is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ktrain_sentiment.evaluation.calibration import row_log_loss
from ktrain_sentiment.evaluation.confusion import Floats
from ktrain_sentiment.evaluation.temperature import apply_temperature, fit_temperature

WEIGHTS = np.linspace(0, 1, 21)


def pooled(y_given: ArrayLike, first: ArrayLike, second: ArrayLike) -> Floats:
    """A weighted mean of two classifiers' probabilities, calibrated, shape (n, classes).

    The weight is the one of the lowest log loss on the given labels, so that a second opinion that
    is worth nothing is not listened to. A mean of two is less sure than either; a temperature mends
    that. Both come to two numbers fitted on n rows.

    Args:
        y_given: The labels as given, class indices, shape (n,).
        first: Probabilities of rows that the first did not learn, shape (n, classes).
        second: The same of the second.
    """
    one, other = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    losses = [row_log_loss(y_given, w * one + (1 - w) * other).mean() for w in WEIGHTS]
    weight = WEIGHTS[int(np.argmin(losses))]
    mixed: Floats = weight * one + (1 - weight) * other
    return apply_temperature(mixed, fit_temperature(y_given, mixed))
