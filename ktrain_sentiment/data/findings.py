"""What a check found: how many rows, which, and what can be done."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import pandas as pd

EXAMPLES = 5
_SHOWN = 160

Weight = Literal["note", "doubt", "harm"]
"""note: good to know; doubt: look at it; harm: figures or the model will be wrong."""


@dataclass(frozen=True)
class Example:
    """One row that shows a finding.

    Attributes:
        row: Where it stands in the source.
        text: Its text, shortened.
        remark: What is wrong with it, where the text alone does not show it.
    """

    row: int
    text: str
    remark: str = ""


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Attributes:
        check: Name of the check.
        summary: One line that says what was found, with its counts.
        rows: How many rows are concerned.
        of: How many rows were looked at.
        weight: How much it matters.
        advice: What can be done, with flags.
        examples: Some of the rows.
    """

    check: str
    summary: str
    rows: int
    of: int
    weight: Weight
    advice: str
    examples: tuple[Example, ...] = ()

    @property
    def share(self) -> float:
        """The share of the rows that are concerned, 0 to 1."""
        return self.rows / max(self.of, 1)


def examples(frame: pd.DataFrame, remarks: Iterable[str] | None = None) -> tuple[Example, ...]:
    """The first rows of a frame as examples."""
    first = frame.head(EXAMPLES)
    said = list(remarks)[:EXAMPLES] if remarks is not None else [""] * len(first)
    return tuple(
        Example(int(row), shorten(text), remark)
        for row, text, remark in zip(first["row"], first["text"], said, strict=True)
    )


def shorten(text: object, limit: int = _SHOWN) -> str:
    """A text on one line, short enough to show; what is missing is empty."""
    if not isinstance(text, str):
        return ""
    line = " ".join(text[: 4 * limit].split())
    return line if len(line) <= limit else f"{line[: limit - 3]}..."


def count(number: int, one: str, many: str | None = None) -> str:
    """A number and its noun: `1 row`, `2,000 rows`."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def percent(share: float) -> str:
    """A share for reading, never rounded to nothing."""
    if 0 < share < 0.001:
        return "under 0.1 %"
    return f"{100 * share:.1f} %"
