"""Figures, intervals, errors and explanations: arrays in, arrays out, no framework."""

from ktrain_sentiment.evaluation.baselines import Baseline, run_baselines
from ktrain_sentiment.evaluation.intervals import Estimate
from ktrain_sentiment.evaluation.losses import top_losses
from ktrain_sentiment.evaluation.metrics import ClassFigures, Metrics, compute_metrics

__all__ = [
    "Baseline",
    "ClassFigures",
    "Estimate",
    "Metrics",
    "compute_metrics",
    "run_baselines",
    "top_losses",
]
