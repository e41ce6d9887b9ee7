"""Tokenise each distinct word of a corpus once, where a text's tokens are those of its words.

BERT's tokenizers clean a text character by character, split it at white space and punctuation, and
cut each word into pieces by itself. So what stands between two spaces has the same tokens wherever
it stands, and so has each of its words. A corpus has a hundredth as many different words as words:
they are looked up, and arrays do the rest. The Rust tokenizer still decides every token.
"""

from __future__ import annotations

import itertools
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.training.backend import Untyped

MOST_CHUNKS = 1_000_000
"""Distinct chunks remembered; beyond it the memory starts again from nothing."""

_WORD = re.compile(r"[0-9A-Za-z]+|[^0-9A-Za-z]")
"""In printable ASCII everything that is neither letter nor digit is punctuation to BERT."""

Integers = NDArray[np.int64]
Ids = NDArray[np.int32]


@dataclass(frozen=True)
class Rows:
    """Token ids of some texts, special tokens included.

    Attributes:
        ids: All ids, text after text; int32 of shape (tokens,).
        lengths: Tokens of each text, int64 of shape (texts,).
        truncated: Which texts lost their end; bool of shape (texts,).
    """

    ids: Ids
    lengths: Integers
    truncated: NDArray[np.bool_]


def is_by_word(tokenizer: Untyped) -> bool:
    """Whether a tokenizer's tokens of a text are those of what stands between its spaces."""
    parts = json.loads(tokenizer.to_str())
    kinds = [
        (parts.get(name) or {}).get("type") for name in ("normalizer", "pre_tokenizer", "model")
    ]
    apart = all(" " not in t["content"] and not t["single_word"] for t in parts["added_tokens"])
    return kinds == ["BertNormalizer", "BertPreTokenizer", "WordPiece"] and apart


class WordTokens:
    """Turns texts into tokens, and remembers every word.

    Args:
        tokenizer: A `tokenizers.Tokenizer` for which `is_by_word` holds, without padding and
            truncation.
        maxlen: Longest text in tokens, special tokens included.
    """

    def __init__(self, tokenizer: Untyped, maxlen: int) -> None:
        """Find out what the tokenizer puts around a text."""
        self._tokenizer = tokenizer
        parts = json.loads(tokenizer.to_str())
        added = [re.escape(token["content"]) for token in parts["added_tokens"]]
        self._added = re.compile("|".join(added) or r"(?!)")
        self._lowers = bool(parts["normalizer"]["lowercase"])
        whole, bare = tokenizer.encode("a").ids, self._ask(["a"])[0].ids
        at = next(k for k in range(len(whole)) if whole[k : k + len(bare)] == bare)
        self._before = np.array(whole[:at], np.int32)
        self._after = np.array(whole[at + len(bare) :], np.int32)
        self._room = max(maxlen - len(self._before) - len(self._after), 0)
        self._words, self._chunks = _Memory(), _Memory()

    def encode(self, texts: Sequence[str]) -> Rows:
        """Tokenise some texts."""
        if len(self._chunks) > MOST_CHUNKS:
            self._words, self._chunks = _Memory(), _Memory()
        # Of a long text the first chunks suffice, unless many of its spaces have nothing between.
        split = [text.split(" ", self._room) for text in texts]
        rest = [parts.pop() if len(parts) > self._room else "" for parts in split]
        found = self._look_up(split)
        short = [k for k in np.flatnonzero(found.total < self._room).tolist() if rest[k]]
        if short:
            for k in short:
                split[k], rest[k] = texts[k].split(" "), ""
            found = self._look_up(split)
        cut = np.fromiter((bool(end.strip()) for end in rest), np.bool_, len(rest))
        return self._rows(found, cut)

    def _look_up(self, split: Sequence[list[str]]) -> _Spans:
        """Where the tokens of all chunks are; those of new chunks are found first."""
        numbers = self._chunks.numbers(itertools.chain.from_iterable(split))
        self._learn_chunks(self._chunks.unknown())
        return self._chunks.spans(numbers, np.fromiter(map(len, split), np.int64, len(split)))

    def _learn_chunks(self, new: list[str]) -> None:
        """A chunk's tokens are those of its words."""
        words = [self._words_of(chunk) for chunk in new]
        numbers = self._words.numbers(itertools.chain.from_iterable(words))
        self._learn_words(self._words.unknown())
        found = self._words.spans(numbers, np.fromiter(map(len, words), np.int64, len(words)))
        self._chunks.learn(self._words.ids[_ranges(found.starts, found.lengths)], found.total)

    def _learn_words(self, new: list[str]) -> None:
        """A word's tokens are what the tokenizer says."""
        found = [encoding.ids for encoding in self._ask(new)] if new else []
        lengths = np.fromiter(map(len, found), np.int64, len(found))
        joined = itertools.chain.from_iterable(found)
        self._words.learn(np.fromiter(joined, np.int32, int(lengths.sum())), lengths)

    def _words_of(self, chunk: str) -> list[str]:
        """Words and marks of plain ASCII; anything else is left to the tokenizer as it is."""
        plain = chunk.isascii() and chunk.isprintable()
        if not plain or self._added.search(chunk):
            return [chunk]
        return _WORD.findall(chunk.lower() if self._lowers else chunk)

    def _ask(self, words: list[str]) -> list[Untyped]:
        """Encodings without special tokens."""
        return list(self._tokenizer.encode_batch_fast(words, add_special_tokens=False))

    def _rows(self, chunks: _Spans, cut: NDArray[np.bool_]) -> Rows:
        """Put the chunks' tokens one after the other, as many as there is room for."""
        kept = np.clip(self._room - chunks.before, 0, chunks.lengths)
        inner = np.minimum(chunks.total, self._room)
        lengths = inner + len(self._before) + len(self._after)
        ends = np.cumsum(lengths)
        ids = np.empty(int(lengths.sum()), np.int32)
        places = _ranges(ends - lengths + len(self._before), inner)
        ids[places] = self._chunks.ids[_ranges(chunks.starts, kept)]
        for k, token in enumerate(self._before):
            ids[ends - lengths + k] = token
        for k, token in enumerate(self._after[::-1], start=1):
            ids[ends - k] = token
        return Rows(ids, lengths, cut | (chunks.total > self._room))


class _Memory:
    """Strings in the order in which they were met, and the token ids of each."""

    def __init__(self) -> None:
        """Know nothing."""
        self._numbers: defaultdict[str, int] = defaultdict(itertools.count().__next__)
        self._ends = np.zeros(1, np.int64)
        self.ids = np.empty(0, np.int32)

    def __len__(self) -> int:
        """Number of strings."""
        return len(self._numbers)

    def numbers(self, strings: Iterable[str]) -> Integers:
        """The number of each string; a new one gets the next."""
        return np.fromiter(map(self._numbers.__getitem__, strings), np.int64)

    def unknown(self) -> list[str]:
        """The strings that have a number but no ids yet."""
        return list(itertools.islice(self._numbers, len(self._ends) - 1, None))

    def learn(self, ids: Ids, lengths: Integers) -> None:
        """Keep the ids of the unknown strings, one string's after the other's."""
        self.ids = np.concatenate([self.ids, ids])
        self._ends = np.concatenate([self._ends, self._ends[-1] + np.cumsum(lengths)])

    def spans(self, numbers: Integers, counts: Integers) -> _Spans:
        """Where the ids of strings lie, `counts` strings belonging together."""
        starts, ends = self._ends[numbers], self._ends[numbers + 1]
        return _Spans(starts, ends - starts, counts)


@dataclass(frozen=True)
class _Spans:
    """The parts of some texts: where each part's ids start, and how many it has.

    Attributes:
        starts: Place of a part's first id, int64 of shape (parts,).
        lengths: Number of its ids, int64 of shape (parts,).
        counts: Number of parts of each text, int64 of shape (texts,).
    """

    starts: Integers
    lengths: Integers
    counts: Integers

    @property
    def total(self) -> Integers:
        """Ids of each text."""
        running = np.concatenate([np.zeros(1, np.int64), np.cumsum(self.lengths)])
        ends = np.cumsum(self.counts)
        return np.asarray(running[ends] - running[ends - self.counts], np.int64)

    @property
    def before(self) -> Integers:
        """Ids of the same text that stand before each part."""
        running = np.cumsum(self.lengths) - self.lengths
        texts = np.cumsum(self.total) - self.total
        return np.asarray(running - np.repeat(texts, self.counts), np.int64)


def _ranges(starts: Integers, lengths: Integers) -> Integers:
    """start, start + 1, ... for each start, as many as its length, one after the other."""
    total = int(lengths.sum())
    shift = starts - (np.cumsum(lengths) - lengths)
    return np.repeat(shift, lengths) + np.arange(total)
