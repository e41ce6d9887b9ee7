"""Which texts are computed together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.cleaning import apply_cleaning
from ktrain_sentiment.errors import InputError
from ktrain_sentiment.inference.runners import Runner
from ktrain_sentiment.prediction import Prediction, Probabilities, softmax, to_predictions
from ktrain_sentiment.predictor.tokenization import EncodedTexts, Encoder, pad

Indices = NDArray[np.int64]


def plan_batches(lengths: Indices, tokens: int, texts: int) -> list[Indices]:
    """Group texts of like length, so that little is padded and no batch outgrows the caches.

    Args:
        lengths: Tokens of each text, (texts,).
        tokens: Most tokens in a batch, padding included; a longer text is a batch of its own.
        texts: Most texts in a batch.

    Returns:
        Index arrays that cover each text once, the longest texts first: what needs most memory
        fails at once or never, and the last batches to finish are the short ones.
    """
    order = np.argsort(-lengths, kind="stable")
    batches: list[Indices] = []
    start = 0
    while start < len(order):
        longest = max(int(lengths[order[start]]), 1)
        end = start + min(max(tokens // longest, 1), texts)
        batches.append(order[start:end])
        start = end
    return batches


_BATCH_TOKENS = 1024
"""About where the products are large enough and everything still lies in the cores' caches."""

_BATCH_TEXTS = 64

_CHUNK = 8192
"""Texts tokenized at once, so that a million texts need no memory for all their ids."""


@dataclass(frozen=True)
class Scores:
    """Probabilities of several texts, and which of them lost their end.

    Attributes:
        probabilities: float32 of shape (texts, classes).
        truncated: bool of shape (texts,).
    """

    probabilities: Probabilities
    truncated: NDArray[np.bool_]


@dataclass(frozen=True)
class TextClassifier:
    """A `Classifier` that needs no TensorFlow. Safe to call from several threads.

    Attributes:
        labels: The labels, in the order of the columns of `predict_proba`.
        encoder: Turns texts into ids of tokens, or of words and n-grams.
        runner: Turns ids into logits.
        engine: What the runner is: int8, fp32 or openvino.
        temperature: See `Manifest`.
        cleaning: Names of the cleaning steps that training applied.
    """

    labels: tuple[str, ...]
    encoder: Encoder
    runner: Runner
    engine: str
    temperature: float = 1.0
    cleaning: tuple[str, ...] = ()

    @property
    def maxlen(self) -> int:
        """Longest text in tokens, special tokens included; the rest is not read."""
        return self.encoder.maxlen

    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        """One `Prediction` a text, in the texts' order; each says whether its text was cut."""
        scores = self.score(texts)
        return to_predictions(scores.probabilities, self.labels, scores.truncated.tolist())

    def predict_proba(self, texts: Sequence[str]) -> Probabilities:
        """Class probabilities, float32 of shape (len(texts), len(labels)), in the texts' order."""
        return self.score(texts).probabilities

    def score(self, texts: Sequence[str]) -> Scores:
        """Probabilities and truncation of many texts, as arrays.

        Raises:
            InputError: `texts` is a single string, or holds something else than strings.
        """
        _check(texts)
        chunks = [self._score_chunk(texts[i : i + _CHUNK]) for i in range(0, len(texts), _CHUNK)]
        if not chunks:
            empty = np.empty((0, len(self.labels)), dtype=np.float32)
            return Scores(empty, np.empty(0, dtype=bool))
        return Scores(
            np.concatenate([chunk.probabilities for chunk in chunks]),
            np.concatenate([chunk.truncated for chunk in chunks]),
        )

    def _score_chunk(self, texts: Sequence[str]) -> Scores:
        cleaned = apply_cleaning(texts, self.cleaning) if self.cleaning else texts
        encoded = self.encoder.encode(cleaned)
        batches = plan_batches(encoded.lengths, _BATCH_TOKENS, _BATCH_TEXTS)
        logits = np.empty((len(texts), len(self.labels)), dtype=np.float32)
        for batch, values in zip(batches, self._run(encoded, batches), strict=True):
            logits[batch] = values
        return Scores(softmax(logits, self.temperature), encoded.truncated)

    def _run(
        self, encoded: EncodedTexts, batches: Sequence[Indices]
    ) -> Iterator[NDArray[np.float32]]:
        """The logits of each batch, in the batches' order."""
        rows = ([encoded.ids[index] for index in batch] for batch in batches)
        padded = (pad(ids, self.encoder.padding_id) for ids in rows)
        if len(batches) < 2 or self.runner.threads < 2:
            yield from (self.runner.alone(*inputs) for inputs in padded)
            return
        with ThreadPoolExecutor(self.runner.threads) as pool:
            yield from pool.map(lambda inputs: self.runner.among_others(*inputs), padded)


def _check(texts: Sequence[object]) -> None:
    if isinstance(texts, str):
        raise InputError("got a single text, wanted a list of texts: write [text]")
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            kind = type(text).__name__
            raise InputError(f"text number {index} is of type {kind}, wanted a string")
