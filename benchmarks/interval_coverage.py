"""How often each printed interval holds the truth, which should be 19 times in 20.

    python benchmarks/interval_coverage.py
    python benchmarks/interval_coverage.py --cases usual --rows 56 1506 --simulations 1000

Draws rows of two models whose figures are known from millions of them, judges them as the product
does, and counts. The cases: three classes of which one is rare, with probabilities that are too
sure; a pair of better classifiers, which of few rows often have all of a class right; five stars;
scores; four labels of which a row may have several, one of them rare; and labels of which one in
twenty is wrong. Where a sample holds no mistake, its interval either reaches the truth or does
not: of few rows no interval of a good classifier comes near 95 % but from above. Prints a Markdown
table a case (those in docs/accuracy.md), then one JSON line. Takes an hour; progress goes to
standard error.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from frame import BenchmarkFlags
from numpy.typing import NDArray

from ktrain_sentiment.commands.frame import run
from ktrain_sentiment.evaluation.calibration import abstain
from ktrain_sentiment.evaluation.comparison import Comparison, compare
from ktrain_sentiment.evaluation.intervals import Estimate, bootstrap_share, wilson
from ktrain_sentiment.evaluation.label_noise import find_label_errors
from ktrain_sentiment.evaluation.metrics import Metrics, compute_metrics
from ktrain_sentiment.evaluation.multi_figures import macro_f1_of
from ktrain_sentiment.evaluation.score_figures import rank_correlation
from ktrain_sentiment.prediction import sigmoid, softmax
from ktrain_sentiment.report.figures import NAMES
from ktrain_sentiment.tasks import SCORES, SEVERAL, Task

Table = NDArray[np.float64]
Truth = NDArray[Any]
Rows = tuple[Truth, Table, Table]
"""True answers, and what two models say, a row a text."""
Found = dict[str, Estimate]

POPULATION, TIMES = 500_000, 16
"""Rows that the truth is known from, so many at once: fewer would move it at 25,000 rows."""
BETTER, ALIKE = 0.2, 0.8
"""How much farther above the others the second model's logit stands, and how far both err alike."""
OVERSURE = 1.5
BELOW = 0.8
"""Texts below this probability are left to a person."""
PART = 0.25
"""Share of the rows that a slice has."""
FLIPPED = 0.05
"""Share of the labels that are wrong, where wrong labels are counted."""
SHARES = np.array([0.45, 0.1, 0.45])
OF_LABELS = np.array([0.4, 0.2, 0.2, 0.05])
MANY, FEWER = 10_000, 4
PAIR = ("first", "second")


@dataclass(frozen=True, kw_only=True)
class Flags(BenchmarkFlags):
    """What to simulate."""

    cases: tuple[str, ...] = ("usual", "good", "stars", "scores", "labels", "wrong labels")
    """Which cases."""

    rows: tuple[int, ...] = (56, 999, 1001, 1506, 1999, 2001, 25_000)
    """Numbers of evaluated rows."""

    simulations: int = 400
    """Data sets drawn for each; the standard error of a coverage of 95 % is then 1.1 points. Of
    scores and several labels half as many, and a quarter of those of more than 10,000 rows."""

    resamples: int = 500
    """Bootstrap resamples behind an interval."""


def _errors(size: tuple[int, int], rng: np.random.Generator) -> tuple[Table, Table]:
    """What two models err by in each logit, alike in part."""
    common = rng.normal(size=size)
    first, second = (
        ALIKE**0.5 * common + (1 - ALIKE) ** 0.5 * rng.normal(size=size) for _ in range(2)
    )
    return first, second


def draw_classes(separation: float, rows: int, rng: np.random.Generator) -> Rows:
    """Classes; the logit of the true one stands so far above the others."""
    truth = rng.choice(len(SHARES), size=rows, p=SHARES)
    is_class = np.eye(len(SHARES))[truth]
    first, second = _errors(is_class.shape, rng)
    return (
        truth,
        softmax(OVERSURE * (first + separation * is_class)),
        softmax(OVERSURE * (second + (separation + BETTER) * is_class)),
    )


def judge_classes(rows: Rows, seed: int, resamples: int) -> Found:
    """Every interval that is printed of classes, by name."""
    truth, table, other = rows
    metrics = compute_metrics(truth, table, "abc", seed=seed, resamples=resamples)
    right = table.argmax(axis=1) == truth
    threshold = abstain(right, table.max(axis=1), BELOW)
    part = right[: max(round(PART * len(truth)), 1)]
    found = _headline(metrics)
    found["F1 of a frequent class"], found["F1 of the rare class"] = (
        metrics.per_class[k].f1 for k in (0, 1)
    )
    found["accuracy of a slice, a quarter"] = bootstrap_share(int(part.sum()), len(part), seed=seed)
    found["failure rate (checklist)"] = wilson(int((~part).sum()), len(part))
    found["texts answered"] = threshold.covered
    if threshold.accuracy is not None:
        found["accuracy of the answers"] = threshold.accuracy
    both = compare(truth, table, other, "abc", seed=seed, resamples=resamples)
    return found | _differences(both)


def draw_stars(rows: int, rng: np.random.Generator) -> Rows:
    """Stars 1 to 5; neighbours are confused more often than others."""
    truth = rng.choice(5, size=rows, p=(0.1, 0.1, 0.15, 0.25, 0.4))
    tables = []
    for error, spread in zip(_errors((rows, 1), rng), (1.0, 0.9), strict=True):
        tables.append(softmax(-((np.arange(5) - truth[:, None] - spread * error) ** 2)))
    return truth, tables[0], tables[1]


def judge_stars(rows: Rows, seed: int, resamples: int) -> Found:
    """Every interval that stars have and classes have not."""
    truth, table, other = rows
    task = Task.of("stars", tuple("12345"))
    options = {"seed": seed, "resamples": resamples}
    metrics = compute_metrics(truth, table, tuple("12345"), task, **options)
    assert metrics.stars is not None
    found = {_named(name): one for name, one in metrics.stars.headline.items()}
    both = compare(truth, table, other, tuple("12345"), PAIR, task, **options)
    return found | _differences(both)


HALF_WIDTH = 1.3


def draw_scores(rows: int, rng: np.random.Generator) -> Rows:
    """Scores of a skewed distribution."""
    truth = rng.gamma(4, 0.5, size=rows)
    first, second = _errors((rows, 1), rng)
    return truth, truth[:, None] + 0.8 * first, truth[:, None] + 0.7 * second


def judge_scores(rows: Rows, seed: int, resamples: int) -> Found:
    """Every interval that is printed of scores."""
    truth, table, other = rows
    task, options = SCORES.within(HALF_WIDTH), {"seed": seed, "resamples": resamples}
    metrics = compute_metrics(truth, table, ("score",), task, **options)
    both = compare(truth, table, other, ("score",), PAIR, task, **options)
    return _headline(metrics) | _differences(both)


def know_scores(rows: Rows) -> dict[str, float]:
    """The figures of so many scores that a resampling would take hours."""
    truth, table, other = rows
    errors, once = table[:, 0] - truth, np.ones((1, len(truth)))
    ranked, better = (float(rank_correlation(truth, t[:, 0], once)[0]) for t in (table, other))
    return {
        _named("score_mae"): np.abs(errors).mean(),
        _named("rmse"): (errors**2).mean() ** 0.5,
        _named("spearman"): ranked,
        _named("pearson"): np.corrcoef(truth, table[:, 0])[0, 1],
        _named("r2"): 1 - (errors**2).mean() / truth.var(),
        _named("coverage"): (np.abs(errors) <= HALF_WIDTH).mean(),
        _DIFFERENCES["mae_difference"]: (np.abs(other[:, 0] - truth) - np.abs(errors)).mean(),
        _DIFFERENCES["spearman_difference"]: better - ranked,
    }


def draw_sets(rows: int, rng: np.random.Generator) -> Rows:
    """Several labels a row, or none."""
    truth = (rng.random((rows, len(OF_LABELS))) < OF_LABELS).astype(np.int64)
    first, second = _errors(truth.shape, rng)
    bias = np.log(OF_LABELS / (1 - OF_LABELS))
    return (
        truth,
        sigmoid(OVERSURE * (first + 2.0 * (truth - 0.5)) + bias),
        sigmoid(OVERSURE * (second + (2.0 + BETTER) * (truth - 0.5)) + bias),
    )


def judge_sets(rows: Rows, seed: int, resamples: int) -> Found:
    """Every interval that is printed of several labels a row."""
    truth, table, other = rows
    options = {"seed": seed, "resamples": resamples}
    metrics = compute_metrics(truth, table, "abcd", SEVERAL, **options)
    assert metrics.multi is not None
    found = _headline(metrics)
    found["F1 of a frequent label"], found["F1 of the rare label"] = (
        metrics.multi.per_label[k].f1 for k in (0, 3)
    )
    return found | _differences(compare(truth, table, other, "abcd", PAIR, SEVERAL, **options))


def know_sets(rows: Rows) -> dict[str, float]:
    """The figures of so many rows that a resampling would take hours."""
    has, once = rows[0].astype(bool), np.ones((1, len(rows[0])))
    said, others = (SEVERAL.decided(table) for table in rows[1:])
    both, sums = (has & said).sum(axis=1), has.sum(axis=1) + said.sum(axis=1)
    of_label = 2 * (has & said).sum(axis=0) / (has.sum(axis=0) + said.sum(axis=0))
    macro = float(macro_f1_of(once, has, said)[0])
    return {
        _named("macro_f1"): macro,
        _named("micro_f1"): 2 * both.sum() / sums.sum(),
        _named("sample_f1"): np.where(sums > 0, 2 * both / np.maximum(sums, 1), 1.0).mean(),
        _named("subset_accuracy"): (has == said).all(axis=1).mean(),
        "F1 of a frequent label": of_label[0],
        "F1 of the rare label": of_label[3],
        _DIFFERENCES["macro_f1_difference"]: float(macro_f1_of(once, has, others)[0]) - macro,
    }


def judge_labels(rows: Rows, seed: int, _resamples: int) -> Found:
    """How many of the doubted labels are wrong, less how many of them are: the truth is 0."""
    truth, table, _ = rows
    rng = np.random.default_rng(seed)
    wrong = rng.random(len(truth)) < FLIPPED
    given = np.where(wrong, (truth + rng.integers(1, len(SHARES), len(truth))) % 3, truth)
    noise = find_label_errors(given, table, "abc")
    real, said = float((wrong & noise.doubted).sum()), noise.expected
    return {
        "wrong labels": Estimate(said.value - real, said.low - real, said.high - real, said.n),
    }


def _named(name: str) -> str:
    return NAMES.get(name, name)


def _headline(metrics: Metrics) -> Found:
    return {_named(name): one for name, one in metrics.headline.items()}


_DIFFERENCES = {
    "accuracy_difference": "difference of accuracy",
    "macro_f1_difference": "difference of macro F1",
    "log_loss_difference": "difference of log loss",
    "mae_difference": "difference of mean error",
    "spearman_difference": "difference of rank correlation",
}


def _differences(both: Comparison) -> Found:
    found = {said: getattr(both, name) for name, said in _DIFFERENCES.items()}
    return {name: one for name, one in found.items() if one is not None and one.n}


@dataclass(frozen=True)
class Case:
    """A kind of data.

    Attributes:
        draw: Rows of it.
        judge: The intervals of such rows, with a seed and a number of resamples.
        know: Their figures alone, where `judge` would take too long.
        is_slow: Fewer are drawn.
    """

    draw: Callable[[int, np.random.Generator], Rows]
    judge: Callable[[Rows, int, int], Found]
    know: Callable[[Rows], dict[str, float]] | None = None
    is_slow: bool = False


CASES: Mapping[str, Case] = {
    "usual": Case(partial(draw_classes, 1.6), judge_classes),
    "good": Case(partial(draw_classes, 3.0), judge_classes),
    "stars": Case(draw_stars, judge_stars),
    "scores": Case(draw_scores, judge_scores, know_scores, is_slow=True),
    "labels": Case(draw_sets, judge_sets, know_sets, is_slow=True),
    "wrong labels": Case(
        partial(draw_classes, 1.6), judge_labels, lambda _: {"wrong labels": 0.0}, is_slow=True
    ),
}


def known(case: Case) -> dict[str, float]:
    """The figures of millions of rows."""
    rng = np.random.default_rng(0)

    def figures(rows: Rows) -> dict[str, float]:
        if case.know is not None:
            return case.know(rows)
        return {name: one.value for name, one in case.judge(rows, 0, 2).items()}

    found = [figures(case.draw(POPULATION, rng)) for _ in range(TIMES)]
    return {name: float(np.mean([each[name] for each in found])) for name in found[0]}


def coverage(case: Case, real: dict[str, float], rows: int, flags: Flags) -> dict[str, float]:
    """Share of simulated data sets whose interval holds the truth, by figure."""
    rng = np.random.default_rng(rows)
    held: dict[str, list[bool]] = {name: [] for name in real}
    times = flags.simulations // (2 if case.is_slow else 1)
    for seed in range(times // FEWER if case.is_slow and rows > MANY else times):
        for name, one in case.judge(case.draw(rows, rng), seed, flags.resamples).items():
            held[name].append(one.low <= real[name] <= one.high)
    return {name: sum(each) / len(each) for name, each in held.items()}


def task(flags: Flags) -> dict[str, Any]:
    """Simulate, show, and return the coverages."""
    found: dict[str, dict[int, dict[str, float]]] = {}
    for name in flags.cases:
        case, start = CASES[name], time.perf_counter()
        real = known(case)
        found[name] = {}
        for rows in flags.rows:
            found[name][rows] = coverage(case, real, rows, flags)
            took = time.perf_counter() - start
            print(f"{name}, {rows:,} rows: {took:.0f} s", file=sys.stderr, flush=True)
        print(f"\n| {name} |" + "".join(f" {rows:,} |" for rows in flags.rows))
        print("|---|" + "---|" * len(flags.rows))
        for figure in real:
            shares = [found[name][rows][figure] for rows in flags.rows]
            print(f"| {figure} |" + "".join(f" {100 * one:.1f} |" for one in shares), flush=True)
    return found


if __name__ == "__main__":
    run(Flags, task, __doc__)
