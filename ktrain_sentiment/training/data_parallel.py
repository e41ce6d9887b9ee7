"""One model on several workers: each takes its rows of every batch, and all take the same step.

The batches are those of one worker. Gradients of the workers' rows are added up, weighted by rows,
before the optimiser sees them; so are the outputs, from which loss and figures of training are
taken. Each worker draws the random numbers of the whole batch and uses those of its rows: dropout
hits what it would have hit on one worker. So any number of workers makes the same model, but for
the order in which floats are added.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ktrain_sentiment.training.adversarial import (
    mean_of,
    moves,
    scaled,
    unscaled,
    word_table,
)
from ktrain_sentiment.training.backend import Untyped
from ktrain_sentiment.training.callbacks import AVERAGE_PREFIX, AVERAGE_STEPS
from ktrain_sentiment.training.checkpoints import Checkpointer, Position, TrainingState, capture
from ktrain_sentiment.training.cluster import Workers
from ktrain_sentiment.training.dataset import BATCH, PLACES
from ktrain_sentiment.training.fast.kernels import ROWS

OF_THE_AVERAGE = (AVERAGE_PREFIX, AVERAGE_STEPS)
_GRADIENTS, _INDICES, _WORDS, _WORD_INDICES = 1, 2, 3, 4


def learn_together(tf: Untyped, model: Untyped, workers: Workers, distance: float) -> None:
    """Make each training step of this model one that all workers take; call it before `fit`.

    Args:
        tf: TensorFlow, with Keras 2.
        model: A compiled transformers classifier.
        workers: This one and the others.
        distance: As for `train_adversarially`; 0 moves nothing.
    """
    table = word_table(model)
    length = distance * float(np.linalg.norm(table.numpy(), axis=1).mean()) if distance else 0.0
    _share_dropout(tf, model)

    def train_step(data: Untyped) -> dict[str, Untyped]:
        inputs, targets, weights = tf.keras.utils.unpack_x_y_sample_weight(data)
        inputs = dict(inputs)
        places, batch = inputs.pop(PLACES), inputs.pop(BATCH)[0]
        own = tf.shape(places)[0]
        variables = model.trainable_variables
        counted = tf.cast(places < batch, tf.float32)
        weighing = counted if weights is None else counted * tf.cast(weights, tf.float32)
        # Keras divides by the rows that it sees, and the whole batch has more.
        share = tf.cast(own, tf.float32) / tf.cast(batch, tf.float32)

        def gradients() -> tuple[list[Untyped], Untyped, Untyped]:
            with tf.GradientTape() as tape:
                if length:
                    tape.watch(table)
                logits = model(inputs, training=True).logits
                loss = share * tf.cast(model.loss(targets, logits, weighing), tf.float32)
                loss = scaled(model.optimizer, loss)
            asked = [*variables, table] if length else variables
            found = tape.gradient(loss, asked)
            return found[: len(variables)], found[-1], logits

        with rows_of_batch(model, places, batch):
            found, of_words, logits = gradients()
            if length:
                whole = _joined(tf, workers, [of_words], (_WORDS, _WORD_INDICES))
                move, back = moves(tf, table, whole[0], length)
                table.scatter_add(move)
                there, _, _ = gradients()
                table.scatter_update(back)
                found = [mean_of(tf, *pair) for pair in zip(found, there, strict=True)]
        found = unscaled(model.optimizer, found)
        told = [logits, targets] if weights is None else [logits, targets, weights]
        spread = [_in_slot(tf, workers, tf.cast(one, tf.float32)) for one in told]
        summed = _joined(tf, workers, [*found, *spread], (_GRADIENTS, _INDICES))
        found = summed[: len(found)]
        logits, targets, *weighed = (one[:batch] for one in summed[len(found) :])
        weights = weighed[0] if weighed else None
        model.compiled_loss(targets, logits, weights, regularization_losses=model.losses)
        model.compiled_metrics.update_state(targets, logits, weights)
        model.optimizer.apply_gradients(zip(found, variables, strict=True))
        return {metric.name: metric.result() for metric in model.metrics}

    plain = model.train_step
    model.train_step = tf.autograph.experimental.do_not_convert(train_step)
    model.train_step.plain = plain


def _in_slot(tf: Untyped, workers: Workers, values: Untyped) -> Untyped:
    """Values of this worker's rows among zeros, where the others have theirs."""
    rows = tf.shape(values)[0]
    index = workers.cluster.index
    around = [[index * rows, (workers.count - 1 - index) * rows]]
    return tf.pad(values, around + [[0, 0]] * (values.shape.rank - 1))


def _joined(
    tf: Untyped, workers: Workers, values: list[Untyped], keys: tuple[int, int]
) -> list[Untyped]:
    """The sums of tensors and of sparse gradients over all workers, in one exchange or two."""
    sparse = [isinstance(one, tf.IndexedSlices) for one in values]
    dense = [
        _in_slot(tf, workers, one.values) if by_row else one
        for one, by_row in zip(values, sparse, strict=True)
        if one is not None
    ]
    summed = iter(_packed_sum(tf, workers, [tf.cast(one, tf.float32) for one in dense], keys[0]))
    given = [one.indices for one, by_row in zip(values, sparse, strict=True) if by_row]
    indices = iter(())
    if given:
        spread = [_in_slot(tf, workers, tf.cast(one, tf.int64)) for one in given]
        indices = iter(_packed_sum(tf, workers, spread, keys[1]))
    found: list[Untyped] = []
    for one, by_row in zip(values, sparse, strict=True):
        if one is None:
            found.append(None)
            continue
        whole = tf.cast(next(summed), one.dtype)
        if by_row:
            whole = tf.IndexedSlices(whole, next(indices), one.dense_shape)
        found.append(whole)
    return found


def _packed_sum(tf: Untyped, workers: Workers, values: list[Untyped], key: int) -> list[Untyped]:
    """Sums of several tensors of one type, sent as one: a round costs more than its bytes."""
    sizes = [tf.size(one) for one in values]
    whole = workers.sum(tf.concat([tf.reshape(one, [-1]) for one in values], 0), key)
    # As many pieces as there are tensors, known while the graph is made.
    parts = tf.split(whole, tf.stack(sizes), num=len(values))
    return [tf.reshape(part, tf.shape(one)) for part, one in zip(parts, values, strict=True)]


@contextlib.contextmanager
def rows_of_batch(model: Untyped, places: Untyped, batch: Untyped) -> Iterator[None]:
    """Tell the model's dropout which rows of which batch it is given; while a step is traced."""
    # Past Keras, which would keep track of what is set on a model.
    model.__dict__[ROWS] = (places, batch)
    try:
        yield
    finally:
        del model.__dict__[ROWS]


def _share_dropout(tf: Untyped, model: Untyped) -> None:
    """Let Keras's dropout layers draw for the whole batch, and use what is for the worker's rows.

    The fast kernels of `fast/` draw by position, and only need to know where the rows begin.
    """
    found = {id(g): g for m in model.submodules if (g := getattr(m, "_random_generator", None))}
    for random in found.values():
        random.dropout = _shared(tf, model, random, random.dropout)


def _shared(tf: Untyped, model: Untyped, random: Untyped, alone: Untyped) -> Untyped:
    def dropout(inputs: Untyped, rate: float, noise_shape: Untyped = None) -> Untyped:
        here = model.__dict__.get(ROWS)
        if here is None or noise_shape is not None:
            return alone(inputs, rate, noise_shape)
        random._maybe_init()
        places, batch = here

        def draw(shape: Untyped, **named: Untyped) -> Untyped:
            whole = tf.concat([[batch], shape[1:]], 0)
            drawn = random._generator.uniform(whole, **named)
            return tf.gather(drawn, tf.minimum(places, batch - 1))

        return tf.nn.experimental.general_dropout(inputs, rate=rate, uniform_sampler=draw)

    return dropout


class Together:
    """Keeps the workers in step between the steps: the same epochs, figures and decisions.

    It comes first among the callbacks of a worker.
    """

    def __init__(self, workers: Workers) -> None:
        """Follow these workers."""
        super().__init__()
        self.workers = workers

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        """Give all the first worker's figures, by which they decide alike: its average counts."""
        del epoch
        said = self.workers.chiefs_word({name: float(value) for name, value in logs.items()})
        logs.update(said)  # Keras hands the same dict to all callbacks.


@contextlib.contextmanager
def sharing_batches(workers: Workers | None, data: Untyped) -> Iterator[None]:
    """Let the training rows come as this worker's share of each batch, if there are others.

    Raises:
        TrainingError: Another worker is gone.
    """
    if workers is None:
        yield
        return
    data.share = (workers.count, workers.cluster.index)
    try:
        with workers.noticing():
            yield
    finally:
        data.share = None


def begin_together(workers: Workers, keeper: Checkpointer, model: Untyped) -> Position:
    """Give all workers the first one's state: fresh, or from its checkpoint; say where it begins.

    Args:
        workers: This one and the others.
        keeper: This worker's; the first one's has loaded its checkpoint, where there is one.
        model: Compiled, and the same on all but for its values.
    """
    begun = keeper.resumed
    state = None
    if workers.is_chief:
        fresh = {"position": vars(Position()), "schedule": {}, "history": []}
        state = begun or capture(model, {**fresh, "best": keeper.best.state})
        own = {n: a for n, a in state.arrays.items() if not n.startswith(OF_THE_AVERAGE)}
        state = replace(state, arrays=own)  # The first worker alone keeps an average.
    told = chiefs_state(workers, state)
    position = Position(**told.notes["position"])
    if workers.is_chief:
        return position
    keeper.resume_from(told, model)
    keeper.best.state = told.notes["best"]
    if position == Position():
        keeper.resumed = None  # The schedule has set a rate by then, and it counts.
    return position


def chiefs_state(workers: Workers, state: TrainingState | None) -> TrainingState:
    """The first worker's state, on all of them.

    Args:
        workers: This one and the others.
        state: What the first worker goes on from; the others give None.
    """
    head = None
    if state is not None:
        shapes = {name: [a.dtype.str, list(a.shape)] for name, a in state.arrays.items()}
        head = {"notes": json.dumps(state.notes), "shapes": shapes}
    head = workers.chiefs_word(head)
    arrays = {}
    for name, (kind, shape) in head["shapes"].items():
        given = np.zeros(shape, kind) if state is None else state.arrays[name]
        arrays[name] = workers.chiefs(given)
    return TrainingState(arrays, json.loads(head["notes"]))
