"""Ways in which delimited text is written, found by reading it; row by row, in constant memory.

The standard `csv` module in strict mode does the reading, because it refuses what other readers
mend in silence: a quote that never closes swallows rows there. Every value stays the text that it
is: `NA`, `null`, `007` and `1e5` are somebody's words.
"""

from __future__ import annotations

import csv
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from ktrain_sentiment.errors import ConfigError, DataError
from ktrain_sentiment.messages import count
from ktrain_sentiment.tables.encodings import LONGEST, Line
from ktrain_sentiment.tables.headers import KNOWN_NAMES, is_repeated, is_ruled, is_shuffled
from ktrain_sentiment.tables.table import (
    HEAD,
    Problem,
    ReadOptions,
)

DELIMITERS = (",", "\t", ";", "|")
_SPELLED = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}
_NAMES = {",": "comma", "\t": "tab", ";": "semicolon", "|": "vertical bar", " ": "space"}
_MOST_LINES = 10_000
"""A quoted value with more line breaks than this has lost its closing quote."""
_MOST_WRAPPED = 0.1
_limit_lock = threading.Lock()

_NEVER_CLOSES = Problem(
    "has a double quote that never closes",
    ("close it, or write --quoting no if quotes are plain text in this file", "close it"),
)
_AFTER_QUOTE = Problem(
    "has text after a closing double quote",
    (
        "write quotes inside a quoted text twice, or --quoting no if quotes are plain text in this "
        "file",
        "write quotes inside a quoted text twice",
    ),
)
_LONE_RETURN = Problem(
    "has a carriage return outside double quotes", ("remove it, or quote the text",)
)


@dataclass(frozen=True)
class Dialect:
    r"""How a delimited file is written.

    Attributes:
        delimiter: The character between two values.
        quoted: Values may stand in double quotes, and then hold delimiters and line breaks.
        backslash: A quote inside a quoted value is written \" instead of "".
        spaced: A space follows each delimiter and is no part of the value.
        trailing: Each row, but not the header, ends with a delimiter that separates nothing.
    """

    delimiter: str
    quoted: bool = True
    backslash: bool = False
    spaced: bool = False
    trailing: bool = False

    def __str__(self) -> str:
        name = _NAMES.get(self.delimiter, repr(self.delimiter))
        said = [f"{name}-separated"]
        said += [] if self.quoted else ["double quotes taken as plain text"]
        said += ['quotes written as \\"'] if self.backslash else []
        said += [f"a space after each {name}"] if self.spaced else []
        said += [f"a {name} at the end of each row left out"] if self.trailing else []
        return ", ".join(said)


def parse_delimiter(given: str, flag: str = "--delimiter") -> str:
    """The character that a flag means.

    Raises:
        ConfigError: It is neither one character nor a known word.
    """
    wanted = _SPELLED.get(given.lower(), given)
    if len(wanted) != 1 or wanted in '"\r\n':
        raise ConfigError(f"{flag} {given}: wanted one character, or tab")
    return wanted


Found = tuple[int, list[str], Problem | None, Sequence[Line]]
"""Line number, values, what is wrong with the row, and the lines that it took."""


class _Feeder:
    """Hands lines to the csv reader, and takes them back when it could not read them."""

    def __init__(self, lines: Iterator[Line | None], *, backslash: bool) -> None:
        self._lines = lines
        self._back: deque[Line] = deque()
        self._backslash = backslash
        self.taken: list[Line] = []

    def pauses(self) -> bool:
        """Whether the input pauses here; StopIteration at its end."""
        if not self._back:
            line = next(self._lines)
            if line is None:
                return True
            self._back.append(line)
        return False

    def give_back(self, first: int) -> None:
        """Take back all lines of a row from a position on."""
        self._back.extendleft(reversed(self.taken[first:]))

    def __iter__(self) -> _Feeder:
        return self

    def __next__(self) -> str:
        if len(self.taken) > _MOST_LINES:
            raise csv.Error("unexpected end of data")
        line = self._back.popleft() if self._back else next(self._lines)
        while line is None:
            line = next(self._lines)
        self.taken.append(line)
        return line[1].replace('\\"', '""') if self._backslash else line[1]


def read_records(lines: Iterator[Line | None], dialect: Dialect) -> Iterator[Found | None]:
    """Rows with their line numbers; a row that cannot be read costs its first line alone.

    Yields:
        Each row, blank ones without values; and None where the input pauses.
    """
    feeder = _Feeder(lines, backslash=dialect.backslash)
    reader = _csv_reader(feeder, dialect)
    while True:
        try:
            if feeder.pauses():
                yield None
                continue
        except StopIteration:
            return
        feeder.taken = []
        try:
            values = next(reader)
        except csv.Error as error:
            reader = _csv_reader(feeder, dialect)
            if "limit" in str(error):
                feeder.give_back(0)
                feeder.taken = []
                found = _read_long(reader, feeder, dialect)
                reader = _csv_reader(feeder, dialect)
                yield found
            else:
                yield _bad(feeder, dialect, error)
            continue
        taken = feeder.taken
        problem = taken[0][2]
        if len(taken) > 1:
            problem = next((line[2] for line in taken if line[2]), None)
        yield taken[0][0], values, problem, taken


def _csv_reader(lines: Iterable[str], dialect: Dialect) -> Iterator[list[str]]:
    return csv.reader(
        lines,
        delimiter=dialect.delimiter,
        quoting=csv.QUOTE_MINIMAL if dialect.quoted else csv.QUOTE_NONE,
        skipinitialspace=dialect.spaced,
        strict=True,
    )


def _read_long(reader: Iterator[list[str]], feeder: _Feeder, dialect: Dialect) -> Found:
    """Read one row without the csv module's limit of 128 KiB a value, which is global."""
    with _limit_lock:
        before = csv.field_size_limit(2 * LONGEST)
        try:
            values = next(reader)
        except csv.Error as error:
            return _bad(feeder, dialect, error)
        finally:
            csv.field_size_limit(before)
    return feeder.taken[0][0], values, feeder.taken[0][2], feeder.taken


def _bad(feeder: _Feeder, dialect: Dialect, error: csv.Error) -> Found:
    feeder.give_back(1)
    number, text, problem = feeder.taken[0]
    values = text.rstrip("\r\n").split(dialect.delimiter)
    return number, values, problem or _explain(error), feeder.taken[:1]


def _explain(error: csv.Error) -> Problem:
    message = str(error)
    if "unexpected end" in message:
        return _NEVER_CLOSES
    if "new-line character" in message:
        return _LONE_RETURN
    if "limit" in message:
        return Problem(f"has a value of more than {2 * LONGEST:,} characters")
    return _AFTER_QUOTE


@dataclass
class Scan:
    """What reading in one way gives, as far as it goes; nothing of it is kept.

    Attributes:
        dialect: The way.
        header: The first row.
        rows: How many rows follow.
        fault: The first line that does not fit, and why.
        spanning: The line of the first row that goes over several; None without one.
        repeats: Lines that repeat the header.
        ruled: The row below the header is a line of dashes.
        shuffled: The line that repeats it in another order.
        wrapped: How many values of each column stand in quotes, read without quoting.
        escaped: One of them holds doubled quotes.
        spaced: A space stands before every value but the first of a row, in the header too.
        longer: How many rows end with an empty value more than the header has.
    """

    dialect: Dialect
    header: list[str] = field(default_factory=list)
    rows: int = 0
    fault: tuple[int, Problem] | None = None
    spanning: int | None = None
    repeats: list[int] = field(default_factory=list)
    ruled: bool = False
    shuffled: int | None = None
    wrapped: list[int] = field(default_factory=list)
    escaped: bool = False
    spaced: bool = False
    longer: int = 0

    @property
    def fits(self) -> bool:
        """Every row has as many values as the header, and more than one."""
        return self.fault is None and len(self.header) > 1

    @property
    def has_quoted_values(self) -> bool:
        """Read without quoting, values still stand in quotes: then quotes were meant as quoting."""
        return self.escaped or max(self.wrapped, default=0) > _MOST_WRAPPED * (self.rows + 1)

    def take(self, line: int, values: list[str]) -> Problem | None:
        """Count a row; what is wrong with its width, if something is."""
        if not self.dialect.quoted:
            self._look_for_quotes(values)
        header = self.header
        if not header:
            self.header, self.spaced = values, len(values) > 1 and _is_spaced(values)
            return None
        self.rows += 1
        self.ruled = self.ruled or (self.rows == 1 and is_ruled(values))
        if len(values) == len(header):
            if values[-1] == header[-1] and is_repeated(header, values):
                self.repeats.append(line)
            elif (
                self.shuffled is None
                and (values[-1] in header or values[-1].casefold() in KNOWN_NAMES)
                and is_shuffled(header, values)
            ):
                self.shuffled = line
        elif len(values) == len(header) + 1 and not values[-1]:
            self.longer += 1
        else:
            return ragged(len(values), len(header), self.dialect)
        if self.longer and self.longer < self.rows:
            return ragged(len(values), len(header), self.dialect)
        self.spaced = self.spaced and _is_spaced(values)
        return None

    def _look_for_quotes(self, values: list[str]) -> None:
        self.wrapped = self.wrapped or [0] * len(values)
        for position, value in enumerate(values[: len(self.wrapped)]):
            if len(value) > 1 and value[0] == value[-1] == '"':
                self.escaped = self.escaped or '""' in value[1:-1]
                self.wrapped[position] += 1

    def settled(self) -> Scan:
        """The same, with what only all rows together show in its dialect."""
        if self.fault is None and self.rows:
            self.dialect = replace(
                self.dialect,
                trailing=self.longer > 0,
                spaced=self.spaced or self.dialect.spaced,
            )
        return self


def scan(lines: Iterator[Line | None], dialect: Dialect, *, whole: bool = True) -> Scan:
    """Read lines in one way, to the first row that does not fit.

    Args:
        lines: The lines.
        dialect: The way.
        whole: The lines end where the source does; otherwise a value may go on behind them.
    """
    result = Scan(dialect)
    for found in read_records(lines, dialect):
        if found is None or (not found[1] and found[2] is None):
            continue
        line, values, problem, taken = found
        if problem is _NEVER_CLOSES and not whole:
            break
        if problem is None:
            problem = result.take(line, values)
        if result.spanning is None and len(taken) > 1:
            result.spanning = line
        if problem is not None:
            result.fault = (line, problem)
            break
    return result.settled()


def _is_spaced(values: Sequence[str]) -> bool:
    return all(value.startswith(" ") for value in values[1:] if value)


def ragged(values: int, wanted: int, dialect: Dialect) -> Problem:
    """The problem of a row with another number of values than the first."""
    name = _NAMES.get(dialect.delimiter, repr(dialect.delimiter))
    quote = f"put texts that hold a {name} in double quotes"
    return Problem(
        f"has {count(values, f'{name}-separated value')} where the first line has {wanted}",
        (f"{quote}, or name another --delimiter", quote),
    )


def choose_delimiter(sample: Sequence[Line], own: str, options: ReadOptions) -> str:
    """The given delimiter, or the first that gives every sampled row the same width.

    Args:
        sample: The first lines.
        own: The delimiter that the format's name promises.
        options: What the user said.
    """
    if options.delimiter is not None:
        return parse_delimiter(options.delimiter)
    ways = {"yes": (True,), "no": (False,)}.get(options.quoting, (True, False))
    scans: list[Scan] = []
    for delimiter in dict.fromkeys((own, *DELIMITERS)):
        for quoted in ways:
            found = scan(iter(sample), Dialect(delimiter, quoted), whole=len(sample) < HEAD)
            if found.fits or (found.dialect.trailing and found.fault is None):
                return delimiter
            scans.append(found)
    widest = max(scans, key=lambda found: len(found.header))
    return widest.dialect.delimiter if len(widest.header) > 1 else own


def settle_dialect(
    lines: Callable[[], Iterator[Line | None]], delimiter: str, options: ReadOptions, source: str
) -> Scan:
    """The one way in which all lines are read, and what that gives.

    Quotes are ambiguous: in CSV they hold a value together, over lines even; in many tab-separated
    exports they are just characters. A source that reads well in both ways, differently, is
    refused. One that reads well in no way is read with quoting, and its bad rows are bad.

    Raises:
        DataError: There are two ways, or a header in the middle has another order.
    """
    quoted = scan(lines(), Dialect(delimiter, quoted=options.quoting != "no"))
    chosen = quoted
    if options.quoting == "auto" and (quoted.fault or quoted.spanning is not None):
        plain = scan(lines(), Dialect(delimiter, quoted=False))
        plain_is_meant = plain.fits and not plain.has_quoted_values
        if quoted.fault is None and plain_is_meant and options.fallback_quoting == "auto":
            raise DataError(
                f"{source}: line {quoted.spanning}: the double quote here can be read in two "
                "ways: it holds a value over several lines, or is plain text",
                "say which with --quoting yes, or no",
                "put each text in double quotes, and write quotes inside it twice",
            )
        if plain_is_meant and (quoted.fault or options.fallback_quoting == "no"):
            chosen = plain
        elif quoted.fault:
            others = (Dialect(delimiter, backslash=True), Dialect(delimiter, spaced=True))
            scans = (scan(lines(), other) for other in others)
            chosen = next((other for other in scans if other.fits), quoted)
    if chosen.shuffled is not None:
        raise DataError(
            f"{source}: line {chosen.shuffled} names the columns again, in another order or "
            "otherwise; the rows below it mean something else: read the files one by one, not "
            "joined with cat"
        )
    return chosen
