"""Figures and verdicts in words, the same on the screen, in the report and in the model card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ktrain_sentiment.evaluation.calibration import Abstention
from ktrain_sentiment.evaluation.intervals import Estimate
from ktrain_sentiment.evaluation.metrics import Metrics
from ktrain_sentiment.report.facts import ReportFacts

NAMES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "weighted_f1": "weighted F1",
    "mcc": "Matthews correlation",
    "log_loss": "log loss (nats)",
    "brier": "Brier score",
    "ece": "calibration error",
}
SHORT = {"majority": "majority", "tfidf": "TF-IDF", "vader": "VADER"}
"""Names of baselines for the heads of narrow tables."""
SHARES = frozenset({"accuracy", "balanced_accuracy", "macro_f1", "weighted_f1", "ece"})
LOWER_IS_BETTER = frozenset({"log_loss", "brier", "ece"})


def share(value: float, digits: int = 1) -> str:
    """A share as per cent."""
    return f"{100 * value:.{digits}f} %"


def plain(name: str, value: float) -> str:
    """A figure without its interval."""
    return share(value) if name in SHARES else f"{value:.3f}"


def interval(name: str, figure: Estimate) -> str:
    """The interval of a figure alone: '88.4 to 91.6'."""
    if name in SHARES:
        return f"{100 * figure.low:.1f} to {100 * figure.high:.1f}"
    return f"{figure.low:.3f} to {figure.high:.3f}"


def full(name: str, figure: Estimate) -> str:
    """A figure with its interval: '90.1 % (88.4 to 91.6)'."""
    return f"{plain(name, figure.value)} ({interval(name, figure)})"


def duration(seconds: float) -> str:
    """A time in the unit that fits."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h"


def size(count: int) -> str:
    """A number of bytes as MB."""
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"


def calibration_sentence(evaluation: Metrics) -> str:
    """Whether the probabilities are what they say, in words."""
    error, floor = evaluation.ece.value, evaluation.ece_floor
    judged = "no more than chance explains" if error <= floor else "more than chance explains"
    return (
        f"Its probabilities are off by {share(error)} on average, {judged} on "
        f"{evaluation.n:,} rows (up to {share(floor)})."
    )


def abstention_sentence(found: Abstention) -> str:
    """What a threshold does, in words."""
    start = f"Leaving texts below {found.below:g} to a person"
    if found.accuracy is None:
        return f"{start} leaves all of them."
    return (
        f"{start}, {full('accuracy', found.covered)} are answered, and of the answers "
        f"{full('accuracy', found.accuracy)} are right."
    )


FOLDS_HEAD = ["", "all rows together", "95 % interval", "mean of folds", "spread", "from", "to"]


def folds_title(found: Mapping[str, Any]) -> str:
    """Title of a table with `fold_rows`."""
    return (
        f"{found['pooled']['n']:,} rows, each predicted by one of {found['folds']} models that "
        "did not see it; spread is one standard deviation"
    )


def fold_rows(found: Mapping[str, Any]) -> list[list[str]]:
    """One row a figure, in the columns of `FOLDS_HEAD`, from what `metrics.json` holds."""
    rows = []
    for name, over in found["spread"].items():
        whole = Estimate(**found["pooled"][name])
        values = (over["mean"], over["deviation"], over["lowest"], over["highest"])
        shown = [plain(name, value) for value in values]
        rows.append([NAMES[name], plain(name, whole.value), interval(name, whole), *shown])
    return rows


def verdict(facts: ReportFacts) -> str:
    """The outcome in one or two sentences."""
    accuracy = facts.metrics.accuracy
    rows = {"test": "that training never saw", "validation": "of the validation split"}.get(
        facts.split, f"of {facts.data.source}"
    )
    first = (
        f"Of {accuracy.n:,} texts {rows}, the model labels {share(accuracy.value)} rightly "
        f"(95 % interval {interval('accuracy', accuracy)})."
    )
    best = facts.best_baseline
    if best is None:
        return first
    gap = 100 * (accuracy.value - best.figures["accuracy"])
    if abs(gap) < 0.05:
        return f"{first} {best.name} gets as many right."
    word = "more" if gap > 0 else "fewer"
    return f"{first} That is {abs(gap):.1f} points {word} than {best.name} gets on the same texts."


def cautions(facts: ReportFacts) -> list[str]:
    """What a critical reader should be told before the figures, a sentence each."""
    found = list(facts.data.warnings)
    if not facts.held_out:
        found.append(
            "No rows were kept for a test. The best epoch and the temperature were chosen on the "
            "rows that these figures are on, so they are somewhat too good."
        )
    if facts.learning and facts.comparison and facts.comparison.better != "the model":
        found.append(f"Against TF-IDF: {facts.comparison.sentence}")
    if facts.calibration is not None and not facts.calibration.helped:
        found.append(facts.calibration.sentence)
    found += [
        f"Weak where {one.column} is {one.value}: {share(one.accuracy.value)} of {one.n:,} rows "
        f"are labelled rightly, {share(one.rest)} of the others."
        for one in facts.slices
        if one.weak and one.rest is not None
    ]
    return found
