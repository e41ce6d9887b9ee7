"""How sure a figure is: bootstrap intervals that take milliseconds, and exact tests on counts.

The interval is the bias-corrected and accelerated one (BCa; Efron 1987, "Better bootstrap
confidence intervals"): F1, Matthews correlation and losses are skewed when a model is good, and a
plain percentile interval then sits too low or too high. Rows are not resampled one by one: a figure
of the confusion matrix depends on the counts of its cells alone, and those of a resample are one
multinomial draw. The jackknife that gives the acceleration likewise has one value a cell, not one a
row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ktrain_sentiment.evaluation.confusion import Floats, accuracy, class_f1

CONFIDENCE = 0.95
# From seed to seed the ends then move by 6 % of the figure's standard error.
RESAMPLES = 2000
MOST_BLOCKS = 1000

_NORMAL = NormalDist()


@dataclass(frozen=True)
class Estimate:
    """A figure with its interval.

    Attributes:
        value: The figure on the rows at hand.
        low: Lower end of the 95 % interval.
        high: Upper end of the 95 % interval.
        n: Number of rows behind it.
    """

    value: float
    low: float
    high: float
    n: int

    def stretched(self, change: float) -> Estimate:
        """With room for a change that no resample shows, on the side of its sign.

        It is squared and summed with the width that is there (Zou and Donner 2008, "Construction of
        confidence limits about effect measures").
        """
        low, high = self.value - self.low, self.high - self.value
        low, high = (np.hypot(low, change), high) if change < 0 else (low, np.hypot(high, change))
        return Estimate(self.value, float(self.value - low), float(self.value + high), self.n)


def bootstrap_cells(
    counts: ArrayLike,
    statistic: Callable[[NDArray[np.float64]], Floats],
    *,
    groups: ArrayLike | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Estimate:
    """Interval of a figure that depends on a table of counts alone.

    Args:
        counts: Rows in each cell, any shape.
        statistic: Scores a stack of such tables, shape (tables, *counts.shape) → (tables,); NaN
            where the figure is not defined.
        groups: The class that each cell is of, of counts' shape, where the figure is a mean over
            classes: a class of few rows is then known as little as they tell of it.
        seed: Seed of the resampling.
        resamples: Number of resamples.
    """
    table = np.asarray(counts, dtype=np.float64)
    n = int(table.sum())
    cells = np.flatnonzero(table)
    jackknife = np.concatenate([statistic(some) for some in _without_one(table, cells)])
    value = float(statistic(table[np.newaxis])[0])
    acceleration = _acceleration(jackknife, table.reshape(-1)[cells])
    draws = _resamples(table, seed=seed, resamples=resamples)
    resampled = np.concatenate([statistic(some) for some in draws])
    # A figure may not be defined on a resample that lacks the rows it is about; such say nothing.
    confidence = CONFIDENCE
    if groups is not None:
        weights, of_class = table.reshape(-1)[cells], np.asarray(groups).reshape(-1)[cells]
        confidence = _expanded(1 + _freedom_of_groups(jackknife, weights, of_class))
    low, high = _bca(value, resampled[np.isfinite(resampled)], acceleration, confidence)
    return Estimate(value, low, high, n)


def _portions(number: int, table: Floats) -> Iterator[range]:
    """Which of so many tables to look at together: of 200 classes all take gigabytes."""
    most = max(1, _MOST_CELLS // table.size)
    return (range(number)[start : start + most] for start in range(0, number, most))


def _without_one(table: Floats, cells: NDArray[np.int64]) -> Iterator[Floats]:
    """The table with a row less in each of the cells, some at a time."""
    for some in _portions(len(cells), table):
        without_one = np.repeat(table.reshape(1, -1), len(some), axis=0)
        without_one[np.arange(len(some)), cells[some]] -= 1
        yield without_one.reshape(-1, *table.shape)


def _freedom_of_groups(jackknife: Floats, weights: Floats, groups: NDArray[Any]) -> float:
    """Degrees of freedom of a variance that classes of unequal size add to (Satterthwaite 1946)."""
    known = np.isfinite(jackknife)
    jackknife, weights, groups = jackknife[known], weights[known], groups[known]
    spread = weights * (np.average(jackknife, weights=weights) - jackknife) ** 2
    kinds, kind = np.unique(groups, return_inverse=True)
    parts, rows = (np.bincount(kind, one, len(kinds)) for one in (spread, weights))
    unsure = (parts**2 / np.maximum(rows - 1, 1)).sum()
    return float(max(parts.sum() ** 2 / unsure, _LEAST_FREEDOM) if unsure > 0 else rows.sum() - 1)


_LEAST_FREEDOM = 2.0
_MOST_CELLS = 1 << 21
"""Cells of tables that are looked at together: 16 MB of them."""


def bootstrap_share(hits: int, rows: int, *, seed: int = 0) -> Estimate:
    """Interval of a share such as an accuracy: `hits` of `rows`."""
    return bootstrap_confusion([[hits, rows - hits], [0, 0]], accuracy, seed=seed)


def bootstrap_confusion(
    confusion: ArrayLike,
    statistic: Callable[[ArrayLike], Floats],
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
    is_mean: bool = False,
) -> Estimate:
    """Interval of a figure of a confusion matrix.

    Resampling rows that are all right gives rows that are all right, and an interval without width
    that nobody should believe. There the end is taken from the largest share of mistakes under
    which n rows without one are still not unlikely (Clopper and Pearson 1934), spread evenly. The
    same holds of single classes of which all rows are right, or none: see `Estimate.stretched`.

    Args:
        confusion: Counts, rows true and columns predicted, shape (classes, classes).
        statistic: Scores a stack of confusion matrices.
        seed: Seed of the resampling.
        resamples: Number of resamples.
        is_mean: The figure is a mean over rows, as accuracy is: it asks nothing of single classes.
    """
    counts = np.asarray(confusion, dtype=np.float64)
    estimate = bootstrap_cells(counts, statistic, seed=seed, resamples=resamples)
    right = np.trace(counts)
    if len(counts) < 2:
        return estimate
    if right in (0, estimate.n):
        other = float(statistic(_moved(counts, unseen_share(estimate.n))[np.newaxis])[0])
        return _widened(estimate, other)
    if is_mean or statistic is accuracy:
        return estimate
    for k, rows in enumerate(counts.sum(axis=1)):
        if not rows or 0 < counts[k, k] < rows:
            continue
        only = np.zeros_like(counts)
        only[k] = counts[k]
        moved = counts - only + _moved(only, unseen_share(int(rows)))
        estimate = estimate.stretched(float(statistic(moved[np.newaxis])[0]) - estimate.value)
    return Estimate(estimate.value, max(estimate.low, -1.0), min(estimate.high, 1.0), estimate.n)


def unseen_share(rows: int) -> float:
    """The largest share of something that it is not yet unlikely never to see in so many rows."""
    return 1 - float(((1 - CONFIDENCE) / 2) ** (1 / rows))


def _widened(estimate: Estimate, to: float) -> Estimate:
    return Estimate(estimate.value, min(estimate.low, to), max(estimate.high, to), estimate.n)


def bootstrap_f1(
    confusion: ArrayLike, k: int, *, seed: int = 0, resamples: int = RESAMPLES
) -> Estimate:
    """Interval of the F1 of class k; wide where no row of it, or every row, is predicted rightly.

    Of a class that no row has and none was given it is 0, of which nothing is known: 0 to 1.

    Args:
        confusion: Counts, rows true and columns predicted, shape (classes, classes).
        k: The class.
        seed: Seed of the resampling.
        resamples: Number of resamples.
    """
    counts = np.asarray(confusion, dtype=np.float64)
    hits, rows, claimed = counts[k, k], counts[k].sum(), counts[:, k].sum()
    if not rows and not claimed:
        return Estimate(0.0, 0.0, 1.0, int(counts.sum()))
    rest = counts.sum() - rows - claimed + hits
    table = np.array([[hits, rows - hits], [claimed - hits, rest]])

    def f1(stack: Floats) -> Floats:
        occurs = stack[..., 0, :].sum(axis=-1) + stack[..., 0].sum(axis=-1) > 0
        return np.where(occurs, class_f1(stack)[..., 0], np.nan)

    estimate = bootstrap_cells(table, f1, seed=seed, resamples=resamples)
    if not rows or 0 < hits < max(rows, claimed):
        return estimate
    moved = (1 if hits == 0 else -1) * unseen_share(int(rows)) * rows
    table[0] += moved, -moved
    return _widened(estimate, float(f1(table[np.newaxis])[0]))


def _moved(counts: Floats, share: float) -> Floats:
    """Move this share of each row across: off the diagonal if all is on it, else onto it."""
    onto = np.eye(len(counts))
    off = (1 - onto) / (len(counts) - 1)
    spread = counts.sum(axis=1, keepdims=True) * (off if np.trace(counts) else onto)
    moved: Floats = (1 - share) * counts + share * spread
    return moved


def _resamples(table: Floats, *, seed: int, resamples: int) -> Iterator[Floats]:
    """Draw tables of the same total, some at a time; they are the same, however many that is."""
    total, rng = table.sum(), np.random.default_rng(seed)
    for some in _portions(resamples, table):
        draws = rng.multinomial(int(total), table.reshape(-1) / total, size=len(some))
        yield draws.astype(np.float64).reshape(-1, *table.shape)


def bootstrap_mean(
    values: ArrayLike,
    *,
    unseen: float | None = None,
    freedom: float | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Estimate:
    """Interval of a mean over rows, such as a loss.

    More than a thousand rows are first put into a thousand random blocks, so that the time does not
    grow with the rows. Their sizes differ by one row, so a resample's mean is the sum of its blocks
    over the rows in them: a mean of block means would count a row of a small block twice.

    Args:
        values: One value a row, shape (n,).
        unseen: What a row would have of a kind of which there is none, such as a mistake. No
            resample has one either, so the interval is widened to the mean with as many of them as
            may well have stayed unseen (Clopper and Pearson 1934).
        freedom: Degrees of freedom that their variance is known with, where `freedom_of` says
            that they are fewer than the number of rows less one.
        seed: Seed of the resampling.
        resamples: Number of resamples.
    """
    rows = np.asarray(values, dtype=np.float64)
    rng = np.random.default_rng(seed)
    sums, sizes = rows, np.ones(len(rows))
    if len(rows) > MOST_BLOCKS:
        starts = np.linspace(0, len(rows), MOST_BLOCKS, endpoint=False).astype(np.int64)
        sizes = np.diff(np.append(starts, len(rows))).astype(np.float64)
        sums = np.add.reduceat(rng.permutation(rows), starts)
    picked = rng.integers(len(sums), size=(resamples, len(sums)))
    value = float(rows.mean())
    influence = sums - value * sizes
    cubes, squares = (influence**3).sum(), (influence**2).sum()
    acceleration = float(cubes / (6 * squares**1.5)) if squares > 0 else 0.0
    means = sums[picked].sum(axis=1) / sizes[picked].sum(axis=1)
    known = len(rows) if freedom is None else 1 + freedom
    low, high = _bca(value, means, acceleration, _expanded(known))
    found = Estimate(value, low, high, len(rows))
    if unseen is None:
        return found
    share = unseen_share(len(rows))
    return _widened(found, (1 - share) * value + share * unseen)


def freedom_of(values: ArrayLike) -> float:
    """Degrees of freedom of the variance of values of which most are small and few are large.

    Such are the differences of two losses of the same rows: they tell less of their spread than as
    many normal ones would. By their kurtosis, after O'Neill 2014, "Some Useful Moment Results in
    Sampling Problems"; those of normal values at most.

    Args:
        values: One value a row, shape (n,).
    """
    rows = np.asarray(values, dtype=np.float64)
    squares = (rows - rows.mean()) ** 2
    kurtosis = (squares**2).mean() / squares.mean() ** 2 if squares.any() else 0.0
    return float(max(min(2 * len(rows) / max(kurtosis - 1, 2), len(rows) - 1), _LEAST_FREEDOM))


_JACKKNIFE_BLOCKS = 250
_MOST_WEIGHTS = 2**18
"""Numbers held at once: how often each row is drawn, in so many resamples as fit.

Two megabytes stay in the processor's cache: a rank correlation is seven times as fast as with 32.
"""


def bootstrap_weights(
    *figures: Callable[[Floats], Floats], rows: int, seed: int = 0, resamples: int = RESAMPLES
) -> tuple[Estimate, ...]:
    """Intervals of any figures of rows, such as correlations, all of the same resamples.

    Args:
        *figures: Each where rows count so many times, shape (m, rows) → (m,); NaN where it is not
            defined.
        rows: Number of rows.
        seed: Seed of the resampling.
        resamples: Number of resamples.
    """
    rng = np.random.default_rng(seed)
    at_once = max(1, _MOST_WEIGHTS // rows)

    def draw(start: int) -> Floats:
        times = min(at_once, resamples - start)
        # Counting rows that were picked takes half the time of a multinomial draw.
        picked = rng.integers(rows, size=(times, rows)) + rows * np.arange(times)[:, None]
        counts = np.bincount(picked.ravel(), minlength=times * rows)
        return counts.reshape(times, rows).astype(np.float64)

    # Leaving out blocks instead of rows gives the same skewness with few figures.
    block = np.arange(rows) % min(rows, _JACKKNIFE_BLOCKS)
    blocks = int(block.max()) + 1

    def leave_out(start: int) -> Floats:
        left_out = np.arange(start, min(start + at_once, blocks))[:, np.newaxis]
        return np.asarray(block != left_out, dtype=np.float64)

    def of(weights: Callable[[int], Floats], times: int) -> Floats:
        parts = [[one(w) for one in figures] for w in map(weights, range(0, times, at_once))]
        return np.concatenate(parts, axis=1)

    drawn, without = of(draw, resamples), of(leave_out, blocks)
    estimates = []
    for one, found, jackknife in zip(figures, drawn, without, strict=True):
        value = float(one(np.ones((1, rows)))[0])
        acceleration = _acceleration(jackknife, np.ones(blocks))
        low, high = _bca(value, found[np.isfinite(found)], acceleration, _expanded(rows))
        estimates.append(Estimate(value, low, high, rows))
    return tuple(estimates)


def _expanded(rows: float) -> float:
    """The confidence to ask a bootstrap of a mean for, so that few rows give what is wanted.

    A resample spreads as the rows at hand do, which is too little by the n - 1 and the t quantile
    that a mean of few rows needs (Hesterberg 2015, "What Teachers Should Know about the Bootstrap",
    expanded percentiles). The t quantile is Cornish and Fisher's series, right to 1 % from 5 rows.
    """
    if rows < 1 + _LEAST_FREEDOM:
        return CONFIDENCE
    z, freedom = _NORMAL.inv_cdf((1 + CONFIDENCE) / 2), rows - 1
    t = z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
    return 2 * _NORMAL.cdf(t * (rows / freedom) ** 0.5) - 1


def _acceleration(jackknife: Floats, weights: Floats) -> float:
    """Skewness of the figure's influence: each jackknife value counts for `weights` rows."""
    known = np.isfinite(jackknife)
    jackknife, weights = jackknife[known], weights[known]
    if not weights.sum():
        return 0.0
    centred = np.average(jackknife, weights=weights) - jackknife
    cubes, squares = (weights * centred**3).sum(), (weights * centred**2).sum()
    return float(cubes / (6 * squares**1.5)) if squares > 0 else 0.0


def _bca(
    value: float, resampled: Floats, acceleration: float, confidence: float
) -> tuple[float, float]:
    if not len(resampled):
        return value, value
    below = np.mean(resampled < value) + np.mean(resampled == value) / 2
    # Resamples that all lie on one side would ask for the quantile of 0 or 1.
    bias = _NORMAL.inv_cdf(float(np.clip(below, 1e-6, 1 - 1e-6)))
    tails = ((1 - confidence) / 2, (1 + confidence) / 2)
    shares = [_bca_share(tail, bias, acceleration) for tail in tails]
    low, high = np.quantile(resampled, shares)
    return float(min(low, value)), float(max(high, value))


def _bca_share(tail: float, bias: float, acceleration: float) -> float:
    shifted = bias + _NORMAL.inv_cdf(tail)
    return _NORMAL.cdf(bias + shifted / (1 - acceleration * shifted))


def mcnemar(only_first: int, only_second: int) -> float:
    """Exact two-sided McNemar test: are the disagreements as a fair coin would split them?

    Args:
        only_first: Rows that only the first classifier has right.
        only_second: Rows that only the second has right.

    Returns:
        The p-value, 0 to 1.
    """
    total, fewer = only_first + only_second, min(only_first, only_second)
    if total == 0:
        return 1.0
    tail = np.exp(_log_choose(total)[: fewer + 1] - total * np.log(2)).sum()
    return float(min(1.0, 2 * tail))


def paired_difference(only_first: int, only_second: int, rows: int) -> Estimate:
    """The second's accuracy minus the first's on the same rows, with an interval.

    It holds 0 exactly when `mcnemar` says that no difference can be shown. Tango's score interval
    (1998, "Equivalence test and confidence interval for the difference in proportions for the
    paired-sample design") is right 19 times in 20, but with few disagreements it can leave out a 0
    that the exact test does not rule out. So it is joined with the interval that belongs to that
    test: Clopper and Pearson's of the share of disagreements that the second wins.

    Args:
        only_first: Rows that only the first has right.
        only_second: Rows that only the second has right.
        rows: Rows in all.
    """
    apart, value = only_first + only_second, (only_second - only_first) / rows
    z = _NORMAL.inv_cdf((1 + CONFIDENCE) / 2)

    def score(difference: float) -> float:
        # The share of losses that fits this difference best, Tango's equation 5.
        linear = -apart + (2 * rows - only_second + only_first) * difference
        root = linear**2 + 8 * rows * only_first * difference * (1 - difference)
        lost = (max(root, 0.0) ** 0.5 - linear) / (4 * rows)
        spread = rows * (2 * lost + difference * (1 - difference))
        return float((only_second - only_first - rows * difference) / max(spread, 1e-12) ** 0.5)

    low = _root(lambda difference: score(difference) - z, -1.0, value)
    high = _root(lambda difference: score(difference) + z, value, 1.0)
    if not apart:
        return Estimate(value, low, high, rows)
    tail = (1 - CONFIDENCE) / 2
    won_low = _root(lambda share: tail - binomial_more(only_second, apart, share), 0.0, 1.0)
    won_high = 1 - _root(lambda share: tail - binomial_more(only_first, apart, share), 0.0, 1.0)
    exact = [apart * (2 * won - 1) / rows for won in (won_low, won_high)]
    return Estimate(value, min(low, exact[0]), max(high, exact[1]), rows)


def _root(falling: Callable[[float], float], low: float, high: float) -> float:
    """Where a falling function of one number crosses 0, by bisection; an end if it does not."""
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if falling(middle) > 0 else (low, middle)
    return (low + high) / 2


def wilson(hits: int, rows: int) -> Estimate:
    """A share with Wilson's score interval (Wilson 1927), which is never empty, at 0 and 1 neither.

    Args:
        hits: Rows that count.
        rows: All rows; at least one.
    """
    z = _NORMAL.inv_cdf((1 + CONFIDENCE) / 2)
    share, spread = hits / rows, z * z / rows
    middle = (share + spread / 2) / (1 + spread)
    half = z * np.sqrt(share * (1 - share) / rows + spread / (4 * rows)) / (1 + spread)
    return Estimate(share, max(0.0, float(middle - half)), min(1.0, float(middle + half)), rows)


def binomial_more(hits: int, rows: int, share: float) -> float:
    """Exact one-sided binomial test: are there more hits than a share of the rows explains?

    Args:
        hits: Rows that are hits.
        rows: Rows in all.
        share: The share of hits that is taken for granted, above 0 and below 1.

    Returns:
        The probability of as many hits or more, 0 to 1.
    """
    counts = np.arange(hits, rows + 1)
    log = _log_choose(rows)[hits:] + counts * np.log(share) + (rows - counts) * np.log1p(-share)
    return float(min(1.0, np.exp(log).sum()))


def fisher_less(hits: int, rows: int, all_hits: int, all_rows: int) -> float:
    """Fisher's exact test that a group has a lower rate of hits than the rest, one-sided.

    Args:
        hits: Hits in the group.
        rows: Rows in the group.
        all_hits: Hits in the group and the rest together.
        all_rows: Rows in both together.

    Returns:
        The p-value, 0 to 1.
    """
    fewest = max(0, rows - (all_rows - all_hits))
    possible = np.arange(fewest, min(rows, all_hits) + 1)
    log = _log_factorials(all_rows)
    weights = (
        (log[all_hits] - log[possible] - log[all_hits - possible])
        + log[all_rows - all_hits]
        - log[rows - possible]
        - log[all_rows - all_hits - rows + possible]
        - (log[all_rows] - log[rows] - log[all_rows - rows])
    )
    return float(min(1.0, np.exp(weights[possible <= hits]).sum()))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's correction for testing many things at once (Holm 1979), in the given order."""
    values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(values)
    scaled = values[order] * np.arange(len(values), 0, -1)
    corrected = np.empty_like(values)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(scaled))
    return [float(value) for value in corrected]


def _log_factorials(largest: int) -> NDArray[np.float64]:
    """log(0!) to log(largest!)."""
    return np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, largest + 1)))])


def _log_choose(total: int) -> NDArray[np.float64]:
    log = _log_factorials(total)
    chosen: NDArray[np.float64] = log[total] - log - log[::-1]
    return chosen
