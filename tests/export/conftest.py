"""Tiny Keras models of each family, and a predictor saved from one."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from ktrain_sentiment.training.backend import Backend

SHAPE = {
    "vocab_size": 120, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
    "intermediate_size": 64, "max_position_embeddings": 40, "num_labels": 3,
}  # fmt: skip
ROBERTA = {**SHAPE, "type_vocab_size": 1, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "bert": ("Bert", SHAPE),
    "distilbert": ("DistilBert", {
        "vocab_size": 120, "dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64,
        "max_position_embeddings": 40, "num_labels": 3,
    }),
    "roberta": ("Roberta", ROBERTA),
    "xlm-roberta": ("XLMRoberta", ROBERTA),
    "camembert": ("Camembert", ROBERTA),
    "albert": ("Albert", {**SHAPE, "embedding_size": 16, "num_hidden_layers": 3}),
    "electra": ("Electra", {**SHAPE, "embedding_size": 16}),
    "mpnet": ("MPNet", SHAPE),
    "longformer": ("Longformer", {**ROBERTA, "attention_window": [4, 8]}),
    "gpt2": ("GPT2", {
        "vocab_size": 120, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 40,
        "num_labels": 3, "pad_token_id": 0,
    }),
}  # fmt: skip


@dataclass(frozen=True)
class KerasFamily:
    """A tiny Keras model with weights that are far from symmetric."""

    model: Any
    config: dict[str, Any]


@pytest.fixture(scope="session")
def keras_family(backend: Backend) -> Callable[[str], KerasFamily]:
    """Gives the tiny model of a family."""

    def build(name: str) -> KerasFamily:
        prefix, shape = FAMILIES[name]
        config = getattr(backend.transformers, f"{prefix}Config")(**shape)
        model = getattr(backend.transformers, f"TF{prefix}ForSequenceClassification")(config)
        with warnings.catch_warnings():
            # transformers' Longformer makes some weights twice, and Keras mentions it.
            warnings.simplefilter("ignore")
            model.build_in_name_scope()
        chance = np.random.default_rng(0)
        for variable in model.weights:
            middle = 1.0 if "gamma" in variable.name else 0.0
            variable.assign(middle + chance.normal(0, 0.15, variable.shape))
        return KerasFamily(model, config.to_dict())

    return build
