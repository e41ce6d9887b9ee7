"""How often each printed interval holds the truth, which should be 19 times in 20.

    python benchmarks/interval_coverage.py
    python benchmarks/interval_coverage.py --rows 56 1506 --simulations 1000

Draws rows of two classifiers whose figures are known from eight million of them: three classes,
one of which is rare, and probabilities that are too sure. The second case is a pair of better
classifiers, which of few rows often have all of a class right. Every interval that the product
prints is judged, but that of how many labels are wrong (see ktrain_sentiment/evaluation/
label_noise.py). Where a sample holds no mistake, its interval either reaches the truth or does not:
of few rows no interval of a good classifier comes near 95 % but from above. Prints two tables, then
one JSON line.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from flags import BenchmarkFlags
from numpy.typing import NDArray
from rich.console import Console

from ktrain_sentiment.commands.frame import run
from ktrain_sentiment.evaluation.calibration import abstain
from ktrain_sentiment.evaluation.comparison import compare
from ktrain_sentiment.evaluation.intervals import Estimate, bootstrap_share
from ktrain_sentiment.evaluation.metrics import compute_metrics
from ktrain_sentiment.report.figures import NAMES, Column, FigureTable

Table = NDArray[np.float64]
Classes = NDArray[np.int64]

LABELS = ("negative", "neutral", "positive")
SHARES = np.array([0.45, 0.1, 0.45])
POPULATION, TIMES = 500_000, 16
"""Rows that the truth is known from, so many at once: fewer would move it at 25,000 rows."""
CASES = {"usual": 1.6, "good": 3.0}
"""How far the logit of the true class stands above the others."""
BETTER, ALIKE = 0.2, 0.8
"""How much farther the second classifier's does, and how far the two err together."""
OVERSURE = 1.5
BELOW = 0.8
"""Texts below this probability are left to a person."""
PART = 0.25
"""Share of the rows that a slice has."""


@dataclass(frozen=True, kw_only=True)
class Flags(BenchmarkFlags):
    """What to simulate."""

    rows: tuple[int, ...] = (56, 999, 1001, 1506, 1999, 2001, 25_000)
    """Numbers of evaluated rows."""

    simulations: int = 400
    """Data sets drawn for each; the standard error of a coverage of 95 % is then 1.1 points."""

    resamples: int = 1000
    """Bootstrap resamples behind an interval."""


def draw(
    rows: int, separation: float, rng: np.random.Generator
) -> tuple[Classes, tuple[Table, Table]]:
    """True classes, shape (rows,), and what two classifiers say, shape (rows, classes) each."""
    truth = rng.choice(len(LABELS), size=rows, p=SHARES)
    size = (rows, len(LABELS))
    common = rng.normal(size=size)
    tables = []
    for more in (0, BETTER):
        own = ALIKE**0.5 * common + (1 - ALIKE) ** 0.5 * rng.normal(size=size)
        logits = OVERSURE * (own + (separation + more) * np.eye(len(LABELS))[truth])
        table = np.exp(logits - logits.max(axis=1, keepdims=True))
        tables.append(table / table.sum(axis=1, keepdims=True))
    return truth, (tables[0], tables[1])


def intervals_of(
    truth: Classes, tables: tuple[Table, Table], *, seed: int = 0, resamples: int = 2
) -> dict[str, Estimate]:
    """Every interval that is printed of these rows, by name."""
    table, other = tables
    metrics = compute_metrics(truth, table, LABELS, seed=seed, resamples=resamples)
    threshold, both = abstain(truth, table, BELOW), compare(truth, table, other, LABELS, seed=seed)
    part = (table.argmax(axis=1) == truth)[: max(round(PART * len(truth)), 1)]
    found = {NAMES[name]: one for name, one in metrics.headline.items()}
    found["F1 of a frequent class"], found["F1 of the rare class"] = (
        metrics.per_class[k].f1 for k in (0, 1)
    )
    found["accuracy of a quarter"] = bootstrap_share(int(part.sum()), len(part), seed=seed)
    found["texts answered"] = threshold.covered
    if threshold.accuracy is not None:
        found["accuracy of the answers"] = threshold.accuracy
    found["difference of accuracy"] = both.accuracy_difference
    found["difference of macro F1"] = both.macro_f1_difference
    found["difference of log loss"] = both.log_loss_difference
    return found


def coverage(rows: int, separation: float, flags: Flags) -> dict[str, float]:
    """Share of simulated data sets whose interval holds the truth, by figure."""
    rng = np.random.default_rng(rows)
    whole = [intervals_of(*draw(POPULATION, separation, rng)) for _ in range(TIMES)]
    real = {name: sum(each[name].value for each in whole) / TIMES for name in whole[0]}
    held: dict[str, list[bool]] = {name: [] for name in real}
    for seed in range(flags.simulations):
        drawn = draw(rows, separation, rng)
        for name, one in intervals_of(*drawn, seed=seed, resamples=flags.resamples).items():
            held[name].append(one.low <= real[name] <= one.high)
    return {name: sum(each) / len(each) for name, each in held.items()}


def task(flags: Flags) -> dict[str, Any]:
    """Simulate, show, and return the coverages."""
    found = {
        case: {rows: coverage(rows, separation, flags) for rows in flags.rows}
        for case, separation in CASES.items()
    }
    console = Console(width=120)
    for case, by_rows in found.items():
        columns = [Column("", str, words=True)]
        columns += [Column(f"{rows:,}", partial(_cell, each)) for rows, each in by_rows.items()]
        title = f"Coverage of 95 % intervals by rows, %: {case}"
        console.print(FigureTable.of(title, columns, next(iter(by_rows.values()))))
    return found


def _cell(found: dict[str, float], name: str) -> str:
    return f"{100 * found[name]:.1f}"


if __name__ == "__main__":
    run(Flags, task, __doc__)
