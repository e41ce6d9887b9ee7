"""Engines are compared with the trained model on real texts."""

from types import SimpleNamespace
from typing import cast

import numpy as np
from onnxruntime import InferenceSession

from ktrain_sentiment.export.engines import Reference
from ktrain_sentiment.predictor.tokenization import EncodedTexts
from ktrain_sentiment.tasks import Task


class Lengths:
    """A session that gives each text's number of tokens, and remembers the batches."""

    def __init__(self) -> None:
        self.shapes: list[tuple[int, int]] = []

    def get_inputs(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(name="attention_mask")]

    def run(self, names: list[str], feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
        self.shapes.append(feeds["attention_mask"].shape)
        tokens = feeds["attention_mask"].sum(axis=1, keepdims=True, dtype=np.float32)
        return [tokens]


def test_engines_are_asked_in_batches_of_bounded_size_and_answer_in_the_order_of_the_texts() -> (
    None
):
    lengths = np.random.default_rng(0).integers(1, 257, 200)
    rows = [np.ones(n, np.int64) for n in lengths]
    encoded = EncodedTexts(rows, *np.zeros((2, 200), bool), np.ones(200, np.int64))
    session = Lengths()
    reference = Reference(encoded, 0, np.zeros((200, 1), np.float32), task=Task("score"))
    assert reference.ask(cast(InferenceSession, session))[:, 0].tolist() == lengths.tolist()
    assert max(texts * longest for texts, longest in session.shapes) <= 2048
