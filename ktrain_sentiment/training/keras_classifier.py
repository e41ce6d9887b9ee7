"""A saved predictor on the Keras model it was trained as: slow, and the measure of the others.

The weights are read from model.safetensors or tf_model.h5 by transformers; nothing is unpickled.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ktrain_sentiment.cleaning import apply_cleaning
from ktrain_sentiment.errors import PredictorError
from ktrain_sentiment.prediction import Prediction, Probabilities, softmax, to_predictions
from ktrain_sentiment.predictor.layout import PredictorFolder
from ktrain_sentiment.predictor.manifest import Manifest, check_files, read_manifest
from ktrain_sentiment.predictor.tokenization import EncodedTexts, TextEncoder, pad
from ktrain_sentiment.training.backend import Untyped, open_backend

_BATCH = 32


@dataclass(frozen=True)
class KerasClassifier:
    """A `Classifier` on TensorFlow.

    Attributes:
        model: A transformers `TF…ForSequenceClassification`.
        encoder: Turns texts into token ids.
        manifest: What the predictor says about itself.
    """

    model: Untyped
    encoder: TextEncoder
    manifest: Manifest

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, in the order of the columns of `predict_proba`."""
        return self.manifest.labels

    def predict_proba(self, texts: Sequence[str]) -> Probabilities:
        """Class probabilities, float32 of shape (len(texts), len(labels)), in the texts' order."""
        return self._score(self._encode(texts))

    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        """One `Prediction` a text, in the texts' order."""
        encoded = self._encode(texts)
        return to_predictions(self._score(encoded), self.labels, encoded.truncated.tolist())

    def _encode(self, texts: Sequence[str]) -> EncodedTexts:
        return self.encoder.encode(apply_cleaning(texts, self.manifest.cleaning))

    def _score(self, encoded: EncodedTexts) -> Probabilities:
        logits = np.empty((len(encoded), len(self.labels)), dtype=np.float32)
        order = np.argsort(-encoded.lengths, kind="stable")
        for start in range(0, len(order), _BATCH):
            rows = order[start : start + _BATCH]
            ids, mask = pad([encoded.ids[row] for row in rows], self.encoder.padding_id)
            feeds = {"input_ids": ids.astype(np.int32), "attention_mask": mask.astype(np.int32)}
            logits[rows] = self.model(feeds, training=False).logits
        return softmax(logits, self.manifest.temperature)


def load_keras(folder: Path) -> KerasClassifier:
    """Open a predictor on TensorFlow, every file checked that is used.

    Args:
        folder: A predictor folder of this package.

    Raises:
        PredictorError: The folder is missing, damaged or of a newer format, or its model cannot
            be loaded.
        MissingExtraError: TensorFlow is not installed.
    """
    manifest = read_manifest(folder)
    if manifest.is_ktrain_model:
        raise PredictorError(
            f"{folder} holds ktrain's own {manifest.family}, whose Keras model only ktrain itself "
            "opens, with the pickle beside it: choose another engine"
        )
    place = PredictorFolder(folder)
    names = (place.config, place.tokenizer, place.torch_weights)
    check_files(place, manifest.files, [path.name for path in names])
    return KerasClassifier(
        model=load_keras_model(folder),
        encoder=TextEncoder(place.tokenizer.read_bytes(), manifest.maxlen, manifest.padding_id),
        manifest=manifest,
    )


def load_keras_model(folder: Path) -> Untyped:
    """The Keras model in a folder that transformers wrote.

    Raises:
        PredictorError: transformers cannot load it.
        MissingExtraError: TensorFlow is not installed.
    """
    loader = open_backend().transformers.TFAutoModelForSequenceClassification
    try:
        # transformers' Longformer makes some weights twice, and Keras mentions it.
        with warnings.catch_warnings(action="ignore"):
            return loader.from_pretrained(str(folder), local_files_only=True)
    except (OSError, ValueError, ImportError) as error:
        reason = " ".join(str(error).split())[:200]
        raise PredictorError(f"{folder}: transformers cannot load the model: {reason}") from error
