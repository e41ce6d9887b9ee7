"""Training, step by step: open a session, search a learning rate, fit, predict.

session = open_session(encoder, splits, EncoderConfig(), TrainConfig(), ComputeConfig())
curve = find_learning_rate(session, SearchBounds())
fitted = fit(session, learning_rate=3e-5, checkpoints=Checkpoints(folder))
probabilities = predict_proba(session, splits.test)
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ktrain_sentiment.config import ComputeConfig, EncoderConfig, TrainConfig
from ktrain_sentiment.data import Splits
from ktrain_sentiment.training.adversarial import adversarial_distance, train_adversarially
from ktrain_sentiment.training.averaging import WeightAverage
from ktrain_sentiment.training.backend import (
    Backend,
    Untyped,
    open_backend,
    seed_everything,
)
from ktrain_sentiment.training.callbacks import BestEpoch, Progress, StopOnNan, as_callback
from ktrain_sentiment.training.checkpoints import Checkpointer, Checkpoints, Position
from ktrain_sentiment.training.class_weights import class_weights
from ktrain_sentiment.training.finder import (
    LearningRateCurve,
    SearchBounds,
    scratch_folder,
    search,
)
from ktrain_sentiment.training.model import make_classifier, make_pipeline
from ktrain_sentiment.training.optimizers import configured_adam
from ktrain_sentiment.training.policies import (
    Schedule,
    fit_with_policy,
    make_learner,
    planned_epochs,
)
from ktrain_sentiment.training.state import build_state


class Pipeline(Protocol):
    """What stands before and after a model."""

    @property
    def preprocessor(self) -> Untyped:
        """ktrain's, ready to be saved in a predictor."""
        ...

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes, in the order of the model's outputs."""
        ...

    def encode(self, frame: pd.DataFrame, targets: NDArray[np.float32] | None = None) -> Any:  # noqa: ANN401
        """The rows' `text` as ids, and their targets: one-hot `label`s unless given."""
        ...

    def dataset(self, backend: Backend, rows: Any, config: TrainConfig) -> Untyped:  # noqa: ANN401
        """Encoded rows as ktrain's Learner wants them, with `in_stored_order` for results."""
        ...

    def probabilities(self, output: Untyped) -> NDArray[np.float32]:
        """Class probabilities of what the model's `predict` gave, shape (rows, classes)."""
        ...


@dataclass(frozen=True)
class Session:
    """A model that is ready to train, and the rows to train it on.

    Attributes:
        backend: The opened frameworks.
        pipeline: Turns texts into what the model reads, and its outputs into probabilities.
        model: The compiled Keras classifier.
        learner: ktrain's Learner over model and data sets.
        config: How to train, with what was left to the package filled in.
        class_weight: Weight of each class index in the loss, or None.
    """

    backend: Backend
    pipeline: Pipeline
    model: Untyped
    learner: Untyped
    config: TrainConfig
    class_weight: dict[int, float] | None

    @property
    def kept_layers(self) -> list[int] | None:
        """Which of the encoder's layers are trained, from 0; None: all, or there is no encoder."""
        config = getattr(self.model, "config", None)
        return getattr(config, "kept_layers", None)

    @property
    def longest_text(self) -> int:
        """How many tokens of a text the model reads, or features in one of ktrain's classifiers."""
        return int(self.pipeline.preprocessor.maxlen)


@dataclass(frozen=True)
class Fitted:
    """What training came to.

    Attributes:
        history: One row an epoch: losses and figures on training and validation rows.
        schedule: Learning rate and momentum of every step.
        best_epoch: The epoch (from 1) whose weights were kept.
        seconds: Time in `fit`, of this process alone when the run was resumed.
        steps: Steps that this process took.
        resumed: Whether an earlier process had begun.
    """

    history: pd.DataFrame
    schedule: Schedule
    best_epoch: int
    seconds: float
    steps: int
    resumed: bool


@dataclass(frozen=True)
class Lessons:
    """Texts, and what to learn of each.

    Attributes:
        texts: Column `text`.
        targets: float32 of shape (rows, classes); each row sums to one.
    """

    texts: pd.DataFrame
    targets: NDArray[np.float32]

    def encode(self, pipeline: Pipeline) -> Any:  # noqa: ANN401
        """The texts as the pipeline encodes them, with the targets."""
        return pipeline.encode(self.texts, self.targets)


def open_session(
    encoder: Path,
    splits: Splits,
    encoder_config: EncoderConfig,
    config: TrainConfig,
    compute: ComputeConfig,
    lessons: Lessons | None = None,
) -> Session:
    """Load the encoder, tokenise the rows, and compile a classifier.

    Args:
        encoder: A verified encoder folder.
        splits: Training and validation rows.
        encoder_config: The longest text, and how many of the encoder's layers to keep.
        config: How to train.
        compute: Device, precision, threads.
        lessons: What to learn; the training rows and their labels when not given. Class weights
            are taken from the training rows' labels either way.

    Raises:
        ConfigError: Settings contradict each other or the data.
        EncoderError: The encoder cannot be used.
    """
    backend = open_backend(compute, config.seed)
    pipeline = make_pipeline(backend, encoder, splits.train, splits.labels, encoder_config.maxlen)
    weights = class_weights(config.class_weight, splits.train["label"], splits.labels)
    # Seeded here, so that the new head and the dropout depend on nothing that came before.
    seed_everything(backend, config.seed)
    optimizer = configured_adam(backend.tf, config)
    model = make_classifier(
        backend,
        pipeline,
        optimizer,
        config.freeze,
        layers=encoder_config.layers,
        fast=compute.accelerate,
    )
    rows = pipeline.encode(splits.train) if lessons is None else lessons.encode(pipeline)
    distance = adversarial_distance(config, len(rows.targets))
    if distance:
        train_adversarially(backend.tf, model, distance)
    train = pipeline.dataset(backend, rows, config)
    validation = pipeline.dataset(backend, pipeline.encode(splits.validation), config)
    with scratch_folder():
        base = backend.ktrain.text.learner.TransformerTextClassLearner
        learner = make_learner(base, model, train, validation, config.batch_size)
    build_state(backend, model, len(splits.labels))
    config = replace(config, adversarial_epsilon=distance)
    return Session(backend, pipeline, model, learner, config, weights)


def find_learning_rate(
    session: Session, bounds: SearchBounds, on_step: Callable[[], Any] | None = None
) -> LearningRateCurve:
    """Search a learning rate; the session's model and optimiser stay as they were."""
    return search(
        session.backend,
        session.model,
        session.learner.train_data,
        bounds,
        session.class_weight,
        on_step,
    )


def fit(
    session: Session,
    learning_rate: float,
    checkpoints: Checkpoints,
    checkpoint_every: int = 500,
    *,
    resume: bool = False,
    quiet: bool = False,
    extra_callbacks: tuple[Untyped, ...] = (),
) -> Fitted:
    """Train with the configured policy and leave the best epoch's weights in the model.

    Args:
        session: From `open_session`.
        learning_rate: The maximum learning rate.
        checkpoints: Where the state is kept for `resume`.
        checkpoint_every: Steps between checkpoints inside an epoch.
        resume: Go on from the last checkpoint when there is one.
        quiet: Show no progress.
        extra_callbacks: More Keras callbacks, such as TensorBoard's.

    Raises:
        TrainingError: The loss was not a number any more.
        KeyboardInterrupt: Ctrl-C was pressed; the state was saved and the message says so.
    """
    backend, config = session.backend, session.config
    epochs = planned_epochs(config, session.learner.train_data.nsamples())
    average = None
    if config.ema_decay:
        average = as_callback(backend, WeightAverage, backend.tf, config.ema_decay)
    rows = session.learner.val_data.nsamples()
    best = as_callback(backend, BestEpoch, config.keep_best, config.early_stopping, rows, average)
    keeper = as_callback(
        backend, Checkpointer, checkpoints, checkpoint_every, best, session.learner
    )
    start = keeper.resume(session.model) if resume and checkpoints.exists() else Position()
    session.learner.train_data.start_at(start.epoch, start.step)
    session.model._training_state = start
    progress = as_callback(backend, Progress, epochs, quiet=quiet)
    averaging = [] if average is None else [average]
    watching = [as_callback(backend, StopOnNan), *averaging, best, progress]
    callbacks = [keeper, *watching, *extra_callbacks]
    began, steps_before = time.monotonic(), _steps_taken(session.model)
    if start.epoch < epochs:
        with keeper.stopping_gently():
            fit_with_policy(
                backend, session.learner, config, learning_rate, callbacks, session.class_weight
            )
        keeper.save(Position(epochs, 0))
    seconds = time.monotonic() - began
    schedule = _schedule_of(session, keeper)
    best.set_model(session.model)
    best.load_best()
    return Fitted(
        history=pd.DataFrame(keeper.history),
        schedule=schedule,
        best_epoch=1 + (best.state["epoch"] or 0),
        seconds=seconds,
        steps=_steps_taken(session.model) - steps_before,
        resumed=start != Position(),
    )


def _schedule_of(session: Session, keeper: Untyped) -> Schedule:
    if keeper.resumed is None:
        return session.learner.used_schedule()  # type: ignore[no-any-return]
    history = keeper.resumed.notes["schedule"].get("history", {})
    return Schedule(history.get("lr", []), history.get("momentum", []))


def _steps_taken(model: Untyped) -> int:
    return int(model.optimizer.iterations.numpy())


def predict_proba(session: Session, frame: pd.DataFrame) -> NDArray[np.float32]:
    """Class probabilities of the `text` column, float32 of shape (rows, classes)."""
    pipeline = session.pipeline
    rows = pipeline.encode(frame, np.zeros((len(frame), len(pipeline.labels)), np.float32))
    data = pipeline.dataset(session.backend, rows, session.config)
    output = session.model.predict(data.to_tfdataset(train=False), verbose=0)
    return data.in_stored_order(pipeline.probabilities(output))  # type: ignore[no-any-return]
