"""A table collected in memory, before anyone decided what its columns mean."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ktrain_sentiment.data.at_rest import Strings
from ktrain_sentiment.errors import DataError
from ktrain_sentiment.messages import count, rows_listed
from ktrain_sentiment.tables import ReadAs, Table
from ktrain_sentiment.tables.table import Batch
from ktrain_sentiment.tables.values import spell

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Collected:
    """Rows and columns of one source.

    Attributes:
        frame: One column a column of the source, names unique; text formats give text only.
        rows: Where each row stands in the source (line, sheet row or record number), from 1.
        name: What was read, for messages.
        notes: One-line remarks to show the user.
        repeated: Names that several columns of the source share; the second became `name (2)`.
        made: Columns that the reader made, by what they tell; see `tables.Table`.
        read_as: How it was read; None where that does not say how to read its like.
    """

    frame: pd.DataFrame
    rows: NDArray[np.int64]
    name: str
    notes: tuple[str, ...] = ()
    repeated: Collection[str] = field(default_factory=frozenset)
    made: Mapping[str, str] = field(default_factory=dict)
    read_as: ReadAs | None = None

    def __post_init__(self) -> None:
        """Refuse a table without rows."""
        if len(self.frame) == 0:
            raise DataError(f"{self.name}: there are no rows; wanted texts with labels")

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(map(str, self.frame.columns))

    def sample(self, column: str) -> list[Any]:
        """Values of a column, from its beginning."""
        return list(self.frame[column].head(5000).astype(object))

    def with_notes(self, *notes: str) -> Collected:
        """The same table with further notes; empty ones are left out."""
        return replace(self, notes=(*self.notes, *(note for note in notes if note)))

    def place(self, position: int) -> str:
        """Where a row stands, for a message: the file, where there are several, and the row."""
        if "file_row" in self.made:
            row = self.frame.iloc[position]
            return f"{row[self.made['file']]}: row {row[self.made['file_row']]}"
        return f"{self.name}: row {self.rows[position]}"


def collect(table: Table) -> Collected:
    """Read all rows of a table; long columns of strings are put on disk as they come.

    Raises:
        DataError: A row cannot be read as it stands, or there is none.
    """
    places = [np.empty(0, np.int64)]

    def sound() -> Iterator[Batch]:
        for batch in table.batches():
            for position, problem in batch.problems.items():
                place = f"{table.unit} {batch.places[position]}"
                raise DataError(f"{table.name}: {place} {problem}", *problem.ways)
            places.append(np.asarray(batch.places, np.int64))
            yield batch

    frame = _frame(table, sound()) if table.schema is None else _arrow_frame(table, sound())
    frame = with_class_names(frame, table.categories)
    rows = np.concatenate(places)
    return Collected(
        frame, rows, table.name, table.notes, table.repeated, table.made, table.read_as
    )  # fmt: skip


def _frame(table: Table, batches: Iterable[Batch]) -> pd.DataFrame:
    with contextlib.ExitStack() as stack:
        columns = {name: stack.enter_context(_Values()) for name in table.columns}
        for batch in batches:
            for name, values in columns.items():
                values.take(batch.values(name))
        return pd.DataFrame({name: own.column() for name, own in columns.items()}, copy=False)


class _Values(Strings):
    """A column whose values may turn out to be no strings, or not all whole numbers.

    Then they are kept as they are.
    """

    def __init__(self) -> None:
        """Begin with none."""
        super().__init__()
        self._kinds: set[type] = set()
        self._numbers: list[NDArray[np.int64]] = []
        self._others: list[Any] = []

    def take(self, values: list[Any]) -> None:
        """Append values."""
        before, self._kinds = self._kinds, self._kinds | set(map(type, values))
        if self._kinds <= _TEXT:
            self.add(values)
        elif self._kinds == {int} and all(-_BOUND <= value < _BOUND for value in values):
            self._numbers.append(np.array(values, np.int64))
        else:
            if not self._others:
                self._others = self._so_far(before)
                self._numbers.clear()
            self._others += values
            self._kinds.add(object)

    def _so_far(self, kinds: set[type]) -> list[Any]:
        """What was appended while the column was of one kind."""
        if self._numbers:
            return [int(value) for part in self._numbers for value in part]
        found = self.series()
        values: list[Any] = found.astype(object).where(found.notna(), None).tolist()
        return values if kinds <= _TEXT else []

    def column(self) -> pd.Series:
        """All values; a column without any is of objects, not of strings."""
        if self._numbers:
            return pd.Series(np.concatenate(self._numbers))
        if str in self._kinds <= _TEXT:
            return self.series()
        values = self._others or [None] * len(self)
        return pd.Series(values, dtype=object).infer_objects()


_TEXT = {str, type(None)}
_BOUND = 1 << 63


def _arrow_frame(table: Table, batches: Iterable[Batch]) -> pd.DataFrame:
    """Columns with the types of the source; a whole number stays one where others are missing."""
    import pyarrow as pa

    schema: pa.Schema = table.schema
    texts = {one.name for one in schema if one.type in (pa.string(), pa.large_string())}
    others = pa.schema([one for one in schema if one.name not in texts])
    kept = [others.empty_table()]
    with contextlib.ExitStack() as stack:
        columns = {name: stack.enter_context(Strings()) for name in texts}
        fields = {name: stack.enter_context(_Values()) for name in table.fields}
        for batch in batches:
            for name, values in fields.items():
                values.take(batch.values(name))
            for name, strings in columns.items():
                strings.add(batch.rows[name])
            rows: Any = batch.rows
            kept.append(rows.select(others.names))
        found = {name: strings.series() for name, strings in columns.items()}
        inner = {name: values.column() for name, values in fields.items()}
    whole: pd.DataFrame = pa.concat_tables(kept).to_pandas(
        ignore_metadata=True, integer_object_nulls=True, self_destruct=True
    )
    outer = {name: found[name] if name in found else whole[name] for name in schema.names}
    return pd.DataFrame({**outer, **inner}, copy=False)


def with_class_names(
    frame: pd.DataFrame, categories: Mapping[str, Sequence[str]]
) -> pd.DataFrame:  # fmt: skip
    """Names in place of numbered classes; -1, and what has no name, is a missing label."""
    named = {name: dict(enumerate(names)) for name, names in categories.items()}
    return frame.assign(
        **{name: frame[name].map(names) for name, names in named.items() if name in frame.columns}
    )


def to_strings(table: Collected, name: str, what: str) -> tuple[pd.Series[str], str]:
    """A column of a table as strings; missing values stay missing.

    Args:
        table: The table.
        name: The column.
        what: `text` or `label`. A list of labels becomes `a|b`; a list is no text.

    Returns:
        The strings, and a note that counts the cells that were not text (empty for labels).

    Raises:
        DataError: A cell holds something that is no text: a list, an object, other bytes.
    """
    column = table.frame[name]
    if column.dtype == "str":
        return column, ""
    spelled: list[str | None] = []
    converted: list[int] = []
    for position, value in enumerate(column.astype(object).tolist()):
        text, problem = spell(value, what)
        if problem is not None:
            raise DataError(f"{table.place(position)} {problem}", *problem.ways)
        if text is not None and not isinstance(value, str | bytes):
            converted.append(int(table.rows[position]))
        spelled.append(text)
    strings = pd.Series(spelled, index=column.index, dtype="str")
    if not converted or what != "text":
        return strings, ""
    are = "is a number or date" if len(converted) == 1 else "are numbers or dates"
    taken = f"{count(len(converted), 'text')} {are}, taken as written"
    return strings, f"{taken}: {rows_listed(converted)}"


def plain_column(column: pd.Series) -> pd.Series:
    """A column that any file format can hold: mixed and nested values become text."""
    if column.dtype != object:
        return column
    kinds = {type(value) for value in column.dropna()}
    if kinds <= {str}:
        return column.astype("str")
    return column.map(_as_text, na_action="ignore").astype("str")


def _as_text(value: object) -> str:
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)
