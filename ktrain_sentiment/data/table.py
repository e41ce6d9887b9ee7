"""A table as it was read, before anyone decided what its columns mean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

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
        has_header: The source itself names its columns.
    """

    frame: pd.DataFrame
    rows: NDArray[np.int64]
    source: str
    notes: tuple[str, ...] = ()
    repeated: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Refuse a table without rows."""
        if len(self.frame) == 0:
            raise DataError(f"{self.source}: there are no rows; wanted texts with labels")

    @classmethod
    def from_records(
        cls,
        header: Sequence[str],
        records: Sequence[Sequence[object]],
        rows: Sequence[int],
        source: str,
        notes: tuple[str, ...] = (),
    ) -> Table:
        """Make a table of records that all have as many values as the header."""
        names, repeated = unique_names(header)
        columns = list(zip(*records, strict=True)) or [()] * len(names)
        frame = pd.DataFrame(
            {name: pd.Series(list(column)) for name, column in zip(names, columns, strict=True)}
        )
        return cls(frame, np.asarray(rows, dtype=np.int64), source, notes, repeated)


def unique_names(header: Sequence[object]) -> tuple[list[str], frozenset[str]]:
    """Column names without repeats, and the names that were repeated.

    A column without a name is called by its position.
    """
    names: list[str] = []
    seen: Counter[str] = Counter()
    for position, raw in enumerate(header, start=1):
        name = str(raw).strip() if raw is not None else ""
        name = name or f"column {position}"
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return names, frozenset(name for name, times in seen.items() if times > 1)
