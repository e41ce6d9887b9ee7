"""All figures of one model on one set of rows, each headline with its interval."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ktrain_sentiment.errors import DataError
from ktrain_sentiment.evaluation import calibration, confusion
from ktrain_sentiment.evaluation.confusion import Counts, Floats
from ktrain_sentiment.evaluation.intervals import (
    RESAMPLES,
    Estimate,
    bootstrap_confusion,
    bootstrap_f1,
    bootstrap_mean,
)
from ktrain_sentiment.evaluation.multi_figures import MultiFigures, multi_figures
from ktrain_sentiment.evaluation.score_figures import (
    UNORDERED_FIGURES,
    ScoreFigures,
    StarFigures,
    score_figures,
    star_figures,
)
from ktrain_sentiment.tasks import CLASSES, SCORE, SCORES, SEVERAL, Kind, Task

CONFUSION_FIGURES: dict[str, Callable[[ArrayLike], Floats]] = {
    "accuracy": confusion.accuracy,
    "balanced_accuracy": confusion.balanced_accuracy,
    "macro_f1": confusion.macro_f1,
    "weighted_f1": confusion.weighted_f1,
    "mcc": confusion.matthews,
}
FEW = 200
"""Rows below which intervals come out too wide (benchmarks/interval_coverage.py)."""

SCORE_INTERVALS = "95 % intervals: BCa bootstrap over rows"
FEW_ROWS = ". On so few rows they are rough"
NOT_ASKED = Estimate(float("nan"), float("nan"), float("nan"), 0)
"""A figure that means nothing to a task."""
_FIGURES_OF_CLASSES = frozenset({
    *CONFUSION_FIGURES, "log_loss", "brier", "ece", "ece_floor", "per_class", "confusion",
    "reliability", "stars",
})  # fmt: skip


def _no_counts() -> Counts:
    return np.zeros((0, 0), np.int64)


@dataclass(frozen=True)
class ClassFigures:
    """One class against the rest.

    Attributes:
        label: Name of the class.
        precision: Of the rows predicted as this class, the share that are.
        recall: Of the rows of this class, the share predicted as such.
        f1: Harmonic mean of the two, with its interval.
        support: Rows of this class.
        roc_auc: Area under the ROC curve; None when the class has all rows or none.
        average_precision: Area under the precision-recall curve; None likewise.
    """

    label: str
    precision: float
    recall: float
    f1: Estimate
    support: int
    roc_auc: float | None
    average_precision: float | None


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """The figures of one model on one set of rows.

    Of scores, and of several labels a row, all that is about classes is `NOT_ASKED`, and on disk it
    is not there.

    Attributes:
        labels: Class names, in the order of the confusion matrix.
        n: Number of rows.
        accuracy: Share of rows predicted rightly.
        balanced_accuracy: Mean recall of the classes.
        macro_f1: Mean F1 of the classes.
        weighted_f1: Mean F1, weighted by support.
        mcc: Matthews correlation, -1 to 1.
        log_loss: Mean of -log p(true class), in nats.
        brier: Mean of half the squared distance to the truth, 0 to 1.
        ece: Expected calibration error, 15 equal-width bins.
        ece_floor: Calibration error that chance alone stays below 19 times in 20.
        per_class: Figures of each class, in the order of `labels`.
        confusion: Counts, rows true and columns predicted, shape (classes, classes).
        reliability: Stated against observed probability, in bins; none in records of version 0.
        intervals: Which intervals these are, in words; empty in records from before they were said.
        stars: Figures of stars; None where labels have no order.
        score: Figures of scores; None for others.
        multi: Figures of several labels a row; None for others.
    """

    labels: tuple[str, ...]
    n: int
    accuracy: Estimate = NOT_ASKED
    balanced_accuracy: Estimate = NOT_ASKED
    macro_f1: Estimate = NOT_ASKED
    weighted_f1: Estimate = NOT_ASKED
    mcc: Estimate = NOT_ASKED
    log_loss: Estimate = NOT_ASKED
    brier: Estimate = NOT_ASKED
    ece: Estimate = NOT_ASKED
    ece_floor: float = float("nan")
    per_class: tuple[ClassFigures, ...] = ()
    confusion: Counts = field(default_factory=_no_counts)
    reliability: calibration.Reliability = calibration.NO_BINS
    intervals: str = ""
    stars: StarFigures | None = None
    score: ScoreFigures | None = None
    multi: MultiFigures | None = None

    @property
    def kind(self) -> Kind:
        """What was asked: all but classes have figures of their own, under this name."""
        own: tuple[Kind, ...] = ("stars", "score", "multi")
        return next((kind for kind in own if getattr(self, kind) is not None), "classes")

    @property
    def absent(self) -> frozenset[str]:
        """Figures that mean nothing here."""
        unlike = frozenset({"score", "multi"}) - {self.kind}
        return unlike | _FIGURES_OF_CLASSES if len(unlike) == 1 else unlike

    @property
    def task(self) -> Task:
        """What was asked, with what is known of it."""
        if self.score is not None:
            return SCORES.within(self.score.half_width)
        if self.multi is not None:
            return SEVERAL.cut_at(self.multi.thresholds)
        return CLASSES if self.stars is None else Task("stars", self.stars.values)

    @property
    def headline(self) -> dict[str, Estimate]:
        """The figures that have an interval, by name; stars' own first, of others these alone."""
        names: Sequence[str] = (*CONFUSION_FIGURES, "log_loss", "brier", "ece")
        alone = self.score or self.multi
        if alone is not None:
            return alone.headline
        if self.stars is not None:
            names = [name for name in names if name not in UNORDERED_FIGURES]
        of_stars = {} if self.stars is None else self.stars.headline
        return of_stars | {name: getattr(self, name) for name in names}

    def in_order(self) -> tuple[tuple[str, ...], Counts]:
        """Labels and confusion matrix from the lowest star to the highest."""
        order = self.task.order(self.labels)
        counts = self.confusion[np.ix_(order, order)] if self.confusion.size else self.confusion
        return tuple(self.labels[k] for k in order), counts


def compute_metrics(
    y_true: ArrayLike,
    probabilities: ArrayLike,
    labels: Sequence[str],
    task: Task = CLASSES,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Metrics:
    """Judge probabilities against the truth.

    Args:
        y_true: Class indices, int64 of shape (n,); of scores the true ones.
        probabilities: Shape (n, classes), rows summing to one; of scores the answers, (n, 1).
        labels: Class names, in the order of the columns.
        task: What the labels are: stars and scores have figures of their own.
        seed: Seed of the bootstrap.
        resamples: Bootstrap resamples behind each interval.

    Raises:
        DataError: There are no rows, or shapes, indices or probabilities make no sense.
    """
    truth, table = check(y_true, probabilities, labels, task)
    options = {"seed": seed, "resamples": resamples}
    return _KINDS[task.kind].judge(truth, table, labels, task, options)


def _judge_scores(
    truth: NDArray[Any], table: Floats, _labels: Sequence[str], task: Task, options: dict[str, int]
) -> Metrics:
    return Metrics(
        labels=(SCORE,),
        n=len(truth),
        intervals=SCORE_INTERVALS + (FEW_ROWS if len(truth) < FEW else "") + ".",
        score=score_figures(truth, table[:, 0], task.half_width, **options),
    )


def _judge_sets(
    truth: NDArray[Any], table: Floats, labels: Sequence[str], task: Task, options: dict[str, int]
) -> Metrics:
    return Metrics(
        labels=tuple(labels),
        n=len(truth),
        intervals=SCORE_INTERVALS + (FEW_ROWS if len(truth) < FEW else "") + ".",
        multi=multi_figures(truth, table, labels, task, **options),
    )


def _judge_classes(
    truth: NDArray[Any], table: Floats, labels: Sequence[str], task: Task, options: dict[str, int]
) -> Metrics:
    matrix = confusion.confusion_matrix(truth, table.argmax(axis=1), len(labels))
    seed, bins = options["seed"], calibration.reliability(truth, table)
    all_right = len(labels) > 1 and np.trace(matrix) == len(truth)

    def loss(of_row: Callable[[ArrayLike, ArrayLike], Floats]) -> Estimate:
        unseen = calibration.if_wrong(table, of_row) if all_right else None
        return bootstrap_mean(of_row(truth, table), unseen=unseen, **options)

    of_counts: dict[str, Any] = {
        name: bootstrap_confusion(matrix, figure, seed=seed, resamples=options["resamples"])
        for name, figure in CONFUSION_FIGURES.items()
    }
    return Metrics(
        labels=tuple(labels),
        n=len(truth),
        **of_counts,
        log_loss=loss(calibration.row_log_loss),
        brier=loss(calibration.row_brier),
        ece=calibration.calibration_interval(bins, seed=seed),
        ece_floor=calibration.noise_floor(bins, seed=seed),
        per_class=_per_class(truth, table, labels, matrix, options),
        confusion=matrix,
        reliability=bins,
        intervals=_described(matrix, labels),
        stars=star_figures(truth, table, matrix, task, **options) if task else None,
    )


def check(
    y_true: ArrayLike, probabilities: ArrayLike, labels: Sequence[str], task: Task = CLASSES
) -> tuple[NDArray[Any], Floats]:
    """The truth as int64 (n,) and the probabilities as float64 (n, classes), both made sure of.

    Of scores the truth is float64, and the table has one column; of several labels a row the truth
    is 0 or 1 for each, of the table's shape.

    Raises:
        DataError: There are no rows, or shapes, indices or probabilities make no sense.
    """
    kind = _KINDS[task.kind]
    truth: NDArray[Any] = np.asarray(y_true, dtype=kind.truth)
    table = np.asarray(probabilities, dtype=np.float64)
    if table.ndim != 2 or table.shape != (len(truth), len(labels)):
        raise DataError(
            f"probabilities have shape {table.shape}: wanted {(len(truth), len(labels))}, "
            "one row a text and one column a label"
        )
    if not len(truth):
        raise DataError("there are no rows to evaluate: give at least one text with its label")
    kind.check(truth, table)
    return truth, table


def _check_scores(truth: NDArray[Any], table: Floats) -> None:
    if not np.isfinite(table).all() or not np.isfinite(truth).all():
        raise DataError("scores must be finite numbers: give no NaN or infinity")


def _check_classes(truth: NDArray[Any], table: Floats) -> None:
    count = table.shape[1]
    if truth.min() < 0 or truth.max() >= count:
        raise DataError(f"class indices must be 0 to {count - 1}, got up to {truth.max()}")
    if not np.isfinite(table).all() or table.min() < 0 or abs(table.sum(1) - 1).max() > 1e-2:
        raise DataError("probabilities must be finite, not negative and sum to one in each row")


def _check_sets(truth: NDArray[Any], table: Floats) -> None:
    if truth.shape != table.shape or not np.isin(truth, (0, 1)).all():
        raise DataError(
            f"true labels have shape {truth.shape}: wanted 0 or 1 for each label of each row, "
            f"{table.shape}"
        )
    if not np.isfinite(table).all() or table.min() < 0 or table.max() > 1:
        raise DataError("probabilities of labels must be finite and from 0 to 1")


@dataclass(frozen=True)
class _Judging:
    """What differs between tasks where answers are judged.

    Attributes:
        truth: The type of the truth.
        check: Refuses values of truth and answers that make no sense.
        judge: Gives the figures of what was checked.
    """

    truth: type
    check: Callable[[NDArray[Any], Floats], None]
    judge: Callable[[NDArray[Any], Floats, Sequence[str], Task, dict[str, int]], Metrics]


_OF_CLASSES = _Judging(np.int64, _check_classes, _judge_classes)
_KINDS: Mapping[Kind, _Judging] = {
    "classes": _OF_CLASSES,
    "stars": _OF_CLASSES,
    "score": _Judging(np.float64, _check_scores, _judge_scores),
    "multi": _Judging(np.int64, _check_sets, _judge_sets),
}


def _described(matrix: Counts, labels: Sequence[str]) -> str:
    """Which intervals are printed of this confusion matrix, in words."""
    rows, right = matrix.sum(axis=1), np.trace(matrix)
    hits = np.diagonal(matrix)
    sided = [
        name for name, one, of in zip(labels, hits, rows, strict=True) if of and one in (0, of)
    ]
    named = ", ".join(sided) if len(sided) <= 3 else f"{len(sided)} of {len(labels)} labels"
    said = "95 % intervals: BCa bootstrap, of the calibration error by simulation"
    if right == rows.sum():
        said += "; joined with Clopper and Pearson's exact bound, for no row is wrong"
    elif sided:
        said += (
            "; joined with Clopper and Pearson's exact bound where all rows of a label are right, "
            f"or none ({named})"
        )
    if rows.sum() < FEW:
        said += ". On so few rows they are too wide rather than too narrow"
    return f"{said}."


def _per_class(
    truth: NDArray[np.int64],
    table: Floats,
    labels: Sequence[str],
    matrix: Counts,
    options: dict[str, int],
) -> tuple[ClassFigures, ...]:
    precision, recall = confusion.class_precision(matrix), confusion.class_recall(matrix)
    support = matrix.sum(axis=1)
    return tuple(
        ClassFigures(
            label=label,
            precision=float(precision[k]),
            recall=float(recall[k]),
            f1=bootstrap_f1(matrix, k, **options),
            support=int(support[k]),
            roc_auc=calibration.roc_auc(truth == k, table[:, k]),
            average_precision=calibration.average_precision(truth == k, table[:, k]),
        )
        for k, label in enumerate(labels)
    )


@dataclass(frozen=True)
class Calibration:
    """What a temperature did on rows that it was not fitted on; one of 1 was found no gain.

    Attributes:
        temperature: The temperature.
        before: Figures at temperature 1.
        after: Figures at this temperature.
    """

    temperature: float
    before: Metrics
    after: Metrics

    @property
    def helped(self) -> bool:
        """Whether the calibration error fell."""
        return self.after.ece.value < self.before.ece.value

    @property
    def harmed(self) -> bool:
        """Whether a temperature is in the answers that they would be better without."""
        return self.temperature != 1 and not self.helped

    @property
    def sentence(self) -> str:
        """What happened, in plain words, whether or not it went well."""
        if self.temperature == 1:
            return (
                "The probabilities are as the model states them: on the validation rows no "
                "temperature lowered the log loss by more than chance."
            )
        verb = "lowered" if self.helped else "did not lower"
        sentence = (
            f"A temperature of {self.temperature:.2f} {verb} the calibration error on "
            f"{self.after.n:,} rows it was not fitted on: {100 * self.before.ece.value:.1f} % "
            f"before, {100 * self.after.ece.value:.1f} % after"
        )
        floor = self.after.ece_floor
        if max(self.before.ece.value, self.after.ece.value) <= floor:
            return (
                f"{sentence}. Neither can be told from perfect calibration, whose error stays "
                f"below {100 * floor:.1f} % by chance alone on so many rows."
            )
        return f"{sentence}."
