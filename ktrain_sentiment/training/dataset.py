"""The data set that ktrain's Learner trains on: bucketed batches from a flat table of tokens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.training import batches
from ktrain_sentiment.training.backend import Backend, Untyped, without_autotune
from ktrain_sentiment.training.tokens import TokenTable

Batch = tuple[dict[str, NDArray[np.int32]], NDArray[np.float32]]


@dataclass(frozen=True)
class EncodedRows:
    """Tokens and one-hot labels of some rows.

    Attributes:
        tokens: Token ids, one entry a row.
        targets: float32 of shape (rows, classes): one-hot labels, or a teacher's probabilities.
        pad_id: Id of the padding token.
        maxlen: Longest row in tokens.
    """

    tokens: TokenTable
    targets: NDArray[np.float32]
    pad_id: int
    maxlen: int

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each row, int64 of shape (rows,)."""
        return self.tokens.lengths

    def batch(self, rows: NDArray[np.int64]) -> Batch:
        """One padded batch: inputs of shape (rows, width) and targets (rows, classes)."""
        longest = int((self.tokens.offsets[rows + 1] - self.tokens.offsets[rows]).max())
        width = batches.padded_width(longest, self.maxlen)
        ids, mask = self.tokens.padded(rows, width, self.pad_id)
        return {"input_ids": ids, "attention_mask": mask}, self.targets[rows]


def one_hot(classes: NDArray[np.int64], count: int) -> NDArray[np.float32]:
    """Class indices of shape (rows,) to float32 of shape (rows, count)."""
    return np.eye(count, dtype=np.float32)[classes]


class Rows(Protocol):
    """Rows that can be put into batches."""

    @property
    def targets(self) -> NDArray[np.float32]:
        """What is to be learned, of shape (rows, classes)."""
        ...

    @property
    def lengths(self) -> NDArray[np.int64]:
        """By what rows of a batch should be alike, of shape (rows,)."""
        ...

    def batch(self, rows: NDArray[np.int64]) -> Any:  # noqa: ANN401
        """What the model reads of some rows, and their targets."""
        ...


class RestartableRows:
    """What all our data sets for ktrain have in common; the order of evaluation is their own.

    Training repeats for ever, in an order that depends on the seed and the epoch alone, from
    `start_at(epoch, step)` on.
    """

    rows: Any

    def __init__(
        self, backend: Backend, rows: Rows, batch_size: int, seed: int, *, stratified: bool = False
    ) -> None:
        """Keep the rows; nothing is copied.

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
        signature = (self._inputs(), tf.TensorSpec([None, self.nclasses()], tf.float32))
        source = self._training_stream if train else self._evaluation_stream
        stream = tf.data.Dataset.from_generator(source, output_signature=signature)
        return without_autotune(tf, stream.prefetch(4))

    def _inputs(self) -> Untyped:
        """What the model reads of a batch, as TensorFlow describes it."""
        raise NotImplementedError

    def _evaluation_stream(self) -> Iterator[Any]:
        """All rows once, in batches."""
        raise NotImplementedError

    def epoch_batches(self, epoch: int) -> list[NDArray[np.int64]]:
        """The rows of each batch of one epoch of training."""
        generator = batches.epoch_generator(self.seed, epoch)
        if self.stratified:
            classes = self.rows.targets.argmax(axis=1)
            return batches.stratified_batches(
                self.rows.lengths, classes, self.batch_size, generator
            )
        return batches.training_batches(self.rows.lengths, self.batch_size, generator)

    def _training_stream(self) -> Iterator[Any]:
        epoch, step = self.start
        while True:
            for chosen in self.epoch_batches(epoch)[step:]:
                yield self.rows.batch(chosen)
            epoch, step = epoch + 1, 0


class BucketedRows(RestartableRows):
    """Encoded rows with everything that ktrain asks of a data set.

    Evaluation goes from short rows to long ones, and `get_y` answers in the same order, which is
    what ktrain's `predict` and `top_losses` rely on.
    """

    rows: EncodedRows

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """The row of each position in an evaluation."""
        return batches.evaluation_order(self.rows.lengths)

    def xshape(self) -> tuple[int, int]:
        """Rows and the longest row in tokens."""
        return len(self.rows.tokens), self.rows.maxlen

    def get_y(self) -> NDArray[np.float32]:
        """Targets in evaluation order, float32 of shape (rows, classes)."""
        return self.rows.targets[self.order]

    def in_stored_order(self, results: NDArray[Any]) -> NDArray[Any]:
        """Results of an evaluation, put back into the order of the rows as they were given."""
        return results[batches.inverse(self.order)]

    def _inputs(self) -> Untyped:
        ids = self.backend.tf.TensorSpec([None, None], self.backend.tf.int32)
        return {"input_ids": ids, "attention_mask": ids}

    def _evaluation_stream(self) -> Iterator[Batch]:
        for chosen in batches.evaluation_batches(self.rows.lengths, self.batch_size):
            yield self.rows.batch(chosen)


def ktrain_dataset(
    backend: Backend, rows: EncodedRows, batch_size: int, seed: int, *, stratified: bool = False
) -> Untyped:
    """`BucketedRows` as a subclass of ktrain's own, which the Learner checks for."""
    kind = type("BucketedDataset", (BucketedRows, backend.ktrain.dataset.Dataset), {})
    return kind(backend, rows, batch_size, seed, stratified=stratified)
