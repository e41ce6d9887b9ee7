"""CSV, TSV and their kin: delimiter and quoting found, every row read right or refused by number.

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
from dataclasses import dataclass
from pathlib import Path

from ktrain_sentiment.data import encodings
from ktrain_sentiment.data.opening import bare_suffix, opened
from ktrain_sentiment.data.table import Table
from ktrain_sentiment.errors import DataError

_DELIMITERS = (",", "\t", ";", "|")
_NAMES = {",": "comma", "\t": "tab", ";": "semicolon", "|": "vertical bar", " ": "space"}
_SPELLED = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}
_SAMPLE_RECORDS = 500
_LONGEST_CELL = 1 << 30
_limit_lock = threading.Lock()


@dataclass(frozen=True)
class Dialect:
    """How a delimited file is written.

    Attributes:
        delimiter: The character between two values.
        quoted: Values may stand in double quotes, and then hold delimiters and line breaks.
        backslash: A quote inside a quoted value is written \\" instead of "".
    """

    delimiter: str
    quoted: bool = True
    backslash: bool = False

    def __str__(self) -> str:
        name = _NAMES.get(self.delimiter, repr(self.delimiter))
        extra = "" if self.quoted else ", quotes taken as plain text"
        return f"{name}-separated{extra}" + (', quotes escaped as \\"' if self.backslash else "")


@dataclass(frozen=True)
class _Fault:
    """Why a dialect does not fit: the line where it failed and what is wrong there."""

    line: int
    reason: str


@dataclass(frozen=True)
class _Attempt:
    dialect: Dialect
    records: list[list[str]]
    lines: list[int]
    fault: _Fault | None = None

    @property
    def fits(self) -> bool:
        return self.fault is None and len(self.records) > 0 and len(self.records[0]) > 1


def read_delimited(
    path: Path,
    *,
    delimiter: str | None = None,
    encoding: str | None = None,
    names: tuple[str, ...] | None = None,
) -> Table:
    """Read a delimited text file into a table of strings.

    Args:
        path: The file, perhaps compressed.
        delimiter: The delimiter, as a character or a word such as tab; found when None.
        encoding: The encoding; found when None.
        names: Column names of a file that has no header line.

    Raises:
        DataError: The file is empty, not text, or has a row that does not fit the others.
    """
    found = _encoding(path, encoding)
    wanted = None if delimiter is None else _SPELLED.get(delimiter.lower(), delimiter)
    if wanted is not None and len(wanted) != 1:
        raise DataError(f"--delimiter {delimiter}: wanted one character, or tab")
    dialects = _candidates(path, wanted)
    sampled = [_attempt(path, found.name, d, _SAMPLE_RECORDS) for d in dialects]
    best = _choose(sampled, path)
    attempt = _read_whole(path, found.name, best.dialect)
    notes = tuple(note for note in (found.note, _dialect_note(attempt.dialect, path)) if note)
    return _to_table(attempt, path, names, notes)


def _encoding(path: Path, given: str | None) -> encodings.Encoding:
    if given is None:
        with opened(path) as stream:
            return encodings.detect(stream, str(path))
    try:
        "".encode(given)
    except LookupError as error:
        raise DataError(f"--encoding {given}: unknown encoding; try utf-8 or cp1252") from error
    return encodings.Encoding(given)


def _candidates(path: Path, delimiter: str | None) -> list[Dialect]:
    if delimiter is not None:
        return [Dialect(delimiter)]
    own = "\t" if bare_suffix(path) in {".tsv", ".tab"} else ","
    return [Dialect(own), *(Dialect(other) for other in _DELIMITERS if other != own)]


def _choose(attempts: list[_Attempt], path: Path) -> _Attempt:
    """The first dialect whose sampled records all have the same number of values, two or more."""
    if not any(attempt.records for attempt in attempts) and not attempts[0].fault:
        raise DataError(f"{path}: the file is empty; wanted a header line and rows")
    fitting = [attempt for attempt in attempts if attempt.fits]
    if fitting:
        return max(fitting, key=lambda attempt: _plausibility(attempt))
    wide = [a for a in attempts if a.records and len(a.records[0]) > 1]
    return wide[0] if wide else attempts[0]


def _plausibility(attempt: _Attempt) -> tuple[bool, int]:
    """Short names in the first record first, then the usual order of delimiters."""
    header = attempt.records[0]
    return all(len(name) < 40 for name in header), -_DELIMITERS.index(
        attempt.dialect.delimiter
    ) if (attempt.dialect.delimiter in _DELIMITERS) else 0


def _read_whole(path: Path, encoding: str, dialect: Dialect) -> _Attempt:
    quoted = _attempt(path, encoding, dialect)
    if quoted.fault is None and not _spans_lines(quoted):
        return quoted
    plain = _attempt(path, encoding, Dialect(dialect.delimiter, quoted=False))
    if plain.fits:
        return plain
    if quoted.fault is None:
        return quoted
    escaped = _attempt(path, encoding, Dialect(dialect.delimiter, backslash=True))
    if escaped.fits:
        return escaped
    raise DataError(f"{path}: line {quoted.fault.line}: {quoted.fault.reason}")


def _spans_lines(attempt: _Attempt) -> bool:
    steps = itertools.pairwise(attempt.lines)
    return any(after - before > 1 for before, after in steps)


def _attempt(path: Path, encoding: str, dialect: Dialect, most: int | None = None) -> _Attempt:
    records: list[list[str]] = []
    lines: list[int] = []
    fault = None
    with opened(path) as stream, _long_cells():
        text = io.TextIOWrapper(stream, encoding=encoding, newline="")
        reader = _reader(text, dialect)
        line = 1
        try:
            for record in itertools.islice(reader, most):
                if record:
                    records.append(record)
                    lines.append(line)
                    if len(record) != len(records[0]):
                        fault = _Fault(line, _ragged(record, records[0]))
                        break
                line = reader.line_num + 1
        except csv.Error as error:
            fault = _Fault(line, _quote_fault(error))
        except UnicodeDecodeError as error:
            fault = _Fault(line, f"not valid {encoding} (byte {error.object[error.start]:#x})")
    return _Attempt(dialect, records, lines, fault)


def _reader(text: Iterable[str], dialect: Dialect) -> "csv._reader":  # type: ignore[name-defined]
    if not dialect.quoted:
        return csv.reader(text, delimiter=dialect.delimiter, quoting=csv.QUOTE_NONE, strict=True)
    if dialect.backslash:
        text = (line.replace('\\"', '""') for line in text)
    return csv.reader(text, delimiter=dialect.delimiter, strict=True)


@contextlib.contextmanager
def _long_cells() -> Iterator[None]:
    """Lift the csv module's limit of 128 KiB a cell, which is global, for one reading."""
    with _limit_lock:
        before = csv.field_size_limit(_LONGEST_CELL)
        try:
            yield
        finally:
            csv.field_size_limit(before)


def _ragged(record: list[str], header: list[str]) -> str:
    return (
        f"{len(record)} values where the first line has {len(header)}; put the text in double "
        "quotes, or name the right --delimiter"
    )


def _quote_fault(error: csv.Error) -> str:
    if "unexpected end" in str(error):
        return "a double quote opens here and never closes; close it or write it twice"
    return "text stands after a closing double quote; write a quote inside a text twice"


def _dialect_note(dialect: Dialect, path: Path) -> str:
    usual = Dialect("\t" if bare_suffix(path) in {".tsv", ".tab"} else ",")
    return "" if dialect == usual else f"read as {dialect}"


def _to_table(
    attempt: _Attempt, path: Path, names: tuple[str, ...] | None, notes: tuple[str, ...]
) -> Table:
    records, lines = attempt.records, attempt.lines
    if names is None:
        header, records, lines = records[0], records[1:], lines[1:]
    elif len(names) != len(records[0]):
        raise DataError(
            f"--columns names {len(names)} columns and {path} has {len(records[0])}: "
            "name every one, in order"
        )
    else:
        header = list(names)
    return Table.from_records(header, records, lines, str(path), notes)
