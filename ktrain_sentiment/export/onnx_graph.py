"""A sequence classifier as an ONNX graph, written straight from its weights.

No tracing and no framework: the description of `transformer_spec.py` becomes about forty nodes a
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

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.export.onnx_writer import FLOAT32, INT64, GraphWriter
from ktrain_sentiment.export.transformer_spec import Dense, Layer, Norm, TransformerSpec

if TYPE_CHECKING:
    from onnx import ModelProto

MASKED = -10000.0
"""What is added to the score of something that must not be seen, as in BERT's own code: far enough
for a share of zero, and no infinity, whose differences are no numbers."""


def build_graph(spec: TransformerSpec, graph: GraphWriter) -> ModelProto:
    """Write the graph of a sequence classifier.

    Inputs `input_ids`, `attention_mask` and, where the family distinguishes segments,
    `token_type_ids`, all int64 of shape (batch, length); output `logits`, float32 of shape
    (batch, labels).

    Args:
        spec: The description of its weights.
        graph: A new writer, which decides the precision.
    """
    return _Transformer(spec, graph).classifier()


def build_mean_graph(spec: TransformerSpec, graph: GraphWriter) -> ModelProto:
    """Write the graph of an encoder whose output is the mean of a text's token states.

    Inputs as for `build_graph`; the output, float32 of shape (batch, width), leaves padding out.
    The encoder's head is not used.
    """
    return _Transformer(spec, graph).mean()


class _Transformer:
    """Writes the parts of one model; methods return the names of tensors."""

    def __init__(self, spec: TransformerSpec, graph: GraphWriter) -> None:
        self.spec = spec
        self.graph = graph
        # A table of a single token type is part of the positions'.
        several = spec.types is not None and len(spec.types) > 1
        self.types = spec.types if several else None
        self.inputs = ["input_ids", "attention_mask"] + ["token_type_ids"] * several

    def classifier(self) -> ModelProto:
        graph, spec = self.graph, self.spec
        hidden = self.embed()
        bias = self.attention_bias()
        for layer in spec.layers[:-1]:
            hidden = self.layer(layer, hidden, hidden, bias)
        # The last layer works for the one token that the head reads; Longformer's first token has
        # maps of its own.
        last = spec.layers[-1].global_attention or spec.layers[-1]
        if spec.pool_last_non_padding is None:
            read = self.first_row(hidden, axis=1)
            row = bias if spec.relative is None else self.first_row(bias, axis=2)
        else:
            index = graph.node("Unsqueeze", self.last_index(), graph.ints(2))
            read = graph.node("GatherND", hidden, index, batch_dims=1)
            later = graph.node("Greater", graph.range(graph.length()), self.last_index())
            later = graph.node("Cast", later, to=FLOAT32)
            later = graph.node("Unsqueeze", later, graph.ints(1, 2))
            row = graph.node("Add", self.mask_bias(), self.as_bias(later))
        hidden = self.layer(last, read, hidden, row)
        if spec.final_norm is not None:
            hidden = self.normalize(hidden, spec.final_norm)
        state = graph.node("Squeeze", hidden, graph.ints(1))
        for dense, activation in spec.head:
            state = self.activate(graph.exact_dense(state, dense), activation)
        return graph.to_model(self.inputs, state)

    def mean(self) -> ModelProto:
        graph = self.graph
        hidden = self.embed()
        bias = self.attention_bias()
        for layer in self.spec.layers:
            hidden = self.layer(layer, hidden, hidden, bias)
        if self.spec.final_norm is not None:
            hidden = self.normalize(hidden, self.spec.final_norm)
        mask = graph.node("Cast", "attention_mask", to=FLOAT32)
        mask = graph.node("Unsqueeze", mask, graph.ints(2))
        total = graph.node("ReduceSum", graph.node("Mul", hidden, mask), graph.ints(1), keepdims=0)
        count = graph.node("ReduceSum", mask, graph.ints(1), keepdims=0)
        return graph.to_model(self.inputs, graph.node("Div", total, count))

    # Embeddings

    def embed(self) -> str:
        """The normalised sum of the embeddings, (batch, length, width)."""
        graph, spec = self.graph, self.spec
        words = graph.lookup(spec.words, "input_ids")
        total = graph.node("Add", words, self.positions())
        if self.types is not None:
            types = graph.node("Gather", graph.array(self.types), "token_type_ids")
            total = graph.node("Add", total, types)
        hidden = self.normalize(total, spec.norm) if spec.norm else total
        return graph.dense(hidden, spec.projection) if spec.projection else hidden

    def positions(self) -> str:
        """Position embeddings, (length, width), or (batch, length, width) where padding counts."""
        graph, spec = self.graph, self.spec
        table = spec.positions
        if spec.types is not None and self.types is None:
            table = table + spec.types[0]
        if spec.position_padding_idx is None:
            rows = graph.array(table)
            return graph.node("Slice", rows, graph.ints(0), graph.length(), graph.ints(0))
        padding = graph.ints(spec.position_padding_idx)
        real = graph.node("Not", graph.node("Equal", "input_ids", padding))
        real = graph.node("Cast", real, to=INT64)
        counted = graph.node("CumSum", real, graph.ints(1))
        counted = graph.node("Add", graph.node("Mul", counted, real), padding)
        return graph.node("Gather", graph.array(table), counted)

    # What is added to the scores

    def attention_bias(self) -> str:
        """(batch, 1, 1, length), or (batch, heads or 1, length, length)."""
        graph, spec = self.graph, self.spec
        bias = self.mask_bias()
        if spec.causal:
            steps = graph.range(graph.length())
            later = graph.node("Greater", steps, graph.node("Unsqueeze", steps, graph.ints(1)))
            return graph.node("Add", bias, self.as_bias(graph.node("Cast", later, to=FLOAT32)))
        if spec.relative is None:
            return bias
        longest = len(spec.positions)
        by_distance = spec.relative[distance_buckets(longest, len(spec.relative))]
        table = graph.array(np.ascontiguousarray(by_distance.T))
        steps = graph.range(graph.length())
        rows = graph.node("Unsqueeze", steps, graph.ints(1))
        distance = graph.node("Add", graph.node("Sub", steps, rows), graph.ints(longest - 1))
        relative = graph.node("Gather", table, distance, axis=1)
        return graph.node("Add", bias, graph.node("Unsqueeze", relative, graph.ints(0)))

    def mask_bias(self) -> str:
        """What keeps padding from being seen, (batch, 1, 1, length)."""
        graph = self.graph
        mask = graph.node("Unsqueeze", "attention_mask", graph.ints(1, 2))
        mask = graph.node("Cast", mask, to=FLOAT32)
        return self.as_bias(graph.node("Sub", graph.number(1.0), mask))

    def as_bias(self, hidden: str) -> str:
        """From ones where something must not be seen to what is added to the scores."""
        return self.graph.node("Mul", hidden, self.graph.number(MASKED))

    def last_index(self) -> str:
        """Where the last token is that is no padding, (batch, 1)."""
        graph, padding_id = self.graph, self.spec.pool_last_non_padding
        padding = graph.node("Equal", "input_ids", graph.ints(padding_id or 0))
        real = graph.node("Cast", graph.node("Not", padding), to=INT64)
        index = graph.node("Mul", real, graph.range(graph.length()))
        return graph.node("ReduceMax", index, axes=[1])

    # Layers

    def layer(self, layer: Layer, queries: str, hidden: str, bias: str) -> str:
        """One layer; `queries` is `hidden`, or the part of it whose output is wanted.

        The residual is a `Sum` and not an `Add` because ONNX Runtime fuses `Add` and
        `LayerNormalization` into a kernel that is six times slower than the two (CPU, 1.31).
        """
        graph = self.graph
        if self.spec.final_norm is None:
            mixed = self.self_attention(layer, queries, hidden, bias)
            attended = graph.dense(mixed, layer.attention)
            queries = self.normalize(graph.node("Sum", attended, queries), layer.attention_norm)
            output = self.feed_forward(layer, queries)
            return self.normalize(graph.node("Sum", output, queries), layer.output_norm)
        # Pre-norm: what goes into each part is normalised, the residuals are not.
        seen = self.normalize(hidden, layer.attention_norm)
        alone = queries != hidden
        asking = self.normalize(queries, layer.attention_norm) if alone else seen
        mixed = self.self_attention(layer, asking, seen, bias)
        queries = graph.node("Sum", graph.dense(mixed, layer.attention), queries)
        normed = self.normalize(queries, layer.output_norm)
        return graph.node("Sum", self.feed_forward(layer, normed), queries)

    def feed_forward(self, layer: Layer, tensor: str) -> str:
        wide = self.activate(self.graph.dense(tensor, layer.intermediate), self.spec.activation)
        return self.graph.dense(wide, layer.output)

    def self_attention(self, layer: Layer, queries: str, hidden: str, bias: str) -> str:
        """Attention as the layer has it: everything sees everything, or through a window."""
        graph = self.graph
        if layer.window is None or layer.global_attention is None:
            return self.full_attention(layer, queries, hidden, bias)
        first = self.first_row(hidden, axis=1)
        overview = self.full_attention(layer.global_attention, first, hidden, bias)
        maps = (self.scaled_query(layer), layer.key, layer.value)
        local = windowed_attention(graph, self.spec.heads, maps, layer.window, hidden)
        end = graph.ints(np.iinfo(np.int64).max)
        others = graph.node("Slice", local, graph.ints(1), end, graph.ints(1))
        return graph.node("Concat", overview, others, axis=1)

    def full_attention(self, layer: Layer, queries: str, hidden: str, bias: str) -> str:
        """Multi-head attention, (batch, queries, width), before its output map."""
        graph, heads = self.graph, self.spec.heads
        size = layer.query.weight.shape[1] // heads
        scaled = self.scaled_query(layer)
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

    def scaled_query(self, layer: Layer) -> Dense:
        """The query's map with the scores' scale in it (Vaswani et al. 2017, arXiv:1706.03762)."""
        factor = np.float32(1 / math.sqrt(layer.query.weight.shape[1] // self.spec.heads))
        query = layer.query
        return self.graph.once(layer, lambda: Dense(query.weight * factor, query.bias * factor))

    def normalize(self, tensor: str, norm: Norm) -> str:
        gamma, bias = self.graph.array(norm.gamma), self.graph.array(norm.bias)
        return self.graph.node(
            "LayerNormalization", tensor, gamma, bias, axis=-1, epsilon=self.spec.epsilon
        )

    def activate(self, tensor: str, kind: str | None) -> str:
        """Apply an activation; exact GELU is written as ONNX Runtime's own fusion wants it."""
        graph = self.graph
        if kind is None:
            return tensor
        if kind == "gelu":
            inside = graph.node("Div", tensor, graph.number(math.sqrt(2.0)))
            error = graph.node("Add", graph.node("Erf", inside), graph.number(1.0))
            return graph.node("Mul", graph.node("Mul", tensor, error), graph.number(0.5))
        if kind == "gelu_tanh":  # Hendrycks and Gimpel 2016, arXiv:1606.08415.
            cube = graph.node("Pow", tensor, graph.number(3.0))
            bent = graph.node("Add", tensor, graph.node("Mul", cube, graph.number(0.044715)))
            inside = graph.node("Mul", bent, graph.number(math.sqrt(2.0 / math.pi)))
            share = graph.node("Add", graph.node("Tanh", inside), graph.number(1.0))
            half = graph.node("Mul", tensor, graph.number(0.5))
            return graph.node("Mul", half, share)
        if kind == "silu":
            return graph.node("Mul", tensor, graph.node("Sigmoid", tensor))
        return graph.node({"relu": "Relu", "tanh": "Tanh"}[kind], tensor)

    def first_row(self, tensor: str, axis: int) -> str:
        graph = self.graph
        return graph.node("Slice", tensor, graph.ints(0), graph.ints(1), graph.ints(axis))


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


# Longformer's attention through a window


@dataclass(frozen=True)
class _Chunks:
    """How texts are cut: names of int64 tensors of shape (1,), and of the bias.

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

    See Beltagy et al. 2020, "Longformer: The Long-Document Transformer", arXiv:2004.05150. The
    text is cut into chunks as wide as the window, and the tokens of a chunk are compared with those
    of three chunks (their own and its neighbours) and with the first token: memory and time grow
    with the length of a text, not with its square. 4,096 tokens, 12 heads and a window of 256 to
    either side take 150 MB for a layer's scores, where a full matrix would take 800.

    A text shorter than the window is one chunk of its own length, so short texts are not padded to
    the window as transformers pads them.

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
    # From (batch, heads, length, size) to (batch, heads, count, chunk, size).
    padded = _pad(graph, query, graph.ints(0), chunks.tail)
    cut = (graph.ints(0, 0), chunks.count, chunks.size, graph.ints(size))
    own = graph.node("Reshape", padded, graph.node("Concat", *cut, axis=0))
    scores = graph.node("MatMul", own, keys)
    shares = graph.node("Softmax", graph.node("Add", scores, chunks.bias), axis=-1)
    mixed = graph.node("MatMul", shares, _seen(graph, chunks, value, size))
    joined = graph.node("Reshape", mixed, graph.ints(0, 0, -1, size))
    whole = graph.node("Slice", joined, graph.ints(0), chunks.length, graph.ints(2))
    whole = graph.node("Transpose", whole, perm=[0, 2, 1, 3])
    return graph.node("Reshape", whole, graph.ints(0, 0, heads * size))


def _chunks(graph: GraphWriter, window: int) -> _Chunks:
    """The chunks of a batch, and what hides padding and all that is out of the window.

    The first token stands at the end of what each chunk sees; where it is a neighbour too it is
    hidden, so that it does not count twice.
    """
    length = graph.length()
    size = graph.node("Min", length, graph.ints(window))
    almost = graph.node("Add", length, graph.node("Sub", size, graph.ints(1)))
    count = graph.node("Div", almost, size)
    tail = graph.node("Sub", graph.node("Mul", count, size), length)
    chunks = _Chunks(length, size, count, tail)
    real = graph.node("Cast", "attention_mask", to=FLOAT32)
    behind_first = graph.node("Greater", graph.range(length), graph.ints(0))
    real = graph.node("Mul", real, graph.node("Cast", behind_first, to=FLOAT32))
    real = graph.node("Unsqueeze", real, graph.ints(1, 3))
    real = graph.node("Transpose", _neighbours(graph, chunks, real, 1), perm=[0, 1, 2, 4, 3])
    own = graph.node("Unsqueeze", graph.range(size), graph.ints(1))
    seen = graph.range(graph.node("Mul", size, graph.ints(3)))
    distance = graph.node("Sub", graph.node("Sub", seen, size), own)
    near = graph.node("LessOrEqual", graph.node("Abs", distance), graph.ints(window))
    open_ = graph.node("Mul", real, graph.node("Cast", near, to=FLOAT32))
    hidden = graph.node("Sub", graph.number(1.0), open_)
    bias = graph.node("Mul", hidden, graph.number(MASKED))
    bias = graph.node("Pad", bias, graph.ints(0, 0, 0, 0, 0, 0, 0, 0, 0, 1))
    return dataclasses.replace(chunks, bias=bias)


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
