"""Texts to their distinct words, by arrays of bytes.

A word here is a run of bytes between white space and punctuation of ASCII, and each mark of
punctuation is a word of its own. Other alphabets' marks and spaces stay inside words: whoever reads
a word further takes it apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Integers = NDArray[np.int64]

BLOCK = 256
"""Texts whose bytes are looked at together: few enough to stay in the processor's cache."""

POOL = pa.system_memory_pool()
"""Where arrays lie: pyarrow's usual pool keeps what it once had, 35 MB for blocks of this size."""

_SPACES = b" \t\n\r"
_SPACE, _LETTER, _MARK = 0, 1, 2
_LOWER = bytes(range(256)).lower()


def _kind(byte: int) -> int:
    if byte in _SPACES:
        return _SPACE
    printable = 0x21 <= byte <= 0x7E
    return _MARK if printable and not chr(byte).isalnum() else _LETTER


_KINDS = bytes(map(_kind, range(256)))


@dataclass(frozen=True)
class SplitTexts:
    """The words of some texts.

    Attributes:
        distinct: The different words, UTF-8, as they are met.
        numbers: Which of them each word is, text after text; int32 of shape (words,).
        counts: Words of each text, int64 of shape (texts,).
    """

    distinct: list[bytes]
    numbers: NDArray[np.int32]
    counts: Integers


def split_words(texts: Sequence[str], *, lower: bool) -> SplitTexts:
    """Find the words of texts.

    Args:
        texts: The texts.
        lower: Whether to turn the letters A to Z into small ones.
    """
    words, counts = [], [np.empty(0, np.int64)]
    for first in range(0, len(texts), BLOCK):
        found, count = _split_block(texts[first : first + BLOCK], lower=lower)
        words.append(found)
        counts.append(count)
    together = pa.chunked_array(words, pa.binary())
    encoded = pc.dictionary_encode(together, memory_pool=POOL).combine_chunks(memory_pool=POOL)
    return SplitTexts(
        distinct=encoded.dictionary.to_pylist(),
        numbers=encoded.indices.to_numpy(),
        counts=np.concatenate(counts),
    )


def _split_block(texts: Sequence[str], *, lower: bool) -> tuple[pa.Array, Integers]:
    """All words of some texts, and how many each text has."""
    joined = pa.array(texts, pa.large_string(), memory_pool=POOL)
    offsets = np.frombuffer(joined.buffers()[1], np.int64, len(texts) + 1)
    raw = joined.buffers()[2].to_pybytes()[: offsets[-1]] if offsets[-1] else b""
    starts, lengths = _words_of(np.frombuffer(raw.translate(_KINDS), np.uint8), offsets)
    words = _as_arrow(raw.translate(_LOWER if lower else None, _SPACES), lengths)
    return words, np.diff(np.searchsorted(starts, offsets)).astype(np.int64)


def _words_of(kinds: NDArray[np.uint8], offsets: Integers) -> tuple[Integers, Integers]:
    """First byte and number of bytes of each word, from the kind of each byte."""
    letter = kinds == _LETTER
    first, last = letter.copy(), letter.copy()
    first[1:] &= ~letter[:-1]
    last[:-1] &= ~letter[1:]
    edges = offsets[(offsets > 0) & (offsets < len(kinds))]
    first[edges], last[edges - 1] = letter[edges], letter[edges - 1]
    begins = np.flatnonzero(first | (kinds == _MARK))
    lengths = np.ones(len(begins), np.int64)
    lengths[first[begins]] = np.flatnonzero(last) + 1 - np.flatnonzero(first)
    return begins, lengths


def _as_arrow(contents: bytes, lengths: Integers) -> pa.Array:
    """Strings that lie one after the other, without copying them."""
    ends = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(lengths, out=ends[1:])
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(contents)]
    return pa.Array.from_buffers(pa.binary(), len(lengths), buffers)
