"""Where a classifier is worse than its average: by length, by repetition, by any column."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ktrain_sentiment.errors import DataError
from ktrain_sentiment.evaluation.exact import fisher_less, holm
from ktrain_sentiment.evaluation.intervals import Estimate, bootstrap_share

FEWEST_ROWS = 10
MOST_VALUES = 20
PARTS = 4
SIGNIFICANT = 0.05
WORTH_NAMING = 0.05
"""A slice is named as weak when it is at least this much less accurate than the rest."""


@dataclass(frozen=True)
class Slice:
    """The rows that share a value.

    Attributes:
        column: What the rows were divided by.
        value: What these rows have in common.
        n: Number of rows.
        accuracy: Accuracy on them.
        rest: Accuracy on the other rows of the same column; None when there are none.
        p_value: One-sided Fisher test that these rows do worse than the others, corrected for the
            number of slices (Holm).
    """

    column: str
    value: str
    n: int
    accuracy: Estimate
    rest: float | None
    p_value: float

    @property
    def weak(self) -> bool:
        """Whether these rows do clearly and noticeably worse than the others."""
        gap = 0.0 if self.rest is None else self.rest - self.accuracy.value
        return self.p_value < SIGNIFICANT and gap >= WORTH_NAMING

    def to_json(self) -> dict[str, Any]:
        """Plain numbers and strings."""
        return {
            "column": self.column,
            "value": self.value,
            "n": self.n,
            "accuracy": self.accuracy.to_json(),
            "rest": self.rest,
            "p_value": self.p_value,
            "weak": self.weak,
        }


def judge_slices(
    columns: Mapping[str, Sequence[Any]], y_true: ArrayLike, probabilities: ArrayLike
) -> tuple[Slice, ...]:
    """Accuracy on the rows of each value of each column.

    Args:
        columns: By name, one value a row: numbers are cut at their quartiles, other values taken as
            they are. `by_length` and `by_repetition` make two that every text has.
        y_true: Class indices, shape (n,).
        probabilities: Shape (n, classes).

    Returns:
        Slices in the order of the columns, those of fewer than ten rows left out.

    Raises:
        DataError: A column has too many distinct values to divide by.
    """
    right = np.asarray(probabilities).argmax(axis=1) == np.asarray(y_true)
    found: list[tuple[str, str, NDArray[np.bool_]]] = []
    for column, values in columns.items():
        groups = group(column, pd.Series(list(values)))
        found += [(column, v, groups == v) for v in groups.cat.categories]
    found = [one for one in found if one[2].sum() >= FEWEST_ROWS]
    p_values = holm([_worse(right, inside) for _, _, inside in found])
    return tuple(
        Slice(
            column=column,
            value=str(value),
            n=int(inside.sum()),
            accuracy=bootstrap_share(int(right[inside].sum()), int(inside.sum())),
            rest=None if inside.all() else float(right[~inside].mean()),
            p_value=p_value,
        )
        for (column, value, inside), p_value in zip(found, p_values, strict=True)
    )


def _worse(right: NDArray[np.bool_], inside: NDArray[np.bool_]) -> float:
    return fisher_less(int(right[inside].sum()), int(inside.sum()), int(right.sum()), len(right))


def group(column: str, values: pd.Series[Any]) -> pd.Series[Any]:
    """The group that each value falls into, as an ordered categorical of names.

    Raises:
        DataError: There are too many distinct values to divide by.
    """
    distinct = values.nunique(dropna=False)
    if pd.api.types.is_numeric_dtype(values) and distinct > PARTS:
        return _by_quartile(values)
    if distinct > MOST_VALUES:
        raise DataError(
            f"--slice-by {column}: {distinct:,} distinct values, wanted numbers or at most "
            f"{MOST_VALUES} values; divide by another column, or group its values first"
        )
    names = values.map(lambda value: "(none)" if pd.isna(value) else str(value))
    return names.astype(pd.CategoricalDtype(sorted(names.unique()), ordered=True))


def _by_quartile(values: pd.Series[Any]) -> pd.Series[Any]:
    edges = np.unique(np.nanquantile(values.astype(float), np.linspace(0, 1, PARTS + 1)))
    part = np.clip(np.searchsorted(edges, values.astype(float), side="left") - 1, 0, None)
    part = np.where(values.isna(), -1, part)
    names = {-1: "(none)"}
    for k in np.unique(part[part >= 0]):
        inside = values[part == k]
        names[int(k)] = _span(inside.min(), inside.max())
    order = [names[k] for k in sorted(set(part.tolist()))]
    return pd.Series([names[k] for k in part.tolist()]).astype(
        pd.CategoricalDtype(list(dict.fromkeys(order)), ordered=True)
    )


def _span(low: float, high: float) -> str:
    return f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"


def by_length(texts: Sequence[str]) -> list[int]:
    """Number of words of each text."""
    return [len(text.split()) for text in texts]


def by_repetition(texts: Sequence[str]) -> list[str]:
    """Whether a text occurs more than once, letter case and spaces aside."""
    keys = pd.Series([re.sub(r"\s+", " ", text).strip().casefold() for text in texts])
    return ["repeated" if again else "once" for again in keys.duplicated(keep=False)]
