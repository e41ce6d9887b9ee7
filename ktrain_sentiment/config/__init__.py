"""What can be configured: frozen dataclasses, one doc line a field, contradictions refused.

They hold what a job is about, nothing that only a command line needs. Command lines are made from
these (see `commands/frame.py`). `flat.py` reads them from YAML or JSON and writes them back, flat,
so that a run can be run again.
"""

from __future__ import annotations

from ktrain_sentiment.config.data_config import CleaningStep, DataConfig, Split, SplitConfig
from ktrain_sentiment.config.flat import Config, Group
from ktrain_sentiment.config.language_config import (
    AdaptSettings,
    DistilEncoderSettings,
    MaskedWordsConfig,
)
from ktrain_sentiment.config.renamed import RENAMED
from ktrain_sentiment.config.settings import (
    BASELINES,
    VARIED,
    ChecklistConfig,
    CompareConfig,
    EncoderPlace,
    ExploreConfig,
    RunPlace,
    SearchConfig,
    TrainingSettings,
    WorkersConfig,
)
from ktrain_sentiment.config.train_config import (
    KTRAIN_MODELS,
    ComputeConfig,
    EncoderConfig,
    ModelConfig,
    Policy,
    TrainConfig,
)

__all__ = [
    "BASELINES",
    "KTRAIN_MODELS",
    "RENAMED",
    "VARIED",
    "AdaptSettings",
    "ChecklistConfig",
    "CleaningStep",
    "CompareConfig",
    "ComputeConfig",
    "Config",
    "DataConfig",
    "DistilEncoderSettings",
    "EncoderConfig",
    "EncoderPlace",
    "ExploreConfig",
    "Group",
    "MaskedWordsConfig",
    "ModelConfig",
    "Policy",
    "RunPlace",
    "SearchConfig",
    "Split",
    "SplitConfig",
    "TrainConfig",
    "TrainingSettings",
    "WorkersConfig",
]
