"""Parquet files: rows keep their types, and come a batch at a time."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ktrain_sentiment.errors import DataError, one_line
from ktrain_sentiment.tables.sources import Source, as_file
from ktrain_sentiment.tables.table import (
    HEAD,
    Batch,
    ReadAs,
    Table,
    records_of_arrow,
    unique_names,
)

if TYPE_CHECKING:
    import pyarrow as pa


def open_parquet(source: Source, read_as: ReadAs) -> Table:
    """Open a Parquet file.

    Raises:
        DataError: It is no Parquet file, or a damaged one.
    """
    import pyarrow as pa

    with _opened(source) as file:
        names, repeated = unique_names(file.schema_arrow.names)
        fields = zip(file.schema_arrow, names, strict=True)
        schema = pa.schema(
            [field.with_name(name) for field, name in fields], metadata=file.schema_arrow.metadata
        )
        rows = file.metadata.num_rows
        try:
            first = next(file.iter_batches(batch_size=HEAD), None)
        except (pa.ArrowException, OSError) as error:
            raise _damaged(source, 1, error) from error
    head = [] if first is None else records_of_arrow(first.rename_columns(names))
    return Table(
        source.name,
        tuple(names),
        read_as,
        lambda size: _batches(source, schema, size),
        head,
        repeated=repeated,
        end=rows,
        unit="row",
        schema=schema,
        categories=_class_names(schema),
    )


@contextlib.contextmanager
def _opened(source: Source) -> Iterator[Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with as_file(source) as path:
        try:
            file = pq.ParquetFile(path)
        except (pa.ArrowException, OSError) as error:
            reason = one_line(error)
            raise DataError(f"{source.name}: not a whole Parquet file: {reason}") from error
        with file:
            yield file


def _batches(source: Source, schema: pa.Schema, size: int) -> Iterator[Batch]:
    import pyarrow as pa

    start = 1
    with _opened(source) as file:
        try:
            for batch in file.iter_batches(batch_size=size):
                table = pa.Table.from_batches([batch]).rename_columns(schema.names)
                yield Batch(range(start, start + len(table)), table)
                start += len(table)
        except (pa.ArrowException, OSError) as error:
            raise _damaged(source, start, error) from error


def _damaged(source: Source, row: int, error: Exception) -> DataError:
    return DataError(f"{source.name}: damaged near row {row}: {one_line(error)}")


def _class_names(schema: pa.Schema) -> Mapping[str, list[str]]:
    """The names of numbered classes, as the `datasets` library writes them beside the schema."""
    try:
        content = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        features = content["info"]["features"]
        return {
            name: list(map(str, feature["names"]))
            for name, feature in features.items()
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
