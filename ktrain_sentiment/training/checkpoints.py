"""Restart: the state of a run, taken, put back, and on disk: enough to go on byte for byte.

State is everything that decides the next step: weights, optimiser slots and its hyperparameters,
running metrics, and the random generators of the dropout layers.

Two files: `last.safetensors` holds the state of training before some step, and
`best-<epoch>.safetensors` the weights of the best epoch that it refers to. Each is written beside
its place and moved in, so a process killed at any moment leaves a complete older one.
"""

from __future__ import annotations

import json
import logging
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.atomic import staged_file
from ktrain_sentiment.export.weights import read_with_metadata, write_safetensors
from ktrain_sentiment.training.backend import Backend, Logs, Untyped
from ktrain_sentiment.training.callbacks import BestEpoch

log = logging.getLogger(__name__)

LAST = "last.safetensors"
HYPERPARAMETERS = ("lr", "beta_1")
"""What ktrain's policies change in the optimiser while training."""


@dataclass(frozen=True)
class TrainingState:
    """Arrays by name, and what is not an array.

    Attributes:
        arrays: `weights/…`, `optimizer/…`, `metrics/…`, `random/…`, each with a running number.
        notes: Position, schedule, history and whatever else is plain JSON.
    """

    arrays: dict[str, NDArray[Any]]
    notes: dict[str, Any] = field(default_factory=dict)


def capture(model: Untyped, notes: dict[str, Any] | None = None) -> TrainingState:
    """The state of a compiled model, as it is now whatever becomes of the model.

    The arrays are read-only and the variables' own memory: three times the weights are not copied
    for a file that is written at once. A variable that is updated while its tensor is held moves
    to new memory.
    """
    arrays = {
        f"{kind}/{index:05d}": np.asarray(variable.value())
        for kind, variables in _variables(model).items()
        for index, variable in enumerate(variables)
    }
    held = {name: getattr(model.optimizer, name, None) for name in HYPERPARAMETERS}
    hyper = {name: None if one is None else float(one) for name, one in held.items()}
    return TrainingState(arrays, {"hyperparameters": hyper, **(notes or {})})


def restore(model: Untyped, state: TrainingState) -> None:
    """Put a captured state back into the model, its optimiser, metrics and generators."""
    for kind, variables in _variables(model).items():
        for index, variable in enumerate(variables):
            name = f"{kind}/{index:05d}"
            value = state.arrays.get(name)
            # An optimiser makes its slots at the first step: one that is not in the state was
            # made later, and starts from zero.
            variable.assign(np.zeros(variable.shape) if value is None else value)
    for name, value in state.notes["hyperparameters"].items():
        if value is not None:
            getattr(model.optimizer, name).assign(value)


def _variables(model: Untyped) -> dict[str, list[Untyped]]:
    return {
        "weights": list(model.weights),
        "optimizer": list(model.optimizer.variables()),
        "metrics": [v for metric in model.metrics for v in metric.variables],
        "random": random_states(model),
    }


def random_states(model: Untyped) -> list[Untyped]:
    """State variables of the generators of the model's dropout layers, in a fixed order."""
    inner = (getattr(generator, "_generator", None) for generator in _generators(model))
    return [generator.state for generator in inner if generator is not None]


def _generators(model: Untyped) -> list[Untyped]:
    found = (getattr(module, "_random_generator", None) for module in model.submodules)
    return [generator for generator in found if generator is not None]


def build_state(backend: Backend, model: Untyped, classes: int) -> None:
    """Make every variable that training has: slots, metrics and random generators.

    Keras makes them at the first step, which is too late to put saved values into them.
    """
    model.optimizer._create_all_weights(model.trainable_variables)
    example = backend.tf.zeros([1, classes])
    model.compiled_loss.build(example)
    model.compiled_metrics.build(example, example)
    for metric in model.metrics:
        metric.update_state(example, example)
        metric.reset_state()
    for generator in _generators(model):
        generator._maybe_init()


def save_state(state: TrainingState, path: Path) -> None:
    """Write a state into one safetensors file, whole or not at all."""
    with staged_file(path, overwrite=True) as target:
        write_safetensors(target, state.arrays, {"notes": json.dumps(state.notes)})


def load_state(path: Path) -> TrainingState:
    """Read a state that `save_state` wrote."""
    arrays, metadata = read_with_metadata(path)
    return TrainingState(arrays, json.loads(metadata["notes"]))


@dataclass(frozen=True)
class Position:
    """Where training stands: the epoch and the step inside it that come next, both from 0."""

    epoch: int = 0
    step: int = 0

    def maybe_load_initial_counters_from_ckpt(
        self, steps_per_epoch: int, initial_epoch: int, mode: object = None
    ) -> tuple[int, int]:
        """Tell Keras's `fit` where to begin; it asks for this by this name."""
        del steps_per_epoch, initial_epoch, mode
        return self.epoch, self.step


class Checkpoints:
    """A folder of checkpoints of one run."""

    def __init__(self, folder: Path) -> None:
        """Use this folder; it is made at the first save."""
        self.folder = folder
        self._kept: list[NDArray[Any]] | None = None  # The best weights that are there.

    def exists(self) -> bool:
        """Whether there is something to go on from."""
        return (self.folder / LAST).is_file()

    def save(self, state: TrainingState, best: BestEpoch) -> None:
        """Write the state, and the best weights when they are new."""
        self.folder.mkdir(parents=True, exist_ok=True)
        name = self._best_name(best.state)
        # The weights first: a process that dies here leaves a state whose best weights are there.
        if name and best.weights is not self._kept:
            weights = {f"weights/{i:05d}": w for i, w in enumerate(best.weights)}
            save_state(TrainingState(weights), self.folder / name)
            self._kept = best.weights
        save_state(state, self.folder / LAST)
        # Only now is no state on disk that names older weights.
        for old in self.folder.glob("best-*.safetensors"):
            if old.name != name:
                old.unlink()

    def load(self, best: BestEpoch) -> TrainingState:
        """Read the last state, and give the best epoch back its weights."""
        state = load_state(self.folder / LAST)
        best.state = state.notes["best"]
        name = self._best_name(best.state)
        if name:
            arrays = load_state(self.folder / name).arrays
            best.weights = self._kept = [arrays[key] for key in sorted(arrays)]
        return state

    @staticmethod
    def _best_name(state: Mapping[str, Any]) -> str | None:
        return None if state["epoch"] is None else f"best-{state['epoch']:05d}.safetensors"


class Checkpointer:
    """Saves at the start of each epoch, every so many steps, and when asked to stop.

    It comes first among the callbacks and saves before a step, when all callbacks are through
    with the step before: then the state is one that training really passes through.
    """

    model: Untyped

    def __init__(
        self, checkpoints: Checkpoints | None, every: int, best: BestEpoch, learner: Untyped
    ) -> None:
        """Prepare.

        Args:
            checkpoints: Where to save; None: nowhere, the training is not gone on with.
            every: Steps between saves inside an epoch.
            best: Keeper of the best epoch, whose state belongs to the run's.
            learner: The learner, which knows its schedule.
        """
        super().__init__()
        self.checkpoints = checkpoints
        self.every = every
        self.best = best
        self.learner = learner
        self.history: list[dict[str, float]] = []
        self.resumed: TrainingState | None = None
        self.saved: Position | None = None
        self.stop_asked = threading.Event()
        self.epoch = 0

    def resume(self, model: Untyped) -> Position:
        """Load the last checkpoint into the model; the rest follows when training begins."""
        assert self.checkpoints is not None, "there is nothing to go on from"
        return self.resume_from(self.checkpoints.load(self.best), model)

    def resume_from(self, state: TrainingState, model: Untyped) -> Position:
        """Put a state into the model; the rest follows when training begins."""
        self.resumed = state
        restore(model, self.resumed)
        if self.best.average is not None:
            self.best.average.set_model(model)
            self.best.average.restore(self.resumed.arrays)
        self.history = list(self.resumed.notes["history"])
        self.saved = Position(**self.resumed.notes["position"])
        return self.saved

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Finish what `resume` began, or save the finished epochs."""
        del logs
        self.epoch = epoch
        if self.resumed is not None:
            # Keras has reset the metrics, and ktrain's schedule has set the learning rate.
            restore(self.model, self.resumed)
            self.learner.restore_schedule(self.resumed.notes["schedule"])
            self.resumed = None
        elif epoch > 0:
            self.save(Position(epoch, 0))

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Save before every `every`-th step, or when a stop was asked for."""
        del logs
        here = Position(self.epoch, batch)
        due = batch > 0 and batch % self.every == 0 and here != self.saved
        if due or self.stop_asked.is_set():
            self.save(here)
        if self.stop_asked.is_set() and self.checkpoints is None:
            raise KeyboardInterrupt
        if self.stop_asked.is_set():
            raise KeyboardInterrupt(
                f"stopped and saved at epoch {here.epoch + 1}, step {batch}: "
                "run the same command with --resume (and without --overwrite) to go on"
            )

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Note the epoch's figures."""
        self.history.append({"epoch": epoch + 1, **{k: float(v) for k, v in (logs or {}).items()}})

    def save(self, position: Position) -> None:
        """Write a checkpoint that goes on at this position, if any are kept."""
        if self.checkpoints is None:
            return
        notes = {
            "position": {"epoch": position.epoch, "step": position.step},
            "schedule": self.learner.schedule_state(),
            "history": self.history,
            "best": self.best.state,
        }
        state = capture(self.model, notes)
        if self.best.average is not None:
            state.arrays.update(self.best.average.capture())
        self.checkpoints.save(state, self.best)
        self.saved = position

    @contextmanager
    def stopping_gently(self) -> Iterator[None]:
        """Turn the first Ctrl-C into a save at the next step; the second one interrupts at once."""
        # Python delivers signals to the main thread alone.
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def on_interrupt(number: int, frame: FrameType | None) -> None:
            if self.stop_asked.is_set():
                signal.default_int_handler(number, frame)
            self.stop_asked.set()
            log.warning("stopping after this step; Ctrl-C again stops at once and saves nothing")

        before = signal.signal(signal.SIGINT, on_interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)
