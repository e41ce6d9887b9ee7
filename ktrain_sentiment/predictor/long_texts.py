"""What is read of a text that has more tokens than the model reads at once.

One rule for training, validation, evaluation and prediction: from the tokens of a whole text to
the rows that the encoder reads. `head` and `tail` keep one end, `head+tail` a quarter of the room
for the beginning and the rest for the end (Sun et al. 2019, "How to Fine-Tune BERT for Text
Classification?", arXiv:1905.05583, section 5.1, where it beat either end). `windows` keeps
everything: several rows a text, whose logits are averaged.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.messages import count
from ktrain_sentiment.reading_rules import LongTexts

_WINDOW = 2 / 3
"""Share of the room that a window fills: what is left lets it end where a sentence does."""

_OVERLAP = 3
"""Windows without a sentence's end between them share one part in so many of the room."""

_CHARACTERS_A_TOKEN = 1000
"""No vocabulary has longer pieces; WordPiece makes one [UNK] of each word beyond 100 letters."""

_MARKS = (".", "!", "?", "...", "\u2026", "!!", "??", "?!", "!?", '."', ".)", "\u3002", "\uff01",
          "\uff1f", "\u061f", "\u06d4", "\u0964")  # fmt: skip
"""What ends a sentence: Latin, Chinese and Japanese, Arabic, Urdu, Hindi."""

WHAT_IS_DONE = {
    "head": "the first {maxlen} tokens are read and the rest is not",
    "tail": "the last {maxlen} tokens are read and the rest is not",
    "head+tail": "a quarter of {maxlen} tokens is read from the beginning, the rest from the end",
    "windows": "read whole, in windows of up to {maxlen} tokens, whose logits are averaged",
}
"""What becomes of a longer text, in words."""


def check_long_texts(given: str) -> LongTexts:
    """The rule of a name.

    Raises:
        ConfigError: There is no such rule.
    """
    for name in get_args(LongTexts):
        if given == name:
            return name  # type: ignore[no-any-return]
    raise ConfigError(f"long_texts {given!r}: wanted one of {', '.join(get_args(LongTexts))}")


def one_row(rule: LongTexts) -> LongTexts:
    """The rule for whoever reads one row of each text: windows are several."""
    return "head+tail" if rule == "windows" else rule


def told(longer: int, texts: int, rule: LongTexts, maxlen: int) -> str:
    """How many texts were longer than the model reads at once, and what was done."""
    done = WHAT_IS_DONE[rule].format(maxlen=maxlen)
    those = f"{longer:,} of {count(texts, 'text')} {'is' if longer == 1 else 'are'}"
    return f"{those} longer than the {maxlen} tokens of the model: {done}"


def shortened(text: str, maxlen: int, rule: LongTexts) -> str:
    """What the rule could read of a text, at most about a thousand characters a token that fits."""
    most = maxlen * _CHARACTERS_A_TOKEN
    if len(text) <= most:
        return text
    if rule == "tail":
        return text[-most:]
    if rule == "head+tail":
        return f"{text[: most // 2 - 1]} {text[-most // 2 :]}"
    return text[:most]


@dataclass(frozen=True)
class RowReader:
    """Cuts the tokens of a text into the rows that the model reads.

    Attributes:
        room: Most tokens of a row, without those that the tokenizer puts around a text.
        before: Ids that it puts before a text, int64.
        after: Ids that it puts behind one, int64.
        ends: Ids of tokens that end a sentence, int64.
    """

    room: int
    before: NDArray[np.int64]
    after: NDArray[np.int64]
    ends: NDArray[np.int64]

    @classmethod
    def of(cls, tokenizer: Any, maxlen: int) -> RowReader:  # noqa: ANN401 - tokenizers.Tokenizer
        """What must be known of a tokenizer, asked of itself.

        Args:
            tokenizer: A `tokenizers.Tokenizer`; it may cut off what lies beyond `maxlen`.
            maxlen: Longest row in tokens, special tokens included.
        """
        letter = tokenizer.encode("a")
        special = np.asarray(letter.special_tokens_mask, bool)
        ids = np.asarray(letter.ids, np.int64)
        own = np.flatnonzero(~special)
        first, last = (own[0], own[-1] + 1) if len(own) else (len(ids), len(ids))
        bare = tokenizer.encode("a", add_special_tokens=False).ids
        ends: set[int] = set()
        for mark in _MARKS:
            found = tokenizer.encode(f"a{mark}", add_special_tokens=False).ids
            # A mark of several tokens has a last one that other words may share, byte by byte.
            if len(found) == len(bare) + 1 and found[:-1] == bare:
                ends.add(found[-1])
        ends -= _unknown(tokenizer)
        room = int(maxlen - first - (len(ids) - last))
        return cls(room, ids[:first], ids[last:], np.array(sorted(ends), np.int64))

    @property
    def maxlen(self) -> int:
        """Most tokens of a row, those around a text included."""
        return self.room + len(self.before) + len(self.after)

    def rows(self, tokens: NDArray[Any], rule: LongTexts) -> list[NDArray[Any]]:
        """The rows of one text, one at least, without special tokens.

        Args:
            tokens: All ids of the text, without special tokens.
            rule: What to do where they are more than `room`.
        """
        if len(tokens) <= self.room:
            return [tokens]
        if rule == "windows":
            spans = cut_windows(np.isin(tokens, self.ends), self.room)
            return [tokens[start:end] for start, end in spans]
        head = {"head": self.room, "tail": 0, "head+tail": -(-self.room // 4)}[rule]
        return [np.concatenate([tokens[:head], tokens[len(tokens) - (self.room - head) :]])]

    def wrapped(self, tokens: NDArray[Any]) -> NDArray[np.int64]:
        """A row between the tokens that stand around a text."""
        return np.concatenate([self.before, tokens, self.after]).astype(np.int64, copy=False)


@dataclass(frozen=True)
class PairReader:
    """Puts the tokens of two texts into the rows that the model reads.

    The second text stands whole in every row, but for what is beyond half of the room; what is
    done to long texts is done to the first. Where nothing is cut, the ids and types are those that
    transformers gives for `tokenizer(text, text_pair)`, and with `truncation="only_first"` they are
    those of the rule `head`.

    Attributes:
        alone: How single texts are read.
        before: Ids that the tokenizer puts before the first text, int64.
        between: Ids between the two.
        after: Ids behind the second; as between, those of the second type are marked, see `apart`.
        mark: What is added to the ids of the second text.
    """

    alone: RowReader
    before: NDArray[np.int64]
    between: NDArray[np.int64]
    after: NDArray[np.int64]
    mark: int

    @classmethod
    def of(cls, tokenizer: Any, maxlen: int) -> PairReader:  # noqa: ANN401 - tokenizers.Tokenizer
        """What must be known of a tokenizer, asked of itself.

        Args:
            tokenizer: A `tokenizers.Tokenizer`.
            maxlen: Longest row in tokens, special tokens included.

        Raises:
            ConfigError: The tokenizer puts nothing between two texts, or there is no room for them.
        """
        both = tokenizer.encode("a", "a")
        ids = np.asarray(both.ids, np.int64) + SECOND * np.asarray(both.type_ids, np.int64)
        places = [[k for k, one in enumerate(both.sequence_ids) if one == own] for own in (0, 1)]
        (start, end), (second, last) = [(own[0], own[-1] + 1) for own in places]
        if second == end:
            raise ConfigError(
                "the encoder's tokenizer puts nothing between the two texts of a pair: choose a "
                "BERT, DistilBERT, RoBERTa, ELECTRA or MPNet encoder"
            )
        reader = cls(
            RowReader.of(tokenizer, maxlen), ids[:start], ids[end:second], ids[last:],
            SECOND * both.type_ids[second],
        )  # fmt: skip
        if maxlen - reader.around < 2:
            raise ConfigError(f"maxlen {maxlen} leaves no room for two texts: wanted a larger one")
        return reader

    @property
    def around(self) -> int:
        """Tokens of a row that are of neither text."""
        return len(self.before) + len(self.between) + len(self.after)

    def rows(
        self, first: NDArray[np.int64], second: NDArray[np.int64], rule: LongTexts
    ) -> tuple[list[NDArray[np.int64]], bool, bool]:
        """The rows of one pair, one at least.

        Args:
            first: All ids of the first text, without special tokens.
            second: Those of the second.
            rule: What to do where both are more than fit.

        Returns:
            The rows; whether the pair is longer than one of them; whether a part is in none.
        """
        room = self.alone.maxlen - self.around
        kept = second[: room // 2]
        left = room - len(kept)
        cut, longer = len(kept) < len(second), len(first) > left
        behind = [self.between, kept + self.mark, self.after]
        parts = replace(self.alone, room=left).rows(first, rule)
        rows = [np.concatenate([self.before, part, *behind]) for part in parts]
        return rows, cut or longer, cut or (longer and rule != "windows")


SECOND = 2**24
"""Added to those ids of a pair that are of the second type, so that a row stays one array."""


def apart(ids: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Ids as the model knows them, and the types of the tokens, both in the shape of `ids`."""
    return ids % SECOND, ids // SECOND


def cut_windows(closes: NDArray[np.bool_], room: int) -> list[tuple[int, int]]:
    """Where the windows of a text begin and end, in order.

    What is left is divided evenly into parts of about two thirds of the room, and each part ends
    with the sentence whose end lies nearest. Where no sentence ends between half a part and the
    whole room, a window takes the whole room and the next begins a third of it earlier.

    Args:
        closes: Which tokens end a sentence, (tokens,).
        room: Most tokens of a window.
    """
    last = closes.copy()
    last[:-1] &= ~closes[1:]  # Of "?!" and "..." the last mark ends it.
    cuts = np.flatnonzero(last) + 1
    windows, start, total = [], 0, len(closes)
    while total - start > room:
        left = total - start
        part = left / math.ceil(left / (_WINDOW * room))
        low, high = np.searchsorted(cuts, [start + part / 2, start + room], side="right")
        near = cuts[low:high]
        if len(near):
            end = int(near[np.abs(near - start - part).argmin()])
            windows.append((start, end))
            start = end
        else:
            windows.append((start, start + room))
            start += room - room // _OVERLAP
    return [*windows, (start, total)]


def whole_tokens(encoding: Any) -> NDArray[np.int64]:  # noqa: ANN401 - tokenizers.Encoding
    """All ids of a text that the tokenizer cut, without special tokens."""
    parts: Sequence[Any] = [encoding, *encoding.overflowing]
    return np.concatenate(
        [np.asarray(p.ids, np.int64)[np.asarray(p.special_tokens_mask) == 0] for p in parts]
    )


def mean_by_text(rows: NDArray[np.float32], counts: NDArray[np.int64]) -> NDArray[np.float32]:
    """The mean of each text's rows.

    Args:
        rows: float32 of shape (rows, classes), text after text.
        counts: Rows of each text, all above 0, int64 of shape (texts,).
    """
    if len(counts) == len(rows):
        return rows
    starts = np.cumsum(counts) - counts
    sums = np.add.reduceat(rows, starts, axis=0)
    return np.asarray(sums / counts[:, None], np.float32)


def _unknown(tokenizer: Any) -> set[int | None]:  # noqa: ANN401
    token = getattr(tokenizer.model, "unk_token", None)
    number = getattr(tokenizer.model, "unk_id", None)
    return {number, None if token is None else tokenizer.token_to_id(token)}
