"""Prediction beside ktrain, pipeline, OpenVINO and ONNX Runtime: speed, memory, size, agreement.

    python benchmarks/inference.py
    python benchmarks/inference.py --predictor runs/mine --short sst2_dev.parquet
    python benchmarks/inference.py --contenders ours_int8 openvino_bf16

All contenders load the same predictor folder and read the same texts. Each is a process that waits
for its turn, so that what else the machine does strikes all alike; figures are medians over the
rounds, with the lowest and highest beside them.
PyTorch, OpenVINO and plain ONNX Runtime live in environments of their own, which are made once.
OpenVINO's int8 is NNCF's post-training quantization for transformers, calibrated on 300 of the
texts; ONNX Runtime's int8 is its dynamic quantization as optimum sets it up for the CPU at hand.
A lesser CPU cannot be emulated here: neither of the two has a switch for it. Without --predictor,
one is trained on the short texts' training set first. Prints a table, then one JSON line.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from frame import BenchmarkFlags, describe, print_side_by_side
from processes import HOME, ROOT, WORKERS, Worker, answers_of, interpreter, refuse_unknown
from texts import labelled, long_texts

from ktrain_sentiment.commands.frame import run

TOKENIZER = ("tokenizer.json",)


@dataclass(frozen=True)
class Contender:
    """Who predicts.

    Attributes:
        worker: Its script in `workers/`.
        environment: Where it runs; empty: here.
        arguments: What the worker wants further.
        files: What of the predictor folder it needs.
        made: The script in `workers/` that makes its model, and the model's files; it is told
            where the first of them is.
        rounds: Most rounds that it is worth waiting for.
    """

    worker: str
    environment: str = ""
    arguments: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    made: tuple[str, ...] = ()
    rounds: int = 100


CONTENDERS = {
    "ktrain": Contender(
        "predict_ktrain.py",
        files=("model.safetensors", "tf_model.preproc", "config.json", "tokenizer.json"),
        rounds=2,
    ),
    "pipeline_fp32": Contender(
        "predict_pipeline.py", "torch", ("fp32",), ("model.safetensors", "config.json", *TOKENIZER)
    ),
    "pipeline_bf16": Contender(
        "predict_pipeline.py", "torch", ("bf16",), ("model.safetensors", "config.json", *TOKENIZER)
    ),
    "openvino_fp32": Contender(
        "predict_openvino.py", "openvino", ("f32",), ("onnx/model.onnx", *TOKENIZER)
    ),
    "openvino_bf16": Contender(
        "predict_openvino.py", "openvino", ("bf16",), ("onnx/model.onnx", *TOKENIZER)
    ),
    "openvino_int8": Contender(
        "predict_openvino.py",
        "openvino",
        ("f32",),
        TOKENIZER,
        ("quantize_openvino.py", "openvino.xml", "openvino.bin"),
    ),
    "onnxruntime_fp32": Contender(
        "predict_onnxruntime.py", "onnxruntime", (), ("onnx/model.onnx", *TOKENIZER)
    ),
    "onnxruntime_int8": Contender(
        "predict_onnxruntime.py",
        "onnxruntime",
        (),
        TOKENIZER,
        ("quantize_onnxruntime.py", "onnxruntime.onnx"),
    ),
    "ours_fp32": Contender(
        "predict_ours.py", "", ("fp32",), ("onnx/model.onnx", "manifest.json", *TOKENIZER)
    ),
    "ours_int8": Contender(
        "predict_ours.py", "", ("int8",), ("onnx/model_quantized.onnx", "manifest.json", *TOKENIZER)
    ),
}


@dataclass(frozen=True, kw_only=True)
class Flags(BenchmarkFlags):
    """What to measure."""

    predictor: Path | None = None
    """A predictor or run folder; one is trained in runs/bench-inference when left out."""

    train: str = "movie-reviews"
    """Texts to train on when no predictor is given: a file, or a named corpus."""

    short: str | None = None
    """Short texts with labels; the run's test rows when left out."""

    long: str | None = None
    """Long texts; editorials, their sentences joined, when left out."""

    long_texts: int = 150
    """How many of the long texts to use."""

    rounds: int = 5
    """How often each contender has its turn."""

    contenders: tuple[str, ...] = tuple(CONTENDERS)
    """Who takes part: any of ktrain, pipeline_fp32, pipeline_bf16, openvino_fp32, openvino_bf16,
    openvino_int8, onnxruntime_fp32, onnxruntime_int8, ours_fp32, ours_int8."""

    environments: Path = HOME
    """Where the peers' environments are made."""


@dataclass
class Measured:
    """What one contender did."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: {"short": [], "long": []})
    processor: dict[str, list[float]] = field(default_factory=lambda: {"short": [], "long": []})
    latencies: list[float] = field(default_factory=list)
    first_answers: list[float] = field(default_factory=list)
    memory_mb: float = 0.0
    peak_mb: float = 0.0
    rows: list[list[float]] = field(default_factory=list)


def task(flags: Flags) -> dict[str, Any]:
    """Measure all contenders and show them side by side."""
    refuse_unknown("--contenders", flags.contenders, CONTENDERS)
    run_folder = flags.predictor or _train(flags)
    inside = run_folder / "predictor"
    folder = inside if inside.is_dir() else run_folder
    texts, labels = _texts(flags, run_folder)
    with tempfile.TemporaryDirectory() as place:
        sets = Path(place) / "texts.json"
        sets.write_text(json.dumps(texts), encoding="utf-8")
        commands = {name: _command(name, folder, sets, flags) for name in flags.contenders}
        measured = _measure(commands, flags.rounds)
        sizes = {name: _size_mb(name, folder, Path(place)) for name in flags.contenders}
    truth = [labels.index(label) for label in texts["labels"]]
    figures = {name: _figures(found, sizes[name], texts, truth) for name, found in measured.items()}
    _compare(figures, measured)
    title = f"prediction, {describe()}, medians of the rounds"
    print_side_by_side(title, figures, _cell)
    return figures


def _train(flags: Flags) -> Path:
    folder = ROOT / "runs" / "bench-inference"
    if not (folder / "predictor").is_dir():
        command = ["scripts/train.py", flags.train, "--encoder", "minilm", "--maxlen", "256"]
        more = ["--epochs", "2", "--learning-rate", "1e-4", "--run", folder]
        subprocess.run([sys.executable, *map(str, command), *map(str, more)], cwd=ROOT, check=True)
    return folder


def _texts(flags: Flags, run_folder: Path) -> tuple[dict[str, list[str]], list[str]]:
    kept = run_folder / "splits" / "test.parquet"
    short = labelled(flags.short or (str(kept) if kept.is_file() else flags.train))
    long = long_texts(flags.long).sample(flags.long_texts, random_state=0)
    texts = {
        "short": short["text"].tolist(),
        "long": long["text"].tolist(),
        "single": short["text"].sample(50, random_state=0).tolist(),
        "labels": short["label"].tolist(),
    }
    return texts, sorted(set(texts["labels"]))


def _command(name: str, folder: Path, sets: Path, flags: Flags) -> list[str]:
    contender = CONTENDERS[name]
    python = Path(sys.executable)
    if contender.environment:
        python = interpreter(contender.environment, flags.environments)
    arguments = [str(folder), str(sets), *contender.arguments]
    if contender.made:
        script, model, *_ = contender.made
        arguments.append(str(sets.parent / model))
        answers_of(name, [str(python), str(WORKERS / script), *arguments])
    return [str(python), str(WORKERS / contender.worker), *arguments]


def _size_mb(name: str, folder: Path, place: Path) -> float:
    contender = CONTENDERS[name]
    files = [folder / file for file in contender.files]
    files += [place / file for file in contender.made[1:]]
    return round(sum(file.stat().st_size for file in files) / 1e6, 1)


def _measure(commands: dict[str, list[str]], rounds: int) -> dict[str, Measured]:
    """Cold starts first, then turns."""
    measured = {name: Measured() for name in commands}
    for name in _turns(commands, min(rounds, 3)):
        _start_cold(name, commands[name], measured[name])
    workers = {name: Worker(name, command) for name, command in commands.items()}
    try:
        for worker in workers.values():
            worker.ask()
        for name in _turns(commands, rounds):
            _take_turn(workers[name], measured[name])
    finally:
        for worker in workers.values():
            worker.stop()
    return measured


def _turns(names: Iterable[str], rounds: int) -> list[str]:
    """Who is next: each once a round, the slow ones in fewer rounds."""
    return [name for turn in range(rounds) for name in names if turn < CONTENDERS[name].rounds]


def _start_cold(name: str, command: list[str], measured: Measured) -> None:
    begun = time.perf_counter()
    worker = Worker(name, command)
    try:
        answer = worker.ask()
    finally:
        worker.stop()
    measured.first_answers.append(time.perf_counter() - begun)
    measured.memory_mb = answer["memory_mb"]


def _take_turn(worker: Worker, measured: Measured) -> None:
    for name in ("short", "long"):
        answer = worker.ask(name)
        measured.seconds[name].append(answer["seconds"])
        measured.processor[name].append(answer["processor"])
        if name == "short":
            measured.rows = answer["rows"]
    answer = worker.ask("single")
    measured.latencies += answer["times"]
    measured.peak_mb = max(measured.peak_mb, answer["peak_mb"])


def _figures(
    found: Measured, size_mb: float, texts: dict[str, list[str]], truth: list[int]
) -> dict[str, Any]:
    winners = [max(range(len(row)), key=row.__getitem__) for row in found.rows]
    right = sum(winner == wanted for winner, wanted in zip(winners, truth, strict=True))
    latencies = sorted(found.latencies)
    return {
        **_rates("short", len(texts["short"]), found),
        **_rates("long", len(texts["long"]), found),
        "latency_p50_ms": round(1000 * statistics.median(latencies), 2),
        "latency_p99_ms": round(1000 * latencies[int(len(latencies) * 0.99)], 2),
        "first_answer_seconds": round(statistics.median(found.first_answers), 2),
        "rss_mb": round(found.memory_mb),
        "peak_mb": round(found.peak_mb),
        "disk_mb": size_mb,
        "accuracy": round(right / len(truth), 4),
    }


def _rates(kind: str, texts: int, found: Measured) -> dict[str, Any]:
    """Texts a second: the median of the rounds, and the slowest and fastest."""
    rates = sorted(texts / seconds for seconds in found.seconds[kind])
    return {
        f"texts_per_second_{kind}": round(statistics.median(rates), 1),
        f"texts_per_second_{kind}_range": [round(rates[0], 1), round(rates[-1], 1)],
        f"texts_per_processor_second_{kind}": round(
            texts / statistics.median(found.processor[kind]), 1
        ),
    }


def _compare(figures: dict[str, dict[str, Any]], measured: dict[str, Measured]) -> None:
    """How many labels differ from ktrain's, or from the first contender's."""
    reference = next(iter(measured.values())).rows
    for name, found in measured.items():
        changed = sum(
            max(range(len(a)), key=a.__getitem__) != max(range(len(b)), key=b.__getitem__)
            for a, b in zip(found.rows, reference, strict=True)
        )
        figures[name]["labels_changed"] = round(changed / len(reference), 4)


def _cell(value: float | list[float]) -> str:
    return " to ".join(f"{part:,}" for part in (value if isinstance(value, list) else [value]))


if __name__ == "__main__":
    run(Flags, task, __doc__)
