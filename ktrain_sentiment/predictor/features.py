"""Texts to ids of words and n-grams, exactly as ktrain's `StandardTextPreprocessor` makes them.

That one is a pickle; this index holds the same in plain data (features.json). A text is put in
lower case and split at punctuation, spaces, tabs and line ends. Known words become their ids; after
them come the ids of the known pairs of words, then of the triples, and so on. Of too many ids the
last are kept.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ktrain_sentiment.errors import PredictorError, require
from ktrain_sentiment.predictor.tokenizing import EncodedTexts, Ids

FORMAT = "ktrain words and n-grams"

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
        value = {"format": FORMAT, **vars(self), "ngrams": self.ngrams.tolist()}
        return json.dumps(value, separators=(",", ":")).encode("ascii")

    @classmethod
    def from_bytes(cls, contents: bytes) -> FeatureIndex:
        """Read features.json.

        Raises:
            PredictorError: The bytes are no such index.
        """
        try:
            value = json.loads(contents)
            if value.pop("format") != FORMAT:
                raise ValueError("another format")
            index = cls(
                **value
                | {"words": tuple(value["words"]), "ngrams": np.array(value["ngrams"], np.int64)}
            )
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
            reason = " ".join(str(error).split())[:200]
            raise PredictorError(f"features.json cannot be read: {reason}") from error
        except RecursionError as error:
            raise PredictorError("features.json cannot be read: nested too deeply") from error
        _check(index)
        return index


def _check(index: FeatureIndex) -> None:
    """Refuse what no preprocessor could have made.

    Raises:
        PredictorError: It is so.
    """
    numbers = (index.bound, index.longest, index.maxlen)
    sound = (
        all(isinstance(word, str) for word in index.words)
        and all(type(number) is int and number > 0 for number in numbers)
        and index.ngrams.ndim == 1
        and len(index.words) < index.bound < 2**31
    )
    if not sound:
        raise PredictorError("features.json cannot be read: its numbers contradict each other")


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
        self._set_apart = _segmenter() if index.segmented else str

    def encode(self, texts: Sequence[str]) -> EncodedTexts:
        """Ids of several texts; one without a known word gets a single zero."""
        if not len(texts):
            return EncodedTexts([], np.zeros(0, bool))
        owners, ids = self._features(texts)
        counts = np.bincount(owners, minlength=len(texts))
        rows = np.split(ids, np.cumsum(counts)[:-1])
        return EncodedTexts([self._cut(row) for row in rows], counts > self.maxlen)

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


def _segmenter() -> Callable[[str], str]:
    """What ktrain does to texts in languages that write no spaces between words."""
    jieba: Any = require("jieba", "train")
    jieba.setLogLevel("ERROR")
    return lambda text: " ".join(jieba.cut(text, cut_all=False))
