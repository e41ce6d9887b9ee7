"""Whole tasks from end to end: what the scripts call, and what a notebook can call."""

from ktrain_sentiment.workflow.searching import read_found_rate, save_search, search_figures
from ktrain_sentiment.workflow.training import RunResult, summary_figures, train

__all__ = [
    "RunResult",
    "read_found_rate",
    "save_search",
    "search_figures",
    "summary_figures",
    "train",
]
