"""Cells become text without being changed: numbers as written, missing as missing."""

from __future__ import annotations

import numbers

import pandas as pd

from ktrain_sentiment.data.table import Table
from ktrain_sentiment.errors import DataError


def to_strings(column: pd.Series[str], table: Table, what: str) -> pd.Series[str]:
    """A column as strings; missing values stay missing.

    Whole numbers lose the ".0" that a column with gaps gives them; booleans become true and false.

    Raises:
        DataError: A cell holds a list, an object or bytes.
    """
    if all(isinstance(value, str) for value in column.head(100)) and column.dtype == "str":
        return column
    missing = column.isna()
    strings = column.astype(object)
    for position in missing.index[~missing]:
        value = strings.at[position]
        if not isinstance(value, str):
            strings.at[position] = _spell(value, table, column, position, what)
    return strings.where(~missing, None).astype("str")


def _spell(value: object, table: Table, column: pd.Series[str], position: int, what: str) -> str:
    if isinstance(value, bool) or type(value).__name__ == "bool_":
        return "true" if value else "false"
    if isinstance(value, numbers.Real):
        number = float(value)
        return str(int(number)) if number.is_integer() else str(value)
    if hasattr(value, "isoformat"):
        return str(value)
    raise DataError(
        f"{table.source}: row {table.rows[position]}, column {column.name!r}: wanted a {what}, "
        f"got {type(value).__name__}"
    )
