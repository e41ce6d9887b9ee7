"""From a list of doubtful labels, corrected by hand, to the next training set.

The list that error inspection writes has an empty column `corrected`. Whoever reads it fills in the
right label, or `drop` for a row that should not be trained on, and leaves the rest empty.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ktrain_sentiment.errors import DataError

COLUMN = "corrected"
DROP = "drop"


@dataclass(frozen=True)
class Change:
    """One row that was changed.

    Attributes:
        row: Its number in the source.
        text: Its text.
        before: The label it had.
        after: The label it has now, or None when the row was dropped.
    """

    row: int
    text: str
    before: str
    after: str | None


@dataclass(frozen=True)
class Corrected:
    """A corrected data set.

    Attributes:
        frame: The rows with their new labels, dropped ones left out, in the old order.
        changes: What was changed, in the order of the source.
        confirmed: Rows whose label was looked at and written again as it was.
    """

    frame: pd.DataFrame
    changes: tuple[Change, ...]
    confirmed: int

    def to_json(self) -> dict[str, Any]:
        """The record of what changed."""
        kinds = Counter(f"{c.before} -> {c.after or DROP}" for c in self.changes)
        return {
            "rows": len(self.frame),
            "changed": len(self.changes),
            "confirmed": self.confirmed,
            "kinds": dict(kinds.most_common()),
            "changes": [vars(change) for change in self.changes],
        }


def apply_corrections(
    frame: pd.DataFrame, corrections: pd.DataFrame, labels: Sequence[str]
) -> Corrected:
    """Put corrected labels into a data set.

    Args:
        frame: Columns `row`, `text`, `label` and any others.
        corrections: Columns `row`, `text` and `corrected`; an empty cell leaves the row alone.
        labels: The labels there may be.

    Raises:
        DataError: A column is missing, a label is unknown, a row does not exist, is corrected in
            two ways, or has another text than the list says.
    """
    _check_columns(corrections)
    wanted = _wanted(corrections, labels)
    known = dict(zip(frame["row"], frame["text"], strict=True))
    for row, (text, _) in wanted.items():
        if known.get(row) != text:
            held = "no such row" if row not in known else f"its text is {known[row][:40]!r}"
            raise DataError(
                f"corrections: row {row} with text {text[:40]!r}: {held} in the data; give the "
                "data that the list was made from"
            )
    return _apply(frame, {row: label for row, (_, label) in wanted.items()})


def _check_columns(corrections: pd.DataFrame) -> None:
    for column in ("row", "text", COLUMN):
        if column not in corrections.columns:
            listed = ", ".join(map(str, corrections.columns))
            raise DataError(
                f"corrections: no column {column}, found {listed}: wanted the list that error "
                f"inspection wrote, with the column {COLUMN} filled in"
            )


def _wanted(corrections: pd.DataFrame, labels: Sequence[str]) -> dict[int, tuple[str, str]]:
    """The text and the new label of each row that has one."""
    wanted: dict[int, tuple[str, str]] = {}
    cells = corrections[["row", "text", COLUMN]].itertuples(index=False, name=None)
    for row, text, cell in cells:
        label = "" if pd.isna(cell) else str(cell).strip()
        if not label:
            continue
        if label != DROP and label not in labels:
            raise DataError(
                f"corrections: row {row}: label {label!r} is unknown: wanted one of "
                f"{', '.join(labels)}, or {DROP}"
            )
        if wanted.setdefault(int(row), (str(text), label)) != (str(text), label):
            raise DataError(f"corrections: row {row} is corrected in two ways: keep one line of it")
    return wanted


def _apply(frame: pd.DataFrame, wanted: dict[int, str]) -> Corrected:
    changes, confirmed, labels = [], 0, []
    cells = frame[["row", "text", "label"]].itertuples(index=False, name=None)
    for row, text, before in cells:
        after = wanted.get(row, before)
        labels.append(after)
        if row in wanted and after == before:
            confirmed += 1
        elif row in wanted:
            changes.append(Change(int(row), text, before, None if after == DROP else after))
    dropped = frame["row"].isin([row for row, label in wanted.items() if label == DROP])
    corrected = frame.assign(label=labels)[~dropped].reset_index(drop=True)
    return Corrected(corrected, tuple(changes), confirmed)
