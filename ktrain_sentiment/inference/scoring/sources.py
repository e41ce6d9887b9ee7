"""Open any input: a file or a pipe becomes columns and chunks of rows."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from ktrain_sentiment.errors import DataError
from ktrain_sentiment.inference.scoring.columns import text_column
from ktrain_sentiment.inference.scoring.delimited import (
    Quoting,
    open_delimited,
    parse_delimiter,
)
from ktrain_sentiment.inference.scoring.lines import Line, pipe_lines
from ktrain_sentiment.inference.scoring.rows import BadRow, Chunk, ChunkBuilder, Record
from ktrain_sentiment.tables.formats import Format
from ktrain_sentiment.tables.table import UNREADABLE

Rows = Iterator[tuple[int, Record | BadRow] | None]

_SAMPLE = 500
_BLOCK = 1 << 20


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """What the user said about the input.

    Attributes:
        text_column: The column of the texts; None: to be found.
        delimiter: Of CSV and TSV; None: to be found.
        quoting: Whether double quotes hold values together; auto: to be found.
        encoding: Python codec name; None: to be found.
        sheet: Of a workbook; None: the first.
    """

    text_column: str | None = None
    delimiter: str | None = None
    quoting: Quoting = "auto"
    encoding: str | None = None
    sheet: str | None = None


@dataclass(frozen=True)
class Source:
    """An input that was opened.

    Attributes:
        name: For messages.
        columns: Its columns in order.
        text_column: The one that holds the texts.
        chunks: Gives the rows in chunks of at most so many.
        lines: The line or row number at which it ends; None: not known before the end.
        types: The type of each column (`str`, `int`, `float`, `bool`, or `object` for others and
            mixtures); missing ones are `str`. For sinks that need to know.
        schema: The Arrow schema, where the source has one.
        open_ended: Later rows may bring further columns.
    """

    name: str
    columns: tuple[str, ...]
    text_column: str
    chunks: Callable[[int], Iterator[Chunk]]
    lines: int | None = None
    types: Mapping[str, type] = field(default_factory=dict)
    schema: Any = None
    open_ended: bool = False


def open_texts(texts: Sequence[str]) -> Source:
    """Texts that are there already, such as those of a command line."""
    rows = enumerate(({"text": text} for text in texts), start=1)
    return Source("the given texts", ("text",), "text", chunker(iter(rows), "text"), len(texts))


def open_pipe(stream: BinaryIO, form: Format, options: ReadOptions) -> Source:
    """Open standard input or another pipe; rows are given out as they arrive.

    Raises:
        DataError: It is empty, the format needs a file, or there is no telling its text column.
    """
    name = "standard input"
    if form in {"parquet", "excel"}:
        raise DataError(f"{name}: {form} cannot be read from a pipe; save it to a file first")
    lines = pipe_lines(stream, options.encoding)
    if form == "jsonl":
        rows = json_rows(lines)
        ahead = peek(rows)
        columns, types = scan_records(row[1] for row in ahead if row)
        return make_source(
            itertools.chain(ahead, rows), columns, name, options, types=types, open_ended=True
        )
    return open_lines(lambda: lines, name, form, options)


def open_lines(
    lines: Callable[[], Iterator[Line | None]], name: str, form: Format, options: ReadOptions
) -> Source:
    """Open what consists of lines of text; `lines` is called for each pass over them."""
    if form == "txt":
        return Source(name, ("text",), "text", chunker(text_rows(lines()), "text"))
    if form == "jsonl":
        columns, types = scan_records(row[1] for row in json_rows(lines()) if row)
        return make_source(json_rows(lines()), columns, name, options, types=types)
    own = "\t" if form == "tsv" else ","
    given = parse_delimiter(options.delimiter) if options.delimiter else None
    table = open_delimited(lines(), name, own, given, options.quoting)
    from ktrain_sentiment.tables.table import unique_names

    columns = tuple(unique_names(table.header)[0])
    return make_source(table.rows(columns), columns, name, options)


def make_source(
    rows: Rows,
    columns: tuple[str, ...],
    name: str,
    options: ReadOptions,
    **facts: Any,  # noqa: ANN401
) -> Source:
    """A source of records, after a look at the first ones to find the text column."""
    ahead = peek(rows)
    chosen = text_column(columns, [row[1] for row in ahead if row], options.text_column, name)
    return Source(name, columns, chosen, chunker(itertools.chain(ahead, rows), chosen), **facts)


def peek(rows: Rows) -> list[tuple[int, Record | BadRow] | None]:
    """The first rows, as many as are there without waiting, but at least one; then the pause."""
    ahead: list[tuple[int, Record | BadRow] | None] = []
    for row in rows:
        if row is not None or ahead:
            ahead.append(row)
        if len(ahead) == _SAMPLE or (row is None and ahead):
            break
    return ahead


def chunker(rows: Rows, chosen: str) -> Callable[[int], Iterator[Chunk]]:
    """What groups rows into chunks of a given size; a pause of the input ends a chunk early."""

    def chunks(size: int) -> Iterator[Chunk]:
        builder = ChunkBuilder(chosen)
        for row in rows:
            if row is not None:
                builder.add(*row)
            if builder.lines and (row is None or len(builder.lines) == size):
                yield builder.done()
                builder = ChunkBuilder(chosen)
        if builder.lines:
            yield builder.done()

    return chunks


def text_rows(lines: Iterator[Line | None]) -> Rows:
    """Each line that is not blank is a text."""
    for line in lines:
        if line is None:
            yield None
            continue
        record = {"text": line.text.rstrip("\r\n")}
        if line.problem:
            yield line.number, BadRow(f"is {line.problem}", record)
        elif record["text"].strip():
            yield line.number, record


def json_rows(lines: Iterator[Line | None]) -> Rows:
    """Each line that is not blank is a JSON object."""
    for line in lines:
        if line is None:
            yield None
        elif line.text.strip():
            yield line.number, _json_row(line)


def _json_row(line: Line) -> Record | BadRow:
    raw = {UNREADABLE: line.text.rstrip("\r\n")}
    if line.problem:
        return BadRow(f"is {line.problem}", raw)
    try:
        value = json.loads(line.text)
    except (ValueError, RecursionError) as error:
        reason = getattr(error, "msg", "nested too deeply")
        return BadRow(f"is no JSON object: {reason}", raw)
    if isinstance(value, dict):
        return value
    return BadRow(f"is a JSON {type(value).__name__}, wanted an object", raw)


def scan_records(
    records: Iterable[Record | BadRow],
) -> tuple[tuple[str, ...], dict[str, type]]:
    """All columns in order of appearance, and the type of each.

    Whole numbers and others in one column make it `float`; any other mixture makes it `object`.
    """
    kinds: dict[str, set[type]] = {}
    for row in records:
        record = row.record if isinstance(row, BadRow) else row
        for name, value in record.items():
            found = kinds.setdefault(name, set())
            if value is not None:
                found.add(type(value))
    return tuple(kinds), {name: _common(found) for name, found in kinds.items()}


def _common(kinds: set[type]) -> type:
    if not kinds:
        return str
    if kinds == {int, float}:
        return float
    only = next(iter(kinds))
    return only if len(kinds) == 1 and only in {str, int, float, bool} else object


def count_lines(path: Path) -> int:
    """How many lines a file has, uncompressed."""
    from ktrain_sentiment.tables.sources import opened

    with opened(path) as stream:
        return sum(block.count(b"\n") for block in iter(lambda: stream.read(_BLOCK), b""))
