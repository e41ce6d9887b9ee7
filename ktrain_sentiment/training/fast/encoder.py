"""A stack of post-norm transformer layers, computed with the fast steps on Keras's own weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ktrain_sentiment.training.backend import Untyped
from ktrain_sentiment.training.fast.operations import Operations

SEEDS_A_LAYER = 3
"""Dropouts in a layer: attention probabilities, attention output, feed-forward output."""


@dataclass(frozen=True)
class LayerParts:
    """The Keras layers that hold one transformer layer's weights.

    Attributes:
        query: Dense layer of the queries.
        key: Dense layer of the keys.
        value: Dense layer of the values.
        context: Dense layer behind the attention.
        context_norm: Layer normalisation behind that.
        wide: First dense layer of the feed-forward block.
        narrow: Second dense layer of the feed-forward block.
        output_norm: Layer normalisation behind that.
        heads: Number of attention heads.
        attention_rate: Dropout of attention probabilities.
        context_rate: Dropout behind the attention.
        output_rate: Dropout behind the feed-forward block.
    """

    query: Untyped
    key: Untyped
    value: Untyped
    context: Untyped
    context_norm: Untyped
    wide: Untyped
    narrow: Untyped
    output_norm: Untyped
    heads: int
    attention_rate: float
    context_rate: float
    output_rate: float


@dataclass(frozen=True)
class Tokens:
    """Hidden states of a batch, flat, in the two formats that the next layer reads.

    Attributes:
        wide: float32 `[tokens, width]`.
        narrow: The same in the products' format.
    """

    wide: Untyped
    narrow: Untyped


def run_layer(
    steps: Operations,
    parts: LayerParts,
    tokens: Tokens,
    hidden: Untyped,
    seeds: Untyped,
    training: bool,
    first_only: bool,
) -> Tokens:
    """One layer: attention and feed-forward, each with dropout, residual and normalisation.

    Args:
        steps: The differentiable steps.
        parts: The layer's weights.
        tokens: Hidden states of all tokens.
        hidden: float32 `[texts, length]`: 0, or very negative where there is padding.
        seeds: uint32 `[SEEDS_A_LAYER, 2]`.
        training: Whether dropout is on.
        first_only: Compute the output of each text's first token alone. It still attends to all.
    """
    context = _attend(
        steps, parts, tokens, hidden, (seeds[0], parts.attention_rate * training), first_only
    )
    residual = _first(steps, tokens.wide, hidden) if first_only else tokens.wide
    middle = Tokens(
        *steps.add_and_normalise(
            residual,
            steps.product(context, parts.context.kernel),
            parts.context.bias,
            _norm(parts.context_norm),
            (seeds[1], parts.context_rate * training),
        )
    )
    inner = steps.gelu(steps.product(middle.narrow, parts.wide.kernel), parts.wide.bias)
    return Tokens(
        *steps.add_and_normalise(
            middle.wide,
            steps.product(inner, parts.narrow.kernel),
            parts.narrow.bias,
            _norm(parts.output_norm),
            (seeds[2], parts.output_rate * training),
        )
    )


def _norm(layer: Untyped) -> tuple[Untyped, Untyped, float]:
    return layer.gamma, layer.beta, layer.epsilon


def _first(steps: Operations, rows: Untyped, hidden: Untyped) -> Untyped:
    """Rows of each text's first token, `[texts, width]`."""
    texts, length = steps.tf.unstack(steps.tf.shape(hidden))
    return steps.tf.reshape(rows, (texts, length, rows.shape[-1]))[:, 0]


def _attend(
    steps: Operations,
    parts: LayerParts,
    tokens: Tokens,
    hidden: Untyped,
    dropout: tuple[Untyped, float],
    first_only: bool,
) -> Untyped:
    q, k, v = parts.query, parts.key, parts.value
    concat = steps.tf.concat
    if first_only:
        product = steps.product(_first(steps, tokens.narrow, hidden), q.kernel)
        (queries,) = steps.heads(product, q.bias, hidden[:, :1], parts.heads, 1)
        product = steps.product(tokens.narrow, k.kernel, v.kernel)
        bias = concat((k.bias, v.bias), axis=0)
        keys, values = steps.heads(product, bias, hidden, parts.heads, 2)
    else:
        product = steps.product(tokens.narrow, q.kernel, k.kernel, v.kernel)
        bias = concat((q.bias, k.bias, v.bias), axis=0)
        queries, keys, values = steps.heads(product, bias, hidden, parts.heads, 3)
    return steps.attention(queries, keys, values, hidden, dropout)


def run_layers(
    steps: Operations,
    layers: Sequence[LayerParts],
    states: Untyped,
    hidden: Untyped,
    seeds: Untyped,
    training: bool,
    first_only: bool,
) -> Untyped:
    """All layers, from `[texts, length, width]` to the same, or to `[texts, 1, width]`.

    Args:
        steps: The differentiable steps.
        layers: The layers' weights, first to last.
        states: float32 hidden states.
        hidden: float32 `[texts, length]`: 0, or very negative where there is padding.
        seeds: uint32 `[layers * SEEDS_A_LAYER, 2]`.
        training: Whether dropout is on.
        first_only: Let the last layer compute the output of each text's first token alone.
    """
    tf = steps.tf
    texts, width = tf.shape(states)[0], states.shape[-1]
    wide = tf.reshape(states, (-1, width))
    tokens = Tokens(wide, tf.cast(wide, steps.chains.dtype))
    for index, parts in enumerate(layers):
        mine = seeds[index * SEEDS_A_LAYER : (index + 1) * SEEDS_A_LAYER]
        only = first_only and index == len(layers) - 1
        tokens = run_layer(steps, parts, tokens, hidden, mine, training, only)
    return tf.reshape(tokens.wide, (texts, -1, width))
