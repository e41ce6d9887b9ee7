"""Which pairs of classes are confused, and the words that mark the confused texts.

Words are ranked by how much more frequent they are in the confused texts than in the texts of the
same true class that were predicted rightly (see `words.telling`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ktrain_sentiment.words import count_words, telling


@dataclass(frozen=True)
class Confusion:
    """Rows of one class that were taken for another.

    Attributes:
        true: Name of the true class.
        predicted: Name of the predicted one.
        count: Number of such rows.
        share: Their share of the rows of the true class.
        words: Telling words with their z-scores, the strongest first.
        rows: Positions of the rows, the surest mistakes first.
    """

    true: str
    predicted: str
    count: int
    share: float
    words: tuple[tuple[str, float], ...]
    rows: tuple[int, ...]


def confusions(
    texts: Sequence[str],
    y_true: ArrayLike,
    probabilities: ArrayLike,
    labels: Sequence[str],
    *,
    words: int = 8,
) -> tuple[Confusion, ...]:
    """Group the mistakes by true and predicted class, the most frequent pair first.

    Args:
        texts: The texts, length n.
        y_true: Class indices, shape (n,).
        probabilities: Shape (n, classes).
        labels: Class names.
        words: How many telling words each pair gets at most.
    """
    table, truth = np.asarray(probabilities), np.asarray(y_true, dtype=np.int64)
    winner = table.argmax(axis=1)
    bags = [count_words([text]) for text in texts]
    everything = _sum(bags)
    found = []
    for true, predicted in {*zip(truth.tolist(), winner.tolist(), strict=True)}:
        if true == predicted:
            continue
        inside = np.flatnonzero((truth == true) & (winner == predicted))
        inside = inside[np.argsort(-table[inside, predicted], kind="stable")]
        well = np.flatnonzero((truth == true) & (winner == true))
        scores = telling(_pick(bags, inside), _pick(bags, well), everything)
        share = len(inside) / int((truth == true).sum())
        best = tuple(scores[:words])
        pair = Confusion(
            labels[true], labels[predicted], len(inside), share, best, tuple(inside.tolist())
        )
        found.append(pair)
    return tuple(sorted(found, key=lambda pair: (-pair.count, pair.true, pair.predicted)))


def _pick(bags: Sequence[Counter[str]], rows: NDArray[np.int64]) -> Counter[str]:
    return _sum(bags[k] for k in rows.tolist())


def _sum(bags: Iterable[Counter[str]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for bag in bags:
        total.update(bag)
    return total
