"""The one list of models: what each needs, its usual rate, how it opens, trains and saves.

Training, searching a rate, cross-validation and comparing look here and do not ask further. A
model either learns step by step, through a `Trainer`, or is fitted at once.
"""

from __future__ import annotations

import difflib
import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ktrain_sentiment.config import KTRAIN_MODELS, SearchConfig, TrainingSettings
from ktrain_sentiment.data import Splits
from ktrain_sentiment.data.checks import main_language
from ktrain_sentiment.encoders import resolve
from ktrain_sentiment.encoders.encoder_folder import check_maxlen
from ktrain_sentiment.encoders.model_hub import WELL_KNOWN
from ktrain_sentiment.errors import ConfigError, EncoderError
from ktrain_sentiment.evaluation.baselines import BASELINES, Fitting, polar_columns, speaks
from ktrain_sentiment.evaluation.predictions import truth_of
from ktrain_sentiment.export.saving import (
    Calibrate,
    SavedPredictor,
    TrainingFacts,
    ValidationTexts,
    save_predictor,
)
from ktrain_sentiment.inference.embedding import Embed, open_encoder_embedder
from ktrain_sentiment.inputs import Inputs
from ktrain_sentiment.messages import flag_of
from ktrain_sentiment.predictor.layout import PredictorFolder
from ktrain_sentiment.refusals import refuse
from ktrain_sentiment.tasks import CLASSES, TASKS, Kind, Task
from ktrain_sentiment.training.contrastive import fit_few_labels, tuning_of
from ktrain_sentiment.training.encoder_trainer import open_encoder_trainer
from ktrain_sentiment.training.keras_classifier import tracer
from ktrain_sentiment.training.ktrain_trainer import open_ktrain_trainer, save_ktrain_trainer
from ktrain_sentiment.training.policies import USUAL_EPOCHS
from ktrain_sentiment.training.probe import PROBES
from ktrain_sentiment.training.trainer import SoftTargets, Trainer

Predict = Callable[[Sequence[str]], NDArray[Any]]

ENCODERS_OWN = (
    ("encoder", "encoder", "no encoder"),
    ("encoder", "maxlen", "no encoder that counts tokens; --max-features limits what it reads"),
    ("encoder", "long_texts", "a rule of its own: the last words of a long text are read"),
    ("encoder", "layers", "no encoder's layers"),
    ("training", "freeze", "no encoder to freeze"),
    ("training", "adversarial_epsilon", "no encoder whose embeddings could be moved"),
    ("training", "few_labels", "no encoder that knows sentences already"),
)
"""Group and name of settings that mean nothing without an encoder, and what is lacking."""

KTRAINS_OWN = (
    ("model", "vocab_size", "a vocabulary of its own"),
    ("model", "ngrams", "a tokenizer of its own"),
    ("model", "max_features", "a length of its own, which --maxlen sets"),
    ("model", "vectors", "embeddings of its own"),
)
"""The same of settings that mean nothing to encoders, and what those have in their place."""

USUAL = TrainingSettings()
"""What is set where nothing is said."""


ONE_LABEL: frozenset[Kind] = frozenset({"classes", "stars"})
"""Tasks in which a text has one of several labels."""


@dataclass(frozen=True)
class Candidate:
    """A model that has learned.

    Attributes:
        predict: Texts to probabilities, shape (texts, classes).
        disk: Bytes of the files that prediction needs; 0 when it needs none.
        learning_rate: The maximum learning rate, where there is one.
    """

    predict: Predict
    disk: int = 0
    learning_rate: float | None = None


def asks(trainer: Trainer) -> Predict:
    """What a trained model says of texts."""
    return lambda texts: trainer.predict_proba(pd.DataFrame({"text": list(texts)}))


class FitOn(Protocol):
    """Settings, rows and the encoder's vectors of texts to a model that stands on them."""

    def __call__(self, settings: TrainingSettings, splits: Splits, embed: Embed) -> Candidate:
        """See `fit_probe`."""
        ...


class Open(Protocol):
    """Settings, rows and what to learn (the rows' labels when None) to a trainer."""

    def __call__(
        self, settings: TrainingSettings, splits: Splits, soft_targets: SoftTargets | None = None
    ) -> Trainer:
        """See `open_encoder_trainer` and `open_ktrain_trainer`."""
        ...


Save = Callable[[Trainer, Path, TrainingFacts, ValidationTexts, Calibrate | None], SavedPredictor]
Fit = Callable[[TrainingSettings, Splits], Candidate]


def _no_steps(*_: object, **__: object) -> Any:  # noqa: ANN401
    raise AssertionError("this model is fitted at once, it has no trainer")


@dataclass(frozen=True)
class ModelSpec:
    """A model that can be trained or compared.

    Attributes:
        name: What `--model` and `--models` call it.
        needs_encoder: Whether it stands on `--encoder`.
        tasks: What it can learn.
        learns: Whether more examples change it.
        usual_rate: The learning rate to take where a search finds none.
        usual_epochs: Passes over the training rows where none are given.
        search_range: Where a search for a learning rate begins and ends.
        search_steps: Steps of a search, and of the next if the first cannot be read.
        fit: Settings and rows to a model without steps; None of a model that has steps. Such a
            model alone can be opened and saved.
        fit_on: The same of a model that only reads the encoder's vectors, which are then made once
            for many fits; None of others.
        open: A trainer of the model.
        save: A trained model into a predictor folder, which is replaced.
    """

    name: str
    needs_encoder: bool = False
    tasks: frozenset[Kind] = ONE_LABEL
    learns: bool = True
    usual_rate: float = 0.0
    usual_epochs: int = USUAL_EPOCHS
    search_range: tuple[float, float] = (0.0, 0.0)
    search_steps: tuple[int, ...] = ()
    fit: Fit | None = None
    fit_on: FitOn | None = None
    open: Open = _no_steps
    save: Save = _no_steps

    @property
    def is_ktrain_model(self) -> bool:
        """Whether it is one of ktrain's own classifiers."""
        return self.name in KTRAIN_MODELS

    def check(self, settings: TrainingSettings) -> None:
        """Refuse settings that it cannot be trained with, before any text is read.

        Raises:
            EncoderError: The encoder cannot be used.
            ConfigError: A setting means nothing to it, or the encoder has fewer positions than
                maxlen.
        """
        self.refuse_foreign(settings)
        if self.needs_encoder:
            check_maxlen(resolve(settings.encoder.encoder), settings.encoder.maxlen)

    def refuse_foreign(self, settings: TrainingSettings) -> None:
        """Refuse settings that it would ignore; looks at nothing but these.

        Raises:
            ConfigError: A setting means nothing to this model.
        """
        has = "has" if self.is_ktrain_model else "brings"
        for group, setting, instead in self._foreign:
            given = getattr(getattr(settings, group), setting)
            if given not in (getattr(getattr(USUAL, group), setting), 0):
                flag = flag_of(setting)
                raise ConfigError(f"{flag} {given}: {self.name} {has} {instead}; leave {flag} out")

        source = settings.source
        refuse_for_rows(settings, Inputs(also=source.also, pair=source.pair_column or ""))

    @property
    def _foreign(self) -> tuple[tuple[str, str, str], ...]:
        """Settings that mean nothing to it."""
        if not self.is_ktrain_model:
            return KTRAINS_OWN if self.needs_encoder else (*ENCODERS_OWN, *KTRAINS_OWN)
        vectors = ("model", "vectors", "embeddings that it learns; bigru alone reads vectors")
        return ENCODERS_OWN if self.name == "bigru" else (*ENCODERS_OWN, vectors)

    def without_foreign(self, settings: TrainingSettings) -> TrainingSettings:
        """The settings without what is for other models alone."""
        for group, setting, _ in self._foreign:
            usual = getattr(getattr(USUAL, group), setting)
            plain = replace(getattr(settings, group), **{setting: usual})
            settings = replace(settings, **{group: plain})
        return settings

    def searches(self, settings: TrainingSettings) -> tuple[SearchConfig, ...]:
        """How a learning rate is searched, and how again if that shows nothing.

        Raises:
            ConfigError: The search would begin behind its end.
        """
        given, (start, end) = settings.search, self.search_range
        ranged = replace(
            given, search_start=given.search_start or start, search_end=given.search_end or end
        )
        if given.search_steps is not None:
            return (ranged,)
        return tuple(replace(ranged, search_steps=count) for count in self.search_steps)


def find_model(name: str) -> ModelSpec:
    """The model of a name; a name that none has is an encoder's, to be fine-tuned."""
    return MODELS.get(name, MODELS["encoder"])


def resolve_model(settings: TrainingSettings) -> ModelSpec:
    """What these settings train, checked; the errors are those of `ModelSpec.check`."""
    spec = MODELS[settings.model.model]
    spec.check(settings)
    spec.searches(settings)
    return spec


def refuse_unlearnable(settings: TrainingSettings, splits: Splits | None = None) -> None:
    """Refuse a model or a setting that is of no use to what is to be learned.

    Args:
        settings: The model, and how it is trained.
        splits: The rows, once they are read: much of what they are may be left to them to say.

    Raises:
        ConfigError: The model has no use for a setting, or one of them knows other tasks or texts
            alone.
    """
    MODELS[settings.model.model].refuse_foreign(settings)
    _refuse_for_task(settings.source.task if splits is None else splits.kind, settings)
    if splits is not None:
        refuse_for_rows(settings, Inputs.of(splits.table))


def _refuse_for_task(kind: str, settings: TrainingSettings) -> None:
    """Refuse what a task cannot be learned with."""
    training, usual = settings.training, USUAL.training
    if settings.model.is_ktrain_model:
        refuse(kind, "--model", given=f"--model {settings.model.model}")
    names = ("class_weight", "stratified_batches", "teacher", "augment", "few_labels")
    for name in names:
        if getattr(training, name) != getattr(usual, name):
            refuse(kind, flag_of(name))
    if training.keep_best in ("accuracy", "macro_f1"):
        refuse(kind, "--keep-best", given=f"--keep-best {training.keep_best}")


def refuse_for_rows(settings: TrainingSettings, inputs: Inputs) -> None:
    """Refuse what knows texts alone, where more of a row is read.

    Args:
        settings: The model, and how it is trained.
        inputs: What is read of a row.

    Raises:
        ConfigError: The model or a setting knows texts alone.
    """
    for name in ("augment", "unlabelled"):
        if inputs and getattr(settings.training, name):
            raise ConfigError(
                f"--{name} learns from texts alone, and the rows are {inputs.told}: leave it out"
            )
    if inputs.pair and settings.model.is_ktrain_model:
        raise ConfigError(
            f"--model {settings.model.model} reads one text and tells no pair apart: choose an "
            f"encoder, or read the column as words, --also {inputs.pair}"
        )
    if inputs.pair and settings.training.few_labels != "full":
        raise ConfigError(
            f"--few-labels {settings.training.few_labels} embeds single texts, and the rows are "
            f"{inputs.told}: leave it out"
        )


def model_name(settings: TrainingSettings) -> str:
    """The encoder as the user named it, or ktrain's name of its own classifier."""
    model = settings.model
    return model.model if model.is_ktrain_model else settings.encoder.encoder


# Models that learn step by step.


def _open_encoder(
    settings: TrainingSettings, splits: Splits, soft_targets: SoftTargets | None = None
) -> Trainer:
    return open_encoder_trainer(
        resolve(settings.encoder.encoder),
        splits,
        settings.encoder,
        settings.training,
        settings.compute,
        soft_targets,
    )


def _save_encoder(
    trainer: Trainer,
    folder: Path,
    facts: TrainingFacts,
    validation: ValidationTexts,
    calibrate: Calibrate | None = None,
) -> SavedPredictor:
    return save_predictor(
        trainer.model,
        trainer.preprocessor.ktrain_preprocessor,
        folder,
        facts,
        validation,
        calibrate=calibrate,
        trace=tracer(trainer.model),
        overwrite=True,
    )


def _open_ktrain_model(
    settings: TrainingSettings, splits: Splits, soft_targets: SoftTargets | None = None
) -> Trainer:
    return open_ktrain_trainer(
        splits, settings.model, settings.training, settings.compute, soft_targets
    )


def _ktrain_model(
    name: str,
    usual_rate: float,
    search_range: tuple[float, float] = (1e-5, 10.0),
    search_steps: tuple[int, ...] = (100,),
) -> ModelSpec:
    """One of ktrain's own classifiers: weights of words take larger steps, and many of them."""
    return ModelSpec(
        name,
        usual_rate=usual_rate,
        usual_epochs=6,
        search_range=search_range,
        search_steps=search_steps,
        open=_open_ktrain_model,
        save=save_ktrain_trainer,
    )


# Models that are fitted at once: what the others have to beat.


def _baseline(name: str, *, learns: bool = True) -> ModelSpec:
    """One of `BASELINES`, for whichever tasks have it."""

    def fit(settings: TrainingSettings, splits: Splits) -> Candidate:
        del settings
        texts, task = splits.train["text"].tolist(), splits.task
        truth = truth_of(splits.train["label"], splits.labels, task)
        fitted = BASELINES[task.kind][name].fit(Fitting(texts, truth, splits.labels, task))
        if fitted is None:
            raise ConfigError(
                f"{name}: what it needs is not installed, or it knows no word of the training "
                "texts; leave it out of --models"
            )
        return Candidate(fitted.ask, 0 if fitted.kept is None else len(pickle.dumps(fitted.kept)))

    tasks = frozenset(kind for kind, own in BASELINES.items() if name in own)
    return ModelSpec(name, tasks=tasks, learns=learns, fit=fit)


def open_embedder_of(settings: TrainingSettings, splits: Splits) -> Embed:
    """What makes vectors of such rows' texts, with the encoder as it comes."""
    place, pairs = resolve(settings.encoder.encoder), bool(Inputs.of(splits.table).pair)
    return open_encoder_embedder(place, settings.encoder.maxlen, pairs=pairs)


def _fit_probe(settings: TrainingSettings, splits: Splits) -> Candidate:
    return _probe_on(settings, splits, open_embedder_of(settings, splits))


def _probe_on(settings: TrainingSettings, splits: Splits, embed: Embed) -> Candidate:
    vectors = np.asarray(embed(splits.train["text"].tolist()), np.float32)
    truth = truth_of(splits.train["label"], splits.labels, splits.task)
    fit = PROBES[splits.task.kind]
    probe = fit(vectors, truth, len(splits.labels), settings.training.seed)
    return Candidate(
        lambda texts: probe.ask(np.asarray(embed(texts), np.float32)),
        _size_of_encoder(settings) + len(pickle.dumps(probe.kept)),
    )


def _size_of_encoder(settings: TrainingSettings) -> int:
    place = PredictorFolder(resolve(settings.encoder.encoder))
    return place.torch_weights.stat().st_size + place.tokenizer.stat().st_size


def _fit_contrastive(settings: TrainingSettings, splits: Splits) -> Candidate:
    plain = replace(
        settings.training, few_labels="contrastive", teacher=None, unlabelled="", augment=False,
        adversarial_epsilon=None,
    )  # fmt: skip
    trainer = _open_encoder(replace(settings, training=plain), splits)
    tuning = tuning_of(plain)
    fit_few_labels(trainer, splits, tuning)
    return Candidate(asks(trainer), _size_of_encoder(settings), tuning.rate)


MODELS = {
    spec.name: spec
    for spec in (
        _baseline("majority", learns=False),
        _baseline("tfidf"),
        _baseline("vader", learns=False),
        _baseline("median", learns=False),
        _baseline("mean", learns=False),
        _baseline("ridge"),
        ModelSpec(
            "probe", needs_encoder=True, tasks=frozenset(TASKS), fit=_fit_probe, fit_on=_probe_on
        ),
        ModelSpec("contrastive", needs_encoder=True, fit=_fit_contrastive),
        # Rates of ktrain's own classifiers where the search cannot tell: benchmarks/LOG.md.
        _ktrain_model("nbsvm", 1.0, (1e-3, 10.0), (160,)),
        _ktrain_model("fasttext", 5e-3),
        _ktrain_model("logreg", 1.0, (1e-3, 10.0), (160,)),
        _ktrain_model("bigru", 1e-3),
        _ktrain_model("standard_gru", 1e-3),
        ModelSpec(
            "encoder",
            needs_encoder=True,
            tasks=frozenset(TASKS),
            usual_rate=5e-5,  # Devlin et al. 2019, appendix A.3
            search_range=(1e-6, 1e-1),
            search_steps=(100, 200),  # benchmarks/LOG.md
            open=_open_encoder,
            save=_save_encoder,
        ),
    )
}
"""Every model by its name."""


def check_names(models: Sequence[str]) -> None:
    """Refuse names that are neither a model's nor can be an encoder's, before data is read.

    Raises:
        ConfigError: There is no such model.
    """
    for name in models:
        # Every encoder of the hub that works here has a hyphen or an owner in its name.
        if name in MODELS or name in WELL_KNOWN or {"-", "/"} & set(name) or Path(name).is_dir():
            continue
        near = difflib.get_close_matches(name, [*MODELS, *WELL_KNOWN], n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise ConfigError(
            f"--models {name}: no such model{hint}; wanted {', '.join(MODELS)}, or the name or "
            "folder of an encoder"
        )


USUAL_MODELS: Mapping[Kind, tuple[str, ...]] = {
    "classes": ("majority", "tfidf", "vader", "probe", "nbsvm", "encoder"),
    "stars": ("median", "tfidf", "ridge", "probe", "nbsvm", "encoder"),
    "score": ("mean", "ridge", "vader", "probe", "encoder"),
    "multi": ("majority", "tfidf", "probe", "encoder"),
}
"""What is compared where no models are named, as far as the rows are for them."""


def usual_models(splits: Splits) -> tuple[str, ...]:
    """What is compared where no models are named: all usual ones that can learn these rows."""
    inputs, task = Inputs.of(splits.table), splits.task
    language = main_language(splits.train["text"]) if task.is_score else ""
    return tuple(
        name
        for name in USUAL_MODELS[task.kind]
        if not _unsuited(name, splits.labels, task)
        and speaks(name, task, language)
        and not (inputs.pair and MODELS[name].is_ktrain_model)
    )


_CALLED: Mapping[Kind, str] = {
    "classes": "classes", "stars": "stars", "score": "scores", "multi": "several labels a text",
}  # fmt: skip


def _unsuited(name: str, labels: Sequence[str], task: Task) -> str:
    """Why a model cannot learn such labels, and what to do; empty where it can."""
    spec = find_model(name)
    if task.kind not in spec.tasks:
        known = " and ".join(_CALLED[kind] for kind in _CALLED if kind in spec.tasks)
        way = f", or --task {next(iter(spec.tasks))}" if len(spec.tasks) == 1 else ""
        return (
            f"{name} knows {known} alone, and the labels are {_CALLED[task.kind]}: leave it out "
            f"of --models{way}"
        )
    if name == "vader" and task.chooses and polar_columns(labels) is None:
        return (
            f"{name} knows negative, positive and neutral, not {', '.join(labels)}: leave it "
            "out of --models, or rename the labels with --map"
        )
    return ""


def check_models(
    settings: TrainingSettings,
    models: Sequence[str],
    labels: Sequence[str],
    task: Task = CLASSES,
) -> None:
    """Refuse what cannot be compared on this data, before anything is trained.

    Raises:
        ConfigError: A model cannot learn such labels; bigru without vectors; a single model.
        EncoderError: An encoder cannot be used.
    """
    if settings.model.is_ktrain_model:
        raise ConfigError(f"--model {settings.model.model}: name what is compared with --models")
    for name in models:
        spec = find_model(name)
        if said := _unsuited(name, labels, task):
            raise ConfigError(said)
        if spec.is_ktrain_model:
            replace(settings.model, model=spec.name)  # type: ignore[arg-type]
        if spec.needs_encoder:
            try:
                resolve(name if name not in MODELS else settings.encoder.encoder)
            except EncoderError as error:
                meant = difflib.get_close_matches(name, MODELS, n=1) if name not in MODELS else []
                hint = f"; did you mean --models {meant[0]}?" if meant else ""
                raise EncoderError(f"{error}{hint}") from error
