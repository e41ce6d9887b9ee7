"""Texts to token ids, all at once, kept as one flat array.

ktrain tokenises text by text and keeps a padded row of Python objects for each. Here texts are
taken in large batches, each distinct word is tokenised once where the tokenizer allows it
(`wordpieces.py`), and the ids of all texts lie one after the other in a single int32 array: four
bytes a token and nothing else. A corpus larger than memory goes to a memory-mapped file instead.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.training.backend import Untyped
from ktrain_sentiment.training.wordpieces import Rows, WordTokens, word_parts

T = TypeVar("T")
U = TypeVar("U")

CHUNK = 2048
"""Texts handed to the tokenizer at once: enough to keep all cores busy, little to hold."""


@dataclass(frozen=True)
class TokenTable:
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


def tokenise(texts: Sequence[str], tokenizer: Untyped, maxlen: int) -> TokenTable:
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
        ids = _with_room(ids, used + len(chunk.ids))
        ids[used : used + len(chunk.ids)] = chunk.ids
        used += len(chunk.ids)
        lengths.append(chunk.lengths)
        truncated.append(chunk.truncated)
    ids.resize(used, refcheck=False)
    offsets = _offsets(_joined(lengths, np.int64))
    return TokenTable(ids, offsets, _joined(truncated, np.bool_))


def _with_room(ids: NDArray[np.int32], wanted: int) -> NDArray[np.int32]:
    """The same array, grown in place: parts that are joined at the end would be there twice."""
    if wanted > len(ids):
        ids.resize(max(wanted, len(ids) + len(ids) // 2), refcheck=False)
    return ids


def tokenise_to_disk(
    texts: Iterable[str],
    tokenizer: Untyped,
    maxlen: int,
    folder: Path,
) -> TokenTable:
    """Tokenise a stream of texts into files of `folder`, and return them memory-mapped.

    Memory stays at one chunk of texts and eight bytes a text, whatever the size of the corpus.

    Args:
        texts: Untyped iterable; it is read once.
        tokenizer: A `tokenizers.Tokenizer`.
        maxlen: Longest result in tokens, special tokens included.
        folder: Where `ids.int32` goes; made if missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lengths, truncated = [], []
    with (folder / "ids.int32").open("wb") as stream:
        for chunk in _encoded_chunks(texts, tokenizer, maxlen):
            stream.write(chunk.ids.tobytes())
            lengths.append(chunk.lengths)
            truncated.append(chunk.truncated)
    offsets = _offsets(_joined(lengths, np.int64))
    ids = (
        np.memmap(folder / "ids.int32", dtype=np.int32, mode="r")
        if offsets[-1]
        else np.empty(0, np.int32)
    )
    return TokenTable(ids=ids, offsets=offsets, truncated=_joined(truncated, np.bool_))


def _encoded_chunks(
    texts: Iterable[str],
    tokenizer: Untyped,
    maxlen: int,
) -> Iterator[TokenTable]:
    before = tokenizer.truncation, tokenizer.padding
    tokenizer.no_padding()
    tokenizer.no_truncation()
    try:
        parts = word_parts(tokenizer)
        words = WordTokens(tokenizer, parts, maxlen) if parts else None
        if words is None:
            tokenizer.enable_truncation(max_length=maxlen)
            found: Iterator[Rows] = (
                _whole_texts(tokenizer, chunk) for chunk in _chunks(texts, CHUNK)
            )
        else:
            found = map(words.encode, _one_ahead(words.read, _chunks(texts, CHUNK)))
        for rows in found:
            yield TokenTable(rows.ids, _offsets(rows.lengths), rows.truncated)
    finally:
        _restore(tokenizer, *before)


def _whole_texts(tokenizer: Untyped, texts: list[str]) -> Rows:
    """Tokenise texts one by one, as any tokenizer can."""
    encodings = tokenizer.encode_batch_fast(texts)
    lengths = np.fromiter((len(e.ids) for e in encodings), np.int64, len(encodings))
    joined = itertools.chain.from_iterable(e.ids for e in encodings)
    ids = np.fromiter(joined, np.int32, int(lengths.sum()))
    cut = np.fromiter((bool(e.overflowing) for e in encodings), np.bool_, len(encodings))
    return Rows(ids, lengths, cut)


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


def _restore(tokenizer: Untyped, truncation: Untyped, padding: Untyped) -> None:
    if truncation is None:
        tokenizer.no_truncation()
    else:
        tokenizer.enable_truncation(**truncation)
    if padding is not None:
        tokenizer.enable_padding(**padding)


def _chunks(texts: Iterable[str], size: int) -> Iterator[list[str]]:
    chunk: list[str] = []
    for text in texts:
        chunk.append(text)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _offsets(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])


def _joined(parts: list[NDArray[Any]], dtype: Untyped) -> NDArray[Any]:
    return np.concatenate(parts) if parts else np.empty(0, dtype)
