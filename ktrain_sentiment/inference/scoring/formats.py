"""Which format a file has: said by a flag, or by its name."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from ktrain_sentiment.errors import ConfigError

Format = Literal["csv", "tsv", "jsonl", "parquet", "excel", "txt"]

_READ: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".xlsx": "excel",
    ".xlsm": "excel",
    ".xlsb": "excel",
    ".xls": "excel",
    ".ods": "excel",
    ".txt": "txt",
    ".text": "txt",
}
_NOT_WRITTEN = {".xlsm", ".xlsb", ".xls", ".ods"}
_COMPRESSED = {".gz", ".zst", ".bz2", ".xz"}
_KNOWN = "csv, tsv, jsonl, parquet, excel, txt"


def input_format(path: Path, given: Format | None) -> Format:
    """The format of a file to read, without regard to a compression.

    Raises:
        ConfigError: The name says nothing.
    """
    if given is not None:
        return given
    bare = path.with_suffix("") if path.suffix.lower() in _COMPRESSED else path
    found = _READ.get(bare.suffix.lower())
    if found is None:
        raise ConfigError(
            f"{path}: the name does not say the format; add --input-format ({_KNOWN})"
        )
    return found


def output_format(path: Path, given: Format | None) -> Format:
    """The format of a file to write.

    Raises:
        ConfigError: The name says nothing, or something that is only read.
    """
    suffix = path.suffix.lower()
    if given is not None:
        return given
    if suffix in _COMPRESSED:
        raise ConfigError(f"{path}: compressed files are read, not written; leave out {suffix}")
    if suffix in _NOT_WRITTEN:
        raise ConfigError(f"{path}: {suffix} is read, not written; choose .xlsx")
    found = _READ.get(suffix)
    if found is None:
        raise ConfigError(
            f"{path}: the name does not say the format; add --output-format ({_KNOWN})"
        )
    return found
