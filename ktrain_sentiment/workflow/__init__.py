"""Whole tasks from end to end: what the scripts call, and what a notebook can call."""

from ktrain_sentiment.workflow.comparing import CompareResult, compare_models
from ktrain_sentiment.workflow.exploring import Exploration, exploration_tables, explore
from ktrain_sentiment.workflow.several_workers import cluster_of, follow
from ktrain_sentiment.workflow.summaries import RunResult, describe, summary_figures
from ktrain_sentiment.workflow.training import train

__all__ = [
    "CompareResult",
    "Exploration",
    "RunResult",
    "cluster_of",
    "compare_models",
    "describe",
    "exploration_tables",
    "explore",
    "follow",
    "summary_figures",
    "train",
]
