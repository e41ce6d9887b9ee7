"""Adversarial training: the step it takes, what it leaves alone, and what it reports."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ktrain_sentiment.config import TrainConfig
from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.training.adversarial import FEW, adversarial_distance, word_table
from ktrain_sentiment.training.checkpoints import Checkpoints
from ktrain_sentiment.training.learning_rate import SearchBounds

DISTANCE = 4.0


@pytest.fixture
def open_calm(open_tiny: Callable[..., Any]) -> Callable[..., Any]:
    """Sessions without dropout, whose optimiser subtracts the gradient times a rate."""

    def make(rate: float, **settings: Any) -> Any:
        trainer = open_tiny(adversarial_epsilon=DISTANCE, **settings)
        model, tf = trainer.model, trainer.backend.tf
        for part in model.submodules:
            if hasattr(part, "rate"):
                part.rate = 0.0
        plain = tf.keras.optimizers.legacy.SGD(rate)
        model.compile(optimizer=plain, loss=model.loss, metrics=["accuracy"])
        return trainer

    return make


def first_batch(trainer: Any) -> tuple[Any, Any]:
    return next(iter(trainer.learner.train_data.to_tfdataset(train=True)))


def gradients(trainer: Any, inputs: Any, targets: Any, weights: Any) -> list[np.ndarray]:
    tf, model = trainer.backend.tf, trainer.model
    with tf.GradientTape() as tape:
        loss = model.loss(targets, model(inputs, training=True).logits, weights)
    found = tape.gradient(loss, model.trainable_variables)
    return [tf.convert_to_tensor(gradient).numpy() for gradient in found]


def distance(some: list[np.ndarray], others: list[np.ndarray]) -> float:
    pairs = zip(some, others, strict=True)
    return float(np.sqrt(sum(np.square(one - other).sum() for one, other in pairs)))


def test_a_step_is_the_mean_of_the_gradients_here_and_where_the_loss_is_higher(
    open_calm: Callable[..., Any],
) -> None:
    trainer = open_calm(rate=1.0)
    model, table = trainer.model, word_table(trainer.model)
    inputs, targets = first_batch(trainer)
    weights = np.linspace(0.5, 2.0, len(targets)).astype(np.float32)
    before = [variable.numpy() for variable in model.trainable_variables]
    place = next(i for i, v in enumerate(model.trainable_variables) if v is table)

    here = gradients(trainer, inputs, targets, weights)
    length = DISTANCE * np.linalg.norm(before[place], axis=1).mean()
    table.assign_add(length * here[place] / np.linalg.norm(here[place]))
    there = gradients(trainer, inputs, targets, weights)
    table.assign(before[place])

    model.train_on_batch(inputs, targets, sample_weight=weights)
    step = [b - v.numpy() for b, v in zip(before, model.trainable_variables, strict=True)]
    wanted = [(one + other) / 2 for one, other in zip(here, there, strict=True)]
    # A step is computed with bfloat16 where the machine has it, and the gradients here are not.
    assert distance(step, wanted) < 0.05 * distance(here, there)


def test_the_embeddings_are_put_back_exactly(open_calm: Callable[..., Any]) -> None:
    trainer = open_calm(rate=0.0)
    before = word_table(trainer.model).numpy()
    trainer.model.train_on_batch(*first_batch(trainer))
    np.testing.assert_array_equal(word_table(trainer.model).numpy(), before)


def test_what_training_reports_is_about_the_texts_as_they_are(
    open_calm: Callable[..., Any],
) -> None:
    trainer = open_calm(rate=0.0)
    batch = first_batch(trainer)
    trained = trainer.model.train_on_batch(*batch, return_dict=True)
    judged = trainer.model.test_on_batch(*batch, return_dict=True)
    assert trained == pytest.approx(judged, abs=1e-6)


def test_a_search_takes_the_models_own_steps_and_gives_the_adversarial_one_back(
    open_tiny: Callable[..., Any],
) -> None:
    trainer = open_tiny(adversarial_epsilon=DISTANCE)
    step, seen = trainer.model.train_step, []
    bounds = SearchBounds(1e-5, 1e-1, 20)
    trainer.find_learning_rate(bounds, lambda: seen.append(trainer.model.train_step))
    assert len(seen) == 20
    assert step not in seen
    assert trainer.model.train_step is step


@pytest.mark.parametrize("part", ["embeddings", "1"])
def test_frozen_embeddings_stay_as_they_are(
    open_tiny: Callable[..., Any], tmp_path: Path, part: str
) -> None:
    trainer = open_tiny(adversarial_epsilon=DISTANCE, freeze=part, epochs=1, deeper=True)
    before = word_table(trainer.model).numpy()
    head = trainer.model.trainable_variables[-1].numpy()
    trainer.fit(1e-3, Checkpoints(tmp_path), quiet=True)
    np.testing.assert_array_equal(word_table(trainer.model).numpy(), before)
    assert np.abs(trainer.model.trainable_variables[-1].numpy() - head).max() > 0


def test_it_learns_with_everything_else_turned_on(
    open_tiny: Callable[..., Any], tmp_path: Path
) -> None:
    trainer = open_tiny(
        adversarial_epsilon=DISTANCE, accumulate=2, clip_norm=0.5, class_weight="balanced",
        stratified_batches=True, epochs=3, accelerate=True,
    )  # fmt: skip
    history = trainer.fit(1e-3, Checkpoints(tmp_path), quiet=True).history
    assert history["loss"].iloc[-1] < history["loss"].iloc[0]


@pytest.mark.parametrize(
    ("given", "texts", "taken"),
    [(None, FEW, 1.0), (None, FEW + 1, 0.0), (0.0, 10, 0.0), (0.5, 10 * FEW, 0.5)],
)
def test_unasked_it_is_for_few_texts(given: float | None, texts: int, taken: float) -> None:
    assert adversarial_distance(TrainConfig(adversarial_epsilon=given), texts) == taken


@pytest.mark.parametrize(
    ("settings", "taken"),
    [
        ({"epochs": 3}, 0.0),
        ({"epochs": 10}, 1.0),
        ({"epochs": 10, "accumulate": 2}, 0.0),
        ({"epochs": 10, "policy": "sgdr"}, 0.0),
        ({"epochs": 10, "augment": True}, 0.0),
        ({"epochs": 10, "augment": True, "adversarial_epsilon": 1.0}, 1.0),
    ],
)
def test_unasked_it_is_not_for_short_trainings_nor_beside_made_rows(
    settings: dict[str, Any], taken: float
) -> None:
    assert adversarial_distance(TrainConfig(**settings), texts=320) == taken


def test_a_session_says_whether_it_is_on(open_tiny: Callable[..., Any]) -> None:
    assert open_tiny(adversarial_epsilon=None, epochs=None).config.adversarial_epsilon == 1.0


def test_a_move_of_negative_length_is_refused() -> None:
    with pytest.raises(ConfigError, match="--adversarial-epsilon -1"):
        TrainConfig(adversarial_epsilon=-1)
