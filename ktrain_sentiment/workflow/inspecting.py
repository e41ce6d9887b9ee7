"""The mistakes of a classifier, shown and written as lists that a person can correct."""

from __future__ import annotations

import dataclasses
import importlib.util
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from ktrain_sentiment.atomic import refuse_existing, write_json
from ktrain_sentiment.config import DataConfig
from ktrain_sentiment.config.flat import from_flat, read_settings
from ktrain_sentiment.data import read_labelled
from ktrain_sentiment.data.reading import is_missing
from ktrain_sentiment.errors import ConfigError, DataError
from ktrain_sentiment.evaluation.explanation import nearest
from ktrain_sentiment.evaluation.label_noise import (
    COLUMN,
    Corrected,
    apply_corrections,
    carry_over,
)
from ktrain_sentiment.evaluation.mistake_costs import CostFigures, MistakeCosts, weigh
from ktrain_sentiment.evaluation.predictions import LabelledPredictions
from ktrain_sentiment.evaluation.record import EvalSet, Inspection
from ktrain_sentiment.evaluation.review import review
from ktrain_sentiment.inference.embedding import open_embedder
from ktrain_sentiment.inference.loading import find_predictor
from ktrain_sentiment.messages import count, quoted
from ktrain_sentiment.predictor.manifest import trained_table
from ktrain_sentiment.refusals import lacks, refuse, refuse_flags
from ktrain_sentiment.runs import RunFolder, default_run
from ktrain_sentiment.tables import open_table
from ktrain_sentiment.tables.frame_writing import write_table
from ktrain_sentiment.tables.sources import near_name
from ktrain_sentiment.tables.values import spell
from ktrain_sentiment.tables.writing import unguard
from ktrain_sentiment.tasks import CLASSES, Task
from ktrain_sentiment.workflow.classifiers import AS_USUAL, Opening, open_classifier
from ktrain_sentiment.workflow.eval_sets import (
    from_predictor,
    from_run,
    is_run,
    refuse_costs,
    runs_in,
)
from ktrain_sentiment.workflow.evaluating import out_of_fold, second_opinion

log = logging.getLogger(__name__)

OUT_OF_FOLD = "out_of_fold"
LISTS = ("top_losses", "label_errors")


def find_rows(
    source: DataConfig,
    predictor: Path | None = None,
    opening: Opening = AS_USUAL,
    costs: Sequence[str] = (),
) -> EvalSet:
    """What is to be inspected.

    Args:
        source: A run folder (its out-of-fold predictions are taken, or else those of its
            validation rows), or data.
        predictor: Who classifies the data; without one, a linear model on folds.
        opening: How predictor folders are opened.
        costs: What mistakes are to be priced by, refused before anything is predicted.

    Raises:
        ConfigError: Nothing was named, a predictor beside a run, or a cost that makes no sense.
        InputError: The run, the data or the predictor cannot be used.
    """
    if is_run(source.data):
        if predictor is not None:
            raise ConfigError(
                f"{source.data} is a run with a predictor of its own: leave --predictor out"
            )
        refuse_costs(costs, source.data)
        whole = RunFolder(Path(source.data)).predictions(OUT_OF_FOLD).is_file()
        return from_run(Path(source.data), OUT_OF_FOLD if whole else "validation")
    if not source.data:
        raise ConfigError("nothing to inspect: name a run folder, or labelled data")
    if runs := runs_in(Path(source.data)):
        raise ConfigError(runs)
    if is_missing(source.data):
        near = near_name(Path(source.data))
        raise DataError(f"{source.data}: no such run folder or file{near}")
    if predictor is None:
        refuse(source.task, "no predictor", source.data)
        texts = read_labelled(source)
        _priced(costs, CLASSES, texts.labels)
        return out_of_fold(texts)
    refuse_costs(costs, folder := find_predictor(predictor))
    texts = read_labelled(source, trained_table(folder))
    return from_predictor(predictor, texts, opening, all_rows=True)


def find_predictor_of(source: DataConfig, predictor: Path | None) -> Path:
    """The predictor that explains a text: the one named, the run's, or the newest run's."""
    if predictor is None and is_run(source.data):
        return find_predictor(Path(source.data))
    return find_predictor(predictor)


def inspect(
    eval_set: EvalSet,
    *,
    explained: int = 0,
    neighbours: int = 0,
    share: float | None = None,
    opening: Opening = AS_USUAL,
    costs: Sequence[str] = (),
) -> Inspection:
    """Find the mistakes of a eval_set.

    Args:
        eval_set: Rows with their predictions.
        explained: How many rows of each list have their words weighed.
        neighbours: How many training examples to name for each of the first mistakes.
        share: Share of wrong labels, 0 to 1; estimated when None.
        opening: How the predictor is opened where it is needed.
        costs: What mistakes cost, as for `MistakeCosts.parse`: those of the answers of least
            expected cost are listed then, the dearest first.

    Raises:
        ConfigError: The share is no share, a cost makes no sense, or the training rows that are
            wanted are not known.
        PredictorError: The predictor cannot be opened.
    """
    if share is not None and not 0 < share < 1:
        raise ConfigError(f"--wrong-labels {share:g}: wanted a share between 0 and 1, such as 0.05")
    rows = eval_set.predictions
    kind, weighed = rows.task.kind, _priced(costs, rows.task, rows.labels)
    refuse_flags(kind, {"--explain": explained, "--wrong-labels": share is not None})
    if lacks(kind, "--wrong-labels"):
        return _farthest(eval_set, neighbours, weighed)
    classifier = eval_set.classifier
    if explained and classifier is None and eval_set.predictor is not None:
        classifier = open_classifier(eval_set.predictor, opening)
    asked = classifier if explained else None
    second = second_opinion(eval_set)
    if second is None and importlib.util.find_spec("sklearn") is None:
        note = "labels are doubted by the classifier alone: a second opinion needs scikit-learn"
        eval_set = dataclasses.replace(eval_set, notes=(*eval_set.notes, note))
    found = review(
        rows,
        asked,
        explained=explained,
        share=share,
        second=second,
        costs=weighed,
    )
    losses, doubtful = found.losses, found.doubtful.drop(columns="doubted").assign(**{COLUMN: ""})
    if neighbours:
        losses = _with_neighbours(losses, eval_set, neighbours)
    return Inspection(eval_set, found, losses, doubtful, _figures(weighed, rows))


def _priced(costs: Sequence[str], task: Task, labels: Sequence[str]) -> MistakeCosts | None:
    return MistakeCosts.parse(costs, task, labels) if costs else None


def _figures(weighed: MistakeCosts | None, rows: LabelledPredictions) -> CostFigures | None:
    return None if weighed is None else weigh(weighed, rows.y_true, rows.probabilities)


def _farthest(eval_set: EvalSet, neighbours: int, weighed: MistakeCosts | None) -> Inspection:
    """Rows by how far their score is off, the farthest first; no label is doubted."""
    rows = eval_set.predictions
    losses = rows.losses(costs=weighed)
    if neighbours:
        losses = _with_neighbours(losses, eval_set, neighbours)
    return Inspection(eval_set, None, losses, pd.DataFrame(), _figures(weighed, rows))


NAMED = 50
"""So many of the first mistakes get their nearest training examples."""


def _with_neighbours(losses: pd.DataFrame, eval_set: EvalSet, k: int) -> pd.DataFrame:
    """The first mistakes with the texts and labels of the nearest training examples."""
    train, folder = eval_set.train, eval_set.predictor
    if train is None or folder is None or not len(losses):
        raise ConfigError(
            "--nearest: the training examples are not known; name a run folder, whose splits hold "
            "them"
        )
    embed = open_embedder(folder)
    first = losses.head(NAMED)
    found = nearest(embed(first["text"].tolist()), embed(train["text"].tolist()), k)
    columns: dict[str, list[object]] = {}
    for rank in range(found.index.shape[1]):
        rows = train.iloc[found.index[:, rank]]
        padding = [""] * (len(losses) - len(first))
        columns[f"nearest_{rank + 1}"] = [*rows["text"], *padding]
        columns[f"nearest_{rank + 1}_label"] = [*rows["label"], *padding]
        columns[f"nearest_{rank + 1}_similarity"] = [
            *found.similarity[:, rank].round(4).tolist(),
            *([None] * len(padding)),
        ]
    return losses.join(pd.DataFrame(columns, index=losses.index))


def folder_for_lists(source: DataConfig, out: Path | None, *, overwrite: bool) -> Path:
    """Where the lists go: where the user says, else the run folder, else runs/<data>-errors.

    Raises:
        InputError: A list is there already and may not be replaced, or something else of its name.
    """
    folder = out or default_run(source.data, "errors")
    if out is None and is_run(source.data):
        folder, overwrite = Path(source.data), True
    for name in LISTS:
        refuse_existing(folder / f"{name}.csv", overwrite=overwrite)
    for path in _lists_of_doubts(folder):  # Now, and not after minutes of predicting.
        read_corrections(path)
    return folder


def _lists_of_doubts(folder: Path) -> list[Path]:
    """A list may have been saved in several formats by hand; the latest word comes last."""
    return sorted(folder.glob("label_errors.*"), key=lambda path: path.stat().st_mtime)


def write_lists(found: Inspection, folder: Path) -> Mapping[str, Path]:
    """Write `top_losses.csv` and `label_errors.csv`, which are safe to open in a spreadsheet.

    What a person filled in before, in whatever format the list was saved, is kept.

    Raises:
        DataError: What is there under the name of the list of doubted labels is no such list.
    """
    paths = {name: folder / f"{name}.csv" for name in LISTS}
    if not len(found.label_errors.columns):  # Scores have no labels to doubt.
        write_table(paths["top_losses"], found.top_losses, guarded=True, digits=6)
        return {"top_losses": paths["top_losses"]}
    doubted = found.label_errors
    for path in _lists_of_doubts(folder):
        doubted, kept = carry_over(doubted, read_corrections(path))
        if kept:
            log.info("%s: kept what is filled in, in %s", path, count(kept, "row"))
    write_table(paths["top_losses"], found.top_losses, guarded=True, digits=6)
    write_table(paths["label_errors"], doubted, guarded=True, digits=6)
    return paths


def correct(source: DataConfig, corrections: Path) -> Corrected:
    """Put a corrected list into the data it was made from.

    Args:
        source: The data, or the run folder whose data it is.
        corrections: The list, with its column `corrected` filled in.

    Raises:
        InputError: The list or the data cannot be read, or do not fit each other.
    """
    refuse(source.task, "--corrections", source.data)
    texts = read_labelled(_source_of(source))
    refuse(texts.config.task, "--corrections", texts.source)
    return apply_corrections(texts.frame, read_corrections(corrections), texts.labels)


def _source_of(source: DataConfig) -> DataConfig:
    """How a run's data were read, for a run folder; else what is given."""
    if not is_run(source.data):
        return source
    path = RunFolder(Path(source.data)).config
    stored = read_settings(path)
    fields = {field.name for field in dataclasses.fields(DataConfig)}
    known = {name: value for name, value in stored.items() if name in fields}
    read = from_flat(DataConfig, known, str(path))
    if is_missing(read.data):
        raise DataError(
            f"{source.data}: was trained on {read.data or 'data in memory'}, which is not there; "
            f"in place of {source.data} name where its data are now, read by the settings in {path}"
        )
    return read


def write_corrected(done: Corrected, path: Path, *, overwrite: bool) -> Path:
    """Write the next training set, and beside it the record of what was changed.

    Args:
        done: What `correct` returned.
        path: A CSV or Parquet file.
        overwrite: Replace what is there.

    Returns:
        The path of the record.

    Raises:
        InputError: A file exists and may not be replaced.
    """
    record = path.with_suffix(".changes.json")
    for place in (path, record):
        refuse_existing(place, overwrite=overwrite)
    frame = done.frame.drop(columns="row")
    write_table(path, frame, overwrite=overwrite)
    write_json(record, done.to_json(), overwrite=overwrite)
    return record


def read_corrections(path: Path) -> pd.DataFrame:
    """Read a list as a spreadsheet program leaves it: a table of any format, all cells as text.

    Raises:
        DataError: It cannot be read, or is no list of doubted labels.
    """
    table = open_table(path)
    missing = [name for name in ("row", "text", COLUMN) if name not in table.columns]
    if missing:
        raise DataError(
            f"{path}: has no column {missing[0]}, found {quoted(table.columns)}: wanted the list "
            f"that error inspection wrote, with the column {COLUMN} filled in; move what else has "
            "this name"
        )
    cells: dict[str, list[str]] = {name: [] for name in table.columns}
    for batch in table.batches():
        for position, problem in batch.problems.items():
            place = f"{table.unit} {batch.places[position]}"
            raise DataError(f"{path}: {place} {problem}", *problem.ways)
        for name, values in cells.items():
            spelled = (spell(value, name)[0] or "" for value in batch.values(name))
            values += [str(unguard(cell)) for cell in spelled]
    return pd.DataFrame(cells, dtype="str")
