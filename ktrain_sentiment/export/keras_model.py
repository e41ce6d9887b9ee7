"""What is asked of a Keras model, so that nothing here has to import TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.prediction import softmax
from ktrain_sentiment.predictor.tokenizing import EncodedTexts, pad

_REFERENCE_TOKENS = 6_000
"""The Keras model, called eagerly, manages some thousands of tokens a second."""

_BATCH = 16


class KerasModel(Protocol):
    """A transformers `TF…ForSequenceClassification`."""

    config: Any

    @property
    def weights(self) -> Sequence[Any]:
        """Variables with `.name` and `.numpy()`."""
        ...

    def save_pretrained(self, save_directory: str) -> object:
        """Write config.json and tf_model.h5."""
        ...

    def __call__(self, inputs: Any, *, training: bool) -> Any:  # noqa: ANN401
        """Compute an output that has `.logits`."""
        ...


def named_arrays(model: KerasModel) -> dict[str, NDArray[Any]]:
    """The model's variables by name, as NumPy arrays."""
    return {variable.name: np.asarray(variable.numpy()) for variable in model.weights}


def keras_probabilities(
    model: KerasModel, encoded: EncodedTexts, padding_id: int
) -> NDArray[np.float32]:
    """What the model says about the first texts, as many as take a second or two.

    The call is eager on purpose: graph rewrites such as bf16 do not reach it, so this is what the
    weights say in 32-bit floats.

    Returns:
        Probabilities, float32 of shape (first texts, classes).
    """
    parts = []
    for ids, mask in _first_batches(encoded, padding_id):
        feeds = {"input_ids": ids.astype(np.int32), "attention_mask": mask.astype(np.int32)}
        parts.append(np.asarray(model(feeds, training=False).logits, dtype=np.float32))
    return softmax(np.concatenate(parts))


def _first_batches(
    encoded: EncodedTexts, padding_id: int
) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    spent = 0
    for start in range(0, len(encoded), _BATCH):
        ids, mask = pad(encoded.ids[start : start + _BATCH], padding_id)
        yield ids, mask
        spent += ids.size
        if spent >= _REFERENCE_TOKENS:
            return
