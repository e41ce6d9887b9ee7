"""Training by one process and by two workers with half the cores each: steps, and the weights.

    python benchmarks/several_workers.py
    python benchmarks/several_workers.py --rows 360 --epochs 3

The same batches of 32 sentences, 64 tokens at most, by one process with all `--threads`, by one
with half of them, and by two workers that share them. Workers are processes of this machine, on
loopback: no network is measured. Steps count from the second epoch on, when all shapes are
compiled: the median of their time, and the mean of their processor time, which other work on the
machine hardly changes, of both workers together. Weights are compared in the end. Prints a table,
then one JSON line.
"""

from __future__ import annotations

import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from frame import BenchmarkFlags, describe, print_side_by_side
from processes import WORKERS, answers_of
from texts import labelled

from ktrain_sentiment.commands.frame import run
from ktrain_sentiment.workflow.several_workers import cluster_of


@dataclass(frozen=True, kw_only=True)
class Flags(BenchmarkFlags):
    """What to measure."""

    texts: str = "movie-reviews"
    """A file, or a named corpus."""

    rows: int = 720
    """How many labelled texts, of which nine tenths are learned."""

    encoder: str = "minilm"
    """What is trained."""

    threads: int = 2
    """Cores of the one process, which two workers share."""

    epochs: int = 3
    """Passes over the rows; the first is not measured."""


def task(flags: Flags) -> dict[str, Any]:
    """Train each way and show the steps side by side."""
    half = max(1, flags.threads // 2)
    ways = {
        f"one process, {flags.threads} threads": (1, flags.threads),
        f"one process, {half} threads": (1, half),
        f"two workers, {half} threads each": (2, half),
    }
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as place:
        data = Path(place, "texts.csv")
        rows = labelled(flags.texts).sample(flags.rows, random_state=0)
        rows[["text", "label"]].to_csv(data, index=False)
        for name, (workers, threads) in ways.items():
            figures[name] = _measure(name, workers, threads, data, flags)
            print(f"{name}: {figures[name]}", file=sys.stderr)
        one, _, two = (_weights(data.with_name(f"{name}-0.npz")) for name in ways)
        apart = max(float(np.abs(a - b).max()) for a, b in zip(one, two, strict=True))
    print_side_by_side("A step of one process and of two workers", figures, str)
    print(f"largest difference of two weights, one process and two workers: {apart:.1e}")
    return {"machine": describe(), "largest_difference": apart, **figures}


def _measure(name: str, workers: int, threads: int, data: Path, flags: Flags) -> dict[str, Any]:
    """What a step took all workers of a way."""
    cluster = cluster_of(workers, {})
    ports = [one.rpartition(":")[2] for one in cluster.addresses] if cluster else ["0"]

    def work(index: int) -> dict[str, Any]:
        command = [
            sys.executable, str(WORKERS / "train_together.py"), str(index), ",".join(ports),
            str(threads), str(data), flags.encoder, str(flags.epochs),
            str(data.with_name(f"{name}-{index}.npz")),
        ]  # fmt: skip
        return answers_of(name, command)[-1]

    with ThreadPoolExecutor(workers) as threadpool:
        found = list(threadpool.map(work, range(workers)))
    return {
        "ms a step": max(one["step_ms"] for one in found),
        "processor ms a step": sum(one["processor_ms"] for one in found),
        "steps": found[0]["steps"],
        "precision": found[0]["precision"],
    }


def _weights(place: Path) -> list[Any]:
    with np.load(place) as kept:
        return [kept[name] for name in kept.files]


if __name__ == "__main__":
    run(Flags, task, __doc__)
