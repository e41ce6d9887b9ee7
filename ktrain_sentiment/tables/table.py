"""A table: its column names and a stream of record batches, in which a bad row spoils no other."""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from ktrain_sentiment.atomic import sha256_of
from ktrain_sentiment.errors import DataError
from ktrain_sentiment.remote import url_of
from ktrain_sentiment.tables.headers import known_names

if TYPE_CHECKING:
    import pyarrow as pa

    from ktrain_sentiment.reading_rules import Format

Quoting = Literal["auto", "yes", "no"]
Unit = Literal["line", "row", "record"]

Record = Mapping[str, Any]
"""One row: the value of each column by name; a column that the row lacks is missing."""

HEAD = 500
"""Rows that are looked at before the first one is given out: to tell dialect and columns."""

UNREADABLE = "unreadable"
"""The column in which the raw text of what is no row is kept (JSON that cannot be parsed)."""


@dataclass(frozen=True)
class Problem:
    """What is wrong with one row.

    Attributes:
        reason: As it follows a place: `has a double quote that never closes`.
        ways: What to do about it in the source, or with which settings to read it; as for
            `InputError`.
        is_row: It is a row nevertheless: only one of its values is damaged.
    """

    reason: str
    ways: tuple[str, ...] = ("mend it, or leave the row out",)
    is_row: bool = False

    def __str__(self) -> str:
        return self.reason


class Row(NamedTuple):
    """A row on its way into a batch; `raw` is its text where it could not be read."""

    place: int
    record: Record
    problem: Problem | None = None
    raw: str = ""


RowStream = Iterator[Row | None]
"""Rows in order; None where the input pauses (a pipe), so that what has come can be answered."""


@dataclass(frozen=True)
class Batch:
    """Some rows in order, as records or as an Arrow table.

    Attributes:
        places: Where each row stands in the source (line, row or record number), from 1.
        rows: The rows, bad ones included, as far as they could be made out.
        problems: What is wrong with a row, by its position in the batch.
        raw: The text of bad rows as it stands in the source, by position.
    """

    places: Sequence[int]
    rows: Sequence[Record] | pa.Table
    problems: Mapping[int, Problem] = field(default_factory=dict)
    raw: Mapping[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.places)

    def records(self) -> Sequence[Record]:
        """The rows as records."""
        if isinstance(self.rows, Sequence):
            return self.rows
        return records_of_arrow(self.rows)

    def values(self, column: str) -> list[Any]:
        """The values of one column; None where a row lacks it."""
        if isinstance(self.rows, Sequence):
            return cells_of(self.rows, column)
        if column in self.rows.column_names or "." not in column:
            return _plain_values(self.rows[column])
        outer = self.rows.select([column.partition(".")[0]])
        return cells_of(records_of_arrow(outer), column)

    def after(self, place: int) -> Batch:
        """The rows that stand behind a place."""
        first = next((i for i, own in enumerate(self.places) if own > place), len(self))
        if first == 0:
            return self
        problems = {i - first: problem for i, problem in self.problems.items() if i >= first}
        raw = {i - first: text for i, text in self.raw.items() if i >= first}
        return Batch(self.places[first:], self.rows[first:], problems, raw)

    def until(self, place: int) -> Batch:
        """The rows that stand at a place or before it."""
        end = next((i for i, own in enumerate(self.places) if own > place), len(self))
        if end == len(self):
            return self
        problems = {i: problem for i, problem in self.problems.items() if i < end}
        raw = {i: text for i, text in self.raw.items() if i < end}
        return Batch(self.places[:end], self.rows[:end], problems, raw)


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """What is known about a table before it is opened; None and empty: to be found.

    Attributes:
        format: Of the source; None: as its name says.
        media: The content type that a table was sent with, one of `MEDIA`, which says the format
            in place of a name.
        delimiter: Between values: a character, or a word such as tab.
        quoting: Whether values may stand in double quotes (yes), or quotes are plain text (no).
        encoding: A Python codec name, in any spelling.
        sheet: Of a workbook.
        columns: Names for the columns of a source without a header, in order.
        known_columns: Names that are columns for certain: a first row that holds one is a header.
        fallback_columns: As `columns`, where the first row turns out to be no header.
        fallback_quoting: As `quoting`, where both ways read well.
    """

    format: Format | None = None
    media: str = ""
    delimiter: str | None = None
    quoting: Quoting = "auto"
    encoding: str | None = None
    sheet: str | None = None
    columns: tuple[str, ...] = ()
    known_columns: tuple[str, ...] = ()
    fallback_columns: tuple[str, ...] = ()
    fallback_quoting: Quoting = "auto"

    def like(self, trained: Mapping[str, Any]) -> ReadOptions:
        """The same, with what the table of a training tells about tables like it.

        Args:
            trained: As a predictor's manifest has it (`Manifest.table`), from whoever made it:
                whatever is of the wrong type is not looked at.
        """
        names = (trained.get("text_column"), trained.get("label_column"))
        also = trained.get("also")
        names = (*names, trained.get("pair_column"), *(also if isinstance(also, list) else ()))
        known = tuple(name for name in names if isinstance(name, str))
        columns = trained.get("columns") if trained.get("header") is False else None
        return replace(
            self,
            known_columns=(*self.known_columns, *known),
            fallback_columns=tuple(map(str, columns)) if isinstance(columns, list) else (),
            fallback_quoting="no" if trained.get("quoting") == "plain" else "auto",
        )


@dataclass(frozen=True, kw_only=True)
class ReadAs:
    """How a table was read: what a later reading of its like wants to know.

    Attributes:
        format: csv, jsonl, parquet, ...
        encoding: Of text; empty for other formats.
        delimiter: Of delimited text; empty for other formats.
        quoting: How quotes were taken: quoted, plain, or backslash.
        sheet: Of a workbook.
        header: Whether the source itself names the columns.
        member: Of an archive.
    """

    format: str
    encoding: str = ""
    delimiter: str = ""
    quoting: str = ""
    sheet: str = ""
    header: bool = True
    member: str = ""


@dataclass(frozen=True)
class Table:
    """A source that was opened: nothing is read beyond its head until `batches` is asked for.

    Attributes:
        name: What was opened, for messages.
        columns: Its columns in order, names unique.
        read_as: How it is read.
        start: Gives the rows from the first, once for a pipe and as often as wanted otherwise.
        head: The first rows that can be read, at most 500, for the choice of columns.
        notes: One-line remarks to show the user.
        repeated: Names that several columns of the source share; the second became `name (2)`.
        end: The place of the last row; None: not known before the end.
        unit: What a place counts.
        types: The type of each column (`str`, `int`, `float`, `bool`, or `object` for others and
            mixtures); missing ones are `str`. For writers that need to know.
        schema: The Arrow schema, where the source has one.
        categories: The names of numbered classes by column, where the source says them.
        fields: Those of the columns that are fields of an object in a column, `review.body`: rows
            hold the object, and nothing of that name.
        made: Columns that are not the source's but tell where a row came from: `file`, `file_row`,
            and `split` where there are files or folders for each; the name that each has.
        files: What was opened on this machine; of a remote file, its copy here.
    """

    name: str
    columns: tuple[str, ...]
    read_as: ReadAs
    start: Callable[[int], Iterator[Batch]]
    head: Sequence[Record] = ()
    notes: tuple[str, ...] = ()
    repeated: frozenset[str] = frozenset()
    end: int | None = None
    unit: Unit = "line"
    types: Mapping[str, type] = field(default_factory=dict)
    schema: pa.Schema | None = None
    categories: Mapping[str, Sequence[str]] = field(default_factory=dict)
    fields: tuple[str, ...] = ()
    made: Mapping[str, str] = field(default_factory=dict)
    files: Sequence[Path] = ()

    def batches(self, size: int = 4096) -> Iterator[Batch]:
        """The rows in batches of at most so many."""
        return self.start(size)

    def between(self, first: int, last: int) -> Table:
        """The same table with the rows alone that stand from one place to another, both included.

        What stands before them is read and left out.
        """

        def start(size: int) -> Iterator[Batch]:
            for batch in self.start(size):
                if batch.places[0] > last:
                    return
                if batch.places[-1] >= first:
                    yield batch.after(first - 1).until(last)

        return replace(self, start=start, end=last)

    def sample(self, column: str) -> list[Any]:
        """The values of a column in the head."""
        return cells_of(self.head, column)

    @property
    def own_columns(self) -> tuple[str, ...]:
        """The columns that rows hold: those that no object holds."""
        return tuple(name for name in self.columns if name not in self.fields)

    def stamp(self) -> str:
        """Tells one source from another, and from itself when it has changed: a sha256.

        Files are told by their paths, sizes and times, a remote file by what is in it, and what
        comes through a pipe by its name alone.
        """
        remote = bool(url_of(self.name))
        parts = [self.name] if remote or not self.files else []
        for file in self.files:
            found = file.stat()
            own = f"{file.resolve()} {found.st_size} {found.st_mtime_ns}"
            parts.append(sha256_of(file) if remote else own)
        return hashlib.sha256("\n".join(parts).encode(errors="surrogateescape")).hexdigest()

    def with_notes(self, *notes: str) -> Table:
        """The same table with further notes; empty ones are left out."""
        return replace(self, notes=(*self.notes, *(note for note in notes if note)))


def cells_of(records: Iterable[Record], column: str) -> list[Any]:
    """The value of a column, or of a field of an object in one, `review.body`, in each record.

    None where a record lacks it.
    """
    if "." not in column:
        return [record.get(column) for record in records]
    return [_cell(record, column) for record in records]


def _cell(record: Record, column: str) -> Any:  # noqa: ANN401
    if column in record:
        return record[column]
    value: Any = record
    for part in column.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def fields_of(records: Iterable[Record]) -> tuple[str, ...]:
    """The names of all fields of objects in records, `review.body`, in order of appearance."""
    found: dict[str, None] = {}
    for record in records:
        ahead = [(name, value) for name, value in record.items() if isinstance(value, Mapping)]
        while ahead:
            outer, value = ahead.pop(0)
            for name, inner in value.items():
                found[f"{outer}.{name}"] = None
                if isinstance(inner, Mapping):
                    ahead.append((f"{outer}.{name}", inner))
    return tuple(found)


def wanted_fields(
    records: Sequence[Record],
    columns: Collection[str],
    known: Collection[str],
    later: Callable[[], Iterable[Record]] = tuple,
) -> tuple[str, ...]:
    """The fields of objects, `review.body`, that somebody asked for or may want to read.

    Those are the ones whose own name a column of texts or labels commonly has.

    Args:
        records: The first rows.
        columns: Names that are taken.
        known: What was asked for; several names may stand with commas between.
        later: Gives all rows: one that was asked for may stand in none of the first.
    """
    asked = {part.strip() for name in known for part in (name, *name.split(","))}
    taken = set(columns)
    found = [
        name
        for name in fields_of(records)
        if name not in taken and (name in asked or known_names([name.rpartition(".")[2]]))
    ]
    inside = {name for name in asked if "." in name and name.partition(".")[0] in columns}
    absent = inside.difference(columns, found)
    for record in later() if absent else ():
        seen = sorted(absent.intersection(fields_of([record])))
        found += seen
        absent.difference_update(seen)
        if not absent:
            break
    return tuple(found)


def records_of_arrow(rows: pa.Table | pa.RecordBatch) -> list[Record]:
    """Rows of Arrow as records; a string that is no UTF-8 stays bytes, which `spell` judges."""
    names = rows.schema.names
    columns = [_plain_values(column) for column in rows.columns]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _plain_values(column: Any) -> list[Any]:  # noqa: ANN401
    try:
        return list(column.to_pylist())
    except UnicodeDecodeError:
        # Nobody checks the strings of a Parquet file, and one bad value would spoil all the others.
        return [_plain_value(scalar) for scalar in column]


def _plain_value(scalar: Any) -> Any:  # noqa: ANN401
    try:
        return scalar.as_py()
    except UnicodeDecodeError:
        inner = getattr(scalar, "value", scalar)  # That of a dictionary is behind its index.
        return bytes(inner.as_buffer()) if hasattr(inner, "as_buffer") else None


def table_of_rows(
    rows: Callable[[], RowStream], name: str, columns: Sequence[str], read_as: ReadAs, **facts: Any  # noqa: ANN401
) -> Table:  # fmt: skip
    """A table of a source that gives rows one by one.

    Args:
        rows: Gives all rows; called for the head, and again for each reading.
        name: For messages.
        columns: The names of the columns.
        read_as: How it is read.
        **facts: Other attributes of `Table`.

    Raises:
        DataError: None of the first rows can be read.
    """
    head = peek(rows(), HEAD)
    check_head(head, name, facts.get("unit", "line"))
    return Table(name, tuple(columns), read_as, batched(rows), records_of(head), **facts)


def table_of_stream(
    rows: RowStream, name: str, columns: Sequence[str], read_as: ReadAs, **facts: Any  # noqa: ANN401
) -> Table:  # fmt: skip
    """As `table_of_rows`, of rows that come once."""
    head = peek(rows, HEAD)
    whole = itertools.chain(head, rows)
    return Table(
        name, tuple(columns), read_as, batched(lambda: whole), records_of(head), **facts
    )  # fmt: skip


def peek(items: Iterator[Any], most: int) -> list[Any]:
    """The first items, as many as are there without waiting, but at least one; then the pause."""
    ahead: list[Any] = []
    for item in items:
        if item is not None or ahead:
            ahead.append(item)
        if len(ahead) == most or (item is None and ahead):
            break
    return ahead


def records_of(rows: Iterable[Row | None]) -> list[Record]:
    """The records of the rows that could be read."""
    return [row.record for row in rows if row is not None and row.problem is None]


def check_head(rows: Sequence[Row | None], name: str, unit: Unit) -> None:
    """Refuse a source of which no row can be read: its format is not what it is taken for.

    Raises:
        DataError: There are rows, and none of them is one.
    """
    found = [row for row in rows if row is not None]
    if found and all(row.problem and not row.problem.is_row for row in found):
        first = found[0]
        assert first.problem is not None
        every = "the only row" if len(found) == 1 else f"none of the first {len(found)} rows"
        cannot = "cannot be read" if len(found) == 1 else "can be read"
        raise DataError(
            f"{name}: {every} {cannot}: {unit} {first.place} {first.problem}",
            *first.problem.ways,
        )


def batched(rows: Callable[[], RowStream]) -> Callable[[int], Iterator[Batch]]:
    """What groups rows into batches of a given size; a pause of the input ends a batch early."""

    def batches(size: int) -> Iterator[Batch]:
        places: list[int] = []
        records: list[Record] = []
        problems: dict[int, Problem] = {}
        raw: dict[int, str] = {}
        for row in rows():
            if row is not None:
                if row.problem is not None:
                    problems[len(places)] = row.problem
                    raw[len(places)] = row.raw
                places.append(row.place)
                records.append(row.record)
            if places and (row is None or len(places) == size):
                yield Batch(places, records, problems, raw)
                places, records, problems, raw = [], [], {}, {}
        if places:
            yield Batch(places, records, problems, raw)

    return batches


def unique_names(header: Sequence[object]) -> tuple[list[str], frozenset[str]]:
    """Column names without repeats, and the names that were repeated.

    A column without a name is called by its position.
    """
    plain = ["" if raw is None else str(raw).strip() for raw in header]
    times = Counter(name for name in plain if name)
    taken = set(plain)
    names: dict[str, None] = {}
    last: Counter[str] = Counter()  # What was tried is taken: of a thousand `a` nobody begins anew.
    for position, name in enumerate(plain, start=1):
        wanted = own = name or f"column {position}"
        while wanted in names or (wanted != name and wanted in taken):
            last[own] += 1
            wanted = f"{own} ({last[own] + 1})"
        names[wanted] = None
    return list(names), frozenset(name for name, count in times.items() if count > 1)


def free_name(wanted: str, taken: Collection[str]) -> str:
    """A name for a new column: the one wanted, or `name (2)` where a column is called that."""
    names = (wanted, *(f"{wanted} ({number})" for number in range(2, len(taken) + 3)))
    return next(name for name in names if name not in taken)


def scan_types(records: Iterable[Record]) -> tuple[tuple[str, ...], dict[str, type]]:
    """All columns in order of appearance, and the type of each.

    Whole numbers and others in one column make it `float`; any other mixture makes it `object`.
    """
    kinds: dict[str, set[type]] = {}
    for record in records:
        for name, value in record.items():
            found = kinds.setdefault(name, set())
            if value is not None:
                found.add(type(value))
    return tuple(kinds), {name: _common(found) for name, found in kinds.items()}


def _common(kinds: set[type]) -> type:
    if not kinds:
        return str
    if kinds == {int, float}:
        return float
    only = next(iter(kinds))
    return only if len(kinds) == 1 and only in {str, int, float, bool} else object
