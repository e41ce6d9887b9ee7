"""Write rows as Parquet, and as a workbook."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ktrain_sentiment.errors import DataError, require
from ktrain_sentiment.tables.encodings import without_halves
from ktrain_sentiment.tables.writing import OutputSchema, RowEncoder, plain

if TYPE_CHECKING:
    import pyarrow as pa

EXCEL_ROWS = 1_048_576
EXCEL_CELL = 32_767

_GROUP_ROWS = 65_536


class ArrowEncoder(RowEncoder):
    """Rows as Arrow streams, one a call, of which a Parquet file is made in the end.

    A Parquet file has its index at the end, so that a file that was cut off cannot be continued;
    a file of Arrow streams can be cut off after any of them.
    """

    start = b""
    whole = False

    def __init__(self, schema: OutputSchema) -> None:
        import pyarrow as pa

        kinds = {
            str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_(),
            np.float32: pa.float32(),
        }  # fmt: skip
        own = {} if schema.arrow is None else {field.name: field for field in schema.arrow}
        self._source = schema.source
        self._schema = pa.schema(
            own.get(name) or pa.field(name, kinds.get(schema.types.get(name, str), pa.string()))
            for name in schema.names
        )

    def encode(self, places: Sequence[int], rows: Any) -> bytes:  # noqa: ANN401
        """The bytes of some rows; an Arrow table keeps its types.

        Raises:
            DataError: A value does not fit the type that earlier rows gave its column.
        """
        import pyarrow as pa

        columns = [self._column(field, places, rows) for field in self._schema]
        table = pa.Table.from_arrays(columns, schema=self._schema)
        out = pa.BufferOutputStream()
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        with pa.ipc.new_stream(out, self._schema, options=options) as stream:
            stream.write_table(table)
        return bytes(out.getvalue().to_pybytes())

    def _column(self, field: pa.Field, places: Sequence[int], rows: Any) -> Any:  # noqa: ANN401
        import pyarrow as pa

        try:
            if isinstance(rows, pa.Table):
                return rows[field.name].cast(field.type)
            values = [record.get(field.name) for record in rows]
            if pa.types.is_string(field.type):
                return _strings(values)
            return pa.array(values, type=field.type)
        except (pa.ArrowException, OverflowError) as error:
            raise DataError(
                f"{self._source}: column {field.name!r} does not stay {field.type} in lines "
                f"{places[0]} to {places[-1]}; write .jsonl or .csv instead of .parquet"
            ) from error

    def assemble(self, written: Path, target: Path) -> None:
        """Make the Parquet file, of which only one group of rows is in memory at a time."""
        import pyarrow as pa

        with pa.OSFile(str(written)) as log:
            write_parquet(target, self._schema, _batches(log))


def write_parquet(target: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    """Write batches of rows as a Parquet file."""
    import pyarrow.parquet as pq

    with pq.ParquetWriter(target, schema) as writer:
        for table in _groups(batches, schema):
            writer.write_table(table)


def _strings(values: Sequence[Any]) -> pa.Array:
    import pyarrow as pa

    texts = [v if v is None or isinstance(v, str) else str(plain(v)) for v in values]
    try:
        return pa.array(texts, type=pa.string())
    except UnicodeEncodeError:
        return pa.array([text and _text(text) for text in texts], type=pa.string())


def _batches(log: pa.NativeFile) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    while log.tell() < log.size():
        yield from pa.ipc.open_stream(log)


def _groups(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    """Tables of one size, however the rows came: a continued file is the same to the byte."""
    import pyarrow as pa

    waiting: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        waiting.append(batch)
        rows += len(batch)
        while rows >= _GROUP_ROWS:
            table = pa.Table.from_batches(waiting, schema)
            yield table.slice(0, _GROUP_ROWS)
            waiting = table.slice(_GROUP_ROWS).to_batches()
            rows -= _GROUP_ROWS
    if waiting:
        yield pa.Table.from_batches(waiting, schema)


def _text(value: object) -> str:
    return without_halves(value if isinstance(value, str) else str(plain(value)))


class Workbook:
    """Writes an .xlsx file row by row in constant memory; nothing in it is a formula or a link.

    Args:
        path: Where the file goes.
        schema: The columns.

    Raises:
        MissingExtraError: The library that writes workbooks is not installed.
    """

    def __init__(self, path: Path, schema: OutputSchema) -> None:
        library = require("xlsxwriter", "data")
        harmless = {
            "constant_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "default_date_format": "yyyy-mm-dd hh:mm:ss",
            "remove_timezone": True,
        }
        self._schema = schema
        self._book = library.Workbook(str(path), harmless)
        self._sheet = self._book.add_worksheet("predictions")
        self._row = 0
        self._write_row(list(schema.names))

    def write(self, places: Sequence[int], rows: Any) -> None:  # noqa: ANN401
        """Append rows.

        Raises:
            DataError: The sheet is full, or a cell is longer than Excel holds.
        """
        records = rows if isinstance(rows, Sequence) else rows.to_pylist()
        for place, record in zip(places, records, strict=True):
            cells = [_cell(record.get(name)) for name in self._schema.names]
            if any(isinstance(cell, str) and len(cell) > EXCEL_CELL for cell in cells):
                raise DataError(
                    f"{self._schema.source}: line {place} holds more than {EXCEL_CELL:,} "
                    "characters in a cell, which Excel cannot; write .csv, .jsonl or .parquet"
                )
            self._write_row(cells)

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
    if isinstance(value, bool | int | datetime.datetime | datetime.date | datetime.time):
        return value
    if isinstance(value, float) and abs(value) < float("inf"):
        return value
    return None if value is None or value != value else _text(value)
