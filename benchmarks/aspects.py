"""Sentiment toward an aspect: pairs beside the text alone, TF-IDF and the commonest label.

    python benchmarks/aspects.py
    python benchmarks/aspects.py --seeds 0 1 2 --encoder mpnet

The rows have the shape of SemEval-2014's task 4, a sentence that speaks of two aspects and a row
for each, but they are MADE BY RULE from the templates below: they show whether a model tells two
opinions apart, not how well it reads what people write. No template, aspect or word of opinion of
the judged rows occurs in rows that are learned from. Prints accuracy and macro F1 with their 95 %
intervals, then one JSON line.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from frame import BenchmarkFlags, describe, print_side_by_side
from processes import ROOT

from ktrain_sentiment.commands.frame import run
from ktrain_sentiment.config import TrainingSettings
from ktrain_sentiment.config.flat import from_flat
from ktrain_sentiment.evaluation.behaviour import own_templates
from ktrain_sentiment.evaluation.intervals import Estimate
from ktrain_sentiment.evaluation.metrics import Metrics
from ktrain_sentiment.evaluation.record import TrainingRecord
from ktrain_sentiment.runs import RunFolder
from ktrain_sentiment.workflow import train
from ktrain_sentiment.workflow.lessons import own_lessons
from ktrain_sentiment.workflow.processes import in_own_process

LEARNED = (
    "The {a} was {x}, but the {b} was {y}.",
    "The {a} was {x}, and so it went on: the {b} was {y}.",
    "{x} {a}, {y} {b}.",
    "I found the {a} {x} and the {b} {y}.",
    "For all of its {x} {a}, the {b} was {y}.",
    "We talked about the {a} for long, and the {b} was {y}.",
    "There is a new {a} since last year; I call the {b} {y}.",
)
JUDGED = (
    "While its {a} is {x}, you will find the {b} {y}.",
    "A {x} {a} with a {y} {b}.",
    "{y} as the {b} may be, the {a} is {x}.",
    "My wife thinks its {b} {y}; she thinks its {a} {x}, too.",
    "They changed the {a} on Monday, and the {b} is {y}.",
    "Who made the {a}? The {b} is {y}.",
)
"""Of what has no {x} the first aspect is spoken of without an opinion."""


@dataclass(frozen=True, kw_only=True)
class Flags(BenchmarkFlags):
    """What to measure."""

    encoder: str = "minilm"
    """A hub name, a local folder, minilm or mpnet."""

    sentences: int = 1500
    """Sentences to learn from, each two rows; a third as many are judged."""

    epochs: int = 3
    """Passes over the rows."""

    learning_rate: float = 1e-4
    """Highest learning rate."""

    seeds: tuple[int, ...] = (0,)
    """One training each; intervals are of the first."""

    runs: Path = ROOT / "runs" / "bench-aspects"
    """Where runs are kept."""


def task(flags: Flags) -> dict[str, Any]:
    """Make the rows, train with the aspect and without, and show both beside the baselines."""
    lessons, checks = own_lessons().words, own_templates().words
    with tempfile.TemporaryDirectory() as folder:
        learned, judged = Path(folder, "learned.csv"), Path(folder, "judged.csv")
        made = [*_rows(LEARNED, lessons, "aspect", flags.sentences)]
        asked = [*_rows(JUDGED, checks, "part", flags.sentences // 3)]
        for path, rows in ((learned, made), (judged, asked)):
            pd.DataFrame(rows, columns=["text", "aspect", "label"]).to_csv(path, index=False)
        found: dict[str, list[Metrics]] = {}
        for seed in flags.seeds:
            for name, column in (("pairs", "aspect"), ("the text alone", "")):
                record = _trained(flags, learned, judged, column, seed)
                found.setdefault(name, []).append(record.metrics)
                if column and seed == flags.seeds[0]:
                    baselines = record.baselines.values()
        found |= {one.name: [one] for one in baselines}
    figures = {
        name: {key: _cells(key, every) for key in ("accuracy", "macro_f1")}
        for name, every in found.items()
    }
    title = f"{len(made):,} rows to learn from, {len(asked):,} judged, {describe()}"
    print_side_by_side(title, figures, _cell)
    return figures


def _rows(
    templates: Sequence[str], words: Mapping[str, tuple[str, ...]], aspects: str, count: int
) -> Iterator[tuple[str, str, str]]:
    """Text, aspect and label, two rows for each of so many different sentences."""
    rng, seen = np.random.default_rng(0), set[str]()
    while len(seen) < count:
        template = rng.choice(templates)
        first, second = map(str, rng.choice(words[aspects], 2, replace=False))
        poles = rng.choice(("positive", "negative"), 2).tolist()
        x, y = (rng.choice(words["good" if pole == "positive" else "bad"]) for pole in poles)
        text = template.format(a=first, b=second, x=x, y=y)
        text = text[0].upper() + text[1:]
        if text not in seen:
            seen.add(text)
            yield text, first, poles[0] if "{x}" in template else "neutral"
            yield text, second, poles[1]


def _trained(flags: Flags, learned: Path, judged: Path, column: str, seed: int) -> TrainingRecord:
    values = {
        "data": str(learned), "test": str(judged), "pair_column": column, "seed": seed,
        "text_column": "text", "label_column": "label", "contradictions": "keep",
        "duplicates": "keep", "encoder": flags.encoder, "maxlen": 48, "epochs": flags.epochs,
        "learning_rate": flags.learning_rate,
    }  # fmt: skip
    folder = flags.runs / f"{'pairs' if column else 'alone'}-{seed}"
    settings = from_flat(TrainingSettings, values, "aspects.py")
    in_own_process(functools.partial(train, folder=folder, overwrite=True, quiet=True), settings)
    return TrainingRecord.read(RunFolder(folder).metrics)


def _cells(key: str, every: Sequence[Metrics]) -> list[float]:
    """The first seed's figure with its interval, then those of the other seeds, in percent."""
    first, *others = [getattr(one, key) for one in every]
    assert isinstance(first, Estimate)
    return [round(100 * one, 1) for one in (first.value, first.low, first.high)] + [
        round(100 * other.value, 1) for other in others
    ]


def _cell(value: list[float]) -> str:
    middle, low, high, *others = value
    return f"{middle} % ({low} to {high})" + "".join(f", {other} %" for other in others)


if __name__ == "__main__":
    run(Flags, task, __doc__)
