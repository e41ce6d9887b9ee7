"""Search settings that train well, in trials that several processes and machines can share.

    ktrain-sentiment search reviews.csv --encoder minilm --trials 20
    ktrain-sentiment search reviews.csv --encoder minilm --range lr=1e-5:5e-4 maxlen=64,128
    ktrain-sentiment search reviews.csv --model nbsvm --minutes 10
    ktrain-sentiment search reviews.csv --study postgresql://tuner@host/trials

Each trial is a training in a process of its own, judged by its loss on validation rows; one that
falls behind is given up. Trials are proposed by a tree-structured Parzen estimator. The same
command again, on this machine or another, goes on or joins in; a trial that was killed is tried
again. Every other flag of training stays the same for all trials. The best settings go to
best.yaml, for `train --config`; test rows are not touched.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ktrain_sentiment.commands.flags import ScriptFlags
from ktrain_sentiment.config.tuning_config import SearchSettings
from ktrain_sentiment.errors import check_installed

COMMON = (
    "text_column", "label_column", "encoder", "model", "maxlen", "range", "trials", "minutes",
    "study",
)  # fmt: skip
"""Flags that help shows first."""


@dataclass(frozen=True, kw_only=True)
class Flags(ScriptFlags, SearchSettings):
    """What to search settings for, and how."""


def task(flags: Flags) -> dict[str, Any]:
    """Search, show the trials, and return what `--json` prints."""
    check_installed("optuna", "search")
    check_installed("tensorflow", "train")
    from ktrain_sentiment.commands.process import open_console
    from ktrain_sentiment.report import trial_tables
    from ktrain_sentiment.workflow.tuning import search_settings

    found = search_settings(flags)
    open_console().print(trial_tables.search_trials(found.trials))
    print(found.conclusion)
    return found.figures
