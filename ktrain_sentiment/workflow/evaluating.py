"""What is evaluated, and how good it is: a run's own rows, a predictor on data, or data alone.

from_run(Path("runs/reviews"), "test")            its saved predictions; no model is opened
from_predictor(Path("any/predictor"), texts)      predicts first
out_of_fold(texts)                                no model: a linear one, on folds
evaluate(from_run(...))                           figures, baselines, slices, warnings
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ktrain_sentiment.config import DataConfig
from ktrain_sentiment.data import LabelledTexts, read_labelled
from ktrain_sentiment.data.allocation import stratified
from ktrain_sentiment.data.checks import main_language
from ktrain_sentiment.data.reading import is_missing
from ktrain_sentiment.data.repeats import near_codes
from ktrain_sentiment.errors import ConfigError, DataError, check_installed
from ktrain_sentiment.evaluation.baselines import Baseline, left_out, run_baselines, tfidf_logistic
from ktrain_sentiment.evaluation.calibration import abstain
from ktrain_sentiment.evaluation.cautions import find_warnings
from ktrain_sentiment.evaluation.comparison import Comparison, compare
from ktrain_sentiment.evaluation.confusion import Floats
from ktrain_sentiment.evaluation.metrics import compute_metrics
from ktrain_sentiment.evaluation.predictions import (
    LabelledPredictions,
    encode,
    fit_labels,
    gather,
    truth_of,
)
from ktrain_sentiment.evaluation.record import (
    BaselineRecord,
    EvalResult,
    EvalSet,
    TrainingRecord,
)
from ktrain_sentiment.evaluation.review import Slice, evaluate_slices, usual_slices
from ktrain_sentiment.inference.loading import find_predictor
from ktrain_sentiment.inference.scoring import task_of
from ktrain_sentiment.prediction import Classifier
from ktrain_sentiment.predictor.layout import PredictorFolder
from ktrain_sentiment.predictor.manifest import trained_table
from ktrain_sentiment.runs import RunFolder
from ktrain_sentiment.tables.sources import near_name
from ktrain_sentiment.tasks import Task
from ktrain_sentiment.workflow.classifiers import AS_USUAL, Opening, open_classifier

log = logging.getLogger(__name__)

FOLDS = 5

Classes = NDArray[np.int64]


def is_run(place: str | Path) -> bool:
    """Whether this is the folder of a run."""
    run = RunFolder(Path(place))
    return run.path.is_dir() and (run.metrics.is_file() or run.split("train").is_file())


def from_run(folder: Path, split: str = "") -> EvalSet:
    """A run's saved predictions of its test rows, or of its validation rows without such.

    Args:
        folder: A finished run.
        split: `validation` or `test`; chosen when empty.

    Raises:
        DataError: The run has no predictions of that split.
    """
    run = RunFolder(folder)
    chosen = split or ("test" if run.predictions("test").is_file() else "validation")
    return EvalSet(
        name=folder.resolve().name,
        source=f"{folder} ({chosen} rows)",
        predictions=read_predictions(run, chosen),
        predictor=run.predictor if run.predictor.is_dir() else None,
        train=_training_rows(run),
        split=chosen,
        record=TrainingRecord.read(run.metrics) if run.metrics.is_file() else None,
    )


def read_predictions(run: RunFolder, split: str) -> LabelledPredictions:
    """The rows of a split with their saved predictions.

    Raises:
        DataError: The run has no predictions of that split.
    """
    path = run.predictions(split)
    if not path.is_file() and not run.metrics.is_file():
        raise DataError(
            f"{run.path} is a run that was stopped before it could predict: go on with "
            f"ktrain-sentiment train --config {run.config} --resume"
        )
    if not path.is_file():
        raise DataError(f"{run.path} has no predictions of its {split} rows ({path.name})")
    source = run.split(split)
    frame = pd.read_parquet(source) if source.is_file() else None
    return LabelledPredictions.from_frame(pd.read_parquet(path), frame)


def _training_rows(run: RunFolder) -> pd.DataFrame | None:
    path = run.split("train")
    return pd.read_parquet(path) if path.is_file() else None


def from_predictor(
    folder: Path | Classifier,
    texts: LabelledTexts,
    opening: Opening = AS_USUAL,
    *,
    all_rows: bool = False,
) -> EvalSet:
    """Let a predictor classify rows: those that its run did not learn from, where there are such.

    Args:
        folder: A predictor folder, ours or from elsewhere; or a run that has one; or a classifier
            that is open already.
        texts: The rows.
        opening: How the folder is opened.
        all_rows: Take the rows that it learned from as well.

    Raises:
        PredictorError: The folder cannot be used.
        DataError: The labels of the data are not those of the predictor.
    """
    subject = _open(folder, opening)
    train, frame = subject.train, texts.frame
    learned = frame["text"].isin(set() if train is None else set(train["text"]))
    if all_rows or learned.all() or not learned.any():
        found, notes = _predicted(subject, frame, texts.source), texts.left_out
        return replace(found, notes=(*notes, *found.notes), repeats=texts.repeats)
    rest = frame[~learned].reset_index(drop=True)
    found = _predicted(subject, rest, texts.source)
    note = (
        f"{learned.sum():,} of {len(frame):,} rows were learned from and are left out: the other "
        f"{len(rest):,} are judged"
    )
    return replace(found, notes=(*texts.left_out, note, *found.notes), repeats=texts.repeats)


@dataclass(frozen=True)
class _Subject:
    """Who classifies: a predictor folder's classifier, or one that was open already."""

    name: str
    classifier: Classifier
    predictor: Path | None = None
    train: pd.DataFrame | None = None


def _open(place: Path | Classifier, opening: Opening) -> _Subject:
    if not isinstance(place, Path):
        return _Subject("the classifier", place)
    predictor = RunFolder(place).predictor if is_run(place) else place
    train = _training_rows(RunFolder(predictor.resolve().parent))
    return _Subject(_name(predictor), open_classifier(predictor, opening), predictor, train)


def _predicted(subject: _Subject, frame: pd.DataFrame, source: str) -> EvalSet:
    classifier, task = subject.classifier, task_of(subject.classifier)
    labels, note = frame["label"].tolist(), ""
    if not task.is_score:
        labels, note = fit_labels(labels, classifier.labels)
    fitted = frame.assign(label=labels)
    # Better refused now than after a million predictions.
    truth_of(labels, classifier.labels, task)
    log.info("predicting %s texts with %s", f"{len(frame):,}", subject.predictor or subject.name)
    table = classifier.predict_proba([str(text) for text in frame["text"]])
    notes = [note, _seen_in_training(frame, subject.train)]
    return EvalSet(
        name=subject.name,
        source=source,
        predictions=LabelledPredictions.join(fitted, table, classifier.labels, task),
        classifier=classifier,
        predictor=subject.predictor,
        train=subject.train,
        notes=tuple(line for line in notes if line),
    )


def _name(predictor: Path) -> str:
    """A run's predictor is called after the run, others after their folder."""
    place = predictor.resolve()
    return place.parent.name if is_run(place.parent) else place.name


def _seen_in_training(frame: pd.DataFrame, train: pd.DataFrame | None) -> str:
    if train is None:
        return ""
    seen = int(frame["text"].isin(set(train["text"])).sum())
    if not seen:
        return ""
    return (
        f"{seen:,} of these {len(frame):,} texts were trained on: figures on them are too good, "
        "and memorised mistakes do not show"
    )


def predict_same_rows(
    place: Path | Classifier, other: EvalSet, opening: Opening = AS_USUAL
) -> EvalSet:
    """Let another run or predictor classify the rows of an eval set.

    Saved predictions are taken where they are of exactly these rows.

    Args:
        place: A run or a predictor folder, or a classifier that is open already.
        other: The eval set whose rows are to be classified.
        opening: How the folder is opened.

    Raises:
        PredictorError: The folder cannot be used.
        DataError: The labels of the two differ.
    """
    run = RunFolder(place) if isinstance(place, Path) and is_run(place) else None
    if run is not None and other.split and run.predictions(other.split).is_file():
        saved = from_run(run.path, other.split)
        if saved.predictions.texts == other.predictions.texts:
            return _same_labels(saved, other)
    found = _predicted(_open(place, opening), other.predictions.frame, other.source)
    return _same_labels(found, other)


def _same_labels(found: EvalSet, other: EvalSet) -> EvalSet:
    """The same, its columns in the order of the other's labels."""
    ours, theirs = found.predictions.labels, other.predictions.labels
    if set(ours) != set(theirs):
        raise DataError(
            f"{found.name} knows {', '.join(ours)} and {other.name} {', '.join(theirs)}: wanted "
            "two classifiers of the same labels"
        )
    columns = [ours.index(label) for label in theirs]
    joined = LabelledPredictions.join(
        other.predictions.frame,
        found.predictions.probabilities[:, columns],
        theirs,
        other.predictions.task,
    )
    return replace(found, predictions=joined)


def out_of_fold(texts: LabelledTexts, seed: int = 0) -> EvalSet:
    """Classify rows without a model of one's own: TF-IDF and logistic regression, on five folds.

    Each row is predicted by a model that has not seen it, nor another row of nearly the same text.

    Args:
        texts: The rows.
        seed: Seed of the folds.

    Raises:
        DataError: There are too few rows of a class, or no text holds a word.
        MissingExtraError: scikit-learn is not installed.
    """
    check_installed("sklearn", "train")
    if texts.config.task == "score":
        raise ConfigError(
            f"{texts.source}: scores are judged with a predictor alone; name one with --predictor"
        )
    labels, frame = texts.labels, texts.frame
    rarest = min(texts.counts, key=lambda label: texts.counts[label])
    if texts.counts[rarest] < FOLDS:
        raise DataError(
            f"{texts.source}: {rarest} has {texts.counts[rarest]} rows, wanted at least {FOLDS} to "
            "evaluate each row by a model that has not seen it; leave that label out, or give "
            "--predictor"
        )
    y_true = encode(frame["label"], labels)
    table = _on_folds(frame, y_true, len(labels), seed)
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
        train_y = encode(eval_set.train["label"], rows.labels)
        return tfidf_logistic(eval_set.train["text"].tolist(), train_y, rows.texts, classes)
    if np.bincount(rows.y_true, minlength=classes).min() < FOLDS:
        return None
    try:
        return _on_folds(rows.frame, rows.y_true, classes, seed=0)
    except DataError:
        return None


def _on_folds(frame: pd.DataFrame, y_true: Classes, classes: int, seed: int) -> Floats:
    wanted = [len(frame) // FOLDS] * (FOLDS - 1)
    fold = stratified(y_true, near_codes(frame["text"]), wanted, seed)
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


def find_eval_set(
    source: DataConfig,
    *,
    predictor: Path | None,
    compare: Sequence[Path],
    split: str = "",
    opening: Opening = AS_USUAL,
) -> tuple[EvalSet, EvalSet | None]:
    """What is to be evaluated, and what it is to be compared with.

    Args:
        source: Data, or a run folder in its place, or nothing when two runs are compared.
        predictor: A predictor folder for the data.
        compare: One run or predictor more, or two.
        split: Which rows of a run; empty for its test rows.
        opening: How predictor folders are opened.

    Raises:
        ConfigError: What was named does not say what to evaluate on which rows.
        InputError: A folder or the data cannot be used.
    """
    if len(compare) > 2:
        raise ConfigError(f"--compare: {len(compare)} folders named, wanted one or two")
    first = compare[0] if len(compare) == 2 else predictor
    eval_set = _main_eval_set(source, first, split, opening, len(compare))
    if not compare:
        return eval_set, None
    return eval_set, predict_same_rows(compare[-1], eval_set, opening)


def _main_eval_set(
    source: DataConfig, place: Path | None, split: str, opening: Opening, compared: int
) -> EvalSet:
    run = source.data if is_run(source.data) else place
    if run is not None and is_run(run) and (not source.data or run == source.data):
        if place is not None and place.is_file():
            raise ConfigError(
                f"--predictor {place}: is a file, and {run} is a run: the rows come first; wanted "
                f"evaluate {place} --predictor {run}"
            )
        if place is not None and run != place:
            raise ConfigError(f"{run} is a run with a predictor: leave --predictor {place} out")
        return from_run(Path(run), split)
    if place is None:
        raise ConfigError(_what_to_name(source.data, compared))
    if not source.data:
        raise ConfigError(f"{place}: name the labelled data to evaluate it on, such as reviews.csv")
    if split:
        raise ConfigError(f"--split {split}: names rows of a run, and {source.data} is none")
    texts = read_labelled(source, trained_table(find_predictor(place)))
    return from_predictor(place, texts, opening)


def _what_to_name(data: str, compared: int) -> str:
    """What is missing where no predictor is named, by what the data's name stands for."""
    if not data and compared:
        return "--compare: one folder named, and nothing to compare it with: name two"
    if not data:
        return "nothing to evaluate: name a run folder, or data and --predictor"
    place = Path(data)
    if PredictorFolder(place).manifest.is_file():
        return f"{place} is a predictor: name labelled data, and --predictor {place}"
    runs = [str(path) for path in sorted(place.glob("*")) if is_run(path)]
    if runs:
        return f"{place} is a folder of runs: did you mean {' or '.join(runs[:3])}?"
    if is_missing(data):
        return (
            f"{data}: no such run folder or file{near_name(place)}; name a run that "
            "ktrain-sentiment train made, or labelled data with --predictor"
        )
    return f"{data} is no run: name with --predictor what to evaluate on it, such as a run folder"


def evaluate(
    eval_set: EvalSet,
    other: EvalSet | None = None,
    *,
    slice_by: Sequence[str] = (),
    abstain_below: float | None = None,
) -> EvalResult:
    """Say how good a classifier is on some rows, beside baselines, and where it is weak.

    Args:
        eval_set: The rows with their predictions.
        other: The same rows with another classifier's.
        slice_by: Columns of the data to divide the rows by; the usual ones when empty.
        abstain_below: Say what is gained by leaving texts below this probability to a person.

    Raises:
        ConfigError: A column is not there, or the threshold is no probability.
        DataError: A column has too many different values.
    """
    rows = eval_set.predictions
    if abstain_below is not None and not 0 <= abstain_below <= 1:
        raise ConfigError(f"--abstain-below {abstain_below}: wanted a probability, 0 to 1")
    if rows.task.is_score and (slice_by or abstain_below is not None):
        flag = "--slice-by" if slice_by else "--abstain-below"
        raise ConfigError(
            f"{flag} counts right answers, and a score is nearer or farther: leave it out; "
            "inspect-errors lists the rows that are farthest off"
        )
    metrics = compute_metrics(rows.y_true, rows.probabilities, rows.labels, rows.task)
    baselines, tfidf = _baselines(eval_set)
    missing = left_out(rows.labels, learning=eval_set.train is not None)
    if missing and not rows.task.is_score and not {"tfidf", "vader"} <= set(baselines):
        eval_set = replace(eval_set, notes=(*eval_set.notes, missing))
    slices, table = _slices(rows, slice_by), rows.probabilities
    return EvalResult(
        eval_set=eval_set,
        metrics=metrics,
        baselines=baselines,
        slices=slices,
        comparison=None if other is None else _compare(eval_set, other),
        abstention=None if abstain_below is None else abstain(rows.y_true, table, abstain_below),
        warnings=find_warnings(
            metrics, baselines, tfidf, slices, held_out=eval_set.split != "validation"
        ),
    )


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


def against_tfidf(
    rows: LabelledPredictions, baselines: Mapping[str, Baseline]
) -> Comparison | None:
    """The model against the TF-IDF baseline, of stars and scores with ridge; None without it."""
    other = baselines.get("ridge" if rows.task or rows.task.is_score else "tfidf")
    if other is None:
        return None
    tables = (other.probabilities, rows.probabilities)
    return compare(rows.y_true, *tables, rows.labels, (other.name, "the model"), rows.task)


def _slices(rows: LabelledPredictions, slice_by: Sequence[str]) -> tuple[Slice, ...]:
    for name in slice_by:
        if name not in rows.frame:
            listed = ", ".join(map(str, rows.frame.columns))
            raise ConfigError(f"--slice-by {name}: no such column; the data has {listed}")
    if not slice_by:
        return usual_slices(rows)
    chosen = {name: rows.frame[name].tolist() for name in slice_by}
    return evaluate_slices(chosen, rows.y_true, rows.probabilities)


def _compare(eval_set: EvalSet, other: EvalSet) -> Comparison:
    rows, names = eval_set.predictions, (eval_set.name, other.name)
    if names[0] == names[1]:
        names = (f"{names[0]} (A)", f"{names[1]} (B)")
    tables = (rows.probabilities, other.predictions.probabilities)
    return compare(rows.y_true, *tables, rows.labels, names, rows.task)
