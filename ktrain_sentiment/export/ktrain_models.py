"""ktrain's own classifiers: their ONNX graphs, written from their weights, and their folders.

Each graph takes ids of words and n-grams, int64 of shape (texts, ids), and gives what its Keras
model has before the softmax. Dropout is gone; what does not depend on the text is computed here.

The folder holds what plain ktrain opens (`tf_model.h5`, `tf_model.preproc`) and, beside it, the
same model as data: features.json, model.safetensors, onnx/model.onnx. Only the latter is read here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.atomic import staged_folder
from ktrain_sentiment.errors import PredictorError
from ktrain_sentiment.export.engines import Reference, export_exact, warn_of_refused, write_graph
from ktrain_sentiment.export.onnx_writer import GraphWriter
from ktrain_sentiment.export.saving import (
    Calibrate,
    SavedPredictor,
    TrainingFacts,
    ValidationTexts,
    make_manifest,
)
from ktrain_sentiment.export.transformer_spec import Dense
from ktrain_sentiment.export.weights import Weights, write_safetensors
from ktrain_sentiment.predictor.layout import PredictorFolder
from ktrain_sentiment.predictor.manifest import write_manifest
from ktrain_sentiment.predictor.tokenization import FeatureEncoder, FeatureIndex

if TYPE_CHECKING:
    from onnx import ModelProto


_GRU = ("kernel", "recurrent", "bias")
_HEAD = ("head.kernel", "head.bias")


def _gru_names(layer: str) -> tuple[str, ...]:
    return tuple(f"{layer}.{part}" for part in _GRU)


WEIGHTS = {
    "nbsvm": ("ratios", "weights"),
    "logreg": ("weights", "counted"),
    "fasttext": (
        "embedding", "norm.gamma", "norm.beta", "norm.mean", "norm.variance",
        "hidden.kernel", "hidden.bias", *_HEAD,
    ),
    "bigru": ("embedding", *_gru_names("forward"), *_gru_names("backward"), *_HEAD),
    "standard_gru": ("embedding", *_gru_names("first"), *_gru_names("second"), *_HEAD),
}  # fmt: skip
"""Names of the arrays of each model, in the order in which its Keras model has them."""

_LAST = {"nbsvm": ("weights",), "logreg": ("weights",)}
"""Arrays in which the logits are linear; of the other models those of the head."""

READS_PADDING = frozenset({"fasttext", "bigru", "standard_gru"})
"""Models to which the zeros before a short text make a difference; to others they add nothing."""

_EPSILON = np.float32(1e-3)
"""Of Keras's batch normalisation."""


def name_weights(family: str, arrays: Sequence[NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The arrays of a Keras model by name.

    Args:
        family: A key of `WEIGHTS`.
        arrays: What `model.get_weights()` gives.

    Raises:
        PredictorError: There are more or fewer arrays than the model has.
    """
    names = WEIGHTS[family]
    if len(names) != len(arrays):
        raise PredictorError(f"{family} has {len(arrays)} weights, wanted {len(names)}")
    return dict(zip(names, arrays, strict=True))


def build_ktrain_graph(family: str, weights: Weights) -> ModelProto:
    """The graph of a model.

    Args:
        family: A key of `WEIGHTS`.
        weights: Its arrays by name.
    """
    build: Mapping[str, Callable[[GraphWriter, Weights], str]] = {
        "nbsvm": lambda writer, found: _sum(writer, found["ratios"] * found["weights"]),
        "logreg": lambda writer, found: _sum(writer, found["weights"] * found["counted"]),
        "fasttext": _fasttext,
        "bigru": _bigru,
        "standard_gru": _standard_gru,
    }
    writer = GraphWriter()
    return writer.to_model(["input_ids"], build[family](writer, weights))


def _sum(writer: GraphWriter, table: NDArray[np.float32]) -> str:
    """The sum of the features' rows in a table of shape (features, classes)."""
    rows = writer.lookup(table, "input_ids")
    return writer.node("ReduceSum", rows, writer.ints(1), keepdims=0)


def _fasttext(writer: GraphWriter, weights: Weights) -> str:
    rows = writer.lookup(weights["embedding"], "input_ids")
    highest = writer.node("ReduceMax", rows, axes=[1], keepdims=0)
    gain = weights["norm.gamma"] / np.sqrt(weights["norm.variance"] + _EPSILON)
    scaled = writer.node("Mul", highest, writer.array(gain))
    shift = weights["norm.beta"] - weights["norm.mean"] * gain
    normal = writer.node("Add", scaled, writer.array(shift))
    hidden = Dense(weights["hidden.kernel"], weights["hidden.bias"])
    return _head(writer, writer.node("Relu", writer.exact_dense(normal, hidden)), weights)


def _bigru(writer: GraphWriter, weights: Weights) -> str:
    states, _ = _gru(writer, _embedded(writer, weights), weights, ("forward", "backward"))
    # (steps, directions, texts, width) to (steps, texts, both directions side by side)
    turned = writer.node("Transpose", states, perm=[0, 2, 1, 3])
    width = 2 * weights["forward.recurrent"].shape[0]
    joined = writer.node("Reshape", turned, writer.ints(0, 0, width))
    mean = writer.node("ReduceMean", joined, axes=[0], keepdims=0)
    highest = writer.node("ReduceMax", joined, axes=[0], keepdims=0)
    return _head(writer, writer.node("Concat", mean, highest, axis=-1), weights)


def _standard_gru(writer: GraphWriter, weights: Weights) -> str:
    states, _ = _gru(writer, _embedded(writer, weights), weights, ("first",))
    steps = writer.node("Squeeze", states, writer.ints(1))
    _, last = _gru(writer, steps, weights, ("second",))
    return _head(writer, writer.node("Squeeze", last, writer.ints(0)), weights)


def _embedded(writer: GraphWriter, weights: Weights) -> str:
    """Vectors of the ids, of shape (steps, texts, width), as ONNX's GRU wants them."""
    steps = writer.node("Transpose", "input_ids", perm=[1, 0])
    return writer.lookup(weights["embedding"], steps)


def _gru(
    writer: GraphWriter, inputs: str, weights: Weights, directions: Sequence[str]
) -> list[str]:
    """A GRU as Keras has it (Cho et al. 2014, arXiv:1406.1078, with the reset gate afterwards).

    Returns:
        All states, of shape (steps, directions, texts, width), and the last ones, of shape
        (directions, texts, width).
    """

    def stacked(part: str, turn: Callable[[NDArray[Any]], NDArray[Any]]) -> str:
        arrays = [turn(weights[f"{direction}.{part}"]) for direction in directions]
        return writer.array(np.ascontiguousarray(np.stack(arrays)))

    return writer.nodes(
        "GRU",
        inputs,
        stacked("kernel", np.transpose),
        stacked("recurrent", np.transpose),
        stacked("bias", np.ravel),
        outputs=2,
        direction="bidirectional" if len(directions) > 1 else "forward",
        hidden_size=weights[f"{directions[0]}.recurrent"].shape[0],
        linear_before_reset=1,  # Keras calls it reset_after, and has it on for cuDNN's sake.
    )


def _head(writer: GraphWriter, tensor: str, weights: Weights) -> str:
    return writer.exact_dense(tensor, Dense(weights["head.kernel"], weights["head.bias"]))


_FEATURES = 100_000
"""Ids that the Keras model is asked about: a recurrent network of it needs some seconds."""
_LEAST_TEXTS, _MOST_TEXTS = 16, 1000


@dataclass(frozen=True)
class TrainedKtrainModel:
    """One of ktrain's own classifiers, trained.

    Attributes:
        family: Its name, a key of `WEIGHTS`.
        labels: The labels in the order of the outputs.
        index: Which words and n-grams have which ids.
        weights: Its arrays by name.
        ask: What ktrain's preprocessor and the Keras model say of texts: float32 probabilities of
            shape (texts, classes).
        save_for_ktrain: Writes the files that plain ktrain reads into a folder.
        put: Puts arrays in place of `weights` into the Keras model.
    """

    family: str
    labels: tuple[str, ...]
    index: FeatureIndex
    weights: Weights
    ask: Callable[[Sequence[str]], NDArray[np.float32]]
    save_for_ktrain: Callable[[Path], None]
    put: Callable[[Weights], None]

    def divided(self, temperature: float) -> TrainedKtrainModel:
        """The model with its logits divided by a temperature; the Keras model is changed."""
        last = _LAST.get(self.family, _HEAD)
        weights = {
            name: array / np.float32(temperature) if name in last else array
            for name, array in self.weights.items()
        }
        self.put(weights)
        return replace(self, weights=weights)


def save_ktrain_model(
    trained: TrainedKtrainModel,
    folder: Path,
    facts: TrainingFacts,
    validation: ValidationTexts,
    *,
    calibrate: Calibrate | None = None,
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
        calibrate: Finds the temperature that is folded into the weights; see `save_predictor`.
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
        place.features.write_bytes(trained.index.to_bytes())
        place.onnx.parent.mkdir()

        def write(model: TrainedKtrainModel, against: Reference, folded: float) -> SavedPredictor:
            """Write all files as the model is now."""
            model.save_for_ktrain(staged)
            write_safetensors(place.torch_weights, model.weights)
            graph = build_ktrain_graph(model.family, model.weights)
            _, report = export_exact(place, lambda: write_graph(place.onnx, graph), against)
            manifest = make_manifest(place, model.family, model.labels, encoder, facts, [report])
            manifest = replace(manifest, folded_temperature=folded)
            write_manifest(staged, manifest)
            return SavedPredictor(PredictorFolder(folder), manifest, (report,))

        saved = write(trained, reference, 1.0)
        temperature = 1.0 if calibrate is None else calibrate(staged).temperature
        if temperature != 1.0:
            divided = trained.divided(temperature)
            saved = write(divided, reference.softened(temperature), temperature)
    warn_of_refused(saved.engines)
    return saved
