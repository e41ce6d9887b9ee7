"""Differentiable steps of a transformer layer, each with a gradient written by hand.

A step's forward pass is one or two compiled chains (see `elementwise.py`) around matrix products;
its backward pass recomputes what is cheap and keeps what is not. Sums over all tokens, which are
the gradients of biases, are products with a row of ones: the fastest column sum a CPU has here.
"""

from __future__ import annotations

from dataclasses import dataclass

from ktrain_sentiment.training.backend import Untyped
from ktrain_sentiment.training.fast.elementwise import Elementwise


@dataclass(frozen=True)
class Operations:
    """Steps of a transformer layer over flat tokens.

    Attributes:
        chains: The compiled element-wise chains.
    """

    chains: Elementwise

    @property
    def tf(self) -> Untyped:
        """TensorFlow."""
        return self.chains.tf

    def product(self, rows: Untyped, *kernels: Untyped) -> Untyped:
        """`rows @ [kernel | kernel | ...]` in the products' format; kernels are float32."""
        kernel = kernels[0] if len(kernels) == 1 else self.tf.concat(kernels, axis=1)
        return self.tf.matmul(rows, self.tf.cast(kernel, self.chains.dtype))

    def bias_gradient(self, rows: Untyped) -> Untyped:
        """Column sums of `[tokens, width]`, float32 `[width]`."""
        tf = self.tf
        ones = tf.ones((1, tf.shape(rows)[0]), rows.dtype)
        return tf.cast(tf.matmul(ones, rows)[0], tf.float32)

    def gelu(self, product: Untyped, bias: Untyped) -> Untyped:
        """Exact GELU of `product + bias`."""

        def step(product: Untyped, bias: Untyped) -> Untyped:
            def gradient(upstream: Untyped) -> tuple[Untyped, Untyped]:
                inner = self.chains.add_bias_gelu_gradient(product, bias, upstream)
                return inner, self.bias_gradient(inner)

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
            rows = self.chains.add_dropped(residual, product, bias, seed, rate=rate)

            def gradient(wide: Untyped, narrow: Untyped) -> tuple[Untyped, ...]:
                d_rows, d_gamma, d_beta = self.chains.normalise_gradient(
                    rows, gamma, wide, narrow, epsilon=epsilon
                )
                inner = self.chains.add_dropped_gradient(d_rows, seed, rate=rate)
                return d_rows, inner, self.bias_gradient(inner), d_gamma, d_beta

            return self.chains.normalise(rows, gamma, beta, epsilon=epsilon), gradient

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
                inner = self.tf.concat([self.joined(part) for part in upstream], axis=1)
                return inner, self.bias_gradient(inner)

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
        hidden: Untyped,
        dropout: tuple[Untyped, float],
    ) -> Untyped:
        """Scaled dot-product attention of all heads (Vaswani et al. 2017).

        Args:
            queries: `[texts, heads, queries, size]`.
            keys: `[texts, heads, length, size]`.
            values: `[texts, heads, length, size]`.
            hidden: float32 `[texts, length]`: 0, or very negative where there is padding.
            dropout: Seed, uint32 of shape (2,), and rate.

        Returns:
            `[texts * queries, heads * size]` in the products' format.
        """
        tf, chains, (seed, rate) = self.tf, self.chains, dropout
        how = {"scale": queries.shape[-1] ** -0.5, "rate": rate}

        def step(q: Untyped, k: Untyped, v: Untyped) -> Untyped:
            scores = tf.matmul(q, k, transpose_b=True)
            probabilities, kept = chains.attend(scores, hidden, seed, **how)

            def gradient(upstream: Untyped) -> tuple[Untyped, Untyped, Untyped]:
                d_kept = tf.matmul(upstream, v, transpose_b=True)
                d_scores = chains.attend_gradient(probabilities, d_kept, seed, **how)
                return (
                    tf.matmul(d_scores, k),
                    tf.matmul(d_scores, q, transpose_a=True),
                    tf.matmul(kept, upstream, transpose_a=True),
                )

            return tf.matmul(kept, v), gradient

        return self.joined(tf.custom_gradient(step)(queries, keys, values))
