"""What a finished run came to, on one line and in two sentences, in the words of its task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ktrain_sentiment.evaluation.record import TrainingRecord
from ktrain_sentiment.evaluation.score_figures import SCORE_FIGURES, STAR_FIGURES
from ktrain_sentiment.messages import count
from ktrain_sentiment.report.sentences import outcome_sentence
from ktrain_sentiment.runs import RunFolder
from ktrain_sentiment.tasks import Kind


@dataclass(frozen=True)
class RunResult:
    """A finished run.

    Attributes:
        folder: Where its files are.
        record: How it was trained and how good it is.
    """

    folder: RunFolder
    record: TrainingRecord

    @property
    def figures(self) -> dict[str, Any]:
        """What `metrics.json` holds."""
        return self.record.to_json()


def summary_figures(result: RunResult) -> dict[str, Any]:
    """The figures of a run that fit on one line."""
    record, metrics = result.record, result.record.metrics
    return {
        "task": metrics.kind,
        **_OWN[metrics.kind](record),
        "intervals": metrics.intervals,
        "rows": metrics.n,
        "split": record.headline,
        "engine": record.engine,
        "learning_rate": record.learning_rate,
        "train_seconds": record.train_seconds,
        "texts_per_second": record.texts_per_second,
        "warnings": list(record.warnings),
        "predictor": str(result.folder.predictor),
        "run": str(result.folder.path),
    }


def _of_classes(record: TrainingRecord) -> dict[str, Any]:
    metrics, majority = record.metrics, record.baselines["majority"]
    baseline = record.baselines.get("tfidf", majority)
    return {
        "accuracy": metrics.accuracy.value,
        "accuracy_interval": [metrics.accuracy.low, metrics.accuracy.high],
        "macro_f1": metrics.macro_f1.value,
        "baseline_accuracy": baseline.accuracy.value,
        "majority_accuracy": majority.accuracy.value,
    }


def _of_stars(record: TrainingRecord) -> dict[str, Any]:
    found = record.metrics
    if found.stars is None:
        return {}
    figures = {name: found.headline[name].value for name in STAR_FIGURES}
    ridge = record.baselines.get("ridge", record.baselines["median"])
    baseline = None if ridge.stars is None else ridge.stars.mae.value
    interval = [found.stars.mae.low, found.stars.mae.high]
    return _of_classes(record) | figures | {"mae_interval": interval, "baseline_mae": baseline}


def _of_scores(record: TrainingRecord) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    for name, figure in record.metrics.headline.items():
        plain = SCORE_FIGURES[name]
        figures |= {plain: figure.value, f"{plain}_interval": [figure.low, figure.high]}
    for key, other in record.baselines.items():
        for name in ("spearman", "rmse"):
            figures[f"{key}_{name}"] = other.headline[name].value
    score = record.metrics.score
    return figures | {"half_width": None if score is None else score.half_width}


def _of_labels(record: TrainingRecord) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    for name, figure in record.metrics.headline.items():
        figures |= {name: figure.value, f"{name}_interval": [figure.low, figure.high]}
    for key, other in record.baselines.items():
        figures[f"{key}_macro_f1"] = other.headline["macro_f1"].value
    multi = record.metrics.multi
    cuts = {} if multi is None else {one.label: one.threshold for one in multi.per_label}
    return figures | {"thresholds": cuts}


_OWN: Mapping[Kind, Callable[[TrainingRecord], dict[str, Any]]] = {
    "classes": _of_classes, "stars": _of_stars, "score": _of_scores, "multi": _of_labels,
}  # fmt: skip


def describe(result: RunResult) -> str:
    """What a run came to, in two sentences."""
    record = result.record
    rows = count(record.metrics.n, f"{record.headline} row")
    said = outcome_sentence(rows, record.metrics)
    return f"{said}{_beside(record)}." if said else _say_of_classes(record, rows)


def _say_of_classes(record: TrainingRecord, rows: str) -> str:
    found, own = record.metrics.accuracy, _of_classes(record)
    gain = 100 * (found.value - own["baseline_accuracy"])
    return (
        f"Of {rows}, {100 * found.value:.1f} % are classified "
        f"rightly (95 % interval {100 * found.low:.1f} to {100 * found.high:.1f}); TF-IDF with "
        f"logistic regression manages {100 * own['baseline_accuracy']:.1f} %, {abs(gain):.1f} "
        f"points {'less' if gain >= 0 else 'more'}. {_other_engines(record)}"
        f"Trained in {record.train_seconds:.0f} s at a maximum learning rate of "
        f"{record.learning_rate:.1e}."
    )


def _other_engines(record: TrainingRecord) -> str:
    """That what is shipped was judged, where there is something else."""
    others = " and ".join(
        f"{100 * one.accuracy.value:.1f} % with {name}"
        for name, one in record.other_engines.items()
    )
    return f"That is the {record.engine} engine, which answers by default ({others}). " * bool(
        others
    )


def _beside(record: TrainingRecord) -> str:
    """What the best linear model comes to; empty of scores."""
    if record.metrics.stars is not None:
        return f"; the best linear model is off by {_of_stars(record)['baseline_mae']:.2f}"
    linear = record.baselines.get("tfidf")
    if record.metrics.multi is None or linear is None:
        return ""
    return f"; TF-IDF comes to {100 * linear.headline['macro_f1'].value:.1f} % macro F1"
