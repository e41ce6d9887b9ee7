"""Tokenise each distinct word of a corpus once, where a text's tokens are those of its words.

BERT's tokenizers clean a text character by character, split it at white space and punctuation, and
cut each word into pieces by itself. So what stands between two spaces or marks has the same tokens
wherever it stands. A corpus has a hundredth as many different words as words: arrays find them
(`split_words`), the Rust tokenizer decides the tokens of each, and arrays put them together.
"""

from __future__ import annotations

import itertools
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ktrain_sentiment.predictor.long_texts import RowReader, shortened
from ktrain_sentiment.reading_rules import LongTexts
from ktrain_sentiment.training.backend import Untyped

MOST_WORDS = 1_000_000
"""Distinct words remembered; beyond it the memory starts again from nothing."""
LETTERS_A_TOKEN = 6
"""So many characters for each token that is wanted are read of a long text at first; English has
about five, its spaces included. Where they do not suffice the whole text is read."""

Ids = NDArray[np.int32]
Integers = NDArray[np.int64]

BLOCK = 256
"""Texts whose bytes are looked at together: few enough to stay in the processor's cache."""

POOL = pa.system_memory_pool()
"""Where arrays lie: pyarrow's usual pool keeps what it once had, 35 MB for blocks of this size."""

# A word is a run of bytes between white space and punctuation of ASCII, and each mark of
# punctuation is a word of its own. Other alphabets' marks and spaces stay inside words: the
# tokenizer, which reads a word further, takes those apart.
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
    # Arrow joins the texts and knows where each begins; UTF-8 keeps bytes below 128 to ASCII, so
    # that spaces and marks can be told byte by byte.
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
    # The last word of a text and the first of the next touch here, and are two.
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


@dataclass(frozen=True)
class TokenBatch:
    """Token ids of some texts, special tokens included.

    Attributes:
        ids: All ids, row after row; int32 of shape (tokens,).
        lengths: Tokens of each row, int64 of shape (rows,).
        longer: Which texts have more tokens than fit into a row; bool of shape (texts,).
        windows: Rows of each text, int64 of shape (texts,).
    """

    ids: Ids
    lengths: Integers
    longer: NDArray[np.bool_]
    windows: Integers


@dataclass(frozen=True)
class ReadTexts:
    """Some texts and their words.

    Attributes:
        texts: The texts.
        read: What was read of each: as a rule its beginning, if it is long.
        odd: Texts that the tokenizer must see whole.
        split: The words of all others.
    """

    texts: Sequence[str]
    read: list[str]
    odd: list[int]
    split: SplitTexts


class WordTokens:
    """Turns texts into tokens, and remembers every word.

    Args:
        tokenizer: A `tokenizers.Tokenizer` without padding and truncation.
        parts: What `word_parts` found in it.
        reader: Cuts a text's tokens into rows.
        long_texts: What it keeps of those that are too many for one.
    """

    def __init__(
        self, tokenizer: Untyped, parts: WordParts, reader: RowReader, long_texts: LongTexts
    ) -> None:
        """Know no word yet."""
        self._tokenizer = tokenizer
        self._model = tokenizer.model
        self._parts = parts
        self._reader, self._long_texts = reader, long_texts
        self._memory = _Memory()

    def read(self, texts: Sequence[str]) -> ReadTexts:
        """Find the words of some texts; may be called in another thread than `encode`."""
        if self._long_texts != "head":
            maxlen, rule = self._reader.maxlen, self._long_texts
            return self._split(texts, [shortened(text, maxlen, rule) for text in texts])
        enough = LETTERS_A_TOKEN * (self._reader.room + 1)
        return self._split(texts, [_beginning(text, enough) for text in texts])

    def encode(self, found: ReadTexts) -> TokenBatch:
        """Tokenise the texts that were read."""
        if len(self._memory) > MOST_WORDS:
            self._memory = _Memory()
        words = self._look_up(found)
        # A beginning that turned out to be too few tokens: the whole text is read after all.
        short = np.flatnonzero(words.lengths <= self._reader.room).tolist()
        again = [k for k in short if found.read[k] is not found.texts[k]]
        if again:
            for k in again:
                found.read[k] = found.texts[k]
            words = self._look_up(self._split(found.texts, found.read))
        return self._rows(words)

    def _split(self, texts: Sequence[str], read: list[str]) -> ReadTexts:
        odd = self._odd(read)
        plain = list(read) if odd else read
        for k in odd:
            plain[k] = ""
        return ReadTexts(texts, read, odd, split_words(plain, lower=self._parts.lowers))

    def _odd(self, texts: list[str]) -> list[int]:
        """Texts with a special token in them, which is no words to the tokenizer."""
        joined = " ".join(texts)
        there = [token for token in self._parts.added if token in joined]
        return [k for k, text in enumerate(texts) if any(token in text for token in there)]

    def _look_up(self, found: ReadTexts) -> _Pieces:
        """The tokens of all words; those of new words are found first."""
        split, counts = found.split, found.split.counts.copy()
        whole = [found.read[k].encode() for k in found.odd]
        known = self._memory.numbers(split.distinct + whole)
        self._learn(self._memory.unknown())
        numbers = known[split.numbers]
        if whole:  # Each is one word to us, in the place of none.
            places = (np.cumsum(counts) - counts)[found.odd]
            numbers = np.insert(numbers, places, known[len(split.distinct) :])
            counts[found.odd] = 1
        return self._memory.pieces(numbers, counts)

    def _learn(self, new: list[bytes]) -> None:
        """A word's tokens are what the tokenizer says."""
        found = self._ask(new) if new else []
        lengths = np.fromiter(map(len, found), np.int32, len(found))
        joined = itertools.chain.from_iterable(found)
        self._memory.learn(np.fromiter(joined, np.int32, int(lengths.sum())), lengths)

    def _ask(self, words: list[bytes]) -> list[list[int]]:
        """Ids without special tokens."""
        # Cleaning leaves plain words as they are, so the model alone can be asked for its pieces.
        others = [word.decode() for word in words if not word.isalnum()]
        rest = iter(self._tokenizer.encode_batch_fast(others, add_special_tokens=False))
        pieces = self._model.tokenize
        return [
            [piece.id for piece in pieces(word.decode())] if word.isalnum() else next(rest).ids
            for word in words
        ]

    def _rows(self, words: _Pieces) -> TokenBatch:
        """The rows of each text, between what stands around a text."""
        reader, parts, counts = self._reader, [], []
        for start, count in zip(words.starts.tolist(), words.lengths.tolist(), strict=True):
            rows = reader.rows(words.ids[start : start + count], self._long_texts)
            parts += rows
            counts.append(len(rows))
        before, after = reader.before, reader.after
        inner = np.fromiter(map(len, parts), np.int64, len(parts))
        lengths = inner + len(before) + len(after)
        ends = np.cumsum(lengths)
        ids = np.empty(int(lengths.sum()), np.int32)
        for k, token in enumerate(before.tolist()):
            ids[ends - lengths + k] = token
        for k, token in enumerate(after[::-1].tolist(), start=1):
            ids[ends - k] = token
        firsts = (ends - lengths + len(before)).tolist()
        for first, row in zip(firsts, parts, strict=True):
            ids[first : first + len(row)] = row
        longer = words.lengths > reader.room
        return TokenBatch(ids, lengths, longer, np.array(counts, np.int64))


@dataclass(frozen=True)
class WordParts:
    """What must be known of a tokenizer to read texts word by word.

    Attributes:
        added: Its special tokens and others that were added to its vocabulary.
        lowers: Whether it turns letters into small ones.
    """

    added: tuple[str, ...]
    lowers: bool


def word_parts(tokenizer: Untyped) -> WordParts | None:
    """The parts of a tokenizer whose tokens of a text are those of its words; None of another."""
    parts = json.loads(tokenizer.to_str())
    kinds = [
        (parts.get(name) or {}).get("type") for name in ("normalizer", "pre_tokenizer", "model")
    ]
    added = parts["added_tokens"]
    # An added token that spans words, or is matched after normalising, cannot be seen word by word.
    apart = not any(t["normalized"] or t["single_word"] or " " in t["content"] for t in added)
    if kinds != ["BertNormalizer", "BertPreTokenizer", "WordPiece"] or not apart:
        return None
    return WordParts(tuple(t["content"] for t in added), bool(parts["normalizer"]["lowercase"]))


def _beginning(text: str, enough: int) -> str:
    """The words before the last space among the first `enough` characters; the text if short."""
    end = text.rfind(" ", 0, enough) if len(text) > enough else -1
    return text[:end] if end > 0 else text


class _Memory:
    """Words in the order in which they were met, and the token ids of each."""

    def __init__(self) -> None:
        """Know nothing."""
        self._numbers: defaultdict[bytes, int] = defaultdict(itertools.count().__next__)
        self._ends = np.zeros(1, np.int32)
        self._ids = np.empty(0, np.int32)

    def __len__(self) -> int:
        """Number of words."""
        return len(self._numbers)

    def numbers(self, words: list[bytes]) -> NDArray[np.int32]:
        """The number of each word; a new one gets the next."""
        return np.fromiter(map(self._numbers.__getitem__, words), np.int32, len(words))

    def unknown(self) -> list[bytes]:
        """The words that have a number but no ids yet."""
        return list(itertools.islice(self._numbers, len(self._ends) - 1, None))

    def learn(self, ids: Ids, lengths: NDArray[np.int32]) -> None:
        """Keep the ids of the unknown words, one word's after the other's."""
        self._ids = np.concatenate([self._ids, ids])
        ends = self._ends[-1] + np.cumsum(lengths, dtype=np.int32)
        self._ends = np.concatenate([self._ends, ends])

    def pieces(self, numbers: NDArray[np.int32], counts: Integers) -> _Pieces:
        """The ids of words, of which `counts` belong together."""
        known = pa.ListArray.from_arrays(pa.array(self._ends), pa.array(self._ids))
        taken = pc.take(known, pa.array(numbers), memory_pool=POOL)
        running = taken.offsets.to_numpy()[np.concatenate([[0], np.cumsum(counts)])]
        return _Pieces(taken.values.to_numpy(), running[:-1], np.diff(running))


@dataclass(frozen=True)
class _Pieces:
    """The ids of some texts without special tokens.

    Attributes:
        ids: All ids, text after text; int32 of shape (ids,).
        starts: Where each text's ids start, int32 of shape (texts,).
        lengths: How many each text has, int32 of shape (texts,).
    """

    ids: Ids
    starts: NDArray[np.int32]
    lengths: NDArray[np.int32]
