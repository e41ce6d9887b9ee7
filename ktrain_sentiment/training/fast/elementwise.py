"""The element-wise work of a transformer layer, each chain as one function over its rows.

Every function here is plain TensorFlow. `Elementwise` hands each to XLA on its own, so that a
chain of small operations becomes one pass over memory, while the matrix products between them
stay with oneDNN, whose kernels XLA does not have on CPUs. Shapes are flat, `[tokens, width]`, so
that one compilation serves every batch with the same number of tokens.

Statistics, sums and transcendental functions are computed in float32 whatever the products use.
"""

from __future__ import annotations

import math

from ktrain_sentiment.training.backend import Untyped

_WORD = 2.0**32


class Elementwise:
    """Compiled chains of element-wise operations, forward and backward.

    Attributes:
        tf: TensorFlow.
        dtype: Number format of the inputs of matrix products, bfloat16 or float32.
    """

    def __init__(self, tf: Untyped, dtype: Untyped, fuse: bool = True) -> None:
        """Prepare; nothing is compiled before its first use.

        Args:
            tf: TensorFlow.
            dtype: Number format of the inputs of matrix products.
            fuse: Let XLA compile each chain (once a shape); otherwise TensorFlow's own kernels.
        """
        self.tf = tf
        self.dtype = dtype

        def compiled(chain: Untyped) -> Untyped:
            # A function of its own in either case: traced once, not in each layer again.
            return tf.function(
                chain, jit_compile=fuse or None, autograph=False, reduce_retracing=True
            )

        self.add_bias_gelu = compiled(self._add_bias_gelu)
        self.add_bias_gelu_gradient = compiled(self._add_bias_gelu_gradient)
        self.add_and_normalise = compiled(self._add_and_normalise)
        self.add_and_normalise_gradient = compiled(self._add_and_normalise_gradient)
        self.split_heads = compiled(self._split_heads)
        self.masked_softmax = compiled(self._masked_softmax)
        self.masked_softmax_gradient = compiled(self._masked_softmax_gradient)

    def _fp32(self, values: Untyped) -> Untyped:
        return self.tf.cast(values, self.tf.float32)

    def _compute(self, values: Untyped) -> Untyped:
        return self.tf.cast(values, self.dtype)

    def dropout(self, values: Untyped, seed: Untyped, rate: float) -> Untyped:
        """Inverted dropout whose mask is a function of position and seed, and is never stored.

        An element is kept when a 32-bit hash of its position is at least `rate * 2**32`, hence
        with probability `1 - rate` to within 2**-32, and is then divided by that probability. The
        backward pass calls this again with the same seed instead of remembering the mask. The
        hash is a keyed variant of the two-round multiply-xorshift finalisers of Wellons' "Hash
        Function Prospector" (bias 0.17 of 1000): a few integer instructions an element.

        Args:
            values: float32 of any shape.
            seed: uint32 of shape (2,), random words: masks of seeds that differ in one or two bits
                resemble each other.
            rate: Share that becomes zero, a Python number below 1.
        """
        return self._dropped(seed, rate, values)[0]

    def _dropped(self, seed: Untyped, rate: float, *values: Untyped) -> tuple[Untyped, ...]:
        """Each of several values of one shape behind the same mask, which is made once."""
        if rate == 0.0:
            return values
        tf = self.tf

        def word(value: int) -> Untyped:
            return tf.constant(value, tf.uint32)

        *outer, inner = tf.unstack(tf.shape(values[0]))
        # The seed goes to the first place of each row. All places at once would be a constant,
        # which XLA writes into the compiled code of each shape and reads from memory at each use.
        rows = tf.cast(tf.range(tf.reduce_prod(outer)) * inner, tf.uint32) + seed[0]
        position = tf.reshape(rows, (*outer, 1)) + tf.cast(tf.range(inner), tf.uint32)
        # 0.6 processor ms an application, where tf.nn.dropout takes 3.3 and keeps a mask that the
        # backward pass must read again (benchmarks/LOG.md).
        bits = position * word(0x7FEB352D)
        bits = tf.bitwise.bitwise_xor(bits, tf.bitwise.right_shift(bits, word(15)))
        bits = tf.bitwise.bitwise_xor(bits, seed[1]) * word(0x846CA68B)
        bits = tf.bitwise.bitwise_xor(bits, tf.bitwise.right_shift(bits, word(16)))
        kept = bits >= word(round(rate * _WORD))
        return tuple(
            tf.where(kept, one * (1.0 / (1.0 - rate)), tf.zeros_like(one)) for one in values
        )

    def _add_bias_gelu(self, product: Untyped, bias: Untyped) -> Untyped:
        """`gelu(u) = u * Phi(u)` of `u = product + bias`, exact, with the error function."""
        u = self._fp32(product) + bias
        return self._compute(u * self._phi(u))

    def _add_bias_gelu_gradient(
        self, product: Untyped, bias: Untyped, gradient: Untyped
    ) -> Untyped:
        """`dL/du = dL/dy * (Phi(u) + u * phi(u))`, `u` recomputed, `phi` the normal density."""
        u = self._fp32(product) + bias  # recomputed: cheaper than a tensor kept for each layer
        density = self.tf.exp(-0.5 * u * u) * (1.0 / math.sqrt(2.0 * math.pi))
        return self._compute(self._fp32(gradient) * (self._phi(u) + u * density))

    def _phi(self, u: Untyped) -> Untyped:
        return 0.5 * (1.0 + self.tf.math.erf(u * math.sqrt(0.5)))

    def _add_and_normalise(
        self,
        residual: Untyped,
        product: Untyped,
        bias: Untyped,
        seed: Untyped,
        gamma: Untyped,
        beta: Untyped,
        rate: float,
        epsilon: float,
    ) -> tuple[Untyped, Untyped, Untyped]:
        """`residual + dropout(product + bias)`, each row normalised (Ba et al. 2016).

        Returns:
            The rows normalised, float32 and in the products' format, and as they were before.
        """
        rows = residual + self.dropout(self._fp32(product) + bias, seed, rate)
        normal, _ = self._standardised(rows, epsilon)
        result = normal * gamma + beta
        return result, self._compute(result), rows

    def _standardised(self, rows: Untyped, epsilon: float) -> tuple[Untyped, Untyped]:
        tf = self.tf
        centred = rows - tf.reduce_mean(rows, axis=-1, keepdims=True)
        variance = tf.reduce_mean(tf.square(centred), axis=-1, keepdims=True)
        scale = tf.math.rsqrt(variance + epsilon)
        return centred * scale, scale

    def _add_and_normalise_gradient(
        self,
        rows: Untyped,
        gamma: Untyped,
        seed: Untyped,
        fp32: Untyped,
        compute: Untyped,
        rate: float,
        epsilon: float,
    ) -> tuple[Untyped, Untyped, Untyped, Untyped]:
        """Gradients to residual, product (in its format), gamma and beta.

        Those of the normalised rows in both formats come in. With `n` a normalised row,
        `g = dL/dy * gamma` and means over the row,
        `dL/dx = scale * (g - mean(g) - n * mean(g * n))`.
        """
        tf = self.tf
        normal, scale = self._standardised(rows, epsilon)
        dy = fp32 + self._fp32(compute)
        g = dy * gamma
        mean_g = tf.reduce_mean(g, axis=-1, keepdims=True)
        mean_gn = tf.reduce_mean(g * normal, axis=-1, keepdims=True)
        d_rows = scale * (g - mean_g - normal * mean_gn)
        d_product = self._compute(self.dropout(d_rows, seed, rate))
        return d_rows, d_product, tf.reduce_sum(dy * normal, axis=0), tf.reduce_sum(dy, axis=0)

    def _split_heads(
        self, flat: Untyped, bias: Untyped, like: Untyped, parts: int, heads: int, size: int
    ) -> tuple[Untyped, ...]:
        """Add the bias, bring heads forward, cut into queries, keys or values.

        Args:
            flat: `[texts * length, parts * width]` in the products' format.
            bias: float32 `[parts * width]`.
            like: Any tensor `[texts, length]`, for its shape.
            parts: How many of queries, keys and values lie beside each other.
            heads: Number of attention heads.
            size: Width of a head; TensorFlow forgets it here once it has seen models of two widths.

        Returns:
            `parts` tensors `[texts, heads, length, size]`.
        """
        tf = self.tf
        texts, length = tf.unstack(tf.shape(like))
        grouped = tf.reshape(self._fp32(flat) + bias, (texts, length, parts, heads, size))
        # Heads go forward inside the chain; backward oneDNN brings them back in less than half the
        # time of a compiled transpose (1.5 against 3.6 ms).
        forward = tf.transpose(grouped, (2, 0, 3, 1, 4))
        return tuple(self._compute(part) for part in tf.unstack(forward, num=parts))

    def _masked_softmax(
        self,
        scores: Untyped,
        attention_bias: Untyped,
        seed: Untyped,
        *relative: Untyped,
        scale: float,
        rate: float,
    ) -> tuple[Untyped, Untyped]:
        """Softmax over keys of `scale * scores + attention_bias`, after dropout.

        Args:
            scores: `[texts, heads, queries, keys]`.
            attention_bias: float32 `[texts, keys]`: 0, or very negative where there is padding.
            seed: uint32 of shape (2,).
            *relative: What is added for the distance of query and key, where the family does so;
                float32 `[1, heads, queries, keys]`.
            scale: Factor of the scores.
            rate: Share of probabilities that becomes zero.

        Returns:
            The probabilities, and the logarithm of what each row was divided by, from which they
            are made again: float32 `[texts, heads, queries, 1]`.
        """
        tf = self.tf
        shifted = self._shifted(scores, attention_bias, relative, scale)
        # The maximum of each row is taken off first: exp of a score above 88 overflows float32.
        most = tf.reduce_max(shifted, axis=-1, keepdims=True)
        powers = tf.exp(shifted - most)
        total = tf.reduce_sum(powers, axis=-1, keepdims=True)
        kept = self._compute(self.dropout(powers / total, seed, rate))
        return kept, most + tf.math.log(total)

    def _shifted(
        self, scores: Untyped, attention_bias: Untyped, relative: tuple[Untyped, ...], scale: float
    ) -> Untyped:
        shifted = self._fp32(scores) * scale + attention_bias[:, self.tf.newaxis, self.tf.newaxis]
        for added in relative:
            shifted += added
        return shifted

    def _masked_softmax_gradient(
        self,
        scores: Untyped,
        logarithm: Untyped,
        gradient: Untyped,
        attention_bias: Untyped,
        seed: Untyped,
        *relative: Untyped,
        scale: float,
        rate: float,
    ) -> tuple[Untyped, Untyped]:
        """The gradient to the scores, and what `masked_softmax` gave, made again.

        `dL/ds = scale * p * (g - sum(g * p))`, `g` the gradient through the dropout.
        """
        p = self.tf.exp(self._shifted(scores, attention_bias, relative, scale) - logarithm)
        g, kept = self._dropped(seed, rate, self._fp32(gradient), p)
        total = self.tf.reduce_sum(g * p, axis=-1, keepdims=True)
        return self._compute(scale * p * (g - total)), self._compute(kept)
