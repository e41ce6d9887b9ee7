"""What can be configured: frozen dataclasses, one doc line a field, contradictions refused.

Command lines are made from these (see `commands/frame.py`). `flat.py` reads them from YAML
or JSON and writes them back, flat, so that a run can be run again.
"""

from __future__ import annotations

from ktrain_sentiment.config.base import Group, ScriptFlags
from ktrain_sentiment.config.comparing import CompareConfig
from ktrain_sentiment.config.data import CleaningStep, DataConfig, Split, SplitConfig
from ktrain_sentiment.config.renamed import RENAMED
from ktrain_sentiment.config.searching import VARIED, ExploreConfig, SearchConfig
from ktrain_sentiment.config.settings import TrainingSettings
from ktrain_sentiment.config.training import (
    KTRAIN_MODELS,
    ComputeConfig,
    EncoderConfig,
    ModelConfig,
    OutputConfig,
    Policy,
    TrainConfig,
)

__all__ = [
    "KTRAIN_MODELS",
    "RENAMED",
    "VARIED",
    "CleaningStep",
    "CompareConfig",
    "ComputeConfig",
    "DataConfig",
    "EncoderConfig",
    "ExploreConfig",
    "Group",
    "ModelConfig",
    "OutputConfig",
    "Policy",
    "ScriptFlags",
    "SearchConfig",
    "Split",
    "SplitConfig",
    "TrainConfig",
    "TrainingSettings",
]
