"""ktrain's own text classifiers, from before the transformers, trained like those.

NBSVM (Wang and Manning 2012, https://aclanthology.org/P12-2018), a fastText-like network (Joulin et
al. 2016, arXiv:1607.01759), logistic regression on word embeddings, a bidirectional GRU on
pre-trained word vectors, and a plain GRU.

    model = ModelConfig(model="nbsvm")
    trainer = open_ktrain_trainer(splits, model, TrainConfig(), ComputeConfig())
    fitted = trainer.fit(learning_rate=1e-2, checkpoints=Checkpoints(folder))
    save_ktrain_trainer(trainer, Path("predictor"), facts, validation)
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.config import ComputeConfig, ModelConfig, TrainConfig
from ktrain_sentiment.data import Splits
from ktrain_sentiment.export.ktrain_models import (
    TrainedKtrainModel,
    name_weights,
    save_ktrain_model,
)
from ktrain_sentiment.export.saving import (
    Calibrate,
    SavedPredictor,
    TrainingFacts,
    ValidationTexts,
)
from ktrain_sentiment.training.backend import (
    Backend,
    Untyped,
    is_opened,
    open_backend,
    seed_everything,
    suppress_output,
)
from ktrain_sentiment.training.dataset import learned_targets, steps_per_epoch
from ktrain_sentiment.training.ktrain_features import (
    FeaturePreprocessor,
    FeatureRows,
    embedding_table,
    make_feature_preprocessor,
    read_word_vectors,
)
from ktrain_sentiment.training.optimizers import configured_adam
from ktrain_sentiment.training.trainer import SoftTargets, Trainer, assemble_trainer

_SPREAD = 1.5
"""How far NBSVM's logits of training texts spread at first: naive Bayes alone is too sure of long
texts, and then no training seems to make it better (benchmarks/LOG.md)."""

_ASKED = 32
"""Texts of an eager call."""


def open_ktrain_trainer(
    splits: Splits,
    settings: ModelConfig,
    config: TrainConfig,
    compute: ComputeConfig,
    soft_targets: SoftTargets | None = None,
) -> Trainer:
    """Count words and n-grams, build ktrain's model, and compile it.

    Args:
        splits: Training and validation rows.
        settings: Which model, and what it sees.
        config: How to train.
        compute: Device, precision, threads.
        soft_targets: What to learn; the training rows and their labels when not given.

    Raises:
        ConfigError: Settings contradict each other or the data.
        DataError: The word vectors cannot be used.
    """
    if compute.precision == "auto" and not is_opened():
        # bfloat16 is left to those who ask: these models gain no speed from it, and their outputs
        # are probabilities, whose sums it would leave up to 0.002 away from one.
        compute = dataclasses.replace(compute, precision="float32")
    if settings.is_linear:
        config = dataclasses.replace(
            config,
            epochs=config.epochs or linear_epochs(len(splits.train), config.batch_size),
            keep_best=config.keep_best or "loss",
        )
    backend = open_backend(compute, config.seed)
    preprocessor, rows = make_feature_preprocessor(backend, splits.train, splits.labels, settings)
    seed_everything(backend, config.seed)
    model = build_model(backend, preprocessor, rows, settings)
    if settings.is_linear:
        model.set_weights(first_weights(settings.model, rows, model.get_weights()))
    macro_f1 = backend.keras.metrics.F1Score(average="macro", name="macro_f1")
    model.compile(
        optimizer=configured_adam(backend.tf, config, linear=settings.is_linear),
        loss="categorical_crossentropy",
        metrics=["accuracy", macro_f1],
    )
    if soft_targets is None and splits.task:
        rows = preprocessor.encode(splits.train, learned_targets(splits))
    if soft_targets is not None:
        rows = preprocessor.encode(soft_targets.texts, soft_targets.targets)
    learner = backend.ktrain.core.GenLearner
    return assemble_trainer(backend, preprocessor, model, rows, splits, config, learner)


def linear_epochs(texts: int, batch_size: int) -> int:
    """Passes that linear models take: their steps are cheap, and the best of many is kept."""
    fewest, most, steps = 6, 40, 3_000
    return min(max(math.ceil(steps / steps_per_epoch(texts, batch_size)), fewest), most)


def first_weights(
    family: str, rows: FeatureRows, arrays: Sequence[NDArray[Any]]
) -> list[NDArray[np.float32]]:
    """Where a linear model begins, so that it comes as far as scikit-learn's own.

    NBSVM: log-count ratios of whether a feature is in a text, not how often (Wang and Manning
    2012), and every feature listened to a little from the start, which is what their interpolation
    with naive Bayes comes to: as far as makes it equally sure of tweets and reviews. Logistic
    regression: words weigh as rare as they are (idf), and none speaks for a class yet. In both the
    features of a usual text have the length 1 together, so that one learning rate fits all.

    Args:
        family: nbsvm or logreg.
        rows: The training rows.
        arrays: The model's arrays as ktrain made them, in the order of `ktrain_models.WEIGHTS`.
    """
    size, classes = len(arrays[0]), rows.targets.shape[1]
    owner, place = np.nonzero(rows.ids)
    # One number a pair of text and feature: sorting pairs takes ten times as long.
    owner, feature = np.divmod(np.unique(owner * size + rows.ids[owner, place]), size)
    truth = rows.targets.argmax(axis=1)[owner]
    table = np.bincount(feature * classes + truth, minlength=size * classes).reshape(size, classes)
    if family == "nbsvm":
        inside = table + 1
        outside = inside.sum(axis=1, keepdims=True) - inside
        fixed = np.log((inside / inside.sum(axis=0)) / (outside / outside.sum(axis=0)))
    else:
        fixed = np.log((1 + len(rows.ids)) / (1 + table.sum(axis=1, keepdims=True))) + 1
    fixed[table.sum(axis=1) == 0] = 0
    squares = (fixed**2).mean(axis=1)[rows.ids].sum(axis=1)
    fixed = (fixed / max(np.sqrt(squares.mean()), 1e-6)).astype(np.float32)
    if family == "nbsvm":
        parts = np.array_split(rows.ids, max(len(rows.ids) // _ASKED, 1))
        said = np.concatenate([fixed[part].sum(axis=1) for part in parts])
        listened = _SPREAD / max(float(np.sqrt(said.var(axis=0).mean())), _SPREAD)
        return [fixed, np.full_like(arrays[1], listened)]
    return [np.zeros_like(arrays[0]), fixed]


def build_model(
    backend: Backend, preprocessor: FeaturePreprocessor, train: FeatureRows, settings: ModelConfig
) -> Untyped:
    """The Keras model of one of ktrain's own classifiers, not compiled by us yet."""
    if settings.model == "bigru":
        return _bigru(backend, preprocessor, train, settings)
    with suppress_output():
        return backend.ktrain.text.text_classifier(
            settings.model,
            (train.ids, train.targets),
            preproc=preprocessor.ktrain_preprocessor,
            multilabel=False,
            verbose=0,
        )


def _bigru(
    backend: Backend, preprocessor: FeaturePreprocessor, train: FeatureRows, settings: ModelConfig
) -> Untyped:
    """The network of ktrain's `bigru`, on the user's word vectors of whatever width.

    ktrain's own builder downloads 1.3 GB of fastText vectors unasked and takes no others; its
    network is repeated here. Can go when ktrain takes a file.
    """
    assert settings.vectors is not None, "ModelConfig refuses it"
    words = preprocessor.ktrain_preprocessor.get_tokenizer().word_index
    vectors = read_word_vectors(settings.vectors, words.keys())
    table = embedding_table(vectors, words, preprocessor.ktrain_preprocessor.max_features)
    layers = backend.keras.layers
    inputs = layers.Input(shape=(train.ids.shape[1],))
    embedded = layers.Embedding(*table.shape, weights=[table])(inputs)
    dropped = layers.SpatialDropout1D(0.2)(embedded)
    states = layers.Bidirectional(layers.GRU(80, return_sequences=True))(dropped)
    pooled = [layers.GlobalAveragePooling1D()(states), layers.GlobalMaxPool1D()(states)]
    outputs = layers.Dense(len(preprocessor.labels), activation="softmax")(
        layers.concatenate(pooled)
    )
    return backend.keras.Model(inputs=inputs, outputs=outputs)


def save_ktrain_trainer(
    trainer: Trainer,
    folder: Path,
    facts: TrainingFacts,
    validation: ValidationTexts,
    calibrate: Calibrate | None = None,
) -> SavedPredictor:
    """Save the trained model in a predictor folder, which is replaced; see `save_ktrain_model`."""
    preprocessor: FeaturePreprocessor = trainer.preprocessor  # type: ignore[assignment]
    trained = TrainedKtrainModel(
        family=preprocessor.family,
        labels=preprocessor.labels,
        index=preprocessor.index(),
        weights=name_weights(preprocessor.family, trainer.model.get_weights()),
        ask=lambda texts: _ask(trainer.model, preprocessor.ids(texts)),
        save_for_ktrain=lambda place: save_for_ktrain(trainer, place),
        put=lambda weights: trainer.model.set_weights(list(weights.values())),
    )
    return save_ktrain_model(
        trained, folder, facts, validation, calibrate=calibrate, overwrite=True
    )


def _ask(model: Untyped, ids: NDArray[np.int32]) -> NDArray[np.float32]:
    """Probabilities from eager calls, which no rewriting of graphs to bfloat16 reaches."""
    parts = [ids[first : first + _ASKED] for first in range(0, len(ids), _ASKED)]
    return np.concatenate([np.asarray(model(part, training=False), np.float32) for part in parts])


def save_for_ktrain(trainer: Trainer, folder: Path) -> None:
    """Write the two files that plain `ktrain.load_predictor` reads, into an existing folder."""
    keras = trainer.backend.keras
    # A copy with an optimiser of Keras's own: a file that names ours loads only beside us.
    portable = keras.models.clone_model(trainer.model)
    portable.set_weights(trainer.model.get_weights())
    portable.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    with suppress_output():
        predictor = trainer.backend.ktrain.get_predictor(
            portable, trainer.preprocessor.ktrain_preprocessor
        )
        predictor.save(str(folder))
