"""Tiny classifiers of several families with random weights, as transformers builds them."""

from typing import Any

import numpy as np

from ktrain_sentiment.training.backend import Backend

SHAPE = {
    "vocab_size": 60, "hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2,
    "intermediate_size": 32, "max_position_embeddings": 24, "num_labels": 3,
}  # fmt: skip
FAMILIES: dict[str, dict[str, Any]] = {
    "Bert": SHAPE,
    "DistilBert": {
        "vocab_size": 60, "dim": 16, "n_layers": 4, "n_heads": 2, "hidden_dim": 32,
        "max_position_embeddings": 24, "num_labels": 3,
    },
    "Roberta": SHAPE,
    "XLMRoberta": SHAPE,
    "Camembert": SHAPE,
    "Electra": {**SHAPE, "embedding_size": 8},
    "MPNet": SHAPE,
}  # fmt: skip
IDS = np.arange(5, 25).reshape(2, 10)


def build(backend: Backend, family: str, **changes: Any) -> Any:
    """A classifier of the family: of four layers, unless its shape is changed."""
    shape = {**FAMILIES.get(family, {}), **changes}
    config = getattr(backend.transformers, f"{family}Config")(**shape)
    model = getattr(backend.transformers, f"TF{family}ForSequenceClassification")(config)
    model.build_in_name_scope()
    return model
