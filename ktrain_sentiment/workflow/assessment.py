"""A subject judged: figures, baselines, slices, a comparison, abstention, ready to be shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ktrain_sentiment.config import DataConfig
from ktrain_sentiment.data import read_labelled
from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.evaluation.baselines import Baseline, run_baselines
from ktrain_sentiment.evaluation.calibration import abstain, coverage_curve
from ktrain_sentiment.evaluation.comparison import Comparison, compare
from ktrain_sentiment.evaluation.metrics import compute_metrics
from ktrain_sentiment.evaluation.predictions import encode
from ktrain_sentiment.evaluation.record import EvalResult, EvalSet
from ktrain_sentiment.evaluation.review import Slice, evaluate_slices, review, usual_slices
from ktrain_sentiment.report.describing import describe
from ktrain_sentiment.report.facts import ReportFacts
from ktrain_sentiment.report.reading import baseline_facts, measure, read_run
from ktrain_sentiment.workflow.opening import AS_USUAL, Opening, open_classifier
from ktrain_sentiment.workflow.subject import (
    from_predictor,
    from_run,
    is_run,
    predict_same_rows,
)


def find_subject(
    source: DataConfig,
    *,
    predictor: Path | None,
    compare: Sequence[Path],
    split: str = "",
    opening: Opening = AS_USUAL,
) -> tuple[EvalSet, EvalSet | None]:
    """What is to be judged, and what it is to be compared with.

    Args:
        source: Data, or a run folder in its place, or nothing when two runs are compared.
        predictor: A predictor folder for the data.
        compare: One run or predictor more, or two.
        split: Which rows of a run; empty for its test rows.
        opening: How predictor folders are opened.

    Raises:
        ConfigError: What was named does not say what to judge on which rows.
        InputError: A folder or the data cannot be used.
    """
    if len(compare) > 2:
        raise ConfigError(f"--compare: {len(compare)} folders named, wanted one or two")
    first = compare[0] if len(compare) == 2 else predictor
    subject = _main_subject(source, first, split, opening)
    if not compare:
        return subject, None
    return subject, predict_same_rows(compare[-1], subject, opening)


def _main_subject(source: DataConfig, place: Path | None, split: str, opening: Opening) -> EvalSet:
    run = source.data if is_run(source.data) else place
    if run is not None and is_run(run) and (not source.data or run == source.data):
        if place is not None and run != place:
            raise ConfigError(f"{run} is a run with a predictor: leave --predictor {place} out")
        return from_run(Path(run), split)
    if place is None:
        raise ConfigError(
            "nothing to judge: name a run folder, or data and --predictor with a predictor folder"
        )
    if not source.data:
        raise ConfigError(f"{place}: name the labelled data to judge it on, such as reviews.csv")
    texts = read_labelled(source)
    return from_predictor(place, texts, opening)


def assess(
    subject: EvalSet,
    other: EvalSet | None = None,
    *,
    slice_by: Sequence[str] = (),
    abstain_below: float | None = None,
) -> EvalResult:
    """Judge a subject.

    Args:
        subject: The rows with their predictions.
        other: The same rows with another classifier's.
        slice_by: Columns of the data to judge by, beside the usual ones.
        abstain_below: A threshold to judge.

    Raises:
        ConfigError: A column is not there, or the threshold is no probability.
        DataError: A column has too many different values.
    """
    judged = subject.predictions
    if abstain_below is not None and not 0 <= abstain_below <= 1:
        raise ConfigError(f"--abstain-below {abstain_below}: wanted a probability, 0 to 1")
    return EvalResult(
        eval_set=subject,
        metrics=compute_metrics(judged.y_true, judged.probabilities, judged.labels),
        baselines=_baselines(subject),
        slices=_slices(subject, slice_by),
        comparison=_compared(subject, other),
        abstention=None
        if abstain_below is None
        else abstain(judged.y_true, judged.probabilities, abstain_below),
    )


def _baselines(subject: EvalSet) -> dict[str, Baseline]:
    judged, train = subject.predictions, subject.train
    if train is None:
        return run_baselines([], [], judged.texts, judged.y_true, judged.labels)
    train_y = encode(train["label"], judged.labels)
    return run_baselines(
        train["text"].tolist(), train_y, judged.texts, judged.y_true, judged.labels
    )


def _slices(subject: EvalSet, slice_by: Sequence[str]) -> tuple[Slice, ...]:
    judged = subject.predictions
    for name in slice_by:
        if name not in judged.frame:
            listed = ", ".join(map(str, judged.frame.columns))
            raise ConfigError(f"--slice-by {name}: no such column; the data has {listed}")
    if not slice_by:
        return usual_slices(judged)
    chosen = {name: judged.frame[name].tolist() for name in slice_by}
    return evaluate_slices(chosen, judged.y_true, judged.probabilities)


def _compared(subject: EvalSet, other: EvalSet | None) -> Comparison | None:
    if other is None:
        return None
    judged = subject.predictions
    names = (subject.name, other.name)
    if names[0] == names[1]:
        names = (f"{names[0]} (A)", f"{names[1]} (B)")
    tables = (judged.probabilities, other.predictions.probabilities)
    return compare(judged.y_true, *tables, judged.labels, names)


def to_facts(found: EvalResult) -> ReportFacts:
    """The facts of a report on these rows; those of the whole run for a run's own rows."""
    subject = found.eval_set
    if subject.split == "test" and subject.predictor is not None:
        whole = open_classifier(subject.predictor)
        facts = read_run(subject.predictor.parent, whole, found.baselines)
        return replace(facts, slices=found.slices)
    judged, classifier, folder = subject.predictions, subject.classifier, subject.predictor
    speed = measure(classifier, judged.texts, folder) if classifier and folder else None
    return ReportFacts(
        title=subject.name,
        split=subject.split,
        predictions=judged,
        metrics=found.metrics,
        baselines={key: baseline_facts(one) for key, one in found.baselines.items()},
        data=describe(subject.source, {subject.split or "rows": judged.frame}, judged.labels),
        comparison=found.comparison,
        coverage=coverage_curve(judged.y_true, judged.probabilities),
        slices=found.slices,
        errors=review(judged, classifier),
        speed=speed,
        predictor=str(folder),
    )
