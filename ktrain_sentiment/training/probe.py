"""A linear probe: a linear model on frozen sentence embeddings. Arrays in, arrays out.

Logistic regression for classes and stars, one for each of several labels, ridge for scores.

A model in seconds, and the honest answer where there are only a handful of labels a class: with
8 to 64 examples, fine-tuning millions of weights has little to hold on to. How far frozen features
carry is what fine-tuning has to beat (Kumar et al. 2022, arXiv:2202.10054).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ktrain_sentiment.errors import DataError, require
from ktrain_sentiment.evaluation.baselines import FittedBaseline, one_vs_rest
from ktrain_sentiment.prediction import softmax
from ktrain_sentiment.tasks import Kind

Floats = NDArray[np.float32]

STRENGTHS = (0.1, 1.0, 10.0, 100.0)
"""Inverse regularisation strengths to choose from; embeddings have length one."""

PENALTIES = tuple(np.geomspace(1e-3, 10.0, 9).tolist())
"""Penalties of ridge regression to choose from."""

FOLDS = 5


@dataclass(frozen=True)
class LinearProbe:
    """A fitted probe.

    Attributes:
        weights: float32 of shape (width, outputs): classes, or the one score.
        bias: float32 of shape (outputs,).
        strength: The inverse regularisation strength that was taken.
    """

    weights: Floats
    bias: Floats
    strength: float

    def outputs(self, embeddings: Floats) -> Floats:
        """Logits, or scores, of shape (rows, outputs), of embeddings of shape (rows, width)."""
        return np.asarray(normalised(embeddings) @ self.weights + self.bias, np.float32)

    def predict_proba(self, embeddings: Floats) -> Floats:
        """Class probabilities of shape (rows, classes), of embeddings of shape (rows, width)."""
        return softmax(self.outputs(embeddings))


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


def fit_score_probe(embeddings: Floats, scores: ArrayLike) -> LinearProbe:
    """Fit ridge regression; its penalty is the best on rows left out one by one.

    Args:
        embeddings: Of the training rows, shape (rows, width).
        scores: Their scores, shape (rows,).

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    linear = require("sklearn.linear_model", "train")
    fitted = linear.RidgeCV(alphas=PENALTIES).fit(
        normalised(embeddings), np.asarray(scores, np.float64)
    )
    weights = np.asarray(fitted.coef_, np.float32)[:, None]
    bias = np.asarray([fitted.intercept_], np.float32)
    return LinearProbe(weights, bias, 1 / float(fitted.alpha_))


def _of_classes(
    embeddings: Floats, classes: NDArray[Any], count: int, seed: int
) -> FittedBaseline:  # fmt: skip
    probe = fit_probe(embeddings, classes, count, seed)
    return FittedBaseline(probe.predict_proba, probe.weights)


def _of_scores(
    embeddings: Floats, scores: NDArray[Any], _count: int, _seed: int
) -> FittedBaseline:  # fmt: skip
    probe = fit_score_probe(embeddings, scores)
    return FittedBaseline(probe.outputs, probe.weights)


def _of_sets(embeddings: Floats, wanted: NDArray[Any], _count: int, seed: int) -> FittedBaseline:
    have = np.asarray(wanted, np.int64)
    rarer = np.minimum(have.sum(axis=0), len(have) - have.sum(axis=0))
    # One strength for all, of the label that shows most: to choose it for each label on each fold
    # is four times five times as many fits.
    strength = 1.0
    if rarer.max(initial=0):
        strength = fit_probe(embeddings, have[:, rarer.argmax()], 2, seed).strength

    def fit_one(rows: Floats, own: NDArray[np.int64]) -> FittedBaseline:
        probe = fit_probe(rows, own, 2, seed, strength)
        return FittedBaseline(probe.predict_proba, probe.weights)

    fitted = one_vs_rest(embeddings, have, fit_one)
    assert fitted is not None, "each label has a probe"
    return fitted


PROBES: Mapping[Kind, Callable[[Floats, NDArray[Any], int, int], FittedBaseline]] = {
    "classes": _of_classes, "stars": _of_classes, "score": _of_scores, "multi": _of_sets,
}  # fmt: skip
"""Embeddings, what is to be answered (as `truth_of` gives it), number of labels, and seed."""
