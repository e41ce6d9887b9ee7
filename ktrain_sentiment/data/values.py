"""Cells become text without being changed: words as written, numbers as digits, gaps as gaps."""

from __future__ import annotations

import datetime
import decimal
import numbers
from collections.abc import Collection

import pandas as pd

from ktrain_sentiment.data.table import Table
from ktrain_sentiment.errors import DataError
from ktrain_sentiment.tables.messages import count, rows_listed

LABEL_SEPARATOR = "|"
"""Between the labels of one row, where a source gives a list of them."""


def to_strings(table: Table, name: str, what: str) -> tuple[pd.Series[str], str]:
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
    values: list[object] = column.astype(object).tolist()
    spelled: list[str | None] = []
    converted: list[int] = []
    for position, value in enumerate(values):
        if isinstance(value, str) or _is_missing(value):
            spelled.append(value if isinstance(value, str) else None)
            continue
        converted.append(position)
        spelled.append(_spell(value, table, position, what))
    return pd.Series(spelled, index=column.index, dtype="str"), _note(table, converted, what)


def _note(table: Table, converted: list[int], what: str) -> str:
    if not converted or what != "text":
        return ""
    rows = rows_listed([int(table.rows[position]) for position in converted])
    are = "is a number or date" if len(converted) == 1 else "are numbers or dates"
    return f"{count(len(converted), 'text')} {are}, taken as written: {rows}"


def _is_missing(value: object) -> bool:
    if value is None or value is pd.NaT or value is pd.NA:
        return True
    return isinstance(value, float) and value != value


def _spell(value: object, table: Table, position: int, what: str) -> str:
    """What a person would write for a value."""
    if isinstance(value, bool) or type(value).__name__ == "bool":
        return "true" if value else "false"
    if isinstance(value, numbers.Integral | decimal.Decimal):
        return str(value)
    if isinstance(value, numbers.Real):
        number = float(value)
        return str(int(number)) if number.is_integer() else repr(number)
    if isinstance(value, datetime.date | datetime.time | datetime.timedelta):
        return str(value)
    if isinstance(value, bytes):
        return _decoded(value, table, position, what)
    if what == "label" and (labels := _list_of_labels(value)) is not None:
        return labels
    raise DataError(
        f"{table.place(position)}: the {what} is of type {type(value).__name__}, wanted text; "
        "take it apart before, or leave the row out"
    )


def _decoded(value: bytes, table: Table, position: int, what: str) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{table.place(position)}: the {what} is bytes that are not valid UTF-8; "
            "store it as text"
        ) from error


def _list_of_labels(value: object) -> str | None:
    """`["happy", "sad"]` as `happy|sad`; None for what is no plain list."""
    items = value.tolist() if hasattr(value, "tolist") else value
    if not isinstance(items, Collection) or isinstance(items, dict):
        return None
    if not all(isinstance(item, str | int) for item in items):
        return None
    return LABEL_SEPARATOR.join(map(str, items))
