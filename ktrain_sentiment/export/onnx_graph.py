"""A sequence classifier as an ONNX graph, written straight from its weights.

No tracing and no framework: the description of `architecture.py` becomes about forty nodes a
layer, in about a second. Batch and length are dynamic. Three things are done once here instead
of at every prediction, all exact:

- Only one token's state reaches the head (the first; GPT-2's last), so the last layer computes
  queries, attention output and feed-forward for that token alone (14 % of six layers).
- The scale 1/sqrt(d) of the scores lies in the query's weights.
- MPNet's relative attention bias is a table by distance.

Standard operators alone, in patterns that ONNX Runtime fuses by itself; its contributed attention
operators were no faster.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.export.architecture import Array, Dense, Encoder, Layer, Norm
from ktrain_sentiment.export.onnx_window import MASKED, windowed_attention
from ktrain_sentiment.export.onnx_writer import FLOAT32, INT64, GraphWriter

if TYPE_CHECKING:
    from onnx import ModelProto


def build_graph(encoder: Encoder, graph: GraphWriter) -> ModelProto:
    """Write the graph of a sequence classifier.

    Inputs `input_ids`, `attention_mask` and, where the family distinguishes segments,
    `token_type_ids`, all int64 of shape (batch, length); output `logits`, float32 of shape
    (batch, labels).

    Args:
        encoder: The description of its weights.
        graph: A new writer, which decides the precision.
    """
    hidden = _embed(graph, encoder)
    bias = _attention_bias(graph, encoder)
    for layer in encoder.layers[:-1]:
        hidden = _layer(graph, encoder, layer, hidden, hidden, bias)
    last = encoder.layers[-1].overview or encoder.layers[-1]
    read = _token_read(graph, encoder, hidden)
    hidden = _layer(graph, encoder, last, read, hidden, _bias_read(graph, encoder, bias))
    state = graph.node("Squeeze", _finish(graph, encoder, hidden), graph.ints(1))
    for dense, activation in encoder.head:
        state = _activate(graph, graph.exact_dense(state, dense), activation)
    return graph.to_model(_inputs(encoder), state)


def build_mean_graph(encoder: Encoder, graph: GraphWriter) -> ModelProto:
    """Write the graph of an encoder whose output is the mean of a text's token states.

    Inputs as for `build_graph`; the output, float32 of shape (batch, width), leaves padding out.
    The encoder's head is not used.
    """
    hidden = _embed(graph, encoder)
    bias = _attention_bias(graph, encoder)
    for layer in encoder.layers:
        hidden = _layer(graph, encoder, layer, hidden, hidden, bias)
    hidden = _finish(graph, encoder, hidden)
    mask = graph.node("Cast", "attention_mask", to=FLOAT32)
    mask = graph.node("Unsqueeze", mask, graph.ints(2))
    total = graph.node("ReduceSum", graph.node("Mul", hidden, mask), graph.ints(1), keepdims=0)
    count = graph.node("ReduceSum", mask, graph.ints(1), keepdims=0)
    return graph.to_model(_inputs(encoder), graph.node("Div", total, count))


def _inputs(encoder: Encoder) -> list[str]:
    return ["input_ids", "attention_mask"] + ["token_type_ids"] * (_types(encoder) is not None)


def _types(encoder: Encoder) -> Array | None:
    """The table of token types, where there is more than one type."""
    return encoder.types if encoder.types is not None and len(encoder.types) > 1 else None


def _embed(graph: GraphWriter, encoder: Encoder) -> str:
    """The normalised sum of the embeddings, (batch, length, width)."""
    words = graph.lookup(encoder.words, "input_ids")
    total = graph.node("Add", words, _positions(graph, encoder))
    if (table := _types(encoder)) is not None:
        types = graph.node("Gather", graph.array(table), "token_type_ids")
        total = graph.node("Add", total, types)
    hidden = _normalise(graph, encoder, total, encoder.norm) if encoder.norm else total
    return graph.dense(hidden, encoder.projection) if encoder.projection else hidden


def _positions(graph: GraphWriter, encoder: Encoder) -> str:
    """The position embeddings, (length, width), or (batch, length, width) where padding counts."""
    table = encoder.positions
    if encoder.types is not None and _types(encoder) is None:
        table = table + encoder.types[0]
    if encoder.counted_from is None:
        return graph.node("Slice", graph.array(table), graph.ints(0), graph.length(), graph.ints(0))
    padding = graph.ints(encoder.counted_from)
    real = graph.node("Not", graph.node("Equal", "input_ids", padding))
    real = graph.node("Cast", real, to=INT64)
    counted = graph.node("CumSum", real, graph.ints(1))
    counted = graph.node("Add", graph.node("Mul", counted, real), padding)
    return graph.node("Gather", graph.array(table), counted)


def _token_read(graph: GraphWriter, encoder: Encoder, hidden: str) -> str:
    """The state that the head reads, (batch, 1, width)."""
    if encoder.last_before is None:
        return _first_row(graph, hidden, axis=1)
    index = graph.node("Unsqueeze", _last_index(graph, encoder.last_before), graph.ints(2))
    return graph.node("GatherND", hidden, index, batch_dims=1)


def _last_index(graph: GraphWriter, padding_id: int) -> str:
    """Where the last token is that is no padding, (batch, 1)."""
    padding = graph.node("Equal", "input_ids", graph.ints(padding_id))
    real = graph.node("Cast", graph.node("Not", padding), to=INT64)
    return graph.node("ReduceMax", graph.node("Mul", real, graph.range(graph.length())), axes=[1])


def _bias_read(graph: GraphWriter, encoder: Encoder, bias: str) -> str:
    """Of what is added to the scores, the row of the token that the head reads."""
    if encoder.last_before is None:
        return bias if encoder.relative is None else _first_row(graph, bias, axis=2)
    later = graph.node(
        "Greater", graph.range(graph.length()), _last_index(graph, encoder.last_before)
    )
    later = graph.node("Unsqueeze", graph.node("Cast", later, to=FLOAT32), graph.ints(1, 2))
    return graph.node("Add", _mask_bias(graph), _as_bias(graph, later))


def _finish(graph: GraphWriter, encoder: Encoder, hidden: str) -> str:
    """The states after the last layer, as the head reads them."""
    if encoder.final_norm is None:
        return hidden
    return _normalise(graph, encoder, hidden, encoder.final_norm)


def _attention_bias(graph: GraphWriter, encoder: Encoder) -> str:
    """What is added to the scores: (batch, 1, 1, length), or (batch, heads, length, length)."""
    bias = _mask_bias(graph)
    if encoder.causal:
        return graph.node("Add", bias, _causal_bias(graph))
    if encoder.relative is None:
        return bias
    return graph.node("Add", bias, _relative_bias(graph, encoder.relative, len(encoder.positions)))


def _mask_bias(graph: GraphWriter) -> str:
    """What keeps padding from being seen, (batch, 1, 1, length)."""
    mask = graph.node("Unsqueeze", "attention_mask", graph.ints(1, 2))
    mask = graph.node("Cast", mask, to=FLOAT32)
    return _as_bias(graph, graph.node("Sub", graph.number(1.0), mask))


def _as_bias(graph: GraphWriter, hidden: str) -> str:
    """From ones where something must not be seen to what is added to the scores."""
    return graph.node("Mul", hidden, graph.number(MASKED))


def _causal_bias(graph: GraphWriter) -> str:
    """What keeps a token from seeing later ones, (length, length)."""
    steps = graph.range(graph.length())
    later = graph.node("Greater", steps, graph.node("Unsqueeze", steps, graph.ints(1)))
    return _as_bias(graph, graph.node("Cast", later, to=FLOAT32))


def _relative_bias(graph: GraphWriter, buckets: Array, longest: int) -> str:
    """MPNet's bias, (1, heads, length, length), looked up by distance."""
    table = graph.array(np.ascontiguousarray(buckets[distance_buckets(longest, len(buckets))].T))
    steps = graph.range(graph.length())
    rows = graph.node("Unsqueeze", steps, graph.ints(1))
    distance = graph.node("Add", graph.node("Sub", steps, rows), graph.ints(longest - 1))
    bias = graph.node("Gather", table, distance, axis=1)
    return graph.node("Unsqueeze", bias, graph.ints(0))


def distance_buckets(longest: int, buckets: int) -> NDArray[np.int64]:
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


def _first_row(graph: GraphWriter, tensor: str, axis: int) -> str:
    return graph.node("Slice", tensor, graph.ints(0), graph.ints(1), graph.ints(axis))


def _layer(
    graph: GraphWriter, encoder: Encoder, layer: Layer, queries: str, hidden: str, bias: str
) -> str:
    """One layer; `queries` is `hidden`, or the part of it whose output is wanted.

    The residual is a `Sum` and not an `Add` because ONNX Runtime fuses `Add` and
    `LayerNormalization` into a kernel that is six times slower than the two (CPU, 1.31).
    """
    if encoder.final_norm is not None:
        return _layer_norms_first(graph, encoder, layer, queries, hidden, bias)
    mixed = _mix(graph, encoder.heads, layer, queries, hidden, bias)
    attended = graph.dense(mixed, layer.attention)
    queries = _normalise(graph, encoder, graph.node("Sum", attended, queries), layer.attention_norm)
    outer = _feed_forward(graph, encoder, layer, queries)
    return _normalise(graph, encoder, graph.node("Sum", outer, queries), layer.output_norm)


def _layer_norms_first(
    graph: GraphWriter, encoder: Encoder, layer: Layer, queries: str, hidden: str, bias: str
) -> str:
    """One pre-norm layer: what goes into each part is normalised, the residuals are not."""
    seen = _normalise(graph, encoder, hidden, layer.attention_norm)
    alone = queries != hidden
    asking = _normalise(graph, encoder, queries, layer.attention_norm) if alone else seen
    mixed = _mix(graph, encoder.heads, layer, asking, seen, bias)
    queries = graph.node("Sum", graph.dense(mixed, layer.attention), queries)
    normed = _normalise(graph, encoder, queries, layer.output_norm)
    return graph.node("Sum", _feed_forward(graph, encoder, layer, normed), queries)


def _feed_forward(graph: GraphWriter, encoder: Encoder, layer: Layer, tensor: str) -> str:
    inner = _activate(graph, graph.dense(tensor, layer.inner), encoder.activation)
    return graph.dense(inner, layer.outer)


def _mix(graph: GraphWriter, heads: int, layer: Layer, queries: str, hidden: str, bias: str) -> str:
    """Attention as the layer has it: everything sees everything, or through a window."""
    if layer.window is None or layer.overview is None:
        return _attention(graph, heads, layer, queries, hidden, bias)
    first = _first_row(graph, hidden, axis=1)
    overview = _attention(graph, heads, layer.overview, first, hidden, bias)
    scaled = graph.once(layer, lambda: _scaled_query(layer, heads))
    maps = (scaled, layer.key, layer.value)
    local = windowed_attention(graph, heads, maps, layer.window, hidden)
    end = graph.ints(np.iinfo(np.int64).max)
    others = graph.node("Slice", local, graph.ints(1), end, graph.ints(1))
    return graph.node("Concat", overview, others, axis=1)


def _attention(
    graph: GraphWriter, heads: int, layer: Layer, queries: str, hidden: str, bias: str
) -> str:
    """Multi-head attention, (batch, queries, width), before its output map."""
    size = layer.query.weight.shape[1] // heads
    scaled = graph.once(layer, lambda: _scaled_query(layer, heads))
    if queries == hidden:
        query, key, value = graph.project(hidden, [scaled, layer.key, layer.value])
    else:
        query = graph.dense(queries, scaled)
        key, value = graph.project(hidden, [layer.key, layer.value])
    shape = graph.ints(0, 0, heads, size)
    query = graph.node("Transpose", graph.node("Reshape", query, shape), perm=[0, 2, 1, 3])
    key = graph.node("Transpose", graph.node("Reshape", key, shape), perm=[0, 2, 3, 1])
    value = graph.node("Transpose", graph.node("Reshape", value, shape), perm=[0, 2, 1, 3])
    scores = graph.node("Add", graph.node("MatMul", query, key), bias)
    mixed = graph.node("MatMul", graph.node("Softmax", scores, axis=-1), value)
    mixed = graph.node("Transpose", mixed, perm=[0, 2, 1, 3])
    return graph.node("Reshape", mixed, graph.ints(0, 0, heads * size))


def _scaled_query(layer: Layer, heads: int) -> Dense:
    factor = np.float32(1 / math.sqrt(layer.query.weight.shape[1] // heads))
    return Dense(layer.query.weight * factor, layer.query.bias * factor)


def _normalise(graph: GraphWriter, encoder: Encoder, tensor: str, norm: Norm) -> str:
    gain, bias = graph.array(norm.gain), graph.array(norm.bias)
    return graph.node("LayerNormalization", tensor, gain, bias, axis=-1, epsilon=encoder.epsilon)


def _activate(graph: GraphWriter, tensor: str, kind: str | None) -> str:
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


def _gelu_tanh(graph: GraphWriter, tensor: str) -> str:
    cube = graph.node("Pow", tensor, graph.number(3.0))
    bent = graph.node("Add", tensor, graph.node("Mul", cube, graph.number(0.044715)))
    inside = graph.node("Mul", bent, graph.number(math.sqrt(2.0 / math.pi)))
    share = graph.node("Add", graph.node("Tanh", inside), graph.number(1.0))
    half = graph.node("Mul", tensor, graph.number(0.5))
    return graph.node("Mul", half, share)
