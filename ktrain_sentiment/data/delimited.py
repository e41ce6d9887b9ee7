"""CSV, TSV and their kin: delimiter and quoting found, every row read right or refused by line.

The standard `csv` module in strict mode does the reading, because it refuses what other readers
mend in silence (a quote that never closes swallows rows there). Every value stays the text that
it is: `NA`, `null`, `007` and `1e5` are somebody's words.
"""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ktrain_sentiment.data import encodings
from ktrain_sentiment.data.headers import (
    refuse_doubtful_header,
    without_repeated_headers,
)
from ktrain_sentiment.data.opening import bare_suffix, opened
from ktrain_sentiment.data.table import Table
from ktrain_sentiment.errors import DataError

_DELIMITERS = (",", "\t", ";", "|")
_NAMES = {",": "comma", "\t": "tab", ";": "semicolon", "|": "vertical bar", " ": "space"}
_SPELLED = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}
_SAMPLE_RECORDS = 500
_LONGEST_CELL = (1 << 31) - 1
_MOST_WRAPPED = 0.1
_limit_lock = threading.Lock()


@dataclass(frozen=True)
class Layout:
    """What the user said about a delimited file; None and empty where it is to be found.

    Attributes:
        delimiter: A character, or a word such as tab.
        encoding: A Python codec name.
        quoting: yes, no, or auto.
        names: Column names of a file that has no header line.
        known: Column names that the user gave elsewhere: a header that holds them is one.
    """

    delimiter: str | None = None
    encoding: str | None = None
    quoting: str = "auto"
    names: tuple[str, ...] = ()
    known: tuple[str, ...] = ()


@dataclass(frozen=True)
class Dialect:
    r"""How a delimited file is written.

    Attributes:
        delimiter: The character between two values.
        quoted: Values may stand in double quotes, and then hold delimiters and line breaks.
        backslash: A quote inside a quoted value is written \" instead of "".
    """

    delimiter: str
    quoted: bool = True
    backslash: bool = False

    def __str__(self) -> str:
        name = _NAMES.get(self.delimiter, repr(self.delimiter))
        extra = "" if self.quoted else ", double quotes taken as plain text"
        return f"{name}-separated{extra}" + (', quotes written as \\"' if self.backslash else "")


@dataclass(frozen=True)
class _Attempt:
    """What reading with a dialect gave; `fault` says at which line it does not fit, and why."""

    dialect: Dialect
    records: list[list[str]]
    lines: list[int]
    fault: str = ""

    @property
    def fits(self) -> bool:
        return not self.fault and bool(self.records) and len(self.records[0]) > 1

    @property
    def spans_lines(self) -> bool:
        """Some value holds a line break."""
        return any("\n" in v or "\r" in v for record in self.records for v in record)


def read_delimited(path: Path, layout: Layout) -> Table:
    """Read a delimited text file into a table of strings.

    Raises:
        DataError: The file is empty, not text, has a row that does not fit the others, or can be
            read in two ways that differ.
    """
    encoding = find_encoding(path, layout.encoding)
    delimiter = _delimiter(path, encoding.name, layout)
    attempt = _read(path, encoding.name, delimiter, layout.quoting)
    own = _own_delimiter(path)
    odd = attempt.dialect != Dialect(own) and f"read as {attempt.dialect}"
    notes = tuple(note for note in (encoding.note, odd) if note)
    return _to_table(attempt, path, layout, notes)


def find_encoding(path: Path, given: str | None) -> encodings.Encoding:
    """The encoding of a text file: the given one, or what its bytes show.

    Raises:
        DataError: The given one is unknown, or there is no telling.
    """
    if given is None:
        with opened(path) as stream:
            return encodings.detect(stream, str(path))
    try:
        b"".decode(given)
    except LookupError as error:
        raise DataError(f"--encoding {given}: no such encoding; try utf-8 or cp1252") from error
    return encodings.Encoding(given)


def _own_delimiter(path: Path) -> str:
    return "\t" if bare_suffix(path) in {".tsv", ".tab"} else ","


def _delimiter(path: Path, encoding: str, layout: Layout) -> str:
    """The given delimiter, or the first that gives every sampled record the same width."""
    if layout.delimiter is not None:
        wanted = _SPELLED.get(layout.delimiter.lower(), layout.delimiter)
        if len(wanted) != 1 or wanted in '"\r\n':
            raise DataError(f"--delimiter {layout.delimiter}: wanted one character, or tab")
        return wanted
    own = _own_delimiter(path)
    order = [own, *(other for other in _DELIMITERS if other != own)]
    quoted = {"yes": (True,), "no": (False,)}.get(layout.quoting, (True, False))
    dialects = [Dialect(delimiter, quoted=way) for delimiter in order for way in quoted]
    attempts = [_attempt(path, encoding, dialect, _SAMPLE_RECORDS) for dialect in dialects]
    if not any(attempt.records or attempt.fault for attempt in attempts):
        raise DataError(f"{path}: the file is empty; wanted a header line and rows")
    fitting = next((attempt for attempt in attempts if attempt.fits), None)
    widest = max(attempts, key=lambda attempt: len(attempt.records[0]) if attempt.records else 0)
    return (fitting or widest).dialect.delimiter


def _read(path: Path, encoding: str, delimiter: str, quoting: str) -> _Attempt:
    """Read the whole file in the one way that fits.

    Quotes are ambiguous: in CSV they hold a value together, over lines even; in many tab-separated
    exports they are just characters. A file that reads well in both ways, differently, is refused.
    """
    if quoting == "no":
        return _well(_attempt(path, encoding, Dialect(delimiter, quoted=False)), path)
    quoted = _attempt(path, encoding, Dialect(delimiter))
    if quoting == "yes" or (not quoted.fault and not quoted.spans_lines):
        return _well(quoted, path)
    plain = _attempt(path, encoding, Dialect(delimiter, quoted=False))
    if quoted.fault and plain.fits and not _has_quoted_values(plain):
        return plain
    escaped = _attempt(path, encoding, Dialect(delimiter, backslash=True))
    if quoted.fault and escaped.fits:
        return escaped
    if not quoted.fault and plain.fits:
        line = next(a for a, b in zip(quoted.lines, plain.lines, strict=False) if a != b) - 1
        raise DataError(
            f"{path}: the double quotes before line {line + 1} can be read in two ways: they hold "
            "a value over several lines (--quoting yes) or are plain text (--quoting no)"
        )
    return _well(quoted, path)


def _well(attempt: _Attempt, path: Path) -> _Attempt:
    if attempt.fault:
        raise DataError(f"{path}: {attempt.fault}")
    return attempt


def _has_quoted_values(plain: _Attempt) -> bool:
    """Read without quoting, values still stand in quotes: then quotes were meant as quoting."""
    wrapped = [0] * len(plain.records[0])
    for record in plain.records:
        for position, value in enumerate(record):
            if len(value) > 1 and value[0] == value[-1] == '"':
                if '""' in value[1:-1]:
                    return True
                wrapped[position] += 1
    return max(wrapped) > _MOST_WRAPPED * len(plain.records)


def _attempt(path: Path, encoding: str, dialect: Dialect, most: int | None = None) -> _Attempt:
    attempt = _Attempt(dialect, [], [])
    with opened(path) as stream, _long_cells():
        text = io.TextIOWrapper(stream, encoding=encoding, newline="")
        reader = csv.reader(
            _with_doubled_quotes(text) if dialect.backslash else text,
            delimiter=dialect.delimiter,
            quoting=csv.QUOTE_MINIMAL if dialect.quoted else csv.QUOTE_NONE,
            strict=True,
        )
        line = 1
        try:
            for record in itertools.islice(reader, most):
                if record:
                    attempt.records.append(record)
                    attempt.lines.append(line)
                    if len(record) != len(attempt.records[0]):
                        return replace(attempt, fault=_ragged(line, attempt.records, dialect))
                line = reader.line_num + 1
        except csv.Error as error:
            return replace(attempt, fault=_quote_fault(line, error))
        except UnicodeError as error:
            name = str(encoding).upper()
            reason = f"near line {line}: not valid {name} ({error.__class__.__name__})"
            return replace(attempt, fault=f"{reason}; name the right --encoding")
    return attempt


def _with_doubled_quotes(lines: Iterable[str]) -> Iterator[str]:
    return (line.replace('\\"', '""') for line in lines)


@contextlib.contextmanager
def _long_cells() -> Iterator[None]:
    """Lift the csv module's limit of 128 KiB a cell, which is global, for one reading."""
    with _limit_lock:
        before = csv.field_size_limit(_LONGEST_CELL)
        try:
            yield
        finally:
            csv.field_size_limit(before)


def _ragged(line: int, records: list[list[str]], dialect: Dialect) -> str:
    name = _NAMES.get(dialect.delimiter, repr(dialect.delimiter))
    return (
        f"line {line} has {len(records[-1])} {name}-separated values where the first line has "
        f"{len(records[0])}; put texts that hold a {name} in double quotes, or name another "
        "--delimiter"
    )


def _quote_fault(line: int, error: csv.Error) -> str:
    if "unexpected end" in str(error):
        return (
            f"line {line}: a double quote opens here and never closes; close it, or write "
            "--quoting no if quotes are plain text in this file"
        )
    return (
        f"line {line}: text follows a closing double quote; write quotes inside a quoted text "
        "twice, or --quoting no if quotes are plain text in this file"
    )


def _to_table(attempt: _Attempt, path: Path, layout: Layout, notes: tuple[str, ...]) -> Table:
    records, lines = attempt.records, attempt.lines
    if not records:
        raise DataError(f"{path}: the file is empty; wanted a header line and rows")
    if not layout.names:
        header, records, lines = records[0], records[1:], lines[1:]
        records, lines, repeats = without_repeated_headers(header, records, lines)
        refuse_doubtful_header(header, records, str(path), layout.known)
        notes = (*notes, repeats) if repeats else notes
    elif len(layout.names) == len(records[0]):
        header = list(layout.names)
    else:
        raise DataError(
            f"{path}: --columns gives {len(layout.names)} names and the file has "
            f"{len(records[0])} columns; name each of them, in order"
        )
    columns = list(zip(*records, strict=True)) or [()] * len(header)
    return Table.from_columns(header, columns, lines, str(path), notes)
