"""Adversarial training on word embeddings (Miyato, Dai & Goodfellow 2017, arXiv:1605.07725).

After the gradient of a batch is known, the embeddings of its words are moved a little in the
direction that raises the loss most, and the batch is learned once more from there. The step taken
is the mean of both gradients. A classifier that a small move cannot confuse relies less on single
words; with few training rows it is more accurate, and surer of the right things.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np

from ktrain_sentiment.config import TrainConfig
from ktrain_sentiment.training.backend import Untyped
from ktrain_sentiment.training.optimizers import unique_rows
from ktrain_sentiment.training.policies import FEWEST_STEPS, planned_updates

FEW = 10_000
"""Most texts for which the better model is worth twice the time unasked.

Trainings of fewer than `FEWEST_STEPS` go without as well, for they get less far with it: of 270
sentences of SST-2, 27 steps come to 59 % with it and to 72 % without (benchmarks/LOG.md).
"""


def adversarial_distance(config: TrainConfig, texts: int) -> float:
    """How far to move embeddings; 0 is not at all.

    Args:
        config: Settings, which may leave it open.
        texts: How many there are to learn from.
    """
    if config.adversarial_epsilon is not None:
        return config.adversarial_epsilon
    if config.augment:
        # Rows made from templates come out worse beside moved words (benchmarks/LOG.md).
        return 0.0
    return 1.0 if texts <= FEW and planned_updates(config, texts) >= FEWEST_STEPS else 0.0


def train_adversarially(tf: Untyped, model: Untyped, distance: float) -> None:
    """Make each training step of this model an adversarial one; call it before `fit`.

    Loss and metrics of training are those of the texts as they are. All words of a batch are moved
    together, as in the common implementation for whole embedding tables.

    Args:
        tf: TensorFlow, with Keras 2.
        model: A compiled transformers classifier.
        distance: Length of the whole move, above 0, in mean lengths of a word's embedding.
    """
    table = word_table(model)
    # In lengths of an embedding, so that one distance suits encoders of any width and scale; the
    # paper normalises the embeddings instead.
    length = distance * float(np.linalg.norm(table.numpy(), axis=1).mean())

    def train_step(data: Untyped) -> dict[str, Untyped]:
        inputs, targets, weights = tf.keras.utils.unpack_x_y_sample_weight(data)
        variables = model.trainable_variables

        def gradients(loss_of: Untyped) -> tuple[list[Untyped], Untyped]:
            with tf.GradientTape() as tape:
                tape.watch(table)
                loss = scaled(model.optimizer, loss_of(model(inputs, training=True).logits))
            *found, of_words = tape.gradient(loss, [*variables, table])
            return found, of_words

        def as_they_are(logits: Untyped) -> Untyped:
            model.compiled_metrics.update_state(targets, logits, weights)
            return model.compiled_loss(targets, logits, weights, regularization_losses=model.losses)

        here, of_words = gradients(as_they_are)
        # Moved in place and put back: a copy of the table is 90 MB for BERT's vocabulary.
        move, back = moves(tf, table, of_words, length)
        table.scatter_add(move)
        there, _ = gradients(lambda logits: model.loss(targets, logits, weights))
        table.scatter_update(back)
        means = [mean_of(tf, *pair) for pair in zip(here, there, strict=True)]
        means = unscaled(model.optimizer, means)
        model.optimizer.apply_gradients(zip(means, variables, strict=True))
        return {metric.name: metric.result() for metric in model.metrics}

    plain, untouched = model.train_step, "train_step" not in model.__dict__
    as_it_is = tf.autograph.experimental.do_not_convert
    # Not all models do without autograph: Longformer has `if`s on tensors.
    model.train_step = train_step if untouched else as_it_is(train_step)
    model.train_step.plain = plain


@contextlib.contextmanager
def plain_steps(model: Untyped) -> Iterator[None]:
    """Let the model train by its own step meanwhile, which takes half the time."""
    # A search reads a curve's shape, for which half the work does as well.
    adversarial = model.train_step
    if not hasattr(adversarial, "plain"):
        yield
        return
    model.train_step = adversarial.plain
    model.train_function = None
    try:
        yield
    finally:
        model.train_step = adversarial
        model.train_function = None


def word_table(model: Untyped) -> Untyped:
    """The variable with a row of numbers for each token id."""
    layer = model.get_input_embeddings()
    return layer.weight if hasattr(layer, "weight") else layer.embeddings


def moves(tf: Untyped, table: Untyped, gradient: Untyped, length: float) -> tuple[Untyped, ...]:
    """What to add to the rows of a batch's words, and what these rows are now."""
    if not isinstance(gradient, tf.IndexedSlices):
        gradient = tf.IndexedSlices(gradient, tf.range(tf.shape(gradient)[0]))
    steepest = unique_rows(tf, gradient)
    # One norm over all words of the batch, as in the common implementation for whole tables.
    steepness = tf.norm(steepest.values)
    share = tf.math.divide_no_nan(tf.cast(length, steepness.dtype), steepness)
    move = tf.IndexedSlices(share * steepest.values, steepest.indices)
    return move, tf.IndexedSlices(tf.gather(table, steepest.indices), steepest.indices)


def mean_of(tf: Untyped, one: Untyped, other: Untyped) -> Untyped:
    """The mean of two gradients of one weight, dense or of rows."""
    if one is None:  # of a weight that the output does not depend on
        return None
    if not isinstance(one, tf.IndexedSlices):
        return 0.5 * (one + other)
    values = 0.5 * tf.concat([one.values, other.values], 0)
    return tf.IndexedSlices(values, tf.concat([one.indices, other.indices], 0), one.dense_shape)


def scaled(optimizer: Untyped, loss: Untyped) -> Untyped:
    """The loss times what keeps its gradients within 16-bit floats, where they are used."""
    return optimizer.get_scaled_loss(loss) if hasattr(optimizer, "get_scaled_loss") else loss


def unscaled(optimizer: Untyped, gradients: list[Untyped]) -> Untyped:
    """The gradients of a loss that `scaled` made, as they are of the loss itself."""
    if hasattr(optimizer, "get_unscaled_gradients"):
        return optimizer.get_unscaled_gradients(gradients)
    return gradients
