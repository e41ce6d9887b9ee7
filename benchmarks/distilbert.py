"""What DistilBERT claims over BERT, measured again: size and speed, in prediction and training.

    python benchmarks/distilbert.py
    python benchmarks/distilbert.py --texts sst2_dev.parquet --rounds 10
    python benchmarks/distilbert.py --no-training

Both architectures as published (transformers' default configurations, 30,522 word pieces) with
random weights, which are as large and as fast as trained ones; no hub is asked. They take turns on
the same texts, and a ratio is taken in each round, so that what else the machine does strikes both
alike; medians are shown, lowest and highest beside them. Processor time hardly depends on what
else runs. Prints a table beside the figures of Sanh et al. 2019 (arXiv:1910.01108), then one JSON
line. Accuracy cannot be measured on random weights.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import training_step
from frame import BenchmarkFlags, print_side_by_side
from processes import WORKERS, Worker
from texts import labelled

from ktrain_sentiment.commands.frame import run
from ktrain_sentiment.encoders import resolve

ARCHITECTURES = {"bert_base": "Bert", "distilbert": "DistilBert"}
ENGINES = {
    "onnx_fp32": ("predict_ours.py", "fp32"),
    "onnx_int8": ("predict_ours.py", "int8"),
    "tensorflow_fp32": ("predict_tensorflow.py", ""),
}
"""Who predicts: the worker and what it wants further."""

STEPS = {"keras_fp32": (), "our_kernels": training_step.BEST}
"""Who trains: the levers that the worker pulls."""

FILES = {
    "safetensors_fp32_mb": "model.safetensors",
    "onnx_fp32_mb": "onnx/model.onnx",
    "onnx_int8_mb": "onnx/model_quantized.onnx",
}

PUBLISHED = {
    "parameters_million": [110, 66],
    "one_text_onnx_fp32_ms": "60 % faster",
    "one_text_tensorflow_fp32_ms": "60 % faster",
}
"""Of Sanh et al. 2019: BERT-base beside DistilBERT; a text at a time, on a CPU, with PyTorch."""


@dataclass(frozen=True, kw_only=True)
class Flags(BenchmarkFlags):
    """What to measure."""

    texts: str = "movie-reviews"
    """Short texts to predict: a file with texts and labels, or a named corpus."""

    count: int = 64
    """How many of them."""

    single: int = 10
    """How many of them are predicted one at a time."""

    rounds: int = 7
    """How often each has its turn."""

    training: bool = True
    """Measure training steps too; needs 10 GB of memory."""

    batch_size: int = 32
    """Texts a training step."""

    length: int = 32
    """Tokens a text in training."""

    steps: int = 2
    """Training steps a turn."""


Rounds = dict[str, dict[str, list[float]]]
"""Figures of every round, by what was measured and by architecture."""


def task(flags: Flags) -> dict[str, Any]:
    """Build both, let them take turns, show them side by side."""
    with tempfile.TemporaryDirectory() as home:
        sets = Path(home) / "texts.json"
        texts = labelled(flags.texts)["text"].sample(flags.count, random_state=0).tolist()
        chosen = {"short": texts, "single": texts[: flags.single]}
        sets.write_text(json.dumps(chosen), encoding="utf-8")
        folders = {name: Path(home) / name for name in ARCHITECTURES}
        figures = {"parameters_million": _saved([_build(n, folders[n], sets) for n in folders])}
        for what, file in FILES.items():
            sizes = [(folder / file).stat().st_size / 1e6 for folder in folders.values()]
            figures[what] = _saved(sizes)
        rounds = _predict(folders, sets, flags)
        if flags.training:
            rounds |= _train(folders, flags)
    figures |= {what: _timed(found, what) for what, found in rounds.items()}
    columns = ("bert_base", "distilbert", "distilbert_is", "published")
    table = {
        column: {what: row.get(column, PUBLISHED.get(what)) for what, row in figures.items()}
        for column in columns
    }
    print_side_by_side("BERT-base and DistilBERT, random weights, this machine", table, _cell)
    return figures


def _build(name: str, folder: Path, sets: Path) -> float:
    """Write the predictor and return its parameters in millions."""
    told = (str(folder), str(resolve("minilm")), str(sets))
    built = subprocess.run(
        [sys.executable, str(WORKERS / "build_published.py"), ARCHITECTURES[name], *told],
        stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    return float(json.loads(built.stdout)["parameters"] / 1e6)


def _predict(folders: dict[str, Path], sets: Path, flags: Flags) -> Rounds:
    """Texts a second, and milliseconds of one text, of each round."""
    rounds: Rounds = {}
    for engine, (worker, further) in ENGINES.items():
        commands = {
            name: [sys.executable, str(WORKERS / worker), str(folder), str(sets), further]
            for name, folder in folders.items()
        }
        workers = {name: Worker(name, command) for name, command in commands.items()}
        many = rounds.setdefault(f"texts_per_second_{engine}", {name: [] for name in workers})
        work = rounds.setdefault(f"processor_ms_a_text_{engine}", {name: [] for name in workers})
        one = rounds.setdefault(f"one_text_{engine}_ms", {name: [] for name in workers})
        try:
            for ready in workers.values():
                ready.ask()
                # The first turn warms up: graphs are made for the shapes that come.
                ready.ask("short")
                ready.ask("single")
            for _ in range(flags.rounds):
                for name, asked in workers.items():
                    answer = asked.ask("short")
                    many[name].append(flags.count / answer["seconds"])
                    work[name].append(1000 * answer["processor"] / flags.count)
                    one[name].append(1000 * statistics.median(asked.ask("single")["times"]))
        finally:
            for worker_ in workers.values():
                worker_.stop()
        print(f"{engine} is done", file=sys.stderr, flush=True)
    return rounds


def _train(folders: dict[str, Path], flags: Flags) -> Rounds:
    """Milliseconds of a training step of each round."""
    rounds: Rounds = {}
    for how, levers in STEPS.items():
        found = rounds.setdefault(f"training_step_{how}_ms", {name: [] for name in folders})
        work = rounds.setdefault(f"processor_ms_a_step_{how}", {name: [] for name in folders})
        variants: list[training_step.Variant] = []
        try:
            for name, folder in folders.items():
                size = (str(flags.batch_size), str(flags.length))
                script = str(WORKERS / "keras_step.py")
                command = [sys.executable, script, str(folder), *size, *levers]
                variants.append(training_step.Variant(Worker(name, command)))
                variants[-1].worker.ask()
            for _ in range(flags.rounds):
                for variant in variants:
                    variant.take(flags.steps)
                    last = variant.walls[-flags.steps :]
                    found[variant.worker.name].append(1000 * statistics.median(last))
                    work[variant.worker.name].append(1000 * variant.cpus[-1])
        finally:
            for variant in variants:
                variant.worker.stop()
        print(f"training with {how} is done", file=sys.stderr, flush=True)
    return rounds


def _saved(values: Sequence[float]) -> dict[str, Any]:
    """A figure of both that does not vary; what DistilBERT saves of it, in percent."""
    bert, distil = values
    return {
        "bert_base": round(bert, 1),
        "distilbert": round(distil, 1),
        "distilbert_is": f"{100 * (1 - distil / bert):.0f} % smaller",
    }


def _timed(found: dict[str, list[float]], what: str) -> dict[str, Any]:
    """Medians with lowest and highest, and how much faster DistilBERT is, round by round."""
    rates = what.startswith("texts_per_second")
    pairs = zip(found["bert_base"], found["distilbert"], strict=True)
    faster = [100 * ((d / b if rates else b / d) - 1) for b, d in pairs]
    return {
        **{name: _spread(values, lambda v: round(v, 1)) for name, values in found.items()},
        "distilbert_is": f"{_words(_spread(faster, round))} % faster",
        "faster_percent": _spread(faster, lambda v: round(v, 1)),
    }


def _spread(values: Sequence[float], rounded: Callable[[float], float]) -> list[float]:
    """Median, lowest, highest."""
    return [rounded(v) for v in (statistics.median(values), min(values), max(values))]


def _words(spread: Sequence[float]) -> str:
    middle, low, high = spread
    return f"{middle:,} ({low:,} to {high:,})"


def _cell(value: object) -> str:
    if isinstance(value, list):
        return _words(value) if len(value) == 3 else ", ".join(f"{part:,}" for part in value)
    return "" if value is None else str(value)


if __name__ == "__main__":
    run(Flags, task, __doc__)
