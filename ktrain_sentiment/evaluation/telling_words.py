"""Which pairs of classes are confused, and the words that mark the confused texts.

Words are ranked by their log-odds in the confused texts against the texts of the same true class
that were predicted rightly, with an informative Dirichlet prior from all texts, as z-scores
(Monroe, Colaresi and Quinn 2008, "Fightin' Words"). Rare words do not win by accident, and stop
words need no list.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

WORD = re.compile(r"[^\W_](?:[\w'\u2019]*[^\W_])?")
PRIOR_WORDS = 100.0
"""Words' worth of prior: how much text of a group it takes to outweigh the background."""


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


def count_words(texts: Iterable[str]) -> Counter[str]:
    """How often each word occurs, letter case aside."""
    return Counter(word for text in texts for word in WORD.findall(text.lower()))


def telling(
    inside: Counter[str], outside: Counter[str], background: Counter[str]
) -> list[tuple[str, float]]:
    """Words that are more frequent inside than outside, by falling z-score, those above 1 only.

    Args:
        inside: Word counts of the texts to describe.
        outside: Word counts of the texts to tell them from.
        background: Word counts of all texts, the prior.
    """
    scale = PRIOR_WORDS / max(background.total(), 1)
    n_inside, n_outside = inside.total() + PRIOR_WORDS, outside.total() + PRIOR_WORDS
    scores = []
    for word, count in inside.items():
        prior = scale * background[word]
        here, there = count + prior, outside[word] + prior
        # The small number keeps texts of one and the same word from dividing by nothing.
        odds_here = math.log(here / (n_inside - here + 1e-6))
        odds_there = math.log(there / (n_outside - there + 1e-6))
        scores.append((word, (odds_here - odds_there) / math.sqrt(1 / here + 1 / there)))
    return sorted((s for s in scores if s[1] > 1), key=lambda s: (-s[1], s[0]))


def _pick(bags: Sequence[Counter[str]], rows: NDArray[np.int64]) -> Counter[str]:
    return _sum(bags[k] for k in rows.tolist())


def _sum(bags: Iterable[Counter[str]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for bag in bags:
        total.update(bag)
    return total
