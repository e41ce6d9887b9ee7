"""Training examples that lie nearest to a text: why a model may have learned what it says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ktrain_sentiment.errors import DataError
from ktrain_sentiment.evaluation.confusion import Floats

CHUNK = 1024


@dataclass(frozen=True)
class Neighbours:
    """The nearest known rows of each query row.

    Attributes:
        index: Positions among the known rows, nearest first, int64 of shape (queries, k).
        similarity: Their cosine similarity, -1 to 1, shape (queries, k).
    """

    index: NDArray[np.int64]
    similarity: Floats


def nearest(queries: ArrayLike, known: ArrayLike, k: int = 3) -> Neighbours:
    """Find the k known rows of highest cosine similarity to each query row.

    Args:
        queries: Embeddings, shape (queries, width).
        known: Embeddings, shape (known, width).
        k: How many to find; all when there are fewer.

    Raises:
        DataError: The two have different widths.
    """
    left, right = _unit(queries), _unit(known)
    if left.shape[1] != right.shape[1]:
        raise DataError(
            f"embeddings have widths {left.shape[1]} and {right.shape[1]}: wanted the same encoder "
            "for both"
        )
    wanted = min(k, len(right))
    chunks = [_top(left[i : i + CHUNK] @ right.T, wanted) for i in range(0, len(left), CHUNK)]
    if not chunks:
        return Neighbours(np.empty((0, wanted), np.int64), np.empty((0, wanted)))
    index, similarity = zip(*chunks, strict=True)
    return Neighbours(np.concatenate(index), np.concatenate(similarity))


def _unit(rows: ArrayLike) -> Floats:
    table = np.asarray(rows, dtype=np.float64)
    unit: Floats = table / np.maximum(np.linalg.norm(table, axis=1, keepdims=True), 1e-12)
    return unit


def _top(similarity: Floats, k: int) -> tuple[NDArray[np.int64], Floats]:
    candidates = np.argpartition(-similarity, k - 1, axis=1)[:, :k]
    order = np.argsort(-np.take_along_axis(similarity, candidates, axis=1), axis=1, kind="stable")
    index = np.take_along_axis(candidates, order, axis=1)
    return index, np.take_along_axis(similarity, index, axis=1)
