"""A table as it was read, before anyone decided what its columns mean."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ktrain_sentiment.errors import DataError


@dataclass(frozen=True)
class Table:
    """Rows and columns of one source.

    Attributes:
        frame: One column a column of the source, names unique; text formats give text only.
        rows: Where each row stands in the source (line, sheet row or record number), from 1.
        source: What was read, for messages.
        notes: One-line remarks to show the user.
        repeated: Names that several columns of the source share; the second became `name (2)`.
        is_split: The column `split` was made by the reader: files or folders for each split.
    """

    frame: pd.DataFrame
    rows: NDArray[np.int64]
    source: str
    notes: tuple[str, ...] = ()
    repeated: frozenset[str] = frozenset()
    is_split: bool = False

    def __post_init__(self) -> None:
        """Refuse a table without rows."""
        if len(self.frame) == 0:
            raise DataError(f"{self.source}: there are no rows; wanted texts with labels")

    @classmethod
    def from_columns(
        cls,
        header: Sequence[object],
        columns: Sequence[Sequence[object]],
        rows: Sequence[int],
        source: str,
        notes: tuple[str, ...] = (),
    ) -> Table:
        """Make a table of equally long columns; a value keeps its type, text stays text."""
        names, repeated = unique_names(header)
        frame = pd.DataFrame(
            {
                name: pd.Series(list(values), dtype=object).infer_objects()
                for name, values in zip(names, columns, strict=True)
            }
        )
        return cls(frame, np.asarray(rows, dtype=np.int64), source, notes, repeated)

    def with_notes(self, *notes: str) -> Table:
        """The same table with further notes; empty ones are left out."""
        return replace(self, notes=(*self.notes, *(note for note in notes if note)))

    def place(self, position: int) -> str:
        """Where a row stands, for a message: the file, where there are several, and the row."""
        if "file" in self.frame.columns and "file_row" in self.frame.columns:
            row = self.frame.iloc[position]
            return f"{row['file']}: row {row['file_row']}"
        return f"{self.source}: row {self.rows[position]}"


def unique_names(header: Sequence[object]) -> tuple[list[str], frozenset[str]]:
    """Column names without repeats, and the names that were repeated.

    A column without a name is called by its position.
    """
    plain = ["" if raw is None else str(raw).strip() for raw in header]
    times = Counter(name for name in plain if name)
    taken = set(plain)
    names: list[str] = []
    for position, name in enumerate(plain, start=1):
        wanted = name or f"column {position}"
        number = 2
        while wanted in names or (wanted != name and wanted in taken):
            wanted, number = f"{name or f'column {position}'} ({number})", number + 1
        names.append(wanted)
    return names, frozenset(name for name, count in times.items() if count > 1)


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
