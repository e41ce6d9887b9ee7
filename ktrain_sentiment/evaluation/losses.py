"""Which rows a model gets most wrong, in the way of its task."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ktrain_sentiment.evaluation.calibration import row_log_loss
from ktrain_sentiment.evaluation.confusion import Floats
from ktrain_sentiment.evaluation.metrics import check
from ktrain_sentiment.evaluation.mistake_costs import MistakeCosts
from ktrain_sentiment.tasks import CLASSES, SCORE, Kind, Task, join_labels

_TINY = 1e-12


def top_losses(
    texts: Sequence[str],
    y_true: ArrayLike,
    probabilities: ArrayLike,
    labels: Sequence[str],
    task: Task = CLASSES,
    *,
    rows: Sequence[int] | None = None,
    limit: int | None = None,
    costs: MistakeCosts | None = None,
) -> pd.DataFrame:
    """Rows by falling loss; rows that were predicted rightly are kept, with their small loss.

    Of stars those come first that are most stars off; of scores those that are farthest off. Where
    mistakes are weighed, those whose mistake costs most; what is called predicted, and is priced,
    is then the answer of least expected cost.

    Args:
        texts: The texts, length n.
        y_true: Class indices, shape (n,).
        probabilities: Shape (n, classes).
        labels: Class names, in the order of the columns.
        task: What the labels are.
        rows: Row numbers in the source file; counted from 1 when None.
        limit: Keep this many rows; all when None.
        costs: What mistakes cost, where they are weighed.

    Returns:
        Columns `text`, `label` (the given one), `predicted`, `probability` (of the predicted
        label), `p_true` (of the given label), `loss` (-log `p_true`, in nats), `row`; of stars
        also `stars_off`. Of scores: `text`, `label`, `score`, `error` (score - label), `row`. Of
        several labels: `text`, `label`, `predicted` (joined by |), `loss` (of all labels together,
        in nats), `row`. With costs `cost` before the row.

    Raises:
        DataError: Shapes, indices or probabilities make no sense.
    """
    truth, table = check(y_true, probabilities, labels, task)
    task = task if costs is None else costs.deciding
    frame, by = _LOSSES[task.kind](truth, table, labels, task)
    frame.insert(0, "text", list(texts))
    if costs is not None:
        frame["cost"], by = costs.of_rows(truth, task.said(table)), ["cost", *by]
    frame["row"] = np.arange(len(truth)) + 1 if rows is None else list(rows)
    ordered = frame.sort_values(by, ascending=False, kind="stable", ignore_index=True, key=np.abs)
    return ordered if limit is None else ordered.head(limit)


def _of_classes(
    truth: NDArray[Any], table: Floats, labels: Sequence[str], task: Task
) -> tuple[pd.DataFrame, list[str]]:
    said, everyone = task.choices(table), np.arange(len(truth))
    columns = {
        "label": [labels[k] for k in truth],
        "predicted": [labels[k] for k in said],
        "probability": table[everyone, said],
        "p_true": table[everyone, truth],
        "loss": row_log_loss(truth, table),
    }
    return pd.DataFrame(columns), ["loss"]


def _of_stars(
    truth: NDArray[Any], table: Floats, labels: Sequence[str], task: Task
) -> tuple[pd.DataFrame, list[str]]:
    frame, by = _of_classes(truth, table, labels, task)
    return frame.assign(stars_off=task.distance[truth, task.choices(table)]), ["stars_off", *by]


def _of_scores(
    truth: NDArray[Any], table: Floats, _labels: Sequence[str], _task: Task
) -> tuple[pd.DataFrame, list[str]]:
    said = table[:, 0]
    return pd.DataFrame({"label": truth, SCORE: said, "error": said - truth}), ["error"]


def _of_sets(
    truth: NDArray[Any], table: Floats, labels: Sequence[str], task: Task
) -> tuple[pd.DataFrame, list[str]]:
    said = np.clip(table, _TINY, 1 - _TINY)
    loss = -(np.log(said) * truth + np.log1p(-said) * (1 - truth)).sum(axis=1)
    given, got = (
        [join_labels(labels[k] for k in np.flatnonzero(row).tolist()) for row in has]
        for has in (truth, task.decided(table))
    )
    return pd.DataFrame({"label": given, "predicted": got, "loss": loss}), ["loss"]


_LOSSES: Mapping[
    Kind,
    Callable[[NDArray[Any], Floats, Sequence[str], Task], tuple[pd.DataFrame, list[str]]],
] = {"classes": _of_classes, "stars": _of_stars, "score": _of_scores, "multi": _of_sets}
"""The columns of a row, and by which of them it is the worse, for each task."""
