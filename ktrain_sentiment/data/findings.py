"""What a check found: how many rows, which, and what can be done."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ktrain_sentiment.messages import shorten

EXAMPLES = 5

Severity = Literal["info", "warning", "error"]
"""info: good to know; warning: look at it; error: figures or the model will be wrong."""


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
        severity: How much it matters.
        advice: What can be done, with flags.
        examples: Some of the rows.
    """

    check: str
    summary: str
    rows: int
    of: int
    severity: Severity
    advice: str
    examples: tuple[Example, ...] = ()

    @property
    def share(self) -> float:
        """The share of the rows that are concerned, 0 to 1."""
        return self.rows / max(self.of, 1)


def found_in(
    frame: pd.DataFrame,
    hit: pd.Series[bool] | NDArray[np.bool_],
    check: str,
    severity: Severity,
    summary: str,
    advice: str,
    remarks: Iterable[str] | None = None,
) -> list[Finding]:
    """What a check found in some rows; nothing where it hit none.

    Args:
        frame: The rows that were looked at, columns `text` and `row`.
        hit: Which of them are concerned.
        check: As in `Finding`, and so the next three.
        severity: How much it matters.
        summary: What was found.
        advice: What can be done.
        remarks: What is wrong with each row that was hit, where its text does not show it.
    """
    rows = int(hit.sum())
    shown = examples(frame[hit], remarks) if rows else ()
    return [Finding(check, summary, rows, len(frame), severity, advice, shown)] if rows else []


def examples(frame: pd.DataFrame, remarks: Iterable[str] | None = None) -> tuple[Example, ...]:
    """The first rows of a frame as examples."""
    first = frame.head(EXAMPLES)
    said = list(remarks)[:EXAMPLES] if remarks is not None else [""] * len(first)
    return tuple(
        Example(int(row), shorten(text), remark)
        for row, text, remark in zip(first["row"], first["text"], said, strict=True)
    )
