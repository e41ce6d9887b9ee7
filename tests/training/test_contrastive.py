"""Tuning on pairs: the loss, which texts share a step, an encoder that is tuned and put back."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ktrain_sentiment.config import TrainConfig
from ktrain_sentiment.data.labelled import Splits
from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.evaluation.predictions import class_indices
from ktrain_sentiment.training.backend import Backend
from ktrain_sentiment.training.contrastive import (
    SentenceTuner,
    Tuning,
    contrastive_loss,
    draw_even,
    fit_few_labels,
    tuning_of,
)


def by_the_paper(vectors: np.ndarray, classes: np.ndarray, temperature: float) -> float:
    """Khosla et al. 2020, equation 2, text by text."""
    losses = []
    for text in range(len(vectors)):
        others = [k for k in range(len(vectors)) if k != text]
        same = [k for k in others if classes[k] == classes[text]]
        if not same:
            continue
        alike = {k: np.exp(vectors[text] @ vectors[k] / temperature) for k in others}
        total = sum(alike.values())
        losses.append(-np.mean([np.log(alike[k] / total) for k in same]))
    return float(np.mean(losses))


@pytest.mark.parametrize("classes", [[0, 0, 1, 1, 1], [0, 0, 0, 1, 2]])
def test_the_loss_is_the_papers(backend: Backend, classes: list[int]) -> None:
    vectors = np.random.default_rng(0).normal(size=(5, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    found = contrastive_loss(backend.tf, vectors, backend.tf.constant(classes), 0.3)
    assert float(found) == pytest.approx(by_the_paper(vectors, np.asarray(classes), 0.3), rel=1e-4)


def test_few_texts_are_all_in_a_step_and_of_many_as_many_of_each_label() -> None:
    chance = np.random.default_rng(0)
    assert draw_even(np.array([0, 0, 1]), 8, chance).tolist() == [0, 1, 2]
    classes = np.array([0] * 90 + [1] * 10)
    drawn = draw_even(classes, 12, chance)
    assert np.bincount(classes[drawn]).tolist() == [6, 6]
    assert len(set(drawn.tolist())) == 12


def test_a_tuned_encoder_tells_the_labels_apart_and_can_be_put_back(
    open_tiny: Callable[..., Any], splits: Splits
) -> None:
    trainer = open_tiny(few_labels="contrastive", adversarial_epsilon=None)
    tuner, rows = SentenceTuner(trainer), trainer.learner.train_data.rows
    classes, some = class_indices(splits.train["label"], splits.labels), np.arange(32)
    before = tuner.embed(rows, some)
    losses, rates = tuner.tune(rows, classes, Tuning(15, 2e-3, 0.2, 32), seed=0, among=some)
    assert losses[-1] < losses[0] - 0.1
    assert max(rates) == pytest.approx(2e-3)
    assert np.abs(tuner.embed(rows, some) - before).max() > 0.05
    tuner.restore()
    np.testing.assert_allclose(tuner.embed(rows, some), before, atol=1e-6)
    assert tuner.tune(rows, classes, Tuning(15, 2e-3, 0.2, 32), seed=0, among=some)[0] == losses
    tuner.restore()
    fitted = fit_few_labels(trainer, splits, Tuning(5, 2e-3, 0.2, 32), tuner)
    assert fitted.steps == 5
    said = trainer.predict_proba(splits.validation)
    known = class_indices(splits.validation["label"], splits.labels)
    accuracy = float((said.argmax(axis=1) == known).mean())
    assert accuracy == pytest.approx(fitted.history["val_accuracy"].iloc[-1], abs=0.011)


def test_a_probe_leaves_the_encoder_as_it_is() -> None:
    assert tuning_of(TrainConfig(few_labels="probe")).steps == 0
    assert tuning_of(TrainConfig(few_labels="contrastive", learning_rate=1e-4)).rate == 1e-4


@pytest.mark.parametrize("given", [{"augment": True}, {"adversarial_epsilon": 1.0}])
def test_what_few_labels_do_not_learn_from_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="does not learn from that"):
        TrainConfig(few_labels="probe", **given)
