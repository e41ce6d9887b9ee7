"""Workbooks: sheets of Excel and OpenDocument ones are read, and those of Excel written."""

from __future__ import annotations

import contextlib
import datetime
import re
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any
from xml.parsers import expat

from ktrain_sentiment.errors import DataError, one_line, require
from ktrain_sentiment.messages import count, left_out_headers, listed, noun, quoted, rows_listed
from ktrain_sentiment.tables.headers import header_position
from ktrain_sentiment.tables.sources import Source, as_file
from ktrain_sentiment.tables.table import (
    ReadAs,
    ReadOptions,
    Row,
    RowStream,
    Table,
    scan_types,
    table_of_rows,
    unique_names,
)
from ktrain_sentiment.tables.writing import OutputSchema, as_text

EXCEL_ROWS = 1_048_576
EXCEL_CELL = 32_767
"""Characters: what Excel cuts a longer text to."""
MOST_CELLS = 30_000_000
"""Cells of a sheet, empty ones included: the library that reads it holds them all in memory."""
MOST_BYTES = 1 << 31
"""Bytes of an unpacked workbook; twenty columns of a million rows take about a billion."""
_CELL = re.compile(
    rb'<(?:\w+:)?c(?=[\s/>])(?:(?:\s+\w+="[^"<>]*")*?\s+r="([A-Z]{1,3})([0-9]{1,7})")?'
)
"""A cell of a sheet, and where it stands if that is said in the usual way."""
_UNCOMPUTED = re.compile(
    rb'<c(?![^<>]*\st="str")[^<>]*?\sr="([A-Z]{1,3}[0-9]{1,7})"[^<>]*>\s*'
    rb"<f(?:\s[^<>]*)?(?:/>|>[^<]*</f>)\s*(?:<v\s*/>|<v>\s*</v>)?\s*</c>"
)
"""A cell with a formula and no value; one of type `str` has the value that it is empty."""
_OPEN_DOCUMENT = "content.xml"

Rank = Callable[[Table], int]
"""How well a table suits: 0 where it does not."""


def open_workbook(source: Source, options: ReadOptions, rank: Rank | None) -> Table:
    """Open the sheet that is named, or the one that suits best.

    Args:
        source: An .xlsx, .xlsm, .xlsb, .xls or .ods file.
        options: Its sheet, and the names of its columns.
        rank: Says how well each of several sheets suits; None: all do.

    Raises:
        DataError: It cannot be read, or there is no telling which sheet is meant.
        MissingExtraError: The library that reads workbooks is not installed.
    """
    calamine = require("python_calamine", "data")
    with as_file(source) as path:
        note = _look_over(path, source.name) if zipfile.is_zipfile(path) else ""
        try:
            # By its content: many programs write .xls and mean any of the formats.
            with path.open("rb") as stream:
                book = calamine.CalamineWorkbook.from_filelike(stream)
            names = list(book.sheet_names)
            if options.sheet is not None and options.sheet not in names:
                raise DataError(
                    f"{source.name}: there is no sheet {options.sheet!r}; sheets: {quoted(names)}"
                )
            wanted = [options.sheet] if options.sheet is not None else names
            return _choose(book, wanted, source.name, options, rank).with_notes(note)
        except BaseException as error:
            # The library is Rust, whose panics are no Exception of Python's.
            panicked = type(error).__name__ == "PanicException"
            if not panicked and not isinstance(error, calamine.CalamineError | OSError):
                raise
            reason = one_line(error)
            raise DataError(f"{source.name}: not a readable workbook: {reason}") from error


def _look_over(path: Path, name: str) -> str:
    """Refuse a workbook that memory cannot hold: the library aborts the process over one.

    A single cell at the last corner of a sheet does that, in a file of a few kilobytes: the whole
    area is allocated. Any part may be a sheet, whatever its name.

    Returns:
        That formulas have no values, where some have none: programs that write workbooks without
        being spreadsheets compute nothing, and such cells are empty to every reader.
    """
    uncomputed: list[str] = []
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(item.file_size for item in archive.infolist())
            if unpacked > MOST_BYTES:
                raise DataError(
                    f"{name}: unpacks to {unpacked / 1e9:.1f} GB, wanted at most "
                    f"{MOST_BYTES / 1e9:.1f}; divide the workbook, or save the sheet as .csv"
                )
            for member in archive.namelist():
                with archive.open(member) as stream:
                    area = None if member == _OPEN_DOCUMENT else _plain_area(stream)
                if area is None:
                    with archive.open(member) as stream:
                        area = _parsed_area(stream)
                if area.cells > MOST_CELLS:
                    raise DataError(
                        f"{name}: a sheet has cells as far as row {area.last[1]:,}, column "
                        f"{area.last[0]:,}, an area of {area.cells:,} cells, more than memory "
                        "holds; delete the stray cells, or save the sheet as .csv"
                    )
                uncomputed += area.uncomputed
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise DataError(f"{name}: not a readable workbook: {one_line(error)}") from error
    if not uncomputed:
        return ""
    return (
        f"{count(len(uncomputed), 'formula')} without a value: {noun(len(uncomputed), 'cell')} "
        f"{listed(uncomputed)}; whoever wrote the workbook did not compute them, so they are "
        "read as empty: open it in a spreadsheet program, and save it"
    )


class _Area:
    """The part of a sheet that its cells span, in columns and rows counted from 1."""

    def __init__(self) -> None:
        self.first, self.last = (1 << 70, 1 << 70), (0, 0)
        self.uncomputed: list[str] = []

    def add(self, column: int, row: int) -> None:
        self.first = min(self.first[0], column), min(self.first[1], row)
        self.last = max(self.last[0], column), max(self.last[1], row)

    @property
    def cells(self) -> int:
        width, height = (
            last - first + 1 for first, last in zip(self.first, self.last, strict=True)
        )
        return max(width, 0) * max(height, 0)


def _plain_area(stream: IO[bytes]) -> _Area | None:
    """The area of a sheet as every spreadsheet program writes it; None for an odd spelling."""
    area, rest = _Area(), b""
    while True:
        block = stream.read(1 << 20)
        text = rest + block
        # The end of a block may cut a cell in two; what follows the last cell may be long.
        cell = text.rfind(b"<c ", len(text) - (1 << 16))
        whole = cell if cell > 0 else text.rfind(b"<")
        cut = whole if block else len(text)
        found = _CELL.findall(text[:cut])
        if (b"", b"") in found:
            return None
        columns = {_column_number(letters.decode()) for letters in {pair[0] for pair in found}}
        rows = {int(digits) for digits in {pair[1] for pair in found}}
        if found:
            area.add(min(columns), min(rows))
            area.add(max(columns), max(rows))
        if b"<f" in text:
            area.uncomputed += [place.decode() for place in _UNCOMPUTED.findall(text[:cut])]
        rest = text[cut:]
        if len(rest) > 1 << 20:
            return None
        if not block:
            return area


def _parsed_area(stream: IO[bytes]) -> _Area:
    """The area of any sheet, also an OpenDocument one; forty times slower."""
    area = _Area()
    row, column = 0, 0

    def begin(name: str, attributes: dict[str, str]) -> None:
        nonlocal row, column
        kind = name.rpartition(":")[2]
        if kind == "row":
            row, column = _number(attributes.get("r"), row + 1), 0
        elif kind == "c":
            found = re.fullmatch(r"([A-Za-z]+)([0-9]+)", attributes.get("r", ""))
            if found:
                column, row = _column_number(found[1].upper()), _number(found[2], row)
            else:
                column += 1
            area.add(column, row)
        elif kind == "table":
            row = 0
        elif kind == "table-row":
            row, column = row + _number(attributes.get("table:number-rows-repeated"), 1), 0
        elif kind in ("table-cell", "covered-table-cell"):
            column += _number(attributes.get("table:number-columns-repeated"), 1)
            # Programs end each row and each sheet with a repeated cell that holds nothing.
            if any(key.startswith("office:") for key in attributes):
                area.add(1, 1)
                area.add(column, row)

    parser = expat.ParserCreate()
    parser.StartElementHandler = begin
    # What is no XML is refused by the library, in its own words.
    with contextlib.suppress(expat.ExpatError):
        parser.ParseFile(stream)
    return area


def _number(text: str | None, default: int) -> int:
    return int(text) if text and re.fullmatch("[0-9]{1,20}", text) else default


def _column_number(letters: str) -> int:
    number = 0
    for letter in letters[:20]:
        number = 26 * number + ord(letter) - ord("A") + 1
    return number


def _choose(
    book: Any, names: Sequence[str], source: str, options: ReadOptions, rank: Rank | None  # noqa: ANN401
) -> Table:  # fmt: skip
    if len(names) == 1:
        return _sheet(book, names[0], source, options, named=options.sheet is not None)
    ranked: dict[str, tuple[int, Table]] = {}
    for name in names:
        try:
            table = _sheet(book, name, source, options, named=True)
        except DataError:
            continue
        suits = rank(table) if rank else 1
        if suits:
            ranked[name] = suits, table
    best = max((suits for suits, _ in ranked.values()), default=0)
    fitting = {name: table for name, (suits, table) in ranked.items() if suits == best}
    seen = {one.name for one in book.sheets_metadata if one.visible == type(one.visible).Visible}
    unseen = [name for name in fitting if name not in seen] if seen & fitting.keys() else []
    for name in unseen:  # What whoever made the workbook put away is not what they mean.
        del fitting[name]
    if len(fitting) == 1:
        [(name, table)] = fitting.items()
        left = f"; left out the hidden {noun(len(unseen), 'sheet')} {quoted(unseen)}"
        return table.with_notes(f"sheet {name!r}{left if unseen else ''}")
    what = "several sheets have" if fitting else "none of the sheets has"
    rivals = quoted(list(fitting) or names)
    kind = "texts and labels" if best != 1 else "texts"
    raise DataError(
        f"{source}: {what} {kind}: {rivals}",
        "choose one with --sheet",
        "leave one sheet with texts in it",
    )


def _sheet(book: Any, name: str, source: str, options: ReadOptions, *, named: bool) -> Table:  # noqa: ANN401
    shown = f"{source} (sheet {name!r})" if named else source
    sheet = book.get_sheet_by_name(name)
    cells = ((n, [_value(cell) for cell in row]) for n, row in enumerate(sheet.iter_rows(), 1))
    filled = [(n, row) for n, row in cells if any(cell is not None for cell in row)]
    if not filled:
        raise DataError(f"{shown}: the sheet is empty; wanted a header row and rows")
    position = 0 if options.columns else header_position([row for _, row in filled])
    header_row, header = filled[position]
    body = filled if options.columns else filled[position + 1 :]
    width = max(len(row) for _, row in filled)
    used = [k for k in range(width) if any(row[k] is not None for _, row in filled[position:])]
    given: Sequence[object] = options.columns or [header[k] for k in used]
    if len(given) != len(used):
        raise DataError(
            f"{shown}: --columns gives {count(len(given), 'name')} and the sheet has "
            f"{count(len(used), 'column')}; name each of them, in order"
        )
    names, repeated = unique_names(given)
    repeats = [n for n, row in body if row == header and not options.columns and len(used) > 1]
    rows = [
        Row(n, {c: row[k] for c, k in zip(names, used, strict=True)})
        for n, row in body
        if n not in repeats
    ]
    _, types = scan_types(row.record for row in rows)
    notes = [f"names of the columns in row {header_row}"] if position else []
    notes += [left_out_headers(repeats, "row")] if repeats else []
    notes += _cut_by_excel(rows)

    def all_rows() -> RowStream:
        return iter(rows)

    return table_of_rows(
        all_rows,
        shown,
        names,
        ReadAs(format="excel", sheet=name, header=not options.columns),
        notes=tuple(notes),
        repeated=repeated,
        end=rows[-1].place if rows else 0,
        unit="row",
        types=types,
    )


def _value(cell: object) -> object:
    """A cell's value; a sheet stores all numbers as fractions, whole ones are meant as such."""
    if cell == "":
        return None
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53:
        return int(cell)
    return cell


def _cut_by_excel(rows: Sequence[Row]) -> list[str]:
    full = [
        row.place
        for row in rows
        if any(isinstance(c, str) and len(c) == EXCEL_CELL for c in row.record.values())
    ]
    if not full:
        return []
    cut = f"Excel cut {count(len(full), 'text')} at {EXCEL_CELL:,} characters"
    return [f"{cut}: {rows_listed(full)}"]


class Workbook:
    """Writes an .xlsx file row by row in constant memory; nothing in it is a formula or a link.

    Args:
        path: Where the file goes.
        schema: The columns.

    Raises:
        MissingExtraError: The library that writes workbooks is not installed.
    """

    def __init__(self, path: Path, schema: OutputSchema) -> None:
        library = require("xlsxwriter", "data")
        harmless = {
            "constant_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "default_date_format": "yyyy-mm-dd hh:mm:ss",
            "remove_timezone": True,
        }
        self._schema = schema
        self._book = library.Workbook(str(path), harmless)
        self._sheet = self._book.add_worksheet("predictions")
        self._row = 0
        self._write_row(list(schema.names))

    def write(self, places: Sequence[int], rows: Any) -> None:  # noqa: ANN401
        """Append rows.

        Raises:
            DataError: The sheet is full, or a cell is longer than Excel holds.
        """
        records = rows if isinstance(rows, Sequence) else rows.to_pylist()
        for place, record in zip(places, records, strict=True):
            cells = [_cell_of(record.get(name)) for name in self._schema.names]
            if any(isinstance(cell, str) and len(cell) > EXCEL_CELL for cell in cells):
                raise DataError(
                    f"{self._schema.source}: line {place} holds more than {EXCEL_CELL:,} "
                    "characters in a cell, which Excel cannot; write .csv, .jsonl or .parquet"
                )
            self._write_row(cells)

    def _write_row(self, cells: Sequence[Any]) -> None:
        if self._row == EXCEL_ROWS:
            raise DataError(
                f"an Excel sheet ends at {EXCEL_ROWS:,} rows; write .csv, .jsonl or .parquet"
            )
        for column, cell in enumerate(cells):
            if isinstance(cell, str):
                self._sheet.write_string(self._row, column, cell)
            elif cell is not None:
                self._sheet.write(self._row, column, cell)
        self._row += 1

    def close(self) -> None:
        """Finish the file."""
        self._book.close()


def _cell_of(value: object) -> object:
    if isinstance(value, int) and abs(value) >= 2**53:  # Excel's numbers are floats.
        return str(value)
    if isinstance(value, bool | int | datetime.datetime | datetime.date | datetime.time):
        return value
    if isinstance(value, float) and abs(value) < float("inf"):
        return value
    return None if value is None or value != value else as_text(value)
