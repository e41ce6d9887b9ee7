"""Training, step by step: search a learning rate, fit, predict; whatever the model is.

trainer = open_encoder_trainer(encoder, splits, EncoderConfig(), TrainConfig(), ComputeConfig())
curve = trainer.find_learning_rate(SearchBounds())
fitted = trainer.fit(learning_rate=3e-5, checkpoints=Checkpoints(folder))
probabilities = trainer.predict_proba(splits.test)
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ktrain_sentiment.config import TrainConfig
from ktrain_sentiment.data import Splits
from ktrain_sentiment.errors import TrainingError
from ktrain_sentiment.export.keras_files import rescale_logits
from ktrain_sentiment.tasks import CLASSES, Task
from ktrain_sentiment.training.backend import Backend, Untyped, scratch_folder
from ktrain_sentiment.training.callbacks import (
    BestEpoch,
    Progress,
    StopOnNan,
    WeightAverage,
    as_callback,
)
from ktrain_sentiment.training.checkpoints import Checkpointer, Checkpoints, Position, build_state
from ktrain_sentiment.training.data_parallel import Together, begin_together, sharing_batches
from ktrain_sentiment.training.learning_rate import LearningRateCurve, SearchBounds, search
from ktrain_sentiment.training.policies import (
    Schedule,
    class_weights,
    fit_with_policy,
    make_learner,
    planned_epochs,
)


class Preprocessor(Protocol):
    """From texts to what a model reads, and from its outputs to probabilities."""

    @property
    def ktrain_preprocessor(self) -> Untyped:
        """ktrain's, ready to be saved in a predictor."""
        ...

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes, in the order of the model's outputs."""
        ...

    def encode(self, frame: pd.DataFrame, targets: NDArray[np.float32] | None = None) -> Any:  # noqa: ANN401
        """The rows' `text` as ids, and their targets: one-hot `label`s unless given."""
        ...

    def encode_to_ask(self, frame: pd.DataFrame) -> Any:  # noqa: ANN401
        """The rows' `text` as prediction reads it: a long one may be several rows of ids."""
        ...

    def dataset(self, backend: Backend, rows: Any, config: TrainConfig) -> Untyped:  # noqa: ANN401
        """Encoded rows as ktrain's Learner wants them, with `in_stored_order` for results."""
        ...

    def probabilities(self, data: Untyped, output: Untyped) -> NDArray[np.float32]:
        """Class probabilities of each text, float32 of shape (texts, classes).

        Args:
            data: What `dataset` made of encoded texts.
            output: What the model's `predict` gave for it.
        """
        ...


@dataclass(frozen=True)
class SoftTargets:
    """Texts, and what to learn of each: probabilities instead of labels (Hinton et al. 2015).

    Attributes:
        texts: Column `text`.
        targets: float32 of shape (rows, classes); each row sums to one.
    """

    texts: pd.DataFrame
    targets: NDArray[np.float32]


@dataclass(frozen=True)
class FitResult:
    """What training came to.

    Attributes:
        history: One row an epoch: losses and figures on training and validation rows.
        schedule: Learning rate and momentum of every step.
        best_epoch: The epoch (from 1) whose weights were kept.
        seconds: Time in `fit`, of this process alone when the run was resumed.
        steps: Steps that this process took.
        resumed: Whether an earlier process had begun.
        step_seconds: Mean time of a step, once its shapes are compiled; 0 where it was not taken.
    """

    history: pd.DataFrame
    schedule: Schedule
    best_epoch: int
    seconds: float
    steps: int
    resumed: bool
    step_seconds: float = 0.0


@dataclass(frozen=True)
class Course:
    """Steps to take: a compiled model, the rows to learn from, and how.

    Attributes:
        backend: The opened frameworks.
        model: The compiled Keras model.
        learner: ktrain's Learner over model and data sets.
        config: How to train, with what was left to the package filled in.
        class_weight: Weight of each class index in the loss, or None.
    """

    backend: Backend
    model: Untyped
    learner: Untyped
    config: TrainConfig
    class_weight: dict[int, float] | None = None

    @property
    def steps_taken(self) -> int:
        """How often the model was given a batch to learn from."""
        return int(self.model.optimizer.iterations.numpy())

    @property
    def usual_figure(self) -> str:
        """The figure that decides the best epoch where nobody says."""
        return "macro_f1"

    def finish(self) -> None:
        """What is done to the best weights before the model is asked; usually nothing."""

    def fit(
        self,
        learning_rate: float,
        checkpoints: Checkpoints | None,
        checkpoint_every: int = 500,
        *,
        resume: bool = False,
        quiet: bool = False,
        judged: bool = True,
        extra_callbacks: tuple[Untyped, ...] = (),
    ) -> FitResult:
        """Train with the configured policy and leave the best epoch's weights in the model.

        Args:
            learning_rate: The maximum learning rate.
            checkpoints: Where the state is kept for `resume`; None: nowhere.
            checkpoint_every: Steps between checkpoints inside an epoch.
            resume: Go on from the last checkpoint when there is one.
            quiet: Show no progress.
            judged: Ask the validation rows after each epoch; not needed where the last is kept.
            extra_callbacks: More Keras callbacks, such as TensorBoard's.

        Raises:
            TrainingError: The loss was not a number any more, or another worker is gone.
            KeyboardInterrupt: Ctrl-C was pressed; the state was saved and the message says so.
        """
        backend, config, learner = self.backend, self.config, self.learner
        workers = backend.workers
        follows = workers is not None and not workers.is_chief
        epochs = planned_epochs(config, learner.train_data.nsamples())
        average = None
        if config.ema_decay and not follows:
            average = as_callback(backend, WeightAverage, backend.tf, config.ema_decay)
        validation, rows = learner.val_data, learner.val_data.nsamples()
        best = as_callback(
            backend,
            BestEpoch,
            config.keep_best or self.usual_figure,
            config.early_stopping,
            rows,
            average,
        )
        keeper = as_callback(backend, Checkpointer, checkpoints, checkpoint_every, best, learner)
        begun = resume and checkpoints is not None and checkpoints.exists()
        start = keeper.resume(self.model) if begun else Position()
        if workers is not None:
            start = begin_together(workers, keeper, self.model)
        learner.train_data.start_at(start.epoch, start.step)
        # Keras asks this attribute where to begin, as it does when it restores a backup itself.
        self.model._training_state = start
        progress = as_callback(backend, Progress, epochs, start.step, quiet=quiet)
        # In this order: a loss that is no number ends training before it spoils the average, which
        # must be up to date before the best epoch is kept.
        averaging = [] if average is None else [average]
        together = [] if workers is None else [as_callback(backend, Together, workers)]
        watching = [as_callback(backend, StopOnNan), *averaging, best, progress]
        callbacks = [*together, keeper, *watching, *extra_callbacks]
        began, steps_before = time.monotonic(), self.steps_taken
        if start.epoch < epochs:
            learner.val_data = validation if judged else None
            try:
                with keeper.stopping_gently(), sharing_batches(workers, learner.train_data):
                    fit_with_policy(
                        backend, learner, config, learning_rate, callbacks, self.class_weight
                    )
            finally:
                learner.val_data = validation
            keeper.save(Position(epochs, 0))
        seconds = time.monotonic() - began
        schedule = learner.used_schedule()
        if keeper.resumed is not None:  # A run that had ended: nothing was trained here.
            kept = keeper.resumed.notes["schedule"].get("history", {})
            schedule = Schedule(kept.get("lr", []), kept.get("momentum", []))
        best.set_model(self.model)
        best.load_best()
        self.finish()
        return FitResult(
            history=pd.DataFrame(keeper.history),
            schedule=schedule,
            best_epoch=1 + (best.state["epoch"] or 0),
            seconds=seconds,
            steps=self.steps_taken - steps_before,
            resumed=start != Position(),
            step_seconds=progress.step_seconds,
        )


@dataclass(frozen=True, kw_only=True)
class Trainer(Course):
    """A classifier that is ready to train, and the rows to train it on.

    Attributes:
        preprocessor: Turns texts into what the model reads, and its outputs into probabilities.
    """

    preprocessor: Preprocessor

    @property
    def kept_layers(self) -> list[int] | None:
        """Which of the encoder's layers are trained, from 0; None: all, or there is no encoder."""
        config = getattr(self.model, "config", None)
        return getattr(config, "kept_layers", None)

    @property
    def longest_text(self) -> int:
        """How many tokens of a text the model reads, or features in one of ktrain's classifiers."""
        return int(self.preprocessor.ktrain_preprocessor.maxlen)

    @property
    def usual_figure(self) -> str:
        """Macro F1; the loss where scores or several labels are learned."""
        task: Task = getattr(self.preprocessor, "task", CLASSES)
        return "loss" if task.is_score or task.is_multi else "macro_f1"

    def finish(self) -> None:
        """Put the scale of scores into the last layer: from here on answers are in their unit.

        Raises:
            TrainingError: That layer is not the one that its name says.
        """
        scale = getattr(self.preprocessor, "scale", None)
        if scale is None:
            return
        rows = self.learner.val_data.rows
        inputs, _ = rows.batch(np.arange(min(len(rows.targets), 8)))

        def ask() -> NDArray[np.float32]:
            return np.asarray(self.model(inputs, training=False).logits, np.float32)

        if not rescale_logits(self.model, scale.spread, scale.middle, ask):
            raise TrainingError(
                f"the last layer of {type(self.model).__name__} is not known, and the scale of the "
                "scores belongs in it: choose another encoder"
            )

    def find_learning_rate(
        self, bounds: SearchBounds, on_step: Callable[[], Any] | None = None
    ) -> LearningRateCurve:
        """Search a learning rate; model and optimiser stay as they were."""
        data = self.learner.train_data
        return search(self.backend, self.model, data, bounds, self.class_weight, on_step)

    def predict_proba(self, frame: pd.DataFrame) -> NDArray[np.float32]:
        """Class probabilities of the `text` column, float32 of shape (rows, classes); or scores."""
        rows = self.preprocessor.encode_to_ask(frame)
        data = self.preprocessor.dataset(self.backend, rows, self.config)
        output = self.model.predict(data.to_tfdataset(train=False), verbose=0)
        return self.preprocessor.probabilities(data, output)


def assemble_trainer(
    backend: Backend,
    preprocessor: Preprocessor,
    model: Untyped,
    learned: Any,  # noqa: ANN401 - what the preprocessor's `encode` gives
    splits: Splits,
    config: TrainConfig,
    learner: Untyped,
) -> Trainer:
    """Put a compiled model, its preprocessor and the rows together.

    Args:
        backend: The opened frameworks.
        preprocessor: Of the model.
        model: A compiled Keras classifier.
        learned: The encoded rows to learn from.
        splits: Training and validation rows. Class weights come from the training rows' labels,
            whatever is learned.
        config: How to train.
        learner: ktrain's class of Learner for such a model.

    Raises:
        ConfigError: A class weight is of an unknown class.
    """
    weights = class_weights(config.class_weight, splits.train["label"], splits.labels)
    train = preprocessor.dataset(backend, learned, config)
    validation = preprocessor.dataset(backend, preprocessor.encode(splits.validation), config)
    with scratch_folder():
        made = make_learner(learner, model, train, validation, config.batch_size)
    # Now, because a resumed run puts saved values into variables that the first step would make.
    build_state(backend, model, len(splits.labels))
    return Trainer(backend, model, made, config, weights, preprocessor=preprocessor)
