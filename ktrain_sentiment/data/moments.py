"""When a row was made: a column of dates as numbers that grow with time."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ktrain_sentiment.errors import DataError
from ktrain_sentiment.tables.messages import quoted

_DAY_OR_MONTH_FIRST = re.compile(r"^\s*\d{1,2}([/.-])\d{1,2}\1(\d{4}|\d{2})\b")


def moments_of(frame: pd.DataFrame, column: str, source: str) -> NDArray[np.int64]:
    """The ranks in time of the rows: numbers as they are, text as dates.

    Raises:
        DataError: The column is missing, holds something that is no date, or dates whose day and
            month cannot be told apart.
    """
    if column not in frame.columns:
        raise DataError(
            f"{source}: there is no column {column!r} (--time); columns: {quoted(frame.columns)}"
        )
    values = frame[column]
    moments = values if _is_ordered(values) else _dates(values, frame, source)
    if moments.isna().any():
        row = frame.loc[moments.isna(), "row"].iloc[0]
        shown = values[moments.isna()].iloc[0]
        raise DataError(
            f"{source}: row {row}: {str(shown)!r} in column {column!r} (--time) is no date; write "
            "dates as 2024-01-31"
        )
    if moments.nunique() == 1:
        raise DataError(f"{source}: all rows have the same time in column {column!r} (--time)")
    return pd.factorize(moments, sort=True)[0].astype(np.int64)


def _is_ordered(values: pd.Series) -> bool:
    numeric = pd.api.types.is_numeric_dtype(values)
    return numeric or pd.api.types.is_datetime64_any_dtype(values)


def _dates(values: pd.Series[str], frame: pd.DataFrame, source: str) -> pd.Series[pd.Timestamp]:
    text = values.astype("str")
    unclear = text.str.match(_DAY_OR_MONTH_FIRST)
    if unclear.any():
        row = frame.loc[unclear, "row"].iloc[0]
        raise DataError(
            f"{source}: row {row}: {text[unclear].iloc[0]!r} may be day or month first; write "
            "dates as 2024-01-31"
        )
    return pd.to_datetime(text, utc=True, errors="coerce", format="mixed")
