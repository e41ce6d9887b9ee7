"""Learn from a handful of labels, draw by draw, as `few_labels.py` says; one way a process.

    python benchmarks/workers/learn_few.py task.json

Answers a line a draw: the share of judged rows that is right, and the seconds of learning. The
last line has the seconds that opening took.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ktrain_sentiment.config import EncoderConfig, TrainConfig, TrainingSettings
from ktrain_sentiment.data import Splits
from ktrain_sentiment.evaluation.predictions import class_indices
from ktrain_sentiment.training.contrastive import PROBE, SentenceTuner, Tuning, probe_of
from ktrain_sentiment.workflow.few_labels import fit_full
from ktrain_sentiment.workflow.models import MODELS

Answer = dict[str, Any]


def main() -> None:
    """Do the task that the argument names."""
    task = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    pool, judged = (
        pd.read_parquet(task[name]).assign(row=lambda frame: range(len(frame)))
        for name in ("pool", "judged")
    )
    splits = Splits(pool, judged, judged[:0], tuple(task["labels"]))
    settings = TrainingSettings(
        encoder=EncoderConfig(encoder=task["encoder"], maxlen=task["maxlen"]),
        training=TrainConfig(few_labels="full" if task["way"] == "full" else "contrastive"),
    )
    learn = _full if task["way"] == "full" else _by_vectors
    begun = time.perf_counter()
    opened = 0.0
    for answer in learn(task, settings, splits):
        opened = opened or time.perf_counter() - begun - answer.get("whole", 0.0)
        print(json.dumps(answer), flush=True)
    print(json.dumps({"done": True, "opening_seconds": opened}), flush=True)


def _by_vectors(task: Answer, settings: TrainingSettings, splits: Splits) -> Iterator[Answer]:
    """The probe and the tuned encoder: one model for all draws, put back between them."""
    tuner = SentenceTuner(MODELS["encoder"].open(settings, splits))
    learner, count = tuner.trainer.learner, len(splits.labels)
    rows, judged = learner.train_data.rows, learner.val_data.rows
    classes = class_indices(splits.train["label"], splits.labels)
    truth = class_indices(splits.validation["label"], splits.labels)
    tuning = PROBE if task["way"] == "probe" else Tuning(**task["tuning"])
    fixed = None if tuning.steps else (tuner.embed(rows), tuner.embed(judged))
    for draw in task["draws"]:
        begun = time.perf_counter()
        chosen = np.asarray(draw["rows"])
        losses, _ = tuner.tune(rows, classes, tuning, draw["seed"], among=chosen)
        vectors = fixed[0][chosen] if fixed else tuner.embed(rows, chosen)
        probe = probe_of(vectors, classes[chosen], count, tuning, draw["seed"])
        seconds = time.perf_counter() - begun
        said = probe.predict_proba(fixed[1] if fixed else tuner.embed(judged))
        tuner.restore()
        yield {
            "size": draw["size"],
            "seed": draw["seed"],
            "accuracy": float((said.argmax(axis=1) == truth).mean()),
            "seconds": seconds,
            "loss": losses[-1] if losses else None,
            "whole": time.perf_counter() - begun,
        }


def _full(task: Answer, settings: TrainingSettings, splits: Splits) -> Iterator[Answer]:
    truth = class_indices(splits.validation["label"], splits.labels)
    texts = splits.validation["text"].tolist()
    for draw in task["draws"]:
        begun = time.perf_counter()
        some = splits.train.iloc[draw["rows"]].reset_index(drop=True)
        # As someone has it with so few rows, the judged ones are not there while it trains.
        few = replace(splits, train=some, validation=some)
        seeded = replace(settings, training=replace(settings.training, seed=draw["seed"]))
        candidate = fit_full(seeded, few)
        seconds = time.perf_counter() - begun
        said = np.asarray(candidate.predict(texts))
        yield {
            "size": draw["size"],
            "seed": draw["seed"],
            "accuracy": float((said.argmax(axis=1) == truth).mean()),
            "seconds": seconds,
            "whole": time.perf_counter() - begun,
        }


if __name__ == "__main__":
    main()
