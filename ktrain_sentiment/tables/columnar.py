"""Parquet files, read and written: rows keep their types, and come and go a batch at a time."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
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
from ktrain_sentiment.tables.writing import OutputSchema, RowEncoder, as_text, plain

if TYPE_CHECKING:
    import pyarrow as pa

_GROUP_ROWS = 65_536


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


class ArrowEncoder(RowEncoder):
    """Rows as Arrow streams, one a call, of which a Parquet file is made in the end.

    A Parquet file has its index at the end, so that a file that was cut off cannot be continued;
    a file of Arrow streams can be cut off after any of them.
    """

    start = b""
    whole = False

    def __init__(self, schema: OutputSchema) -> None:
        import numpy as np
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
            write_parquet(target, self._schema, _logged(log))


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
        return pa.array([text and as_text(text) for text in texts], type=pa.string())


def _logged(log: pa.NativeFile) -> Iterator[pa.RecordBatch]:
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
