"""Whole tasks from end to end: what the scripts call, and what a notebook can call."""

from ktrain_sentiment.workflow.exploring import Exploration, exploration_tables, explore
from ktrain_sentiment.workflow.training import RunResult, describe, summary_figures, train

__all__ = [
    "Exploration",
    "RunResult",
    "describe",
    "exploration_tables",
    "explore",
    "summary_figures",
    "train",
]
