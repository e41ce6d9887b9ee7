"""Write a data frame, in the format that its name says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ktrain_sentiment.atomic import staged_file
from ktrain_sentiment.tables.columnar import write_parquet
from ktrain_sentiment.tables.formats import output_format
from ktrain_sentiment.tables.sheets import Workbook
from ktrain_sentiment.tables.table import Record
from ktrain_sentiment.tables.writing import OutputDialect, OutputSchema, text_encoder

if TYPE_CHECKING:
    import pandas as pd

_ROWS = 4096


def write_table(
    target: Path,
    frame: pd.DataFrame,
    *,
    overwrite: bool = True,
    guarded: bool = False,
    digits: int | None = None,
) -> None:
    """Write a data frame without its index, atomically, in the format of its name.

    Args:
        target: Where the file will stand; parents are made.
        frame: Column names are unique.
        overwrite: Replace an existing file.
        guarded: For a list that people open in a spreadsheet program; see `writing.guard`.
        digits: Significant digits of fractional numbers in text and workbooks; all when None.

    Raises:
        ConfigError: The name says no format that is written.
        DataError: The format cannot hold a value.
        InputError: The target exists and may not be replaced, or cannot be written.
        MissingExtraError: The library that writes workbooks is not installed.
        SentimentError: The disk is full.
    """
    form = output_format(target, None, "end it in one of")
    names = tuple(map(str, frame.columns))
    schema = OutputSchema(names=names, shown=names, source=str(target))
    with staged_file(target, overwrite) as path:
        if form == "parquet":
            import pyarrow as pa

            table = pa.Table.from_pandas(frame, preserve_index=False)
            write_parquet(path, table.schema, table.to_batches())
        elif form == "excel":
            book = Workbook(path, schema)
            for places, records in _batches(frame, names, digits):
                book.write(places, records)
            book.close()
        else:
            dialect = OutputDialect(guarded=guarded and form in {"csv", "tsv"})
            encoder = text_encoder(form, schema, dialect)
            with path.open("wb") as stream:
                stream.write(encoder.start)
                for places, records in _batches(frame, names, digits):
                    stream.write(encoder.encode(places, records))


def _batches(
    frame: pd.DataFrame, names: tuple[str, ...], digits: int | None
) -> Iterator[tuple[range, Sequence[Record]]]:
    for start in range(0, len(frame), _ROWS):
        rows = frame.iloc[start : start + _ROWS].itertuples(index=False, name=None)
        records: Sequence[Record] = [dict(zip(names, row, strict=True)) for row in rows]
        if digits is not None:
            records = [_shorten(record, digits) for record in records]
        yield range(start + 1, start + 1 + len(records)), records


def _shorten(record: Record, digits: int) -> dict[str, Any]:
    return {
        name: float(f"{value:.{digits}g}") if isinstance(value, float) else value
        for name, value in record.items()
    }
