"""Open a file of any format as columns and chunks of rows."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from ktrain_sentiment.inference.scoring import binary
from ktrain_sentiment.inference.scoring.lines import file_lines
from ktrain_sentiment.inference.scoring.sources import (
    ReadOptions,
    Source,
    count_lines,
    open_lines,
)
from ktrain_sentiment.tables.formats import Format
from ktrain_sentiment.tables.sources import check_file


def open_file(path: Path, form: Format, options: ReadOptions) -> Source:
    """Open a file.

    Raises:
        DataError: It is missing, damaged or empty, or there is no telling its text column.
        ConfigError: An option makes no sense.
        MissingExtraError: The library that reads workbooks is not installed.
    """
    check_file(path)
    if form in {"parquet", "excel"}:
        return (binary.open_parquet if form == "parquet" else binary.open_workbook)(path, options)
    source = open_lines(lambda: file_lines(path, options.encoding), str(path), form, options)
    return dataclasses.replace(source, lines=count_lines(path))
