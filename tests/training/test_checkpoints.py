"""A run that was stopped and resumed ends exactly as one that never was."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ktrain_sentiment.config import (
    ComputeConfig,
    DataConfig,
    ModelConfig,
    SplitConfig,
    TrainConfig,
)
from ktrain_sentiment.config.train_config import Policy
from ktrain_sentiment.data import read_labelled, split
from ktrain_sentiment.training.backend import open_backend
from ktrain_sentiment.training.callbacks import BestEpoch, as_callback
from ktrain_sentiment.training.checkpoints import Checkpoints, TrainingState, capture, restore
from ktrain_sentiment.training.ktrain_trainer import open_ktrain_trainer


class Killed(BaseException):
    """Stands for the end of the process: nothing of ours catches it."""


class KillAt:
    """Ends training just before a step."""

    def __init__(self, epoch: int, step: int) -> None:
        super().__init__()
        self.when = (epoch, step)
        self.epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.epoch = epoch

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        if (self.epoch, batch) == self.when:
            raise Killed


def outcome(trainer: Any, fitted: Any) -> tuple[list[np.ndarray], list[dict[str, float]], Any]:
    history = fitted.history.to_dict("records")
    return trainer.model.get_weights(), history, fitted.schedule


def test_a_run_that_was_killed_twice_ends_like_the_unbroken_one(
    open_tiny: Callable[..., Any], tmp_path: Path
) -> None:
    settings = {"epochs": 3, "early_stopping": 3, "adversarial_epsilon": 1.0}
    trainer = open_tiny(**settings)
    unbroken = outcome(trainer, trainer.fit(1e-3, Checkpoints(tmp_path / "a"), 4, quiet=True))
    backend = open_backend()
    for moment in [(0, 7), (1, 2)]:
        trainer = open_tiny(**settings)
        kill = as_callback(backend, KillAt, *moment)
        with pytest.raises(Killed):
            trainer.fit(
                1e-3,
                Checkpoints(tmp_path / "b"),
                4,
                resume=True,
                quiet=True,
                extra_callbacks=(kill,),
            )
    trainer = open_tiny(**settings)
    resumed = outcome(
        trainer, trainer.fit(1e-3, Checkpoints(tmp_path / "b"), 4, resume=True, quiet=True)
    )
    assert resumed[1] == unbroken[1]
    assert resumed[2] == unbroken[2]
    for mine, theirs in zip(resumed[0], unbroken[0], strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_run_with_the_fused_kernels_resumes_exactly_too(
    open_tiny: Callable[..., Any], tmp_path: Path
) -> None:
    settings = {"accelerate": True, "deeper": True, "epochs": 1, "batch_size": 30}
    trainer = open_tiny(**settings)
    unbroken = outcome(trainer, trainer.fit(1e-3, Checkpoints(tmp_path / "a"), 4, quiet=True))
    trainer = open_tiny(**settings)
    kill = as_callback(open_backend(), KillAt, 0, 6)
    checkpoints = Checkpoints(tmp_path / "b")
    with pytest.raises(Killed):
        trainer.fit(1e-3, checkpoints, 4, quiet=True, extra_callbacks=(kill,))
    trainer = open_tiny(**settings)
    resumed = outcome(trainer, trainer.fit(1e-3, checkpoints, 4, resume=True, quiet=True))
    assert resumed[1] == unbroken[1]
    for mine, theirs in zip(resumed[0], unbroken[0], strict=True):
        np.testing.assert_array_equal(mine, theirs)


# A policy is the same whatever is trained, and this is built sooner than an encoder.
@pytest.mark.parametrize("policy", ["onecycle", "triangular", "sgdr", "linear"])
def test_a_ktrain_model_resumes_exactly_too_by_any_policy(
    policy: Policy, reviews_csv: Path, tmp_path: Path
) -> None:
    splits = split(read_labelled(DataConfig(data=str(reviews_csv))), SplitConfig())
    config = TrainConfig(policy=policy, epochs=3, early_stopping=3, batch_size=40)

    def opened() -> Any:
        return open_ktrain_trainer(splits, ModelConfig(model="fasttext"), config, ComputeConfig())

    trainer = opened()
    unbroken = outcome(trainer, trainer.fit(1e-2, Checkpoints(tmp_path / "a"), 4, quiet=True))
    trainer, checkpoints = opened(), Checkpoints(tmp_path / "b")
    kill = as_callback(trainer.backend, KillAt, 1, 6)
    with pytest.raises(Killed):
        trainer.fit(1e-2, checkpoints, 4, quiet=True, extra_callbacks=(kill,))
    trainer = opened()
    resumed = outcome(trainer, trainer.fit(1e-2, checkpoints, 4, resume=True, quiet=True))
    assert resumed[1] == unbroken[1]
    assert resumed[2] == unbroken[2]
    for mine, theirs in zip(resumed[0], unbroken[0], strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_folder_that_another_training_left_gives_no_weights_of_its_own(tmp_path: Path) -> None:
    best = BestEpoch("accuracy", None, 10)
    best.state = {"epoch": 2, "value": 0.9, "waited": 0}
    state = TrainingState({}, {"best": best.state})
    for value in (1.0, 2.0):  # Two trainings, the later one without --resume.
        best.weights = [np.full(3, value, np.float32)]
        checkpoints = Checkpoints(tmp_path)
        checkpoints.save(state, best)
        checkpoints.save(state, best)
    Checkpoints(tmp_path).load(best)
    assert best.weights[0].tolist() == [2.0, 2.0, 2.0]


def test_a_captured_state_takes_no_memory_and_stays_what_it_was() -> None:
    layers = (keras := open_backend().keras).layers
    model = keras.Sequential(
        [layers.Embedding(50, 8, input_length=4), layers.Flatten(), layers.Dense(2)]
    )
    model.compile(keras.optimizers.legacy.Adam(0.1), "mse")
    words, targets = np.arange(12).reshape(3, 4), np.ones((3, 2), np.float32)
    model.train_on_batch(words, targets)
    state = capture(model)
    kept = {name: array.copy() for name, array in state.arrays.items()}
    dense = np.asarray(model.weights[1].value())
    assert np.shares_memory(state.arrays["weights/00001"], dense)
    model.train_on_batch(words, targets)
    assert not np.array_equal(model.weights[1].numpy(), kept["weights/00001"])
    for name, array in state.arrays.items():
        np.testing.assert_array_equal(array, kept[name], err_msg=name)
    restore(model, state)
    for name, array in capture(model).arrays.items():
        np.testing.assert_array_equal(array, kept[name], err_msg=name)
