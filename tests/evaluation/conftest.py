from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray


@dataclass(frozen=True)
class Judged:
    labels: tuple[str, ...]
    y_true: NDArray[np.int64]
    probabilities: NDArray[np.float64]


def _draw(rows: int, classes: int, *, seed: int, sureness: float = 1.5) -> Judged:
    """Probabilities that are calibrated by construction: the truth is drawn from them."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(scale=sureness, size=(rows, classes))
    table = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = (table.cumsum(axis=1) < rng.random((rows, 1))).sum(axis=1).clip(max=classes - 1)
    return Judged(tuple("abcdefgh"[:classes]), truth, table)


@pytest.fixture
def draw():
    return _draw


@pytest.fixture
def two_classes() -> Judged:
    return _draw(400, 2, seed=1)


@pytest.fixture
def four_classes() -> Judged:
    return _draw(600, 4, seed=2)
