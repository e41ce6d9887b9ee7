"""A sequence classifier as an ONNX graph, written straight from its weights.

No tracing and no framework: the description of `architecture.py` becomes about forty nodes a
layer, in about a second. Batch and length are dynamic. Three things are done once here instead
of at every prediction, all exact:

- Only the first token's state reaches the head, so the last layer computes queries, attention
  output and feed-forward for that token alone (14 % of six layers).
- Queries, keys and values are one product; the scale 1/sqrt(d) lies in the query's weights.
- MPNet's relative attention bias is a table by distance.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ktrain_sentiment.errors import require
from ktrain_sentiment.predictor.architecture import Array, Dense, Encoder, Layer, Norm

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET = 17
"""The first with LayerNormalization; ONNX Runtime, OpenVINO and transformers.js all read it."""

_IR_VERSION = 8
_MASKED = -10000.0


def build_graph(encoder: Encoder) -> ModelProto:
    """Write the graph of a sequence classifier.

    Inputs `input_ids`, `attention_mask` and, where the family distinguishes segments,
    `token_type_ids`, all int64 of shape (batch, length); output `logits`, float32 of shape
    (batch, labels).
    """
    graph = _Graph()
    hidden = _embed(graph, encoder)
    bias = _attention_bias(graph, encoder)
    for layer in encoder.layers[:-1]:
        hidden = _layer(graph, encoder, layer, hidden, hidden, bias)
    first = graph.node("Slice", hidden, graph.ints(0), graph.ints(1), graph.ints(1))
    last_bias = _first_row(graph, bias) if encoder.relative is not None else bias
    hidden = _layer(graph, encoder, encoder.layers[-1], first, hidden, last_bias)
    state = graph.node("Squeeze", hidden, graph.ints(1))
    for dense, activation in encoder.head:
        state = _activate(graph, _dense(graph, state, dense), activation)
    return graph.to_model(state, with_types=_takes_types(encoder))


def _takes_types(encoder: Encoder) -> bool:
    return encoder.types is not None and len(encoder.types) > 1


class _Graph:
    """Collects nodes and constants; each method returns the name of a tensor."""

    def __init__(self) -> None:
        self.helper = require("onnx.helper", "train")
        self.arrays = require("onnx.numpy_helper", "train")
        self.nodes: list[Any] = []
        self.constants: dict[str, Any] = {}
        self.names: dict[tuple[Any, ...], str] = {}
        self.kept: list[Any] = []

    def node(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:  # noqa: ANN401
        """Add a node and name its output after it; see `split` for several."""
        name = f"{kind}_{len(self.nodes)}"
        names = [name] if outputs == 1 else [f"{name}_{number}" for number in range(outputs)]
        self.nodes.append(self.helper.make_node(kind, inputs, names, name=name, **attributes))
        return name

    def split(self, tensor: str, parts: int) -> list[str]:
        """Cut the last axis into equal parts."""
        width = self.node("Split", tensor, outputs=parts, axis=-1)
        return [f"{width}_{number}" for number in range(parts)]

    def array(self, array: Any) -> str:  # noqa: ANN401
        """A constant; the same array object is stored once."""
        key = (id(array),)
        if key not in self.names:
            self.kept.append(array)
            self._add(key, np.ascontiguousarray(array))
        return self.names[key]

    def ints(self, *values: int) -> str:
        """A constant int64 vector, stored once."""
        if ("ints", *values) not in self.names:
            self._add(("ints", *values), np.array(values, dtype=np.int64))
        return self.names[("ints", *values)]

    def number(self, value: float) -> str:
        """A constant float32 scalar, stored once."""
        if ("number", value) not in self.names:
            self._add(("number", value), np.array(value, dtype=np.float32))
        return self.names[("number", value)]

    def _add(self, key: tuple[Any, ...], array: Any) -> None:  # noqa: ANN401
        name = f"constant_{len(self.names)}"
        self.names[key] = name
        self.constants[name] = self.arrays.from_array(array, name)

    def to_model(self, logits: str, *, with_types: bool) -> ModelProto:
        """Close the graph."""
        make, int64, float32 = self.helper.make_tensor_value_info, 7, 1
        names = ["input_ids", "attention_mask"] + (["token_type_ids"] if with_types else [])
        inputs = [make(name, int64, ["batch_size", "sequence_length"]) for name in names]
        self.nodes.append(self.helper.make_node("Identity", [logits], ["logits"], name="logits"))
        outputs = [make("logits", float32, ["batch_size", "labels"])]
        graph = self.helper.make_graph(
            self.nodes, "classifier", inputs, outputs, list(self.constants.values())
        )
        opset = self.helper.make_opsetid("", OPSET)
        return self.helper.make_model(
            graph, opset_imports=[opset], ir_version=_IR_VERSION, producer_name="ktrain-sentiment"
        )


def _embed(graph: _Graph, encoder: Encoder) -> str:
    """The normalised sum of the embeddings, (batch, length, width)."""
    words = graph.node("Gather", graph.array(encoder.words), "input_ids")
    total = graph.node("Add", words, _positions(graph, encoder))
    if _takes_types(encoder):
        types = graph.node("Gather", graph.array(encoder.types), "token_type_ids")
        total = graph.node("Add", total, types)
    hidden = _normalise(graph, encoder, total, encoder.norm)
    return _dense(graph, hidden, encoder.projection) if encoder.projection else hidden


def _positions(graph: _Graph, encoder: Encoder) -> str:
    """The position embeddings, (length, width), or (batch, length, width) where padding counts."""
    table = encoder.positions
    if encoder.types is not None and not _takes_types(encoder):
        table = table + encoder.types[0]
    if encoder.counted_from is None:
        return graph.node("Slice", graph.array(table), graph.ints(0), _length(graph), graph.ints(0))
    padding = graph.ints(encoder.counted_from)
    real = graph.node("Not", graph.node("Equal", "input_ids", padding))
    real = graph.node("Cast", real, to=7)
    counted = graph.node("CumSum", real, graph.ints(1))
    counted = graph.node("Add", graph.node("Mul", counted, real), padding)
    return graph.node("Gather", graph.array(table), counted)


def _length(graph: _Graph) -> str:
    shape = graph.node("Shape", "input_ids")
    return graph.node("Slice", shape, graph.ints(1), graph.ints(2))


def _attention_bias(graph: _Graph, encoder: Encoder) -> str:
    """What is added to the scores: (batch, 1, 1, length), or (batch, heads, length, length)."""
    mask = graph.node("Unsqueeze", "attention_mask", graph.ints(1, 2))
    mask = graph.node("Cast", mask, to=1)
    missing = graph.node("Sub", graph.number(1.0), mask)
    bias = graph.node("Mul", missing, graph.number(_MASKED))
    if encoder.relative is None:
        return bias
    return graph.node("Add", bias, _relative_bias(graph, encoder.relative, len(encoder.positions)))


def _relative_bias(graph: _Graph, buckets: Array, longest: int) -> str:
    """MPNet's bias, (1, heads, length, length), looked up by distance."""
    table = graph.array(np.ascontiguousarray(buckets[distance_buckets(longest, len(buckets))].T))
    length = graph.node("Squeeze", _length(graph))
    zero, one = graph.array(np.array(0, np.int64)), graph.array(np.array(1, np.int64))
    steps = graph.node("Range", zero, length, one)
    rows = graph.node("Unsqueeze", steps, graph.ints(1))
    distance = graph.node("Add", graph.node("Sub", steps, rows), graph.ints(longest - 1))
    bias = graph.node("Gather", table, distance, axis=1)
    return graph.node("Unsqueeze", bias, graph.ints(0))


def distance_buckets(longest: int, buckets: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The bucket of each distance key − query from −(longest − 1) to longest − 1.

    Half of the buckets are for keys to the right. Of each half, half are for single distances
    and the rest grow logarithmically up to 128 (Raffel et al. 2020, arXiv:1910.10683).
    """
    distance = np.arange(-(longest - 1), longest)
    half, far = buckets // 2, np.abs(distance)
    single = half // 2
    growth = np.log(np.maximum(far, 1) / single) / math.log(128 / single)
    wide = np.minimum(single + (growth * (half - single)).astype(np.int64), half - 1)
    found = np.where(distance > 0, half, 0) + np.where(far < single, far, wide)
    return np.asarray(found, dtype=np.int64)


def _first_row(graph: _Graph, bias: str) -> str:
    return graph.node("Slice", bias, graph.ints(0), graph.ints(1), graph.ints(2))


def _layer(
    graph: _Graph, encoder: Encoder, layer: Layer, queries: str, hidden: str, bias: str
) -> str:
    """One layer; `queries` is `hidden`, or the part of it whose output is wanted."""
    mixed = _attention(graph, encoder.heads, layer, queries, hidden, bias)
    attended = _dense(graph, mixed, layer.attention)
    queries = _normalise(graph, encoder, graph.node("Add", attended, queries), layer.attention_norm)
    inner = _activate(graph, _dense(graph, queries, layer.inner), encoder.activation)
    outer = _dense(graph, inner, layer.outer)
    return _normalise(graph, encoder, graph.node("Add", outer, queries), layer.output_norm)


def _attention(
    graph: _Graph, heads: int, layer: Layer, queries: str, hidden: str, bias: str
) -> str:
    """Multi-head attention, (batch, queries, width), before its output map."""
    size = layer.query.weight.shape[1] // heads
    scaled = _scale(layer.query, 1 / math.sqrt(size))
    if queries == hidden:
        joined = _dense(graph, hidden, _join(scaled, layer.key, layer.value))
        query, key, value = graph.split(joined, 3)
    else:
        query = _dense(graph, queries, scaled)
        key, value = graph.split(_dense(graph, hidden, _join(layer.key, layer.value)), 2)
    shape = graph.ints(0, 0, heads, size)
    query = graph.node("Transpose", graph.node("Reshape", query, shape), perm=[0, 2, 1, 3])
    key = graph.node("Transpose", graph.node("Reshape", key, shape), perm=[0, 2, 3, 1])
    value = graph.node("Transpose", graph.node("Reshape", value, shape), perm=[0, 2, 1, 3])
    scores = graph.node("Add", graph.node("MatMul", query, key), bias)
    mixed = graph.node("MatMul", graph.node("Softmax", scores, axis=-1), value)
    mixed = graph.node("Transpose", mixed, perm=[0, 2, 1, 3])
    return graph.node("Reshape", mixed, graph.ints(0, 0, heads * size))


def _scale(dense: Dense, factor: float) -> Dense:
    return Dense(dense.weight * np.float32(factor), dense.bias * np.float32(factor))


def _join(*maps: Dense) -> Dense:
    return Dense(
        np.concatenate([dense.weight for dense in maps], axis=1),
        np.concatenate([dense.bias for dense in maps]),
    )


def _dense(graph: _Graph, tensor: str, dense: Dense) -> str:
    product = graph.node("MatMul", tensor, graph.array(dense.weight))
    return graph.node("Add", product, graph.array(dense.bias))


def _normalise(graph: _Graph, encoder: Encoder, tensor: str, norm: Norm) -> str:
    gain, bias = graph.array(norm.gain), graph.array(norm.bias)
    return graph.node("LayerNormalization", tensor, gain, bias, axis=-1, epsilon=encoder.epsilon)


def _activate(graph: _Graph, tensor: str, kind: str | None) -> str:
    """Apply an activation; exact GELU is written as ONNX Runtime's own fusion wants to see it."""
    if kind is None:
        return tensor
    if kind == "gelu":
        inside = graph.node("Div", tensor, graph.number(math.sqrt(2.0)))
        error = graph.node("Add", graph.node("Erf", inside), graph.number(1.0))
        return graph.node("Mul", graph.node("Mul", tensor, error), graph.number(0.5))
    if kind == "gelu_tanh":
        return _gelu_tanh(graph, tensor)
    if kind == "silu":
        return graph.node("Mul", tensor, graph.node("Sigmoid", tensor))
    return graph.node({"relu": "Relu", "tanh": "Tanh"}[kind], tensor)


def _gelu_tanh(graph: _Graph, tensor: str) -> str:
    cube = graph.node("Pow", tensor, graph.number(3.0))
    bent = graph.node("Add", tensor, graph.node("Mul", cube, graph.number(0.044715)))
    inside = graph.node("Mul", bent, graph.number(math.sqrt(2.0 / math.pi)))
    share = graph.node("Add", graph.node("Tanh", inside), graph.number(1.0))
    half = graph.node("Mul", tensor, graph.number(0.5))
    return graph.node("Mul", half, share)
