"""What to read of long texts: head, tail, head+tail or windows, when learning and when predicting.

    python benchmarks/long_texts.py --data imdb.parquet
    python benchmarks/long_texts.py --data imdb.parquet --predictor runs/demo/predictor --trained

An encoder is fine-tuned once by each rule on the same rows, and each of these is asked by its
own rule and in windows; with --predictor one that exists is asked by every rule. Validation rows
decide, held-back rows report: both are printed, with 95 % intervals, and on the held-back rows the
difference to the head alone, paired. Trainings are kept in runs/long-texts/, for a run that was
stopped. Prints Markdown, then one JSON line.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
from frame import BenchmarkFlags
from numpy.typing import NDArray
from texts import labelled

import ktrain_sentiment
from ktrain_sentiment.atomic import write_json
from ktrain_sentiment.commands.frame import run
from ktrain_sentiment.config import ComputeConfig, EncoderConfig, TrainConfig
from ktrain_sentiment.data import Splits
from ktrain_sentiment.encoders import resolve
from ktrain_sentiment.evaluation.intervals import Estimate, bootstrap_share, paired_difference
from ktrain_sentiment.reading_rules import LongTexts
from ktrain_sentiment.report.figures import Column, FigureTable
from ktrain_sentiment.runs import RUNS
from ktrain_sentiment.training import encoder_trainer
from ktrain_sentiment.training.checkpoints import Checkpoints
from ktrain_sentiment.training.trainer import Trainer

RULES: tuple[LongTexts, ...] = get_args(LongTexts)


@dataclass(frozen=True, kw_only=True)
class Flags(BenchmarkFlags):
    """What to learn from, and how much."""

    data: str = "hub:stanfordnlp/imdb"
    """Long texts with labels: a file or a named corpus."""

    rows: int = 2_000
    """How many to learn from."""

    validation: int = 500
    """How many decide."""

    held_back: int = 1_000
    """How many report."""

    encoder: str = "minilm"
    """A hub name, a local folder, or minilm."""

    maxlen: int = 256
    """Most tokens read at once."""

    epochs: int = 3
    """Passes over the rows."""

    learning_rate: float = 1e-4
    """The maximum learning rate, the same for all."""

    rules: tuple[LongTexts, ...] = RULES
    """By which rules to train."""

    adversarial_epsilon: float = 0.0
    """As for train; 0 takes half the time."""

    seed: int = 0
    """Draws the rows, and seeds the trainings."""

    predictor: Path | None = None
    """A predictor to ask by every rule; of rows that it has not seen."""

    trained: bool = False
    """Ask the predictor alone, and train nothing."""


@dataclass(frozen=True)
class Reading:
    """One model asked by one rule.

    Attributes:
        learned: By which rule it learned, or what it is.
        read: By which rule it is asked.
        validation: Which validation rows are right.
        held_back: Which held-back rows are right.
        seconds: Time in training.
    """

    learned: str
    read: str
    validation: NDArray[np.bool_]
    held_back: NDArray[np.bool_]
    seconds: float = 0.0


Ask = Callable[[pd.DataFrame], NDArray[np.bool_]]


def task(flags: Flags) -> dict[str, Any]:
    """Draw the rows, train, ask, and show a table."""
    splits = drawn(flags)
    readings: list[Reading] = []
    if flags.predictor is not None:
        readings += by_every_rule(flags.predictor, splits)
    for rule in () if flags.trained else flags.rules:
        readings += kept(rule, flags, splits)
    return shown(readings, splits)


def drawn(flags: Flags) -> Splits:
    """Rows to learn from, to decide on, and to report on."""
    frame = labelled(flags.data)[["text", "label"]]
    wanted = flags.rows + flags.validation + flags.held_back
    order = np.random.default_rng(flags.seed).permutation(len(frame))[:wanted]
    bounds = [flags.rows, flags.rows + flags.validation]
    train, validation, test = (
        frame.iloc[part].reset_index(drop=True) for part in np.split(order, bounds)
    )
    return Splits(train, validation, test, tuple(sorted(frame["label"].unique())), flags.data)


def by_every_rule(folder: Path, splits: Splits) -> list[Reading]:
    """A predictor that exists."""
    classifier = ktrain_sentiment.load(folder)

    def right(rule: LongTexts, frame: pd.DataFrame) -> NDArray[np.bool_]:
        table = classifier.predict_proba(frame["text"].tolist(), long_texts=rule)
        said = np.asarray(classifier.labels, object)[table.argmax(axis=1)]
        return np.asarray(said == frame["label"].to_numpy())

    return [
        Reading(
            "as it is", rule, right(rule, splits.validation), right(rule, splits.test)
        )
        for rule in RULES
    ]  # fmt: skip


def kept(rule: LongTexts, flags: Flags, splits: Splits) -> list[Reading]:
    """What `trained_by` gives, from a file where a run with these settings came so far."""
    name = f"{rule}-{flags.rows}-{flags.maxlen}-{flags.epochs}-{flags.seed}.json"
    path = RUNS / "long-texts" / name
    if not path.is_file():
        found = [
            {
                **vars(one),
                "validation": one.validation.tolist(),
                "held_back": one.held_back.tolist(),
            }
            for one in trained_by(rule, flags, splits)
        ]
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, found)
    return [
        Reading(
            **one
            | {name: np.array(one[name], np.bool_) for name in ("validation", "held_back")}
        )
        for one in json.loads(path.read_text())
    ]  # fmt: skip


def trained_by(rule: LongTexts, flags: Flags, splits: Splits) -> list[Reading]:
    """A model that learned by a rule, asked by it and in windows."""
    print(f"==> learning by {rule}", file=sys.stderr, flush=True)
    # Windows too, which the package does not learn from: each is a row with its text's label.
    vars(encoder_trainer)["one_row"] = lambda rule: rule
    trainer = encoder_trainer.open_encoder_trainer(
        resolve(flags.encoder),
        splits,
        EncoderConfig(encoder=flags.encoder, maxlen=flags.maxlen, long_texts=rule),
        TrainConfig(
            epochs=flags.epochs, seed=flags.seed, adversarial_epsilon=flags.adversarial_epsilon
        ),
        ComputeConfig(),
    )
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        trainer.fit(flags.learning_rate, Checkpoints(Path(place)), quiet=flags.quiet)
    seconds = time.monotonic() - begun
    found = []
    for read in dict.fromkeys((rule, "windows")):
        asked = replace(trainer, preprocessor=replace(trainer.preprocessor, long_texts=read))  # type: ignore[type-var]
        found.append(
            Reading(
                rule, read, _right(asked, splits.validation), _right(asked, splits.test), seconds
            )
        )
        print(f"    {read}: {_percent(found[-1].validation)}", file=sys.stderr, flush=True)
    return found


def _right(trainer: Trainer, frame: pd.DataFrame) -> NDArray[np.bool_]:
    said = np.asarray(trainer.preprocessor.labels, object)[trainer.predict_proba(frame).argmax(1)]
    return np.asarray(said == frame["label"].to_numpy())


def shown(readings: Sequence[Reading], splits: Splits) -> dict[str, Any]:
    """The table on the screen, and the figures."""
    first = readings[0]

    def gain(one: Reading) -> Estimate | None:
        ours, theirs = one.held_back, first.held_back
        if one is first:
            return None
        return paired_difference(
            int((~ours & theirs).sum()), int((ours & ~theirs).sum()), len(ours)
        )

    columns = [
        Column("learned by", lambda one: one.learned, words=True),
        Column("read by", lambda one: one.read, words=True),
        Column(
            f"validation, {len(splits.validation):,} rows", lambda one: _percent(one.validation)
        ),
        Column(f"held back, {len(splits.test):,} rows", lambda one: _percent(one.held_back)),
        Column("points more than the first", lambda one: _points(gain(one))),
        Column("trained in, s", lambda one: f"{one.seconds:.0f}" if one.seconds else ""),
    ]
    print(FigureTable.of("", columns, readings).to_markdown())
    return {
        f"{one.learned} / {one.read}": {
            "validation": float(one.validation.mean()),
            "held_back": float(one.held_back.mean()),
            "seconds": round(one.seconds, 1),
        }
        for one in readings
    }


def _percent(right: NDArray[np.bool_]) -> str:
    found = bootstrap_share(int(right.sum()), len(right))
    return f"{100 * found.value:.1f} ({100 * found.low:.1f} to {100 * found.high:.1f})"


def _points(found: Estimate | None) -> str:
    if found is None:
        return ""
    return f"{100 * found.value:+.1f} ({100 * found.low:+.1f} to {100 * found.high:+.1f})"


if __name__ == "__main__":
    run(Flags, task, __doc__)
