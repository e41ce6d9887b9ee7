"""The mean of token states as one more layer: what it computes, and a head folded into it."""

from typing import Any

import numpy as np
import pytest

from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.training.backend import Backend
from ktrain_sentiment.training.mean_layer import add_mean_layer, encoder_variables, fold_head
from ktrain_sentiment.training.probe import LinearProbe
from support.families import IDS, SHAPE, build

FAMILIES = ("Bert", "DistilBert", "Roberta", "Electra", "MPNet")
MASK = np.ones_like(IDS)
MASK[1, 6:] = 0


def states(model: Any) -> np.ndarray:
    base = getattr(model, model.base_model_prefix)
    return np.asarray(base(input_ids=IDS, attention_mask=MASK, training=False)[0])


@pytest.fixture(scope="module", params=FAMILIES)
def pair(request: pytest.FixtureRequest, backend: Backend) -> tuple[Any, Any]:
    whole = build(backend, request.param, num_hidden_layers=2)
    return whole, add_mean_layer(whole)


def test_the_first_token_becomes_the_mean_of_all_that_are_no_padding(pair: tuple[Any, Any]) -> None:
    whole, larger = pair
    before = states(whole)
    mean = np.stack([rows[real == 1].mean(axis=0) for rows, real in zip(before, MASK, strict=True)])
    mean = (mean - mean.mean(axis=1, keepdims=True)) / mean.std(axis=1, keepdims=True)
    found = states(larger)[:, 0]
    # MPNet weighs tokens by their distance.
    likeness = (found * mean).sum(axis=1) / 16
    assert (likeness > (0.95 if whole.config.model_type == "mpnet" else 0.999)).all()
    assert larger.config.num_hidden_layers == whole.config.num_hidden_layers + 1


def test_a_probe_becomes_the_head(pair: tuple[Any, Any]) -> None:
    _, larger = pair
    chance = np.random.default_rng(0)
    probe = LinearProbe(
        chance.normal(size=(16, 3)).astype(np.float32), np.array([0.5, 0, -1], np.float32), 1.0
    )
    fold_head(larger, probe)
    said = np.asarray(larger(input_ids=IDS, attention_mask=MASK, training=False).logits)
    wanted = states(larger)[:, 0] / 4 @ probe.weights + probe.bias
    np.testing.assert_allclose(said, wanted, atol=5e-3)


def test_the_layer_and_the_head_are_not_tuned(pair: tuple[Any, Any]) -> None:
    tuned = {variable.name for variable in encoder_variables(pair[1])}
    assert tuned
    assert not [name for name in tuned if "layer_._2" in name or "classifier" in name]


def test_an_encoder_whose_layers_share_their_weights_is_refused(backend: Backend) -> None:
    model = build(backend, "Albert", **SHAPE, embedding_size=8)
    with pytest.raises(ConfigError, match="type albert cannot be read by its mean"):
        add_mean_layer(model)
