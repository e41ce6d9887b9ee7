"""What a run trains: a fine-tuned encoder, or one of ktrain's own classifiers.

Everything in which these differ is decided here, once; the rest of the workflow does not ask.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from ktrain_sentiment.config import SearchConfig, TrainConfig, TrainingSettings
from ktrain_sentiment.data import Splits
from ktrain_sentiment.encoders import resolve
from ktrain_sentiment.encoders.encoder_folder import check_maxlen
from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.export.saving import (
    SavedPredictor,
    TrainingFacts,
    ValidationTexts,
    save_predictor,
)
from ktrain_sentiment.training.encoder_trainer import open_encoder_trainer
from ktrain_sentiment.training.keras_classifier import tracer
from ktrain_sentiment.training.ktrain_trainer import open_ktrain_trainer, save_ktrain_trainer
from ktrain_sentiment.training.trainer import SoftTargets, Trainer

Open = Callable[[Splits, TrainConfig, SoftTargets | None], Trainer]
Save = Callable[[Trainer, Path, TrainingFacts, ValidationTexts], SavedPredictor]

ENCODER_RATE = 5e-5
"""Of encoders, where a search finds none (Devlin et al. 2019, appendix A.3)."""
CLASSIC_RATES = {
    "nbsvm": 1e-2,
    "logreg": 1e-2,
    "fasttext": 5e-3,
    "bigru": 1e-3,
    "standard_gru": 1e-3,
}
"""Rates of ktrain's own classifiers where the search cannot tell; see benchmarks/LOG.md."""
ENCODERS_OWN = (
    ("training", "freeze", "none", "no encoder to freeze"),
    ("training", "adversarial_epsilon", None, "no encoder whose embeddings could be moved"),
    ("encoder", "layers", None, "no encoder's layers"),
)
"""Group, name and neutral value of settings that mean nothing to ktrain's own classifiers, and what
those lack."""
ENCODER_SEARCH, CLASSIC_SEARCH = (1e-6, 1e-1), (1e-5, 10.0)
"""Where the search for a learning rate begins and ends: weights of words take larger steps."""
ENCODER_STEPS, CLASSIC_STEPS = (100, 200), (100,)
"""Steps of a search, and of the next if the first cannot be read; see benchmarks/LOG.md."""


@dataclass(frozen=True)
class Kind:
    """A kind of model, with the settings that it is trained with.

    Attributes:
        name: The encoder as the user named it, or ktrain's name of its own classifier.
        open: Rows, training configuration and what to learn (the training rows' labels when None)
            to a trainer.
        save: A trained trainer into a predictor folder, which is replaced.
        searches: How a learning rate is searched, and how again if that shows nothing.
        usual_rate: The learning rate to take where the search finds none.
    """

    name: str
    open: Open
    save: Save
    searches: tuple[SearchConfig, ...]
    usual_rate: float


def kind_of(settings: TrainingSettings) -> Kind:
    """What these settings train.

    Raises:
        EncoderError: The encoder cannot be used.
        ConfigError: A setting means nothing to this kind of model.
    """
    return _classic(settings) if settings.model.is_ktrain_model else _encoder(settings)


def name_of(settings: TrainingSettings) -> str:
    """The `name` of the kind, without resolving an encoder."""
    return settings.model.model if settings.model.is_ktrain_model else settings.encoder.encoder


def for_classics(settings: TrainingSettings) -> TrainingSettings:
    """The same without what only encoders have, as ktrain's own classifiers take it."""
    for group, setting, neutral, _ in ENCODERS_OWN:
        plain = replace(getattr(settings, group), **{setting: neutral})
        settings = replace(settings, **{group: plain})
    return settings


def _encoder(settings: TrainingSettings) -> Kind:
    folder = resolve(settings.encoder.encoder)
    check_maxlen(folder, settings.encoder.maxlen)

    def open_(splits: Splits, training: TrainConfig, lessons: SoftTargets | None) -> Trainer:
        return open_encoder_trainer(
            folder, splits, settings.encoder, training, settings.compute, lessons
        )

    def save(
        trainer: Trainer, place: Path, facts: TrainingFacts, validation: ValidationTexts
    ) -> SavedPredictor:
        return save_predictor(
            trainer.model,
            trainer.preprocessor.ktrain_preprocessor,
            place,
            facts,
            validation,
            trace=tracer(trainer.model),
            overwrite=True,
        )

    searches = _searches(settings, *ENCODER_SEARCH, ENCODER_STEPS)
    return Kind(name_of(settings), open_, save, searches, ENCODER_RATE)


def _classic(settings: TrainingSettings) -> Kind:
    name = settings.model.model
    for group, setting, neutral, lacking in ENCODERS_OWN:
        given = getattr(getattr(settings, group), setting)
        if given not in (neutral, 0):
            raise ConfigError(
                f"--{setting.replace('_', '-')} {given}: {name} has {lacking}, leave it out"
            )

    def open_(splits: Splits, training: TrainConfig, lessons: SoftTargets | None) -> Trainer:
        return open_ktrain_trainer(splits, settings.model, training, settings.compute, lessons)

    def save(
        trainer: Trainer, place: Path, facts: TrainingFacts, validation: ValidationTexts
    ) -> SavedPredictor:
        return save_ktrain_trainer(trainer, place, facts, validation, overwrite=True)

    searches = _searches(settings, *CLASSIC_SEARCH, CLASSIC_STEPS)
    return Kind(name, open_, save, searches, CLASSIC_RATES[name])


def _searches(
    settings: TrainingSettings, start: float, end: float, steps: tuple[int, ...]
) -> tuple[SearchConfig, ...]:
    given = settings.search
    ranged = replace(
        given, search_start=given.search_start or start, search_end=given.search_end or end
    )
    if given.search_steps is not None:
        return (ranged,)
    return tuple(replace(ranged, search_steps=count) for count in steps)
