"""What of a row a model reads, and the one text that is made of it.

Whatever learns, judges, explains or compares here is given one text a row. Where a model reads more
columns than one, that text holds them all, and it is made in one place, `Inputs.join`:

    price 20, category food | The place was lovely.

What stands before the first bar are the further columns, by name: they are read as words, by any
encoder and by models that count words. What stands behind a sign of its own is the second text of a
pair, such as the aspect that is judged:

    The food was great but the service was slow. \u241e service

The encoder's tokenizer takes that text apart again and reads both as a pair, as it was made to.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ktrain_sentiment.errors import ConfigError, DataError, InputError
from ktrain_sentiment.messages import listed
from ktrain_sentiment.words import NO_VALUE, is_blank

BAR = "| "
"""Ends what stands before a text. No vocabulary of words lacks a bar, and few texts hold one."""

SIGN = "\u241e"
"""The symbol for a record separator: to be seen, and in no text that people write."""
_BORDER = f" {SIGN} "

_NUMBER = re.compile(r"[+-]?((0|[1-9]\d*)([.,]\d*)?|[.,]\d+)(e[+-]?\d{1,2})?", re.IGNORECASE)
_LARGEST = 18
"""Digits of a number that is written out: one with more is no measure."""
_ABSENT = NO_VALUE | {""}
_LONGEST = 40
"""Characters of a cell that are read: it is to stand beside the text, not in its place."""


@dataclass(frozen=True)
class Inputs:
    """What of a row a model reads.

    Attributes:
        text: The column of texts.
        also: Further columns, read before the text.
        pair: The column of the second text of a pair; empty: texts alone.
    """

    text: str = "text"
    also: tuple[str, ...] = ()
    pair: str = ""

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> Inputs:
        """What a model reads, by how its table was read (`Manifest.table`).

        Raises:
            InputError: It does not say so in the way of this package.
        """
        text, also = table.get("text_column"), table.get("also", ())
        if not isinstance(also, list | tuple) or not all(isinstance(name, str) for name in also):
            raise InputError(f"also {also!r:.40}: wanted a list of columns")
        if not isinstance(pair := table.get("pair_column", ""), str):
            raise InputError(f"pair_column {pair!r:.40}: wanted a column")
        return cls(text if isinstance(text, str) else "text", tuple(also), pair)

    @classmethod
    def asked(
        cls,
        also: Sequence[str],
        pair: str,
        trained: Mapping[str, Any] | None,
        name: str = "the data",
    ) -> Inputs:
        """What is to be read: what the model reads that is judged, or what the user asks for.

        Args:
            also: The user's further columns.
            pair: The user's column of second texts, or empty.
            trained: How the table of that model's training was read; empty without a model.
            name: What is read, for messages.

        Raises:
            ConfigError: The model reads other columns.
        """
        if not trained:
            return cls(also=tuple(also), pair=pair)
        known = cls.of(trained)
        if also and tuple(also) != known.also:
            raise ConfigError(
                f"{name}: --also {','.join(also)}: the model reads {known.told}; leave --also out"
            )
        if pair and pair != known.pair:
            raise ConfigError(
                f"{name}: --pair-column {pair}: the model reads {known.told}; leave --pair-column "
                "out"
            )
        return known

    def __bool__(self) -> bool:
        """Whether more is read than a text."""
        return bool(self.others)

    @property
    def others(self) -> tuple[str, ...]:
        """The columns that are read beside the text; that of second texts is the last."""
        return (*self.also, self.pair) if self.pair else self.also

    def reads_like(self, other: Inputs) -> bool:
        """Whether the same is read of a row, whatever the column of texts is called."""
        return (self.also, self.pair) == (other.also, other.pair)

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that are read, the text's first."""
        return (self.text, *self.others)

    @property
    def told(self) -> str:
        """What is read, in words."""
        if not self:
            return "texts alone"
        columns = "the column" if len(self.also) == 1 else "the columns"
        named = f" and {columns} {', '.join(map(repr, self.also))}" if self.also else ""
        return f"pairs of a text and column {self.pair!r}{named}" if self.pair else f"texts{named}"

    @property
    def example(self) -> str:
        """A row as Python has it."""
        if self.pair and not self.also:
            return repr((self.text, self.pair))
        return repr(dict.fromkeys(self.columns, "..."))

    @property
    def sample(self) -> str:
        """The text of a row that has everything, without the second one of a pair."""
        alone = Inputs(self.text, self.also)
        return alone.join("your text", [f"<{name}>" for name in self.also]) or ""

    def to_table(self) -> dict[str, Any]:
        """What `of` reads."""
        kept: dict[str, Any] = {"also": list(self.also)} if self.also else {}
        return {**kept, "pair_column": self.pair} if self.pair else kept

    def check(self, columns: Collection[str], name: str) -> None:
        """Refuse a table that lacks a column.

        Raises:
            DataError: One is missing; the message names it.
        """
        for column in self.others:
            if column not in columns:
                near = [one for one in columns if one.strip().casefold() == column.casefold()]
                raise DataError(
                    f"{name}: there is no column {column!r}, and the model reads {self.told}; "
                    f"columns: {listed(map(repr, columns))}: rename "
                    f"{repr(near[0]) if near else 'the one that is meant'}, or add it"
                )

    def join(self, text: str | None, others: Iterable[str | None]) -> str | None:
        """The one text of a row; None where there is no text, or no second one in a pair.

        Args:
            text: The text.
            others: The cells of `others`, spelled as text, in their order.
        """
        if text is None or is_blank(text):
            return None
        if not self:
            return text
        *cells, second = [*others] if self.pair else [*others, None]
        if self.pair:
            if second is None or is_blank(second):
                return None
            text = _BORDER.join(part.replace(SIGN, " ").strip() for part in (text, second))
        if not self.also:
            return text
        said = [
            f"{_short(name)} {_short(cell)}"
            for name, cell in zip(self.also, cells, strict=True)
            if cell and cell.strip().casefold() not in _ABSENT
        ]
        # The bar stands there without any cell too: what lacks it is no row.
        return f"{', '.join(said)} {BAR}{text}".lstrip()

    def is_joined(self, text: str) -> bool:
        """Whether a text was made by `join`, as far as that can be seen."""
        return (not self.also or BAR in f"{text} ") and (not self.pair or SIGN in text)


TEXTS = Inputs()
"""Texts alone."""


def text_alone(text: str, inputs: Inputs) -> str:
    """What `join` was given as text."""
    # The blank behind the bar is gone where the words of the text were left out.
    _, bar, rest = f"{text} ".partition(BAR) if inputs.also else (text, "", "")
    text = rest[:-1] if bar else text
    return text_and_second(text)[0] if inputs.pair else text


def text_and_second(joined: str) -> tuple[str, str]:
    """Both texts of a pair that `join` made one of, the first with what stands before it."""
    first, _, second = joined.partition(SIGN)
    return first.strip(), second.strip()


def marks_of(part: str) -> str:
    """The marks of `join` in a part of a text, which must stay where the part is left out."""
    bar = f" {BAR}" if f" {BAR}" in f" {part} " else ""
    return bar + _BORDER if SIGN in part else bar


def _short(cell: str) -> str:
    """A cell in few words: a number with two digits that count, a text without its end.

    However a number is written it is the same word: 1e5 is what pandas makes of 100000.0.
    """
    plain = " ".join(cell.replace(SIGN, " ").split())
    if _NUMBER.fullmatch(plain):
        # Each number is a word of its own to a model: 19.99 and 20.05 should be the same one.
        short = Decimal(format(Decimal(plain.replace(",", ".")), ".1e")).normalize()
        return format(short, "f") if abs(short.adjusted()) < _LARGEST else str(short)
    return plain.replace("|", "/")[:_LONGEST].rstrip()
