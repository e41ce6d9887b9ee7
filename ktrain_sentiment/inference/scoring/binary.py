"""Parquet files and workbooks, which say themselves what is a row and what is a value."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ktrain_sentiment.errors import DataError, require
from ktrain_sentiment.inference.scoring.columns import text_column
from ktrain_sentiment.inference.scoring.rows import Chunk, Record, text_of
from ktrain_sentiment.inference.scoring.sources import (
    ReadOptions,
    Source,
    make_source,
    scan_records,
)
from ktrain_sentiment.tables.table import unique_names

if TYPE_CHECKING:
    import pyarrow as pa

_SAMPLE = 500


def open_parquet(path: Path, options: ReadOptions) -> Source:
    """Open a Parquet file; rows keep their types.

    Raises:
        DataError: It is no Parquet file, or there is no telling its text column.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        names = tuple(unique_names(file.schema_arrow.names)[0])
        first = next(file.iter_batches(batch_size=_SAMPLE), None)
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{path}: not a whole Parquet file: {reason}") from error
    sample = [] if first is None else first.rename_columns(list(names)).to_pylist()
    chosen = text_column(names, sample, options.text_column, str(path))
    schema = pa.schema(
        [field.with_name(name) for field, name in zip(file.schema_arrow, names, strict=True)],
        metadata=file.schema_arrow.metadata,
    )
    return Source(
        str(path),
        names,
        chosen,
        lambda size: _parquet_chunks(file, schema, chosen, size, path),
        lines=file.metadata.num_rows,
        schema=schema,
    )


def _parquet_chunks(
    file: Any,  # noqa: ANN401
    schema: pa.Schema,
    column: str,
    size: int,
    path: Path,
) -> Iterator[Chunk]:
    import pyarrow as pa

    start = 1
    try:
        for batch in file.iter_batches(batch_size=size):
            table = pa.Table.from_batches([batch]).rename_columns(schema.names)
            yield _table_chunk(table, column, start)
            start += len(table)
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{path}: damaged near row {start}: {reason}") from error


def _table_chunk(table: pa.Table, column: str, start: int) -> Chunk:
    found = [text_of(value, column) for value in table[column].to_pylist()]
    problems = {index: problem for index, (_, problem) in enumerate(found) if problem}
    return Chunk(range(start, start + len(table)), [text for text, _ in found], problems, table)


def open_workbook(path: Path, options: ReadOptions) -> Source:
    """Open a sheet of a workbook (read whole: a sheet has a million rows at most).

    Raises:
        DataError: It is no workbook, the sheet is not there or empty.
        MissingExtraError: The library that reads workbooks is not installed.
    """
    calamine = require("python_calamine", "data")
    try:
        book = calamine.CalamineWorkbook.from_path(str(path))
        sheet = options.sheet or book.sheet_names[0]
        if sheet not in book.sheet_names:
            listed = ", ".join(book.sheet_names)
            raise DataError(f"{path}: there is no sheet {sheet!r}; sheets: {listed}")
        cells = book.get_sheet_by_name(sheet).to_python(skip_empty_area=False)
    except (calamine.CalamineError, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{path}: not a readable workbook: {reason}") from error
    filled = [(n, row) for n, row in enumerate(cells, start=1) if any(cell != "" for cell in row)]
    if not filled:
        raise DataError(f"{path}: sheet {sheet!r} is empty; wanted a header row and rows")
    names = tuple(unique_names(filled[0][1])[0])
    rows = [(number, _record(names, row)) for number, row in filled[1:]]
    _, types = scan_records(record for _, record in rows)
    return make_source(iter(rows), names, str(path), options, types=types, lines=len(cells))


def _record(names: tuple[str, ...], row: list[Any]) -> Record:
    values = (None if value == "" else value for value in row)
    return dict(zip(names, values, strict=True))
