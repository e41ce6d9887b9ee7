"""The arithmetic of cross-validation: gather what each fold predicted, and how far folds differ."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ktrain_sentiment.errors import DataError
from ktrain_sentiment.evaluation.confusion import Floats
from ktrain_sentiment.evaluation.metrics import Evaluation, check, evaluate


@dataclass(frozen=True)
class Spread:
    """A figure over folds.

    Attributes:
        mean: Its mean.
        deviation: Its standard deviation between folds (n - 1 in the denominator).
        lowest: Its lowest value.
        highest: Its highest value.
        folds: Number of folds.
    """

    mean: float
    deviation: float
    lowest: float
    highest: float
    folds: int


@dataclass(frozen=True)
class CrossValidation:
    """The outcome of a cross-validation.

    Attributes:
        pooled: Figures on all rows, each predicted by the model that did not see it.
        folds: Figures of each fold.
        spread: Mean and spread of each headline figure over the folds.
    """

    pooled: Evaluation
    folds: tuple[Evaluation, ...]
    spread: dict[str, Spread]


def gather(parts: Iterable[tuple[ArrayLike, ArrayLike]], rows: int) -> Floats:
    """Put the held-out predictions of the folds together in the order of the rows.

    Args:
        parts: For each fold the positions of its held-out rows, shape (m,), and their
            probabilities, shape (m, classes).
        rows: Number of rows in all.

    Returns:
        Out-of-fold probabilities, shape (rows, classes).

    Raises:
        DataError: A row was predicted by no fold, or by two.
    """
    places, tables = [], []
    for held_out, probabilities in parts:
        places.append(np.asarray(held_out, dtype=np.int64))
        tables.append(np.asarray(probabilities, dtype=np.float64))
    place = np.concatenate(places) if places else np.empty(0, dtype=np.int64)
    times = np.bincount(place, minlength=rows)
    if len(times) != rows or (times != 1).any():
        wrong = int((times != 1).sum())
        raise DataError(f"folds: {wrong} of {rows} rows not predicted exactly once; fold again")
    gathered = np.empty((rows, tables[0].shape[1]))
    gathered[place] = np.concatenate(tables)
    return gathered


def judge_folds(
    fold_of_row: ArrayLike, y_true: ArrayLike, out_of_fold: ArrayLike, labels: Sequence[str]
) -> CrossValidation:
    """Figures of all rows together, of each fold, and their spread.

    Args:
        fold_of_row: The fold that held each row out, shape (n,).
        y_true: Class indices, shape (n,).
        out_of_fold: Probabilities as `gather` gives them, shape (n, classes).
        labels: Class names.

    Raises:
        DataError: Shapes, indices or probabilities make no sense.
    """
    truth, table = check(y_true, out_of_fold, labels)
    fold: NDArray[np.int64] = np.asarray(fold_of_row, dtype=np.int64)
    each = tuple(
        evaluate(truth[fold == k], table[fold == k], labels) for k in np.unique(fold).tolist()
    )
    names = each[0].headline
    spread = {name: _spread([one.headline[name].value for one in each]) for name in names}
    return CrossValidation(evaluate(truth, table, labels), each, spread)


def _spread(values: Sequence[float]) -> Spread:
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return Spread(float(np.mean(values)), deviation, min(values), max(values), len(values))
