"""Everything that a training run needs to know."""

from __future__ import annotations

from dataclasses import dataclass, field

from ktrain_sentiment.config.base import Group
from ktrain_sentiment.config.data import DataConfig, SplitConfig
from ktrain_sentiment.config.searching import SearchConfig
from ktrain_sentiment.config.training import (
    ComputeConfig,
    EncoderConfig,
    ModelConfig,
    OutputConfig,
    TrainConfig,
)


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """Everything that a training run needs to know."""

    source: Group[DataConfig] = field(default_factory=DataConfig)
    split: Group[SplitConfig] = field(default_factory=SplitConfig)
    model: Group[ModelConfig] = field(default_factory=ModelConfig)
    encoder: Group[EncoderConfig] = field(default_factory=EncoderConfig)
    training: Group[TrainConfig] = field(default_factory=TrainConfig)
    search: Group[SearchConfig] = field(default_factory=SearchConfig)
    compute: Group[ComputeConfig] = field(default_factory=ComputeConfig)
    output: Group[OutputConfig] = field(default_factory=OutputConfig)
