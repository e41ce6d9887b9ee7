"""The package from Python: read, find_lr, search, train, compare, evaluate, and what these return.

calls.py    one function a job, its settings as keyword arguments
results.py  what they return: figures, tables, pictures, and how a notebook shows them

Whatever needs TensorFlow or scikit-learn is done in a process of its own, so that the caller's
environment, warnings, loggers and memory stay as they are.
"""

from ktrain_sentiment.api.calls import compare, evaluate, find_lr, open_run, read, search, train
from ktrain_sentiment.api.results import (
    Dataset,
    Evaluation,
    LearningRateSearch,
    ModelComparison,
    Page,
    SettingsSearch,
    TrainingRun,
)

__all__ = [
    "Dataset",
    "Evaluation",
    "LearningRateSearch",
    "ModelComparison",
    "Page",
    "SettingsSearch",
    "TrainingRun",
    "compare",
    "evaluate",
    "find_lr",
    "open_run",
    "read",
    "search",
    "train",
]
