"""Labelled rows with what a classifier said of them: joined, kept on disk, out of fold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ktrain_sentiment.errors import DataError
from ktrain_sentiment.evaluation.confusion import Floats
from ktrain_sentiment.evaluation.losses import top_losses
from ktrain_sentiment.evaluation.metrics import Metrics, check, compute_metrics
from ktrain_sentiment.evaluation.mistake_costs import MistakeCosts
from ktrain_sentiment.messages import listed
from ktrain_sentiment.prediction import EXPECTED, SCORE_HIGH, SCORE_LOW, score_ends
from ktrain_sentiment.tasks import (
    CLASSES,
    SCORE,
    SCORES,
    SEVERAL,
    Kind,
    Task,
    indicators,
    join_labels,
    number_of,
    occurring,
    star_of,
)
from ktrain_sentiment.words import is_slip

PREFIX = "p_"
THRESHOLD = "threshold_"
"""Before the name of a label: from which probability on a row was given it, of several labels."""


@dataclass(frozen=True)
class LabelledPredictions:
    """Rows with their true labels and their predicted probabilities.

    Attributes:
        frame: Columns `text`, `label`, `row` and any others of the source, n rows.
        labels: Class names, in the order of the columns of `probabilities`.
        y_true: Class indices, int64 of shape (n,); of scores the true ones, float64; of several
            labels 0 or 1 for each, (n, labels).
        probabilities: As the predictor answers, its temperature applied, shape (n, classes); of
            scores the answers, shape (n, 1).
        task: What the labels are.
    """

    frame: pd.DataFrame
    labels: tuple[str, ...]
    y_true: NDArray[Any]
    probabilities: Floats
    task: Task = CLASSES

    @classmethod
    def join(
        cls,
        frame: pd.DataFrame,
        probabilities: ArrayLike,
        labels: Sequence[str],
        task: Task = CLASSES,
    ) -> LabelledPredictions:
        """Put rows and probabilities together.

        Args:
            frame: Columns `text`, `label` and `row`.
            probabilities: Shape (n, classes), in the order of the frame.
            labels: Class names, in the order of the columns.
            task: What the labels are.

        Raises:
            DataError: A row has a label that the classifier does not know, or shapes differ.
        """
        y_true = truth_of(frame["label"], labels, task)
        truth, table = check(y_true, probabilities, labels, task)
        return cls(frame.reset_index(drop=True), tuple(labels), truth, table, task)

    @classmethod
    def from_frame(
        cls, predictions: pd.DataFrame, source: pd.DataFrame | None = None
    ) -> LabelledPredictions:
        """Read back what `to_frame` made.

        Args:
            predictions: Columns as `to_frame` makes them.
            source: The rows that were predicted, with the further columns of the data; they are
                taken over when they are the same rows in the same order.

        Raises:
            DataError: A column is missing.
        """
        kind = _kind_of(predictions)
        missing = [name for name in ("row", "text", "label") if name not in predictions]
        if missing or kind is None:
            wanted = ", ".join(missing) or "p_<label> of two labels or more"
            raise DataError(f"predictions: no column {wanted}; wanted a file that training wrote")
        frame = predictions[["text", "label", "row"]]
        if source is not None and source["row"].tolist() == frame["row"].tolist():
            frame = source
        return cls.join(frame, *_FRAMES[kind].read(predictions))

    def to_frame(self) -> pd.DataFrame:
        """Columns `row`, `text`, `label`, `predicted` and one `p_<label>` a class.

        Of several labels `label` and `predicted` are joined by |, and a column `threshold_<label>`
        a label says from which probability on a row has it. Of stars also `expected_star`. Of
        scores `row`, `text`, `label` and `score`, and where the interval is known `score_low` and
        `score_high`.
        """
        return _FRAMES[self.task.kind].write(self)

    @property
    def settled(self) -> Floats:
        """The probabilities as they are compared: thresholds of several labels at a half."""
        return self.task.centred(self.probabilities)

    def metrics(self) -> Metrics:
        """The figures of these rows."""
        return compute_metrics(self.y_true, self.probabilities, self.labels, self.task)

    def losses(self, limit: int | None = None, costs: MistakeCosts | None = None) -> pd.DataFrame:
        """These rows by falling loss; see `top_losses`."""
        return top_losses(
            self.texts, self.y_true, self.probabilities, self.labels, self.task,
            rows=self.rows, limit=limit, costs=costs,
        )  # fmt: skip

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


def class_indices(
    values: Sequence[str] | pd.Series[str], labels: Sequence[str]
) -> NDArray[np.int64]:
    """Labels as class indices.

    Raises:
        DataError: A label is unknown.
    """
    given = values if isinstance(values, pd.Series) else pd.Series(values, dtype=object)
    numbers, kinds = pd.factorize(given)
    index = {label: k for k, label in enumerate(labels)}
    # The last is where missing labels point: factorize numbers them -1.
    of_kind = np.array([*(index.get(str(kind), -1) for kind in kinds), -1], np.int64)
    if (of_kind[numbers] < 0).any():
        unknown = sorted({str(kind) for kind in kinds} - set(index)) or ["none"]
        raise DataError(
            f"labels {', '.join(unknown[:5])}: the classifier knows {listed(labels)}; rename "
            f'them with --map "{_renaming(unknown, labels)}", or leave them out with --drop-labels'
        )
    return of_kind[numbers]


def _renaming(unknown: Sequence[str], labels: Sequence[str]) -> str:
    """Stars by stars where both are, in order; slips of known labels; else how to write it."""
    stars = [star_of(one) for one in (*unknown, *labels)]
    if len(unknown) == len(labels) and None not in stars:
        pairs = zip(sorted(unknown, key=star_of), sorted(labels, key=star_of), strict=True)  # type: ignore[arg-type]
        return " ".join(f"{old}={new}" for old, new in pairs)
    meant = [next((one for one in labels if is_slip(name, one)), "") for name in unknown]
    if all(meant):
        return " ".join(f"{name}={one}" for name, one in zip(unknown, meant, strict=True))
    return f"{unknown[0]}=<one of them>"


def truth_of(
    values: Sequence[str] | pd.Series[str], labels: Sequence[str], task: Task = CLASSES
) -> NDArray[Any]:
    """Labels as class indices, int64 of shape (n,); of scores as numbers, float64.

    Raises:
        DataError: A label is unknown, or no number.
    """
    return _FRAMES[task.kind].truth(values, labels)


def _numbers(values: Sequence[str] | pd.Series[str], _labels: Sequence[str]) -> NDArray[Any]:
    numbers = [number_of(str(value)) for value in values]
    if None in numbers:
        odd = list(values)[numbers.index(None)]
        raise DataError(f"the label {odd!r} is no number, and the model answers with a score")
    return np.asarray(numbers, dtype=np.float64)


def _labels_in(predictions: pd.DataFrame) -> list[str]:
    names = [str(name) for name in predictions.columns]
    return [name.removeprefix(PREFIX) for name in names if name.startswith(PREFIX)]


def _kind_of(predictions: pd.DataFrame) -> Kind | None:
    """Which task the columns of a file of predictions are of; None where they are of none."""
    labels = _labels_in(predictions)
    if not labels and SCORE in predictions:
        return "score"
    if len(labels) < 2:
        return None
    if THRESHOLD + labels[0] in predictions:
        return "multi"
    return "stars" if EXPECTED in predictions else "classes"


def _read_classes(predictions: pd.DataFrame) -> _Read:
    labels = _labels_in(predictions)
    table = predictions[[PREFIX + label for label in labels]].to_numpy(dtype=np.float64)
    task = Task.of("stars" if EXPECTED in predictions else "classes", labels)
    # 32-bit rounding on disk; sums are made exact again.
    return table / table.sum(axis=1, keepdims=True), labels, task


def _read_scores(predictions: pd.DataFrame) -> _Read:
    scores, task = predictions[[SCORE]].to_numpy(dtype=np.float64), SCORES
    if SCORE_HIGH in predictions:
        widths = predictions[SCORE_HIGH].to_numpy(dtype=np.float64) - scores[:, 0]
        task = SCORES.within(float(np.median(widths)))
    return scores, (SCORE,), task


def _write_classes(rows: LabelledPredictions) -> pd.DataFrame:
    winner = rows.probabilities.argmax(axis=1)
    frame = pd.DataFrame(
        {
            "row": rows.rows,
            "text": rows.texts,
            "label": [str(label) for label in rows.frame["label"]],
            "predicted": [rows.labels[k] for k in winner],
        }
    )
    if rows.task:
        frame[EXPECTED] = rows.task.expected(rows.probabilities).astype(np.float32)
    return pd.concat([frame, _probabilities(rows)], axis=1)


def _probabilities(rows: LabelledPredictions) -> pd.DataFrame:
    """A column a label, made together: one by one pandas warns of each from a hundred on."""
    columns = [PREFIX + label for label in rows.labels]
    return pd.DataFrame(rows.probabilities.astype(np.float32), columns=columns)


def _write_scores(rows: LabelledPredictions) -> pd.DataFrame:
    said = rows.probabilities[:, 0]
    frame = pd.DataFrame({"row": rows.rows, "text": rows.texts, "label": rows.y_true, SCORE: said})
    if rows.task.half_width is not None:
        frame[SCORE_LOW], frame[SCORE_HIGH] = score_ends(said, rows.task.half_width)
    return frame


def _sets(values: Sequence[str] | pd.Series[str], labels: Sequence[str]) -> NDArray[Any]:
    names = occurring((str(value) for value in values), "multi")
    class_indices(sorted(names), labels)
    return indicators((str(value) for value in values), labels)


def _read_sets(predictions: pd.DataFrame) -> _Read:
    labels = _labels_in(predictions)
    table = predictions[[PREFIX + label for label in labels]].to_numpy(dtype=np.float64)
    cuts = predictions[[THRESHOLD + label for label in labels]].iloc[0].tolist()
    return table, labels, SEVERAL.cut_at(cuts)


def _write_sets(rows: LabelledPredictions) -> pd.DataFrame:
    decided = rows.task.decided(rows.probabilities)
    frame = pd.DataFrame({"row": rows.rows, "text": rows.texts})
    frame["label"] = [str(label) for label in rows.frame["label"]]
    frame["predicted"] = [
        join_labels(rows.labels[k] for k in np.flatnonzero(has)) for has in decided
    ]
    cuts = zip(rows.labels, rows.task.cuts(len(rows.labels)), strict=True)
    cut_at = pd.DataFrame({THRESHOLD + label: cut for label, cut in cuts}, index=frame.index)
    return pd.concat([frame, _probabilities(rows), cut_at], axis=1)


_Read = tuple[Floats, Sequence[str], Task]


@dataclass(frozen=True)
class _Frames:
    """What differs between tasks in frames of rows.

    Attributes:
        truth: Labels, as frames have them, to what answers are judged by.
        read: Probabilities, labels and task of a file of predictions.
        write: Rows with what was said of them, as such a file has them.
    """

    truth: Callable[[Sequence[str] | pd.Series[str], Sequence[str]], NDArray[Any]]
    read: Callable[[pd.DataFrame], _Read]
    write: Callable[[LabelledPredictions], pd.DataFrame]


_OF_CLASSES = _Frames(class_indices, _read_classes, _write_classes)
_FRAMES: Mapping[Kind, _Frames] = {
    "classes": _OF_CLASSES,
    "stars": _OF_CLASSES,
    "score": _Frames(_numbers, _read_scores, _write_scores),
    "multi": _Frames(_sets, _read_sets, _write_sets),
}


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

    pooled: Metrics
    folds: tuple[Metrics, ...]
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


def evaluate_folds(
    fold_of_row: ArrayLike,
    y_true: ArrayLike,
    out_of_fold: ArrayLike,
    labels: Sequence[str],
    task: Task = CLASSES,
) -> CrossValidation:
    """Figures of all rows together, of each fold, and their spread.

    Args:
        fold_of_row: The fold that held each row out, shape (n,).
        y_true: Class indices, shape (n,).
        out_of_fold: Probabilities as `gather` gives them, shape (n, classes).
        labels: Class names.
        task: What the labels are.

    Raises:
        DataError: Shapes, indices or probabilities make no sense.
    """
    truth, table = check(y_true, out_of_fold, labels, task)
    fold: NDArray[np.int64] = np.asarray(fold_of_row, dtype=np.int64)
    each = tuple(
        compute_metrics(truth[fold == k], table[fold == k], labels, task)
        for k in np.unique(fold).tolist()
    )
    names = each[0].headline
    spread = {name: _spread([one.headline[name].value for one in each]) for name in names}
    return CrossValidation(compute_metrics(truth, table, labels, task), each, spread)


def _spread(values: Sequence[float]) -> Spread:
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return Spread(float(np.mean(values)), deviation, min(values), max(values), len(values))
