"""Write rows: one way for every format, with one rule for what a format cannot hold.

| value | csv, tsv | jsonl | txt | parquet | excel |
|---|---|---|---|---|---|
| missing, NaN | empty | null | empty | null | empty |
| empty text | empty | as it is | empty | as it is | empty |
| list, object | JSON | as it is | JSON | JSON | JSON |
| line break | in quotes | escaped | space | as it is | line feed, as XML has no other |
| half a surrogate pair | `?` | escaped | `?` | `?` | `?` |
| number that does not fit | digits | digits | digits | refused | digits, as text |
| text like a formula | as it is, or guarded | as it is | as it is | as it is | text |
| letter that the encoding lacks | refused | | refused | | |
"""

from __future__ import annotations

import csv
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ktrain_sentiment.errors import ConfigError, DataError
from ktrain_sentiment.reading_rules import BETWEEN_LABELS, WrittenFormat
from ktrain_sentiment.tables.dialects import parse_delimiter
from ktrain_sentiment.tables.encodings import codec, without_halves
from ktrain_sentiment.tables.table import UNREADABLE, Record, cells_of
from ktrain_sentiment.tables.values import is_missing

if TYPE_CHECKING:
    import pyarrow as pa

_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_GUARDED = re.compile(r"'+[=+\-@\t\r\n]")
_PLAIN = {str, int, bool}


@dataclass(frozen=True, kw_only=True)
class OutputSchema:
    """The columns of a table to be written.

    Attributes:
        names: All columns in order.
        types: The type of each (`str`, `int`, `float`, `bool`, `numpy.float32`, or `object` for
            others and mixtures); missing ones are `str`. For formats with types.
        arrow: The Arrow fields of columns that come from an Arrow table.
        shown: The columns that plain lines of text show.
        ranked: What columns of numbers are numbers of: behind their first cell, of several names,
            plain lines have their numbers, such as `joy 0.93, optimism 0.61`.
        source: Where the rows come from, for messages.
    """

    names: tuple[str, ...]
    types: Mapping[str, Any] = field(default_factory=dict)
    arrow: pa.Schema | None = None
    shown: tuple[str, ...] = ()
    ranked: Mapping[str, str] = field(default_factory=dict)
    source: str = "the rows"


@dataclass(frozen=True, kw_only=True)
class OutputDialect:
    """How text is written.

    Attributes:
        encoding: Python codec name; utf-8-sig and utf-16 begin with a byte order mark.
        delimiter: Between the values of CSV and TSV: a character, or its name; None: as usual.
        guarded: Put an apostrophe before what a spreadsheet program would run as a formula; see
            `guard`.
    """

    encoding: str = "utf-8"
    delimiter: str | None = None
    guarded: bool = False

    def check(self, form: WrittenFormat) -> None:
        """Complain about what a format does not have.

        Raises:
            ConfigError: The encoding or the delimiter is none, or the format has no choice.
        """
        delimited = form in {"csv", "tsv"}
        if self.delimiter is not None and not delimited:
            raise ConfigError(f"--output-delimiter: {form} has none; write csv or tsv")
        if self.guarded and not delimited:
            raise ConfigError(f"--excel-csv: wanted csv or tsv, got {form}; leave the flag out")
        self.separator(form)
        name = codec(self.encoding, "--output-encoding")
        if form not in {"csv", "tsv", "txt"} and name != "utf-8":
            raise ConfigError(f"--output-encoding {self.encoding}: {form} has one encoding only")

    def separator(self, form: WrittenFormat) -> str:
        """What stands between two values."""
        if self.delimiter is not None:
            return parse_delimiter(self.delimiter, "--output-delimiter")
        return "\t" if form == "tsv" else ","


class RowEncoder(ABC):
    """Turns rows into bytes that are simply appended; keeps nothing between two calls.

    Attributes:
        start: What stands before the first row.
        whole: Whether all bytes in order are the file.
    """

    start: bytes
    whole: bool = True

    @abstractmethod
    def encode(self, places: Sequence[int], rows: Any) -> bytes:  # noqa: ANN401
        """The bytes of some rows.

        Args:
            places: Where each row stands in its source, for messages.
            rows: Records, or an Arrow table, with all columns of the schema.

        Raises:
            DataError: The format cannot hold a value.
        """

    def assemble(self, written: Path, target: Path) -> None:
        """Make the file of all bytes in order, where these are not the file (`whole` is false).

        Args:
            written: Holds the bytes.
            target: Where the file goes.
        """
        raise NotImplementedError


class TextEncoder(RowEncoder):
    """Rows as lines of text in one encoding."""

    def __init__(self, schema: OutputSchema, dialect: OutputDialect) -> None:
        self.schema = schema
        self.encoding = dialect.encoding
        # What the codec puts before any text, a byte order mark, belongs to the start alone.
        self._mark = "".encode(dialect.encoding)
        self.start = self._mark

    @abstractmethod
    def lines(self, places: Sequence[int], records: Sequence[Record]) -> list[str]:
        """Each row as text, its line break included."""

    def encode(self, places: Sequence[int], rows: Any) -> bytes:  # noqa: ANN401
        """The bytes of some rows."""
        records = rows if isinstance(rows, Sequence) else rows.to_pylist()
        return self.to_bytes(self.lines(places, records), places)

    def to_bytes(self, lines: Sequence[str], places: Sequence[int]) -> bytes:
        """Lines in the encoding; half a surrogate pair is no character, and becomes `?`.

        Raises:
            DataError: The encoding lacks a letter.
        """
        text = "".join(lines)
        try:
            return text.encode(self.encoding).removeprefix(self._mark)
        except UnicodeEncodeError:
            pass
        for place, line in zip(places, lines, strict=True):
            try:
                without_halves(line).encode(self.encoding)
            except UnicodeEncodeError as error:
                letter = line[error.start : error.start + 1]
                raise DataError(
                    f"{self.schema.source}: line {place} holds {letter!r}, which "
                    f"{self.encoding} lacks; write --output-encoding utf-8"
                ) from error
        return without_halves(text).encode(self.encoding).removeprefix(self._mark)


class _Lines:
    """Collects the rows of a `csv.writer`, whose line endings become plain ones.

    The writer quotes a lone carriage return only if its line ending holds one.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, line: str) -> int:
        self.lines.append(line.removesuffix("\r\n") + "\n")
        return len(line)


class DelimitedEncoder(TextEncoder):
    """CSV and TSV, with quotes where a value needs them."""

    def __init__(self, schema: OutputSchema, dialect: OutputDialect, separator: str) -> None:
        super().__init__(schema, dialect)
        self._separator = separator
        self._guarded = dialect.guarded
        self._known = {*schema.names, UNREADABLE}
        self.start = self._mark + self.to_bytes(self._format([schema.names]), [1])

    def lines(self, places: Sequence[int], records: Sequence[Record]) -> list[str]:
        """One record a row."""
        return self._format(map(self._cells, places, records))

    def _cells(self, place: int, record: Record) -> list[Any]:
        if not record.keys() <= self._known:
            raise DataError(
                f"{self.schema.source}: line {place} brings a new column "
                f"{min(record.keys() - self._known)!r} after the header was written; write "
                ".jsonl, or read from a file instead of a pipe"
            )
        # Nearly all cells are plain already, and a call each costs 200,000 rows a second.
        values = map(record.get, self.schema.names)
        return [value if type(value) in _PLAIN else plain(value) for value in values]

    def _format(self, rows: Any) -> list[str]:  # noqa: ANN401
        if self._guarded:
            rows = ([guard(cell) for cell in row] for row in rows)
        out = _Lines()
        csv.writer(out, delimiter=self._separator, lineterminator="\r\n").writerows(rows)
        return out.lines


class JsonEncoder(TextEncoder):
    """JSON Lines: each row with the fields it has."""

    def lines(self, places: Sequence[int], records: Sequence[Record]) -> list[str]:  # noqa: ARG002
        """One object a row."""
        return [to_json(record) + "\n" for record in records]


class PlainEncoder(TextEncoder):
    """Lines for people and for `cut`: the shown columns, with tabs between."""

    def lines(self, places: Sequence[int], records: Sequence[Record]) -> list[str]:  # noqa: ARG002
        """One line a row; white space inside a value becomes one space."""
        return ["\t".join(self._cells(record)) + "\n" for record in records]

    def _cells(self, record: Record) -> Iterator[str]:
        # A row that could not be read lacks its columns: what there is of it stands in the first.
        rest = next(iter(record.values()), None)
        for place, name in enumerate(self.schema.shown):
            if place == 1 and self.schema.ranked:
                yield self._said(record)
            value = cells_of([record], name)[0] if "." in name else record.get(name, rest)
            yield " ".join(str(plain(value)).split())

    def _said(self, record: Record) -> str:
        """The numbers of what the first cell names, or the highest where it names nothing."""
        there = {name: record.get(column) for column, name in self.schema.ranked.items()}
        known = {name: value for name, value in there.items() if value is not None}
        first = str(record.get(self.schema.shown[0]) or "").split(BETWEEN_LABELS)
        named = [name for name in first if name in known] or sorted(known, key=known.__getitem__)
        chosen = named if named[:1] == first[:1] else named[-1:]
        return ", ".join(f"{name} {known[name]:.3g}" for name in chosen)


def text_encoder(form: WrittenFormat, schema: OutputSchema, dialect: OutputDialect) -> TextEncoder:
    """The encoder of a format of text: csv, tsv, jsonl or txt.

    Raises:
        ConfigError: The dialect asks for what the format does not have.
    """
    dialect.check(form)
    if form == "jsonl":
        return JsonEncoder(schema, dialect)
    if form == "txt":
        return PlainEncoder(schema, dialect)
    return DelimitedEncoder(schema, dialect, dialect.separator(form))


def plain(value: object) -> object:
    """A value as a cell of text: missing ones are empty, nested ones are JSON."""
    if type(value) in _PLAIN:
        return value
    if type(value) is float:
        return value if value == value else ""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if is_missing(value):
        return ""
    if isinstance(value, dict | list):
        return to_json(value)
    return value


def as_text(value: object) -> str:
    """A value as text for a format that holds whole characters alone."""
    return without_halves(value if isinstance(value, str) else str(plain(value)))


def to_json(value: object) -> str:
    """A value as JSON on one line; letters as they are, what JSON has no form for as text."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=str)
        text.encode("utf-8")
    except UnicodeEncodeError:  # Half a surrogate pair is no character: it can only be escaped.
        return json.dumps(value, allow_nan=False, default=str)
    except ValueError:  # NaN and infinity, which are no JSON and stop other programs.
        return to_json(_without_nan(value))
    return text


def _without_nan(value: object) -> object:
    if isinstance(value, Mapping):
        return {name: _without_nan(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_without_nan(inner) for inner in value]
    if isinstance(value, float) and abs(value) == float("inf"):
        return str(value)
    return None if value != value else value


def guard(cell: object) -> object:
    """A cell that no spreadsheet program runs as a formula: an apostrophe comes before it.

    Spreadsheet programs run cells of a CSV file that begin with `=`, `+`, `-` or `@`, quoted or
    not (OWASP, "CSV Injection"). Numbers stay numbers. `unguard` gives every cell back.
    """
    if isinstance(cell, str) and _FORMULA.match(cell) and not _NUMBER.fullmatch(cell):
        return f"'{cell}"
    return cell


def unguard(cell: object) -> object:
    """The cell that `guard` was given."""
    return cell[1:] if isinstance(cell, str) and _GUARDED.match(cell) else cell
