"""Explore learning rates: loss against rate, with the suggestions marked and explained.

    ktrain-sentiment find-lr reviews.csv --encoder minilm --maxlen 64
    ktrain-sentiment find-lr reviews.csv --encoder minilm --vary batch_size=16,32,64
    ktrain-sentiment find-lr movie-reviews --encoder minilm --verify
    ktrain-sentiment find-lr movie-reviews --vary model=nbsvm,logreg

Trains for about a hundred steps while the rate grows, then puts everything back. Writes
lr_find.csv, lr_find.json and lr_find.png. --vary overlays several searches in one picture;
--verify trains shortly at each suggestion and at rates around it, and shows which really won on
validation rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ktrain_sentiment.commands.flags import ScriptFlags
from ktrain_sentiment.config import ExploreConfig, Group, RunPlace, TrainingSettings
from ktrain_sentiment.errors import ConfigError, check_installed

COMMON = (
    "text_column", "label_column", "encoder", "model", "maxlen", "batch_size", "vary", "verify",
    "run",
)  # fmt: skip
"""Flags that help shows first."""


@dataclass(frozen=True, kw_only=True)
class Flags(ScriptFlags, RunPlace, TrainingSettings):
    """What to search a learning rate for, and how."""

    exploring: Group[ExploreConfig] = field(default_factory=ExploreConfig)


def task(flags: Flags) -> dict[str, Any]:
    """Search, show the suggestions, and return them."""
    if flags.resume:
        raise ConfigError("--resume: a search takes minutes and begins anew; leave it out")
    check_installed("tensorflow", "train")
    from ktrain_sentiment.commands.process import open_console
    from ktrain_sentiment.workflow import exploration_tables, explore

    found = explore(
        flags,
        flags.exploring,
        folder=flags.run,
        overwrite=flags.overwrite,
        quiet=flags.quiet,
    )
    console = open_console()
    for table in exploration_tables(found):
        console.print(table)
    print(found.conclusion)
    print(f"written to {found.folder.path}: lr_find.csv, lr_find.json, lr_find.png")
    return found.figures
