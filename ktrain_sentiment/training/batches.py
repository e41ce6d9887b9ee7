"""Which rows go into which batch: pure arithmetic on lengths and seeds.

Texts of similar length share a batch, so that little is padding; the order is shuffled inside
and across the length groups, anew each epoch, from the seed and the epoch alone. A run that
starts again in the middle therefore sees the same batches as the run that was stopped.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MULTIPLE = 8
"""Batches are padded to a multiple of this many tokens."""

GROUP = 50
"""Batches that are sorted by length together; more means less padding and less shuffling."""

Rows = NDArray[np.int64]


def padded_width(longest: int, maxlen: int, multiple: int = MULTIPLE) -> int:
    """Width of a batch whose longest text has `longest` tokens."""
    return min(math.ceil(max(longest, 1) / multiple) * multiple, max(maxlen, longest))


def steps_per_epoch(rows: int, batch_size: int) -> int:
    """Batches of an epoch, the last one possibly smaller."""
    return math.ceil(rows / batch_size)


def epoch_generator(seed: int, epoch: int) -> np.random.Generator:
    """The source of randomness of one epoch; the same for the same seed and epoch."""
    return np.random.default_rng(np.random.SeedSequence([seed, epoch]))


def training_batches(
    lengths: NDArray[np.int64],
    batch_size: int,
    generator: np.random.Generator,
    group: int = GROUP,
) -> list[Rows]:
    """One epoch's batches: every row once, rows of similar length together, shuffled.

    Rows are shuffled, cut into groups of `group` batches, sorted by length inside each group, cut
    into batches, and the batches are shuffled. Only one batch can be smaller than the others.

    Args:
        lengths: Tokens of each row, int64 of shape (rows,).
        batch_size: Rows a batch.
        generator: Source of randomness, see `epoch_generator`.
        group: Batches that are sorted together.
    """
    order = generator.permutation(len(lengths))
    return _shuffled_batches(order, lengths, batch_size, generator, group)


def stratified_batches(
    lengths: NDArray[np.int64],
    classes: NDArray[np.int64],
    batch_size: int,
    generator: np.random.Generator,
    group: int = GROUP,
) -> list[Rows]:
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
        position[ordered] = (np.arange(len(ordered)) + generator.random()) / len(ordered)
    order = np.argsort(position, kind="stable")
    return _shuffle(_cut(order, batch_size), generator)


def _shuffled_batches(
    order: Rows,
    lengths: NDArray[np.int64],
    batch_size: int,
    generator: np.random.Generator,
    group: int,
) -> list[Rows]:
    size = batch_size * group
    batches: list[Rows] = []
    for start in range(0, len(order), size):
        batches += _cut(_by_length(order[start : start + size], lengths), batch_size)
    return _shuffle(batches, generator)


def _by_length(rows: Rows, lengths: NDArray[np.int64]) -> Rows:
    return rows[np.argsort(lengths[rows], kind="stable")]


def _cut(order: Rows, batch_size: int) -> list[Rows]:
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]


def _shuffle(batches: Sequence[Rows], generator: np.random.Generator) -> list[Rows]:
    return [batches[position] for position in generator.permutation(len(batches))]


def evaluation_order(lengths: NDArray[np.int64]) -> Rows:
    """Rows from short to long: the order in which evaluation reads them."""
    return np.argsort(lengths, kind="stable").astype(np.int64)


def evaluation_batches(lengths: NDArray[np.int64], batch_size: int) -> list[Rows]:
    """Batches for evaluation, in `evaluation_order`; put results back with `inverse`."""
    return _cut(evaluation_order(lengths), batch_size)


def inverse(order: Rows) -> Rows:
    """The permutation that undoes `order`: results[inverse(order)] are in stored order."""
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    return back
