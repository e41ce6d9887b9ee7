"""Whether a probability means what it says, what makes it so, and what a threshold on it gains.

A network that was trained long states probabilities that are too high. Dividing its logits by one
temperature, fitted on rows it was not trained on, mends most of that and changes no decision (Guo
et al. 2017, "On Calibration of Modern Neural Networks").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ktrain_sentiment.evaluation.confusion import Floats
from ktrain_sentiment.evaluation.intervals import CONFIDENCE, Estimate, bootstrap_share
from ktrain_sentiment.prediction import softmax

BINS = 15
# In 32 bits a sure network states 0 for the other classes; one such row would make a mean infinite.
SMALLEST = 1e-7


def row_log_loss(y_true: ArrayLike, probabilities: ArrayLike) -> Floats:
    """Minus the logarithm of the probability of the true class, in nats, shape (n,)."""
    table = np.asarray(probabilities, dtype=np.float64)
    rows = np.arange(len(table))
    return -np.log(np.maximum(table[rows, np.asarray(y_true, dtype=np.int64)], SMALLEST))


def row_brier(y_true: ArrayLike, probabilities: ArrayLike) -> Floats:
    """Half the squared distance to the one-hot truth, 0 to 1 for any number of classes, shape (n,).

    For two classes this is the usual (p - y)² (Brier 1950 sums over classes, which doubles it).
    """
    table = np.asarray(probabilities, dtype=np.float64)
    truth = np.eye(table.shape[1])[np.asarray(y_true, dtype=np.int64)]
    squared: Floats = ((table - truth) ** 2).sum(axis=1)
    return squared / 2


def if_wrong(probabilities: ArrayLike, row_loss: Callable[[ArrayLike, ArrayLike], Floats]) -> float:
    """Mean loss of a mistake, were each as likely as the model itself says.

    Args:
        probabilities: Shape (n, classes), of two classes or more.
        row_loss: `row_log_loss` or `row_brier`.
    """
    table = np.asarray(probabilities, dtype=np.float64)
    rows, classes = table.shape
    doubt = np.maximum(table, SMALLEST)
    doubt[np.arange(rows), table.argmax(axis=1)] = 0
    total = sum((doubt[:, k] * row_loss(np.full(rows, k), table)).sum() for k in range(classes))
    return float(total / doubt.sum())


@dataclass(frozen=True)
class Reliability:
    """Stated against observed, in equal-width bins of the winning probability.

    Attributes:
        edges: Bin edges, shape (bins + 1,).
        count: Rows a bin, shape (bins,).
        right: Rows a bin that were predicted rightly, shape (bins,).
        confidence: Mean winning probability a bin, 0 for an empty bin, shape (bins,).
    """

    edges: Floats
    count: NDArray[np.int64]
    right: NDArray[np.int64]
    confidence: Floats

    @property
    def accuracy(self) -> Floats:
        """Share predicted rightly a bin, 0 for an empty bin, shape (bins,)."""
        return self.right / np.maximum(self.count, 1)

    @property
    def error(self) -> float:
        """Expected calibration error (Guo et al. 2017), 0 to 1."""
        gaps = np.abs(self.right - self.confidence * self.count)
        return float(gaps.sum() / max(self.count.sum(), 1))


NO_BINS = Reliability(
    np.zeros(1), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0)
)


def reliability(y_true: ArrayLike, probabilities: ArrayLike) -> Reliability:
    """Sort rows into bins of equal width by their winning probability.

    Args:
        y_true: Class indices, shape (n,).
        probabilities: Shape (n, classes).
    """
    table = np.asarray(probabilities, dtype=np.float64)
    confidence = table.max(axis=1)
    right = table.argmax(axis=1) == np.asarray(y_true)
    edges = np.linspace(0, 1, BINS + 1)
    where = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, BINS - 1)
    count = np.bincount(where, minlength=BINS)
    summed = np.bincount(where, weights=confidence, minlength=BINS)
    hits = np.bincount(where, weights=right, minlength=BINS).astype(np.int64)
    return Reliability(edges, count, hits, summed / np.maximum(count, 1))


def cell_calibration_error(cells: ArrayLike, confidence: ArrayLike) -> Floats:
    """Calibration error of stacked counts of (bin, wrong or right), shape (..., bins, 2) → (...).

    The mean probability inside a bin is held fixed, which a bin is narrow enough to allow.
    """
    counts = np.asarray(cells, dtype=np.float64)
    gaps = np.abs(counts[..., 1] - np.asarray(confidence) * counts.sum(-1))
    error: Floats = gaps.sum(-1) / np.maximum(counts.sum((-2, -1)), 1)
    return error


def noise_floor(bins: Reliability, *, seed: int = 0, draws: int = 1000) -> float:
    """Calibration error that a perfectly calibrated model would stay below 19 times in 20.

    Rows are drawn right with exactly the stated probability of their bin (the consistency
    resampling of Bröcker and Smith 2007). A measured error below it is no evidence of anything.
    """
    rng = np.random.default_rng(seed)
    right = rng.binomial(bins.count, np.clip(bins.confidence, 0, 1), size=(draws, len(bins.count)))
    cells = np.stack([bins.count - right, right], axis=-1)
    return float(np.quantile(cell_calibration_error(cells, bins.confidence), 0.95))


def calibration_interval(bins: Reliability, *, seed: int = 0, draws: int = 500) -> Estimate:
    """Interval of the expected calibration error of these bins.

    Chance alone gives an error, so the measured one is too high and resampling it again is higher
    still: a bootstrap held a true error of 1 % in none of 200 samples of 56 rows, and in 5 of 1,000
    rows. So the measurement is simulated at other errors, all gaps between stated and observed
    shrunk or stretched alike, and the interval has those at which the measured one is not unlikely
    (Neyman 1937; Buckland 1984, "Monte Carlo confidence intervals").

    Args:
        bins: Stated against observed.
        seed: Seed of the simulations, the same at each error.
        draws: Simulations at each error.
    """
    used = bins.count > 0
    count, stated, right = bins.count[used], bins.confidence[used], bins.right[used]
    gap, rows, tail = right / count - stated, int(count.sum()), (1 - CONFIDENCE) / 2

    def simulated(times: float) -> tuple[float, Floats]:
        """The error at gaps so many times as large, and what would be measured of it."""
        observed = np.clip(stated + times * gap, 0, 1)
        rng = np.random.default_rng(seed)
        counts = rng.multinomial(rows, count / rows, size=draws)
        drawn = rng.binomial(counts, observed)
        measured = np.abs(drawn - counts * stated).sum(axis=1) / rows
        true = float((count * np.abs(observed - stated)).sum() / rows)
        return true, np.quantile(measured, [tail, 1 - tail])

    def farthest(near: float, far: float, end: int) -> float:
        """The error farthest from the measured one at which that is still not unlikely."""
        for _ in range(_HALVINGS):
            middle = (near + far) / 2
            beyond = (simulated(middle)[1][end] - bins.error) * (1 if end else -1) < 0
            near, far = (near, middle) if beyond else (middle, far)
        return simulated(near)[0]

    # Where nothing is wrong, the model may also be less right than it says.
    ways = (1, -1) if (right == count).all() else (1,)
    high = max(farthest(way if way > 0 else 0, way * _STRETCHED, 0) for way in ways)
    low = 0.0 if simulated(0)[1][1] >= bins.error else farthest(1, 0, 1)
    # A bin that is right by chance stays so when all gaps are stretched alike, and where no row of
    # it is wrong it has no spread: so the upper end is never nearer than that of a measurement
    # without the bias, at a share of mistakes that one more row as stated would leave.
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(rows, count / rows, size=draws)
    drawn = rng.binomial(counts, np.clip((right + stated) / (count + 1), 0, 1))
    again = np.abs(drawn - counts * stated).sum(axis=1) / rows
    high = max(high, bins.error + float(np.quantile(again, 1 - tail) - again.mean()))
    return Estimate(bins.error, min(low, bins.error), max(high, bins.error), rows)


_HALVINGS = 10
_STRETCHED = 8.0

COLDEST, HOTTEST = 0.05, 20.0
_TEMPERATURES = np.geomspace(COLDEST, HOTTEST, 241)
_BELIEF = 0.5
"""Standard deviation of the logarithm of a temperature before any row was seen, about 0."""
_CROSS_FITS = 10
_FEWEST_ROWS = 20
_ENOUGH_ROWS = 20_000


def apply_temperature(probabilities: ArrayLike, temperature: float) -> Floats:
    """Probabilities as they would be with the logits divided by `temperature`, (n, classes).

    The logits need not be known: up to a constant they are the logarithms of the probabilities.
    """
    logits = np.log(np.maximum(np.asarray(probabilities, dtype=np.float64), SMALLEST**2))
    return softmax(logits, temperature)


def fit_temperature(y_true: ArrayLike, probabilities: ArrayLike) -> float:
    """The temperature of the lowest log loss, as far as the rows can tell it from 1.

    Few rows tell little: a temperature far from 1 has to be earned by many of them (a normal prior
    on its logarithm), and one that is no gain on rows left out of its fit, by more than a standard
    error (ten-fold), is 1. Fitted freely to 20 SST-2 sentences, one temperature in six made the
    log loss of others worse by more than 0.005; so fitted, none of 72 did, and four fifths of the
    gain were kept. Fewer rows than that are not asked: two that are right show no standard error.

    Args:
        y_true: Class indices, shape (n,), of rows that the model was not trained on.
        probabilities: The model's probabilities at temperature 1, shape (n, classes).

    Returns:
        A temperature between 0.05 and 20; above 1 the model was too sure.
    """
    truth, table = np.asarray(y_true, dtype=np.int64), np.asarray(probabilities, dtype=np.float64)
    order = np.random.default_rng(0).permutation(len(truth))[:_ENOUGH_ROWS]
    if len(order) < _FEWEST_ROWS:
        return 1.0
    losses = np.stack([
        row_log_loss(truth[order], apply_temperature(table[order], one)) for one in _TEMPERATURES
    ])  # fmt: skip
    belief = (np.log(_TEMPERATURES) / _BELIEF) ** 2 / 2
    total = losses.sum(axis=1) + belief
    plain = row_log_loss(truth[order], table[order])
    fold = np.arange(len(order)) % _CROSS_FITS
    gain = np.empty(len(order))
    for k in range(min(_CROSS_FITS, len(order))):
        best = int((total - losses[:, fold == k].sum(axis=1)).argmin())
        gain[fold == k] = (plain - losses[best])[fold == k]
    if gain.mean() <= gain.std(ddof=1) / np.sqrt(len(gain)):
        return 1.0
    best = int(np.clip(total.argmin(), 1, len(total) - 2))
    before, there, after = total[best - 1 : best + 2]
    bend = before - 2 * there + after
    # The lowest point of the parabola through the three best, in steps of the grid.
    step = np.clip((before - after) / (2 * bend), -1, 1) if bend > 0 else 0.0
    return float(_TEMPERATURES[best] * (_TEMPERATURES[1] / _TEMPERATURES[0]) ** step)


@dataclass(frozen=True)
class CoverageCurve:
    """Accuracy of the answers as fewer texts are answered, a point for each distinct probability.

    Attributes:
        threshold: Texts with at least this winning probability are answered, falling.
        covered: Share of texts answered, rising, shape (points,).
        accuracy: Accuracy of the answers, shape (points,).
    """

    threshold: Floats
    covered: Floats
    accuracy: Floats


def coverage_curve(y_true: ArrayLike, probabilities: ArrayLike) -> CoverageCurve:
    """Answer the surest texts first and see how the accuracy of the answers falls.

    Args:
        y_true: Class indices, shape (n,).
        probabilities: Shape (n, classes).
    """
    table = np.asarray(probabilities, dtype=np.float64)
    confidence = table.max(axis=1)
    order = np.argsort(-confidence, kind="stable")
    right = (table.argmax(axis=1) == np.asarray(y_true))[order]
    last_of_ties = np.append(np.flatnonzero(np.diff(confidence[order])), len(order) - 1)
    answered = last_of_ties + 1
    return CoverageCurve(
        threshold=confidence[order][last_of_ties],
        covered=answered / len(order),
        accuracy=np.cumsum(right)[last_of_ties] / answered,
    )


@dataclass(frozen=True)
class Abstention:
    """What a threshold does.

    Attributes:
        below: Texts that are less sure than this are left to a person.
        covered: Share of texts that are answered, with its interval.
        accuracy: Accuracy of the answers, with its interval; None when nothing is answered. Of
            several labels a text it is right where all of them are.
        figures: What the task asks of the answers besides, such as how many stars off they are.
    """

    below: float
    covered: Estimate
    accuracy: Estimate | None
    figures: Mapping[str, Estimate] = field(default_factory=dict)


def abstain(right: ArrayLike, confidence: ArrayLike, below: float) -> Abstention:
    """Judge a threshold on rows whose answers are known to be right or wrong.

    Args:
        right: Whether each answer is right, bool of shape (n,).
        confidence: How sure each is, shape (n,).
        below: Leave texts below this to a person.
    """
    answered = np.asarray(confidence) >= below
    hits = np.asarray(right)[answered]
    return Abstention(
        below=below,
        covered=bootstrap_share(int(answered.sum()), len(answered)),
        accuracy=bootstrap_share(int(hits.sum()), len(hits)) if len(hits) else None,
    )


@dataclass(frozen=True)
class Curve:
    """Points of a curve as the threshold falls, `x` and `y` of one shape."""

    x: Floats
    y: Floats


def roc_curve(is_class: ArrayLike, scores: ArrayLike) -> Curve | None:
    """False positive rate against true positive rate; None unless both kinds of row occur.

    Args:
        is_class: Whether a row is of the class, bool of shape (n,).
        scores: Its probability of the class, shape (n,).
    """
    hits, misses = _cumulated(is_class, scores)
    if not hits[-1] or not misses[-1]:
        return None
    zero = np.zeros(1)
    return Curve(np.append(zero, misses / misses[-1]), np.append(zero, hits / hits[-1]))


def roc_auc(is_class: ArrayLike, scores: ArrayLike) -> float | None:
    """Area under the ROC curve, ties counted half; None unless both kinds of row occur."""
    curve = roc_curve(is_class, scores)
    return None if curve is None else float(np.trapezoid(curve.y, curve.x))


def precision_recall_curve(is_class: ArrayLike, scores: ArrayLike) -> Curve | None:
    """Recall against precision; None unless both kinds of row occur."""
    hits, misses = _cumulated(is_class, scores)
    if not hits[-1] or not misses[-1]:
        return None
    return Curve(hits / hits[-1], hits / (hits + misses))


def average_precision(is_class: ArrayLike, scores: ArrayLike) -> float | None:
    """Precision averaged over the steps of recall; None unless both kinds of row occur."""
    curve = precision_recall_curve(is_class, scores)
    return None if curve is None else float((np.diff(curve.x, prepend=0.0) * curve.y).sum())


def _cumulated(is_class: ArrayLike, scores: ArrayLike) -> tuple[Floats, Floats]:
    """Rows of the class and others at or above each distinct score, from the highest down."""
    values = np.asarray(scores, dtype=np.float64)
    order = np.argsort(-values, kind="stable")
    flags: NDArray[np.bool_] = np.asarray(is_class, dtype=bool)[order]
    last_of_ties = np.append(np.flatnonzero(np.diff(values[order])), len(values) - 1)
    hits = np.cumsum(flags)[last_of_ties].astype(np.float64)
    return hits, last_of_ties + 1 - hits


COVERAGES = (1.0, 0.9, 0.8, 0.7, 0.5)
"""Shares of texts answered for which `probability_curves` says what threshold gives them."""


@dataclass(frozen=True)
class ProbabilityCurves:
    """What a probability is worth, as curves.

    Attributes:
        roc: ROC curve of each class against the rest, by label; of two classes the second alone,
            for the other's is the same one seen from the other corner.
        precision_recall: Precision against recall, likewise.
        coverage: Accuracy of the answers by share of texts answered.
        abstentions: What thresholds do that answer about the shares in `COVERAGES`.
    """

    roc: dict[str, Curve]
    precision_recall: dict[str, Curve]
    coverage: CoverageCurve
    abstentions: tuple[Abstention, ...]


def probability_curves(
    y_true: ArrayLike, probabilities: ArrayLike, labels: Sequence[str]
) -> ProbabilityCurves:
    """All curves of one classifier on one set of rows.

    Args:
        y_true: Class indices, shape (n,).
        probabilities: Shape (n, classes).
        labels: Class names, in the order of the columns.
    """
    truth, table = np.asarray(y_true), np.asarray(probabilities, dtype=np.float64)
    roc: dict[str, Curve] = {}
    precision_recall: dict[str, Curve] = {}
    for k in range(1 if len(labels) == 2 else 0, len(labels)):
        one, other = (
            roc_curve(truth == k, table[:, k]),
            precision_recall_curve(truth == k, table[:, k]),
        )
        if one is not None and other is not None:
            roc[labels[k]], precision_recall[labels[k]] = one, other
    curve, right = coverage_curve(truth, table), table.argmax(axis=1) == truth
    answered = [
        min(int((curve.covered < share).sum()), len(curve.covered) - 1) for share in COVERAGES
    ]
    below = [0.0 if at == len(curve.covered) - 1 else float(curve.threshold[at]) for at in answered]
    return ProbabilityCurves(
        roc,
        precision_recall,
        curve,
        tuple(abstain(right, table.max(axis=1), one) for one in dict.fromkeys(below)),
    )
