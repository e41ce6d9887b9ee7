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
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.export.onnx_writer import FLOAT32, INT64, GraphWriter
from ktrain_sentiment.export.transformer_spec import Array, Dense, Layer, Norm, TransformerSpec

if TYPE_CHECKING:
    from onnx import ModelProto


def build_graph(spec: TransformerSpec, graph: GraphWriter) -> ModelProto:
    """Write the graph of a sequence classifier.

    Inputs `input_ids`, `attention_mask` and, where the family distinguishes segments,
    `token_type_ids`, all int64 of shape (batch, length); output `logits`, float32 of shape
    (batch, labels).

    Args:
        spec: The description of its weights.
        graph: A new writer, which decides the precision.
    """
    hidden = _embed(graph, spec)
    bias = _attention_bias(graph, spec)
    for layer in spec.layers[:-1]:
        hidden = _layer(graph, spec, layer, hidden, hidden, bias)
    last = spec.layers[-1].global_attention or spec.layers[-1]
    read = _token_read(graph, spec, hidden)
    hidden = _layer(graph, spec, last, read, hidden, _bias_read(graph, spec, bias))
    state = graph.node("Squeeze", _finish(graph, spec, hidden), graph.ints(1))
    for dense, activation in spec.head:
        state = _activate(graph, graph.exact_dense(state, dense), activation)
    return graph.to_model(_inputs(spec), state)


def build_mean_graph(spec: TransformerSpec, graph: GraphWriter) -> ModelProto:
    """Write the graph of an spec whose output is the mean of a text's token states.

    Inputs as for `build_graph`; the output, float32 of shape (batch, width), leaves padding out.
    The spec's head is not used.
    """
    hidden = _embed(graph, spec)
    bias = _attention_bias(graph, spec)
    for layer in spec.layers:
        hidden = _layer(graph, spec, layer, hidden, hidden, bias)
    hidden = _finish(graph, spec, hidden)
    mask = graph.node("Cast", "attention_mask", to=FLOAT32)
    mask = graph.node("Unsqueeze", mask, graph.ints(2))
    total = graph.node("ReduceSum", graph.node("Mul", hidden, mask), graph.ints(1), keepdims=0)
    count = graph.node("ReduceSum", mask, graph.ints(1), keepdims=0)
    return graph.to_model(_inputs(spec), graph.node("Div", total, count))


def _inputs(spec: TransformerSpec) -> list[str]:
    return ["input_ids", "attention_mask"] + ["token_type_ids"] * (_types(spec) is not None)


def _types(spec: TransformerSpec) -> Array | None:
    """The table of token types, where there is more than one type."""
    return spec.types if spec.types is not None and len(spec.types) > 1 else None


def _embed(graph: GraphWriter, spec: TransformerSpec) -> str:
    """The normalised sum of the embeddings, (batch, length, width)."""
    words = graph.lookup(spec.words, "input_ids")
    total = graph.node("Add", words, _positions(graph, spec))
    if (table := _types(spec)) is not None:
        types = graph.node("Gather", graph.array(table), "token_type_ids")
        total = graph.node("Add", total, types)
    hidden = _normalise(graph, spec, total, spec.norm) if spec.norm else total
    return graph.dense(hidden, spec.projection) if spec.projection else hidden


def _positions(graph: GraphWriter, spec: TransformerSpec) -> str:
    """The position embeddings, (length, width), or (batch, length, width) where padding counts."""
    table = spec.positions
    if spec.types is not None and _types(spec) is None:
        table = table + spec.types[0]
    if spec.position_padding_idx is None:
        return graph.node("Slice", graph.array(table), graph.ints(0), graph.length(), graph.ints(0))
    padding = graph.ints(spec.position_padding_idx)
    real = graph.node("Not", graph.node("Equal", "input_ids", padding))
    real = graph.node("Cast", real, to=INT64)
    counted = graph.node("CumSum", real, graph.ints(1))
    counted = graph.node("Add", graph.node("Mul", counted, real), padding)
    return graph.node("Gather", graph.array(table), counted)


def _token_read(graph: GraphWriter, spec: TransformerSpec, hidden: str) -> str:
    """The state that the head reads, (batch, 1, width)."""
    if spec.pool_last_non_padding is None:
        return _first_row(graph, hidden, axis=1)
    index = graph.node("Unsqueeze", _last_index(graph, spec.pool_last_non_padding), graph.ints(2))
    return graph.node("GatherND", hidden, index, batch_dims=1)


def _last_index(graph: GraphWriter, padding_id: int) -> str:
    """Where the last token is that is no padding, (batch, 1)."""
    padding = graph.node("Equal", "input_ids", graph.ints(padding_id))
    real = graph.node("Cast", graph.node("Not", padding), to=INT64)
    return graph.node("ReduceMax", graph.node("Mul", real, graph.range(graph.length())), axes=[1])


def _bias_read(graph: GraphWriter, spec: TransformerSpec, bias: str) -> str:
    """Of what is added to the scores, the row of the token that the head reads."""
    if spec.pool_last_non_padding is None:
        return bias if spec.relative is None else _first_row(graph, bias, axis=2)
    later = graph.node(
        "Greater", graph.range(graph.length()), _last_index(graph, spec.pool_last_non_padding)
    )
    later = graph.node("Unsqueeze", graph.node("Cast", later, to=FLOAT32), graph.ints(1, 2))
    return graph.node("Add", _mask_bias(graph), _as_bias(graph, later))


def _finish(graph: GraphWriter, spec: TransformerSpec, hidden: str) -> str:
    """The states after the last layer, as the head reads them."""
    if spec.final_norm is None:
        return hidden
    return _normalise(graph, spec, hidden, spec.final_norm)


def _attention_bias(graph: GraphWriter, spec: TransformerSpec) -> str:
    """What is added to the scores: (batch, 1, 1, length), or (batch, heads, length, length)."""
    bias = _mask_bias(graph)
    if spec.causal:
        return graph.node("Add", bias, _causal_bias(graph))
    if spec.relative is None:
        return bias
    return graph.node("Add", bias, _relative_bias(graph, spec.relative, len(spec.positions)))


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
    graph: GraphWriter, spec: TransformerSpec, layer: Layer, queries: str, hidden: str, bias: str
) -> str:
    """One layer; `queries` is `hidden`, or the part of it whose output is wanted.

    The residual is a `Sum` and not an `Add` because ONNX Runtime fuses `Add` and
    `LayerNormalization` into a kernel that is six times slower than the two (CPU, 1.31).
    """
    if spec.final_norm is not None:
        return _layer_norms_first(graph, spec, layer, queries, hidden, bias)
    mixed = _self_attention(graph, spec.heads, layer, queries, hidden, bias)
    attended = graph.dense(mixed, layer.attention)
    queries = _normalise(graph, spec, graph.node("Sum", attended, queries), layer.attention_norm)
    outer = _feed_forward(graph, spec, layer, queries)
    return _normalise(graph, spec, graph.node("Sum", outer, queries), layer.output_norm)


def _layer_norms_first(
    graph: GraphWriter, spec: TransformerSpec, layer: Layer, queries: str, hidden: str, bias: str
) -> str:
    """One pre-norm layer: what goes into each part is normalised, the residuals are not."""
    seen = _normalise(graph, spec, hidden, layer.attention_norm)
    alone = queries != hidden
    asking = _normalise(graph, spec, queries, layer.attention_norm) if alone else seen
    mixed = _self_attention(graph, spec.heads, layer, asking, seen, bias)
    queries = graph.node("Sum", graph.dense(mixed, layer.attention), queries)
    normed = _normalise(graph, spec, queries, layer.output_norm)
    return graph.node("Sum", _feed_forward(graph, spec, layer, normed), queries)


def _feed_forward(graph: GraphWriter, spec: TransformerSpec, layer: Layer, tensor: str) -> str:
    inner = _activate(graph, graph.dense(tensor, layer.intermediate), spec.activation)
    return graph.dense(inner, layer.output)


def _self_attention(
    graph: GraphWriter, heads: int, layer: Layer, queries: str, hidden: str, bias: str
) -> str:
    """Attention as the layer has it: everything sees everything, or through a window."""
    if layer.window is None or layer.global_attention is None:
        return _attention(graph, heads, layer, queries, hidden, bias)
    first = _first_row(graph, hidden, axis=1)
    global_attention = _attention(graph, heads, layer.global_attention, first, hidden, bias)
    scaled = graph.once(layer, lambda: _scaled_query(layer, heads))
    maps = (scaled, layer.key, layer.value)
    local = windowed_attention(graph, heads, maps, layer.window, hidden)
    end = graph.ints(np.iinfo(np.int64).max)
    others = graph.node("Slice", local, graph.ints(1), end, graph.ints(1))
    return graph.node("Concat", global_attention, others, axis=1)


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


def _normalise(graph: GraphWriter, spec: TransformerSpec, tensor: str, norm: Norm) -> str:
    gamma, bias = graph.array(norm.gamma), graph.array(norm.bias)
    return graph.node("LayerNormalization", tensor, gamma, bias, axis=-1, epsilon=spec.epsilon)


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


MASKED = -10000.0
"""What is added to the score of something that must not be seen."""


@dataclass(frozen=True)
class _Chunks:
    """Names of int64 tensors of shape (1,), and of the bias.

    Attributes:
        length: Tokens of a text.
        size: Tokens of a chunk.
        count: Chunks of a text.
        tail: Tokens that the last chunk lacks.
        bias: What is added to the scores, (batch, 1, count, size, 3 * size + 1).
    """

    length: str
    size: str
    count: str
    tail: str
    bias: str = ""


def windowed_attention(
    graph: GraphWriter, heads: int, maps: tuple[Dense, Dense, Dense], window: int, hidden: str
) -> str:
    """Attention of each token to its neighbours and to the first token, (batch, length, width).

    Args:
        graph: The writer.
        heads: Attention heads.
        maps: Query (already scaled), key and value.
        window: Tokens seen to either side.
        hidden: The states, (batch, length, width).
    """
    chunks = graph.once(f"window {window}", lambda: _chunks(graph, window))
    size = maps[0].weight.shape[1] // heads
    shape = graph.ints(0, 0, heads, size)
    split = (graph.node("Reshape", x, shape) for x in graph.project(hidden, maps))
    query, key, value = (graph.node("Transpose", x, perm=[0, 2, 1, 3]) for x in split)
    keys = graph.node("Transpose", _seen(graph, chunks, key, size), perm=[0, 1, 2, 4, 3])
    scores = graph.node("MatMul", _own(graph, chunks, query, size), keys)
    shares = graph.node("Softmax", graph.node("Add", scores, chunks.bias), axis=-1)
    mixed = graph.node("MatMul", shares, _seen(graph, chunks, value, size))
    joined = graph.node("Reshape", mixed, graph.ints(0, 0, -1, size))
    whole = graph.node("Slice", joined, graph.ints(0), chunks.length, graph.ints(2))
    whole = graph.node("Transpose", whole, perm=[0, 2, 1, 3])
    return graph.node("Reshape", whole, graph.ints(0, 0, heads * size))


def _chunks(graph: GraphWriter, window: int) -> _Chunks:
    """How texts are cut; chunks are as wide as the window, or as a text that is shorter."""
    length = graph.length()
    size = graph.node("Min", length, graph.ints(window))
    almost = graph.node("Add", length, graph.node("Sub", size, graph.ints(1)))
    count = graph.node("Div", almost, size)
    tail = graph.node("Sub", graph.node("Mul", count, size), length)
    chunks = _Chunks(length, size, count, tail)
    return _Chunks(length, size, count, tail, _bias(graph, chunks, window))


def _bias(graph: GraphWriter, chunks: _Chunks, window: int) -> str:
    """Hides padding, what is out of the window, and the first token where it is a neighbour.

    The first token stands at the end of what each chunk sees, and must not count twice.
    """
    real = graph.node("Cast", "attention_mask", to=FLOAT32)
    behind_first = graph.node("Greater", graph.range(chunks.length), graph.ints(0))
    real = graph.node("Mul", real, graph.node("Cast", behind_first, to=FLOAT32))
    real = graph.node("Unsqueeze", real, graph.ints(1, 3))
    real = graph.node("Transpose", _neighbours(graph, chunks, real, 1), perm=[0, 1, 2, 4, 3])
    own = graph.node("Unsqueeze", graph.range(chunks.size), graph.ints(1))
    seen = graph.range(graph.node("Mul", chunks.size, graph.ints(3)))
    distance = graph.node("Sub", graph.node("Sub", seen, chunks.size), own)
    near = graph.node("LessOrEqual", graph.node("Abs", distance), graph.ints(window))
    open_ = graph.node("Mul", real, graph.node("Cast", near, to=FLOAT32))
    hidden = graph.node("Sub", graph.number(1.0), open_)
    bias = graph.node("Mul", hidden, graph.number(MASKED))
    return graph.node("Pad", bias, graph.ints(0, 0, 0, 0, 0, 0, 0, 0, 0, 1))


def _own(graph: GraphWriter, chunks: _Chunks, tensor: str, size: int) -> str:
    """From (batch, heads, length, size) to (batch, heads, count, chunk, size)."""
    padded = _pad(graph, tensor, graph.ints(0), chunks.tail)
    shape = graph.node(
        "Concat", graph.ints(0, 0), chunks.count, chunks.size, graph.ints(size), axis=0
    )
    return graph.node("Reshape", padded, shape)


def _seen(graph: GraphWriter, chunks: _Chunks, tensor: str, size: int) -> str:
    """What each chunk sees, (batch, heads, count, 3 * chunk + 1, size): the first token is last."""
    first = graph.node("Slice", tensor, graph.ints(0), graph.ints(1), graph.ints(2))
    ones = graph.ints(1, 1)
    shape = graph.node("Concat", ones, chunks.count, ones, axis=0)
    first = graph.node("Expand", graph.node("Unsqueeze", first, graph.ints(2)), shape)
    return graph.node("Concat", _neighbours(graph, chunks, tensor, size), first, axis=3)


def _neighbours(graph: GraphWriter, chunks: _Chunks, tensor: str, size: int) -> str:
    """Each chunk between its neighbours, (batch, heads, count, 3 * chunk, size)."""
    padded = _pad(graph, tensor, chunks.size, graph.node("Add", chunks.tail, chunks.size))
    further = graph.node("Add", chunks.count, graph.ints(2))
    shape = graph.node("Concat", graph.ints(0, 0), further, chunks.size, graph.ints(size), axis=0)
    cut = graph.node("Reshape", padded, shape)
    starts = (graph.ints(0), graph.ints(1), graph.ints(2))
    ends = [graph.node("Add", chunks.count, start) for start in starts]
    parts = [
        graph.node("Slice", cut, start, end, graph.ints(2))
        for start, end in zip(starts, ends, strict=True)
    ]
    return graph.node("Concat", *parts, axis=3)


def _pad(graph: GraphWriter, tensor: str, front: str, back: str) -> str:
    """Zeros before and after the tokens of (batch, heads, length, size)."""
    none, zero = graph.ints(0, 0), graph.ints(0)
    return graph.node(
        "Pad", tensor, graph.node("Concat", none, front, zero, none, back, zero, axis=0)
    )
