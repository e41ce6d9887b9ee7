"""A chunk of rows on its way from a source to a sink."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

Record = Mapping[str, Any]
"""One row: the value of each column by name."""


@dataclass(frozen=True)
class BadRow:
    """A row that could not be read as it stands.

    Attributes:
        reason: What is wrong with it.
        record: What could be made of it, for the output.
    """

    reason: str
    record: Record


@dataclass(frozen=True)
class Chunk:
    """Some rows of a source, either as records or as a table.

    Attributes:
        lines: Where each row stands in the source (line or row number), from 1.
        texts: The text of each row; None where there is nothing to score.
        problems: What is wrong with a row, by its position in the chunk.
        rows: The rows as records, or as an Arrow table with the source's own types.
    """

    lines: Sequence[int]
    texts: Sequence[str | None]
    problems: Mapping[int, str]
    rows: Sequence[Record] | pa.Table

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.lines)

    def records(self) -> Sequence[Record]:
        """The rows as records."""
        if isinstance(self.rows, Sequence):
            return self.rows
        return list(self.rows.to_pylist())


@dataclass
class ChunkBuilder:
    """Collects records into chunks and looks at their texts.

    Attributes:
        text_column: The column that holds the texts.
    """

    text_column: str
    lines: list[int] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    texts: list[str | None] = field(default_factory=list)
    problems: dict[int, str] = field(default_factory=dict)

    def add(self, line: int, row: Record | BadRow) -> None:
        """Take one row."""
        if isinstance(row, BadRow):
            self.problems[len(self.lines)] = row.reason
            record, text = row.record, None
        else:
            record = row
            text, problem = text_of(row.get(self.text_column), self.text_column)
            if problem:
                self.problems[len(self.lines)] = problem
        self.lines.append(line)
        self.records.append(record)
        self.texts.append(text)

    def done(self) -> Chunk:
        """The chunk."""
        return Chunk(self.lines, self.texts, self.problems, self.records)


def text_of(value: object, column: str) -> tuple[str | None, str]:
    """The text in a cell, and what is wrong with it where there is none to score."""
    if isinstance(value, str):
        return (value, "") if value.strip() else (None, f"{column} is empty")
    if value is None or value != value:
        return None, f"{column} is empty"
    if isinstance(value, bool | int | float):
        return str(value), ""
    return None, f"{column} holds a {type(value).__name__}, wanted a text"
