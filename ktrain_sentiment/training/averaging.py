"""A running average of the weights, which is what is judged and kept (Polyak & Juditsky 1992).

Late in training the weights wander around a good place; their average lies nearer to it than any
of them, costs no steps, and its probabilities are less extreme.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.training.backend import Logs, Untyped

EVERY = 5
"""Steps between two additions to the average: neighbours hardly differ, and a pass costs time."""

PREFIX = "average/"
"""Names of the average's arrays in a checkpoint."""
STEPS = "averaged/steps"
"""Name of the number of steps taken."""


def decay_of(additions: int, decay: float) -> float:
    """How much of the average an addition leaves: less at first, so that the start is forgotten.

    Args:
        additions: Those before this one.
        decay: What is left after each step, in the long run.
    """
    return min(decay**EVERY, (1 + additions) / (10 + additions))


class WeightAverage:
    """Follows the weights, and stands in for them whenever the model is judged.

    A Keras callback. It comes before the keeper of the best epoch.
    """

    model: Untyped = None

    def __init__(self, tf: Untyped, decay: float) -> None:
        """Start with the first step.

        Args:
            tf: TensorFlow.
            decay: Share of the average that a step leaves as it is, below 1.
        """
        super().__init__()
        self._tf = tf
        self._decay = decay
        self._steps = 0
        self._add = tf.function(self._add_weights)

    def set_model(self, model: Untyped) -> None:
        """Follow this model's weights, from those that it has now; Keras calls it again."""
        if model is self.model:
            return
        self.model = model
        self._weights = [w for w in model.weights if w.dtype.is_floating]
        self._averages = [self._tf.Variable(w, trainable=False) for w in self._weights]

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Add the weights, every few steps."""
        del batch, logs
        self._steps += 1
        if self._steps % EVERY == 0:
            left = decay_of(self._steps // EVERY - 1, self._decay)
            self._add(self._tf.constant(1.0 - left, self._tf.float32))

    def _add_weights(self, share: Untyped) -> None:
        for average, weight in zip(self._averages, self._weights, strict=True):
            average.assign_add(share * (weight - average))

    def on_test_begin(self, logs: Logs = None) -> None:
        """Put the average in the weights' place."""
        del logs
        self._exchange()

    def on_test_end(self, logs: Logs = None) -> None:
        """Put the weights back."""
        del logs
        self._exchange()

    def _exchange(self) -> None:
        for average, weight in zip(self._averages, self._weights, strict=True):
            held = weight.numpy()
            weight.assign(average)
            average.assign(held)

    def get_weights(self) -> list[NDArray[Any]]:
        """All of the model's weights, averaged, in the order of its own `get_weights`."""
        averaged = {w.ref(): a for w, a in zip(self._weights, self._averages, strict=True)}
        return [averaged.get(w.ref(), w).numpy() for w in self.model.weights]

    def capture(self) -> dict[str, NDArray[Any]]:
        """The average, for a checkpoint."""
        kept = {f"{PREFIX}{k:05d}": a.numpy() for k, a in enumerate(self._averages)}
        return {**kept, STEPS: np.array(self._steps, np.int64)}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a checkpoint."""
        for k, average in enumerate(self._averages):
            average.assign(arrays[f"{PREFIX}{k:05d}"])
        self._steps = int(arrays[STEPS])
