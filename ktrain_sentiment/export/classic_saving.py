"""From one of ktrain's own classifiers to a predictor folder, whole or not at all.

The folder holds what plain ktrain opens (`tf_model.h5`, `tf_model.preproc`) and, beside it, the
same model as data: features.json, model.safetensors, onnx/model.onnx. Only the latter is read here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.atomic import staged_folder
from ktrain_sentiment.export.classic_graphs import build_classic_graph
from ktrain_sentiment.export.engines import Reference, export_exact, write_graph
from ktrain_sentiment.export.saving import (
    SavedPredictor,
    TrainingFacts,
    ValidationTexts,
    make_manifest,
)
from ktrain_sentiment.export.weights import Weights, write_safetensors
from ktrain_sentiment.predictor.features import FeatureEncoder, FeatureIndex
from ktrain_sentiment.predictor.layout import PredictorFolder
from ktrain_sentiment.predictor.manifest import write_manifest

_FEATURES = 100_000
"""Ids that the Keras model is asked about: a recurrent network of it needs some seconds."""
_LEAST_TEXTS, _MOST_TEXTS = 16, 1000


@dataclass(frozen=True)
class TrainedClassic:
    """One of ktrain's own classifiers, trained.

    Attributes:
        family: Its name, a key of `classic_graphs.WEIGHTS`.
        labels: The labels in the order of the outputs.
        index: Which words and n-grams have which ids.
        weights: Its arrays by name.
        ask: What ktrain's preprocessor and the Keras model say of texts: float32 probabilities of
            shape (texts, classes).
        save_for_ktrain: Writes the files that plain ktrain reads into a folder.
    """

    family: str
    labels: tuple[str, ...]
    index: FeatureIndex
    weights: Weights
    ask: Callable[[Sequence[str]], NDArray[np.float32]]
    save_for_ktrain: Callable[[Path], None]


def save_classic(
    trained: TrainedClassic,
    folder: Path,
    facts: TrainingFacts,
    validation: ValidationTexts,
    *,
    overwrite: bool = False,
) -> SavedPredictor:
    """Save one of ktrain's own classifiers for ktrain, ONNX Runtime and this package.

    The graph is compared with the Keras model, from the texts on. If it disagrees it is not kept,
    with a warning and a note in the manifest. There is no int8 engine: most of the time goes into
    taking texts apart.

    Args:
        trained: The model.
        folder: Where the predictor will stand.
        facts: What the manifest records.
        validation: Real texts to compare on.
        overwrite: Replace a predictor that stands there.

    Raises:
        InputError: The folder exists and may not be replaced.
    """
    most = int(np.clip(_FEATURES // trained.index.maxlen, _LEAST_TEXTS, _MOST_TEXTS))
    texts, targets = validation.some(most, facts.cleaning)
    encoder = FeatureEncoder(trained.index)
    reference = Reference(encoder.encode(texts), encoder.padding_id, trained.ask(texts), targets)
    with staged_folder(folder, overwrite, marker="manifest.json") as staged:
        place = PredictorFolder(staged)
        trained.save_for_ktrain(staged)
        place.features.write_bytes(trained.index.to_bytes())
        write_safetensors(place.torch_weights, trained.weights)
        place.onnx.parent.mkdir()
        _, report = export_exact(place, lambda: _write_graph(place, trained), reference)
        manifest = make_manifest(place, trained.family, trained.labels, encoder, facts, [report])
        write_manifest(staged, manifest)
    return SavedPredictor(PredictorFolder(folder), manifest, (report,))


def _write_graph(place: PredictorFolder, trained: TrainedClassic) -> None:
    write_graph(place.onnx, build_classic_graph(trained.family, trained.weights))
