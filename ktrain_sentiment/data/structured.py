"""JSON, JSON Lines and Parquet: formats that say themselves what is a row and what is a value."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ktrain_sentiment.data.delimited import find_encoding
from ktrain_sentiment.data.opening import opened
from ktrain_sentiment.data.table import Table, unique_names
from ktrain_sentiment.errors import DataError

Record = dict[str, Any]


def read_json_lines(path: Path, encoding: str | None = None) -> Table:
    """Read a file with one JSON object a line; empty lines are skipped.

    Raises:
        DataError: A line is not a JSON object.
    """
    found = find_encoding(path, encoding)
    records: list[Record] = []
    lines: list[int] = []
    for number, line in _lines(path, found.name):
        if line.strip():
            place = f"{path}: line {number}"
            records.append(_checked(_parse(line, place), place))
            lines.append(number)
    return _table(records, lines, str(path)).with_notes(found.note)


def read_json(path: Path, encoding: str | None = None) -> Table:
    """Read a JSON file: a list of objects, an object of equally long lists, or JSON Lines.

    Raises:
        DataError: It is none of these.
    """
    found = find_encoding(path, encoding)
    text = "".join(line for _, line in _lines(path, found.name))
    try:
        content = _loads(text)
    except json.JSONDecodeError as error:
        if error.msg.startswith("Extra data") and error.lineno > 1:
            return read_json_lines(path, encoding)
        raise DataError(f"{path}: not JSON: {_one_line(error)}") from error
    except RecursionError as error:
        raise DataError(f"{path}: nested too deeply to read") from error
    except ValueError as error:
        raise DataError(f"{path}: {_one_line(error)}") from error
    records = list(_records(content, path))
    return _table(records, range(1, len(records) + 1), str(path)).with_notes(found.note)


def read_parquet(path: Path) -> Table:
    """Read a Parquet file; a whole number stays one where others are missing.

    Raises:
        DataError: It is damaged, or no Parquet file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with opened(path) as stream:
        try:
            content = pq.read_table(stream)
        except pa.ArrowException as error:
            raise DataError(f"{path}: not a whole Parquet file: {_one_line(error)}") from error
    names, repeated = unique_names(content.column_names)
    frame = content.rename_columns(names).to_pandas(
        ignore_metadata=True, integer_object_nulls=True, self_destruct=True
    )
    rows = np.arange(1, len(frame) + 1, dtype=np.int64)
    return Table(frame, rows, str(path), repeated=repeated)


def _lines(path: Path, encoding: str) -> Iterator[tuple[int, str]]:
    """Lines by number, without the byte order mark; a line that cannot be decoded is named."""
    with opened(path) as stream:
        if encoding.startswith(("utf-16", "utf-32")):
            text = stream.read().decode(encoding)
            yield from enumerate(text.split("\n"), start=1)
            return
        for number, raw in enumerate(stream, start=1):
            try:
                yield number, raw.decode(encoding)
            except UnicodeDecodeError as error:
                raise DataError(f"{path}: line {number} is not valid {encoding}") from error


def _loads(text: str) -> Any:  # noqa: ANN401
    return json.loads(text, object_pairs_hook=_object)


def _object(pairs: list[tuple[str, Any]]) -> Record:
    record = dict(pairs)
    if len(record) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"an object has the field {twice!r} twice; give each its own name")
    return record


def _parse(line: str, place: str) -> object:
    try:
        return _loads(line)
    except RecursionError as error:
        raise DataError(f"{place}: nested too deeply to read") from error
    except json.JSONDecodeError as error:
        reason = f"{error.msg} (character {error.colno})"
        raise DataError(f"{place}: not a JSON object: {reason}") from error
    except ValueError as error:
        raise DataError(f"{place}: {_one_line(error)}") from error


def _checked(record: object, place: str) -> Record:
    if not isinstance(record, dict):
        raise DataError(f"{place}: wanted an object with fields, got {type(record).__name__}")
    for name, value in record.items():
        if isinstance(value, str) and not _is_text(value):
            raise DataError(
                f"{place}: field {name!r} holds half a surrogate pair, which is no character "
                "(an emoji that was cut in two?); remove it"
            )
    return record


def _is_text(value: str) -> bool:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _records(content: object, path: Path) -> Iterable[Record]:
    if isinstance(content, dict):
        lists = {name: value for name, value in content.items() if isinstance(value, list)}
        if len(lists) == 1 and all(isinstance(item, dict) for item in next(iter(lists.values()))):
            content = next(iter(lists.values()))
        elif len(lists) == len(content) and len({len(values) for values in lists.values()}) == 1:
            content = [
                dict(zip(lists, values, strict=True))
                for values in zip(*lists.values(), strict=True)
            ]
    if not isinstance(content, list):
        raise DataError(
            f"{path}: wanted a list of objects, or JSON Lines; got {type(content).__name__}"
        )
    for number, record in enumerate(content, start=1):
        yield _checked(record, f"{path}: record {number}")


def _table(records: list[Record], rows: Iterable[int], source: str) -> Table:
    names = list(dict.fromkeys(name for record in records for name in record))
    columns = [[record.get(name) for record in records] for name in names]
    return Table.from_columns(names, columns, list(rows), source)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
