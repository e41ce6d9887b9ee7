"""From a file to a `Table`, whatever its format."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ktrain_sentiment.config import DataConfig
from ktrain_sentiment.data import encodings
from ktrain_sentiment.data.delimited import read_delimited
from ktrain_sentiment.data.opening import bare_suffix, check_exists, opened
from ktrain_sentiment.data.table import Table, unique_names
from ktrain_sentiment.errors import DataError

DELIMITED = (".csv", ".tsv", ".tab", ".txt", "")
Reader = Callable[[Path, DataConfig], Table]


def read_file(path: Path, config: DataConfig) -> Table:
    """Read one file into a table.

    Raises:
        DataError: It cannot be read, is empty, or its format is not known.
    """
    check_exists(path)
    if path.is_dir():
        raise DataError(f"{path}: is a folder, wanted a file")
    suffix = bare_suffix(path)
    reader = _READERS.get(suffix)
    if reader is None:
        known = ", ".join(sorted(name for name in _READERS if name))
        raise DataError(f"{path}: unknown format {suffix!r}; wanted one of {known}")
    return reader(path, config)


def _read_delimited(path: Path, config: DataConfig) -> Table:
    return read_delimited(path)


def _read_parquet(path: Path, config: DataConfig) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with opened(path) as stream:
            table = pq.read_table(stream)
    except pa.ArrowException as error:
        raise DataError(f"{path}: not a readable Parquet file: {_one_line(error)}") from error
    names, repeated = unique_names(table.column_names)
    frame = table.rename_columns(names).to_pandas(ignore_metadata=True)
    return Table(frame, np.arange(1, len(frame) + 1), str(path), repeated=repeated)


def _read_jsonl(path: Path, config: DataConfig) -> Table:
    with opened(path) as stream:
        encoding = encodings.detect(stream, str(path))
    records: list[dict[str, Any]] = []
    lines: list[int] = []
    with opened(path) as stream:
        for number, raw in enumerate(stream, start=1):
            line = raw.decode(encoding.name).strip()
            if line:
                records.append(_json_record(line, f"{path}: line {number}"))
                lines.append(number)
    notes = (encoding.note,) if encoding.note else ()
    return Table(pd.DataFrame(records), np.asarray(lines, dtype=np.int64), str(path), notes)


def _json_record(line: str, place: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except ValueError as error:
        raise DataError(f"{place} is not JSON: {_one_line(error)}") from error
    if not isinstance(record, dict):
        raise DataError(f"{place}: wanted an object with fields, got {type(record).__name__}")
    return record


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


_READERS: dict[str, Reader] = {
    **dict.fromkeys(DELIMITED, _read_delimited),
    ".parquet": _read_parquet,
    ".jsonl": _read_jsonl,
    ".ndjson": _read_jsonl,
}
