"""Which of several classifiers is better on the same rows, and what each costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ktrain_sentiment.evaluation import confusion
from ktrain_sentiment.evaluation.baselines import LINEAR, Baseline
from ktrain_sentiment.evaluation.calibration import if_wrong, row_log_loss
from ktrain_sentiment.evaluation.confusion import Floats
from ktrain_sentiment.evaluation.intervals import (
    RESAMPLES,
    Estimate,
    bootstrap_cells,
    bootstrap_mean,
    bootstrap_weights,
    freedom_of,
    mcnemar,
    paired_difference,
    unseen_share,
)
from ktrain_sentiment.evaluation.metrics import (
    NOT_ASKED,
    check,
)
from ktrain_sentiment.evaluation.multi_figures import macro_f1_of, unseen_changes
from ktrain_sentiment.evaluation.predictions import LabelledPredictions
from ktrain_sentiment.evaluation.score_figures import rank_correlation
from ktrain_sentiment.messages import count
from ktrain_sentiment.tasks import CLASSES, HALF, Kind, Task

SIGNIFICANT = 0.05
_EQUAL = 1e-12
_FLIPS = 2**18


def chance(p_value: float) -> str:
    """A p-value in words: 'p = 0.012', or 'p < 0.001'."""
    return "p < 0.001" if p_value < 0.0005 else f"p = {p_value:.3f}"


@dataclass(frozen=True)
class Comparison:
    """Two classifiers, A and B, on the same rows; differences are B minus A.

    Attributes:
        names: What A and B are called.
        n: Number of rows.
        only_a_right: Rows that only A has right.
        only_b_right: Rows that only B has right.
        p_value: Exact two-sided McNemar test; of stars and scores a randomization test of the
            distances.
        better: The name of the better one, or None when no difference can be shown.
        accuracy_difference: Its interval holds 0 exactly when the test shows no difference.
        macro_f1_difference: Paired bootstrap.
        log_loss_difference: Paired bootstrap; negative when B is better.
        sentence: The verdict in plain words.
        mae_difference: Of stars and scores, paired bootstrap; negative when B is nearer. None for
            classes.
        spearman_difference: Of scores, paired bootstrap; positive when the order of B is better.
            With these two scores have p-value and sentence, and nothing else; several labels a
            row have these and the difference of macro F1.
    """

    names: tuple[str, str]
    n: int
    p_value: float
    better: str | None
    sentence: str
    only_a_right: int = 0
    only_b_right: int = 0
    accuracy_difference: Estimate = NOT_ASKED
    macro_f1_difference: Estimate = NOT_ASKED
    log_loss_difference: Estimate = NOT_ASKED
    mae_difference: Estimate | None = None
    spearman_difference: Estimate | None = None

    @property
    def absent(self) -> frozenset[str]:
        """Figures that mean nothing to what was compared."""
        if self.accuracy_difference is not NOT_ASKED:
            return frozenset({"spearman_difference"})
        unasked = {"only_a_right", "only_b_right", "accuracy_difference", "log_loss_difference"}
        if self.macro_f1_difference is NOT_ASKED:
            return frozenset({*unasked, "macro_f1_difference"})
        return frozenset({*unasked, "mae_difference", "spearman_difference"})


def compare(
    y_true: ArrayLike,
    probabilities_a: ArrayLike,
    probabilities_b: ArrayLike,
    labels: Sequence[str],
    names: tuple[str, str] = ("A", "B"),
    task: Task = CLASSES,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Comparison:
    """Compare two classifiers on the same rows.

    Args:
        y_true: Class indices, shape (n,).
        probabilities_a: Shape (n, classes), of the first classifier.
        probabilities_b: The same of the second.
        labels: Class names, in the order of both tables' columns.
        names: What the two are called in the verdict.
        task: What the labels are; of stars the nearer ones are better.
        seed: Seed of the bootstrap.
        resamples: Bootstrap resamples behind each interval.

    Raises:
        DataError: Shapes, indices or probabilities make no sense.
    """
    truth, table_a = check(y_true, probabilities_a, labels, task)
    _, table_b = check(y_true, probabilities_b, labels, task)
    options = {"seed": seed, "resamples": resamples}
    return _COMPARED[task.kind](truth, (table_a, table_b), labels, names, task, options)


def against_tfidf(
    rows: LabelledPredictions, baselines: Mapping[str, Baseline]
) -> Comparison | None:
    """The model against the TF-IDF baseline, of stars and scores with ridge; None without it."""
    other = baselines.get(LINEAR[rows.task.kind])
    if other is None:
        return None
    tables, task = (other.probabilities, rows.settled), rows.task.cut_at(())
    return compare(rows.y_true, *tables, rows.labels, (other.name, "the model"), task)


def _compare_scores(
    truth: NDArray[Any],
    tables: tuple[Floats, Floats],
    _labels: Sequence[str],
    names: tuple[str, str],
    _task: Task,
    options: dict[str, int],
) -> Comparison:
    gaps = [np.abs(table[:, 0] - truth) for table in tables]
    farther, p_value, better, sentence = _by_distance(names, gaps, "", options)
    order = _rank_difference(truth, tables[0][:, 0], tables[1][:, 0], options)
    said = f"{order.value:+.3f} ({order.low:+.3f} to {order.high:+.3f})"
    return Comparison(
        names=names,
        n=len(truth),
        p_value=p_value,
        better=better,
        sentence=f"{sentence} The rank correlation of {names[1]} differs by {said}.",
        mae_difference=farther,
        spearman_difference=order,
    )


def _compare_sets(
    truth: NDArray[Any],
    tables: tuple[Floats, Floats],
    _labels: Sequence[str],
    names: tuple[str, str],
    task: Task,
    options: dict[str, int],
) -> Comparison:
    """By macro F1, with a randomization test: rows are swapped between the two."""
    has = truth.astype(bool)
    first, second = (task.decided(table) for table in tables)

    def gained(weights: Floats) -> Floats:
        return macro_f1_of(weights, has, second) - macro_f1_of(weights, has, first)

    (apart,) = bootstrap_weights(gained, rows=len(has), **options)
    if (first != second).any():
        for sign, decided in ((-1, first), (1, second)):
            for change in unseen_changes(has, decided):
                apart = apart.stretched(sign * change)
    differ = (first != second).any(axis=1)
    swaps = (
        np.random.default_rng(options["seed"]).random((RESAMPLES // 4, int(differ.sum()))) < HALF
    )
    as_large = sum(
        abs(_macro_gap(has, first, second, differ, swap)) >= abs(apart.value) - _EQUAL
        for swap in swaps
    )
    p_value = (as_large + 1) / (len(swaps) + 1)
    better = None if p_value >= SIGNIFICANT else names[int(apart.value > 0)]
    points = f"{100 * apart.value:+.1f} points of macro F1"
    said = f"{points} ({100 * apart.low:+.1f} to {100 * apart.high:+.1f})"
    verdict = (
        f"No difference can be shown with {count(len(has), 'row')}: {names[1]} has {said}"
        if better is None
        else f"{better} is better: {names[1]} has {said}"
    )
    return Comparison(
        names=names,
        n=len(has),
        p_value=p_value,
        better=better,
        sentence=f"{verdict}, {chance(p_value)}.",
        macro_f1_difference=apart,
    )


def _macro_gap(
    has: NDArray[np.bool_],
    first: NDArray[np.bool_],
    second: NDArray[np.bool_],
    differ: NDArray[np.bool_],
    swap: NDArray[np.bool_],
) -> float:
    """How much more macro F1 the second has once these of the differing rows are swapped."""
    swapped = np.zeros((len(has), 1), bool)
    swapped[differ, 0] = swap
    once = np.ones((1, len(has)))
    later, before = np.where(swapped, first, second), np.where(swapped, second, first)
    return float((macro_f1_of(once, has, later) - macro_f1_of(once, has, before))[0])


def _compare_classes(
    truth: NDArray[Any],
    tables: tuple[Floats, Floats],
    labels: Sequence[str],
    names: tuple[str, str],
    task: Task,
    options: dict[str, int],
) -> Comparison:
    table_a, table_b = tables
    first, second = table_a.argmax(axis=1), table_b.argmax(axis=1)
    only_a = int(((first == truth) & (second != truth)).sum())
    only_b = int(((second == truth) & (first != truth)).sum())
    p_value, difference = mcnemar(only_a, only_b), paired_difference(only_a, only_b, len(truth))
    of_macro_f1 = _difference((truth, first, second), len(labels), confusion.macro_f1, options)
    if np.array_equal(table_a, table_b):
        difference = of_macro_f1 = Estimate(0.0, 0.0, 0.0, len(truth))
    better = None if p_value >= SIGNIFICANT else names[int(only_b > only_a)]
    sentence = _verdict(names, only_a, only_b, difference, p_value)
    apart = None
    if task:
        gaps = [task.distance[truth, winner] for winner in (first, second)]
        apart, p_value, better, sentence = _by_distance(names, gaps, " stars", options)
    return Comparison(
        names=names,
        n=len(truth),
        only_a_right=only_a,
        only_b_right=only_b,
        p_value=p_value,
        better=better,
        accuracy_difference=difference,
        macro_f1_difference=of_macro_f1,
        log_loss_difference=_loss_difference(truth, table_a, table_b, options),
        sentence=sentence,
        mae_difference=apart,
    )


_COMPARED: Mapping[
    Kind,
    Callable[
        [NDArray[Any], tuple[Floats, Floats], Sequence[str], tuple[str, str], Task, dict[str, int]],
        Comparison,
    ],
] = {
    "classes": _compare_classes, "stars": _compare_classes, "score": _compare_scores,
    "multi": _compare_sets,
}  # fmt: skip


def _loss_difference(
    truth: NDArray[np.int64], table_a: Floats, table_b: Floats, options: dict[str, int]
) -> Estimate:
    """Interval of B's log loss minus A's; wide where no row has A alone wrong, or none B.

    Such a row weighs more than all others together, and no resample has what the rows have not: of
    56 rows and two good classifiers the bootstrap's interval held the truth in 90 %.
    """
    more = row_log_loss(truth, table_b) - row_log_loss(truth, table_a)
    found = bootstrap_mean(more, freedom=freedom_of(more), **options)
    if np.array_equal(table_a, table_b) or table_a.shape[1] < 2:
        return found
    wrong_a, wrong_b = (one.argmax(axis=1) != truth for one in (table_a, table_b))
    alone = ((wrong_a & ~wrong_b, table_a, -1), (wrong_b & ~wrong_a, table_b, 1))
    for seen, table, side in alone:
        if not seen.any():
            unseen = unseen_share(found.n) * if_wrong(table, row_log_loss)
            found = found.stretched(side * unseen)
    return found


def _by_distance(
    names: tuple[str, str], gaps: Sequence[Floats], unit: str, options: dict[str, int]
) -> tuple[Estimate, float, str | None, str]:
    """How much farther off the second is, its p-value, the better one's name, and the verdict."""
    first, second = gaps
    more = second - first
    farther = bootstrap_mean(more, freedom=freedom_of(more), **options)
    p_value = sign_flips(first, second)
    better = None if p_value >= SIGNIFICANT else names[int(farther.value < 0)]
    return farther, p_value, better, _verdict_in_distance(names, farther, p_value, unit)


def _rank_difference(
    truth: Floats, first: Floats, second: Floats, options: dict[str, int]
) -> Estimate:
    def gained(weights: Floats) -> Floats:
        later, before = (rank_correlation(truth, one, weights) for one in (second, first))
        return np.asarray(later - before)

    return bootstrap_weights(gained, rows=len(truth), **options)[0]


def _verdict(
    names: tuple[str, str], only_a: int, only_b: int, difference: Estimate, p_value: float
) -> str:
    """The outcome in plain words."""
    n, apart = difference.n, only_a + only_b
    if not apart:
        return f"No difference: both have the same rows right, of {n:,}."
    spread = f"{100 * difference.low:+.1f} to {100 * difference.high:+.1f}"
    points = f"{100 * difference.value:+.1f} points of accuracy"
    if p_value >= SIGNIFICANT:
        return (
            f"No difference can be shown with {count(n, 'row')}: where only one is right, "
            f"{names[0]} is in {only_a:,} and {names[1]} in {only_b:,} ({chance(p_value)}); "
            f"{points} ({spread})."
        )
    return (
        f"{names[int(only_b > only_a)]} is better: right in {max(only_a, only_b):,} of the "
        f"{count(apart, 'row')} where only one is ({chance(p_value)}); {names[1]} has {points} "
        f"({spread}) on {count(n, 'row')}."
    )


def _verdict_in_distance(
    names: tuple[str, str], farther: Estimate, p_value: float, unit: str
) -> str:
    """The outcome in stars, or in the unit of the scores themselves."""
    if p_value >= SIGNIFICANT:
        word, sign = ("nearer", -1) if farther.value < 0 else ("farther off", 1)
        low, high = sorted((sign * farther.low, sign * farther.high))
        return (
            f"No difference can be shown with {count(farther.n, 'row')}: {names[1]} is "
            f"{abs(farther.value):.2f}{unit} {word} than {names[0]} on average ({low:+.2f} to "
            f"{high:+.2f}, {chance(p_value)})."
        )
    ends = sorted(abs(end) for end in (farther.low, farther.high))
    best, other = names[int(farther.value < 0)], names[int(farther.value > 0)]
    return (
        f"{best} is better: {abs(farther.value):.2f}{unit} nearer than {other} on average "
        f"({ends[0]:.2f} to {ends[1]:.2f}, {chance(p_value)}) on {count(farther.n, 'row')}."
    )


def sign_flips(first: ArrayLike, second: ArrayLike) -> float:
    """Whether two classifiers are as far off on the same rows: p-value, 0 to 1.

    As `randomization_test`, of mean distances: rows of the same difference are flipped together.

    Args:
        first: How far off the one is, in stars, shape (n,).
        second: The same of the other.
    """
    kinds, counts = np.unique(np.asarray(second) - np.asarray(first), return_counts=True)
    found = abs(float(kinds @ counts))
    rng, as_large = np.random.default_rng(0), 0
    # Few at a time: thousands of flips of thousands of rows would take hundreds of megabytes.
    at_once = max(1, _FLIPS // len(kinds))
    for start in range(0, RESAMPLES, at_once):
        size = (min(at_once, RESAMPLES - start), len(kinds))
        tossed = (
            rng.integers(2, size=size) if counts.max() == 1 else rng.binomial(counts, 0.5, size)
        )
        as_large += int((np.abs((counts - 2.0 * tossed) @ kinds) >= found - 1e-9).sum())
    return (as_large + 1) / (RESAMPLES + 1)


def _difference(
    outcomes: Sequence[NDArray[np.int64]],
    classes: int,
    figure: Callable[[ArrayLike], Floats],
    options: dict[str, int],
) -> Estimate:
    """Interval of figure(B) - figure(A), resampling the distinct (true, by A, by B) outcomes.

    Where no row has A alone right, or none B, no resample has one either: that side is widened by
    what as many of them would change as may have stayed unseen, as in `bootstrap_confusion`.
    """
    # Rows of one truth and the same two answers are alike: their numbers are all that is resampled.
    kinds, counts = np.unique(np.stack(outcomes), axis=1, return_counts=True)
    true, first, second = kinds
    cells = np.eye(classes * classes)
    in_a, in_b = cells[true * classes + first], cells[true * classes + second]

    def difference(stack: Floats) -> Floats:
        shape = (len(stack), classes, classes)
        gained: Floats = figure((stack @ in_b).reshape(shape)) - figure(
            (stack @ in_a).reshape(shape)
        )
        return gained

    found = bootstrap_cells(counts, difference, groups=true, **options)
    for side, winner, loser in ((-1, first, second), (1, second, first)):
        if ((winner == true) & (loser != true)).any():
            continue
        seen = np.zeros((classes, classes))
        np.add.at(seen, (true, loser), counts)
        lost = np.diag(np.diagonal(seen) * unseen_share(found.n))
        moved = seen - lost + (lost @ np.ones_like(lost) - lost) / max(classes - 1, 1)
        found = found.stretched(side * abs(float(figure(seen) - figure(moved))))
    return found
