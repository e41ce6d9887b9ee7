"""Excel and OpenDocument sheets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ktrain_sentiment.data.columns import choose_columns
from ktrain_sentiment.data.opening import check_file
from ktrain_sentiment.data.table import Table
from ktrain_sentiment.errors import DataError, require
from ktrain_sentiment.tables.messages import count, quoted, rows_listed

EXCEL_LIMIT = 32767
"""Characters: what Excel cuts a longer text to."""


def read_workbook(
    path: Path, sheet: str | None, text_column: str | None, label_column: str | None
) -> Table:
    """Read a sheet of a workbook; the first row that is not empty names the columns.

    Args:
        path: An .xlsx, .xlsm, .xlsb, .xls or .ods file.
        sheet: The sheet; when None, the only one that has texts and labels.
        text_column: Passed on to the search for that sheet.
        label_column: Passed on to the search for that sheet.

    Raises:
        DataError: It cannot be read, or there is no telling which sheet is meant.
        MissingExtraError: The library that reads workbooks is not installed.
    """
    check_file(path)
    book = _open(path)
    names = list(book.sheet_names)
    if sheet is not None:
        if sheet not in names:
            raise DataError(f"{path}: there is no sheet {sheet!r}; sheets: {quoted(names)}")
        return _sheet(book, sheet, path, named=True)
    if len(names) == 1:
        return _sheet(book, names[0], path, named=False)
    return _only_fitting(book, path, text_column, label_column)


def _open(path: Path) -> Any:  # noqa: ANN401
    calamine = require("python_calamine", "data")
    try:
        return calamine.CalamineWorkbook.from_path(str(path))
    except (calamine.CalamineError, OSError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: not a readable workbook: {reason}") from error


def _only_fitting(
    book: Any,  # noqa: ANN401
    path: Path,
    text_column: str | None,
    label_column: str | None,
) -> Table:
    fitting: list[Table] = []
    names: list[str] = []
    for name in book.sheet_names:
        try:
            table = _sheet(book, name, path, named=True)
            choose_columns(table, text_column, label_column)
        except DataError:
            continue
        fitting.append(table)
        names.append(name)
    if len(fitting) == 1:
        return fitting[0].with_notes(f"sheet {names[0]!r}")
    what = "several sheets have" if names else "none of the sheets has"
    listed = quoted(names or book.sheet_names)
    raise DataError(f"{path}: {what} texts and labels: {listed}; choose one with --sheet")


def _sheet(book: Any, name: str, path: Path, *, named: bool) -> Table:  # noqa: ANN401
    source = f"{path} (sheet {name!r})" if named else str(path)
    cells: list[list[object]] = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
    filled = [(n, row) for n, row in enumerate(cells, start=1) if any(map(_is_filled, row))]
    if not filled:
        raise DataError(f"{source}: the sheet is empty; wanted a header row and rows")
    header = filled[0][1]
    kept = [position for position in range(len(header)) if _is_used(filled, position)]
    rows = filled[1:]
    columns = [[_value(row[position]) for _, row in rows] for position in kept]
    table = Table.from_columns([header[p] for p in kept], columns, [n for n, _ in rows], source)
    return table.with_notes(_cut_by_excel(columns, [n for n, _ in rows]))


def _is_filled(cell: object) -> bool:
    return cell is not None and cell != ""


def _is_used(filled: Sequence[tuple[int, Sequence[object]]], position: int) -> bool:
    return any(_is_filled(row[position]) for _, row in filled)


def _value(cell: object) -> object:
    return cell if _is_filled(cell) else None


def _cut_by_excel(columns: Sequence[Sequence[object]], rows: Sequence[int]) -> str:
    full = sorted(
        {
            row
            for column in columns
            for row, cell in zip(rows, column, strict=True)
            if isinstance(cell, str) and len(cell) == EXCEL_LIMIT
        }
    )
    if not full:
        return ""
    cut = f"Excel cut {count(len(full), 'text')} at {EXCEL_LIMIT:,} characters"
    return f"{cut}: {rows_listed(full)}"
