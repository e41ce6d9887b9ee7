"""One function a job: data in, settings as keyword arguments, a result out.

The settings are those of the command line, with underscores: `ktrain-sentiment train --help` lists
them, and a name that is none is answered with the nearest one.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numpy as np
import pandas as pd

from ktrain_sentiment.api.results import (
    Dataset,
    Evaluation,
    Folder,
    LearningRateSearch,
    ModelComparison,
    SettingsSearch,
    TrainingRun,
)
from ktrain_sentiment.config import (
    ChecklistConfig,
    CompareConfig,
    DataConfig,
    ExploreConfig,
    RunPlace,
    TrainingSettings,
    WorkersConfig,
)
from ktrain_sentiment.config.flat import field_names, from_flat, held
from ktrain_sentiment.config.tuning_config import SearchSettings
from ktrain_sentiment.data import LabelledTexts, read_frame, read_labelled
from ktrain_sentiment.errors import (
    ConfigError,
    DataError,
    InputError,
    SentimentError,
    check_installed,
    respelled,
)
from ktrain_sentiment.evaluation.record import EvalResult
from ktrain_sentiment.inference.loading import find_predictor
from ktrain_sentiment.inference.scoring import inputs_of
from ktrain_sentiment.messages import count
from ktrain_sentiment.prediction import Classifier
from ktrain_sentiment.predictor.manifest import trained_table
from ktrain_sentiment.reading_rules import Engine
from ktrain_sentiment.refusals import refuse_threshold
from ktrain_sentiment.remote import url_of
from ktrain_sentiment.runs import RunFolder, default_run
from ktrain_sentiment.workflow.classifiers import Opening
from ktrain_sentiment.workflow.comparing import compare_models
from ktrain_sentiment.workflow.eval_sets import (
    find_eval_set,
    from_predictor,
    is_run,
    predict_same_rows,
    refuse_costs,
)
from ktrain_sentiment.workflow.evaluating import check_eval_set
from ktrain_sentiment.workflow.evaluating import evaluate as evaluate_rows
from ktrain_sentiment.workflow.exploring import explore
from ktrain_sentiment.workflow.processes import in_own_process
from ktrain_sentiment.workflow.several_workers import cluster_of, refuse_with_workers
from ktrain_sentiment.workflow.training import train as run_training

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

Data = (
    Dataset | str | os.PathLike[str] | pd.DataFrame | tuple[Sequence[str | None], Sequence[object]]
)
"""What `read` takes."""

_FRAME = "a DataFrame"


@dataclass(frozen=True, kw_only=True)
class _Training(TrainingSettings):
    place: RunPlace = field(default_factory=RunPlace)


@dataclass(frozen=True, kw_only=True)
class _TrainingTogether(_Training):
    together: WorkersConfig = field(default_factory=WorkersConfig)


@dataclass(frozen=True, kw_only=True)
class _Exploring(_Training):
    exploring: ExploreConfig = field(default_factory=ExploreConfig)


@dataclass(frozen=True, kw_only=True)
class _Comparing(_Training):
    comparing: CompareConfig = field(default_factory=CompareConfig)


def _in_python(said: str) -> str:
    """A message of the command line with settings for flags: `--batch-size` is `batch_size`."""
    return respelled(said, str).replace(" or null, got ", " or None, got ")


def _speaking_python(call: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Let the errors of a call name keyword arguments and not flags."""

    @functools.wraps(call)
    def translated(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        try:
            return call(*args, **kwargs)
        except (SentimentError, KeyboardInterrupt) as error:
            error.args = tuple(_in_python(str(part)) for part in error.args)
            raise

    return translated


@_speaking_python
def read(
    data: Data,
    *,
    text_column: str | None = None,
    label_column: str | Sequence[str] | None = None,
    **settings: Any,  # noqa: ANN401 - checked by the fields of DataConfig
) -> Dataset:
    """Read texts with labels, and say which columns they are in and which rows are left out.

    Example:
        >>> ktrain_sentiment.read("reviews.csv")
        <Dataset reviews.csv: 1,000 rows (positive 510, negative 490)>
          left out 2 rows without text: rows 7, 13

    Args:
        data: A file, a folder, a pattern, or the URL of one; a named corpus (`movie-reviews`),
            `hub:<dataset>`; a DataFrame, or anything with `to_pandas`; or texts and labels,
            `(texts, labels)`.
        text_column: Column that holds the texts; found by itself when None.
        label_column: Column that holds the labels, or a list of those that hold 0 or 1 for one
            each; found by itself when None.
        settings: Fields of `config.DataConfig`: `map`, `drop_labels`, `cleaning`, `duplicates`, ...

    Raises:
        DataError: It cannot be read, or does not hold texts with labels of two classes.
        ConfigError: A setting is unknown, of a wrong type, or contradicts another.
    """
    given = {"text_column": text_column, "label_column": label_column, **settings}
    return _read(
        "read()", data, {name: value for name, value in given.items() if value is not None}
    )


@_speaking_python
def find_lr(
    data: Data,
    *,
    encoder: str | None = None,
    model: str | None = None,
    run: Folder | None = None,
    quiet: bool = False,
    **settings: Any,  # noqa: ANN401 - checked by the fields of the configuration
) -> LearningRateSearch:
    """Search a learning rate: train for some steps while it grows, and read the loss's curve.

    Example:
        >>> search = ktrain_sentiment.find_lr(data, encoder="minilm")
        >>> search.suggestion, search.plot()

    Args:
        data: As for `read`, or what it returned.
        encoder: A Hugging Face hub name, a local folder, or minilm.
        model: One of ktrain's own classifiers in place of an encoder: nbsvm, logreg, ...
        run: Folder to keep the files in; none are kept when None.
        quiet: Show warnings only.
        settings: Fields of `config.TrainingSettings`, and `vary`, `verify` and others of
            `config.ExploreConfig`.

    Raises:
        InputError: The data, the encoder or the settings cannot be used.
        TrainingError: The loss was not a number from the start, or the process died.
    """
    given = {"encoder": encoder, "model": model, "run": run, **settings}
    dataset, config = _configure("find_lr()", _Exploring, data, given)
    with contextlib.ExitStack() as scratch:
        if run is None:
            folder = scratch.enter_context(tempfile.TemporaryDirectory())
            config = replace(config, place=replace(config.place, run=Path(folder, "lr")))
        place = config.place
        work = functools.partial(explore, folder=place.run, overwrite=place.overwrite, quiet=quiet)
        found = in_own_process(
            work, config, config.exploring, dataset.texts, quiet=quiet, worded=_in_python
        )
    return LearningRateSearch(found)


@_speaking_python
def train(
    data: Data,
    *,
    encoder: str | None = None,
    model: str | None = None,
    epochs: int | None = None,
    learning_rate: float | None = None,
    batch_size: int | None = None,
    maxlen: int | None = None,
    seed: int | None = None,
    run: Folder | None = None,
    quiet: bool = False,
    **settings: Any,  # noqa: ANN401 - checked by the fields of the configuration
) -> TrainingRun:
    """Train a classifier, judge it on rows that it never saw, and save it as a predictor.

    The training runs in a process of its own, which takes TensorFlow, its memory and its settings
    with it when it ends. Ctrl-C is passed on; the same call with `run=...` and `resume=True` then
    goes on where it was stopped.

    Example:
        >>> run = ktrain_sentiment.train("reviews.csv", encoder="minilm", epochs=2)
        >>> ktrain_sentiment.load(run.predictor).predict(["Not bad at all."])

    Args:
        data: As for `read`, or what it returned.
        encoder: A Hugging Face hub name, a local folder, or minilm; distilbert-base-uncased when
            None.
        model: One of ktrain's own classifiers in place of an encoder: nbsvm, fasttext, logreg, ...
        epochs: Passes over the training rows; 3 when None, and more where rows are few.
        learning_rate: The maximum; found by a short search when None.
        batch_size: Texts a step; 32 when None.
        maxlen: Most tokens read at once, 128 when None; `long_texts` says what becomes of longer
            texts.
        seed: Seed of everything random in training; 0 when None.
        run: The run folder; when None the first of runs/<name>, runs/<name>-2, ... that is free.
        quiet: Show warnings only.
        settings: Any other field of `config.TrainingSettings`: `policy`, `test`, `folds`, ...;
            `workers`: processes of this machine that train together.

    Raises:
        InputError: The data, the encoder, the settings or the run folder cannot be used.
        TrainingError: The loss diverged, the disk is full, or the process died.
        KeyboardInterrupt: Ctrl-C; the message says how to go on.
    """
    given = {
        "encoder": encoder, "model": model, "epochs": epochs, "learning_rate": learning_rate,
        "batch_size": batch_size, "maxlen": maxlen, "seed": seed, "run": run, **settings,
    }  # fmt: skip
    dataset, config = _configure("train()", _TrainingTogether, data, given)
    cluster = cluster_of(config.together.workers, {})
    if cluster is not None:  # Before a process opens TensorFlow to say the same.
        refuse_with_workers(config, len(cluster.addresses))
    work = functools.partial(run_training, **_free_place(config, ""), quiet=quiet, cluster=cluster)
    done = in_own_process(work, config, dataset.texts, quiet=quiet, worded=_in_python)
    return TrainingRun(done.folder.path)


@_speaking_python
def compare(
    data: Data,
    *,
    models: Sequence[str] | str | None = None,
    encoder: str | None = None,
    run: Folder | None = None,
    quiet: bool = False,
    **settings: Any,  # noqa: ANN401 - checked by the fields of the configuration
) -> ModelComparison:
    """Train several models on the same rows, and say which is worth it.

    Example:
        >>> ktrain_sentiment.compare(data, models=["tfidf", "nbsvm", "minilm"]).advice

    Args:
        data: As for `read`, or what it returned.
        models: Any of majority, tfidf, vader, probe, ktrain's own classifiers, encoder, and names
            of encoders; see `config.CompareConfig`. Those that are usual for such labels when None.
        encoder: What `probe` and `encoder` stand on.
        run: The folder; when None the first of runs/<name>-compared, ... that is free.
        quiet: Show warnings only.
        settings: Other fields of `config.CompareConfig` and of `config.TrainingSettings`.

    Raises:
        InputError: The data, a model or the settings cannot be used.
        TrainingError: A loss diverged, or a process died.
    """
    # An array or a generator is a list of names here, and a single name is not one of letters.
    several = isinstance(models, Iterable) and not isinstance(models, str)
    chosen = list(models) if several and models is not None else models
    if several and not chosen:
        raise ConfigError("compare(): models: name at least one, or leave it out")
    given = {"models": chosen, "encoder": encoder, "run": run, **settings}
    dataset, config = _configure("compare()", _Comparing, data, given)
    work = functools.partial(compare_models, **_free_place(config, "compared"))
    found = in_own_process(
        work, config, config.comparing, dataset.texts, quiet=quiet, worded=_in_python
    )
    return ModelComparison(found)


@_speaking_python
def search(
    data: Data,
    *,
    encoder: str | None = None,
    model: str | None = None,
    study: Folder | None = None,
    trials: int | None = None,
    minutes: float | None = None,
    quiet: bool = False,
    **settings: Any,  # noqa: ANN401 - checked by the fields of the configuration
) -> SettingsSearch:
    """Search settings that train well; the same call again goes on.

    Example:
        >>> found = ktrain_sentiment.search(data, encoder="minilm", range=["epochs=2:4"])
        >>> run = ktrain_sentiment.train(data, encoder="minilm", **found.best)

    Args:
        data: As for `read`, or what it returned.
        encoder: A Hugging Face hub name, a local folder, or minilm.
        model: One of ktrain's own classifiers in place of an encoder: nbsvm, logreg, ...
        study: Folder or database that keeps the trials, for all processes that share them;
            runs/<name>-search when None.
        trials: Trainings in all; 20 when None.
        minutes: Begin no training that would not end within this time.
        quiet: Show warnings only.
        settings: `range`, what is tried, and other fields of `config.tuning_config.TuneConfig`;
            and of `config.TrainingSettings`, what stays the same.

    Raises:
        InputError: The data, the settings, the ranges or the study cannot be used.
        TrainingError: No trial came to its end.
        KeyboardInterrupt: Ctrl-C; what was tried is kept.
    """
    check_installed("optuna", "search")
    from ktrain_sentiment.workflow.tuning import search_settings

    given = {
        "encoder": encoder, "model": model, "study": study, "trials": trials, "minutes": minutes,
        **settings,
    }  # fmt: skip
    dataset, config = _configure("search()", SearchSettings, data, given)
    found = in_own_process(search_settings, config, dataset.texts, quiet=quiet, worded=_in_python)
    return SettingsSearch(found)


@_speaking_python
def evaluate(
    data: Data | TrainingRun,
    predictor: Folder | TrainingRun | Classifier | None = None,
    *,
    other: Folder | TrainingRun | Classifier | None = None,
    slice_by: Sequence[str] = (),
    abstain_below: float | None = None,
    costs: Sequence[str] = (),
    engine: Engine = "auto",
    checklist: bool = False,
    **settings: Any,  # noqa: ANN401 - checked by the fields of the configuration
) -> Evaluation:
    """Say how good a predictor is on labelled rows, with 95 % intervals, beside baselines.

    Example:
        >>> ktrain_sentiment.evaluate("more.csv", run.predictor).table

    Args:
        data: As for `read`, or what it returned; or a run, or its folder, to judge it on its own
            test rows from its saved predictions.
        predictor: A predictor folder, ours or a Hugging Face model's; a run; or what `load`
            returned. None for a run.
        other: Another one to compare with on the same rows.
        slice_by: Columns of the data to judge by, beside the usual ones.
        abstain_below: A probability: judge what is gained by leaving texts below it to a person;
            with costs the same of the answers of least expected cost (`Task.confidence`).
        costs: What mistakes cost, to judge answers by it: such as `["negative:positive=5"]`, one of
            a negative text that is called positive; see `evaluation.mistake_costs`.
        engine: What computes the predictions: auto, int8, fp32, openvino or fastest.
        checklist: Check what it can do with language as well, on sentences made from templates.
        settings: As for `read`; and `templates`, `cases`, `positive` and `negative` of
            `config.ChecklistConfig`.

    Raises:
        InputError: The data, a folder or the settings cannot be used.
    """
    slices = held("slice_by", slice_by, tuple[str, ...])
    threshold = held("abstain_below", abstain_below, float | None)
    refuse_threshold(threshold)
    weighed = held("costs", costs, tuple[str, ...])
    named = field_names(ChecklistConfig) & set(settings)
    asked = {"checklist": checklist, **{name: _plain(settings.pop(name)) for name in named}}
    language = from_flat(ChecklistConfig, asked, "evaluate()")
    if isinstance(data, TrainingRun):
        data = data.path
    place, compared = _subject_of("predictor", predictor), _subject_of("other", other)
    loaded = isinstance(data, Classifier)
    if loaded or (isinstance(place, Path) and _are_swapped(data, place)):
        raise ConfigError(
            "evaluate(): got what is judged before the rows to judge it on; the rows come first: "
            f"evaluate({str(predictor)!r}, {'the classifier' if loaded else str(data)!r})"
        )
    rows: DataConfig | LabelledTexts
    if place is None:
        if not isinstance(data, str | os.PathLike):
            raise ConfigError("evaluate(): name the predictor to judge on these rows")
        rows = from_flat(DataConfig, {"data": str(data), **settings}, "evaluate()")
    else:
        if isinstance(place, Path):
            trained = trained_table(find_predictor(place))
        else:
            trained = inputs_of(place).to_table()
        rows = _read("evaluate()", data, settings, trained).texts
    question = functools.partial(
        _evaluate, rows, place, compared, slices, threshold, weighed, engine, language
    )
    found = in_own_process(question, quiet=True, worded=_in_python)
    notes = tuple(map(_in_python, found.eval_set.notes))
    return Evaluation(replace(found, eval_set=replace(found.eval_set, notes=notes)))


@_speaking_python
def open_run(folder: Folder) -> TrainingRun:
    """Open a run that was finished before, by Python or by the command line.

    Raises:
        InputError: The folder holds no finished run.
    """
    run = RunFolder(held("folder", _plain(folder), Path))
    if not run.metrics.is_file():
        raise InputError(f"{folder}: no finished run; wanted a folder that train() has made")
    return TrainingRun(run.path)


def _read(
    who: str,
    data: object,
    settings: Mapping[str, Any],
    trained: Mapping[str, Any] | None = None,
) -> Dataset:
    """Read data; `trained` says how that of the predictor was read which is judged on it."""
    if isinstance(data, Dataset):
        if settings:
            raise ConfigError(f"{who}: {', '.join(settings)}: the data is read already")
        return data
    settings = _with_one_name(settings)
    if isinstance(data, str | os.PathLike):
        config = from_flat(DataConfig, {**settings, "data": os.fspath(data)}, who)
        texts = read_labelled(config, trained)
    else:
        config = from_flat(DataConfig, settings, who)
        texts = read_frame(_frame_of(who, data), config, _FRAME, trained)
    return Dataset(texts, tuple(map(_in_python, texts.notes)))


def _with_one_name(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with a list of columns of labels as the one name that the command line has."""
    names = settings.get("label_column")
    if isinstance(names, list | tuple) and all(isinstance(name, str) for name in names):
        return {**settings, "label_column": ",".join(names)}
    return dict(settings)


def _frame_of(who: str, data: Any) -> pd.DataFrame:  # noqa: ANN401
    if isinstance(data, pd.DataFrame):
        return data
    if hasattr(data, "to_pandas"):
        return pd.DataFrame(data.to_pandas())
    if isinstance(data, tuple | list) and len(data) == 2 and all(map(_is_column, data)):
        texts, labels = map(list, data)
        if len(texts) != len(labels):
            uneven = f"{count(len(texts), 'text')} and {count(len(labels), 'label')}"
            raise DataError(f"{who}: {uneven}")
        return pd.DataFrame({"text": texts, "label": labels})
    kind = type(data).__name__
    raise DataError(
        f"{who}: got data of type {kind}; wanted a path, a DataFrame, or texts and labels as "
        "(texts, labels)"
    )


def _is_column(part: object) -> bool:
    return isinstance(part, Iterable) and not isinstance(part, str | bytes | Mapping)


Settings = TypeVar("Settings", bound=TrainingSettings)


def _configure(
    who: str, kind: type[Settings], data: Data, given: Mapping[str, Any]
) -> tuple[Dataset, Settings]:
    """The data, read, and the other settings, checked."""
    values = {name: _plain(value) for name, value in given.items() if value is not None}
    values = _with_one_name(values)
    config = from_flat(kind, values, who)  # First: a misspelt name needs no data to be read.
    dataset = _read(who, data, {n: values[n] for n in values if n in field_names(DataConfig)})
    return dataset, replace(config, source=dataset.texts.config)


def _plain(value: object) -> object:
    """A value as a settings file holds it; grid searches give NumPy's numbers."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return value.item() if isinstance(value, np.generic) else value


def _free_place(config: _Training, task: str) -> dict[str, Any]:
    """Where a job's files go: a free folder, unless one is named or gone on with."""
    place = config.place
    folder = place.run or default_run(config.source.data, task)
    if place.run is None and not (place.resume or place.overwrite):
        folder = next(one for one in _numbered(folder) if not one.exists())
    return {
        "folder": folder.absolute(), "overwrite": place.overwrite, "resume": place.resume,
    }  # fmt: skip


def _numbered(place: Path) -> Iterator[Path]:
    yield place
    yield from (place.with_name(f"{place.name}-{number}") for number in itertools.count(2))


def _subject_of(
    name: str, place: Folder | TrainingRun | Classifier | None
) -> Path | Classifier | None:
    if place is None or isinstance(place, Classifier):
        return place
    if isinstance(place, TrainingRun):
        return place.path
    given = Path(held(name, _plain(place), Path))
    return find_predictor(given) if url_of(given) else given.absolute()


def _are_swapped(data: object, place: Path) -> bool:
    """Whether the rows were given for the predictor, and the predictor for the rows."""
    if not isinstance(data, str | os.PathLike) or not place.is_file():
        return False
    return find_predictor(Path(data)) != Path(data) or is_run(Path(data))


def _evaluate(
    rows: DataConfig | LabelledTexts,
    predictor: Path | Classifier | None,
    other: Path | Classifier | None,
    slice_by: tuple[str, ...],
    abstain_below: float | None,
    costs: tuple[str, ...],
    engine: Engine,
    language: ChecklistConfig,
) -> EvalResult:
    opening = Opening(engine)
    refuse_costs(costs, predictor)
    if isinstance(rows, DataConfig) or predictor is None:
        source = rows if isinstance(rows, DataConfig) else rows.config
        eval_set, _ = find_eval_set(source, predictor=None, compare=(), opening=opening)
    else:
        eval_set = from_predictor(predictor, rows, opening, slice_by=slice_by)
    second = None if other is None else predict_same_rows(other, eval_set, opening)
    found = evaluate_rows(
        eval_set, second, slice_by=slice_by, abstain_below=abstain_below, costs=costs
    )
    if language.asked_for:
        found = replace(found, checklist=check_eval_set(eval_set, language, opening))
    # The classifier is a predictor folder's; to carry its files along would double them.
    return replace(found, eval_set=replace(found.eval_set, classifier=None))
