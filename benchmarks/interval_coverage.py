"""How often each printed interval holds the truth, which should be 19 times in 20.

    python benchmarks/interval_coverage.py
    python benchmarks/interval_coverage.py --rows 56 1506 --simulations 1000

Draws rows of a classifier whose figures are known from a million of them: three classes, one of
which is rare, and probabilities that are too sure. The second case is a better classifier, which
of few rows has all of a class right: there a bootstrap alone finds intervals without width.
Prints two tables, then one JSON line.
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
from ktrain_sentiment.evaluation.intervals import Estimate, paired_difference
from ktrain_sentiment.evaluation.metrics import Metrics, compute_metrics
from ktrain_sentiment.report.figures import NAMES, Column, FigureTable

Table = NDArray[np.float64]
Classes = NDArray[np.int64]

LABELS = ("negative", "neutral", "positive")
SHARES = np.array([0.45, 0.1, 0.45])
POPULATION = 1_000_000
CASES = {"usual": 1.6, "good": 3.0}
"""How far the logit of the true class stands above the others."""
OVERSURE = 1.5
FIGURES = ("accuracy", "balanced_accuracy", "macro_f1", "weighted_f1", "mcc", "log_loss", "brier")


@dataclass(frozen=True, kw_only=True)
class Flags(BenchmarkFlags):
    """What to simulate."""

    rows: tuple[int, ...] = (56, 999, 1001, 1506, 1999, 2001, 25_000)
    """Numbers of evaluated rows."""

    simulations: int = 400
    """Data sets drawn for each; the standard error of a coverage of 95 % is then 1.1 points."""

    resamples: int = 1000
    """Bootstrap resamples behind an interval."""


def draw(rows: int, separation: float, rng: np.random.Generator) -> tuple[Classes, Table]:
    """True classes, shape (rows,), and stated probabilities, shape (rows, classes)."""
    truth = rng.choice(len(LABELS), size=rows, p=SHARES)
    logits = rng.normal(size=(rows, len(LABELS))) + separation * np.eye(len(LABELS))[truth]
    logits *= OVERSURE
    table = np.exp(logits - logits.max(axis=1, keepdims=True))
    return truth, table / table.sum(axis=1, keepdims=True)


def intervals_of(metrics: Metrics) -> dict[str, Estimate]:
    """Every interval that a report prints, by name; the calibration error's has a floor instead."""
    rare = metrics.per_class[1]
    found = {NAMES[name]: metrics.headline[name] for name in FIGURES}
    return {**found, "F1 of the rare class": rare.f1}


def coverage(rows: int, separation: float, flags: Flags) -> dict[str, float]:
    """Share of simulated data sets whose interval holds the truth, by figure."""
    rng = np.random.default_rng(rows)
    truth, table = draw(POPULATION, separation, rng)
    real = intervals_of(compute_metrics(truth, table, LABELS, resamples=2))
    other = truth_of_difference(separation)
    held: dict[str, int] = dict.fromkeys([*real, "difference of two models"], 0)
    for seed in range(flags.simulations):
        truth, table = draw(rows, separation, rng)
        found = compute_metrics(truth, table, LABELS, seed=seed, resamples=flags.resamples)
        for name, one in intervals_of(found).items():
            held[name] += one.low <= real[name].value <= one.high
        first, second = rng.multinomial(rows, [*other, 1 - sum(other)])[:2]
        one = paired_difference(int(first), int(second), rows)
        held["difference of two models"] += one.low <= other[1] - other[0] <= one.high
    return {name: count / flags.simulations for name, count in held.items()}


def truth_of_difference(separation: float) -> tuple[float, float]:
    """Shares of rows that only the first, and only the second, of two models has right."""
    return (0.08, 0.11) if separation < 2 else (0.01, 0.02)


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
