"""Training beside plain ktrain and the Hugging Face Trainer: speed, time to a target, memory.

    python benchmarks/training.py
    python benchmarks/training.py --train sst2_train.parquet --judged sst2_dev.parquet
    python benchmarks/training.py --seeds 0 1 --contenders trainer ours
    python benchmarks/training.py --avx2
    python benchmarks/training.py --encoder distilbert-base-uncased --epochs 3

Each training is a process of its own; the contenders take turns, one seed after the other, on the
same encoder, rows, batch size, epochs and peak learning rate: ktrain and ours with 1cycle, the
Trainer with warm-up and linear decay, its own usual. The Trainer trains in fp32 and in bf16, and
`trainer` repeats the faster of the two: bf16 is the faster where the CPU has it and the slower
where it is emulated. `ours` leaves adversarial training out, as
the others do; `ours_adversarial` has it, which is the default for so few rows. Every contender is
judged several times while it trains, on rows that decide nothing, and the clock stands still
meanwhile. `seconds_to_target` counts from the start of the process: imports, loading, tokenising
and compiling are in it. Then ktrain and ours tokenise long texts. Prints tables, then one JSON
line.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from frame import AVX2_ALONE, TENSORFLOW_ALONE, BenchmarkFlags, describe, print_side_by_side
from processes import HOME, WORKERS, answers_of, interpreter, refuse_unknown
from texts import long_texts, train_and_judged

from ktrain_sentiment.commands.frame import run
from ktrain_sentiment.encoders import resolve

CONTENDERS = {
    "ktrain": ("train_ktrain.py",),
    "trainer_fp32": ("train_trainer.py", "fp32"),
    "trainer_bf16": ("train_trainer.py", "bf16"),
    "ours": ("train_ours.py", "0"),
    "ours_adversarial": ("train_ours.py", "1"),
}
"""The worker of each, and what it is told besides the task."""

TRAINERS = ("trainer_fp32", "trainer_bf16")
TOKENIZERS = ("ktrain", "huggingface", "ours")


@dataclass(frozen=True, kw_only=True)
class Flags(BenchmarkFlags):
    """What to measure."""

    encoder: str = "minilm"
    """A hub name, a local folder, or minilm."""

    train: str = "movie-reviews"
    """Rows to train on: a file with texts and labels, or a named corpus."""

    judged: str | None = None
    """Rows to judge on; a tenth of the others when left out."""

    long: str | None = None
    """Long texts to tokenise; editorials, their sentences joined, when left out."""

    maxlen: int = 64
    """Longest text in tokens."""

    long_maxlen: int = 256
    """Longest text in tokens when long texts are tokenised."""

    batch_size: int = 32
    """Texts a step."""

    epochs: int = 2
    """Passes over the rows."""

    learning_rate: float = 1e-4
    """Peak learning rate of all contenders."""

    target: float = 0.87
    """Accuracy whose time is taken."""

    judgements: int = 10
    """How often a training is judged."""

    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    """A training of each contender for each seed; none leaves training out."""

    contenders: tuple[str, ...] = tuple(CONTENDERS)
    """Who takes part: any of ktrain, trainer (both of its precisions), trainer_fp32, trainer_bf16,
    ours, ours_adversarial."""

    avx2: bool = False
    """Let a greater machine train as one with AVX2 alone."""

    tokenising_turns: int = 3
    """How often each tokenises; 0 leaves it out."""

    environments: Path = HOME
    """Where the Trainer's environment is made."""


@dataclass(frozen=True)
class Trained:
    """One training.

    Attributes:
        rate: Texts a second while training.
        accuracy: At its end, on the judged rows.
        to_target: Seconds from the start of the process to the target; None if never reached.
        before: Seconds before the first step: imports, loading, tokenising.
        peak_mb: Most memory.
    """

    rate: float
    accuracy: float
    to_target: float | None
    before: float
    peak_mb: float


def task(flags: Flags) -> dict[str, Any]:
    """Measure, and show everything side by side."""
    asked = (TRAINERS if name == "trainer" else (name,) for name in flags.contenders)
    flags = replace(flags, contenders=tuple(dict.fromkeys(name for some in asked for name in some)))
    refuse_unknown("--contenders", flags.contenders, CONTENDERS)
    encoder = resolve(flags.encoder)
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as place:
        if flags.seeds:
            trained = _train_all(flags, encoder, Path(place))
            figures |= {name: _figures(runs) for name, runs in trained.items()}
            both = [figures[name] for name in TRAINERS if name in figures]
            if both:
                figures["trainer"] = max(both, key=lambda found: found["texts_per_second"])
            title = f"training on {Path(flags.train).name}, {len(flags.seeds)} seeds, "
            title += describe(flags.avx2)
            print_side_by_side(f"{title}, target {100 * flags.target:g} %", figures, str)
        if flags.tokenising_turns:
            figures["tokenising"] = _tokenise(flags, encoder, Path(place))
            _show_tokenising(figures["tokenising"])
    return figures


def _train_all(flags: Flags, encoder: Path, place: Path) -> dict[str, list[Trained]]:
    """Turn by turn: each contender with the first seed, then each with the second."""
    common = {**_rows(flags), **_settings(flags, encoder)}
    done: dict[str, list[Trained]] = {name: [] for name in flags.contenders}
    for seed in flags.seeds:
        written = place / "task.json"
        written.write_text(json.dumps({**common, "seed": seed}), encoding="utf-8")
        for name in flags.contenders:
            worker, *further = CONTENDERS[name]
            answers = _run(name, [str(WORKERS / worker), str(written), *further], flags)
            one = _trained(answers, len(common["train"]) * flags.epochs, flags.target)
            done[name].append(one)
            print(f"seed {seed}  {name:8s} {one}", file=sys.stderr, flush=True)
    return done


def _rows(flags: Flags) -> dict[str, Any]:
    train, dev = train_and_judged(flags.train, flags.judged)
    labels = sorted(set(train["label"]))
    return {
        "labels": labels,
        "train": train["text"].tolist(),
        "train_y": [labels.index(label) for label in train["label"]],
        "dev": dev["text"].tolist(),
        "dev_y": [labels.index(label) for label in dev["label"]],
    }


def _settings(flags: Flags, encoder: Path) -> dict[str, Any]:
    names = ("maxlen", "batch_size", "epochs", "learning_rate", "judgements")
    precision = "float32" if flags.avx2 else "auto"
    common = {name: getattr(flags, name) for name in names}
    return {"encoder": str(encoder), "precision": precision, **common}


def _run(name: str, command: Sequence[str], flags: Flags) -> list[dict[str, Any]]:
    """Run a worker in its environment and return its answers."""
    theirs = name in TRAINERS
    python = interpreter("torch", flags.environments) if theirs else Path(sys.executable)
    environment = AVX2_ALONE if flags.avx2 else {}
    if flags.avx2 and name == "ktrain":
        environment = environment | TENSORFLOW_ALONE
    return answers_of(name, [str(python), *command], environment)


def _trained(answers: list[dict[str, Any]], texts: int, target: float) -> Trained:
    *judged, last = answers
    reached = (one["seconds"] for one in judged if one["accuracy"] >= target)
    return Trained(
        rate=round(texts / (last["ended"] - last["begun"]), 1),
        accuracy=round(last["accuracy"], 4),
        to_target=next(reached, None),
        before=round(last["begun"], 1),
        peak_mb=round(last["peak_mb"]),
    )


def _figures(runs: list[Trained]) -> dict[str, Any]:
    """Medians over the seeds, lowest and highest beside them; accuracy as mean and deviation."""
    rates, accuracies = [one.rate for one in runs], [one.accuracy for one in runs]
    never = float("inf")
    to_target = statistics.median(never if r.to_target is None else r.to_target for r in runs)
    return {
        "texts_per_second": statistics.median(rates),
        "texts_per_second_range": [min(rates), max(rates)],
        "seconds_to_target": None if to_target == never else round(to_target, 1),
        "reached_target": sum(one.to_target is not None for one in runs),
        "seconds_before_training": statistics.median(one.before for one in runs),
        "peak_rss_mb": statistics.median(one.peak_mb for one in runs),
        "accuracy": round(statistics.fmean(accuracies), 4),
        "accuracy_deviation": round(statistics.stdev(accuracies), 4) if len(runs) > 1 else None,
        "accuracies": accuracies,
    }


def _tokenise(flags: Flags, encoder: Path, place: Path) -> dict[str, Any]:
    """Tokenise all long texts, turn by turn."""
    frame = long_texts(flags.long)
    labels = sorted(set(frame["label"]))
    written = place / "long.json"
    content = {
        "encoder": str(encoder),
        "maxlen": flags.long_maxlen,
        "labels": labels,
        "train": frame["text"].tolist(),
        "train_y": [labels.index(label) for label in frame["label"]],
    }
    written.write_text(json.dumps(content), encoding="utf-8")
    measured: dict[str, list[dict[str, Any]]] = {name: [] for name in TOKENIZERS}
    for _ in range(flags.tokenising_turns):
        for name, answers in measured.items():
            worker = [str(WORKERS / "tokenise.py"), str(written), name]
            answers.append(_run(name, worker, flags)[-1])
    figures: dict[str, Any] = {"texts": len(frame)}
    for name, answers in measured.items():
        rates = [round(len(frame) / answer["seconds"], 1) for answer in answers]
        figures[f"{name}_texts_per_second"] = statistics.median(rates)
        figures[f"{name}_texts_per_second_range"] = [min(rates), max(rates)]
        figures[f"{name}_memory_mb"] = round(max(answer["grown_mb"] for answer in answers), 1)
    return figures


def _show_tokenising(figures: dict[str, Any]) -> None:
    ours = figures["ours_texts_per_second"]
    each = (
        f"{name} {figures[f'{name}_texts_per_second']:,.0f} a second and "
        f"{figures[f'{name}_memory_mb']:,.0f} MB"
        for name in TOKENIZERS
    )
    print(
        f"tokenising {figures['texts']:,} long texts: {', '.join(each)}; "
        f"{ours / figures['ktrain_texts_per_second']:.1f} times ktrain's speed, "
        f"{ours / figures['huggingface_texts_per_second']:.1f} times that of Hugging Face's batches"
    )


if __name__ == "__main__":
    run(Flags, task, __doc__)
