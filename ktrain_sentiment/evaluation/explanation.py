"""Which words drive a prediction, found by leaving them out, and a check that they do.

A word's importance is how far the log-odds of the label fall when the word is left out (occlusion;
Li, Monroe and Jurafsky 2016, "Understanding Neural Networks through Representation Erasure"). It
asks nothing of the classifier but probabilities, so it works on any engine, and all versions of all
texts go through it in one batch.

Why a model may have learned what it says is asked of the training examples that lie nearest.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ktrain_sentiment.errors import DataError
from ktrain_sentiment.evaluation.calibration import SMALLEST
from ktrain_sentiment.evaluation.confusion import Floats
from ktrain_sentiment.inputs import marks_of
from ktrain_sentiment.messages import listed
from ktrain_sentiment.prediction import Classifier
from ktrain_sentiment.tasks import CLASSES, Task
from ktrain_sentiment.words import is_blank

PIECE = re.compile(r"\S+")
MOST_PIECES, FEWEST_PIECES = 64, 32
"""Longer texts are cut into runs of words, fewer the longer they are: each piece costs a reading of
the text without it, and 40 reviews of 230 words took twice as long as learning from 200."""

MOST_WORDS = 8192
"""Words of all readings of a text, while it is cut into more than the fewest pieces."""


@dataclass(frozen=True)
class Explanation:
    """Which words drive one prediction.

    Attributes:
        text: The text.
        label: The label that is explained.
        probability: Its probability for the whole text.
        spans: Start and end of each piece (a word, or a run of words of a long text) in the text.
        importance: Fall in the label's log-odds when the piece is left out, in nats, a value a
            span; negative for pieces that speak against the label.
    """

    text: str
    label: str
    probability: float
    spans: tuple[tuple[int, int], ...]
    importance: tuple[float, ...]

    @property
    def pieces(self) -> tuple[tuple[str, float], ...]:
        """The text as alternating gaps and pieces that join to it again; gaps count 0."""
        parts: list[tuple[str, float]] = []
        end = 0
        for (start, stop), weight in zip(self.spans, self.importance, strict=True):
            if start > end:
                parts.append((self.text[end:start], 0.0))
            parts.append((self.text[start:stop], weight))
            end = stop
        if end < len(self.text):
            parts.append((self.text[end:], 0.0))
        return tuple(parts)

    @property
    def shares(self) -> tuple[tuple[str, float], ...]:
        """The same with each weight as a share of the strongest one's size, -1 to 1."""
        strongest = max((abs(weight) for weight in self.importance), default=0.0) or 1.0
        return tuple((piece, weight / strongest) for piece, weight in self.pieces)

    def to_json(self) -> dict[str, Any]:
        """Plain strings and numbers."""
        words = [
            {"word": self.text[slice(*span)], "importance": round(weight, 4)}
            for span, weight in zip(self.spans, self.importance, strict=True)
        ]
        return {
            "text": self.text,
            "label": self.label,
            "probability": round(self.probability, 6),
            "words": words,
        }

    def top(self, k: int) -> tuple[str, ...]:
        """The k pieces that speak most for the label."""
        order = np.argsort(-np.asarray(self.importance), kind="stable")[:k]
        return tuple(self.text[slice(*self.spans[i])] for i in order if self.importance[i] > 0)


def explain(
    classifier: Classifier, texts: Sequence[str], labels: Sequence[str] | None = None
) -> list[Explanation]:
    """Say which words drive each prediction.

    Args:
        classifier: Anything that gives probabilities; the int8 engine explains in milliseconds.
        texts: The texts.
        labels: The label to explain for each text; the predicted one when None.

    Raises:
        DataError: A label is not one of the classifier's.
    """
    spans = [cut(text) for text in texts]
    variants = [v for text, found in zip(texts, spans, strict=True) for v in without(text, found)]
    table = np.asarray(classifier.predict_proba([*texts, *variants]), dtype=np.float64)
    whole, erased = table[: len(texts)], table[len(texts) :]
    task: Task = getattr(classifier, "task", CLASSES)
    columns = _columns(classifier.labels, whole, labels, task)
    explanations, start = [], 0
    for text, found, row, column in zip(texts, spans, whole, columns, strict=True):
        own = erased[start : start + len(found), column]
        start += len(found)
        fall = log_odds(row[column]) - log_odds(own)
        name, chance = classifier.labels[column], float(row[column])
        explanations.append(Explanation(text, name, chance, found, tuple(fall.tolist())))
    return explanations


def _columns(
    known: Sequence[str], whole: Floats, labels: Sequence[str] | None, task: Task
) -> list[int]:
    if labels is None:
        return list(map(int, task.choices(whole)))
    for label in labels:
        if label not in known:
            raise DataError(f"label {label!r} is unknown: wanted one of {listed(known)}")
    return [list(known).index(label) for label in labels]


def cut(text: str) -> tuple[tuple[int, int], ...]:
    """Spans of the words of a text, or of 32 to 64 runs of words when there are more than 64."""
    words = [found.span() for found in PIECE.finditer(text)]
    if len(words) <= MOST_PIECES:
        return tuple(words)
    pieces = max(FEWEST_PIECES, min(MOST_PIECES, MOST_WORDS // len(words)))
    runs = np.array_split(np.asarray(words), pieces)
    return tuple((int(run[0, 0]), int(run[-1, 1])) for run in runs)


def without(text: str, spans: Sequence[tuple[int, int]]) -> list[str]:
    """The text once for each span, with that span left out."""
    return [_erase(text, [span]) for span in spans]


def _erase(text: str, spans: Sequence[tuple[int, int]]) -> str:
    for start, stop in sorted(spans, reverse=True):
        # What stands between columns is not the text's own, and stays.
        kept = marks_of(text[start:stop]) or " "
        text = text[:start].rstrip() + kept + text[stop:].lstrip()
    # A blank text gets no prediction, and nothing but the model without any word is the measure of
    # a single one. U+FFFD can be seen, and is a word to no vocabulary; BERT's tokenizer drops it.
    return "\ufffd" if is_blank(text) else text.strip()


def log_odds(probability: Floats | float) -> Floats:
    """log(p / (1 - p)), kept finite."""
    p = np.clip(np.asarray(probability, dtype=np.float64), SMALLEST, 1 - SMALLEST)
    return np.asarray(np.log(p / (1 - p)), dtype=np.float64)


@dataclass(frozen=True)
class Faithfulness:
    """Whether the words that are named are the words that matter.

    Attributes:
        n: Number of texts it was checked on.
        words: Words left out of each text.
        top: Mean fall in the label's probability without the most important words.
        random: The same without as many random words.
        won: Share of texts where leaving out the important ones cost more.
    """

    n: int
    words: int
    top: float
    random: float
    won: float

    @property
    def sentence(self) -> str:
        """The outcome in plain words."""
        # Adding zero makes zero of what was rounded to less than nothing.
        top, random = (round(-100 * one, 1) + 0.0 for one in (self.top, self.random))
        return (
            f"without its {self.words} most important words the probability of a label changes by "
            f"{top:+.1f} points, without {self.words} random words by {random:+.1f} "
            f"({self.n:,} texts; more in {100 * self.won:.0f} % of them)."
        )


def check_faithfulness(
    classifier: Classifier, explanations: Sequence[Explanation], *, words: int = 2, seed: int = 0
) -> Faithfulness | None:
    """Leave out the most important words, and as many random ones, and compare.

    This is the comprehensiveness of DeYoung et al. 2020 ("ERASER"), with a random control.

    Args:
        classifier: The classifier that was explained.
        explanations: What `explain` returned.
        words: How many words to leave out.
        seed: Seed of the random choice.

    Returns:
        None when no text has more words than would be left out.
    """
    chosen = [e for e in explanations if len(e.spans) > words]
    if not chosen:
        return None
    rng = np.random.default_rng(seed)
    best = [_erase(e.text, _strongest(e, words)) for e in chosen]
    picks = [rng.choice(len(e.spans), words, replace=False) for e in chosen]
    control = [
        _erase(e.text, [e.spans[i] for i in pick]) for e, pick in zip(chosen, picks, strict=True)
    ]
    table = np.asarray(classifier.predict_proba([*best, *control]), dtype=np.float64)
    columns = np.asarray([list(classifier.labels).index(e.label) for e in chosen] * 2)
    left = table[np.arange(len(table)), columns].reshape(2, -1)
    fall = np.asarray([e.probability for e in chosen]) - left
    won = (fall[0] > fall[1]) + (fall[0] == fall[1]) / 2
    return Faithfulness(
        len(chosen), words, float(fall[0].mean()), float(fall[1].mean()), float(won.mean())
    )


def _strongest(explanation: Explanation, k: int) -> list[tuple[int, int]]:
    order = np.argsort(-np.asarray(explanation.importance), kind="stable")[:k]
    return [explanation.spans[i] for i in order]


CHUNK = 1024


@dataclass(frozen=True)
class Neighbours:
    """The nearest known rows of each query row.

    Attributes:
        index: Positions among the known rows, nearest first, int64 of shape (queries, k).
        similarity: Their cosine similarity, -1 to 1, shape (queries, k).
    """

    index: NDArray[np.int64]
    similarity: Floats


def nearest(queries: ArrayLike, known: ArrayLike, k: int = 3) -> Neighbours:
    """Find the k known rows of highest cosine similarity to each query row.

    Args:
        queries: Embeddings, shape (queries, width).
        known: Embeddings, shape (known, width).
        k: How many to find; all when there are fewer.

    Raises:
        DataError: The two have different widths.
    """
    left, right = _unit(queries), _unit(known)
    if left.shape[1] != right.shape[1]:
        raise DataError(
            f"embeddings have widths {left.shape[1]} and {right.shape[1]}: wanted the same encoder "
            "for both"
        )
    wanted = min(k, len(right))
    chunks = [_top(left[i : i + CHUNK] @ right.T, wanted) for i in range(0, len(left), CHUNK)]
    if not chunks:
        return Neighbours(np.empty((0, wanted), np.int64), np.empty((0, wanted)))
    index, similarity = zip(*chunks, strict=True)
    return Neighbours(np.concatenate(index), np.concatenate(similarity))


def _unit(rows: ArrayLike) -> Floats:
    table = np.asarray(rows, dtype=np.float64)
    unit: Floats = table / np.maximum(np.linalg.norm(table, axis=1, keepdims=True), 1e-12)
    return unit


def _top(similarity: Floats, k: int) -> tuple[NDArray[np.int64], Floats]:
    candidates = np.argpartition(-similarity, k - 1, axis=1)[:, :k]
    order = np.argsort(-np.take_along_axis(similarity, candidates, axis=1), axis=1, kind="stable")
    index = np.take_along_axis(candidates, order, axis=1)
    return index, np.take_along_axis(similarity, index, axis=1)
