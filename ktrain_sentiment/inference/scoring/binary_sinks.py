"""Rows as Arrow tables for Parquet, and as cells of a workbook."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ktrain_sentiment.errors import DataError, require
from ktrain_sentiment.inference.scoring.rows import Chunk
from ktrain_sentiment.inference.scoring.sinks import Added, plain
from ktrain_sentiment.inference.scoring.sources import Source

if TYPE_CHECKING:
    import pyarrow as pa

EXCEL_ROWS = 1_048_576
EXCEL_CELL = 32_767


def output_schema(source: Source, added: Sequence[str]) -> pa.Schema:
    """The Arrow schema of an output: the source's columns, then `predicted` and probabilities."""
    import pyarrow as pa

    kinds = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    own = source.schema or pa.schema(
        [(name, kinds.get(source.types.get(name, str), pa.string())) for name in source.columns]
    )
    predicted, *shares = added
    new = [pa.field(predicted, pa.string()), *(pa.field(name, pa.float32()) for name in shares)]
    return pa.schema([*own, *new])


def arrow_table(source: Source, schema: pa.Schema, chunk: Chunk, added: Added) -> pa.Table:
    """A chunk and its new columns as an Arrow table; a source's own types are kept.

    Raises:
        DataError: A value does not fit the type that earlier rows gave its column.
    """
    import pyarrow as pa

    own = schema.names[: -len(added)]
    if isinstance(chunk.rows, pa.Table):
        columns = [chunk.rows[name] for name in own]
    else:
        columns = [_column(source, schema.field(name), chunk) for name in own]
    new = [pa.array(values, type=schema.field(name).type) for name, values in added.items()]
    return pa.Table.from_arrays([*columns, *new], schema=schema)


def _column(source: Source, field: pa.Field, chunk: Chunk) -> pa.Array:
    import pyarrow as pa

    values = [record.get(field.name) for record in chunk.records()]
    if pa.types.is_string(field.type):
        values = [_text(value) for value in values]
    try:
        return pa.array(values, type=field.type)
    except (pa.ArrowException, OverflowError) as error:
        raise DataError(
            f"{source.name}: column {field.name!r} does not stay {field.type} in lines "
            f"{chunk.lines[0]} to {chunk.lines[-1]}; write .jsonl or .csv instead of .parquet"
        ) from error


def _text(value: object) -> str | None:
    if value is None:
        return None
    text = value if isinstance(value, str) else str(plain(value))
    return text.encode("utf-8", "replace").decode("utf-8")


class Workbook:
    """Writes an .xlsx file row by row in constant memory; nothing in it is a formula or a link.

    Args:
        path: Where the file goes.
        columns: The names of all columns.

    Raises:
        MissingExtraError: The library that writes workbooks is not installed.
    """

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        library = require("xlsxwriter", "data")
        harmless = {
            "constant_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "default_date_format": "yyyy-mm-dd hh:mm:ss",
            "remove_timezone": True,
        }
        self._book = library.Workbook(str(path), harmless)
        self._sheet = self._book.add_worksheet("predictions")
        self._row = 0
        self._write_row(list(columns))

    def write(self, source: Source, chunk: Chunk, added: Added) -> None:
        """Append a chunk.

        Raises:
            DataError: The sheet is full, or a cell is longer than Excel holds.
        """
        rows = zip(chunk.lines, chunk.records(), *added.values(), strict=True)
        for line, record, *new in rows:
            cells = [_cell(record.get(name)) for name in source.columns]
            if any(isinstance(cell, str) and len(cell) > EXCEL_CELL for cell in cells):
                raise DataError(
                    f"{source.name}: line {line} holds more than {EXCEL_CELL:,} characters in a "
                    "cell, which Excel cannot; write .csv, .jsonl or .parquet"
                )
            self._write_row([*cells, *new])

    def _write_row(self, cells: Sequence[Any]) -> None:
        if self._row == EXCEL_ROWS:
            raise DataError(
                f"an Excel sheet ends at {EXCEL_ROWS:,} rows; write .csv, .jsonl or .parquet"
            )
        for column, cell in enumerate(cells):
            if isinstance(cell, str):
                self._sheet.write_string(self._row, column, cell)
            elif cell is not None:
                self._sheet.write(self._row, column, cell)
        self._row += 1

    def close(self) -> None:
        """Finish the file."""
        self._book.close()


def _cell(value: object) -> object:
    if isinstance(value, int) and abs(value) >= 2**53:  # Excel's numbers are floats.
        return str(value)
    if isinstance(value, str | bool | int | datetime.datetime | datetime.date | datetime.time):
        return value
    if isinstance(value, float):
        return value if abs(value) < float("inf") else None
    return None if value is None else str(plain(value))
