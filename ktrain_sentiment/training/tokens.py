"""Texts to token ids, all at once, kept as one flat array.

ktrain tokenises text by text and keeps a padded row of Python objects for each. Here texts are
taken in large batches, each distinct word is tokenised once where the tokenizer allows it
(`wordpieces.py`), and the ids of all texts lie one after the other in a single int32 array: four
bytes a token and nothing else.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.inputs import text_and_second
from ktrain_sentiment.predictor.long_texts import PairReader, RowReader, whole_tokens
from ktrain_sentiment.reading_rules import LongTexts
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
        offsets: Where each row starts, and the end; int64 of shape (rows + 1,). A text is one row,
            or several that follow each other: its windows.
        longer: Which texts have more than maxlen tokens; bool of shape (texts,).
        windows: Rows of each text, int64 of shape (texts,).
    """

    ids: NDArray[np.int32]
    offsets: NDArray[np.int64]
    longer: NDArray[np.bool_]
    windows: NDArray[np.int64]

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.offsets) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each row, special tokens included; int64 of shape (rows,)."""
        return np.diff(self.offsets)

    def row(self, index: int) -> NDArray[np.int32]:
        """The ids of one row."""
        return self.ids[self.offsets[index] : self.offsets[index + 1]]

    def padded(
        self, rows: NDArray[np.int64], width: int, pad_id: int
    ) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Ids and attention mask of some rows, both int32 of shape (rows, width)."""
        starts, lengths = self.offsets[rows], self.offsets[rows + 1] - self.offsets[rows]
        columns = np.arange(width)
        mask = columns < lengths[:, None]
        where = np.where(mask, starts[:, None] + columns, 0)
        ids = np.where(mask, self.ids[where], np.int32(pad_id)) if len(self.ids) else where
        return ids.astype(np.int32, copy=False), mask.astype(np.int32)


def tokenize(
    texts: Sequence[str],
    tokenizer: Untyped,
    maxlen: int,
    long_texts: LongTexts = "head",
    *,
    pairs: bool = False,
) -> RaggedTokens:
    """Tokenise texts in memory.

    Args:
        texts: The texts.
        tokenizer: A `tokenizers.Tokenizer` with its post-processor (special tokens) in place;
            its padding and truncation settings are left as they were.
        maxlen: Longest row in tokens, special tokens included.
        long_texts: What to read of longer texts.
        pairs: Texts are pairs, as `Inputs.join` makes one of them; the ids of their second texts
            are marked, see `apart`.

    Raises:
        ConfigError: The tokenizer has no way to tell two texts apart.
    """
    ids = np.empty(0, np.int32)
    lengths, longer, windows, used = [], [], [], 0
    for chunk in _encoded_chunks(texts, tokenizer, maxlen, long_texts, pairs=pairs):
        wanted = used + len(chunk.ids)
        if wanted > len(ids):
            # Grown in place: parts that are joined at the end would be there twice.
            ids.resize(max(wanted, len(ids) + len(ids) // 2), refcheck=False)
        ids[used : used + len(chunk.ids)] = chunk.ids
        used += len(chunk.ids)
        lengths.append(chunk.lengths)
        longer.append(chunk.longer)
        windows.append(chunk.windows)
    ids.resize(used, refcheck=False)
    ends = np.cumsum(np.concatenate([np.zeros(1, np.int64), *lengths]), dtype=np.int64)
    return RaggedTokens(
        ids,
        ends,
        np.concatenate([np.empty(0, np.bool_), *longer]),
        np.concatenate([np.empty(0, np.int64), *windows]),
    )


def _encoded_chunks(
    texts: Sequence[str], tokenizer: Untyped, maxlen: int, long_texts: LongTexts, *, pairs: bool
) -> Iterator[TokenBatch]:
    before = tokenizer.truncation, tokenizer.padding
    tokenizer.no_padding()
    tokenizer.no_truncation()
    chunks = (list(texts[first : first + CHUNK]) for first in range(0, len(texts), CHUNK))
    try:
        if pairs:
            both = PairReader.of(tokenizer, maxlen)
            yield from (_pairs(tokenizer, chunk, both, long_texts) for chunk in chunks)
            return
        reader = RowReader.of(tokenizer, maxlen)
        parts = word_parts(tokenizer)
        if parts is None:
            tokenizer.enable_truncation(max_length=maxlen)
            yield from (_whole_texts(tokenizer, chunk, reader, long_texts) for chunk in chunks)
        else:
            words = WordTokens(tokenizer, parts, reader, long_texts)
            # Finding words is arrays, asking the tokenizer is Rust: both let go of Python's lock.
            yield from map(words.encode, _one_ahead(words.read, chunks))
    finally:
        truncation, padding = before
        tokenizer.no_truncation()
        if truncation is not None:
            tokenizer.enable_truncation(**truncation)
        if padding is not None:
            tokenizer.enable_padding(**padding)


def _whole_texts(
    tokenizer: Untyped, texts: list[str], reader: RowReader, long_texts: LongTexts
) -> TokenBatch:
    """Tokenise texts one by one, as any tokenizer can."""
    encodings = tokenizer.encode_batch_fast(texts)
    cut = np.fromiter((bool(e.overflowing) for e in encodings), np.bool_, len(encodings))
    rows = [
        [reader.wrapped(row) for row in reader.rows(whole_tokens(encoding), long_texts)]
        if longer and long_texts != "head"
        else [encoding.ids]
        for encoding, longer in zip(encodings, cut.tolist(), strict=True)
    ]
    counts = np.fromiter(map(len, rows), np.int64, len(rows))
    each = list(itertools.chain.from_iterable(rows))
    lengths = np.fromiter(map(len, each), np.int64, len(each))
    ids = np.fromiter(itertools.chain.from_iterable(each), np.int32, int(lengths.sum()))
    return TokenBatch(ids, lengths, cut, counts)


def _pairs(
    tokenizer: Untyped, texts: list[str], reader: PairReader, long_texts: LongTexts
) -> TokenBatch:
    """Tokenise pairs, whose texts stand in rows as prediction puts them there."""
    encode = functools.partial(tokenizer.encode_batch_fast, add_special_tokens=False)
    halves = [text_and_second(text) for text in texts]
    firsts, seconds = (encode(list(some)) for some in zip(*halves, strict=True))
    found = [
        reader.rows(whole_tokens(one), whole_tokens(other), long_texts)
        for one, other in zip(firsts, seconds, strict=True)
    ]
    each = [row for rows, _, _ in found for row in rows]
    return TokenBatch(
        np.concatenate(each).astype(np.int32),
        np.fromiter(map(len, each), np.int64, len(each)),
        np.array([longer for _, longer, _ in found], np.bool_),
        np.array([len(rows) for rows, _, _ in found], np.int64),
    )


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
