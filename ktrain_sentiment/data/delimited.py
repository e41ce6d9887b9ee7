"""CSV, TSV and their kin: delimiter and quoting found, every row read right or refused by line.

Every value stays the text that it is: `NA`, `null`, `007` and `1e5` are somebody's words.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from pathlib import Path

from ktrain_sentiment.data import encodings
from ktrain_sentiment.data.dialects import DELIMITERS, Attempt, Dialect, attempt_reading
from ktrain_sentiment.data.headers import (
    refuse_doubtful_header,
    without_repeated_headers,
)
from ktrain_sentiment.data.opening import bare_suffix, opened
from ktrain_sentiment.data.table import Table
from ktrain_sentiment.errors import DataError

_SPELLED = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}
_SAMPLE_RECORDS = 500


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
        codecs.lookup(given)
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
    order = [own, *(other for other in DELIMITERS if other != own)]
    quoted = {"yes": (True,), "no": (False,)}.get(layout.quoting, (True, False))
    dialects = [Dialect(delimiter, quoted=way) for delimiter in order for way in quoted]
    attempts = [attempt_reading(path, encoding, dialect, _SAMPLE_RECORDS) for dialect in dialects]
    if not any(attempt.records or attempt.fault for attempt in attempts):
        raise DataError(f"{path}: the file is empty; wanted a header line and rows")
    fitting = next((attempt for attempt in attempts if attempt.fits), None)
    widest = max(attempts, key=lambda attempt: len(attempt.records[0]) if attempt.records else 0)
    return (fitting or widest).dialect.delimiter


def _read(path: Path, encoding: str, delimiter: str, quoting: str) -> Attempt:
    """Read the whole file in the one way that fits.

    Quotes are ambiguous: in CSV they hold a value together, over lines even; in many tab-separated
    exports they are just characters. A file that reads well in both ways, differently, is refused.
    """
    if quoting == "no":
        return _well(attempt_reading(path, encoding, Dialect(delimiter, quoted=False)), path)
    quoted = attempt_reading(path, encoding, Dialect(delimiter))
    if quoting == "yes" or (not quoted.fault and quoted.spanning_line is None):
        return _well(quoted, path)
    plain = attempt_reading(path, encoding, Dialect(delimiter, quoted=False))
    plain_is_meant = plain.fits and not plain.has_quoted_values
    if quoted.fault:
        escaped = attempt_reading(path, encoding, Dialect(delimiter, backslash=True))
        fitting = plain if plain_is_meant else escaped if escaped.fits else quoted
        return _well(fitting, path)
    if plain_is_meant:
        raise DataError(
            f"{path}: line {quoted.spanning_line}: the double quote here can be read in two "
            "ways: it holds a value over several lines (--quoting yes), or is plain text "
            "(--quoting no)"
        )
    return quoted


def _well(attempt: Attempt, path: Path) -> Attempt:
    if attempt.fault:
        raise DataError(f"{path}: {attempt.fault}")
    return attempt


def _to_table(attempt: Attempt, path: Path, layout: Layout, notes: tuple[str, ...]) -> Table:
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
