"""Training on a tiny encoder: it learns, repeats itself, and agrees with plain ktrain."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ktrain_sentiment.data.labelled import Splits
from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.training.callbacks import standard_error
from ktrain_sentiment.training.checkpoints import Checkpoints
from ktrain_sentiment.training.learning_rate import SearchBounds


def accuracy(trainer: Any, splits: Splits) -> float:
    predicted = trainer.predict_proba(splits.test).argmax(axis=1)
    truth = [splits.labels.index(label) for label in splits.test["label"]]
    return float((predicted == truth).mean())


def test_a_tiny_encoder_learns_made_up_reviews(
    open_tiny: Callable[..., Any], splits: Splits, tmp_path: Path
) -> None:
    trainer = open_tiny(epochs=5)
    before = accuracy(trainer, splits)
    fitted = trainer.fit(2e-3, Checkpoints(tmp_path), quiet=True)
    assert accuracy(trainer, splits) > max(0.7, before + 0.1)
    assert len(fitted.history) == 5
    best = fitted.history["val_macro_f1"].max()
    error = standard_error(best, len(splits.validation))
    assert fitted.history["val_macro_f1"][fitted.best_epoch - 1] >= best - error


def test_the_same_seed_gives_the_same_weights_byte_for_byte_kept_and_judged_meanwhile_or_not(
    open_tiny: Callable[..., Any], tmp_path: Path
) -> None:
    outcomes = []
    for kept in (Checkpoints(tmp_path), None):
        trainer = open_tiny(epochs=2, seed=3, keep_best="last")
        fitted = trainer.fit(1e-3, kept, quiet=True, judged=kept is not None)
        assert ("val_loss" in fitted.history) == (kept is not None)
        assert fitted.best_epoch == 2
        outcomes.append(b"".join(weight.tobytes() for weight in trainer.model.get_weights()))
    assert outcomes[0] == outcomes[1]


def test_logits_are_those_of_ktrains_fixed_padding(
    open_tiny: Callable[..., Any], splits: Splits
) -> None:
    trainer = open_tiny()
    predictor = trainer.backend.ktrain.get_predictor(
        trainer.model, trainer.preprocessor.ktrain_preprocessor
    )
    theirs = predictor.predict_proba(splits.test["text"].tolist())
    np.testing.assert_allclose(trainer.predict_proba(splits.test), theirs, atol=2e-3)


def test_a_search_leaves_weights_and_optimiser_as_they_were(
    open_tiny: Callable[..., Any],
) -> None:
    trainer = open_tiny()
    weights = trainer.model.get_weights()
    slots = [variable.numpy() for variable in trainer.model.optimizer.variables()]
    curve = trainer.find_learning_rate(SearchBounds(1e-5, 1.0, 40))
    assert len(curve.rates) >= 20
    for before, after in zip(weights, trainer.model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    for before, variable in zip(slots, trainer.model.optimizer.variables(), strict=True):
        np.testing.assert_array_equal(before, variable.numpy())


def test_a_search_stops_when_its_time_is_used_up(open_tiny: Callable[..., Any]) -> None:
    curve = open_tiny().find_learning_rate(SearchBounds(1e-6, 1.0, 1000, seconds=0.01))
    assert "time" in curve.stopped
    assert len(curve.rates) < 1000


def test_frozen_parts_keep_their_weights(open_tiny: Callable[..., Any], tmp_path: Path) -> None:
    trainer = open_tiny(epochs=1, freeze="1", deeper=True)
    trained_names = {variable.name for variable in trainer.model.trainable_variables}
    before = {v.name: v.numpy() for v in trainer.model.weights}
    trainer.fit(1e-3, Checkpoints(tmp_path), quiet=True)
    changed = {
        v.name for v in trainer.model.weights if not np.array_equal(v.numpy(), before[v.name])
    }
    assert changed <= trained_names
    assert any("classifier" in name for name in changed)
    assert not any("embeddings" in name or "layer_._0" in name for name in changed)


def test_more_frozen_layers_than_there_are_is_refused(open_tiny: Callable[..., Any]) -> None:
    with pytest.raises(ConfigError, match="--freeze 99: the encoder has 2 layers"):
        open_tiny(freeze="99", deeper=True)


def test_class_weights_reach_the_loss(open_tiny: Callable[..., Any]) -> None:
    trainer = open_tiny(class_weight="balanced")
    assert trainer.class_weight is not None
    assert set(trainer.class_weight) == {0, 1}
