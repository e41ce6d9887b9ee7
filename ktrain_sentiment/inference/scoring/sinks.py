"""Rows as text: CSV, TSV, JSON Lines and plain lines."""

from __future__ import annotations

import csv
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ktrain_sentiment.errors import DataError
from ktrain_sentiment.inference.scoring.rows import Chunk, Record
from ktrain_sentiment.inference.scoring.sources import UNREADABLE, Source
from ktrain_sentiment.tables.formats import Format

Added = Mapping[str, Sequence[Any]]
"""The new columns of a chunk: text or number a row, None where nothing was scored."""


class TextSink(ABC):
    """Turns chunks into text that is simply appended; keeps nothing between chunks."""

    def header(self) -> str:
        """What stands before the first row."""
        return ""

    @abstractmethod
    def text(self, chunk: Chunk, added: Added) -> str:
        """The text of some rows."""


def text_sink(form: Format, source: Source, added: Sequence[str]) -> TextSink:
    """The sink of a text format: csv, tsv, jsonl or txt."""
    if form == "jsonl":
        return JsonSink()
    if form == "txt":
        return PlainSink(source.text_column)
    return DelimitedSink(source, added, "\t" if form == "tsv" else ",")


class _Buffer:
    """Collects the rows of a `csv.writer`, whose line endings become plain ones.

    The writer quotes a lone carriage return only if its line ending holds one.
    """

    def __init__(self) -> None:
        self.parts: list[str] = []

    def write(self, part: str) -> int:
        self.parts.append(part.removesuffix("\r\n") + "\n")
        return len(part)


class DelimitedSink(TextSink):
    """CSV and TSV, with quotes where a value needs them."""

    def __init__(self, source: Source, added: Sequence[str], delimiter: str) -> None:
        self._columns = source.columns
        self._added = tuple(added)
        self._delimiter = delimiter
        self._source = source.name

    def header(self) -> str:
        """The line with the column names."""
        return self._format([[*self._columns, *self._added]])

    def text(self, chunk: Chunk, added: Added) -> str:
        """One record a row."""
        rows = zip(chunk.lines, chunk.records(), *added.values(), strict=True)
        return self._format([*self._cells(line, record), *new] for line, record, *new in rows)

    def _cells(self, line: int, record: Record) -> Iterator[Any]:
        unknown = record.keys() - {*self._columns, UNREADABLE}
        if unknown:
            raise DataError(
                f"{self._source}: line {line} brings a new column {min(unknown)!r} after the "
                "header was written; write .jsonl, or read from a file instead of a pipe"
            )
        return (plain(record.get(name)) for name in self._columns)

    def _format(self, rows: Any) -> str:  # noqa: ANN401
        buffer = _Buffer()
        csv.writer(buffer, delimiter=self._delimiter, lineterminator="\r\n").writerows(rows)
        return "".join(buffer.parts)


class JsonSink(TextSink):
    """JSON Lines: each row as it was, plus the new fields."""

    def text(self, chunk: Chunk, added: Added) -> str:
        """One object a row."""
        lines = []
        for position, record in enumerate(chunk.records()):
            new = {name: values[position] for name, values in added.items()}
            lines.append(_to_json({**record, **new}) + "\n")
        return "".join(lines)


class PlainSink(TextSink):
    """Lines for people and for `cut`: label, probability, text, with tabs between."""

    def __init__(self, text_column: str) -> None:
        self._text = text_column

    def text(self, chunk: Chunk, added: Added) -> str:
        """One line a row; line breaks inside a text become spaces."""
        predicted, probability, *_ = added.values()
        rows = zip(predicted, probability, chunk.records(), strict=True)
        return "".join(
            f"{plain(label)}\t{plain(share)}\t{' '.join(str(self._cell(record)).split())}\n"
            for label, share, record in rows
        )

    def _cell(self, record: Record) -> object:
        return plain(record.get(self._text, next(iter(record.values()), None)))


def plain(value: object) -> object:
    """A value as a cell of text: missing ones are empty, nested ones are JSON."""
    if value is None or value != value:
        return ""
    if isinstance(value, dict | list):
        return _to_json(value)
    return value


def _to_json(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    # Half a surrogate pair is no character, and cannot be written but escaped.
    return text if _is_unicode(text) else json.dumps(value, default=str)


def _is_unicode(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
