"""What the user named, found and read: a corpus, a hub dataset, a folder, a pattern, a file."""

from __future__ import annotations

import glob
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from ktrain_sentiment.config import DataConfig
from ktrain_sentiment.data import structured
from ktrain_sentiment.data.corpora import CORPORA, NEUTRAL, corpus_path
from ktrain_sentiment.data.delimited import Layout, read_delimited
from ktrain_sentiment.data.folders import read_class_folders
from ktrain_sentiment.data.hub import read_hub
from ktrain_sentiment.data.opening import bare_suffix, near_name
from ktrain_sentiment.data.table import Table
from ktrain_sentiment.data.workbook import read_workbook
from ktrain_sentiment.errors import DataError
from ktrain_sentiment.tables.messages import count

_HUB = "hub:"
Reader = Callable[[Path, DataConfig], Table]


def read_source(config: DataConfig) -> Table:
    """Read the table that the user named.

    Raises:
        DataError: Nothing is named, it does not exist, or it cannot be read.
    """
    name = config.data
    if not name:
        raise DataError(
            f"no data is named; wanted a file, or one of the corpora {', '.join(CORPORA)}"
        )
    if name.startswith(_HUB):
        return read_hub(name.removeprefix(_HUB), config.hub_config)
    path = Path(name).expanduser()
    if name in CORPORA and not path.is_file():
        return _read_corpus(name, config)
    if path.is_dir():
        return read_class_folders(path, config.encoding)
    if not path.exists() and glob.has_magic(name):
        return read_pattern(str(path), config)
    if not path.exists() and path.name == name and not path.suffix and not near_name(path):
        raise DataError(f"{name}: no such file, and no corpus; corpora: {', '.join(CORPORA)}")
    return read_file(path, config)


def _read_corpus(name: str, config: DataConfig) -> Table:
    """A named corpus, without the sentences that are neither negative nor positive."""
    table = replace(read_file(corpus_path(name), config), source=name)
    if config.neutral:
        return table
    kept = (table.frame["label"] != NEUTRAL).to_numpy()
    left_out = count(int((~kept).sum()), "neutral row")
    table = replace(table, frame=table.frame[kept].reset_index(drop=True), rows=table.rows[kept])
    return table.with_notes(f"left out {left_out} (--neutral keeps them)")


def read_file(path: Path, config: DataConfig) -> Table:
    """Read one file into a table; its suffix says the format.

    Raises:
        DataError: It cannot be read, has no rows, or its format is not known.
    """
    suffix = bare_suffix(path)
    reader = _READERS.get(suffix)
    if reader is None:
        known = " ".join(sorted(name for name in _READERS if name))
        raise DataError(f"{path}: the format {suffix} is not known; wanted one of {known}")
    return reader(path, config)


def read_pattern(pattern: str, config: DataConfig) -> Table:
    """Read all files that a pattern such as `exports/*.csv` matches, as one table.

    Raises:
        DataError: None matches, or one cannot be read.
    """
    anchor = Path(pattern).anchor
    found = Path(anchor).glob(pattern.removeprefix(anchor))
    paths = sorted(path for path in found if path.is_file())
    if not paths:
        raise DataError(f"{pattern}: no file matches; quote the pattern, and check the folder")
    return join_tables([read_file(path, config) for path in paths], pattern)


def join_tables(tables: list[Table], source: str) -> Table:
    """One table of several; columns `file` and `file_row` say where each row came from.

    Raises:
        DataError: Their columns differ.
    """
    names = list(tables[0].frame.columns)
    for table in tables[1:]:
        if set(table.frame.columns) != set(names):
            odd = sorted(set(names) ^ set(map(str, table.frame.columns)))
            raise DataError(
                f"{table.source}: its columns differ from those of {tables[0].source} "
                f"({', '.join(odd)}); give all files the same columns"
            )
    frames = [
        table.frame.assign(file=table.source, file_row=table.rows)[[*names, "file", "file_row"]]
        for table in tables
    ]
    joined = pd.concat(frames, ignore_index=True)
    notes = [f"{len(tables)} files"]
    notes += [f"{table.source}: {note}" for table in tables for note in table.notes]
    repeated = frozenset().union(*(table.repeated for table in tables))
    rows = np.arange(1, len(joined) + 1, dtype=np.int64)
    return Table(joined, rows, source, tuple(notes), repeated)


def _read_delimited(path: Path, config: DataConfig) -> Table:
    known = tuple(name for name in (config.text_column, config.label_column) if name)
    layout = Layout(config.delimiter, config.encoding, config.quoting, config.columns, known)
    return read_delimited(path, layout)


def _read_json(path: Path, config: DataConfig) -> Table:
    return structured.read_json(path, config.encoding)


def _read_json_lines(path: Path, config: DataConfig) -> Table:
    return structured.read_json_lines(path, config.encoding)


def _read_parquet(path: Path, _config: DataConfig) -> Table:
    return structured.read_parquet(path)


def _read_workbook(path: Path, config: DataConfig) -> Table:
    return read_workbook(path, config.sheet, config.text_column, config.label_column)


_READERS: dict[str, Reader] = {
    **dict.fromkeys((".csv", ".tsv", ".tab", ".txt", ""), _read_delimited),
    **dict.fromkeys((".jsonl", ".ndjson"), _read_json_lines),
    **dict.fromkeys((".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"), _read_workbook),
    ".json": _read_json,
    ".parquet": _read_parquet,
}
