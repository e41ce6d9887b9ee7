"""Which rows are evaluated, and what says something of them: a run's own, or a predictor's on data.

from_run(Path("runs/reviews"), "test")            its saved predictions; no model is opened
from_predictor(Path("any/predictor"), texts)      predicts first
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ktrain_sentiment.config import DataConfig
from ktrain_sentiment.data import LabelledTexts, read_labelled
from ktrain_sentiment.data.labelled import OWN_COLUMNS, source_column
from ktrain_sentiment.data.reading import is_missing
from ktrain_sentiment.errors import ConfigError, DataError
from ktrain_sentiment.evaluation.mistake_costs import MistakeCosts
from ktrain_sentiment.evaluation.predictions import (
    LabelledPredictions,
    fit_labels,
    truth_of,
)
from ktrain_sentiment.evaluation.record import (
    EvalSet,
    TrainingRecord,
)
from ktrain_sentiment.inference.loading import answers_of, find_predictor
from ktrain_sentiment.inference.rows import join_rows
from ktrain_sentiment.inference.scoring import inputs_of, task_of
from ktrain_sentiment.inputs import TEXTS, Inputs, text_alone
from ktrain_sentiment.messages import listed
from ktrain_sentiment.prediction import Classifier
from ktrain_sentiment.predictor.layout import PredictorFolder
from ktrain_sentiment.predictor.manifest import trained_table
from ktrain_sentiment.runs import RunFolder
from ktrain_sentiment.tables.sources import near_name
from ktrain_sentiment.workflow.classifiers import (
    AS_USUAL,
    Opening,
    is_run_by_ktrain,
    open_classifier,
)

log = logging.getLogger(__name__)


def is_run(place: str | Path) -> bool:
    """Whether this is the folder of a run."""
    run = RunFolder(Path(place))
    return run.path.is_dir() and (run.metrics.is_file() or run.split("train").is_file())


def refuse_costs(costs: Sequence[str], place: str | Path | Classifier | None) -> None:
    """Refuse costs that make no sense for a predictor's labels, before it is opened or asked.

    Of what ktrain alone can open nobody knows the labels yet.

    Args:
        costs: As for `MistakeCosts.parse`.
        place: A predictor or run folder, a classifier that is open already, or none.

    Raises:
        ConfigError: One makes no sense.
    """
    if not costs or place is None:
        return
    if not isinstance(place, str | Path):
        MistakeCosts.parse(costs, task_of(place), place.labels)
        return
    folder = RunFolder(Path(place)).predictor if is_run(place) else Path(place)
    if not is_run_by_ktrain(folder) and (known := answers_of(folder)):
        MistakeCosts.parse(costs, *known)


def refuse_slices(frame: pd.DataFrame, slice_by: Sequence[str]) -> None:
    """Refuse columns to judge by that rows have not, before a model is asked about the rows.

    Raises:
        ConfigError: One is not there.
    """
    for name in slice_by:
        if name not in frame:
            raise ConfigError(
                f"--slice-by {name}: no such column; the data has {listed(frame.columns)}"
            )


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
        inputs=Inputs.of(trained_table(run.predictor)) if run.predictor.is_dir() else TEXTS,
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
    slice_by: Sequence[str] = (),
) -> EvalSet:
    """Let a predictor classify rows: those that its run did not learn from, where there are such.

    Args:
        folder: A predictor folder, ours or from elsewhere; or a run that has one; or a classifier
            that is open already.
        texts: The rows.
        opening: How the folder is opened.
        all_rows: Take the rows that it learned from as well.
        slice_by: Columns that the rows must have.

    Raises:
        ConfigError: The rows lack a column.
        PredictorError: The folder cannot be used.
        DataError: The labels of the data are not those of the predictor.
    """
    refuse_slices(texts.frame, slice_by)
    subject = _open(folder, opening)
    train, frame = subject.train, texts.frame
    learned = frame["text"].isin(set() if train is None else set(train["text"]))
    notes = texts.left_out
    if not (all_rows or learned.all() or not learned.any()):
        total, frame = len(frame), frame[~learned].reset_index(drop=True)
        notes = (
            *notes,
            f"{learned.sum():,} of {total:,} rows were learned from and are left out: the other "
            f"{len(frame):,} are judged",
        )
    found = _predicted(subject, frame, texts.source)
    return replace(
        found, notes=(*notes, *found.notes), repeats=texts.repeats, inputs=Inputs.of(texts.table)
    )


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
    if task.chooses:
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
    """Let another run or predictor classify the rows of an eval set, by its own columns of them.

    Rows that it cannot read are left out, and where there are others those that it learned from.
    Saved predictions are taken where they are of exactly these rows.

    Args:
        place: A run or a predictor folder, or a classifier that is open already.
        other: The eval set whose rows are to be classified.
        opening: How the folder is opened.

    Returns:
        Those of the rows that both have, `places` saying which.

    Raises:
        PredictorError: The folder cannot be used.
        DataError: The labels of the two differ, or the rows lack a column that it reads.
    """
    run = RunFolder(place) if isinstance(place, Path) and is_run(place) else None
    if run is not None and other.split and run.predictions(other.split).is_file():
        saved = from_run(run.path, other.split)
        texts = _texts_for(saved.inputs, other, saved.name)
        if saved.predictions.texts == texts:
            return _same_labels(saved, other, np.arange(len(texts)))
    subject = _open(place, opening)
    texts = _texts_for(inputs_of(subject.classifier), other, subject.name)
    kept, notes = _comparable(texts, subject, other)
    frame = other.predictions.frame.iloc[kept]
    own = frame.assign(text=[texts[place] for place in kept]).reset_index(drop=True)
    found = _predicted(subject, own, other.source)
    return _same_labels(replace(found, notes=(*notes, *found.notes)), other, kept)


def _texts_for(inputs: Inputs, rows: EvalSet, name: str) -> list[str | None]:
    """What a model reads of rows whose texts were made for another one; None where it is nothing.

    Args:
        inputs: What it reads. Where the rows have its column of texts under no name, it reads the
            other model's.
        rows: The rows, with all columns of their source.
        name: What the model is called.

    Raises:
        DataError: A column that it reads beside the texts is not there.
    """
    frame, theirs = rows.predictions.frame, rows.inputs
    own = {column: source_column(column) for column in inputs.columns}
    text = inputs.text if own[inputs.text] in frame else theirs.text
    if (text, inputs.others) == (theirs.text, theirs.others):
        return list(rows.predictions.texts)
    cells = {column: frame[there] for column, there in own.items() if there in frame}
    if text == theirs.text or theirs.text in inputs.others:
        alone = [text_alone(one, theirs) for one in rows.predictions.texts]
        cells[theirs.text] = pd.Series(alone, index=frame.index)
    inputs = replace(inputs, text=text)
    named = [str(column) for column in frame if column not in OWN_COLUMNS]
    inputs.check(dict.fromkeys([theirs.text, *named, *cells]), f"{rows.source}, for {name}")
    return join_rows(pd.DataFrame(cells), inputs)


def _comparable(
    texts: Sequence[str | None], subject: _Subject, other: EvalSet
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Which rows a second model can be judged on beside the first, and which are left out.

    Raises:
        DataError: It can read none of them.
    """
    readable = np.array([text is not None for text in texts])
    known = set() if subject.train is None else set(subject.train["text"])
    fresh = readable & np.array([text not in known for text in texts])
    total, notes = f"of {len(texts):,} rows", []
    if not readable.any():
        raise DataError(
            f"{other.source}: {subject.name} reads {inputs_of(subject.classifier).told}, and no "
            "row has such: nothing to compare it on"
        )
    if unread := int((~readable).sum()):
        notes.append(f"{unread:,} {total} have no text for it and are not compared")
    # Of rows that were all learned from it is said that figures on them are too good.
    if not fresh.any():
        return np.flatnonzero(readable), tuple(notes)
    if learned := int((readable & ~fresh).sum()):
        notes.append(f"{learned:,} {total} were learned from and are not compared")
    return np.flatnonzero(fresh), tuple(notes)


def _same_labels(found: EvalSet, other: EvalSet, kept: NDArray[np.int64]) -> EvalSet:
    """The same, its columns in the order of the other's labels, its texts those of the other."""
    ours, theirs = found.predictions.labels, other.predictions.labels
    if set(ours) != set(theirs):
        raise DataError(
            f"{found.name} knows {listed(ours)} and {other.name} {listed(theirs)}: wanted "
            "two classifiers of the same labels"
        )
    columns = [ours.index(label) for label in theirs]
    cuts, task = found.predictions.task.thresholds, other.predictions.task
    joined = LabelledPredictions.join(
        other.predictions.frame.iloc[kept],
        found.predictions.probabilities[:, columns],
        theirs,
        task.cut_at([cuts[k] for k in columns] if cuts else ()),
    )
    return replace(found, predictions=joined, places=kept)


def find_eval_set(
    source: DataConfig,
    *,
    predictor: Path | None,
    compare: Sequence[Path],
    split: str = "",
    opening: Opening = AS_USUAL,
    costs: Sequence[str] = (),
    slice_by: Sequence[str] = (),
) -> tuple[EvalSet, EvalSet | None]:
    """What is to be evaluated, and what it is to be compared with.

    Args:
        source: Data, or a run folder in its place, or nothing when two runs are compared.
        predictor: A predictor folder for the data.
        compare: One run or predictor more, or two.
        split: Which rows of a run; empty for its test rows.
        opening: How predictor folders are opened.
        costs: What mistakes are to be priced by, refused before anything is predicted.
        slice_by: Columns to judge by; data without one are refused before, too.

    Raises:
        ConfigError: What was named does not say what to evaluate on which rows, a cost makes no
            sense, or a column is not there.
        InputError: A folder or the data cannot be used.
    """
    if len(compare) > 2:
        raise ConfigError(f"--compare: {len(compare)} folders named, wanted one or two")
    first = compare[0] if len(compare) == 2 else predictor
    refuse_costs(costs, source.data if is_run(source.data) else first)
    eval_set = _main_eval_set(source, first, split, opening, len(compare), slice_by)
    if not compare:
        return eval_set, None
    return eval_set, predict_same_rows(compare[-1], eval_set, opening)


def _main_eval_set(
    source: DataConfig,
    place: Path | None,
    split: str,
    opening: Opening,
    compared: int,
    slice_by: Sequence[str],
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
    return from_predictor(place, texts, opening, slice_by=slice_by)


def runs_in(place: Path) -> str:
    """What to say of a folder of runs where one run is wanted; empty for any other place."""
    runs = [str(path) for path in sorted(place.glob("*")) if is_run(path)]
    return f"{place} is a folder of runs: did you mean {' or '.join(runs[:3])}?" if runs else ""


def _what_to_name(data: str, compared: int) -> str:
    """What is missing where no predictor is named, by what the data's name stands for."""
    if not data and compared:
        return "--compare: one folder named, and nothing to compare it with: name two"
    if not data:
        return "nothing to evaluate: name a run folder, or data and --predictor"
    place = Path(data)
    if PredictorFolder(place).manifest.is_file():
        return f"{place} is a predictor: name labelled data, and --predictor {place}"
    if runs := runs_in(place):
        return runs
    if is_missing(data):
        return (
            f"{data}: no such run folder or file{near_name(place)}; name a run that "
            "ktrain-sentiment train made, or labelled data with --predictor"
        )
    return f"{data} is no run: name with --predictor what to evaluate on it, such as a run folder"
