"""JSON and JSON Lines: one object a row, read one at a time, whatever the size of the file."""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ktrain_sentiment.errors import DataError, one_line
from ktrain_sentiment.tables.encodings import (
    HALF_CHARACTER,
    LONGEST,
    Line,
    Lines,
    has_half_character,
)
from ktrain_sentiment.tables.table import (
    HEAD,
    UNREADABLE,
    Problem,
    ReadAs,
    Record,
    Row,
    RowStream,
    Table,
    check_head,
    peek,
    records_of,
    scan_types,
    table_of_rows,
    table_of_stream,
)

_SPACE = re.compile(r"[ \t\r\n]*")
_VALUE = re.compile(r"[\[{]")
_STEP = 1 << 16
_SHOWN = 200
_TOO_DEEP = Problem("is nested too deeply to read")
_NO_VALUE = Problem("is no JSON: wanted an object or a list", ("leave it out, or mend it",))
_START = re.compile(r"\[\s*\{\s*[\"}]|\{\s*\n\s*\"")
_LINES_OF_START = 20
_PYTHON = re.compile(r"\s*\{\s*'|\s*\{[^\"]*\bNone\b")


def open_json_lines(lines: Lines, name: str, read_as: ReadAs, *, once: bool) -> Table:
    """Open a source with one JSON object a line; empty lines are skipped.

    Raises:
        DataError: None of the first lines is one.
    """
    if once:
        rows = json_rows(lines())
        head = peek(rows, HEAD)
        columns, types = scan_types(records_of(head))
        if not columns:
            check_head(head, name, "line")
        return table_of_stream(itertools.chain(head, rows), name, columns, read_as, types=types)
    check_head(peek(json_rows(lines()), HEAD), name, "line")
    columns, types = scan_types(row.record for row in json_rows(lines()) if row)
    return table_of_rows(lambda: json_rows(lines()), name, columns, read_as, types=types)


def looks_like_json_lines(sample: Sequence[Line]) -> bool:
    """Whether a text file is JSON Lines: each line an object, the first of them a whole one."""
    filled = [line[1].strip() for line in sample if line[1].strip()]
    return bool(filled) and all(text[0] == "{" for text in filled) and _is_object(filled[0])


def looks_like_json(sample: Sequence[Line]) -> bool:
    """Whether a text file is a JSON list of objects, or an object over several lines."""
    start = "".join(line[1] for line in sample[:_LINES_OF_START]).strip()
    return bool(_START.match(start)) or start in {"[", "{"}


def open_json(lines: Lines, name: str, read_as: ReadAs) -> Table:
    """Open a JSON file: a list of objects, JSON Lines, or an object that holds columns or rows.

    Raises:
        DataError: It is none of these.
    """
    start = next((line[1] for line in lines() if line and line[1].strip()), "").lstrip()
    if start.startswith("["):
        return _open_values(lines, name, read_as)
    if start.startswith("{") and not _is_whole_object(start):
        return _open_object(lines, name, read_as)
    second = _second_line(lines())
    if start.startswith("{") and not second:
        try:
            return _open_object(lines, name, read_as)
        except DataError:
            if not _is_flat(start):
                raise
    return open_json_lines(lines, name, read_as, once=False)


def _second_line(lines: Iterator[Line | None]) -> str:
    filled = (line[1] for line in lines if line and line[1].strip())
    next(filled, "")
    return next(filled, "")


def _is_whole_object(line: str) -> bool:
    return _is_object(line) or bool(_PYTHON.match(line)) or line.rstrip().endswith("}")


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _is_flat(line: str) -> bool:
    """An object of plain values only: a single row."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return not any(isinstance(item, dict | list) for item in value.values())


def _open_object(lines: Lines, name: str, read_as: ReadAs) -> Table:
    """Rows out of one object, which has to be held in memory."""
    text, size = [], 0
    for line in lines():
        if line is None:
            continue
        if line[2]:
            raise DataError(f"{name}: line {line[0]} {line[2]}", *line[2].ways)
        text.append(line[1])
        size += len(line[1])
        if size > 4 * LONGEST:
            raise DataError(
                f"{name}: is one JSON object of more than {LONGEST >> 18} MiB; write JSON Lines, "
                "an object a line"
            )
    try:
        content = _DECODER.decode("".join(text))
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":
            return _open_values(lines, name, read_as)
        raise DataError(f"{name}: not JSON: {one_line(error)}") from error
    except RecursionError as error:
        raise DataError(f"{name}: nested too deeply to read") from error
    except ValueError as error:
        raise DataError(f"{name}: {one_line(error)}") from error
    records = _records(content)
    if records is None:
        raise DataError(
            f"{name}: is a JSON object without rows in it; wanted a list of objects, or JSON Lines"
        )
    rows = [_checked(record, number) for number, record in enumerate(records, start=1)]
    columns, types = scan_types(row.record for row in rows)
    return table_of_rows(
        lambda: iter(rows), name, columns, read_as, types=types, unit="record", end=len(rows)
    )  # fmt: skip


def _records(content: Mapping[str, Any]) -> list[Any] | None:
    """Rows of the shapes that exporters give one object; None when it is none of these.

    Those of `pandas.DataFrame.to_json` are columns of values by index (its default), rows by index,
    a table apart from its columns (split), and rows under `data` beside a schema (table).
    """
    if isinstance(content.get("columns"), list) and isinstance(content.get("data"), list):
        names = [str(name) for name in content["columns"]]
        return [dict(zip(names, row, strict=False)) for row in content["data"]]
    lists = {name: value for name, value in content.items() if isinstance(value, list)}
    rows = {name: value for name, value in lists.items() if all(isinstance(r, dict) for r in value)}
    if len(rows) == 1 and next(iter(rows.values())):
        return next(iter(rows.values()))
    if len(lists) == len(content) and len({len(values) for values in lists.values()}) == 1:
        return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]
    nested = list(content.values())
    if not nested or not all(isinstance(value, dict) for value in nested):
        return None
    keys = list(nested[0])
    if any(list(value) != keys for value in nested):
        return nested if any(set(value) & set(keys) for value in nested[1:]) else None
    by_index = all(key.isdigit() for key in keys) or len(keys) > len(nested)
    if not by_index:
        return nested
    columns = [value.values() for value in nested]
    return [dict(zip(content, row, strict=True)) for row in zip(*columns, strict=True)]


def json_rows(lines: Iterator[Line | None]) -> RowStream:
    """Each line that is not blank is a JSON object."""
    for line in lines:
        if line is None:
            yield None
            continue
        number, text, problem = line
        if not text.strip():
            continue
        raw = text.rstrip("\r\n")
        if problem is not None:
            yield Row(number, {UNREADABLE: raw}, problem, raw)
            continue
        try:
            value = _loads_fast(raw)
        except (ValueError, RecursionError) as error:
            yield Row(number, {UNREADABLE: raw}, _explain(error, text), raw)
            continue
        yield _checked(value, number, raw)


def _explain(error: Exception, text: str) -> Problem:
    if isinstance(error, RecursionError):
        return _TOO_DEEP
    if _PYTHON.match(text):
        return Problem(
            "is a Python dictionary, not JSON",
            ("write it as JSON: json.dumps(ast.literal_eval(line)) for each line",),
        )
    if isinstance(error, json.JSONDecodeError):
        return Problem(
            f"is no JSON object: {error.msg} (character {error.colno})",
            ("write one object a line",),
        )
    return Problem(one_line(error), ("give each field its own name",))


def _checked(value: object, place: int, raw: str = "") -> Row:
    if not isinstance(value, dict):
        kept = raw or json.dumps(value)
        problem = Problem(f"is a JSON {type(value).__name__}, wanted an object with fields")
        return Row(place, {UNREADABLE: kept}, problem, kept)
    for name, item in value.items():
        if isinstance(item, str) and has_half_character(item):
            reason = HALF_CHARACTER.reason.replace("holds", f"holds in field {name!r}", 1)
            problem = Problem(reason, HALF_CHARACTER.ways, is_row=True)
            return Row(place, value, problem, raw)
    if "annotations" in value and isinstance(value.get("data"), dict):
        ways = ("export it as JSON-MIN or CSV, which have a field for the text and one a label",)
        return Row(place, value, Problem("is a task of Label Studio's full export", ways), raw)
    return Row(place, value)


def _object(pairs: list[tuple[str, Any]]) -> Record:
    record = dict(pairs)
    if len(record) < len(pairs):
        times = Counter(name for name, _ in pairs)
        twice = next(name for name, number in times.items() if number > 1)
        raise ValueError(f"has the field {twice!r} twice")
    return record


_DECODER = json.JSONDecoder(object_pairs_hook=_object)


def _loads_fast(text: str) -> Any:  # noqa: ANN401
    """As by `_DECODER`, half as slow: with as many colons as fields no field is there twice."""
    value = json.loads(text)
    if isinstance(value, dict) and text.count(":") == len(value):
        return value
    return _DECODER.decode(text)


def _open_values(lines: Lines, name: str, read_as: ReadAs) -> Table:
    """A list of objects, or objects that stand one behind the other, over lines."""
    check_head(peek(_values(lines()), HEAD), name, "record")
    rows = 0

    def counted() -> Iterator[Record]:
        nonlocal rows
        for row in _values(lines()):
            rows += 1
            if row is not None:
                yield row.record

    columns, types = scan_types(counted())
    facts = {"types": types, "unit": "record", "end": rows}
    return table_of_rows(lambda: _values(lines()), name, columns, read_as, **facts)


def _values(lines: Iterator[Line | None]) -> RowStream:
    """The objects of JSON lists, and those that stand beside them, one at a time; places count.

    Two lists one behind the other are what `cat a.json b.json` writes: both are read.
    """
    feed = _Feed(lines)
    place, listed, first = 0, False, True
    while character := feed.next_character():
        if character == ("]" if listed else "["):
            feed.skip(1)
            listed, first = not listed, True
            continue
        if not listed and character == "," and place:
            feed.skip(1)
            continue
        place += 1
        if not listed and character != "{":
            raw = feed.skip_to_value()
            yield Row(place, {UNREADABLE: raw}, _NO_VALUE, raw)
            continue
        if listed and not first:
            if character != ",":
                yield _broken(place, "wanted a comma before it", feed)
                return
            feed.skip(1)
            feed.next_character()
        first = False
        try:
            value, damage, raw = feed.value()
        except (ValueError, RecursionError) as error:
            deep = isinstance(error, RecursionError)
            reason = getattr(error, "msg", "") or one_line(error)
            yield _broken(place, "nested too deeply" if deep else reason, feed)
            return
        yield Row(place, {UNREADABLE: raw}, damage, raw) if damage else _checked(value, place)
    if listed:
        yield _broken(place + 1, "the file ends before the list does", feed)


def _broken(place: int, reason: str, feed: _Feed) -> Row:
    raw = feed.text()[:_SHOWN]
    problem = Problem(
        f"is no JSON: {reason}", ("the rows behind it cannot be read: mend the file",)
    )
    return Row(place, {UNREADABLE: raw}, problem, raw)


class _Feed:
    """The text of a file, as much of it as the value at hand needs."""

    def __init__(self, lines: Iterator[Line | None]) -> None:
        self._lines = (line for line in lines if line is not None)
        self._buffer = ""
        self._at = 0
        self._damaged: list[tuple[int, int, Problem]] = []  # From where to where in the buffer.
        self.next_character()

    def text(self) -> str:
        """What is read and not used."""
        return self._buffer[self._at :]

    def _more(self, least: int) -> bool:
        parts = [self.text()]
        kept, size = len(parts[0]), 0
        at = self._at
        self._damaged = [(a - at, b - at, problem) for a, b, problem in self._damaged if b > at]
        for _, line, problem in self._lines:
            parts.append(line)
            size += len(line)
            # Half a character is found in the value itself: an escape can make one, too.
            if problem is not None and not problem.is_row:
                self._damaged.append((kept + size - len(line), kept + size, problem))
            if size >= least:
                break
        self._buffer, self._at = "".join(parts), 0
        return size > 0

    def next_character(self) -> str:
        """The next character that is no space; empty at the end."""
        while True:
            space = _SPACE.match(self._buffer, self._at)
            self._at = space.end() if space else self._at
            if self._at < len(self._buffer):
                return self._buffer[self._at]
            if not self._more(_STEP):
                return ""

    def skip(self, characters: int) -> None:
        """Go on behind characters that were looked at."""
        self._at += characters

    def skip_to_value(self) -> str:
        """Go on at the next list or object, or at the end; the beginning of what was left."""
        left = ""
        while self.next_character() and self._buffer[self._at] not in "[{":
            found = _VALUE.search(self._buffer, self._at)
            end = found.start() if found else len(self._buffer)
            left = (left + self._buffer[self._at : min(end, self._at + _SHOWN)])[:_SHOWN]
            self._at = end
        return left.rstrip()

    def value(self) -> tuple[object, Problem | None, str]:
        """The value that begins here; more is read, twice as much each time, till it is whole.

        Returns:
            The value; what is wrong with its bytes, and its text where something is.
        """
        least = _STEP
        while True:
            try:
                value, end = _DECODER.raw_decode(self._buffer, self._at)
            except json.JSONDecodeError:
                if len(self._buffer) - self._at > LONGEST or not self._more(least):
                    raise
                least *= 2
            else:
                break
        begun, self._at = self._at, end
        damage = next((it for a, b, it in self._damaged if a < end and begun < b), None)
        if damage is None or "\ufffd" not in self._buffer[begun:end]:
            return value, None, ""
        return value, damage, self._buffer[begun:end]
