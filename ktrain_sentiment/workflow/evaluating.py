"""How good a classifier is on rows, beside baselines, and what it can do with language.

evaluate(from_run(...))          figures, baselines, slices, warnings
out_of_fold(texts)               no model: a linear one, on folds
check_eval_set(from_run(...))    a checklist: templates, asked of whatever is evaluated
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ktrain_sentiment.atomic import write_json
from ktrain_sentiment.config import ChecklistConfig
from ktrain_sentiment.data import LabelledTexts
from ktrain_sentiment.data.allocation import stratified
from ktrain_sentiment.data.checks import main_language
from ktrain_sentiment.data.repeats import near_codes
from ktrain_sentiment.errors import ConfigError, DataError, InputError, check_installed
from ktrain_sentiment.evaluation.baselines import (
    left_out,
    run_baselines,
    tfidf_logistic,
)
from ktrain_sentiment.evaluation.behaviour import (
    Behaviour,
    check_behaviour,
    find_poles,
    own_templates,
)
from ktrain_sentiment.evaluation.calibration import Abstention, abstain
from ktrain_sentiment.evaluation.cautions import find_warnings
from ktrain_sentiment.evaluation.codec import to_plain
from ktrain_sentiment.evaluation.comparison import Comparison, against_tfidf, compare
from ktrain_sentiment.evaluation.confusion import Floats
from ktrain_sentiment.evaluation.intervals import Estimate, bootstrap_mean
from ktrain_sentiment.evaluation.metrics import compute_metrics
from ktrain_sentiment.evaluation.mistake_costs import (
    CostOfModel,
    MistakeCosts,
    advise_by_cost,
    rank_by_cost,
    weigh,
)
from ktrain_sentiment.evaluation.predictions import (
    LabelledPredictions,
    class_indices,
    gather,
    truth_of,
)
from ktrain_sentiment.evaluation.record import (
    BaselineRecord,
    EvalResult,
    EvalSet,
)
from ktrain_sentiment.evaluation.review import Slice, evaluate_slices, usual_slices
from ktrain_sentiment.inference.loading import find_predictor
from ktrain_sentiment.inference.scoring import inputs_of, task_of
from ktrain_sentiment.messages import count
from ktrain_sentiment.prediction import Classifier
from ktrain_sentiment.predictor.manifest import update_predictor
from ktrain_sentiment.refusals import refuse, refuse_flags, refuse_threshold
from ktrain_sentiment.report.card import model_card
from ktrain_sentiment.report.page import write_report
from ktrain_sentiment.runs import RunFolder
from ktrain_sentiment.tasks import Kind, Task
from ktrain_sentiment.templates import read_templates
from ktrain_sentiment.workflow.classifiers import AS_USUAL, Opening, open_classifier
from ktrain_sentiment.workflow.eval_sets import refuse_slices
from ktrain_sentiment.workflow.recording import facts_of_run

log = logging.getLogger(__name__)

FOLDS = 5

Classes = NDArray[np.int64]


def out_of_fold(texts: LabelledTexts) -> EvalSet:
    """Classify rows without a model of one's own: TF-IDF and logistic regression, on five folds.

    Each row is predicted by a model that has not seen it, nor another row of nearly the same text.

    Args:
        texts: The rows.

    Raises:
        DataError: There are too few rows of a class, or no text holds a word.
        MissingExtraError: scikit-learn is not installed.
    """
    check_installed("sklearn", "train")
    refuse(texts.config.task, "no predictor", texts.source)
    labels, frame = texts.labels, texts.frame
    rarest = min(texts.counts, key=lambda label: texts.counts[label])
    if texts.counts[rarest] < FOLDS:
        raise DataError(
            f"{texts.source}: {rarest} has {count(texts.counts[rarest], 'row')}, wanted at least "
            f"{FOLDS} to evaluate each row by a model that has not seen it; leave that label "
            "out, or give --predictor"
        )
    y_true = class_indices(frame["label"], labels)
    table = _on_folds(frame, y_true, len(labels))
    return EvalSet(
        name="TF-IDF + logistic regression",
        source=texts.source,
        predictions=LabelledPredictions.join(
            frame, table, labels, Task.of(texts.config.task, labels)
        ),
        notes=(
            "no --predictor: each row is classified by TF-IDF and logistic regression that did "
            f"not see it ({FOLDS} folds)",
        ),
    )


def second_opinion(eval_set: EvalSet) -> Floats | None:
    """What TF-IDF and logistic regression say of an eval set's rows, without having seen them.

    Fitted on the rows that the subject's model was trained on where those are known and others,
    else on folds of the subject's own rows.

    Returns:
        Shape (n, classes); None for an eval set that is this model itself, for rows that are too
        few to fold, and where scikit-learn is not installed.
    """
    rows, classes = eval_set.predictions, len(eval_set.predictions.labels)
    if eval_set.predictor is None and eval_set.classifier is None:
        return None
    if eval_set.train is not None and eval_set.split in {"validation", "test"}:
        train_y = class_indices(eval_set.train["label"], rows.labels)
        return tfidf_logistic(eval_set.train["text"].tolist(), train_y, rows.texts, classes)
    if np.bincount(rows.y_true, minlength=classes).min() < FOLDS:
        return None
    try:
        return _on_folds(rows.frame, rows.y_true, classes)
    except DataError:
        return None


def _on_folds(frame: pd.DataFrame, y_true: Classes, classes: int) -> Floats:
    wanted = [len(frame) // FOLDS] * (FOLDS - 1)
    fold = stratified(y_true, near_codes(frame["text"]), wanted, seed=0)
    parts = [_predict_fold(frame, y_true, fold == k, classes) for k in range(FOLDS)]
    return gather(parts, len(frame))


def _predict_fold(
    frame: pd.DataFrame, y_true: Classes, held_out: NDArray[np.bool_], classes: int
) -> tuple[Classes, Floats]:
    known, asked = frame["text"][~held_out].tolist(), frame["text"][held_out].tolist()
    table = tfidf_logistic(known, y_true[~held_out], asked, classes)
    if table is None:
        raise DataError(
            "no model can be fitted: scikit-learn is not installed, or the texts hold no word; "
            "give --predictor"
        )
    return np.flatnonzero(held_out), table


def evaluate(
    eval_set: EvalSet,
    other: EvalSet | None = None,
    *,
    slice_by: Sequence[str] = (),
    abstain_below: float | None = None,
    costs: Sequence[str] = (),
) -> EvalResult:
    """Say how good a classifier is on some rows, beside baselines, and where it is weak.

    Args:
        eval_set: The rows with their predictions.
        other: Those of the rows with another classifier's that both are compared on.
        slice_by: Columns of the data to divide the rows by; the usual ones when empty.
        abstain_below: Say what is gained by leaving texts below this probability to a person; with
            costs, texts whose answer of least expected cost is less sure (`Task.confidence`).
        costs: Say what mistakes cost that cost this; see `MistakeCosts.parse`.

    Raises:
        ConfigError: A column is not there, the threshold is no probability, or a cost makes no
            sense.
        DataError: A column has too many different values.
    """
    rows = eval_set.predictions
    refuse_threshold(abstain_below)
    asked = {"--slice-by": bool(slice_by), "--abstain-below": abstain_below is not None}
    refuse_flags(rows.task.kind, asked)
    weighed = MistakeCosts.parse(costs, rows.task, rows.labels) if costs else None
    metrics = rows.metrics()
    baselines, tfidf = _baselines(eval_set)
    missing = left_out(rows.labels, learning=eval_set.train is not None)
    if missing and rows.task.chooses and not {"tfidf", "vader"} <= set(baselines):
        eval_set = replace(eval_set, notes=(*eval_set.notes, missing))
    if other is not None:
        of_other = (f"{other.name}: {note}" for note in other.notes)
        eval_set = replace(eval_set, notes=(*eval_set.notes, *of_other))
    slices = _slices(rows, slice_by)
    comparison = None if other is None else _compare(eval_set, other)
    by_cost: tuple[CostOfModel, ...] = ()
    if other is not None and weighed is not None:
        by_cost = rank_by_cost(weighed, *_both(eval_set, other))
    return EvalResult(
        eval_set=eval_set,
        metrics=metrics,
        baselines=baselines,
        slices=slices,
        comparison=comparison,
        abstention=None if abstain_below is None else _abstention(rows, abstain_below, weighed),
        costs=None if weighed is None else weigh(weighed, rows.y_true, rows.probabilities),
        by_cost=by_cost,
        cost_advice=advise_by_cost(by_cost, comparison.better if comparison else None),
        warnings=find_warnings(
            metrics, baselines, tfidf, slices, held_out=eval_set.split != "validation"
        ),
    )


_OF_ANSWERS: Mapping[Kind, tuple[str, ...]] = {
    "stars": ("mae", "within_one"), "multi": ("micro_f1",),
}  # fmt: skip
"""What a task asks of the answers that are given, beside how many of them are right."""


def _abstention(
    rows: LabelledPredictions, below: float, weighed: MistakeCosts | None
) -> Abstention:
    table, task = rows.probabilities, rows.task if weighed is None else weighed.deciding
    said, confidence = task.said(table), task.confidence(table)
    right = said == rows.y_true
    found = abstain(right.all(axis=1) if task.is_multi else right, confidence, below)
    given = confidence >= below
    if not given.any():
        return found
    # Of the likeliest label these are, and not of the one that costs let say.
    names = () if task.costs and task.chooses else _OF_ANSWERS.get(task.kind, ())
    figures: dict[str, Estimate] = {}
    if names:
        headline = compute_metrics(rows.y_true[given], table[given], rows.labels, task).headline
        figures = {name: headline[name] for name in names}
    if weighed is not None:
        figures["cost"] = bootstrap_mean(weighed.of_rows(rows.y_true[given], said[given]))
    return replace(found, figures=figures)


def _baselines(eval_set: EvalSet) -> tuple[Mapping[str, BaselineRecord], Comparison | None]:
    """Baselines on the rows, and the model against TF-IDF; as the run recorded them, if it did."""
    record, rows, train = eval_set.record, eval_set.predictions, eval_set.train
    if record is not None and record.headline == eval_set.split and record.baselines:
        return record.baselines, record.comparison
    texts = [] if train is None else train["text"].tolist()
    train_y: Sequence[int] | NDArray[Any] = []
    if train is not None:
        train_y = truth_of(train["label"], rows.labels, rows.task)
    found = run_baselines(
        texts, train_y, rows.texts, rows.y_true, rows.labels, rows.task,
        language=main_language(rows.texts),
    )  # fmt: skip
    return {key: BaselineRecord.of(one) for key, one in found.items()}, against_tfidf(rows, found)


def _slices(rows: LabelledPredictions, slice_by: Sequence[str]) -> tuple[Slice, ...]:
    refuse_slices(rows.frame, slice_by)
    if not slice_by:
        return usual_slices(rows)
    chosen = {name: rows.frame[name].tolist() for name in slice_by}
    return evaluate_slices(chosen, rows.y_true, rows.probabilities)


def _both(eval_set: EvalSet, other: EvalSet) -> tuple[Classes, dict[str, Floats]]:
    """The truth of the rows that both are judged on, and the answers of each by its name."""
    rows, names = eval_set.predictions, (eval_set.name, other.name)
    if names[0] == names[1]:
        names = (f"{names[0]} (A)", f"{names[1]} (B)")
    kept = slice(None) if other.places is None else other.places
    tables = (rows.settled[kept], other.predictions.settled)
    return rows.y_true[kept], dict(zip(names, tables, strict=True))


def _compare(eval_set: EvalSet, other: EvalSet) -> Comparison:
    (truth, tables), rows = _both(eval_set, other), eval_set.predictions
    (one, first), (another, second) = tables.items()
    return compare(truth, first, second, rows.labels, (one, another), rows.task.cut_at(()))


def check_eval_set(
    eval_set: EvalSet, config: ChecklistConfig, opening: Opening = AS_USUAL
) -> Behaviour:
    """Check what was evaluated, its rows among what is changed.

    Raises:
        ConfigError: The templates cannot be used, or the labels' meaning is not known.
        PredictorError: There is no predictor to ask.
    """
    classifier = eval_set.classifier
    if classifier is None:
        if eval_set.predictor is None:
            raise ConfigError(f"--checklist: {eval_set.source} has no predictor that can be asked")
        classifier = open_classifier(eval_set.predictor, opening)
    return check_classifier(classifier, config, eval_set.predictions.texts)


def check_predictor(place: Path, config: ChecklistConfig, opening: Opening = AS_USUAL) -> Behaviour:
    """Check a predictor folder without any labelled rows.

    Raises:
        ConfigError: The templates cannot be used, or the labels' meaning is not known.
        PredictorError: The folder cannot be used.
    """
    return check_classifier(open_classifier(find_predictor(place), opening), config)


def check_classifier(
    classifier: Classifier, config: ChecklistConfig, rows: Sequence[str] = ()
) -> Behaviour:
    """Ask a classifier all cases, and say where the templates are in another language than rows.

    Args:
        classifier: Who is asked.
        config: Which templates, how many cases, and what the labels mean.
        rows: Texts of the data; without them tests that change such texts are left out.

    Raises:
        ConfigError: The templates cannot be used, or the labels' meaning is not known.
    """
    refuse(task_of(classifier).kind, "--checklist")
    if inputs := inputs_of(classifier):
        raise ConfigError(
            f"--checklist asks with sentences alone, and the predictor reads {inputs.told}: leave "
            "it out"
        )
    templates = own_templates() if config.templates is None else read_templates(config.templates)
    poles = find_poles(classifier.labels, config.positive, config.negative)
    found = check_behaviour(classifier, templates, poles, rows=rows, cases=config.cases)
    other = main_language(rows)
    if other in ("", found.language):
        return found
    note = (
        f"the checklist is in {found.language} and most rows are in {other}: it says little of "
        "them; write templates of your own (--templates)"
    )
    return replace(found, notes=(*found.notes, note))


def keep_behaviour(run: RunFolder, found: Behaviour) -> None:
    """Put a checklist into a finished run: its own file, its page and its predictor's card.

    A run that cannot be written, such as somebody else's, stays as it is, which is said.
    """
    try:
        write_json(run.checklist, to_plain(found), overwrite=True)
        facts = facts_of_run(run.path)
        if run.predictor.is_dir():
            update_predictor(run.predictor, card=model_card(facts))
        write_report(facts, run.report)
    except InputError as error:
        log.warning("not kept in the run: %s", error)
    else:
        log.info("kept in %s, in the report and in the model card", run.checklist)
