"""Open any predictor folder: of this package, of Hugging Face, of ktrain; or a trained model."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ktrain_sentiment.config import TrainingSettings
from ktrain_sentiment.data import Splits
from ktrain_sentiment.errors import PredictorError
from ktrain_sentiment.evaluation.predictions import truth_of
from ktrain_sentiment.export.saving import (
    Calibrate,
    SavedPredictor,
    TrainingFacts,
    ValidationTexts,
)
from ktrain_sentiment.inference import load
from ktrain_sentiment.prediction import Classifier, Prediction, Probabilities, to_predictions
from ktrain_sentiment.predictor.layout import PredictorFolder
from ktrain_sentiment.predictor.manifest import read_manifest
from ktrain_sentiment.reading_rules import Engine
from ktrain_sentiment.training.trainer import Trainer
from ktrain_sentiment.workflow.models import ModelSpec, model_name

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Opening:
    """How predictor folders are opened.

    Attributes:
        engine: As for `ktrain_sentiment.load`.
        trust_pickle: Whether a ktrain predictor's pickled preprocessor may be opened.
        unchecked: As for `ktrain_sentiment.load`.
    """

    engine: Engine = "auto"
    trust_pickle: bool = False
    unchecked: bool = False


AS_USUAL = Opening()


@dataclass(frozen=True)
class KtrainClassifier:
    """A predictor that only ktrain can run, whatever kind of model it holds.

    Attributes:
        predictor: What `ktrain.load_predictor` returned.
        labels: Its classes.
    """

    predictor: Any
    labels: tuple[str, ...]
    engine: str = "ktrain"

    def predict_proba(self, texts: Sequence[str]) -> Probabilities:
        """Class probabilities, float32 of shape (len(texts), len(labels)), in the texts' order."""
        if not texts:
            return np.empty((0, len(self.labels)), dtype=np.float32)
        return np.asarray(self.predictor.predict_proba(list(texts)), dtype=np.float32)

    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        """One `Prediction` a text, in the texts' order."""
        return to_predictions(self.predict_proba(texts), self.labels)


@dataclass(frozen=True)
class TrainedClassifier:
    """A model as it stands in memory after training.

    Attributes:
        trainer: What trained it.
    """

    trainer: Trainer
    engine: str = "keras"

    @property
    def labels(self) -> tuple[str, ...]:
        """Its classes."""
        return self.trainer.preprocessor.labels

    def predict_proba(self, texts: Sequence[str]) -> Probabilities:
        """Class probabilities, float32 of shape (len(texts), len(labels)), in the texts' order."""
        return self.trainer.predict_proba(pd.DataFrame({"text": list(texts)}))

    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        """One `Prediction` a text, in the texts' order."""
        return to_predictions(self.predict_proba(texts), self.labels)


def open_shipped(folder: Path, trainer: Trainer) -> Classifier:
    """What will answer those who load a folder that was just made.

    Args:
        folder: The predictor folder.
        trainer: The model that was saved there; it answers where no engine was kept.
    """
    return load(folder) if read_manifest(folder).kept else TrainedClassifier(trainer)


def save_trained(
    trainer: Trainer,
    spec: ModelSpec,
    splits: Splits,
    folder: Path,
    settings: TrainingSettings,
    calibrate: Calibrate | None = None,
) -> SavedPredictor:
    """Export a model that has learned; its engines are compared on the validation rows.

    Args:
        trainer: The model.
        spec: What it is.
        splits: The rows.
        folder: The predictor folder, which is replaced.
        settings: How it was trained.
        calibrate: Chooses temperature and thresholds by the engine that will answer.
    """
    facts = TrainingFacts(
        encoder=model_name(settings),
        long_texts="tail" if spec.is_ktrain_model else settings.encoder.long_texts,
        data_fingerprint=splits.fingerprint,
        cleaning=splits.cleaning,
        table=splits.table,
        task=splits.task,
    )
    validation = ValidationTexts(
        texts=splits.validation["text"].tolist(),
        targets=truth_of(splits.validation["label"], splits.labels, splits.task),
    )
    return spec.save(trainer, folder, facts, validation, calibrate)


def open_classifier(folder: Path, opening: Opening = AS_USUAL) -> Classifier:
    """Open a predictor folder.

    Args:
        folder: A predictor folder: of this package, with an ONNX file or PyTorch-layout weights,
            or saved by ktrain.
        opening: How to open it.

    Raises:
        PredictorError: The folder cannot be used, or would have to be trusted.
        MissingExtraError: What it needs is not installed.
    """
    if is_run_by_ktrain(folder):
        return _open_with_ktrain(folder, opening)
    return load(folder, opening.engine, unchecked=opening.unchecked)


def is_run_by_ktrain(folder: Path) -> bool:
    """Whether a folder was saved by ktrain and holds nothing that opens without it."""
    place = PredictorFolder(folder)
    theirs = (place.torch_weights, place.onnx, folder / "model.onnx")
    readable = any(path.is_file() for path in (place.manifest, *theirs))
    return place.ktrain_preproc.is_file() and not readable


def _open_with_ktrain(folder: Path, opening: Opening) -> Classifier:
    if not opening.trust_pickle:
        raise PredictorError(
            f"{folder} was saved by ktrain and holds a pickle, which can run any code when opened: "
            "add --trust-pickle if you trust whoever made it"
        )
    from ktrain_sentiment.training.keras_classifier import load_with_ktrain

    predictor = load_with_ktrain(folder)
    log.info("%s is run by ktrain itself, which is slow", folder)
    return KtrainClassifier(predictor, tuple(str(name) for name in predictor.get_classes()))
