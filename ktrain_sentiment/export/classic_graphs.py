"""ktrain's own classifiers as ONNX graphs, written from their weights.

Each takes ids of words and n-grams, int64 of shape (texts, ids), and gives what its Keras model has
before the softmax. Dropout is gone, and what does not depend on the text is computed here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.errors import PredictorError
from ktrain_sentiment.export.architecture import Dense
from ktrain_sentiment.export.onnx_writer import GraphWriter
from ktrain_sentiment.export.weights import Weights

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


def build_classic_graph(family: str, weights: Weights) -> ModelProto:
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
        linear_before_reset=1,
    )


def _head(writer: GraphWriter, tensor: str, weights: Weights) -> str:
    return writer.exact_dense(tensor, Dense(weights["head.kernel"], weights["head.bias"]))
