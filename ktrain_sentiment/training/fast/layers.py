"""A stack of post-norm transformer layers on Keras's own weights, with gradients by hand.

`Operations` has the differentiable steps. A step's forward pass is one or two compiled chains (see
`elementwise.py`) around matrix products; its backward pass recomputes what is cheap and keeps what
is not. `run_layers` puts the steps together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ktrain_sentiment.training.backend import Untyped
from ktrain_sentiment.training.fast.elementwise import Elementwise

FLOAT16_SCALE = 1024.0
"""What gradients are multiplied by inside the stack where products are float16, whose least number
is 6e-8: many gradients are smaller (Micikevicius et al. 2018, "Mixed Precision Training"). A
constant, so that a training gone on with needs no state of it; weights get theirs divided again."""

SEEDS_A_LAYER = 3
"""Dropouts in a layer: attention probabilities, attention output, feed-forward output."""


@dataclass(frozen=True)
class AttentionBias:
    """What is added to the scores of queries and keys.

    Attributes:
        padding: float32 `[texts, length]`: 0, or very negative where there is padding.
        relative: For the distance of query and key, the same in all layers, where the family has
            it (MPNet); float32 `[1, heads, length, length]`.
    """

    padding: Untyped
    relative: Untyped = None

    @property
    def of_first(self) -> AttentionBias:
        """The same where each text's first token alone asks."""
        relative = None if self.relative is None else self.relative[:, :, :1]
        return AttentionBias(self.padding, relative)


@dataclass(frozen=True)
class Operations:
    """Steps of a transformer layer over flat tokens.

    Attributes:
        chains: The compiled element-wise chains.
        of_first: The chains where each text's first token alone asks; so little work that compiling
            it for each length of texts can cost more.
        most_scores: Of queries and keys, held at once; None: those of all texts.
    """

    chains: Elementwise
    of_first: Elementwise
    most_scores: int | None = None

    @property
    def tf(self) -> Untyped:
        """TensorFlow."""
        return self.chains.tf

    def product(self, rows: Untyped, *kernels: Untyped) -> Untyped:
        """`rows @ [kernel | kernel | ...]` in the products' format; kernels are float32."""
        kernels = tuple(self.entering(kernel) for kernel in kernels)
        kernel = kernels[0] if len(kernels) == 1 else self.tf.concat(kernels, axis=1)
        return self.tf.matmul(rows, self.tf.cast(kernel, self.chains.dtype))

    def entering(self, values: Untyped) -> Untyped:
        """float32 weights or states on their way into the stack; their gradient leaves it."""
        return self._with_gradient(values, 1.0 / FLOAT16_SCALE)

    def leaving(self, values: Untyped) -> Untyped:
        """float32 states on their way out of the stack; their gradient enters it."""
        return self._with_gradient(values, FLOAT16_SCALE)

    def _with_gradient(self, values: Untyped, scale: float) -> Untyped:
        if self.chains.dtype != self.tf.float16:
            return values

        def step(values: Untyped) -> Untyped:
            return self.tf.identity(values), lambda upstream: upstream * scale

        return self.tf.custom_gradient(step)(values)

    def bias_gradient(self, rows: Untyped) -> Untyped:
        """Column sums of `[tokens, width]`, float32 `[width]`."""
        tf = self.tf
        # As a product: 0.8 processor ms for 1024 x 1536, XLA's reduction 1.4, Eigen's 2.0.
        ones = tf.ones((1, tf.shape(rows)[0]), rows.dtype)
        return tf.cast(tf.matmul(ones, rows)[0], tf.float32)

    def gelu(self, product: Untyped, bias: Untyped) -> Untyped:
        """Exact GELU of `product + bias`."""

        def step(product: Untyped, bias: Untyped) -> Untyped:
            def gradient(upstream: Untyped) -> tuple[Untyped, Untyped]:
                through_bias = self.chains.add_bias_gelu_gradient(product, bias, upstream)
                return through_bias, self.bias_gradient(through_bias)

            return self.chains.add_bias_gelu(product, bias), gradient

        return self.tf.custom_gradient(step)(product, bias)

    def add_and_normalise(
        self,
        residual: Untyped,
        product: Untyped,
        bias: Untyped,
        norm: tuple[Untyped, Untyped, float],
        dropout: tuple[Untyped, float],
    ) -> tuple[Untyped, Untyped]:
        """`LayerNorm(residual + dropout(product + bias))`.

        Args:
            residual: float32 `[tokens, width]`.
            product: `[tokens, width]` in the products' format.
            bias: float32 `[width]`.
            norm: gamma, beta and epsilon of the normalisation.
            dropout: Seed, uint32 of shape (2,), and rate.

        Returns:
            The result as float32, and in the products' format.
        """
        gamma, beta, epsilon = norm
        seed, rate = dropout

        def step(
            residual: Untyped, product: Untyped, bias: Untyped, gamma: Untyped, beta: Untyped
        ) -> Untyped:
            # `rows` are kept for the backward pass; all else of the chain is computed again.
            *normal, rows = self.chains.add_and_normalise(
                residual, product, bias, seed, gamma, beta, rate=rate, epsilon=epsilon
            )

            def gradient(fp32: Untyped, compute: Untyped) -> tuple[Untyped, ...]:
                d_rows, d_product, d_gamma, d_beta = self.chains.add_and_normalise_gradient(
                    rows, gamma, seed, fp32, compute, rate=rate, epsilon=epsilon
                )
                return d_rows, d_product, self.bias_gradient(d_product), d_gamma, d_beta

            return tuple(normal), gradient

        inputs = (residual, product, bias, gamma, beta)
        return self.tf.custom_gradient(step)(*inputs)  # type: ignore[no-any-return]

    def heads(
        self, product: Untyped, bias: Untyped, like: Untyped, heads: int, parts: int
    ) -> tuple[Untyped, ...]:
        """Cut `product + bias` into heads, and into queries, keys or values.

        Args:
            product: `[texts * length, parts * width]` in the products' format.
            bias: float32 `[parts * width]`.
            like: Any tensor `[texts, length]`.
            heads: Number of heads.
            parts: How many of queries, keys and values lie beside each other.

        Returns:
            `parts` tensors `[texts, heads, length, width / heads]`.
        """

        def step(product: Untyped, bias: Untyped) -> Untyped:
            def gradient(*upstream: Untyped) -> tuple[Untyped, Untyped]:
                through_bias = self.tf.concat([self.joined(part) for part in upstream], axis=1)
                return through_bias, self.bias_gradient(through_bias)

            size = product.shape[-1] // (parts * heads)
            split = self.chains.split_heads(
                product, bias, like, parts=parts, heads=heads, size=size
            )
            return split, gradient

        return self.tf.custom_gradient(step)(product, bias)  # type: ignore[no-any-return]

    def joined(self, split: Untyped) -> Untyped:
        """Heads beside each other again: `[texts * length, heads * size]`."""
        tf = self.tf
        shape = tf.shape(split)
        back = tf.transpose(split, (0, 2, 1, 3))
        return tf.reshape(back, (shape[0] * shape[2], split.shape[1] * split.shape[3]))

    def attention(
        self,
        queries: Untyped,
        keys: Untyped,
        values: Untyped,
        bias: AttentionBias,
        dropout: tuple[Untyped, float],
        cls_only: bool,
    ) -> Untyped:
        """Scaled dot-product attention of all heads (Vaswani et al. 2017).

        Args:
            queries: `[texts, heads, queries, size]`.
            keys: `[texts, heads, length, size]`.
            values: `[texts, heads, length, size]`.
            bias: What is added to the scores.
            dropout: Seed, uint32 of shape (2,), and rate.
            cls_only: Each text's first token alone asks.

        Returns:
            `[texts * queries, heads * size]` in the products' format.
        """
        tf, (seed, rate) = self.tf, dropout
        chains = self.of_first if cls_only else self.chains
        how = {"scale": queries.shape[-1] ** -0.5, "rate": rate}
        relative = () if bias.relative is None else (bias.relative,)
        heads, width = queries.shape[1], queries.shape[3]
        scores_a_text = heads * tf.shape(queries)[2] * tf.shape(keys)[2]
        rows = (chains.dtype, (heads, None, width))

        def masked(first: Untyped) -> Untyped:
            """The seed whose mask is that of the texts from `first` on; see `dropout`."""
            before = tf.cast(first * scores_a_text, tf.uint32)
            return seed + tf.stack([before, tf.zeros_like(before)])

        def step(q: Untyped, k: Untyped, v: Untyped, *relative: Untyped) -> Untyped:
            def forward(
                first: Untyped, q: Untyped, k: Untyped, v: Untyped, padding: Untyped
            ) -> tuple[Untyped, ...]:
                scores = tf.matmul(q, k, transpose_b=True)
                kept, logarithm = chains.masked_softmax(
                    scores, padding, masked(first), *relative, **how
                )
                return tf.matmul(kept, v), logarithm

            def backward(
                first: Untyped, q: Untyped, k: Untyped, v: Untyped, padding: Untyped,
                logarithm: Untyped, upstream: Untyped,
            ) -> tuple[Untyped, ...]:  # fmt: skip
                # Made again: kept, they would be 200 MB a layer for 32 texts of 256 tokens.
                scores = tf.matmul(q, k, transpose_b=True)
                d_kept = tf.matmul(upstream, v, transpose_b=True)
                d_scores, kept = chains.masked_softmax_gradient(
                    scores, logarithm, d_kept, padding, masked(first), *relative, **how
                )
                d_bias = (
                    tf.reduce_sum(tf.cast(d_scores, tf.float32), axis=0, keepdims=True)
                    for _ in relative
                )
                return (
                    tf.matmul(d_scores, k),
                    tf.matmul(d_scores, q, transpose_a=True),
                    tf.matmul(kept, upstream, transpose_a=True),
                    *d_bias,
                )

            def gradient(upstream: Untyped) -> tuple[Untyped, ...]:
                biases = [(tf.float32, one.shape[1:]) for one in relative]
                found = self._by_texts(
                    backward,
                    (*given, logarithm, upstream),
                    scores_a_text,
                    (rows, rows, rows, *biases),
                )
                # Scores are scaled before the bias is added.
                d_bias = (
                    tf.reduce_sum(one, axis=0, keepdims=True) / how["scale"] for one in found[3:]
                )
                return (*found[:3], *d_bias)

            given = (q, k, v, bias.padding)
            results = (rows, (tf.float32, (heads, None, 1)))
            context, logarithm = self._by_texts(forward, given, scores_a_text, results)
            return context, gradient

        return self.joined(tf.custom_gradient(step)(queries, keys, values, *relative))

    def _by_texts(
        self,
        work: Untyped,
        given: tuple[Untyped, ...],
        scores_a_text: Untyped,
        results: tuple[tuple[Untyped, Untyped], ...],
    ) -> list[Untyped]:
        """What `work(first, *given)` gives, for as many texts at a time as `most_scores` allows.

        Args:
            work: Called with the place of the first of its texts, and its texts' rows.
            given: Tensors whose first axis is that of texts.
            scores_a_text: How many scores a text has.
            results: Of each result of `work` the format and the shape, without the first axis.
        """
        tf = self.tf
        if self.most_scores is None:
            return list(work(tf.constant(0), *given))
        size = tf.maximum(1, self.most_scores // scores_a_text)
        parts = (tf.shape(given[0])[0] + size - 1) // size

        def body(part: Untyped, arrays: tuple[Untyped, ...]) -> tuple[Untyped, ...]:
            first = part * size
            found = work(first, *(tensor[first : first + size] for tensor in given))
            return part + 1, tuple(map(lambda array, one: array.write(part, one), arrays, found))

        arrays = tuple(
            tf.TensorArray(dtype, parts, infer_shape=False, element_shape=(None, *shape))
            for dtype, shape in results
        )
        _, arrays = tf.while_loop(
            lambda part, _: part < parts, body, (0, arrays), parallel_iterations=1
        )
        return [array.concat() for array in arrays]


@dataclass(frozen=True)
class LayerParts:
    """The Keras layers that hold one transformer layer's weights.

    Attributes:
        query: Dense layer of the queries.
        key: Dense layer of the keys.
        value: Dense layer of the values.
        context: Dense layer behind the attention.
        context_norm: Layer normalisation behind that.
        intermediate: First dense layer of the feed-forward block.
        output: Second dense layer of the feed-forward block.
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
    intermediate: Untyped
    output: Untyped
    output_norm: Untyped
    heads: int
    attention_rate: float
    context_rate: float
    output_rate: float


@dataclass(frozen=True)
class Tokens:
    """Hidden states of a batch, flat, in the two formats that the next layer reads.

    Attributes:
        fp32: float32 `[tokens, width]`.
        compute: The same in the products' format.
    """

    fp32: Untyped
    compute: Untyped


def run_layer(
    steps: Operations,
    parts: LayerParts,
    tokens: Tokens,
    bias: AttentionBias,
    seeds: Untyped,
    cls_only: bool,
) -> Tokens:
    """One layer: attention and feed-forward, each with dropout, residual and normalisation.

    Args:
        steps: The differentiable steps.
        parts: The layer's weights.
        tokens: Hidden states of all tokens.
        bias: What is added to the scores.
        seeds: uint32 `[SEEDS_A_LAYER, 2]`.
        cls_only: Compute the output of each text's first token alone. It still attends to all.
    """
    context = _self_attention(
        steps, parts, tokens, bias, (seeds[0], parts.attention_rate), cls_only
    )
    residual = _first(steps, tokens.fp32, bias.padding) if cls_only else tokens.fp32
    middle = Tokens(
        *steps.add_and_normalise(
            residual,
            steps.product(context, parts.context.kernel),
            steps.entering(parts.context.bias),
            _norm(steps, parts.context_norm),
            (seeds[1], parts.context_rate),
        )
    )
    activated = steps.gelu(
        steps.product(middle.compute, parts.intermediate.kernel),
        steps.entering(parts.intermediate.bias),
    )
    return Tokens(
        *steps.add_and_normalise(
            middle.fp32,
            steps.product(activated, parts.output.kernel),
            steps.entering(parts.output.bias),
            _norm(steps, parts.output_norm),
            (seeds[2], parts.output_rate),
        )
    )


def _norm(steps: Operations, layer: Untyped) -> tuple[Untyped, Untyped, float]:
    return steps.entering(layer.gamma), steps.entering(layer.beta), layer.epsilon


def _first(steps: Operations, rows: Untyped, like: Untyped) -> Untyped:
    """Rows of each text's first token, `[texts, width]`; `like` is any `[texts, length]`."""
    texts, length = steps.tf.unstack(steps.tf.shape(like))
    return steps.tf.reshape(rows, (texts, length, rows.shape[-1]))[:, 0]


def _self_attention(
    steps: Operations,
    parts: LayerParts,
    tokens: Tokens,
    bias: AttentionBias,
    dropout: tuple[Untyped, float],
    cls_only: bool,
) -> Untyped:
    q, k, v = parts.query, parts.key, parts.value
    concat, like = steps.tf.concat, bias.padding
    if cls_only:
        product = steps.product(_first(steps, tokens.compute, like), q.kernel)
        (queries,) = steps.heads(product, steps.entering(q.bias), like[:, :1], parts.heads, 1)
        product = steps.product(tokens.compute, k.kernel, v.kernel)
        added = steps.entering(concat((k.bias, v.bias), axis=0))
        keys, values = steps.heads(product, added, like, parts.heads, 2)
        bias = bias.of_first
    else:
        product = steps.product(tokens.compute, q.kernel, k.kernel, v.kernel)
        added = steps.entering(concat((q.bias, k.bias, v.bias), axis=0))
        queries, keys, values = steps.heads(product, added, like, parts.heads, 3)
    return steps.attention(queries, keys, values, bias, dropout, cls_only)


def run_layers(
    steps: Operations,
    layers: Sequence[LayerParts],
    states: Untyped,
    bias: AttentionBias,
    seeds: Untyped,
    cls_only: bool,
) -> Untyped:
    """All layers, from `[texts, length, width]` to the same, or to `[texts, 1, width]`.

    Args:
        steps: The differentiable steps.
        layers: The layers' weights, first to last.
        states: float32 hidden states.
        bias: What is added to the scores.
        seeds: uint32 `[layers * SEEDS_A_LAYER, 2]`.
        cls_only: Let the last layer compute the output of each text's first token alone.
    """
    tf = steps.tf
    texts, width = tf.shape(states)[0], states.shape[-1]
    fp32 = steps.entering(tf.reshape(states, (-1, width)))
    if bias.relative is not None:
        bias = replace(bias, relative=steps.entering(bias.relative))
    tokens = Tokens(fp32, tf.cast(fp32, steps.chains.dtype))
    for index, parts in enumerate(layers):
        mine = seeds[index * SEEDS_A_LAYER : (index + 1) * SEEDS_A_LAYER]
        # The classifier reads one token of the last layer: 358 processor ms a step against 444.
        only = cls_only and index == len(layers) - 1
        tokens = run_layer(steps, parts, tokens, bias, mine, only)
    return tf.reshape(steps.leaving(tokens.fp32), (texts, -1, width))
