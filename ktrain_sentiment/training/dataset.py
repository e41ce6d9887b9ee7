"""The data sets that ktrain's Learner trains on, and which rows go into which batch.

Texts of similar length share a batch, so that little is padding; the order is shuffled inside
and across the length groups, anew each epoch, from the seed and the epoch alone. A run that
starts again in the middle therefore sees the same batches as the run that was stopped.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ktrain_sentiment.config import TrainConfig
from ktrain_sentiment.data import Splits
from ktrain_sentiment.diskarrays import let_go
from ktrain_sentiment.evaluation.predictions import truth_of
from ktrain_sentiment.predictor.long_texts import apart
from ktrain_sentiment.tasks import Scale
from ktrain_sentiment.training.backend import Backend, Untyped, without_autotune
from ktrain_sentiment.training.tokens import RaggedTokens

FINE_MULTIPLE, COARSE_MULTIPLE, GPU_MULTIPLE = 2, 8, 32
"""Batches are padded to a multiple of this many tokens. Where XLA compiles the chains, a new width
costs it two thirds of a second on a CPU and seven on a GPU, whose steps are no slower for some
padding (34 ms of 40 tokens, 37 of 32: benchmarks/LOG.md); elsewhere tokens of padding are all there
is to save."""

MUCH_WORK = 300 * 6 * 384**2
"""From so much on, in steps times layers times their squared width, a CPU compiles finer widths for
a tenth of the tokens: 300 steps of MiniLM, 40 of MPNet."""

GROUP = 50
"""Batches that are sorted by length together; more means less padding and less shuffling."""

BLOCK = 1 << 20
"""Rows of which the batches are shuffled together: up to so many, all of an epoch's."""

PLACES, BATCH = "rows_of_batch", "batch_rows"
"""What a batch of one of several workers tells besides what the model reads: where in the whole
batch its rows stand, int32 of shape (rows,), and of how many rows that is, int32 of shape (1,)."""

RowIndices = NDArray[np.int64]


def padding_multiple(backend: Backend, model: Untyped, steps: int) -> int:
    """To a multiple of how many tokens batches are padded at least.

    Args:
        backend: The opened frameworks.
        model: The configuration of a transformers model.
        steps: How many batches it will learn from.
    """
    if backend.device == "GPU":
        return GPU_MULTIPLE
    work = steps * model.num_hidden_layers * model.hidden_size**2
    fine = backend.precision == "float32" or work >= MUCH_WORK
    return FINE_MULTIPLE if fine else COARSE_MULTIPLE


def padded_width(longest: int, maxlen: int, multiple: int = COARSE_MULTIPLE) -> int:
    """Width of a batch whose longest text has `longest` tokens.

    A multiple of `multiple`, or of a sixteenth of the next power of two where that is more: so
    long texts have few widths, and padding is a small share of all texts.
    """
    longest = max(longest, 1)
    multiple = max(multiple, (1 << (longest - 1).bit_length()) // 16)
    return min(math.ceil(longest / multiple) * multiple, max(maxlen, longest))


def steps_per_epoch(rows: int, batch_size: int) -> int:
    """Batches of an epoch, the last one possibly smaller."""
    return math.ceil(rows / batch_size)


def epoch_generator(seed: int, epoch: int) -> np.random.Generator:
    """The source of randomness of one epoch; the same for the same seed and epoch."""
    return np.random.default_rng(np.random.SeedSequence([seed, epoch]))


def training_batches(
    lengths: NDArray[Any],
    batch_size: int,
    generator: np.random.Generator,
    group: int = GROUP,
    *,
    block: int = BLOCK,
) -> Iterator[RowIndices]:
    """One epoch's batches: every row once, rows of similar length together, shuffled.

    Rows are shuffled, cut into groups of `group` batches, sorted by length inside each group, cut
    into batches, and the batches are shuffled. Only one batch can be smaller than the others. Of
    very many rows, one block after another is taken from the shuffled order.

    Args:
        lengths: Tokens of each row, integers of shape (rows,).
        batch_size: Rows a batch.
        generator: Source of randomness, see `epoch_generator`.
        group: Batches that are sorted together.
        block: About so many rows are put in order at a time.
    """
    size = batch_size * group
    for order in shuffled(len(lengths), max(1, block // size) * size, generator):
        # Sorting all rows would put the same texts together in every epoch; sorting groups of fifty
        # batches saves as much padding and leaves the order random.
        batches: list[RowIndices] = []
        for start in range(0, len(order), size):
            batches += _cut(_by_length(order[start : start + size], lengths), batch_size)
        yield from _shuffle(batches, generator)
        let_go()


def shuffled(rows: int, block: int, generator: np.random.Generator) -> Iterator[RowIndices]:
    """All rows in random order, in blocks; no more than a block is in memory.

    Where there is more than one block, the order is a permutation that can be asked for any of its
    parts: a Feistel network (Luby and Rackoff 1988), whose results beyond the last row are sent
    through it again (Black and Rogaway 2002). So a row stands anywhere, in whatever order the rows
    came: by label, by time.
    """
    if rows <= block:
        yield generator.permutation(rows)
        return
    half = np.uint64((max(rows - 1, 1).bit_length() + 1) // 2)
    low = (np.uint64(1) << half) - np.uint64(1)
    keys = generator.integers(0, 1 << 63, _ROUNDS, dtype=np.uint64)

    def through(places: NDArray[np.uint64]) -> NDArray[np.uint64]:
        left, right = places >> half, places & low
        for key in keys:
            mixed = (right ^ key) * _MIX
            mixed = (mixed ^ (mixed >> np.uint64(29))) * _MIX
            left, right = right, left ^ ((mixed >> np.uint64(32)) & low)
        return (left << half) | right

    for start in range(0, rows, block):
        found = through(np.arange(start, min(start + block, rows), dtype=np.uint64))
        while len(beyond := np.flatnonzero(found >= rows)):
            found[beyond] = through(found[beyond])
        yield found.astype(np.int64)


_ROUNDS = 8
_MIX = np.uint64(0x9E3779B97F4A7C15)


def stratified_batches(
    lengths: NDArray[np.int64],
    classes: NDArray[np.int64],
    batch_size: int,
    generator: np.random.Generator,
    group: int = GROUP,
) -> list[RowIndices]:
    """Like `training_batches`, with every batch holding the classes in their overall proportions.

    Rows of each class are ordered as in `training_batches` and dealt out evenly over the batches.

    Args:
        lengths: Tokens of each row, int64 of shape (rows,).
        classes: Class index of each row, int64 of shape (rows,).
        batch_size: Rows a batch.
        generator: Source of randomness.
        group: Batches whose rows are sorted by length together.
    """
    size = batch_size * group
    position = np.empty(len(lengths), np.float64)
    for label in np.unique(classes):
        rows = generator.permutation(np.flatnonzero(classes == label))
        share = max(1, round(size * len(rows) / len(lengths)))
        ordered = np.concatenate(
            [_by_length(rows[i : i + share], lengths) for i in range(0, len(rows), share)]
        )
        # Each class is spread evenly over the epoch, from a start of its own, so that no batch
        # gets the first row of every class.
        position[ordered] = (np.arange(len(ordered)) + generator.random()) / len(ordered)
    order = np.argsort(position, kind="stable")
    return _shuffle(_cut(order, batch_size), generator)


def _by_length(rows: RowIndices, lengths: NDArray[Any]) -> RowIndices:
    return rows[np.argsort(lengths[rows], kind="stable")]


def _cut(order: RowIndices, batch_size: int) -> list[RowIndices]:
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]


def _shuffle(batches: Sequence[RowIndices], generator: np.random.Generator) -> list[RowIndices]:
    return [batches[position] for position in generator.permutation(len(batches))]


def evaluation_order(lengths: NDArray[Any]) -> RowIndices:
    """Rows from short to long: the order in which evaluation reads them."""
    return np.argsort(lengths, kind="stable").astype(np.int64)


def inverse(order: RowIndices) -> RowIndices:
    """The permutation that undoes `order`: results[inverse(order)] are in stored order."""
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    return back


Batch = tuple[dict[str, NDArray[np.int32]], NDArray[np.float32]]


@dataclass(frozen=True)
class EncodedRows:
    """Tokens and one-hot labels of some rows.

    Attributes:
        tokens: Token ids, one entry a row.
        targets: float32 of shape (rows, classes): one-hot labels, or a teacher's probabilities.
        pad_id: Id of the padding token.
        maxlen: Longest row in tokens.
        multiple: The width of a batch is a multiple of this many tokens.
        typed: The model is told the type of each token: which text of a pair it is of.
    """

    tokens: RaggedTokens
    targets: NDArray[np.float32]
    pad_id: int
    maxlen: int
    multiple: int = COARSE_MULTIPLE
    typed: bool = False

    @property
    def lengths(self) -> NDArray[Any]:
        """Tokens of each row, integers of shape (rows,)."""
        return self.tokens.lengths

    def batch(self, rows: NDArray[np.int64]) -> Batch:
        """One padded batch: inputs of shape (rows, width) and targets (rows, classes)."""
        longest = int((self.tokens.offsets[rows + 1] - self.tokens.offsets[rows]).max())
        width = padded_width(longest, self.maxlen, self.multiple)
        ids, mask = self.tokens.padded(rows, width, self.pad_id)
        ids, types = apart(ids)
        read = {"input_ids": ids, "attention_mask": mask}
        return {**read, "token_type_ids": types} if self.typed else read, self.targets[rows]


def one_hot(classes: NDArray[np.int64], count: int) -> NDArray[np.float32]:
    """Class indices of shape (rows,) to float32 of shape (rows, count)."""
    return np.eye(count, dtype=np.float32)[classes]


def learned_targets(splits: Splits) -> NDArray[np.float32]:
    """What is learned of the training rows, float32 of shape (rows, classes), as the task says.

    Of scores how many spreads they are from their mean, float32 of shape (rows, 1).
    """
    if splits.task.is_score:
        return scale_of(splits).standardised(scores_of(splits.train["label"]))
    truth = truth_of(splits.train["label"], splits.labels, splits.task)
    return splits.task.targets(truth, len(splits.labels))


def scores_of(labels: pd.Series) -> NDArray[np.float64]:
    """Scores as numbers, float64 of shape (rows,)."""
    return np.asarray(labels.astype(float), dtype=np.float64)


def scale_of(splits: Splits) -> Scale:
    """Where the training rows' scores lie."""
    return Scale.of(scores_of(splits.train["label"]))


class Examples(Protocol):
    """Rows that can be put into batches."""

    @property
    def targets(self) -> NDArray[np.float32]:
        """What is to be learned, of shape (rows, classes)."""
        ...

    @property
    def lengths(self) -> NDArray[Any]:
        """By what rows of a batch should be alike, of shape (rows,)."""
        ...

    def batch(self, rows: NDArray[np.int64]) -> Any:  # noqa: ANN401
        """What the model reads of some rows, and their targets."""
        ...


class ResumableDataset:
    """What all our data sets for ktrain have in common; the order of evaluation is their own.

    Training repeats for ever, in an order that depends on the seed and the epoch alone, from
    `start_at(epoch, step)` on.
    """

    rows: Any

    def __init__(
        self,
        backend: Backend,
        rows: Examples,
        batch_size: int,
        seed: int,
        *,
        stratified: bool = False,
    ) -> None:
        """Keep the rows; nothing is copied.

        Set `share` to how many workers there are and which of them this is, and training gives
        that one's rows of each batch.

        Args:
            backend: The opened frameworks.
            rows: What is learned from.
            batch_size: Rows a batch, in training and in evaluation.
            seed: Decides the order of the rows in every epoch of training.
            stratified: Give every batch the classes in their overall proportions.
        """
        self.backend = backend
        self.rows = rows
        self.batch_size = batch_size
        self.seed = seed
        self.stratified = stratified
        self.start = (0, 0)
        self.share: tuple[int, int] | None = None

    def start_at(self, epoch: int, step: int) -> None:
        """Begin the next training stream at this epoch and step, both from 0."""
        self.start = (epoch, step)

    def nsamples(self) -> int:
        """Number of rows."""
        return len(self.rows.targets)

    def nclasses(self) -> int:
        """Number of classes."""
        return int(self.rows.targets.shape[1])

    def to_tfdataset(self, train: bool = True) -> Untyped:
        """The stream of batches for `fit` (train) or for `predict` and `evaluate`."""
        tf = self.backend.tf
        inputs = self._inputs()
        if train and self.share:
            inputs = {
                **inputs,
                PLACES: tf.TensorSpec([None], tf.int32),
                BATCH: tf.TensorSpec([1], tf.int32),
            }
        signature = (inputs, self._targets())
        source = self._training_stream if train else self._evaluation_stream
        stream = tf.data.Dataset.from_generator(source, output_signature=signature)
        # Some batches are padded while the model computes.
        return without_autotune(tf, stream.prefetch(4))

    def _inputs(self) -> Untyped:
        """What the model reads of a batch, as TensorFlow describes it."""
        raise NotImplementedError

    def _targets(self) -> Untyped:
        """What is learned of a batch, as TensorFlow describes it."""
        tf = self.backend.tf
        return tf.TensorSpec([None, self.nclasses()], tf.float32)

    def _batch(self, chosen: NDArray[np.int64], epoch: int) -> Any:  # noqa: ANN401
        """A batch to learn from in this epoch."""
        del epoch
        return self.rows.batch(chosen)

    def _evaluation_stream(self) -> Iterator[Any]:
        """All rows once, in batches."""
        raise NotImplementedError

    def epoch_batches(self, epoch: int) -> Iterable[NDArray[np.int64]]:
        """The rows of each batch of one epoch of training."""
        generator = epoch_generator(self.seed, epoch)
        if self.stratified:
            classes = self.rows.targets.argmax(axis=1)
            return stratified_batches(self.rows.lengths, classes, self.batch_size, generator)
        return training_batches(self.rows.lengths, self.batch_size, generator, block=BLOCK)

    def _training_stream(self) -> Iterator[Any]:
        # Without end, as ktrain counts the steps of an epoch itself and never rewinds.
        epoch, step = self.start
        while True:
            for chosen in itertools.islice(self.epoch_batches(epoch), step, None):
                yield self._shared(chosen) if self.share else self._batch(chosen, epoch)
            epoch, step = epoch + 1, 0

    def _shared(self, chosen: NDArray[np.int64]) -> Any:  # noqa: ANN401
        """One worker's rows of a batch, padded as the whole batch is, and where they stand in it.

        All workers have as many, so that what they send has one shape: where the batch does not
        divide, its last row is given again, at a place beyond the batch.
        """
        assert self.share is not None, "there are others"
        workers, index = self.share
        size = -(-len(chosen) // workers)
        places = index * size + np.arange(size, dtype=np.int32)
        inputs, targets = self.rows.batch(chosen)
        mine = np.minimum(places, len(chosen) - 1)
        read = {name: one[mine] for name, one in inputs.items()}
        read[PLACES], read[BATCH] = places, np.array([len(chosen)], np.int32)
        return read, targets[mine]


class BucketedDataset(ResumableDataset):
    """Encoded rows with everything that ktrain asks of a data set.

    Evaluation goes from short rows to long ones, and `get_y` answers in the same order, which is
    what ktrain's `predict` and `top_losses` rely on.
    """

    rows: EncodedRows

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """The row of each position in an evaluation."""
        return evaluation_order(self.rows.lengths)

    def xshape(self) -> tuple[int, int]:
        """Rows and the longest row in tokens."""
        return len(self.rows.tokens), self.rows.maxlen

    def get_y(self) -> NDArray[np.float32]:
        """Targets in evaluation order, float32 of shape (rows, classes)."""
        return self.rows.targets[self.order]

    def in_stored_order(self, results: NDArray[Any]) -> NDArray[Any]:
        """Results of an evaluation, put back into the order of the rows as they were given."""
        return results[inverse(self.order)]

    def _inputs(self) -> Untyped:
        ids = self.backend.tf.TensorSpec([None, None], self.backend.tf.int32)
        names = ["input_ids", "attention_mask", *(["token_type_ids"] if self.rows.typed else [])]
        return dict.fromkeys(names, ids)

    def _evaluation_stream(self) -> Iterator[Batch]:
        for chosen in _cut(self.order, self.batch_size):
            yield self.rows.batch(chosen)


def as_ktrain_dataset(
    plain: type[ResumableDataset], backend: Backend, rows: Examples, config: TrainConfig
) -> Untyped:
    """The rows in a data set of ours that is also a subclass of ktrain's, as its Learner asks."""
    # Made here, because ktrain can be imported only once the backend is open.
    kind = type(plain.__name__, (plain, backend.ktrain.dataset.Dataset), {})
    return kind(backend, rows, config.batch_size, config.seed, stratified=config.stratified_batches)
