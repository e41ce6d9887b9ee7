"""The whole state of training as plain arrays: taken, put back, and kept on disk.

State is everything that decides the next step: weights, optimiser slots and its hyperparameters,
running metrics, and the random generators of the dropout layers.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.atomic import staged_file
from ktrain_sentiment.errors import require
from ktrain_sentiment.training.backend import Backend, Untyped

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
    """Copy the state of a compiled model."""
    arrays = {
        f"{kind}/{index:05d}": np.array(variable.numpy(), copy=True)
        for kind, variables in _variables(model).items()
        for index, variable in enumerate(variables)
    }
    hyper = {name: _hyperparameter(model, name) for name in HYPERPARAMETERS}
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
            _set_hyperparameter(model, name, value)


def _variables(model: Untyped) -> dict[str, list[Untyped]]:
    return {
        "weights": list(model.weights),
        "optimizer": _optimizer_variables(model.optimizer),
        "metrics": [v for metric in model.metrics for v in metric.variables],
        "random": random_states(model),
    }


def _optimizer_variables(optimizer: Untyped) -> list[Untyped]:
    variables = optimizer.variables
    return list(variables() if callable(variables) else variables)


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
    optimizer = model.optimizer
    if hasattr(optimizer, "_create_all_weights"):
        optimizer._create_all_weights(model.trainable_variables)
    else:
        optimizer.build(model.trainable_variables)
    example = backend.tf.zeros([1, classes])
    model.compiled_loss.build(example)
    model.compiled_metrics.build(example, example)
    for metric in model.metrics:
        metric.update_state(example, example)
        metric.reset_state()
    for generator in _generators(model):
        generator._maybe_init()


def _hyperparameter(model: Untyped, name: str) -> float | None:
    value = getattr(model.optimizer, name, None)
    if value is None:
        return None
    return float(value.numpy() if hasattr(value, "numpy") else value)


def _set_hyperparameter(model: Untyped, name: str, value: float) -> None:
    current = getattr(model.optimizer, name)
    if hasattr(current, "assign"):
        current.assign(value)
    else:
        setattr(model.optimizer, name, value)


def save_state(state: TrainingState, path: Path) -> None:
    """Write a state into one safetensors file, whole or not at all."""
    safetensors = require("safetensors.numpy", "train")
    with staged_file(path, overwrite=True) as target:
        safetensors.save_file(state.arrays, target, metadata={"notes": json.dumps(state.notes)})


def load_state(path: Path) -> TrainingState:
    """Read a state that `save_state` wrote."""
    open_file = require("safetensors", "train").safe_open
    with open_file(path, framework="numpy") as stored:
        notes = json.loads(stored.metadata()["notes"])
        return TrainingState({name: stored.get_tensor(name) for name in stored.keys()}, notes)  # noqa: SIM118
