"""Learning from a handful of labels: a sentence encoder tuned on pairs, and a linear head on it.

A text's vector is the mean of its token states (`mean_layer.py`). Contrastive training draws the
vectors of one label together and those of different labels apart (SetFit, Tunstall et al. 2022,
arXiv:2209.11055). The texts of a batch are embedded once and all of its pairs compared (supervised
contrastive loss, Khosla et al. 2020, arXiv:2004.11362), where SetFit embeds both texts of each pair
anew. Then a logistic regression on the vectors becomes the model's head; without the tuning it is a
linear probe.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ktrain_sentiment.config import TrainConfig
from ktrain_sentiment.data import Splits
from ktrain_sentiment.errors import TrainingError
from ktrain_sentiment.evaluation.predictions import class_indices
from ktrain_sentiment.training.backend import Untyped
from ktrain_sentiment.training.checkpoints import random_states
from ktrain_sentiment.training.dataset import EncodedRows, evaluation_order
from ktrain_sentiment.training.mean_layer import encoder_variables, fold_head
from ktrain_sentiment.training.policies import Schedule, linear_rate
from ktrain_sentiment.training.probe import LinearProbe, fit_probe
from ktrain_sentiment.training.trainer import FitResult, Trainer

Floats = NDArray[np.float32]
Indices = NDArray[np.int64]

STEPS, RATE, TEMPERATURE, MOST_TEXTS = 40, 3e-5, 0.2, 64
"""How long and how fast to tune, how sharply pairs are told apart, and the texts of a step."""

WARMUP = 0.1
CHUNK, FEWEST_CHUNKS = 16, 4
"""Most texts that are padded together, and into how many parts a step is divided at least. As long
as the parts are as many, so is the graph, and building one takes longer than ten steps."""
STRENGTH = 1.0
"""Inverse regularisation of the head of a tuned encoder, scikit-learn's own. It is not chosen on
the rows: to these the encoder was tuned, and the weakest would always win."""


@dataclass(frozen=True)
class Tuning:
    """How the encoder is tuned.

    Attributes:
        steps: Steps of the whole; 0 leaves the encoder as it is.
        rate: The highest learning rate, which falls to 0.
        temperature: Cosines are divided by it before they are compared; lower looks at the nearest
            pairs alone.
        texts: Most texts of a step, as many of each label as there are.
    """

    steps: int = STEPS
    rate: float = RATE
    temperature: float = TEMPERATURE
    texts: int = MOST_TEXTS


PROBE = Tuning(steps=0)
"""The encoder as it comes."""


def tuning_of(config: TrainConfig) -> Tuning:
    """How an encoder is tuned by these settings."""
    if config.few_labels == "probe":
        return PROBE
    return Tuning(rate=config.learning_rate or Tuning.rate)


def contrastive_loss(
    tf: Untyped, vectors: Untyped, classes: Untyped, temperature: float
) -> Untyped:
    """How badly vectors of one class are told from the others, all pairs compared.

    Args:
        tf: TensorFlow.
        vectors: float32 `[texts, width]`, of length one.
        classes: int `[texts]`. A text that is alone of its class among them counts as another to
            the rest, and for nothing itself.
        temperature: What the cosines are divided by.

    Returns:
        The mean over texts of minus the mean log share of the texts of its class, a scalar.
    """
    alike = tf.matmul(vectors, vectors, transpose_b=True) / temperature
    others = 1.0 - tf.eye(tf.shape(vectors)[0])
    same = tf.cast(classes[:, None] == classes[None, :], tf.float32) * others
    shares = alike - tf.reduce_logsumexp(alike + (others - 1.0) * 1e9, axis=1, keepdims=True)
    partners = tf.reduce_sum(same, axis=1)
    of_each = tf.math.divide_no_nan(tf.reduce_sum(same * shares, axis=1), partners)
    counted = tf.reduce_sum(tf.cast(partners > 0, tf.float32))
    return -tf.math.divide_no_nan(tf.reduce_sum(of_each), counted)


class SentenceTuner:
    """The encoder of a trainer whose model has a mean layer: tuned, asked for vectors, put back."""

    def __init__(self, trainer: Trainer) -> None:
        """Remember the weights; nothing is compiled yet."""
        self.trainer = trainer
        # The generators of dropout too: what is tuned after others were is as if it were alone.
        kept = [*trainer.model.trainable_variables, *random_states(trainer.model)]
        self._begun = [(one, one.numpy()) for one in kept]
        tf, model = trainer.backend.tf, trainer.model
        base = getattr(model, model.base_model_prefix)
        any_size = [tf.TensorSpec([None, None], tf.int32)] * 2

        def vectors(ids: Untyped, mask: Untyped, training: bool) -> Untyped:
            found = base(input_ids=ids, attention_mask=mask, training=training)
            return tf.math.l2_normalize(found[0][:, 0], axis=1)

        def step(parts: Untyped, classes: Untyped, temperature: Untyped) -> Untyped:
            variables = encoder_variables(model)
            with tf.GradientTape() as tape:
                found = tf.concat([vectors(ids, mask, True) for ids, mask in parts], axis=0)
                loss = contrastive_loss(tf, found, classes, temperature)
            gradients = tape.gradient(loss, variables)
            pairs = [pair for pair in zip(gradients, variables, strict=True) if pair[0] is not None]
            model.optimizer.apply_gradients(pairs)
            return loss

        self._embed = tf.function(
            lambda ids, mask: vectors(ids, mask, False), input_signature=any_size, autograph=False
        )
        self._steps: dict[int, Untyped] = {}

        def step_of(count: int) -> Untyped:
            """The step for so many parts, whatever their widths: traced once."""
            if count not in self._steps:
                signature = [
                    [tuple(any_size)] * count,
                    tf.TensorSpec([None], tf.int64),
                    tf.TensorSpec([], tf.float32),
                ]
                self._steps[count] = tf.function(step, input_signature=signature, autograph=False)
            return self._steps[count]

        self._step_of = step_of

    def restore(self) -> None:
        """Put the encoder back to where it began."""
        for variable, array in self._begun:
            variable.assign(array)

    def embed(self, rows: EncodedRows, among: Indices | None = None) -> Floats:
        """Vectors of length one of some rows (all when None), float32 of shape (rows, width)."""
        pool = np.arange(len(rows.lengths)) if among is None else among
        if not len(pool):
            return np.zeros((0, int(self.trainer.model.config.hidden_size)), np.float32)
        order = evaluation_order(rows.lengths[pool])
        found = [self._embed(*_read(rows, chunk)).numpy() for chunk in _chunks(pool[order])]
        back = np.empty(len(order), np.int64)
        back[order] = np.arange(len(order))
        return np.asarray(np.concatenate(found)[back], np.float32)

    def tune(
        self,
        rows: EncodedRows,
        classes: Indices,
        tuning: Tuning,
        seed: int,
        among: Indices | None = None,
    ) -> tuple[list[float], list[float]]:
        """Tune the encoder on some rows, from where it is.

        Args:
            rows: The rows.
            classes: Their class indices, shape (rows,).
            tuning: How.
            seed: Decides which texts share a step, where they are too many for one.
            among: Which of the rows to learn from; all when None.

        Returns:
            The loss and the learning rate of each step.

        Raises:
            TrainingError: The loss was not a number any more.
        """
        tf, optimizer = self.trainer.backend.tf, self.trainer.model.optimizer
        for variable in optimizer.variables():
            variable.assign(tf.zeros_like(variable))
        generator = np.random.default_rng(seed)
        pool = np.arange(len(classes)) if among is None else among
        losses: list[float] = []
        rates: list[float] = []
        for number in range(tuning.steps):
            warmup = max(1, round(WARMUP * tuning.steps))
            rates.append(linear_rate(number, tuning.steps, warmup, tuning.rate))
            optimizer.lr = rates[-1]
            chosen = pool[draw_even(classes[pool], tuning.texts, generator)]
            chosen = chosen[np.argsort(rows.lengths[chosen], kind="stable")]
            parts = [_read(rows, chunk) for chunk in _parts(chosen)]
            temperature = tf.constant(tuning.temperature, tf.float32)
            step = self._step_of(len(parts))
            losses.append(float(step(parts, tf.constant(classes[chosen]), temperature)))
            if not math.isfinite(losses[-1]):
                raise TrainingError(
                    f"the loss of step {number + 1} is {losses[-1]}: give a lower --learning-rate "
                    f"than {tuning.rate:g}"
                )
        return losses, rates


def _chunks(order: Indices) -> list[Indices]:
    return [order[start : start + CHUNK] for start in range(0, len(order), CHUNK)]


def _parts(order: Indices) -> list[Indices]:
    """The texts of a step, divided evenly."""
    count = max(math.ceil(len(order) / CHUNK), min(FEWEST_CHUNKS, len(order)))
    return np.array_split(order, count)


def _read(rows: EncodedRows, chosen: Indices) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    inputs, _ = rows.batch(chosen)
    return inputs["input_ids"], inputs["attention_mask"]


def draw_even(classes: Indices, most: int, generator: np.random.Generator) -> Indices:
    """Rows of a step: all where they are few, else as many of each class as there are.

    Args:
        classes: Class index of each row, shape (rows,).
        most: How many rows at most, though two of each class at least.
        generator: Source of randomness.
    """
    if len(classes) <= most:
        return np.arange(len(classes))
    present = np.unique(classes)
    each = max(2, most // len(present))
    return np.concatenate(
        [generator.permutation(np.flatnonzero(classes == one))[:each] for one in present]
    )


# A whole training


def fit_few_labels(
    trainer: Trainer,
    splits: Splits,
    tuning: Tuning,
    tuner: SentenceTuner | None = None,
) -> FitResult:
    """Tune the encoder on the training rows, if at all, and make a probe on them its head.

    It takes seconds to a few minutes: a training that was stopped begins anew.

    Args:
        trainer: A trainer whose model has a mean layer.
        splits: What it was opened for.
        tuning: How to tune; `PROBE` not at all.
        tuner: Of this trainer, where there is one.

    Raises:
        DataError: The training rows are of one class.
        TrainingError: The loss was not a number any more.
    """
    begun = time.monotonic()
    tuner = tuner or SentenceTuner(trainer)
    rows: EncodedRows = trainer.learner.train_data.rows
    classes = class_indices(splits.train["label"], splits.labels)
    losses, rates = tuner.tune(rows, classes, tuning, trainer.config.seed)
    vectors = tuner.embed(rows)
    probe = probe_of(vectors, classes, len(splits.labels), tuning, trainer.config.seed)
    fold_head(trainer.model, probe)
    seconds = time.monotonic() - begun
    history: dict[str, float] = {"epoch": 1}
    if losses:
        history["contrastive_loss"] = losses[-1]
    held_out = class_indices(splits.validation["label"], splits.labels)
    validation = tuner.embed(trainer.learner.val_data.rows)
    for prefix, known, found in (("", classes, vectors), ("val_", held_out, validation)):
        said = probe.predict_proba(found)
        right = said[np.arange(len(known)), known]
        history[f"{prefix}loss"] = float(-np.log(np.maximum(right, 1e-12)).mean())
        history[f"{prefix}accuracy"] = float((said.argmax(axis=1) == known).mean())
    return FitResult(
        history=pd.DataFrame([history]),
        schedule=Schedule(rates, []),
        best_epoch=1,
        seconds=seconds,
        steps=len(losses),
        resumed=False,
    )


def probe_of(
    vectors: Floats, classes: Indices, count: int, tuning: Tuning, seed: int
) -> LinearProbe:
    """The head of an encoder that was tuned, or was not.

    Args:
        vectors: Of the rows, shape (rows, width).
        classes: Their class indices, shape (rows,).
        count: Number of classes.
        tuning: How the encoder was tuned.
        seed: Decides the folds in which a probe's strength is chosen.

    Raises:
        DataError: The rows are of one class.
    """
    return fit_probe(vectors, classes, count, seed, STRENGTH if tuning.steps else None)
