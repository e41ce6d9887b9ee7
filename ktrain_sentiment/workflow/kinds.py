"""What a run trains: a fine-tuned encoder, or one of ktrain's own classifiers.

Everything in which these differ is decided here, once; the rest of the workflow does not ask.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.config import SearchConfig, TrainConfig, TrainingSettings
from ktrain_sentiment.data import Splits
from ktrain_sentiment.encoders import resolve
from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.predictor.saving import (
    SavedPredictor,
    TrainingFacts,
    ValidationTexts,
    save_predictor,
)
from ktrain_sentiment.training.classics import open_classic, save_session
from ktrain_sentiment.training.session import Session, open_session

Targets = NDArray[np.float32] | None
Open = Callable[[Splits, TrainConfig, Targets], Session]
Save = Callable[[Session, Path, TrainingFacts, ValidationTexts], SavedPredictor]

ENCODER_RATE = 5e-5
"""The usual one for fine-tuning (Devlin et al. 2019, appendix A.3)."""
CLASSIC_RATES = {
    "nbsvm": 1e-2,
    "logreg": 1e-2,
    "fasttext": 5e-3,
    "bigru": 1e-3,
    "standard_gru": 1e-3,
}
"""Rates of ktrain's own classifiers that do well; see benchmarks/LOG.md."""
ENCODER_END, CLASSIC_END = 1e-1, 10.0
"""Where the search for a learning rate ends: words' weights stand larger steps than encoders."""


@dataclass(frozen=True)
class Kind:
    """A kind of model, with the settings that it is trained with.

    Attributes:
        name: The encoder as the user named it, or ktrain's name of its own classifier.
        open: Rows, training configuration and what to learn of the training rows (their labels
            when None) to a session.
        save: A trained session into a predictor folder, which is replaced.
        search: How a learning rate is searched.
        usual_rate: A learning rate that often does, where none can be found.
    """

    name: str
    open: Open
    save: Save
    search: SearchConfig
    usual_rate: float


def kind_of(settings: TrainingSettings) -> Kind:
    """What these settings train.

    Raises:
        EncoderError: The encoder cannot be used.
        ConfigError: A setting means nothing to this kind of model.
    """
    return _classic(settings) if settings.model.is_classic else _encoder(settings)


def name_of(settings: TrainingSettings) -> str:
    """The `name` of the kind, without resolving an encoder."""
    return settings.model.model if settings.model.is_classic else settings.text.encoder


def _encoder(settings: TrainingSettings) -> Kind:
    folder = resolve(settings.text.encoder)

    def open_(splits: Splits, training: TrainConfig, targets: Targets) -> Session:
        return open_session(folder, splits, settings.text, training, settings.compute, targets)

    def save(
        session: Session, place: Path, facts: TrainingFacts, validation: ValidationTexts
    ) -> SavedPredictor:
        preprocessor = session.pipeline.preprocessor
        return save_predictor(session.model, preprocessor, place, facts, validation, overwrite=True)

    return Kind(name_of(settings), open_, save, _search(settings, ENCODER_END), ENCODER_RATE)


def _classic(settings: TrainingSettings) -> Kind:
    name = settings.model.model
    if settings.training.freeze != "none":
        raise ConfigError(
            f"--freeze {settings.training.freeze}: {name} has no encoder to freeze, leave it out"
        )

    def open_(splits: Splits, training: TrainConfig, targets: Targets) -> Session:
        return open_classic(splits, settings.model, training, settings.compute, targets)

    def save(
        session: Session, place: Path, facts: TrainingFacts, validation: ValidationTexts
    ) -> SavedPredictor:
        return save_session(session, place, facts, validation, overwrite=True)

    return Kind(name, open_, save, _search(settings, CLASSIC_END), CLASSIC_RATES[name])


def _search(settings: TrainingSettings, end: float) -> SearchConfig:
    return replace(settings.search, search_end=settings.search.search_end or end)
