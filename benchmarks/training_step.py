"""How long one training step takes, lever by lever, with PyTorch beside it, turn by turn.

    python benchmarks/training_step.py
    python benchmarks/training_step.py --encoder distilbert-base-uncased --length 64
    python benchmarks/training_step.py --variants pytorch-bf16 kernels-bf16 first-token all-levers

Each variant is a process that waits for its turn; in each round each takes a few steps. PyTorch
lives in an environment of its own, which is made once. Prints a table, then one JSON
line. Processor seconds hold still when others use the machine; wall times do not.
"""

from __future__ import annotations

import statistics
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from frame import BenchmarkFlags
from processes import HOME, WORKERS, Worker, interpreter, refuse_unknown

from ktrain_sentiment.commands.frame import run
from ktrain_sentiment.encoders import resolve

BEST = ("fast", "bf16", "sparse")

VARIANTS: dict[str, tuple[str, ...]] = {
    "pytorch-fp32": ("float32",),
    "pytorch-bf16": (),
    "pytorch-bf16-frozen": ("frozen",),
    "keras-fp32": (),
    "keras-rewrite": ("rewrite",),
    "kernels-unfused": ("fast", "all", "unfused"),
    "kernels-fp32": ("fast", "all"),
    "kernels-bf16": ("fast", "all", "bf16"),
    "first-token": ("fast", "bf16"),
    "all-levers": BEST,
    "all-levers-unfused": (*BEST, "unfused"),
    "all-levers-fp16": ("fast", "fp16", "sparse"),
    "all-levers-clip": (*BEST, "clip"),
    "all-levers-frozen": (*BEST, "frozen"),
}
"""What each variant asks of its worker; PyTorch's names say whose they are."""

MAIN = ("pytorch-bf16", "pytorch-bf16-frozen", "keras-rewrite", "all-levers", "all-levers-frozen")
"""What is measured unless asked otherwise."""


@dataclass(frozen=True, kw_only=True)
class Flags(BenchmarkFlags):
    """What to measure."""

    encoder: str = "minilm"
    """A hub name, a local folder, or minilm."""

    batch_size: int = 32
    """Texts a step."""

    length: int = 32
    """Tokens a text."""

    rounds: int = 6
    """How often each variant has its turn."""

    steps: int = 5
    """Steps a turn."""

    variants: tuple[str, ...] = MAIN
    """What to measure: any of the names in VARIANTS; each holds about 1.5 GB of memory."""

    environments: Path = HOME
    """Where PyTorch's environment is made when it is missing; takes some minutes and 1 GB."""


@dataclass
class Variant:
    """A worker that takes steps, and their times in seconds."""

    worker: Worker
    walls: list[float] = field(default_factory=list)
    cpus: list[float] = field(default_factory=list)

    def take(self, steps: int) -> None:
        """Take some steps and keep their times."""
        times = self.worker.ask(str(steps))
        self.walls += times["walls"]
        self.cpus.append(times["cpu"] / steps)

    def figures(self) -> dict[str, float]:
        """Milliseconds a step."""
        return {
            "median_ms": round(1000 * statistics.median(self.walls), 1),
            "fastest_ms": round(1000 * min(self.walls), 1),
            "processor_ms": round(1000 * statistics.median(self.cpus), 1),
        }


def make_worker(name: str, flags: Flags, encoder: Path) -> Worker:
    """Start a variant's process."""
    theirs = name.startswith("pytorch")
    python = interpreter("torch", flags.environments) if theirs else Path(sys.executable)
    script = WORKERS / ("torch_step.py" if theirs else "keras_step.py")
    size = (str(flags.batch_size), str(flags.length))
    return Worker(name, [str(python), str(script), str(encoder), *size, *VARIANTS[name]])


def measure(flags: Flags) -> dict[str, dict[str, float]]:
    """Milliseconds a step of each variant, measured turn by turn."""
    refuse_unknown("--variants", flags.variants, VARIANTS)
    encoder = resolve(flags.encoder)
    variants: list[Variant] = []
    try:
        for name in flags.variants:
            variants.append(Variant(make_worker(name, flags, encoder)))
            # One after the other: warming up together would only be slower.
            variants[-1].worker.ask()
            print(f"{name} is ready", file=sys.stderr)
        for _ in range(flags.rounds):
            for variant in variants:
                variant.take(flags.steps)
    finally:
        for variant in variants:
            variant.worker.stop()
    return {variant.worker.name: variant.figures() for variant in variants}


def print_table(figures: dict[str, dict[str, float]]) -> None:
    """A line a variant."""
    print(f"{'milliseconds a step':24s} {'median':>8s} {'fastest':>8s} {'processor':>10s}")
    for name, row in figures.items():
        print(
            f"{name:24s} {row['median_ms']:8.1f} {row['fastest_ms']:8.1f} "
            f"{row['processor_ms']:10.1f}"
        )


def main(flags: Flags) -> dict[str, Any]:
    """Measure, report."""
    figures = measure(flags)
    print_table(figures)
    return figures


if __name__ == "__main__":
    run(Flags, main, __doc__)
