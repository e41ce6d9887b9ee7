"""What is judged: a run with its own rows, a predictor with some data, or data alone.

from_run(Path("runs/reviews"), "test")            its saved predictions; no model is opened
from_predictor(Path("any/predictor"), texts)      predicts first
out_of_fold(texts)                                no model: a linear one, on folds
"""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ktrain_sentiment.data import LabelledTexts
from ktrain_sentiment.data.allocation import stratified
from ktrain_sentiment.data.textkeys import near_codes
from ktrain_sentiment.errors import DataError
from ktrain_sentiment.evaluation.baselines import tfidf_logistic
from ktrain_sentiment.evaluation.confusion import Floats
from ktrain_sentiment.evaluation.predictions import LabelledPredictions, encode, fit_labels, gather
from ktrain_sentiment.evaluation.record import EvalSet
from ktrain_sentiment.prediction import Classifier
from ktrain_sentiment.report.reading import read_judged
from ktrain_sentiment.runs import RunFolder
from ktrain_sentiment.workflow.opening import AS_USUAL, Opening, open_classifier

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
        predictions=read_judged(run, chosen),
        predictor=run.predictor if run.predictor.is_dir() else None,
        train=_training_rows(run),
        split=chosen,
    )


def _training_rows(run: RunFolder) -> pd.DataFrame | None:
    path = run.split("train")
    return pd.read_parquet(path) if path.is_file() else None


def from_predictor(folder: Path, texts: LabelledTexts, opening: Opening = AS_USUAL) -> EvalSet:
    """Let a predictor judge rows.

    Args:
        folder: A predictor folder, ours or from elsewhere; or a run that has one.
        texts: The rows.
        opening: How the folder is opened.

    Raises:
        PredictorError: The folder cannot be used.
        DataError: The labels of the data are not those of the predictor.
    """
    predictor = RunFolder(folder).predictor if is_run(folder) else folder
    classifier = open_classifier(predictor, opening)
    return _predicted(predictor, classifier, texts.frame, texts.source)


def _predicted(
    predictor: Path, classifier: Classifier, frame: pd.DataFrame, source: str
) -> EvalSet:
    labels, note = fit_labels(frame["label"].tolist(), classifier.labels)
    fitted = frame.assign(label=labels)
    log.info("predicting %s texts with %s", f"{len(frame):,}", predictor)
    table = classifier.predict_proba([str(text) for text in frame["text"]])
    train = _training_rows(RunFolder(predictor.resolve().parent))
    notes = [note, _seen_in_training(frame, train)]
    return EvalSet(
        name=_name(predictor),
        source=source,
        predictions=LabelledPredictions.join(fitted, table, classifier.labels),
        classifier=classifier,
        predictor=predictor,
        train=train,
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
        "and mistakes learned by heart do not show"
    )


def predict_same_rows(place: Path, other: EvalSet, opening: Opening = AS_USUAL) -> EvalSet:
    """Let another run or predictor judge the rows of a subject.

    Saved predictions are taken where they are of exactly these rows.

    Args:
        place: A run or a predictor folder.
        other: The subject whose rows are to be judged.
        opening: How the folder is opened.

    Raises:
        PredictorError: The folder cannot be used.
        DataError: The labels of the two differ.
    """
    if is_run(place) and other.split and RunFolder(place).predictions(other.split).is_file():
        saved = from_run(place, other.split)
        if saved.predictions.texts == other.predictions.texts:
            return _same_labels(saved, other)
    predictor = RunFolder(place).predictor if is_run(place) else place
    classifier = open_classifier(predictor, opening)
    found = _predicted(predictor, classifier, other.predictions.frame, other.source)
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
    judged = LabelledPredictions.join(
        other.predictions.frame, found.predictions.probabilities[:, columns], theirs
    )
    return replace(found, predictions=judged)


def out_of_fold(texts: LabelledTexts, seed: int = 0) -> EvalSet:
    """Judge rows without a model of one's own: TF-IDF and logistic regression, on five folds.

    Each row is predicted by a model that has not seen it, nor another row of nearly the same text.

    Args:
        texts: The rows.
        seed: Seed of the folds.

    Raises:
        DataError: There are too few rows of a class, or scikit-learn is not installed.
    """
    labels, frame = texts.labels, texts.frame
    rarest = min(texts.counts, key=lambda label: texts.counts[label])
    if texts.counts[rarest] < FOLDS:
        raise DataError(
            f"{texts.source}: {rarest} has {texts.counts[rarest]} rows, wanted at least {FOLDS} to "
            "judge each row by a model that has not seen it; leave that label out, or give "
            "--predictor"
        )
    y_true = encode(frame["label"], labels)
    table = _on_folds(frame, y_true, len(labels), seed)
    return EvalSet(
        name="TF-IDF + logistic regression",
        source=texts.source,
        predictions=LabelledPredictions.join(frame, table, labels),
        notes=(
            f"no --predictor: each row is judged by TF-IDF and logistic regression that did not "
            f"see it ({FOLDS} folds)",
        ),
    )


def second_opinion(subject: EvalSet) -> Floats | None:
    """What TF-IDF and logistic regression say of a subject's rows, without having seen them.

    Fitted on the rows that the subject's model was trained on where those are known and others,
    else on folds of the subject's own rows.

    Returns:
        Shape (n, classes); None for a subject that is this model itself, for rows that are too few
        to fold, and where scikit-learn is not installed.
    """
    judged, classes = subject.predictions, len(subject.predictions.labels)
    if subject.predictor is None and subject.classifier is None:
        return None
    if subject.train is not None and subject.split in {"validation", "test"}:
        train_y = encode(subject.train["label"], judged.labels)
        return tfidf_logistic(subject.train["text"].tolist(), train_y, judged.texts, classes)
    if np.bincount(judged.y_true, minlength=classes).min() < FOLDS:
        return None
    try:
        return _on_folds(judged.frame, judged.y_true, classes, seed=0)
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
