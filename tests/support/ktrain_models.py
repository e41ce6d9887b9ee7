"""Predictor folders of ktrain's own classifiers without TensorFlow: a counted NBSVM."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ktrain_sentiment.export.ktrain_models import TrainedKtrainModel, save_ktrain_model
from ktrain_sentiment.export.saving import SavedPredictor, TrainingFacts, ValidationTexts
from ktrain_sentiment.prediction import softmax
from ktrain_sentiment.predictor.tokenization import FeatureEncoder, make_index
from support.reviews import BLAME, LABELS, PRAISE, make_reviews

REVIEWS = make_reviews(60, seed=8)
TEXTS = [text for text, _ in REVIEWS]


def counted_nbsvm(**changes: Any) -> TrainedKtrainModel:
    """A model that was never trained: praise speaks for positive, blame against it."""
    words = [*PRAISE, *BLAME, "not", "was"]
    word_ids = {word: number for number, word in enumerate(words, start=1)}
    pairs = {(word_ids["not"], word_ids[word]): 51 + k for k, word in enumerate(PRAISE + BLAME)}
    index = make_index(word_ids, pairs, 50, 30, padded=False, segmented=False)
    weights = np.zeros((100, 1), np.float32)
    sign = np.repeat([1, -1], [len(PRAISE), len(BLAME)])
    weights[1 : len(sign) + 1, 0], weights[51 : 51 + len(sign), 0] = sign, -2 * sign
    ratios = np.tile(np.float32([-0.7, 0.7]), (100, 1))

    def ask(texts: Sequence[str]) -> np.ndarray:
        rows = FeatureEncoder(index).encode(texts).ids
        return softmax(np.stack([(ratios[ids] * weights[ids]).sum(axis=0) for ids in rows]))

    def save(place: Path) -> None:
        for name in ("tf_model.h5", "tf_model.preproc"):
            (place / name).write_bytes(b"only ktrain opens this")

    made = {
        "family": "nbsvm", "labels": LABELS, "index": index, "ask": ask, "save_for_ktrain": save,
        "put": lambda _: None,
        "weights": {"ratios": ratios, "weights": weights},
    }  # fmt: skip
    return TrainedKtrainModel(**(made | changes))


def save_counted(folder: Path, **changes: Any) -> SavedPredictor:
    """Write the folder of `counted_nbsvm` with these changes."""
    truth = np.array([LABELS.index(label) for _, label in REVIEWS])
    validation = ValidationTexts(texts=TEXTS, targets=truth)
    facts = TrainingFacts(encoder="nbsvm", data_fingerprint="f" * 64)
    return save_ktrain_model(counted_nbsvm(**changes), folder, facts, validation)
