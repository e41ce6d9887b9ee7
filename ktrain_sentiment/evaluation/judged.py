"""Labelled rows together with what a classifier said of them, and their form on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ktrain_sentiment.errors import DataError
from ktrain_sentiment.evaluation.confusion import Floats
from ktrain_sentiment.evaluation.metrics import check

PREFIX = "p_"


@dataclass(frozen=True)
class JudgedRows:
    """Rows with their true labels and their predicted probabilities.

    Attributes:
        frame: Columns `text`, `label`, `row` and any others of the source, n rows.
        labels: Class names, in the order of the columns of `probabilities`.
        y_true: Class indices, shape (n,).
        probabilities: As the predictor answers, its temperature applied, shape (n, classes).
    """

    frame: pd.DataFrame
    labels: tuple[str, ...]
    y_true: NDArray[np.int64]
    probabilities: Floats

    @property
    def texts(self) -> list[str]:
        """The texts."""
        return [str(text) for text in self.frame["text"]]

    @property
    def rows(self) -> list[int]:
        """The row numbers in the source."""
        return [int(row) for row in self.frame["row"]]

    def __len__(self) -> int:
        return len(self.frame)


def judge(frame: pd.DataFrame, probabilities: ArrayLike, labels: Sequence[str]) -> JudgedRows:
    """Put rows and probabilities together.

    Args:
        frame: Columns `text`, `label` and `row`.
        probabilities: Shape (n, classes), in the order of the frame.
        labels: Class names, in the order of the columns.

    Raises:
        DataError: A row has a label that the classifier does not know, or shapes differ.
    """
    y_true = encode(frame["label"], labels)
    truth, table = check(y_true, probabilities, labels)
    return JudgedRows(frame.reset_index(drop=True), tuple(labels), truth, table)


def encode(values: Sequence[str] | pd.Series[str], labels: Sequence[str]) -> NDArray[np.int64]:
    """Labels as class indices.

    Raises:
        DataError: A label is unknown.
    """
    index = {label: k for k, label in enumerate(labels)}
    unknown = sorted({str(value) for value in values} - set(index))
    if unknown:
        raise DataError(
            f"labels {', '.join(unknown[:5])}: the classifier knows {', '.join(labels)}; map the "
            "data's labels to these, or leave those rows out"
        )
    return np.asarray([index[str(value)] for value in values], dtype=np.int64)


def fit_labels(values: Sequence[str], labels: Sequence[str]) -> tuple[list[str], str]:
    """Labels of data in a classifier's spelling, where they differ in letter case alone.

    Args:
        values: The labels of the rows.
        labels: The labels that the classifier knows.

    Returns:
        The labels to compare with, and a remark when any was respelled; values that still are
        unknown are left as they are.
    """
    known = set(labels)
    spelled = {label.casefold(): label for label in labels}
    if len(spelled) < len(labels):
        return list(values), ""
    changed = {v: spelled[v.casefold()] for v in {*values} - known if v.casefold() in spelled}
    shown = ", ".join(f"{old} as {new}" for old, new in sorted(changed.items()))
    return [changed.get(v, v) for v in values], f"labels taken as: {shown}" if changed else ""


def to_frame(judged: JudgedRows) -> pd.DataFrame:
    """Columns `row`, `text`, `label`, `predicted` and one `p_<label>` a class."""
    winner = judged.probabilities.argmax(axis=1)
    frame = pd.DataFrame(
        {
            "row": judged.rows,
            "text": judged.texts,
            "label": [str(label) for label in judged.frame["label"]],
            "predicted": [judged.labels[k] for k in winner],
        }
    )
    for k, label in enumerate(judged.labels):
        frame[PREFIX + label] = judged.probabilities[:, k].astype(np.float32)
    return frame


def from_frame(predictions: pd.DataFrame, source: pd.DataFrame | None = None) -> JudgedRows:
    """Read back what `to_frame` made.

    Args:
        predictions: Columns as `to_frame` makes them.
        source: The rows that were predicted, with the further columns of the data; they are taken
            over when they are the same rows in the same order.

    Raises:
        DataError: A column is missing.
    """
    names = [str(name) for name in predictions.columns]
    labels = [name.removeprefix(PREFIX) for name in names if name.startswith(PREFIX)]
    missing = [name for name in ("row", "text", "label") if name not in predictions]
    if missing or len(labels) < 2:
        wanted = ", ".join(missing) or "p_<label> of two labels or more"
        raise DataError(f"predictions: no column {wanted}; wanted a file that training wrote")
    frame = predictions[["text", "label", "row"]]
    if source is not None and source["row"].tolist() == frame["row"].tolist():
        frame = source
    table = predictions[[PREFIX + label for label in labels]].to_numpy(dtype=np.float64)
    # 32-bit rounding on disk; sums are made exact again.
    return judge(frame, table / table.sum(axis=1, keepdims=True), labels)
