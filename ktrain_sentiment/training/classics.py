"""ktrain's own text classifiers, from before the transformers, trained like those.

NBSVM (Wang and Manning 2012, https://aclanthology.org/P12-2018), a fastText-like network (Joulin et
al. 2016, arXiv:1607.01759), logistic regression on word embeddings, a bidirectional GRU on
pre-trained word vectors, and a plain GRU.

    session = open_classic(splits, ModelConfig(model="nbsvm"), TrainConfig(), ComputeConfig())
    fitted = fit(session, learning_rate=1e-2, checkpoints=Checkpoints(folder))
    probabilities = predict_proba(session, splits.test)
    save_session(session, Path("predictor"), facts, validation)

The session is that of `session.py`, whose functions take it as they take a transformer's.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
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
from ktrain_sentiment.export.saving import SavedPredictor, TrainingFacts, ValidationTexts
from ktrain_sentiment.training.backend import (
    Backend,
    Untyped,
    is_opened,
    open_backend,
    seed_everything,
)
from ktrain_sentiment.training.class_weights import class_weights
from ktrain_sentiment.training.features import (
    ClassicPipeline,
    FeatureRows,
    hushed,
    make_classic_pipeline,
)
from ktrain_sentiment.training.finder import scratch_folder
from ktrain_sentiment.training.optimizers import configured_adam
from ktrain_sentiment.training.policies import make_learner
from ktrain_sentiment.training.session import Lessons, Session
from ktrain_sentiment.training.state import build_state
from ktrain_sentiment.training.word_vectors import embedding_table, read_word_vectors

GRU_DROPOUT = 0.2
"""Share of a GRU's inputs dropped in training; see `_mended_standard_gru`."""

_ASKED = 32
"""Texts of an eager call."""


def open_classic(
    splits: Splits,
    classic: ModelConfig,
    config: TrainConfig,
    compute: ComputeConfig,
    lessons: Lessons | None = None,
) -> Session:
    """Count words and n-grams, build ktrain's model, and compile it.

    Args:
        splits: Training and validation rows.
        classic: Which model, and what it sees.
        config: How to train.
        compute: Device, precision, threads.
        lessons: As in `open_session`.

    Raises:
        ConfigError: Settings contradict each other or the data.
        DataError: The word vectors cannot be used.
    """
    backend = open_backend(_exact(compute), config.seed)
    pipeline, rows = make_classic_pipeline(backend, splits.train, splits.labels, classic)
    weights = class_weights(config.class_weight, splits.train["label"], splits.labels)
    seed_everything(backend, config.seed)
    model = _build(backend, pipeline, rows, classic)
    _compile(backend, model, config)
    learned = rows if lessons is None else lessons.encode(pipeline)
    train = pipeline.dataset(backend, learned, config)
    validation = pipeline.dataset(backend, pipeline.encode(splits.validation), config)
    with scratch_folder():
        base = backend.ktrain.core.GenLearner
        learner = make_learner(base, model, train, validation, config.batch_size)
    build_state(backend, model, len(splits.labels))
    return Session(backend, pipeline, model, learner, config, weights)


def _exact(compute: ComputeConfig) -> ComputeConfig:
    """Leave bfloat16 to those who ask: these models gain no speed from it.

    Their outputs are probabilities, whose sums it would leave up to 0.002 away from one.
    """
    if compute.precision != "auto" or is_opened():
        return compute
    return dataclasses.replace(compute, precision="float32")


def _build(
    backend: Backend, pipeline: ClassicPipeline, train: FeatureRows, classic: ModelConfig
) -> Untyped:
    if classic.model == "bigru":
        return _bigru(backend, pipeline, train, classic)
    with hushed(), _wide_enough_nbsvm(backend):
        model = backend.ktrain.text.text_classifier(
            classic.model,
            (train.ids, train.targets),
            preproc=pipeline.preprocessor,
            multilabel=False,
            verbose=0,
        )
    return _mended_standard_gru(model) if classic.model == "standard_gru" else model


@contextlib.contextmanager
def _wide_enough_nbsvm(backend: Backend) -> Iterator[None]:
    """Give NBSVM a weight for every feature that its preprocessor can produce.

    ktrain counts the features that are left in the training rows after they were cut to length.
    A later text can have one that was cut off everywhere, and an embedding without that row fails
    ("indices[...] is not in [0, n)"). Can go when ktrain takes the preprocessor's own number.
    """
    models = backend.ktrain.text.models
    original = models._build_nbsvm

    def build(classes: int, maxlen: int, top: int, features: set[int], **named: Any) -> Untyped:  # noqa: ANN401
        return original(classes, maxlen, top, features | {int(top) - 1}, **named)

    models._build_nbsvm = build
    try:
        yield
    finally:
        models._build_nbsvm = original


def _mended_standard_gru(model: Untyped) -> Untyped:
    """Drop a fifth of the GRUs' inputs instead of nine tenths.

    ktrain gives 0.9, which Keras reads as the share to drop, not to keep. Two epochs on SST-2's
    sentences come to 68.9 % on its dev set with 0.9 and to 78.6 % with 0.2. Can go when ktrain
    gives a share that trains.
    """
    for layer in model.layers:
        if hasattr(layer, "cell"):
            layer.cell.dropout = GRU_DROPOUT
    return model


def _bigru(
    backend: Backend, pipeline: ClassicPipeline, train: FeatureRows, classic: ModelConfig
) -> Untyped:
    """The network of ktrain's `bigru`, on the user's word vectors of whatever width.

    ktrain's own builder downloads 1.3 GB of fastText vectors unasked and takes no others; its
    network is repeated here. Can go when ktrain takes a file.
    """
    assert classic.vectors is not None, "ModelConfig refuses it"
    words = pipeline.preprocessor.get_tokenizer().word_index
    vectors = read_word_vectors(classic.vectors, words.keys())
    table = embedding_table(vectors, words, pipeline.preprocessor.max_features)
    layers = backend.keras.layers
    inputs = layers.Input(shape=(train.ids.shape[1],))
    embedded = layers.Embedding(*table.shape, weights=[table])(inputs)
    dropped = layers.SpatialDropout1D(0.2)(embedded)
    states = layers.Bidirectional(layers.GRU(80, return_sequences=True))(dropped)
    pooled = [layers.GlobalAveragePooling1D()(states), layers.GlobalMaxPool1D()(states)]
    outputs = layers.Dense(len(pipeline.labels), activation="softmax")(layers.concatenate(pooled))
    return backend.keras.Model(inputs=inputs, outputs=outputs)


def _compile(backend: Backend, model: Untyped, config: TrainConfig) -> None:
    macro_f1 = backend.keras.metrics.F1Score(average="macro", name="macro_f1")
    model.compile(
        optimizer=configured_adam(backend.tf, config),
        loss="categorical_crossentropy",
        metrics=["accuracy", macro_f1],
    )


def save_session(
    session: Session,
    folder: Path,
    facts: TrainingFacts,
    validation: ValidationTexts,
    *,
    overwrite: bool = False,
) -> SavedPredictor:
    """Save the trained model of a session; the arguments are those of `save_ktrain_model`.

    Raises:
        InputError: The folder exists and may not be replaced.
    """
    pipeline: ClassicPipeline = session.pipeline  # type: ignore[assignment]
    trained = TrainedKtrainModel(
        family=pipeline.family,
        labels=pipeline.labels,
        index=pipeline.index(),
        weights=name_weights(pipeline.family, session.model.get_weights()),
        ask=lambda texts: _ask(session.model, pipeline.ids(texts)),
        save_for_ktrain=lambda place: save_for_ktrain(session, place),
    )
    return save_ktrain_model(trained, folder, facts, validation, overwrite=overwrite)


def _ask(model: Untyped, ids: NDArray[np.int32]) -> NDArray[np.float32]:
    """Probabilities from eager calls, which no rewriting of graphs to bfloat16 reaches."""
    parts = [ids[first : first + _ASKED] for first in range(0, len(ids), _ASKED)]
    return np.concatenate([np.asarray(model(part, training=False), np.float32) for part in parts])


def save_for_ktrain(session: Session, folder: Path) -> None:
    """Write the two files that plain `ktrain.load_predictor` reads, into an existing folder."""
    keras = session.backend.keras
    # A copy with an optimiser of Keras's own: a file that names ours loads only beside us.
    portable = keras.models.clone_model(session.model)
    portable.set_weights(session.model.get_weights())
    portable.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    with hushed():
        predictor = session.backend.ktrain.get_predictor(portable, session.pipeline.preprocessor)
        predictor.save(str(folder))
