"""CSV and TSV row by row, in constant memory, going on after a row that cannot be read."""

from __future__ import annotations

import csv
import itertools
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from ktrain_sentiment.errors import ConfigError, DataError
from ktrain_sentiment.inference.scoring.lines import Line
from ktrain_sentiment.inference.scoring.rows import BadRow, Record

Quoting = Literal["auto", "yes", "no"]

_DELIMITERS = (",", "\t", ";", "|")
_SPELLED = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}
_SAMPLE = 500
_MOST_LINES = 10_000
"""A quoted value with more line breaks than this has lost its closing quote."""

_LONGEST_CELL = 1 << 30


@dataclass(frozen=True)
class Dialect:
    """How values are separated, and whether double quotes hold a value together."""

    delimiter: str
    quoted: bool


def parse_delimiter(given: str) -> str:
    """The character that a flag means.

    Raises:
        ConfigError: It is neither one character nor a known word.
    """
    wanted = _SPELLED.get(given.lower(), given)
    if len(wanted) != 1 or wanted in '"\r\n':
        raise ConfigError(f"--delimiter {given}: wanted one character, or tab")
    return wanted


def choose_dialect(
    sample: Sequence[Line], own: str, given: str | None, quoting: Quoting
) -> Dialect:
    """The first way of reading that gives all sampled rows the same number of values.

    Args:
        sample: The first lines.
        own: The delimiter that the format's name promises.
        given: The delimiter of the user; None: to be found.
        quoting: Whether double quotes hold values together; auto: to be found.
    """
    delimiters = [given] if given else [own, *(d for d in _DELIMITERS if d != own)]
    ways = {"auto": (True, False), "yes": (True,), "no": (False,)}[quoting]
    for delimiter, quoted in itertools.product(delimiters, ways):
        dialect = Dialect(delimiter, quoted)
        if _fits(sample, dialect, several=given is None):
            return dialect
    return Dialect(delimiters[0], ways[0])


def _fits(sample: Sequence[Line], dialect: Dialect, *, several: bool) -> bool:
    reader = _csv_reader((line.text for line in sample), dialect)
    try:
        widths = {len(record) for record in reader if record}
    except csv.Error as error:
        # The sample may end inside a value that goes on.
        return "unexpected end" in str(error) and len(sample) == _SAMPLE
    return len(widths) == 1 and (not several or widths.pop() > 1)


def _csv_reader(lines: Iterable[str], dialect: Dialect) -> Iterator[list[str]]:
    if not dialect.quoted:
        return csv.reader(lines, delimiter=dialect.delimiter, quoting=csv.QUOTE_NONE, strict=True)
    return csv.reader(lines, delimiter=dialect.delimiter, strict=True)


Found = tuple[int, list[str], str]
"""Line number, values, and what is wrong with the row."""


class _Feeder:
    """Hands lines to the csv reader, and takes them back when it could not read them."""

    def __init__(self, lines: Iterator[Line | None]) -> None:
        self._lines = lines
        self._back: deque[Line] = deque()
        self.taken: list[Line] = []

    def pauses(self) -> bool:
        """Whether the input pauses here; StopIteration at its end."""
        if not self._back:
            line = next(self._lines)
            if line is None:
                return True
            self._back.append(line)
        return False

    def begin(self) -> None:
        """A new row begins."""
        self.taken = []

    def give_back(self) -> Line:
        """Take back all lines of a row but the first, which is returned."""
        self._back.extendleft(reversed(self.taken[1:]))
        return self.taken[0]

    def __iter__(self) -> _Feeder:
        return self

    def __next__(self) -> str:
        if len(self.taken) > _MOST_LINES:
            raise csv.Error("unexpected end of data")
        line = self._back.popleft() if self._back else next(self._lines)
        while line is None:
            line = next(self._lines)
        self.taken.append(line)
        return line.text


def read_records(lines: Iterator[Line | None], dialect: Dialect) -> Iterator[Found | None]:
    """Rows with their line numbers; a row that cannot be read costs its first line alone.

    Yields:
        Each row that is not empty; and None where the input pauses.
    """
    feeder = _Feeder(lines)
    reader = _csv_reader(feeder, dialect)
    while True:
        try:
            if feeder.pauses():
                yield None
                continue
        except StopIteration:
            return
        feeder.begin()
        try:
            values = next(reader)
        except csv.Error as error:
            bad = feeder.give_back()
            reader = _csv_reader(feeder, dialect)
            values = bad.text.rstrip("\r\n").split(dialect.delimiter)
            yield bad.number, values, _explain(error)
            continue
        if values:
            problem = next((line.problem for line in feeder.taken if line.problem), "")
            yield feeder.taken[0].number, values, problem


def _explain(error: csv.Error) -> str:
    if "unexpected end" in str(error):
        return "has a double quote that never closes"
    if "new-line character" in str(error):
        return "has a carriage return outside double quotes"
    if "limit" in str(error):
        return f"has a value of more than {_LONGEST_CELL:,} characters"
    return "has text after a closing double quote"


@dataclass(frozen=True)
class Delimited:
    """A delimited input whose header was read.

    Attributes:
        header: The first row as it stands.
        found: The remaining rows.
        dialect: How it is written.
    """

    header: tuple[str, ...]
    found: Iterator[Found | None]
    dialect: Dialect

    def rows(self, columns: Sequence[str]) -> Iterator[tuple[int, Record | BadRow] | None]:
        """Rows by line number; None where the input pauses.

        Args:
            columns: The names to give the values, one for each in the header.
        """
        for found in self.found:
            if found is None:
                yield None
                continue
            line, values, problem = found
            if not problem and len(values) != len(columns):
                problem = f"has {len(values)} values where the header has {len(columns)}"
            record = _fit(values, columns, self.dialect.delimiter)
            yield line, BadRow(problem, record) if problem else record


def _peek(lines: Iterator[Line | None]) -> list[Line | None]:
    """The first lines, as many as are there without waiting, but at least one; then the pause."""
    ahead: list[Line | None] = []
    for line in lines:
        if line is not None or ahead:
            ahead.append(line)
        if len(ahead) == _SAMPLE or (line is None and ahead):
            break
    return ahead


def _fit(values: list[str], columns: Sequence[str], delimiter: str) -> Record:
    """As many values as columns: missing ones are None, surplus ones join the last."""
    last = len(columns) - 1
    if len(values) > len(columns):
        values = [*values[:last], delimiter.join(values[last:])]
    return dict(itertools.zip_longest(columns, values))


def open_delimited(
    lines: Iterator[Line | None], source: str, own: str, given: str | None, quoting: Quoting
) -> Delimited:
    """Find the dialect and read the header.

    Args:
        lines: The lines of the input.
        source: Its name, for messages.
        own: The delimiter that the format's name promises.
        given: The delimiter of the user; None: to be found.
        quoting: Whether double quotes hold values together; auto: to be found.

    Raises:
        DataError: The input is empty, or its header cannot be read.
    """
    csv.field_size_limit(_LONGEST_CELL)
    ahead = _peek(lines)
    sample = [line for line in ahead if line is not None]
    dialect = choose_dialect(sample, own, given, quoting)
    records = read_records(itertools.chain(ahead, lines), dialect)
    first = next((found for found in records if found is not None), None)
    if first is None:
        raise DataError(f"{source}: is empty; wanted a header line and rows")
    line, header, problem = first
    if problem:
        raise DataError(f"{source}: line {line} (the header) {problem}")
    return Delimited(tuple(header), records, dialect)
