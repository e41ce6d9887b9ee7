"""Longformer's attention through a window, as ONNX nodes.

See Beltagy et al. 2020, "Longformer: The Long-Document Transformer", arXiv:2004.05150. A token sees
the `window` tokens to either side of it and the first token. The text is cut into chunks of that
width, and the tokens of a chunk are compared with those of three chunks (their own and its
neighbours) and with the first token: memory and time grow with the length of a text, not with its
square. 4,096 tokens, 12 heads and a window of 256 to either side take 150 MB for a layer's scores,
where a full matrix would take 800.

A text shorter than the window is one chunk of its own length, so short texts are not padded to the
window as transformers pads them.
"""

from __future__ import annotations

from dataclasses import dataclass

from ktrain_sentiment.export.architecture import Dense
from ktrain_sentiment.export.onnx_writer import FLOAT32, GraphWriter

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
