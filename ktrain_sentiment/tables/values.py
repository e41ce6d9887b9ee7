"""What a cell is as text: words as written, numbers as digits, gaps as gaps; one rule for all."""

from __future__ import annotations

import datetime
import decimal
import numbers
from collections.abc import Collection, Mapping

from ktrain_sentiment.reading_rules import BETWEEN_LABELS
from ktrain_sentiment.tables.encodings import HALF_CHARACTER, has_half_character
from ktrain_sentiment.tables.table import Problem


def spell(value: object, what: str) -> tuple[str | None, Problem | None]:
    """What a person would write for a value.

    Args:
        value: The value of a cell.
        what: `text`, `label` or a column's name, for the message. A list of labels becomes
            `a|b`; a list is no text.

    Returns:
        The text, None where the value is missing; and what is wrong with it.
    """
    if isinstance(value, str):
        return (value, HALF_CHARACTER) if has_half_character(value) else (value, None)
    if is_missing(value):
        return None, None
    if isinstance(value, bool) or type(value).__name__ == "bool":
        return ("true" if value else "false"), None
    if isinstance(value, numbers.Integral | decimal.Decimal):
        return str(value), None
    if isinstance(value, numbers.Real):
        number = float(value)
        return (str(int(number)) if number.is_integer() else repr(number)), None
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return str(value.date()), None  # As pandas and Arrow write days in CSV files.
    if isinstance(value, datetime.date | datetime.time | datetime.timedelta):
        return str(value), None
    if isinstance(value, bytes):
        return _decoded(value, what)
    if what == "label" and (labels := _list_of_labels(value)) is not None:
        return labels, None
    reason = f"holds {_kind_of(value)} as {what}, wanted text"
    return None, Problem(reason, ("take it apart before, or leave the row out",))


def _kind_of(value: object) -> str:
    """What a value is called in JSON, whichever library it comes from."""
    if isinstance(value, Mapping):
        return "an object"
    return "a list" if hasattr(value, "__len__") else f"a {type(value).__name__}"


def is_missing(value: object) -> bool:
    """Whether a cell holds nothing: None, NaN, or what pandas puts for them."""
    if value is None or type(value).__name__ in {"NaTType", "NAType"}:
        return True
    return isinstance(value, float) and value != value


def _decoded(value: bytes, what: str) -> tuple[str | None, Problem | None]:
    try:
        return value.decode("utf-8"), None
    except UnicodeDecodeError:
        return None, Problem(
            f"holds bytes as {what} that are not valid UTF-8", ("store it as text",)
        )


def _list_of_labels(value: object) -> str | None:
    """`["happy", "sad"]` as `happy|sad`; None for what is no plain list."""
    items = value.tolist() if hasattr(value, "tolist") else value
    if not isinstance(items, Collection) or isinstance(items, dict):
        return None
    if not all(isinstance(item, str | int) for item in items):
        return None
    return BETWEEN_LABELS.join(map(str, items))
