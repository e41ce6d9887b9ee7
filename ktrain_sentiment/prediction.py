"""What a classifier is, and what it answers: shared by every engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.reading_rules import BETWEEN_LABELS

Probabilities = NDArray[np.float32]
"""Class probabilities, shape (texts, classes), rows summing to one."""

EXPECTED = "expected_star"
"""The column, and the key, of the mean star of a text's probabilities."""

EXPECTED_COST = "expected_cost"
"""The column of what an answer is expected to cost, where mistakes are weighed."""

SCORE_LOW, SCORE_HIGH = "score_low", "score_high"
"""The columns of the interval around a score."""

Real = TypeVar("Real", bound=np.floating)
Number = TypeVar("Number", float, NDArray[np.float32], NDArray[np.float64])


def softmax(logits: NDArray[Real], temperature: float = 1.0) -> NDArray[Real]:
    """Logits as probabilities.

    Args:
        logits: Floats of shape (texts, classes).
        temperature: The logits are divided by it first (Guo et al. 2017, arXiv:1706.04599).

    Returns:
        Probabilities of the same shape and dtype, rows summing to one.
    """
    scaled = logits if temperature == 1 else logits / logits.dtype.type(temperature)
    powers: NDArray[Real] = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    powers /= powers.sum(axis=-1, keepdims=True)
    return powers


def sigmoid(logits: NDArray[Real], temperature: float = 1.0) -> NDArray[Real]:
    """Logits as probabilities, each label's on its own: floats of the same shape and dtype."""
    scaled = logits / logits.dtype.type(temperature)
    # In this form nothing overflows: the smaller of the two powers is taken.
    small = np.exp(-np.abs(scaled))
    return np.asarray(np.where(scaled >= 0, 1, small) / (1 + small), logits.dtype)


@dataclass(frozen=True)
class Prediction:
    """The answer for one text.

    Attributes:
        label: The most probable label, or that of the least expected cost where mistakes are
            weighed; empty where there was no text, or no word that is known.
        probability: Its probability, 0 to 1; NaN where there was no text. Of a text without a known
            word, what the model says of any such text.
        probabilities: The probability of each label, in the classifier's order.
        truncated: The text was longer than the model reads, and a part of it was not seen.
        unknown: The model knows no word of the text, so its label would tell nothing of it.
        expected_star: The mean star of the probabilities, where the labels are stars; NaN where
            there was no text.
        windows: In how many pieces the text was read; their logits were averaged.
        score: The score, of a model that answers with one: there `label` is the word score and
            `probability` NaN. NaN where there was no text; None for classes and stars.
        score_low: Lower end of the interval around it, where one is known.
        score_high: Its upper end.
        labels: The labels of the text, of a model that gives several; there `label` is the same
            joined by |, and `probability` that of the likeliest label. Empty where it has none, or
            there was no text; None for other models.
    """

    label: str
    probability: float
    probabilities: Mapping[str, float]
    truncated: bool = False
    unknown: bool = False
    expected_star: float | None = None
    windows: int = 1
    score: float | None = None
    score_low: float | None = None
    score_high: float | None = None
    labels: tuple[str, ...] | None = None


@runtime_checkable
class Classifier(Protocol):
    """Anything that turns texts into probabilities."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, in the order of the columns of `predict_proba`."""
        ...

    def predict_proba(self, texts: Sequence[str]) -> Probabilities:
        """Class probabilities, float32 of shape (len(texts), len(labels)), in the texts' order."""
        ...

    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        """One `Prediction` a text, in the texts' order."""
        ...


def score_ends(score: Number, half_width: float) -> tuple[Number, Number]:
    """The lower and the upper end of the interval around a score, or around each of an array."""
    return score - half_width, score + half_width


def to_scores(
    scores: NDArray[np.floating],
    half_width: float | None,
    truncated: Sequence[bool],
    unknown: Sequence[bool],
    windows: Sequence[int],
) -> list[Prediction]:
    """Turn scores of shape (texts,) into `Prediction` objects; NaN is a missing text's.

    A text of which no word is known has no label, as with classes, and its score is what the model
    says of any such text.
    """
    nan = float("nan")
    ends = [
        (None, None) if half_width is None else score_ends(one, half_width)
        for one in scores.tolist()
    ]
    return [
        Prediction(
            label="score" if score == score and not strange else "",
            probability=nan,
            probabilities={},
            truncated=bool(cut),
            unknown=bool(strange),
            windows=int(count),
            score=score,
            score_low=low,
            score_high=high,
        )
        for score, (low, high), cut, strange, count in zip(
            scores.tolist(), ends, truncated, unknown, windows, strict=True
        )
    ]


def to_label_sets(
    probabilities: Probabilities,
    decided: NDArray[np.bool_],
    labels: Sequence[str],
    truncated: Sequence[bool],
    unknown: Sequence[bool],
    windows: Sequence[int],
) -> list[Prediction]:
    """Turn a (texts, labels) array into `Prediction` objects with several labels each.

    Args:
        probabilities: A row of NaN is that of a missing text.
        decided: Which labels each text has, of the same shape.
        labels: Their names.
        truncated: Of which texts a part was not read.
        unknown: Of which texts no word is known: they have no label.
        windows: In how many pieces each was read.
    """
    found = []
    rows = zip(probabilities, decided, truncated, unknown, windows, strict=True)
    for row, has, cut, strange, count in rows:
        own = () if strange else tuple(n for n, one in zip(labels, has, strict=True) if one)
        found.append(
            Prediction(
                label=BETWEEN_LABELS.join(own),
                probability=float(row.max()),
                probabilities=dict(zip(labels, map(float, row), strict=True)),
                truncated=bool(cut),
                unknown=bool(strange),
                windows=int(count),
                labels=own,
            )
        )
    return found


def to_predictions(
    probabilities: Probabilities,
    labels: Sequence[str],
    truncated: Sequence[bool] | None = None,
    unknown: Sequence[bool] | None = None,
    expected: Sequence[float] | None = None,
    windows: Sequence[int] | None = None,
    chosen: NDArray[np.int64] | None = None,
) -> list[Prediction]:
    """Turn a (texts, classes) array of probabilities into `Prediction` objects.

    A row of NaN is that of a missing text, and its label is empty; so is that of an unknown text.
    The label is the most probable one, or the one at the place that `chosen` has for the row.
    """
    best = chosen
    if best is None:
        best = probabilities.argmax(axis=1) if len(probabilities) else np.empty(0, dtype=np.int64)
    cut = truncated if truncated is not None else [False] * len(probabilities)
    strange = unknown if unknown is not None else [False] * len(probabilities)
    stars = expected if expected is not None else [None] * len(probabilities)
    pieces = windows if windows is not None else [1] * len(probabilities)
    return [
        Prediction(
            label=labels[winner] if row[winner] == row[winner] and not is_strange else "",
            probability=float(row[winner]),
            probabilities=dict(zip(labels, map(float, row), strict=True)),
            truncated=bool(was_cut),
            unknown=bool(is_strange),
            expected_star=star,
            windows=int(count),
        )
        for row, winner, was_cut, is_strange, star, count in zip(
            probabilities, best, cut, strange, stars, pieces, strict=True
        )
    ]
