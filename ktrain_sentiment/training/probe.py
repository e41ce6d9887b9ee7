"""A linear probe: logistic regression on frozen sentence embeddings. Arrays in, arrays out.

A model in seconds, and the honest answer where there are only a handful of labels a class: with
8 to 64 examples, fine-tuning millions of weights has little to hold on to. How far frozen features
carry is what fine-tuning has to beat (Kumar et al. 2022, arXiv:2202.10054).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ktrain_sentiment.errors import DataError, require
from ktrain_sentiment.prediction import softmax

Floats = NDArray[np.float32]

STRENGTHS = (0.1, 1.0, 10.0, 100.0)
"""Inverse regularisation strengths to choose from; embeddings have length one."""

FOLDS = 5


@dataclass(frozen=True)
class LinearProbe:
    """A fitted probe.

    Attributes:
        weights: float32 of shape (width, classes).
        bias: float32 of shape (classes,).
        strength: The inverse regularisation strength that was taken.
    """

    weights: Floats
    bias: Floats
    strength: float

    def predict_proba(self, embeddings: Floats) -> Floats:
        """Class probabilities of shape (rows, classes), of embeddings of shape (rows, width)."""
        return softmax(normalised(embeddings) @ self.weights + self.bias)


def normalised(embeddings: NDArray[np.floating]) -> Floats:
    """Embeddings of length one, as sentence encoders compare them; zeros stay zeros."""
    lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
    return np.asarray(embeddings / np.maximum(lengths, 1e-12), np.float32)


def fit_probe(
    embeddings: Floats,
    classes: ArrayLike,
    count: int,
    seed: int = 0,
    strength: float | None = None,
) -> LinearProbe:
    """Fit a probe; its regularisation is chosen by cross-validation where the rows suffice.

    Args:
        embeddings: Of the training rows, shape (rows, width).
        classes: Their class indices, shape (rows,).
        count: Number of classes; one without a row gets probability zero (but for rounding).
        seed: Decides the folds.
        strength: The inverse regularisation strength; chosen when None.

    Raises:
        DataError: There are fewer than two classes among the rows.
        MissingExtraError: scikit-learn is not installed.
    """
    targets = np.asarray(classes, np.int64)
    seen, sizes = np.unique(targets, return_counts=True)
    if len(seen) < 2:
        raise DataError(f"a probe needs rows of at least two classes, got {len(seen)}")
    inputs = normalised(embeddings)
    # Fewer rows of a class than folds would leave a fold without it.
    if strength is None:
        strength = _choose(inputs, targets, seed) if sizes.min() >= FOLDS else 1.0
    linear = require("sklearn.linear_model", "train")
    fitted = linear.LogisticRegression(C=strength, max_iter=1000).fit(inputs, targets)
    return _as_probe(fitted, count, strength)


def _choose(inputs: Floats, targets: NDArray[np.int64], seed: int) -> float:
    """The strength with the lowest cross-validated loss, the stronger regularisation on a tie."""
    linear = require("sklearn.linear_model", "train")
    selection = require("sklearn.model_selection", "train")
    folds = selection.StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    losses = [
        -selection.cross_val_score(
            linear.LogisticRegression(C=strength, max_iter=1000),
            inputs,
            targets,
            cv=folds,
            scoring="neg_log_loss",
        ).mean()
        for strength in STRENGTHS
    ]
    return STRENGTHS[int(np.argmin(losses))]


def _as_probe(fitted: object, count: int, strength: float) -> LinearProbe:
    """scikit-learn's weights as one column a class; it keeps a single column for two classes."""
    coefficients = np.asarray(fitted.coef_)  # type: ignore[attr-defined]
    intercepts = np.asarray(fitted.intercept_)  # type: ignore[attr-defined]
    present = np.asarray(fitted.classes_)  # type: ignore[attr-defined]
    if len(present) == 2:
        coefficients = np.concatenate([-coefficients, coefficients]) / 2
        intercepts = np.concatenate([-intercepts, intercepts]) / 2
    weights = np.zeros((coefficients.shape[1], count), np.float32)
    # A class without a row: its probability is zero, and float32 does not overflow.
    bias = np.full(count, -1e4, np.float32)
    weights[:, present] = coefficients.T
    bias[present] = intercepts
    return LinearProbe(weights, bias, strength)
