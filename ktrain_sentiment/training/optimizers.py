"""Adam that touches only the embedding rows that a batch used, with decay, clipping, accumulation.

A Keras 2 optimiser: `lr` and `beta_1` are hyperparameters that ktrain's policies set while
training, and its slots and counters are in `variables()`, so that a checkpoint holds them.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

from ktrain_sentiment.config import TrainConfig
from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.training.backend import Untyped

UNDECAYED = ("bias", "beta", "gamma", "layernorm", "layer_norm")
"""Weights whose lower-case name ends or whose layer is named so are not decayed."""


ADAMS_EPSILON, LINEAR_EPSILON = 1e-7, 1e-2
"""Keras's own, and that of models that are linear in their words (benchmarks/LOG.md)."""

PLACEHOLDER_RATE = 1e-5
"""Learning rate of a fresh optimiser; every policy and search sets its own."""


def make_adam(
    tf: Untyped,
    learning_rate: float,
    *,
    weight_decay: float = 0.0,
    clip_norm: float | None = None,
    accumulate: int = 1,
    epsilon: float = ADAMS_EPSILON,
) -> Untyped:
    """Make the optimiser.

    Args:
        tf: TensorFlow, with Keras 2.
        learning_rate: Step size; policies change it while training.
        weight_decay: Decoupled decay (Loshchilov & Hutter 2019), times the learning rate, of all
            weights but biases and normalisations; of embedding rows, when they are used.
        clip_norm: Largest global norm of the gradients; larger ones are scaled down.
        accumulate: Batches whose mean gradient makes one step.
        epsilon: Added to the root mean square by which a gradient is divided.

    Raises:
        ConfigError: A setting is out of its range.
    """
    if weight_decay < 0.0:
        raise ConfigError(f"weight decay {weight_decay}: must not be negative; 0 turns it off")
    if clip_norm is not None and clip_norm <= 0.0:
        raise ConfigError(f"gradient norm {clip_norm}: must be above 0; leave it out for no limit")
    if accumulate < 1:
        raise ConfigError(f"{accumulate} batches a step: must be at least 1")
    return _adam_class(tf)(
        learning_rate,
        weight_decay=weight_decay,
        clip_norm=clip_norm,
        accumulate=accumulate,
        epsilon=epsilon,
    )


def configured_adam(tf: Untyped, config: TrainConfig, *, linear: bool = False) -> Untyped:
    """Make the optimiser that a configuration asks for.

    Args:
        tf: TensorFlow, with Keras 2.
        config: The configuration.
        linear: Whether the model is a weight a word. Adam moves a word that occurs once as far as
            one that occurs a thousand times, and such a model then knows its training texts by
            heart; with a large epsilon steps are as long as gradients are, as in plain descent.
    """
    return make_adam(
        tf,
        PLACEHOLDER_RATE,
        # A rate counts for as much less as epsilon is larger, but the decay goes by the rate alone.
        weight_decay=config.weight_decay * (LINEAR_EPSILON if linear else 1),
        clip_norm=config.clip_norm,
        accumulate=config.accumulate,
        epsilon=LINEAR_EPSILON if linear else ADAMS_EPSILON,
    )


def is_decayed(name: str) -> bool:
    """Whether weight decay applies to a variable, by its name: not to biases and normalisations."""
    layers = name.lower().split(":")[0].split("/")
    return layers[-1] not in UNDECAYED and not any(
        part.endswith(("layernorm", "layer_norm")) for part in layers
    )


@functools.cache
def _adam_class(tf: Untyped) -> Untyped:  # noqa: C901 - a class body, made once TensorFlow is known
    """The class, whose base exists only once TensorFlow is imported."""

    # The legacy class: it has TensorFlow's fused kernel, and the `lr` and `beta_1` that ktrain's
    # policies set.
    class SparseAdamW(tf.keras.optimizers.legacy.Adam):  # type: ignore[misc]
        """Adam (Kingma & Ba 2015) with decoupled decay; see `make_adam`.

        Dense gradients take TensorFlow's fused kernel. A gradient of rows (an embedding's) updates
        moments and weights of just these rows: an unused row keeps its moments instead of drifting
        on along them. The bias correction uses the common step count.
        """

        def __init__(
            self,
            learning_rate: float = 1e-3,
            weight_decay: float = 0.0,
            clip_norm: float | None = None,
            accumulate: int = 1,
            name: str = "SparseAdamW",
            **kwargs: Untyped,
        ) -> None:
            super().__init__(learning_rate, name=name, **kwargs)
            self.weight_decay = weight_decay
            self.clip_norm = clip_norm
            self.accumulate = accumulate
            self._batches: Untyped = None

        def get_config(self) -> dict[str, Untyped]:
            """Everything that the constructor takes."""
            own = ("weight_decay", "clip_norm", "accumulate")
            return {**super().get_config(), **{key: getattr(self, key) for key in own}}

        def apply_gradients(
            self, grads_and_vars: Untyped, name: str | None = None, **kwargs: Untyped
        ) -> Untyped:
            """Take a step, or only add up, when several batches make one."""
            pairs = [(g, v) for g, v in grads_and_vars if g is not None]
            if self.accumulate == 1:
                return self._step(pairs, name, **kwargs)
            variables = [v for _, v in pairs]
            with tf.init_scope():
                self._create_all_weights(variables)
            added = [_add_to(self.get_slot(v, "sum"), g) for g, v in pairs]
            with tf.control_dependencies([*added, self._batches.assign_add(1)]):
                due = tf.equal(self._batches % self.accumulate, 0)
            # A sum of slices is dense; which gradients came by row must be remembered.
            by_row = [isinstance(g, tf.IndexedSlices) for g, _ in pairs]
            return tf.cond(due, lambda: self._flush(variables, by_row, **kwargs), tf.no_op)

        def _flush(
            self, variables: Sequence[Untyped], by_row: Sequence[bool], **kwargs: Untyped
        ) -> Untyped:
            sums = [self.get_slot(v, "sum") for v in variables]
            share = 1.0 / self.accumulate
            means = [_mean(tf, s, rows, share) for s, rows in zip(sums, by_row, strict=True)]
            stepped = self._step(list(zip(means, variables, strict=True)), None, **kwargs)
            with tf.control_dependencies([stepped]):
                return tf.group(*(s.assign(tf.zeros_like(s)) for s in sums))

        def _step(self, pairs: Sequence[Untyped], name: str | None, **kwargs: Untyped) -> Untyped:
            # Before the norm is taken: slices of one row that point apart would count twice.
            pairs = [(unique_rows(tf, g), v) for g, v in pairs]
            if self.clip_norm is not None:
                gradients, _ = tf.clip_by_global_norm([g for g, _ in pairs], self.clip_norm)
                pairs = [(g, v) for g, (_, v) in zip(gradients, pairs, strict=True)]
            return super().apply_gradients(pairs, name=name, **kwargs)

        def _create_slots(self, var_list: Sequence[Untyped]) -> None:
            super()._create_slots(var_list)
            if self.accumulate == 1:
                return
            for variable in var_list:
                self.add_slot(variable, "sum")
            if self._batches is None:
                self._batches = self.add_weight(
                    "batches", shape=[], dtype=tf.int64, trainable=False
                )
                self._weights.append(self._batches)

        def _resource_apply_dense(
            self, grad: Untyped, var: Untyped, apply_state: Untyped = None
        ) -> Untyped:
            decayed = []
            if self.weight_decay and is_decayed(var.name):
                # Times the plain rate, not Adam's corrected one: that is what decouples the decay.
                rate = self._coefficients(var, apply_state)["lr_t"]
                decayed = [var.assign_sub(var * (rate * self.weight_decay))]
            with tf.control_dependencies(decayed):
                return super()._resource_apply_dense(grad, var, apply_state)

        # Rows come summed from `unique_rows`; Keras would sum them once more.
        def _resource_apply_sparse_duplicate_indices(
            self, grad: Untyped, handle: Untyped, indices: Untyped, **kwargs: Untyped
        ) -> Untyped:
            return self._resource_apply_sparse(grad, handle, indices, **kwargs)

        def _resource_apply_sparse(
            self, grad: Untyped, var: Untyped, indices: Untyped, apply_state: Untyped = None
        ) -> Untyped:
            c = self._coefficients(var, apply_state)
            m, v = self.get_slot(var, "m"), self.get_slot(var, "v")
            m_rows = c["beta_1_t"] * tf.gather(m, indices) + c["one_minus_beta_1_t"] * grad
            v_rows = c["beta_2_t"] * tf.gather(v, indices)
            v_rows += c["one_minus_beta_2_t"] * tf.square(grad)
            step = c["lr"] * m_rows / (tf.sqrt(v_rows) + c["epsilon"])
            if self.weight_decay and is_decayed(var.name):
                step += (c["lr_t"] * self.weight_decay) * tf.gather(var, indices)
            with tf.control_dependencies([step]):
                return tf.group(
                    m.scatter_update(tf.IndexedSlices(m_rows, indices)),
                    v.scatter_update(tf.IndexedSlices(v_rows, indices)),
                    var.scatter_sub(tf.IndexedSlices(step, indices)),
                )

        def _coefficients(self, var: Untyped, apply_state: Untyped) -> Untyped:
            key = (var.device, var.dtype.base_dtype)
            return (apply_state or {}).get(key) or self._fallback_apply_state(*key)

    return SparseAdamW


def unique_rows(tf: Untyped, gradient: Untyped) -> Untyped:
    """Sum the slices of rows that occur several times; dense gradients pass."""
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    indices, position = tf.unique(gradient.indices)
    sums = tf.math.unsorted_segment_sum(gradient.values, position, tf.size(indices))
    return tf.IndexedSlices(sums, indices, gradient.dense_shape)


def _add_to(total: Untyped, gradient: Untyped) -> Untyped:
    """Add a gradient, dense or of rows, to its running sum."""
    if hasattr(gradient, "indices"):
        return total.scatter_add(gradient)
    return total.assign_add(gradient)


def _mean(tf: Untyped, total: Untyped, by_row: bool, share: float) -> Untyped:
    """The mean gradient; of an embedding, the rows that any batch used."""
    if not by_row:
        return total * share
    rows = tf.where(tf.reduce_any(tf.not_equal(total, 0.0), axis=1))[:, 0]
    return tf.IndexedSlices(tf.gather(total, rows) * share, rows, tf.shape(total))
