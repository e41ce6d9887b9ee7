"""Texts to ids, exactly as training did it, with the `tokenizers` library or NumPy alone.

`TextEncoder` runs the fast tokenizer of a transformer. `FeatureEncoder` makes ids of words and
n-grams as ktrain's `StandardTextPreprocessor` makes them for its own classifiers. That one is a
pickle; `FeatureIndex` holds the same in plain data (features.json). A text is put in lower case and
split at punctuation, spaces, tabs and line ends. Known words become their ids; after them come the
ids of the known pairs of words, then of the triples, and so on. Of too many ids the last are kept.
"""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.errors import PredictorError, is_failure, one_line, require
from ktrain_sentiment.inputs import text_and_second
from ktrain_sentiment.predictor.layout import PredictorFolder
from ktrain_sentiment.predictor.long_texts import (
    PairReader,
    RowReader,
    mean_by_text,
    shortened,
    whole_tokens,
)
from ktrain_sentiment.predictor.manifest import read_json
from ktrain_sentiment.reading_rules import LongTexts

Ids = NDArray[np.int64]

LONGEST = 2**20
"""More tokens than any model reads; a larger limit is a mistake, or means that there is none."""


@dataclass(frozen=True)
class EncodedTexts:
    """Token ids of several texts.

    Attributes:
        ids: One int64 array a row, special tokens included, not padded; never empty. A text is one
            row, or several that follow each other: its windows. Ids of a pair's second text are
            marked, see `apart`.
        truncated: Of which texts a part is in no row; bool of shape (texts,).
        unknown: Which texts have no word, nor a piece of one, that the vocabulary has; bool of
            shape (texts,).
        windows: Rows of each text, int64 of shape (texts,).
    """

    ids: list[Ids]
    truncated: NDArray[np.bool_]
    unknown: NDArray[np.bool_]
    windows: NDArray[np.int64]

    def __len__(self) -> int:
        """Number of texts."""
        return len(self.truncated)

    def __getitem__(self, part: slice) -> EncodedTexts:
        """Some of them that follow each other."""
        start, stop, _ = part.indices(len(self))
        ends = np.concatenate([[0], np.cumsum(self.windows)])
        rows = self.ids[ends[start] : ends[max(start, stop)]]
        return EncodedTexts(rows, self.truncated[part], self.unknown[part], self.windows[part])

    @classmethod
    def join(cls, parts: Sequence[EncodedTexts]) -> EncodedTexts:
        """Several, one at least, as one."""
        return cls(
            [ids for part in parts for ids in part.ids],
            np.concatenate([part.truncated for part in parts]),
            np.concatenate([part.unknown for part in parts]),
            np.concatenate([part.windows for part in parts]),
        )

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each row, (rows,)."""
        return np.fromiter(map(len, self.ids), dtype=np.int64, count=len(self.ids))

    def pooled(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """The logits of each text, (texts, classes), from those of the rows, (rows, classes)."""
        return mean_by_text(logits, self.windows)


class Encoder(Protocol):
    """Turns texts into ids.

    Attributes:
        maxlen: Most ids of a text.
        padding_id: The id that fills short rows of a batch.
    """

    maxlen: int
    padding_id: int

    def encode(self, texts: Sequence[str], long_texts: LongTexts = "head") -> EncodedTexts:
        """Ids of several texts, and which of them were cut."""
        ...


class TextEncoder:
    """A fast tokenizer with a length limit, for single texts.

    Args:
        contents: The bytes of tokenizer.json.
        maxlen: Longest text in tokens, special tokens included.
        padding_id: The id that fills short rows of a batch; None: what the file says, or 0.
        pairs: Texts are pairs, as `Inputs.join` makes one of them.

    Raises:
        PredictorError: The bytes are no tokenizer, or a number is out of its range.
    """

    def __init__(
        self, contents: bytes, maxlen: int, padding_id: int | None, *, pairs: bool = False
    ) -> None:
        with _explained("cannot be read"):
            from tokenizers import Tokenizer

            self._tokenizer = Tokenizer.from_buffer(contents)
            if padding_id is None:
                padding_id = int((self._tokenizer.padding or {}).get("pad_id", 0))
            # What the file says about padding and truncation is whatever was used last.
            self._tokenizer.no_padding()
            self._no_words = _no_words(self._tokenizer)
            room = maxlen - self._tokenizer.num_special_tokens_to_add(is_pair=False)
        if room < 1:
            raise PredictorError(f"maxlen {maxlen} leaves no room for a token: wanted a larger one")
        if maxlen > LONGEST:
            raise PredictorError(f"maxlen {maxlen}: wanted at most {LONGEST:,} tokens")
        if not 0 <= padding_id < 2**31:
            raise PredictorError(f"padding_id {padding_id}: wanted the id of a token")
        self._tokenizer.enable_truncation(maxlen)
        self.maxlen, self.padding_id, self.pairs = maxlen, padding_id, pairs

    @classmethod
    def from_folder(
        cls, folder: PredictorFolder, maxlen: int, *, pairs: bool = False
    ) -> TextEncoder:  # fmt: skip
        """The tokenizer of a predictor folder, unverified; for folders made just now."""
        padding_id = configured_padding_id(read_json(folder.config))
        return cls(folder.tokenizer.read_bytes(), maxlen, padding_id, pairs=pairs)

    def encode(self, texts: Sequence[str], long_texts: LongTexts = "head") -> EncodedTexts:
        """Tokenize texts; uses all cores when there are many.

        A text of more than a thousand characters a token that fits is cut before it is tokenized:
        what is left out could not matter, or would cost without bound where windows are read.

        Args:
            texts: The texts.
            long_texts: What to read of those that are longer than `maxlen` tokens.

        Raises:
            PredictorError: The tokenizer cannot tokenize a text, as one without [UNK] cannot.
        """
        if self.pairs:
            return self._encode_pairs(texts, long_texts)
        cut = [shortened(text, self.maxlen, long_texts) for text in texts]
        encodings = self._encode(cut)
        longer = [bool(encoding.overflowing) for encoding in encodings]
        # GPT-2 puts nothing around a text, so an empty one has no tokens at all.
        found = [
            self._rows(encoding, long_texts)
            if long and long_texts != "head"
            else [np.array(encoding.ids or [self.padding_id], dtype=np.int64)]
            for encoding, long in zip(encodings, longer, strict=True)
        ]
        truncated = (
            (long and long_texts != "windows") or len(text) > len(read)
            for long, text, read in zip(longer, texts, cut, strict=True)
        )
        count = len(encodings)
        return EncodedTexts(
            ids=[row for rows in found for row in rows],
            truncated=np.fromiter(truncated, dtype=bool, count=count),
            unknown=np.fromiter(map(self._says_nothing, found), dtype=bool, count=count),
            windows=np.fromiter(map(len, found), np.int64, count),
        )

    def _encode_pairs(self, texts: Sequence[str], long_texts: LongTexts) -> EncodedTexts:
        halves = [text_and_second(text) for text in texts]
        given = [shortened(first, self.maxlen, long_texts) for first, _ in halves]
        firsts = self._encode(given, around=False)
        seconds = self._encode(
            [shortened(second, self.maxlen, "head") for _, second in halves], around=False
        )
        rows: list[Ids] = []
        counts, truncated, unknown = [], [], []
        for one, other, read, (first, _) in zip(firsts, seconds, given, halves, strict=True):
            tokens = whole_tokens(one)
            found, _, cut = self._pair_reader.rows(tokens, whole_tokens(other), long_texts)
            rows += found
            counts.append(len(found))
            truncated.append(cut or len(read) < len(first))
            unknown.append(self._no_words.issuperset(tokens.tolist()))
        return EncodedTexts(
            rows,
            np.array(truncated, bool),
            np.array(unknown, bool),
            np.array(counts, np.int64),
        )

    @functools.cached_property
    def _pair_reader(self) -> PairReader:
        with _explained("cannot be used"):
            return PairReader.of(self._tokenizer, self.maxlen)

    def _rows(self, encoding: Any, long_texts: LongTexts) -> list[Ids]:  # noqa: ANN401
        reader = self._reader
        rows = reader.rows(whole_tokens(encoding), long_texts)
        return [reader.wrapped(row) for row in rows]

    @functools.cached_property
    def _reader(self) -> RowReader:
        """Asked for by the first long text: most predictors never meet one."""
        with _explained("cannot be used"):
            return RowReader.of(self._tokenizer, self.maxlen)

    def _says_nothing(self, rows: list[Ids]) -> bool:
        # Most often the first token behind the one that opens a text decides.
        return all(map(self._no_words.issuperset, rows))

    def _encode(self, texts: list[str], *, around: bool = True) -> list[Any]:
        encode = functools.partial(self._tokenizer.encode_batch_fast, add_special_tokens=around)
        with _explained("cannot be used"):
            try:
                return list(encode(texts))
            except (TypeError, UnicodeEncodeError):
                # Half a surrogate pair is no character; the whole batch is refused for it.
                whole = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
                return list(encode(whole))


def _no_words(tokenizer: Any) -> frozenset[int]:  # noqa: ANN401
    """The ids that say nothing of a text: of what stands around it, of padding, of [UNK]."""
    model = tokenizer.model
    unknown = getattr(model, "unk_id", None)
    if unknown is None and getattr(model, "unk_token", None):
        unknown = tokenizer.token_to_id(model.unk_token)
    special = tokenizer.get_added_tokens_decoder()
    around = tokenizer.encode("").ids
    found = {*around, *(number for number, token in special.items() if token.special)}
    return frozenset(found if unknown is None else {*found, unknown})


@contextlib.contextmanager
def _explained(what: str) -> Iterator[None]:
    """Turn whatever `tokenizers` raises into one line."""
    try:
        yield
    except BaseException as error:
        if not is_failure(error):
            raise
        raise PredictorError(f"tokenizer.json {what}: {one_line(error)}") from error


def configured_padding_id(config: Mapping[str, object]) -> int | None:
    """The padding id in config.json; None where there is none."""
    value = config.get("pad_token_id")
    return value if type(value) is int else None


def pad(ids: Sequence[Ids], padding_id: int) -> tuple[Ids, Ids]:
    """Stack ids of several texts.

    Returns:
        Ids and attention mask, both int64 of shape (texts, longest).
    """
    lengths = np.fromiter(map(len, ids), dtype=np.int64, count=len(ids))
    mask = np.arange(lengths.max(initial=0)) < lengths[:, None]
    stacked = np.full(mask.shape, padding_id, dtype=np.int64)
    stacked[mask] = np.concatenate(ids) if len(ids) else []
    return stacked, mask.astype(np.int64)


def plan_batches(lengths: Ids, tokens: int, texts: int) -> list[Ids]:
    """Group texts of like length, so that little is padded and no batch outgrows the caches.

    Args:
        lengths: Tokens of each text, (texts,).
        tokens: Most tokens in a batch, padding included; a longer text is a batch of its own.
        texts: Most texts in a batch.

    Returns:
        Index arrays that cover each text once, the longest texts first: what needs most memory
        fails at once or never, and the last batches to finish are the short ones.
    """
    order = np.argsort(-lengths, kind="stable")
    batches: list[Ids] = []
    start = 0
    while start < len(order):
        longest = max(int(lengths[order[start]]), 1)
        end = start + min(max(tokens // longest, 1), texts)
        batches.append(order[start:end])
        start = end
    return batches


FEATURES_FORMAT = "ktrain words and n-grams"

_SEPARATORS = str.maketrans(dict.fromkeys('!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n', " "))
"""What Keras's Tokenizer takes out by default; other white space stays part of a word."""


@dataclass(frozen=True)
class FeatureIndex:
    """Which words and n-grams have which ids.

    Attributes:
        words: The known words; the one at position k has the id k + 1.
        bound: All ids of words are below it, those of n-grams above it.
        ngrams: The known n-grams, int64 of shape (n-grams,); the one at position k has the id
            bound + 1 + k. An n-gram is its beginning's id times `bound` plus its last word's id,
            the beginning being an n-gram itself, or a word.
        longest: Most words of an n-gram; 1: there are none.
        maxlen: Most ids of a text.
        padded: Whether every text gets `maxlen` ids, zeros first: for networks that read them.
        segmented: Whether jieba sets the words apart first (Chinese, Japanese).
    """

    words: tuple[str, ...]
    bound: int
    ngrams: Ids
    longest: int
    maxlen: int
    padded: bool
    segmented: bool

    def to_bytes(self) -> bytes:
        """The contents of features.json."""
        value = {"format": FEATURES_FORMAT, **vars(self), "ngrams": self.ngrams.tolist()}
        return json.dumps(value, separators=(",", ":")).encode("ascii")

    @classmethod
    def from_bytes(cls, contents: bytes) -> FeatureIndex:
        """Read features.json.

        Raises:
            PredictorError: The bytes are no such index.
        """
        try:
            value = json.loads(contents)
            if value.pop("format") != FEATURES_FORMAT:
                raise ValueError("another format")
            index = cls(
                **value
                | {"words": tuple(value["words"]), "ngrams": np.array(value["ngrams"], np.int64)}
            )
        except _UNREADABLE as error:
            raise PredictorError(f"features.json cannot be read: {one_line(error)}") from error
        numbers = (index.bound, index.longest, index.maxlen)
        sound = (
            all(isinstance(word, str) for word in index.words)
            and all(type(number) is int and number > 0 for number in numbers)
            and all(type(flag) is bool for flag in (index.padded, index.segmented))
            and index.ngrams.ndim == 1
            and len(index.words) < index.bound < 2**31
            # Every n-gram begins with one that is a word shorter.
            and index.longest <= len(index.ngrams) + 1
            and index.maxlen <= LONGEST
        )
        if not sound:
            raise PredictorError("features.json cannot be read: its numbers contradict each other")
        return index


_UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)
"""What reading JSON of another shape raises."""


def make_index(
    word_ids: Mapping[str, int],
    ngram_ids: Mapping[tuple[int, ...], int],
    bound: int,
    maxlen: int,
    *,
    padded: bool,
    segmented: bool,
) -> FeatureIndex:
    """The index of a fitted preprocessor.

    Args:
        word_ids: Every word of the training texts and its id, from 1 without gaps.
        ngram_ids: Every n-gram as the ids of its words, and its own id, from bound + 1 without
            gaps; the beginnings of an n-gram are among them.
        bound: Words with ids from here on are not features.
        maxlen: Most ids of a text.
        padded: See `FeatureIndex`.
        segmented: See `FeatureIndex`.
    """
    kept = sorted((number, word) for word, number in word_ids.items() if number < bound)
    ngrams = np.zeros(len(ngram_ids), np.int64)
    for ngram, number in ngram_ids.items():
        beginning = ngram_ids[ngram[:-1]] if len(ngram) > 2 else ngram[0]
        ngrams[number - bound - 1] = beginning * bound + ngram[-1]
    return FeatureIndex(
        words=tuple(word for _, word in kept),
        bound=bound,
        ngrams=ngrams,
        longest=max(map(len, ngram_ids), default=1),
        maxlen=maxlen,
        padded=padded,
        segmented=segmented,
    )


class FeatureEncoder:
    """Texts to ids, with the interface of `TextEncoder`.

    Args:
        index: Which words and n-grams have which ids.

    Raises:
        MissingExtraError: The index wants words set apart, and jieba is not installed.
    """

    padding_id = 0

    def __init__(self, index: FeatureIndex) -> None:
        self.maxlen = index.maxlen
        self._index = index
        self._word_ids = {word: number for number, word in enumerate(index.words, start=1)}
        self._order = np.argsort(index.ngrams, kind="stable")
        self._sorted = index.ngrams[self._order]
        self._set_apart: Callable[[str], str] = str
        if index.segmented:  # What ktrain does to texts that write no spaces between words.
            jieba: Any = require("jieba", "train")
            jieba.setLogLevel("ERROR")
            self._set_apart = lambda text: " ".join(jieba.cut(text, cut_all=False))

    def encode(self, texts: Sequence[str], long_texts: LongTexts = "tail") -> EncodedTexts:
        """Ids of several texts; one without a known word gets a single zero.

        Of a text with too many the last are kept, as ktrain keeps them: no other rule is known.
        """
        del long_texts
        if not len(texts):
            nothing = np.zeros(0, bool)
            return EncodedTexts([], nothing, nothing, np.zeros(0, np.int64))
        owners, ids = self._features(texts)
        counts = np.bincount(owners, minlength=len(texts))
        rows = [self._cut(row) for row in np.split(ids, np.cumsum(counts)[:-1])]
        return EncodedTexts(rows, counts > self.maxlen, counts == 0, np.ones_like(counts))

    def _cut(self, ids: Ids) -> Ids:
        kept = ids[-self.maxlen :]
        width = self.maxlen if self._index.padded else max(len(kept), 1)
        return np.concatenate([np.zeros(width - len(kept), np.int64), kept])

    def _features(self, texts: Sequence[str]) -> tuple[Ids, Ids]:
        """The text that each feature belongs to, ascending, and its id."""
        words = [self._words(text) for text in texts]
        owner = np.repeat(np.arange(len(texts)), list(map(len, words)))
        word = np.array([number for numbers in words for number in numbers], np.int64)
        owners, features, beginning = [owner], [word], word
        for size in range(2, self._index.longest + 1):
            end = max(len(word) - size + 1, 0)
            inside = owner[:end] == owner[len(word) - end :]
            beginning = self._ngrams(np.where(inside, beginning[:end], 0), word[len(word) - end :])
            known = beginning > 0
            if not known.any():
                break
            owners.append(owner[:end][known])
            features.append(beginning[known])
        flat = np.concatenate(owners)
        order = np.argsort(flat, kind="stable")
        return flat[order], np.concatenate(features)[order]

    def _words(self, text: str) -> list[int]:
        parts = self._set_apart(text).lower().translate(_SEPARATORS).split(" ")
        return [number for part in parts if (number := self._word_ids.get(part)) is not None]

    def _ngrams(self, beginning: Ids, last: Ids) -> Ids:
        """Ids of n-grams by their beginnings' ids and last words; 0 where there is no such."""
        if not len(self._sorted):
            return np.zeros(len(last), np.int64)
        wanted = beginning * self._index.bound + last
        place = np.minimum(np.searchsorted(self._sorted, wanted), len(self._sorted) - 1)
        found = self._sorted[place] == wanted
        return np.where(found, self._order[place] + self._index.bound + 1, 0)
