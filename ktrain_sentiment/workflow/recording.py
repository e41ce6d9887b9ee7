"""What a training came to: its record for `metrics.json`, and the facts of a report from it."""

from __future__ import annotations

import json
import logging
import re
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from ktrain_sentiment.config import DataConfig
from ktrain_sentiment.data import LabelledTexts, Splits
from ktrain_sentiment.data.at_rest import in_portions, some_rows
from ktrain_sentiment.data.checks import check_rows, main_language
from ktrain_sentiment.data.findings import Finding
from ktrain_sentiment.data.label_sets import one_a_row
from ktrain_sentiment.data.profile import telling_words
from ktrain_sentiment.data.repeats import check_splits
from ktrain_sentiment.data.scores import band_names, bands_in_order, score_bands
from ktrain_sentiment.errors import DataError
from ktrain_sentiment.evaluation.baselines import Baseline, run_baselines, tfidf_logistic
from ktrain_sentiment.evaluation.behaviour import Behaviour
from ktrain_sentiment.evaluation.calibration import apply_temperature, probability_curves
from ktrain_sentiment.evaluation.cautions import find_warnings
from ktrain_sentiment.evaluation.codec import from_plain
from ktrain_sentiment.evaluation.comparison import against_tfidf
from ktrain_sentiment.evaluation.metrics import Calibration, Metrics, compute_metrics
from ktrain_sentiment.evaluation.predictions import LabelledPredictions, class_indices, truth_of
from ktrain_sentiment.evaluation.record import (
    VERSION,
    BaselineRecord,
    DataSummary,
    EngineRecord,
    EvalResult,
    FindingSummary,
    SpeedRecord,
    TrainingRecord,
    now,
)
from ktrain_sentiment.evaluation.review import (
    ScoreMistake,
    SetMistake,
    as_mistakes,
    by_length,
    review,
    usual_slices,
)
from ktrain_sentiment.inference import load
from ktrain_sentiment.inference.scoring import task_of
from ktrain_sentiment.inputs import Inputs
from ktrain_sentiment.messages import count, in_words
from ktrain_sentiment.prediction import Classifier
from ktrain_sentiment.predictor.manifest import read_manifest, trained_table
from ktrain_sentiment.report.facts import USUAL, ReportFacts, ScoreFacts, SearchFacts
from ktrain_sentiment.runs import RunFolder
from ktrain_sentiment.workflow.by_task import OTHER_ANSWERS
from ktrain_sentiment.workflow.eval_sets import read_predictions

log = logging.getLogger(__name__)

_FITTED_ON_TEXTS = {"tfidf", "ridge"}
TIMED_TEXTS = 256
TIMED_CALLS = 20
FEW_ROWS = 25
"""Figures of a class with fewer evaluated rows are called rough."""


@dataclass(frozen=True)
class FitEvaluation:
    """Figures and predictions of one trained model.

    Attributes:
        headline: `test`, or `validation` when no rows were kept for a test.
        metrics: Figures by split name, after temperature scaling.
        before_temperature: Figures of the headline split before temperature scaling; None of
            scores, which have no temperature.
        baselines: Baselines on the headline split, by key.
        temperature: Fitted on the validation rows, and part of what the classifier answers.
        predictions: The rows of each split with their probabilities, by split name.
        losses: Validation rows by falling loss.
    """

    headline: str
    metrics: dict[str, Metrics]
    before_temperature: Metrics | None
    baselines: dict[str, Baseline]
    temperature: float
    predictions: dict[str, LabelledPredictions]
    losses: pd.DataFrame


def predict_splits(classifier: Classifier, splits: Splits) -> dict[str, LabelledPredictions]:
    """What a classifier says of the validation rows, and of the test rows where there are any.

    Intervals of scores belong to the test rows alone: by the validation rows they were made.
    """
    answers = task_of(classifier)
    return {
        name: LabelledPredictions.join(
            frame,
            classifier.predict_proba(frame["text"].tolist()),
            classifier.labels,
            splits.task.within(answers.half_width if name == "test" else None).cut_at(
                answers.thresholds
            ),
        )
        for name, frame in (("validation", splits.validation), ("test", splits.test))
        if len(frame)
    }


def evaluate_fit(
    said: Mapping[str, LabelledPredictions], train: pd.DataFrame, temperature: float
) -> FitEvaluation:
    """Say how good a classifier's answers are, beside baselines.

    Args:
        said: What `predict_splits` gave: `validation`, and `test` if there is one.
        train: Columns `text` and `label`, for the baselines; of very many rows, some.
        temperature: The one that is in the answers; without it they were less, or more, sure. Means
            nothing to scores.
    """
    labels, task = said["validation"].labels, said["validation"].task
    headline = "test" if "test" in said else "validation"
    shown = said[headline]
    before = None
    if task.chooses:
        cooler = apply_temperature(shown.probabilities, 1 / temperature)
        before = compute_metrics(shown.y_true, cooler, labels, task)
    fitted = some_rows(train)
    train_y = truth_of(fitted["label"], labels, task)
    baselines = run_baselines(
        fitted["text"].tolist(),
        train_y,
        shown.texts,
        shown.y_true,
        labels,
        task,
        language=main_language(shown.texts),
    )
    if len(fitted) < len(train):
        of = f" on {len(fitted):,} rows"
        baselines = {
            key: replace(one, name=one.name + of) if key in _FITTED_ON_TEXTS else one
            for key, one in baselines.items()
        }
    return FitEvaluation(
        headline=headline,
        metrics={name: rows.metrics() for name, rows in said.items()},
        before_temperature=before,
        baselines=baselines,
        temperature=temperature,
        predictions=dict(said),
        losses=said["validation"].losses(),
    )


def judge_other_engines(
    folder: Path, shipped: str, rows: LabelledPredictions
) -> dict[str, EngineRecord]:
    """The figures of a predictor's engines but the one that answers by default.

    Args:
        folder: The predictor.
        shipped: The engine that answers by default.
        rows: What it says of the headline rows.
    """
    found = {}
    for name in read_manifest(folder).kept:
        if name == shipped:
            continue
        answers = load(folder, name).predict_proba(rows.texts)  # type: ignore[arg-type]
        table = np.asarray(answers, dtype=np.float64)
        changed = int(OTHER_ANSWERS[rows.task.kind](rows, table).sum())
        metrics = compute_metrics(rows.y_true, table, rows.labels, rows.task)
        found[name] = EngineRecord(**vars(metrics), changed=changed)
    return found


def record_training(
    found: FitEvaluation,
    splits: Splits,
    source: str,
    read: DataConfig | None = None,
    doubts: Sequence[str] = (),
    **training: Any,  # noqa: ANN401
) -> TrainingRecord:
    """The record of a training, without what its predictor is asked for.

    Args:
        found: What `evaluate_fit` found.
        splits: The rows.
        source: The data as the user named them.
        read: How they were read; the defaults where that is not known.
        doubts: Why it may have learned little, a sentence each.
        **training: The fields of `TrainingRecord` that say how it was trained.
    """
    rows, metrics = found.predictions[found.headline], found.metrics[found.headline]
    data, comparison = summarize_data(source, splits, read), against_tfidf(rows, found.baselines)
    held_out, slices = found.headline == "test", usual_slices(rows)
    before = found.before_temperature
    calibration = None if before is None else Calibration(found.temperature, before, metrics)
    return TrainingRecord(
        version=VERSION,
        headline=found.headline,
        validation=found.metrics["validation"],
        test=found.metrics.get("test"),
        before_temperature=found.before_temperature,
        temperature=found.temperature,
        baselines={key: BaselineRecord.of(one) for key, one in found.baselines.items()},
        comparison=comparison,
        slices=slices,
        data=data,
        created=now(),
        warnings=find_warnings(
            metrics,
            {key: one.metrics for key, one in found.baselines.items()},
            comparison,
            slices,
            calibration=calibration if held_out else None,
            data=(*doubts, *data.warnings),
            held_out=held_out,
        ),
        **training,
    )


def ask_predictor(
    record: TrainingRecord,
    found: FitEvaluation,
    train: pd.DataFrame,
    classifier: Classifier,
    folder: Path,
) -> TrainingRecord:
    """The record with what the saved predictor shows: its mistakes, their words, its speed.

    Labels are doubted together with a linear model, and on validation rows: the test rows stay
    unread. Scores have no labels to doubt.

    Args:
        record: What `record_training` gave.
        found: What `evaluate_fit` found.
        train: The training rows.
        classifier: The predictor, opened.
        folder: Its folder.
    """
    speed = measure(classifier, found.predictions[found.headline].texts, folder)
    rows, classes = found.predictions["validation"], len(record.data.labels)
    if not rows.task.chooses:
        return replace(record, speed=speed)
    log.info("looking into its mistakes on the validation rows, and which words drive them")
    train = some_rows(train)
    train_y = class_indices(train["label"], rows.labels)
    second = tfidf_logistic(train["text"].tolist(), train_y, rows.texts, classes)
    errors = review(rows, classifier, second=second).summary()
    return replace(record, errors=errors, speed=speed)


def measure(classifier: Classifier, texts: Sequence[str], folder: Path) -> SpeedRecord:
    """Time a predictor on many texts at once and on one alone, and weigh its files.

    Args:
        classifier: The predictor.
        texts: Real texts; see `speed_of`.
        folder: Its folder.
    """
    # The first call builds what an engine keeps, and says nothing of its speed.
    classifier.predict_proba(list(texts[:8]))
    rate, latency = speed_of(classifier.predict_proba, texts)
    named = getattr(classifier, "engine", None)
    spoken = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(classifier).__name__).lower()
    return SpeedRecord(
        engine=named if isinstance(named, str) else spoken,
        texts_per_second=rate,
        milliseconds=latency,
        files={
            path.relative_to(folder).as_posix(): path.stat().st_size
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        },
    )


def speed_of(
    predict: Callable[[Sequence[str]], object], texts: Sequence[str]
) -> tuple[float, float]:
    """Texts a second on many texts, and milliseconds of one alone (median).

    Args:
        predict: Answers texts; warm already.
        texts: Real texts; at most 256 are used, 20 alone.
    """
    many = list(texts[:TIMED_TEXTS])
    begun = time.perf_counter()
    predict(many)
    rate = len(many) / (time.perf_counter() - begun)
    calls = []
    for text in (many * TIMED_CALLS)[:TIMED_CALLS]:
        begun = time.perf_counter()
        predict([text])
        calls.append(1000 * (time.perf_counter() - begun))
    return rate, statistics.median(calls)


def summarize_data(source: str, splits: Splits, read: DataConfig | None = None) -> DataSummary:
    """Counts, lengths, telling words, what the checks found, and warnings, of all splits.

    Of very many training rows some are checked, and findings say of how many.

    Args:
        source: The data as the user named them.
        splits: The rows.
        read: How they were read; the defaults where that is not known.
    """
    read = read or DataConfig()
    looked_at = [some_rows(splits.train), splits.validation, splits.test]
    everything = pd.concat(looked_at, ignore_index=True)
    frames = {"train": splits.train, "validation": splits.validation, "test": splits.test}
    # Alone what findings speak of: labels were renamed and left out already.
    config = DataConfig(
        task=splits.kind, duplicates=read.duplicates, contradictions=read.contradictions
    )
    findings = check_rows(LabelledTexts(everything, source, "text", "label", config=config))
    if len(looked_at[0]) < len(splits.train):
        of = f" (of {len(everything):,} rows that were looked at)"
        findings = tuple(replace(one, summary=one.summary + of) for one in findings)
    findings += check_splits(splits)
    return replace(
        _describe(source, frames, splits.labels, findings, splits.kind),
        rows=splits.sizes(),
        fingerprint=splits.fingerprint,
    )


def _describe(
    source: str,
    frames: Mapping[str, pd.DataFrame],
    labels: tuple[str, ...],
    findings: Sequence[Finding],
    kind: str,
) -> DataSummary:
    present = {name: frame for name, frame in frames.items() if len(frame)}
    sizes = {name: len(frame) for name, frame in present.items()}
    words = [
        np.asarray(by_length(part), np.int32)
        for frame in present.values()
        for part in in_portions(frame["text"])
    ]
    are_scores = kind == "score"
    if kind == "multi":
        present = {name: one_a_row(frame) for name, frame in present.items()}
    if are_scores:
        # What classes are to others: quarters of the rows, from the lowest scores to the highest.
        ends = score_bands(pd.concat([one["label"] for one in present.values()]).astype(float))
        bands = {name: band_names(frame["label"], ends) for name, frame in present.items()}
        present = {name: frame.assign(label=bands[name]) for name, frame in present.items()}
        labels = tuple(bands_in_order(ends))
    counts = {
        label: {name: int((frame["label"] == label).sum()) for name, frame in present.items()}
        for label in labels
    }
    everything = pd.concat(map(some_rows, present.values()), ignore_index=True)
    quantiles = np.quantile(np.concatenate(words), [0.5, 0.9, 0.99, 1.0]).astype(int)
    warnings = _first_of_each_kind([one for one in findings if one.severity == "error"])
    few = [
        label
        for label in labels
        if any(n < FEW_ROWS for name, n in counts[label].items() if name != "train")
    ]
    if few and not are_scores:
        warnings.append(
            f"Of {in_words(few)} there are fewer than {FEW_ROWS} validation or test rows: "
            "figures of such classes are rough."
        )
    return DataSummary(
        source=source,
        labels=labels,
        rows=sizes,
        counts=counts,
        words=tuple(quantiles.tolist()),
        findings=tuple(
            FindingSummary(severity=one.severity, summary=one.summary, advice=one.advice)
            for one in findings
        ),
        telling={
            label: tuple(word for word, _ in own)
            for label, own in telling_words(everything).items()
        },
        warnings=tuple(warnings),
    )


def _first_of_each_kind(findings: Sequence[Finding]) -> list[str]:
    """A warning for each kind of finding: ten alike would hide what is said of the model."""
    kinds: dict[str, list[Finding]] = {}
    for one in findings:
        kinds.setdefault(one.check, []).append(one)
    return [
        f"Data: {first.summary}"
        + (f"; {count(len(others), 'more such finding')}, under Data." if others else ".")
        for first, *others in kinds.values()
    ]


def facts_of_run(folder: Path) -> ReportFacts:
    """What the report of a finished run says, from its files; no model is opened.

    Raises:
        DataError: The folder is not that of a finished run.
    """
    run = RunFolder(folder)
    record = TrainingRecord.read(run.metrics)
    curves = scores = None
    worst: tuple[SetMistake, ...] = ()
    if run.predictions(record.headline).is_file():
        rows = read_predictions(run, record.headline)
        if rows.task.chooses:
            curves = probability_curves(rows.y_true, rows.probabilities, rows.labels)
        # Its texts stay unread, as those of classes do: the list is of validation rows.
        seen = rows if rows.task.chooses else read_predictions(run, "validation")
        scores, worst = score_facts(rows, seen), worst_labels(seen)
    return ReportFacts(
        title=folder.resolve().name,
        split=record.headline,
        metrics=record.metrics,
        baselines=record.baselines,
        data=record.data,
        training=record,
        history=pd.read_csv(run.history) if run.history.is_file() else None,
        schedule=pd.read_csv(run.schedule) if run.schedule.is_file() else None,
        search=_read_search(run),
        comparison=record.comparison,
        calibration=record.calibration,
        curves=curves,
        scores=scores,
        worst=worst,
        slices=record.slices,
        errors=record.errors,
        checklist=_read_checklist(run),
        speed=record.speed,
        warnings=record.warnings,
        settings=yaml.safe_load(run.config.read_text("utf-8")),
        predictor=str(run.predictor),
        inputs=Inputs.of(trained_table(run.predictor)),
    )


FARTHEST = 20


def score_facts(
    rows: LabelledPredictions, listed: LabelledPredictions | None = None
) -> ScoreFacts | None:
    """What a page draws of scores, and lists; None for classes and stars.

    Args:
        rows: What is drawn.
        listed: Whose texts are listed; those of `rows` when None.
    """
    if not rows.task.is_score:
        return None
    worst = as_mistakes(ScoreMistake, (listed or rows).losses(FARTHEST))
    return ScoreFacts(truth=rows.y_true, said=rows.probabilities[:, 0], farthest=worst)


def worst_labels(rows: LabelledPredictions) -> tuple[SetMistake, ...]:
    """Texts whose several labels are most wrong; none for other tasks."""
    if not rows.task.is_multi:
        return ()
    worst = rows.losses()
    wrong = worst[worst["label"] != worst["predicted"]].head(FARTHEST)
    return as_mistakes(SetMistake, wrong)


def _read_checklist(run: RunFolder) -> Behaviour | None:
    if not run.checklist.is_file():
        return None
    try:
        kept = json.loads(run.checklist.read_text("utf-8"))
    except ValueError as error:
        raise DataError(f"{run.checklist}: not JSON: delete it, or check again") from error
    return from_plain(kept, Behaviour, run.checklist)


def _read_search(run: RunFolder) -> SearchFacts | None:
    if not run.lr_find("json").is_file():
        return None
    found = json.loads(run.lr_find("json").read_text("utf-8"))
    suggestions = [(s["rule"], float(s["learning_rate"])) for s in found["suggestions"]]
    rule, taken = found["rule"], found.get("taken")
    if rule is None and taken is not None:
        rule = USUAL
        suggestions.append((USUAL, float(taken)))
    return SearchFacts(
        curve=pd.read_csv(run.lr_find("csv")),
        suggestions=tuple(suggestions),
        rule=rule,
        problem=found["problem"],
    )


def facts_of(found: EvalResult) -> ReportFacts:
    """What a report on evaluated rows says; of a run's own test rows, what the run's says."""
    eval_set = found.eval_set
    rows, folder = eval_set.predictions, eval_set.predictor
    if eval_set.split == "test" and folder is not None:
        run = facts_of_run(folder.parent)
        return replace(
            run,
            slices=found.slices,
            comparison=found.comparison or run.comparison,
            checklist=found.checklist or run.checklist,
            abstention=found.abstention,
            costs=found.costs,
            cost_advice=found.cost_advice,
        )
    classifier = eval_set.classifier
    speed = measure(classifier, rows.texts, folder) if classifier and folder else None
    config = DataConfig(task=rows.task.kind)
    findings = check_rows(
        LabelledTexts(rows.frame, eval_set.source, "text", "label", config=config)
    )
    frames = {eval_set.split or "rows": rows.frame}
    return ReportFacts(
        title=eval_set.name,
        split=eval_set.split,
        metrics=found.metrics,
        baselines=found.baselines,
        data=_describe(eval_set.source, frames, rows.labels, findings, rows.task.kind),
        comparison=found.comparison,
        curves=probability_curves(rows.y_true, rows.probabilities, rows.labels)
        if rows.task.chooses
        else None,
        scores=score_facts(rows),
        worst=worst_labels(rows),
        slices=found.slices,
        errors=review(rows, classifier).summary() if rows.task.chooses else None,
        checklist=found.checklist,
        abstention=found.abstention,
        costs=found.costs,
        cost_advice=found.cost_advice,
        speed=speed,
        warnings=found.warnings,
        predictor=str(folder),
    )
