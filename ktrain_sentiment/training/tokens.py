"""Texts to token ids, all at once, kept as one flat array.

ktrain tokenises text by text and keeps a padded row of Python objects for each. Here texts are
taken in large batches, each distinct word is tokenised once where the tokenizer allows it
(`wordpieces.py`), and the ids of all texts lie one after the other in a single int32 array: four
bytes a token and nothing else.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.training.backend import Untyped
from ktrain_sentiment.training.wordpieces import TokenBatch, WordTokens, word_parts

T = TypeVar("T")
U = TypeVar("U")

CHUNK = 2048
"""Texts handed to the tokenizer at once: enough to keep all cores busy, little to hold."""


@dataclass(frozen=True)
class RaggedTokens:
    """Token ids of many texts.

    Attributes:
        ids: All ids, text after text; int32 of shape (tokens,).
        offsets: Where each text starts, and the end; int64 of shape (texts + 1,).
        truncated: Which texts lost their end to maxlen; bool of shape (texts,).
    """

    ids: NDArray[np.int32]
    offsets: NDArray[np.int64]
    truncated: NDArray[np.bool_]

    def __len__(self) -> int:
        """Number of texts."""
        return len(self.offsets) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each text, special tokens included; int64 of shape (texts,)."""
        return np.diff(self.offsets)

    def row(self, index: int) -> NDArray[np.int32]:
        """The ids of one text."""
        return self.ids[self.offsets[index] : self.offsets[index + 1]]

    def padded(
        self, rows: NDArray[np.int64], width: int, pad_id: int
    ) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Ids and attention mask of some texts, both int32 of shape (rows, width)."""
        starts, lengths = self.offsets[rows], self.offsets[rows + 1] - self.offsets[rows]
        columns = np.arange(width)
        mask = columns < lengths[:, None]
        where = np.where(mask, starts[:, None] + columns, 0)
        ids = np.where(mask, self.ids[where], np.int32(pad_id)) if len(self.ids) else where
        return ids.astype(np.int32, copy=False), mask.astype(np.int32)


def tokenize(texts: Sequence[str], tokenizer: Untyped, maxlen: int) -> RaggedTokens:
    """Tokenise texts in memory.

    Args:
        texts: The texts.
        tokenizer: A `tokenizers.Tokenizer` with its post-processor (special tokens) in place;
            its padding and truncation settings are left as they were.
        maxlen: Longest result in tokens, special tokens included.
    """
    ids = np.empty(0, np.int32)
    lengths, truncated, used = [], [], 0
    for chunk in _encoded_chunks(texts, tokenizer, maxlen):
        wanted = used + len(chunk.ids)
        if wanted > len(ids):
            # Grown in place: parts that are joined at the end would be there twice.
            ids.resize(max(wanted, len(ids) + len(ids) // 2), refcheck=False)
        ids[used : used + len(chunk.ids)] = chunk.ids
        used += len(chunk.ids)
        lengths.append(chunk.lengths)
        truncated.append(chunk.truncated)
    ids.resize(used, refcheck=False)
    ends = np.cumsum(np.concatenate([np.zeros(1, np.int64), *lengths]), dtype=np.int64)
    return RaggedTokens(ids, ends, np.concatenate([np.empty(0, np.bool_), *truncated]))


def _encoded_chunks(
    texts: Sequence[str],
    tokenizer: Untyped,
    maxlen: int,
) -> Iterator[TokenBatch]:
    before = tokenizer.truncation, tokenizer.padding
    tokenizer.no_padding()
    tokenizer.no_truncation()
    chunks = (list(texts[first : first + CHUNK]) for first in range(0, len(texts), CHUNK))
    try:
        parts = word_parts(tokenizer)
        words = WordTokens(tokenizer, parts, maxlen) if parts else None
        if words is None:
            tokenizer.enable_truncation(max_length=maxlen)
            yield from (_whole_texts(tokenizer, chunk) for chunk in chunks)
        else:
            # Finding words is arrays, asking the tokenizer is Rust: both let go of Python's lock.
            yield from map(words.encode, _one_ahead(words.read, chunks))
    finally:
        truncation, padding = before
        tokenizer.no_truncation()
        if truncation is not None:
            tokenizer.enable_truncation(**truncation)
        if padding is not None:
            tokenizer.enable_padding(**padding)


def _whole_texts(tokenizer: Untyped, texts: list[str]) -> TokenBatch:
    """Tokenise texts one by one, as any tokenizer can."""
    encodings = tokenizer.encode_batch_fast(texts)
    lengths = np.fromiter((len(e.ids) for e in encodings), np.int64, len(encodings))
    joined = itertools.chain.from_iterable(e.ids for e in encodings)
    ids = np.fromiter(joined, np.int32, int(lengths.sum()))
    cut = np.fromiter((bool(e.overflowing) for e in encodings), np.bool_, len(encodings))
    return TokenBatch(ids, lengths, cut)


def _one_ahead(work: Callable[[T], U], items: Iterable[T]) -> Iterator[U]:
    """The results of work, each begun in a thread while the one before is in use."""
    with ThreadPoolExecutor(1) as thread:
        coming: Future[U] | None = None
        for item in items:
            begun = thread.submit(work, item)
            if coming is not None:
                yield coming.result()
            coming = begun
        if coming is not None:
            yield coming.result()
