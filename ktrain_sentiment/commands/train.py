"""Train a sentiment classifier on labelled texts and save it as a predictor.

    ktrain-sentiment train reviews.csv
    ktrain-sentiment train reviews.csv --encoder minilm --maxlen 64 --epochs 2
    ktrain-sentiment train movie-reviews --encoder minilm --policy sgdr
    ktrain-sentiment train movie-reviews --model nbsvm

Reads the texts, splits them, searches a learning rate unless one is given, trains with the
chosen policy, and judges the result on rows that training never saw, beside simple baselines.
Everything lands in the run folder: figures, pictures, predictions, and the predictor itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ktrain_sentiment.commands.flags import ScriptFlags
from ktrain_sentiment.config import Group, RunPlace, TrainingSettings, WorkersConfig
from ktrain_sentiment.errors import check_installed
from ktrain_sentiment.runs import RunFolder

COMMON = (
    "text_column", "label_column", "encoder", "model", "maxlen", "long_texts", "epochs",
    "learning_rate", "batch_size", "run", "overwrite", "resume",
)  # fmt: skip
"""Flags that help shows first."""


@dataclass(frozen=True, kw_only=True)
class Flags(ScriptFlags, RunPlace, TrainingSettings):
    """Everything that a training run needs to know."""

    together: Group[WorkersConfig] = field(default_factory=WorkersConfig)


def task(flags: Flags) -> dict[str, Any]:
    """Train, show the figures, and return those that `--json` prints."""
    check_installed("tensorflow", "train")
    from ktrain_sentiment.commands.process import open_console
    from ktrain_sentiment.report import screen
    from ktrain_sentiment.workflow import cluster_of, follow, summary_figures, train

    cluster = cluster_of(flags.together.workers)
    if cluster is not None and not cluster.is_chief:
        follow(flags, cluster)
        print(f"worker {cluster.index} is done; the run is with worker 0")
        return {"worker": cluster.index}
    result = train(
        flags,
        folder=flags.run or _run_of(flags),
        overwrite=flags.overwrite,
        resume=flags.resume,
        quiet=flags.quiet,
        cluster=cluster,
    )
    console = open_console()
    for part in screen.training(result.record):
        console.print(part)
    print(f"run folder: {result.folder.path}")
    what = "--file table.csv" if flags.source.also or flags.source.pair_column else '"text"'
    print(f"predict with: ktrain-sentiment predict --predictor {result.folder.predictor} {what}")
    return summary_figures(result)


def _run_of(flags: Flags) -> Path | None:
    """The run whose own settings are named to go on with it."""
    if (
        not flags.resume
        or flags.config is None
        or flags.config.name != RunFolder(Path()).config.name
    ):
        return None
    return flags.config.parent if RunFolder(flags.config.parent).split("train").is_file() else None
