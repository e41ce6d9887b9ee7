"""A data set at a glance: classes, lengths, telling words, findings, samples."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ktrain_sentiment.cleaning import MENTION_MASK, URL_MASK, mask_urls
from ktrain_sentiment.data import lengths as measuring
from ktrain_sentiment.data.checks import check_rows
from ktrain_sentiment.data.findings import Example, Finding, found_in
from ktrain_sentiment.data.label_sets import NO_LABELS, one_a_row
from ktrain_sentiment.data.labelled import LabelledTexts, Splits
from ktrain_sentiment.data.lengths import LengthSummary
from ktrain_sentiment.data.repeats import check_splits
from ktrain_sentiment.data.scores import band_names, score_bands
from ktrain_sentiment.messages import count, percent, shorten
from ktrain_sentiment.words import count_words, telling

if TYPE_CHECKING:
    from tokenizers import Tokenizer

TELLING_WORDS = 10
SAMPLE_ROWS = 3
_SAMPLE = 100_000
_LEAST_OCCURRENCES = 3
_MASKS = frozenset(count_words([URL_MASK, MENTION_MASK]))


@dataclass(frozen=True)
class ClassProfile:
    """One class of a data set.

    Attributes:
        label: Its name.
        rows: How many rows have it.
        share: Their share of all rows.
        by_split: How many in train, validation and test.
        words: Its most telling words with their z-scores, the strongest first.
        samples: Some of its rows.
    """

    label: str
    rows: int
    share: float
    by_split: Mapping[str, int]
    words: tuple[tuple[str, float], ...]
    samples: tuple[Example, ...]


@dataclass(frozen=True)
class Profile:
    """What there is to know about a data set before training on it.

    Attributes:
        source: What was read.
        rows_read: Rows in the source.
        rows_used: Rows after those that cannot be used or are not wanted.
        sizes: Rows in train, validation and test; empty where they are not divided.
        classes: The classes, largest first.
        lengths: How long the texts are.
        findings: What the checks found, the worst first.
        notes: What was chosen and left out on the way.
        cleaning: Steps that were applied to the texts.
        fingerprint: SHA-256 of the splits; empty where there are none.
    """

    source: str
    rows_read: int
    rows_used: int
    sizes: Mapping[str, int]
    classes: tuple[ClassProfile, ...]
    lengths: LengthSummary
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    cleaning: tuple[str, ...]
    fingerprint: str

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return dataclasses.asdict(self)


def profile(
    read: LabelledTexts,
    kept: LabelledTexts,
    splits: Splits | None = None,
    tokenizer: Tokenizer | None = None,
    maxlen: int | None = None,
) -> Profile:
    """Look at a data set from all sides.

    Args:
        read: All rows, as `read_rows` gives them.
        kept: Those that are used, as `keep_rows` gives them.
        splits: Those rows, divided, if they can be.
        tokenizer: Of the encoder that will read the texts; words are counted without one.
        maxlen: If given, texts that it would cut are a finding.
    """
    texts = kept.frame["text"]
    shown, parts = kept, splits
    if kept.config.task in _SHOWN_BY:
        shown, parts = _SHOWN_BY[kept.config.task](kept, splits)
    sample = texts.iloc[:: max(1, -(-len(texts) // measuring.SAMPLE))].tolist()
    if tokenizer is None:
        own_lengths, unit = measuring.word_lengths(sample), "words"
    else:
        own_lengths, unit = measuring.token_lengths(sample, tokenizer), "tokens"
    findings = [*check_rows(read), *(check_splits(splits) if splits else ())]
    if maxlen is not None and tokenizer is not None:
        findings += _cut(kept.frame, own_lengths, maxlen)
    return Profile(
        source=kept.source,
        rows_read=len(read),
        rows_used=len(kept),
        sizes=splits.sizes() if splits else {},
        classes=_classes(shown, parts, len(kept)),
        lengths=measuring.summarise(own_lengths, unit),
        findings=tuple(sorted(findings, key=_badness)),
        notes=(*kept.notes, *(splits.notes if splits else ())),
        cleaning=tuple(kept.config.cleaning),
        fingerprint=splits.fingerprint if splits else "",
    )


def _in_bands(kept: LabelledTexts, splits: Splits | None) -> tuple[LabelledTexts, Splits | None]:
    """The same with the quarter of its score as each row's label."""
    ends = score_bands(kept.frame["label"].astype(float))

    def banded(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(label=band_names(frame["label"], ends))

    return _with_frames(kept, splits, banded)


def _one_a_label(kept: LabelledTexts, splits: Splits | None) -> tuple[LabelledTexts, Splits | None]:
    """The same with a row for each label of each row."""

    def apart(frame: pd.DataFrame) -> pd.DataFrame:
        return one_a_row(frame).replace({"label": {"": NO_LABELS}}).reset_index(drop=True)

    return _with_frames(kept, splits, apart)


def _with_frames(
    kept: LabelledTexts, splits: Splits | None, change: Callable[[pd.DataFrame], pd.DataFrame]
) -> tuple[LabelledTexts, Splits | None]:
    shown = dataclasses.replace(kept, frame=change(kept.frame))
    if splits is None:
        return shown, None
    train, validation, test = map(change, splits.frames().values())
    return shown, dataclasses.replace(splits, train=train, validation=validation, test=test)


_SHOWN_BY = {"score": _in_bands, "multi": _one_a_label}
"""What stands for classes where a task has none."""


def _badness(finding: Finding) -> int:
    return ("error", "warning", "info").index(finding.severity)


def _cut(frame: pd.DataFrame, own_lengths: measuring.Lengths, maxlen: int) -> list[Finding]:
    cut = own_lengths > maxlen
    sample = frame.iloc[:: max(1, -(-len(frame) // measuring.SAMPLE))]
    lost = (own_lengths[cut] - maxlen).sum() / own_lengths.sum()
    half = int((own_lengths > 2 * maxlen).sum())
    return found_in(
        sample, cut, "cut texts", "warning" if cut.mean() > 1 - measuring.COVERED else "info",
        f"{count(int(cut.sum()), 'text')} ({percent(cut.mean())}) longer than --maxlen "
        f"{maxlen}{f', {half:,} of them more than twice' if half else ''}; "
        f"{percent(float(lost))} of all tokens lie beyond, and --long-texts says what is read",
        "a greater --maxlen reads more and takes longer, see the lengths",
        (f"{n:,} tokens" for n in own_lengths[cut]),
    )  # fmt: skip


def _classes(kept: LabelledTexts, splits: Splits | None, all_rows: int) -> tuple[ClassProfile, ...]:
    frame = kept.frame
    counts = frame["label"].value_counts()
    frames = splits.frames() if splits else {}
    by_split = {name: own["label"].value_counts().to_dict() for name, own in frames.items()}
    masked = bool({"urls", "mentions"} & set(kept.config.cleaning))
    words = telling_words(frame, _MASKS if masked else frozenset())
    return tuple(
        ClassProfile(
            label=str(label),
            rows=int(rows),
            share=float(rows / all_rows),
            by_split={name: int(own.get(label, 0)) for name, own in by_split.items()},
            words=words[str(label)],
            samples=_samples(frame, np.flatnonzero(frame["label"] == label)),
        )
        for label, rows in counts.items()
    )


def _samples(frame: pd.DataFrame, rows: NDArray[np.int64]) -> tuple[Example, ...]:
    """Some of these rows, from the whole length of the source, the same each time."""
    picked = frame.iloc[rows[:: max(1, -(-len(rows) // SAMPLE_ROWS))][:SAMPLE_ROWS]]
    return tuple(
        Example(int(row), shorten(text, 240))
        for row, text in zip(picked["row"], picked["text"], strict=True)
    )


def telling_words(
    frame: pd.DataFrame, ignored: frozenset[str] = frozenset()
) -> dict[str, tuple[tuple[str, float], ...]]:
    """The words that tell each class from the others, with z-scores, the strongest first.

    Links are not looked at.

    Args:
        frame: Columns `text` and `label`; every n-th row of a very large one is taken.
        ignored: Words not to show, such as what links were replaced by.
    """
    sample = frame.iloc[:: max(1, -(-len(frame) // _SAMPLE))]
    sample = sample.assign(text=[mask_urls(text, "") for text in sample["text"]])
    bags = {str(label): count_words(rows["text"]) for label, rows in sample.groupby("label")}
    everything = sum(bags.values(), Counter[str]())
    found = {str(label): () for label in frame["label"].unique()}
    return found | {
        label: tuple(
            (word, score)
            for word, score in telling(bag, everything - bag, everything)
            if bag[word] >= _LEAST_OCCURRENCES and word not in ignored
        )[:TELLING_WORDS]
        for label, bag in bags.items()
    }
