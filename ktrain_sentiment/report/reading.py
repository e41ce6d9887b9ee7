"""From the files of a run to the facts of its report. No model is needed, but one can be given."""

from __future__ import annotations

import datetime
import json
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from ktrain_sentiment.data import SPLIT_NAMES
from ktrain_sentiment.errors import DataError
from ktrain_sentiment.evaluation.baselines import Baseline, run_baselines, tfidf_logistic
from ktrain_sentiment.evaluation.calibration import apply_temperature, coverage_curve
from ktrain_sentiment.evaluation.comparison import Comparison, compare
from ktrain_sentiment.evaluation.metrics import (
    Calibration,
    compute_metrics,
    evaluate_temperature,
)
from ktrain_sentiment.evaluation.predictions import LabelledPredictions, encode
from ktrain_sentiment.evaluation.review import Review, review, usual_slices
from ktrain_sentiment.prediction import Classifier
from ktrain_sentiment.report.describing import describe
from ktrain_sentiment.report.facts import (
    BaselineFacts,
    LearningFacts,
    ReportFacts,
    SearchFacts,
    SpeedFacts,
)
from ktrain_sentiment.runs import RunFolder

TIMED_TEXTS = 256
TIMED_CALLS = 20


def read_run(
    folder: Path,
    classifier: Classifier | None = None,
    baselines: Mapping[str, Baseline] | None = None,
) -> ReportFacts:
    """Gather what the report of a run says.

    Args:
        folder: A finished run.
        classifier: The run's predictor, which then explains its mistakes and is timed.
        baselines: Baselines on the run's headline split; fitted again when not given.

    Raises:
        DataError: The folder is not that of a finished run.
    """
    run = RunFolder(folder)
    figures = _read_metrics(run)
    split = str(figures["headline"])
    judged, frames = read_judged(run, split), _read_splits(run)
    if baselines is None:
        baselines = _fit_baselines(frames["train"], judged)
    return ReportFacts(
        title=folder.resolve().name,
        split=split,
        predictions=judged,
        metrics=compute_metrics(judged.y_true, judged.probabilities, judged.labels),
        baselines={key: baseline_facts(baseline) for key, baseline in baselines.items()},
        data=describe(str(figures["data"]["source"]), frames, judged.labels),
        learning=_read_learning(run, figures),
        folds=figures.get("cross_validation"),
        comparison=_against_tfidf(judged, baselines),
        calibration=_read_calibration(judged, figures) if split == "test" else None,
        coverage=coverage_curve(judged.y_true, judged.probabilities),
        slices=usual_slices(judged),
        errors=_review_validation(run, frames["train"], classifier),
        speed=measure(classifier, judged.texts, run.predictor) if classifier is not None else None,
        settings=yaml.safe_load(run.config.read_text("utf-8")),
        versions=figures.get("versions", {}),
        created=_modified(run.metrics),
        predictor=str(run.predictor),
    )


def _review_validation(
    run: RunFolder, train: pd.DataFrame, classifier: Classifier | None
) -> Review | None:
    """The mistakes on validation rows, labels being doubted together with a linear model."""
    if not run.predictions("validation").is_file():
        return None
    judged = read_judged(run, "validation")
    train_y = encode(train["label"], judged.labels)
    second = tfidf_logistic(train["text"].tolist(), train_y, judged.texts, len(judged.labels))
    return review(judged, classifier, second=second)


def read_judged(run: RunFolder, split: str) -> LabelledPredictions:
    """The rows of a split with their predictions.

    Raises:
        DataError: The run has no predictions of that split.
    """
    path = run.predictions(split)
    if not path.is_file():
        raise DataError(
            f"{run.path} has no predictions of its {split} rows ({path.name}): train it"
        )
    source = run.split(split)
    frame = pd.read_parquet(source) if source.is_file() else None
    return LabelledPredictions.from_frame(pd.read_parquet(path), frame)


def _read_metrics(run: RunFolder) -> dict[str, Any]:
    if not run.metrics.is_file():
        raise DataError(
            f"{run.path} holds no {run.metrics.name}: wanted the folder of a finished run; "
            "train one with ktrain-sentiment train"
        )
    figures: dict[str, Any] = json.loads(run.metrics.read_text("utf-8"))
    return figures


def _read_splits(run: RunFolder) -> dict[str, pd.DataFrame]:
    return {
        name: pd.read_parquet(run.split(name)) for name in SPLIT_NAMES if run.split(name).is_file()
    }


def _modified(path: Path) -> str:
    stamp = datetime.datetime.fromtimestamp(path.stat().st_mtime, tz=datetime.UTC)
    return stamp.isoformat(timespec="minutes")


def _fit_baselines(train: pd.DataFrame, judged: LabelledPredictions) -> dict[str, Baseline]:
    train_y = encode(train["label"], judged.labels)
    return run_baselines(
        train["text"].tolist(), train_y, judged.texts, judged.y_true, judged.labels
    )


def baseline_facts(baseline: Baseline) -> BaselineFacts:
    """What the report says of a baseline."""
    figures = {name: one.value for name, one in baseline.metrics.headline.items()}
    return BaselineFacts(name=baseline.name, figures=figures)


def _against_tfidf(
    judged: LabelledPredictions, baselines: Mapping[str, Baseline]
) -> Comparison | None:
    if "tfidf" not in baselines:
        return None
    other = baselines["tfidf"]
    names = (other.name, "the model")
    tables = (other.probabilities, judged.probabilities)
    return compare(judged.y_true, *tables, judged.labels, names)


def _read_calibration(
    judged: LabelledPredictions, figures: Mapping[str, Any]
) -> Calibration | None:
    """What the temperature did on rows that it was not fitted on."""
    temperature = figures.get("temperature")
    if not temperature:
        return None
    raw = apply_temperature(judged.probabilities, 1 / temperature)
    return evaluate_temperature(judged.y_true, raw, judged.labels, temperature)


def _read_learning(run: RunFolder, figures: Mapping[str, Any]) -> LearningFacts:
    return LearningFacts(
        encoder=str(figures["encoder"]),
        policy=str(figures["policy"]),
        learning_rate=float(figures["learning_rate"]),
        best_epoch=int(figures["best_epoch"]),
        seconds=float(figures["train_seconds"]),
        texts_per_second=figures.get("texts_per_second"),
        device=str(figures.get("device", "")),
        precision=str(figures.get("precision", "")),
        history=pd.read_csv(run.history),
        schedule=pd.read_csv(run.schedule) if run.schedule.is_file() else None,
        search=_read_search(run),
        is_classic=figures.get("model", "encoder") != "encoder",
        longest_text=figures.get("longest_text"),
        adversarial=figures.get("adversarial") or 0,
        kept_layers=tuple(figures.get("kept_layers") or ()),
        teacher=figures.get("teacher"),
    )


def _read_search(run: RunFolder) -> SearchFacts | None:
    if not run.lr_find("json").is_file():
        return None
    found = json.loads(run.lr_find("json").read_text("utf-8"))
    return SearchFacts(
        curve=pd.read_csv(run.lr_find("csv")),
        suggestions=tuple((s["rule"], float(s["learning_rate"])) for s in found["suggestions"]),
        rule=found["rule"],
        problem=found["problem"],
    )


def measure(classifier: Classifier, texts: list[str], folder: Path) -> SpeedFacts:
    """Time a predictor on many texts at once and on one alone, and weigh its files.

    Args:
        classifier: The predictor.
        texts: Real texts; at most 256 are used.
        folder: Its folder.
    """
    many = texts[:TIMED_TEXTS]
    classifier.predict_proba(many[:8])
    start = time.perf_counter()
    classifier.predict_proba(many)
    rate = len(many) / (time.perf_counter() - start)
    calls = []
    for text in (many * TIMED_CALLS)[:TIMED_CALLS]:
        start = time.perf_counter()
        classifier.predict_proba([text])
        calls.append(time.perf_counter() - start)
    files = {
        path.relative_to(folder).as_posix(): path.stat().st_size
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    return SpeedFacts(
        engine=_engine(classifier),
        texts_per_second=rate,
        milliseconds=1000 * float(np.median(calls)),
        files=files,
    )


def _engine(classifier: Classifier) -> str:
    named = getattr(classifier, "engine", None)
    if isinstance(named, str):
        return named
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(classifier).__name__).lower()
