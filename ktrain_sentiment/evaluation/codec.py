"""Results as plain JSON values and back: dataclasses, arrays and numbers."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
import numpy as np

from ktrain_sentiment.errors import DataError

DIGITS = 9
"""Significant digits of a number on disk: more than any figure is known to."""

Record = TypeVar("Record")


def to_plain(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Dicts, lists, strings and numbers; what is no number (NaN, infinity) becomes None."""
    # msgspec.to_builtins leaves out the fields that msgspec.convert filled with a default.
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        # A record may know figures that mean nothing to it.
        absent: frozenset[str] = getattr(value, "absent", frozenset())
        names = [one.name for one in dataclasses.fields(value) if one.name not in absent]
        return {name: to_plain(getattr(value, name)) for name in names}
    if hasattr(value, "tolist"):
        return to_plain(value.tolist())
    if isinstance(value, Mapping):
        return {str(key): to_plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(one) for one in value]
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
    return value


def from_plain(value: object, kind: type[Record], source: object) -> Record:
    """Read a record of this type; keys that it does not know are left alone.

    Args:
        value: What `to_plain` gave, once through JSON.
        kind: The type of the record.
        source: The file, for the message.

    Raises:
        DataError: A key is missing or has another type.
    """
    try:
        return msgspec.convert(value, kind, dec_hook=_to_numpy, strict=False)
    except (msgspec.ValidationError, ValueError) as error:
        raise DataError(
            f"{source}: not a {kind.__name__}: {error}; wanted the file as it was written"
        ) from error


def _to_numpy(kind: Any, value: Any) -> Any:  # noqa: ANN401 - numpy's generic types
    if getattr(kind, "__origin__", kind) is np.ndarray:
        return np.asarray(value, dtype=kind.__args__[1].__args__[0])
    raise NotImplementedError(f"cannot read {kind}")
