"""Which format a name stands for: one list for whatever is read, and what of it is written."""

from __future__ import annotations

from pathlib import Path

from ktrain_sentiment.errors import ConfigError, DataError
from ktrain_sentiment.reading_rules import Format, WrittenFormat

FORMATS: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
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
MEDIA: dict[str, Format] = {
    "text/csv": "csv",
    "text/tab-separated-values": "tsv",
    "application/x-ndjson": "jsonl",
    "application/jsonl": "jsonl",
    "application/json": "json",
    "application/vnd.apache.parquet": "parquet",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "excel",
    "text/plain": "txt",
}
"""What a table may be sent as, and the format that this stands for."""
COMPRESSED = (".gz", ".zst", ".bz2", ".xz")
ARCHIVE = ".zip"
_NOT_WRITTEN = {".xlsm", ".xlsb", ".xls", ".ods", ".json", ARCHIVE}
KNOWN = "csv, tsv, jsonl, parquet, excel, txt"


def bare_suffix(name: str | Path) -> str:
    """The suffix that says the format, in lower case, without that of a compression."""
    path = Path(name)
    if path.suffix.lower() in COMPRESSED:
        path = path.with_suffix("")
    return path.suffix.lower()


def input_format(path: Path, given: Format | None) -> Format:
    """The format of a file to read, without regard to a compression; CSV where there is no suffix.

    Raises:
        DataError: The suffix is that of no format.
    """
    return given or format_of(bare_suffix(path), path)


def format_of(suffix: str, source: str | Path) -> Format:
    """The format that a suffix says; errors and defaults as for `input_format`.

    Args:
        suffix: Of the data, as `bare_suffix` gives it.
        source: What has it, as a message names it.
    """
    found = FORMATS.get(suffix) if suffix else "csv"
    if found is None:
        known = " ".join(sorted(FORMATS))
        raise DataError(f"{source}: the format {suffix} is not known; wanted one of {known}")
    return found


def output_format(
    path: Path, given: WrittenFormat | None, advice: str = "add --output-format"
) -> WrittenFormat:
    """The format of a file to write.

    Args:
        path: Its name.
        given: What the user says.
        advice: What to do where the name says nothing; the formats are listed behind it.

    Raises:
        ConfigError: The name says nothing, or something that is only read.
    """
    suffix = path.suffix.lower()
    if given is not None:
        return given
    if suffix in COMPRESSED:
        raise ConfigError(f"{path}: compressed files are read, not written; leave out {suffix}")
    if suffix in _NOT_WRITTEN:
        instead = ".jsonl" if suffix == ".json" else ".xlsx"
        raise ConfigError(f"{path}: {suffix} is read, not written; choose {instead}")
    found = FORMATS.get(suffix)
    if found is None or found == "json":
        raise ConfigError(f"{path}: the name does not say the format; {advice} ({KNOWN})")
    return found
