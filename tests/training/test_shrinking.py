"""Encoders with fewer layers: which ones stay, and that they say what those layers say."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ktrain_sentiment.data.labelled import Splits
from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.training.backend import Backend, open_backend
from ktrain_sentiment.training.checkpoints import Checkpoints
from ktrain_sentiment.training.encoder_trainer import keep_layers, spread_layers

SHAPE = {
    "vocab_size": 60, "hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2,
    "intermediate_size": 32, "max_position_embeddings": 24, "num_labels": 2,
}  # fmt: skip
FAMILIES: dict[str, dict[str, Any]] = {
    "Bert": SHAPE,
    "DistilBert": {
        "vocab_size": 60, "dim": 16, "n_layers": 4, "n_heads": 2, "hidden_dim": 32,
        "max_position_embeddings": 24, "num_labels": 2,
    },
    "Roberta": SHAPE,
    "XLMRoberta": SHAPE,
    "Camembert": SHAPE,
    "Electra": {**SHAPE, "embedding_size": 8},
    "MPNet": SHAPE,
}  # fmt: skip
IDS = np.arange(5, 25).reshape(2, 10)


@pytest.fixture(scope="module")
def backend() -> Backend:
    return open_backend()


def build(backend: Backend, family: str, shape: dict[str, Any]) -> Any:
    config = getattr(backend.transformers, f"{family}Config")(**shape)
    model = getattr(backend.transformers, f"TF{family}ForSequenceClassification")(config)
    model.build_in_name_scope()
    return model


def logits(model: Any) -> np.ndarray:
    return np.asarray(model(IDS, training=False).logits)


@pytest.mark.parametrize(
    ("total", "count", "kept"),
    [
        (12, 6, (0, 2, 4, 7, 9, 11)),
        (6, 3, (0, 2, 5)),
        (6, 6, (0, 1, 2, 3, 4, 5)),
        (6, 2, (0, 5)),
        (6, 1, (0,)),
    ],
)
def test_layers_that_stay_are_spread_evenly(total: int, count: int, kept: tuple[int, ...]) -> None:
    assert spread_layers(total, count) == kept


@pytest.mark.parametrize("total", range(1, 25))
def test_no_layer_is_taken_twice(total: int) -> None:
    for count in range(1, total + 1):
        assert len(set(spread_layers(total, count))) == count


@pytest.mark.parametrize("family", FAMILIES)
def test_a_smaller_model_computes_with_the_layers_that_stay(backend: Backend, family: str) -> None:
    whole = build(backend, family, FAMILIES[family])
    smaller = keep_layers(whole, 2)
    assert smaller.config.num_hidden_layers == 2
    assert smaller.config.to_dict()["kept_layers"] == [0, 3]
    stack = next(part for part in whole.submodules if hasattr(part, "layer"))
    stack.layer = [stack.layer[0], stack.layer[3]]
    np.testing.assert_allclose(logits(smaller), logits(whole), atol=1e-6)


def test_albert_runs_its_one_layer_fewer_times(backend: Backend) -> None:
    whole = build(backend, "Albert", {**SHAPE, "embedding_size": 8})
    smaller = keep_layers(whole, 2)
    assert len(smaller.weights) == len(whole.weights)
    assert np.abs(logits(smaller) - logits(whole)).max() > 1e-6
    whole.albert.encoder.num_hidden_layers = 2
    whole.albert.encoder.config.num_hidden_layers = 2
    np.testing.assert_allclose(logits(smaller), logits(whole), atol=1e-6)


def test_more_layers_than_there_are_are_refused(backend: Backend) -> None:
    with pytest.raises(ConfigError, match="--layers 9: the encoder has 4 layers"):
        keep_layers(build(backend, "Bert", SHAPE), 9)


def test_an_encoder_that_is_no_plain_stack_is_refused(backend: Backend) -> None:
    shape = {"vocab_size": 60, "n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 24}
    model = build(backend, "GPT2", {**shape, "pad_token_id": 0})
    with pytest.raises(ConfigError, match="type gpt2 is no plain stack of layers"):
        keep_layers(model, 1)


def test_a_session_trains_the_layers_that_stay(
    open_tiny: Callable[..., Any], splits: Splits, tmp_path: Path
) -> None:
    trainer = open_tiny(epochs=4, layers=1, deeper=True)
    assert trainer.model.config.num_hidden_layers == 1
    assert trainer.preprocessor.ktrain_preprocessor.config.num_hidden_layers == 1
    trainer.fit(2e-3, Checkpoints(tmp_path), quiet=True)
    predicted = trainer.predict_proba(splits.test).argmax(axis=1)
    truth = [splits.labels.index(label) for label in splits.test["label"]]
    assert (predicted == truth).mean() > 0.7
