"""What `train --augment` gains on the checklist and costs on rows like the training rows.

    python benchmarks/behaviour.py --train sst2_train.parquet --judged sst2_dev.parquet
    python benchmarks/behaviour.py --train sst2_train.parquet --seeds 0    # validation rows alone
    python benchmarks/behaviour.py --predictors runs/demo/predictor       # no training

For each seed a classifier is trained plainly and one with augmented rows, on the same rows with the
same settings, each in a process of its own; both are asked the checklist of `evaluate --checklist`,
whose words and sentences the augmented one has not learned. Failure rates are means over the seeds
with the lowest and the highest; the difference in accuracy is paired by seed, its interval is
Student's. Runs are kept in --runs, and taken up again by the same settings. Prints tables, then one
JSON line.
"""

from __future__ import annotations

import functools
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distillation import paired_interval
from frame import BenchmarkFlags
from processes import ROOT
from rich.console import Console

from ktrain_sentiment.commands.frame import run
from ktrain_sentiment.config import ChecklistConfig, DataConfig, TrainingSettings
from ktrain_sentiment.config.flat import from_flat
from ktrain_sentiment.data import read_labelled
from ktrain_sentiment.evaluation.behaviour import Behaviour
from ktrain_sentiment.inference import load
from ktrain_sentiment.report.figures import Column, FigureTable, share
from ktrain_sentiment.workflow import train
from ktrain_sentiment.workflow.eval_sets import from_predictor, from_run
from ktrain_sentiment.workflow.evaluating import check_classifier
from ktrain_sentiment.workflow.processes import in_own_process

PLAIN, AUGMENTED = "plain", "augmented"


@dataclass(frozen=True, kw_only=True)
class Flags(BenchmarkFlags):
    """What to measure."""

    train: str = "movie-reviews"
    """Rows to train on, with labels."""

    judged: str | None = None
    """Rows to judge on once all is trained, which no training sees; validation rows without."""

    encoder: str = "minilm"
    """A hub name, a local folder, or minilm."""

    epochs: int = 2
    """Passes over the rows."""

    learning_rate: float = 1e-4
    """Peak learning rate of all trainings."""

    adversarial_epsilon: float | None = None
    """As of `train`."""

    maxlen: int = 64
    """Longest text in tokens."""

    seeds: tuple[int, ...] = (0, 1, 2)
    """A training of each contender for each seed."""

    contenders: tuple[str, ...] = (PLAIN, AUGMENTED)
    """Who takes part."""

    cases: int = 250
    """Cases a test."""

    runs: Path = ROOT / "runs" / "bench-behaviour"
    """Where runs are kept."""

    predictors: tuple[Path, ...] = ()
    """Predictor folders to ask in place of training."""


@dataclass(frozen=True)
class Answer:
    """One classifier: how it behaves, and how many rows it has right."""

    behaviour: Behaviour
    accuracy: float | None = None


def task(flags: Flags) -> dict[str, Any]:
    """Train or open, ask, and show."""
    asked = ChecklistConfig(checklist=True, cases=flags.cases)
    answers: dict[str, list[Answer]] = {}
    for folder in flags.predictors:
        answers[str(folder)] = [Answer(check_classifier(load(folder), asked))]
    for seed in flags.seeds if not flags.predictors else ():
        for name in flags.contenders:
            answer = _trained(name, seed, flags, asked)
            answers.setdefault(name, []).append(answer)
            print(f"seed {seed}  {name:10s} accuracy {answer.accuracy}", file=sys.stderr)
    rates = {name: _rates(found) for name, found in answers.items()}
    Console().print(_table(rates))
    accuracy = {name: [one.accuracy for one in found] for name, found in answers.items()}
    figures: dict[str, Any] = {"rates": rates, "accuracy": accuracy}
    if {PLAIN, AUGMENTED} <= set(answers):
        pairs = zip(accuracy[AUGMENTED], accuracy[PLAIN], strict=True)
        gains = [100 * (a - b) for a, b in pairs if a is not None and b is not None]
        figures["gain"] = round(statistics.fmean(gains), 2)
        figures["gain_95_%_interval"] = paired_interval(gains)
        print(f"accuracy, points gained: {figures['gain']} {figures['gain_95_%_interval']}")
    return figures


def _trained(name: str, seed: int, flags: Flags, asked: ChecklistConfig) -> Answer:
    values = {
        "data": flags.train, "encoder": flags.encoder, "epochs": flags.epochs, "seed": seed,
        "learning_rate": flags.learning_rate, "maxlen": flags.maxlen, "test": 0,
        "adversarial_epsilon": flags.adversarial_epsilon, "augment": name == AUGMENTED,
    }  # fmt: skip
    folder = flags.runs / f"{name}-{seed}"
    settings = from_flat(TrainingSettings, values, "behaviour.py")
    work = functools.partial(train, folder=folder, reuse=True, overwrite=True, quiet=True)
    in_own_process(work, settings, quiet=True)
    rows = from_run(folder)
    if flags.judged is not None:
        rows = from_predictor(folder, read_labelled(DataConfig(data=flags.judged)))
    right = rows.predictions.probabilities.argmax(axis=1) == rows.predictions.y_true
    found = check_classifier(load(folder / "predictor"), asked, rows.predictions.texts)
    return Answer(found, float(right.mean()))


def _rates(answers: Sequence[Answer]) -> dict[str, list[float]]:
    """Failure rates by capability and test, a number a seed."""
    found: dict[str, list[float]] = {}
    for answer in answers:
        for one in (*answer.behaviour.capabilities, *answer.behaviour.tests):
            name = f"{one.capability}: {one.name}" if one.name else one.capability
            found.setdefault(name, []).append(one.failures.value)
    return found


def _table(rates: Mapping[str, Mapping[str, Sequence[float]]]) -> FigureTable:
    names = dict.fromkeys(name for found in rates.values() for name in found)

    def cell_of(contender: str) -> Column:
        def cell(name: str) -> str:
            own = rates[contender].get(name, [])
            if len(own) < 2:
                return "".join(share(value) for value in own)
            return f"{share(statistics.fmean(own))} ({100 * min(own):.1f} to {100 * max(own):.1f})"

        return Column(contender, cell)

    columns = [Column("test", lambda name: name, words=True), *map(cell_of, rates)]
    title = "Cases that fail: mean over the seeds, lowest and highest"
    return FigureTable.of(title, columns, sorted(names))


if __name__ == "__main__":
    run(Flags, task, __doc__)
