"""Ways in which a delimited file can be written, and what reading it so gives.

The standard `csv` module in strict mode does the reading, because it refuses what other readers
mend in silence: a quote that never closes swallows rows there.
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

from ktrain_sentiment.data.opening import opened

DELIMITERS = (",", "\t", ";", "|")
_NAMES = {",": "comma", "\t": "tab", ";": "semicolon", "|": "vertical bar", " ": "space"}
_LONGEST_CELL = (1 << 31) - 1
_MOST_WRAPPED = 0.1
_limit_lock = threading.Lock()


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
class Attempt:
    """What reading with a dialect gave; `fault` says at which line it does not fit, and why."""

    dialect: Dialect
    records: list[list[str]]
    lines: list[int]
    fault: str = ""

    @property
    def fits(self) -> bool:
        """Every record read has as many values as the first, and more than one."""
        return not self.fault and bool(self.records) and len(self.records[0]) > 1

    @property
    def has_quoted_values(self) -> bool:
        """Read without quoting, values still stand in quotes: then quotes were meant as quoting."""
        wrapped = [0] * len(self.records[0])
        for record in self.records:
            for position, value in enumerate(record):
                if len(value) > 1 and value[0] == value[-1] == '"':
                    if '""' in value[1:-1]:
                        return True
                    wrapped[position] += 1
        return max(wrapped) > _MOST_WRAPPED * len(self.records)

    @property
    def spanning_line(self) -> int | None:
        """The line on which the first record starts that goes over several; None without one."""
        records = zip(self.lines, self.records, strict=True)
        return next((line for line, record in records if any(map(_has_line_break, record))), None)


def _has_line_break(value: str) -> bool:
    return "\n" in value or "\r" in value


def attempt_reading(
    path: Path, encoding: str, dialect: Dialect, most: int | None = None
) -> Attempt:
    """Read a file in one way, as far as that goes.

    Args:
        path: The file, perhaps compressed.
        encoding: Its encoding.
        dialect: The way.
        most: Stop after so many records.
    """
    attempt = Attempt(dialect, [], [])
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
        except UnicodeError:
            return replace(attempt, fault=_undecodable(path, encoding, line))
    return attempt


def _undecodable(path: Path, encoding: str, near: int) -> str:
    """Which line is not in the encoding; decoding goes ahead of reading in large steps."""
    with opened(path) as stream:
        for number, line in enumerate(stream, start=1):
            try:
                line.decode(encoding)
            except UnicodeError:
                return f"line {number} is not valid {encoding}; name the right --encoding"
    return f"near line {near}: not valid {encoding}; name the right --encoding"


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
