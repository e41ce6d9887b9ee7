"""Labels that a single word gives away: a trace of how the data was made, more often than not."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator

import pandas as pd

from ktrain_sentiment.data.findings import Finding, examples
from ktrain_sentiment.tables.messages import count, percent
from ktrain_sentiment.words import WORD

PRECISE = 0.97
"""Share of the texts with the word that have the label."""
COMMON = 0.2
"""Share of the texts with the label that have the word."""
LEAST_TEXTS = 20
_LIFT = 1.25
_SAMPLE = 100_000
_READ = 2_000


def check_words(frame: pd.DataFrame) -> list[Finding]:
    """Find words that decide a label nearly alone and stand in a good part of its texts.

    Args:
        frame: Columns `text`, `label` and `row`.
    """
    sample = frame.iloc[:: max(1, -(-len(frame) // _SAMPLE))]
    by_label: dict[str, Counter[str]] = {label: Counter() for label in sample["label"].unique()}
    for label, text in zip(sample["label"], sample["text"], strict=True):
        by_label[label].update(_words(text))
    everywhere = sum(by_label.values(), Counter[str]())
    sizes = sample["label"].value_counts()
    found = []
    for label, counts in by_label.items():
        least = max(LEAST_TEXTS, COMMON * sizes[label])
        for word, hits in _common(counts, least):
            precision = hits / everywhere[word]
            if precision >= max(PRECISE, _LIFT * sizes[label] / len(sample)):
                found.append(_finding(sample, label, word, precision, hits / sizes[label]))
    return found


def _words(text: str) -> set[str]:
    return set(WORD.findall(text[:_READ].lower()))


def _common(counts: Counter[str], least: float) -> Iterator[tuple[str, int]]:
    return itertools.takewhile(lambda pair: pair[1] >= least, counts.most_common())


def _finding(
    sample: pd.DataFrame,
    label: str,
    word: str,
    precision: float,
    recall: float,
) -> Finding:
    has = sample["text"].map(lambda text: word in _words(text)).astype(bool)
    return Finding(
        check="give-away word",
        summary=f"the word {word!r} stands in {percent(recall)} of the {label!r} texts, and "
        f"{percent(precision)} of the texts that have it are {label!r} "
        f"({count(int(has.sum()), 'text')})",
        rows=int(has.sum()),
        of=len(sample),
        weight="harm",
        advice="if it is a trace of how the data was made, take it out of the texts: the model "
        "would learn nothing else",
        examples=examples(sample[has]),
    )
