"""Which models are compared, and on how many examples."""

from __future__ import annotations

from dataclasses import dataclass

from ktrain_sentiment.errors import ConfigError

BASELINES = ("majority", "tfidf", "vader")


@dataclass(frozen=True, kw_only=True)
class CompareConfig:
    """Which models are compared, and on how many examples."""

    models: tuple[str, ...] = ("majority", "tfidf", "vader", "probe", "nbsvm", "encoder")
    """Any of majority, tfidf, vader; probe (logistic regression on the frozen --encoder); ktrain's
    nbsvm, fasttext, logreg, bigru, standard_gru; encoder (--encoder fine-tuned); and names of
    further encoders to fine-tune."""

    few_shot: tuple[int, ...] = ()
    """Also train each model on so many examples a class, and draw accuracy against them."""

    few_shot_seeds: int = 3
    """Draws of examples at each of these sizes."""

    ktrain_epochs: int | None = None
    """Passes over the training rows for ktrain's own classifiers; when not given 6, and more where
    that is under 100 steps."""

    ktrain_rate: float | None = None
    """Maximum learning rate of ktrain's own classifiers; found by a short search when not given."""

    def __post_init__(self) -> None:
        """Refuse sizes that leave nothing to train on."""
        if not self.models:
            raise ConfigError("--models: name at least one model")
        if any(size < 1 for size in self.few_shot) or self.few_shot_seeds < 1:
            raise ConfigError("--few-shot and --few-shot-seeds: must be at least 1")
        if self.ktrain_epochs is not None and self.ktrain_epochs < 1:
            raise ConfigError(f"--ktrain-epochs {self.ktrain_epochs}: must be at least 1")
