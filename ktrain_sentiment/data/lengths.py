"""How long texts are in an encoder's tokens, and what cutting them off costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.errors import EncoderError, is_failure, one_line

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PERCENTILES = (5, 25, 50, 75, 90, 95, 99)
CHOICES = (32, 48, 64, 96, 128, 192, 256, 384, 512)
COVERED = 0.95
"""The suggested maxlen is the smallest choice that leaves this share of the texts whole."""
SAMPLE = 100_000
_BATCH = 1_000

Lengths = NDArray[np.int64]


@dataclass(frozen=True)
class Choice:
    """What one maxlen would do.

    Attributes:
        maxlen: Tokens that are read of a text, special tokens included.
        cut: Share of the texts that lose their end.
        lost: Share of all tokens that is not read.
        cost: Tokens to compute, as a multiple of those at the suggested maxlen.
    """

    maxlen: int
    cut: float
    lost: float
    cost: float


@dataclass(frozen=True)
class LengthSummary:
    """The lengths of a set of texts.

    Attributes:
        unit: tokens, or words where no tokenizer is at hand.
        texts: How many texts were measured.
        mean: Their mean length.
        longest: The longest.
        percentiles: Length at each of `PERCENTILES`.
        suggested: A maxlen that leaves most texts whole; None for words.
        choices: What each maxlen would do; none for words.
        histogram: Counts in equal steps from 0 to the 99th percentile, longer ones in the last.
        step: Width of a step.
    """

    unit: str
    texts: int
    mean: float
    longest: int
    percentiles: dict[int, int]
    suggested: int | None
    choices: tuple[Choice, ...]
    histogram: tuple[int, ...]
    step: int


def load_tokenizer(place: Path) -> Tokenizer:
    """The tokenizer of an encoder folder, or a `tokenizer.json` itself, without its limits.

    Raises:
        EncoderError: There is none, or it cannot be read.
    """
    from tokenizers import Tokenizer

    file = place / "tokenizer.json" if place.is_dir() else place
    if not file.is_file():
        raise EncoderError(f"{file}: no such file; wanted an encoder's folder or tokenizer.json")
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except BaseException as error:
        if not is_failure(error):
            raise
        raise EncoderError(f"{file}: not a tokenizer: {one_line(error)}") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def token_lengths(texts: Sequence[str], tokenizer: Tokenizer) -> Lengths:
    """Tokens of each text, special tokens included."""
    lengths: list[int] = []
    for start in range(0, len(texts), _BATCH):
        encoded = tokenizer.encode_batch_fast(list(texts[start : start + _BATCH]))
        lengths += [len(one) for one in encoded]
    return np.array(lengths, dtype=np.int64)


def word_lengths(texts: Sequence[str]) -> Lengths:
    """Words of each text, by white space."""
    return np.array([len(text.split()) for text in texts], dtype=np.int64)


def summarise(lengths: Lengths, unit: str) -> LengthSummary:
    """Describe lengths and what each maxlen would do.

    Args:
        lengths: At least one.
        unit: What they count: tokens or words.
    """
    known = np.percentile(lengths, PERCENTILES, method="higher").astype(int)
    suggested = _suggest(lengths) if unit == "tokens" else None
    step = max(1, -(-int(np.percentile(lengths, 99)) // 20))
    bins = np.bincount(np.minimum(lengths // step, 20), minlength=21)
    return LengthSummary(
        unit=unit,
        texts=len(lengths),
        mean=float(lengths.mean()),
        longest=int(lengths.max()),
        percentiles=dict(zip(PERCENTILES, known.tolist(), strict=True)),
        suggested=suggested,
        choices=_choices(lengths, suggested) if suggested else (),
        histogram=tuple(bins.tolist()),
        step=step,
    )


def _suggest(lengths: Lengths) -> int:
    whole = (maxlen for maxlen in CHOICES if (lengths <= maxlen).mean() >= COVERED)
    return next(whole, CHOICES[-1])


def _choices(lengths: Lengths, suggested: int) -> tuple[Choice, ...]:
    """Choices up to the first that cuts nothing."""
    base = np.minimum(lengths, suggested).sum()
    choices = []
    for maxlen in CHOICES:
        read = np.minimum(lengths, maxlen).sum()
        cut, lost = float((lengths > maxlen).mean()), 1 - read / lengths.sum()
        choices.append(Choice(maxlen, cut, float(lost), float(read / base)))
        if cut == 0:
            break
    return tuple(choices)
