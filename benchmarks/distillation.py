"""Distillation or not: a student with fewer layers, alone and taught by the whole encoder.

    python benchmarks/distillation.py
    python benchmarks/distillation.py --train sst2_train.parquet --judged sst2_dev.parquet \
        --unlabelled more.txt
    python benchmarks/distillation.py --layers 2 --seeds 0 1 2

For each seed a teacher is fine-tuned on the labelled rows, and students that keep some of the
encoder's layers: `alone` on the labels, `alone_longer` on the labels for as many steps as the
longest student takes, `taught` on labels mixed with the teacher's probabilities, and
`taught_on_more` on those and on texts that the teacher alone labels. All have the same
learning rate, epochs and batch size, and their last epoch's weights; nothing is chosen on the
judged rows. Gains over `alone` are paired by seed; their interval is Student's. Then teacher and
student predict turn by turn. Prints tables, then one JSON line. Each training's answer is kept
in --runs, so that a stopped measurement goes on.
"""

from __future__ import annotations

import hashlib
import json
import math
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd
from frame import BenchmarkFlags, print_side_by_side
from processes import ROOT, WORKERS, answers_of, refuse_unknown
from scipy.stats import t as student_t
from texts import train_and_judged

from ktrain_sentiment.commands.frame import run
from ktrain_sentiment.config import DataConfig
from ktrain_sentiment.data import Splits, read_unlabelled
from ktrain_sentiment.encoders import resolve
from ktrain_sentiment.inference import load
from ktrain_sentiment.inference.classifier import TextClassifier
from ktrain_sentiment.reading_rules import Engine

WORKER = WORKERS / "distil.py"
TEACHER, ALONE, LONGER, TAUGHT, MORE = (
    "teacher", "alone", "alone_longer", "taught", "taught_on_more",
)  # fmt: skip
CONTENDERS = (TEACHER, ALONE, TAUGHT, MORE, LONGER)


@dataclass(frozen=True, kw_only=True)
class Flags(BenchmarkFlags):
    """What to measure."""

    encoder: str = "minilm"
    """A hub name, a local folder, or minilm."""

    layers: int = 3
    """How many of the encoder's layers a student keeps."""

    train: str = "movie-reviews"
    """Rows with labels: a file, or a named corpus, of which half then serves without labels."""

    judged: str | None = None
    """Rows to judge on; a tenth of the others when left out."""

    unlabelled: str | None = None
    """Texts without labels; half of the rows to train on when left out."""

    teacher_share: float = 0.5
    """How much of a labelled row's target is the teacher's probability."""

    maxlen: int = 64
    """Longest text in tokens."""

    batch_size: int = 32
    """Texts a step."""

    epochs: int = 3
    """Passes over the rows."""

    learning_rate: float = 1e-4
    """Peak learning rate of all trainings."""

    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    """A training of each contender for each seed."""

    contenders: tuple[str, ...] = CONTENDERS
    """Who takes part: any of teacher, alone, taught, taught_on_more, alone_longer."""

    rounds: int = 5
    """How often teacher and student predict the judged texts."""

    runs: Path = ROOT / "runs" / "bench-distillation"
    """Where predictors and answers are kept."""


@dataclass(frozen=True)
class Rows:
    """What is trained and judged on.

    Attributes:
        train: Columns text, label, row.
        judged: The same.
        unlabelled: Column text; no text of the others among them.
    """

    train: pd.DataFrame
    judged: pd.DataFrame
    unlabelled: pd.DataFrame

    def save(self, folder: Path) -> str:
        """Write a file for each, and return a digest of all."""
        digest = hashlib.sha256()
        for field in fields(self):
            frame = getattr(self, field.name)
            frame.to_parquet(folder / f"{field.name}.parquet", index=False)
            digest.update(pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes())
        return digest.hexdigest()


def task(flags: Flags) -> dict[str, Any]:
    """Train everything, and show what was gained."""
    refuse_unknown("--contenders", flags.contenders, CONTENDERS)
    rows = _rows(flags)
    flags.runs.mkdir(parents=True, exist_ok=True)
    digest = rows.save(flags.runs)
    answers: dict[str, list[dict[str, Any]]] = {name: [] for name in flags.contenders}
    for seed in flags.seeds:
        for name in answers:
            answer = answer_of(
                _task(name, seed, rows, flags), digest, flags.runs / f"{name}-{seed}"
            )
            answers[name].append(answer)
            print(f"seed {seed}  {name:15s} {answer}", file=sys.stderr, flush=True)
    figures: dict[str, Any] = {
        "rows": {field.name: len(getattr(rows, field.name)) for field in fields(rows)},
        **{name: _figures(name, answers) for name in answers},
    }
    title = f"{flags.layers} layers, {len(flags.seeds)} seeds, {len(rows.judged):,} rows judged"
    print_side_by_side(title, {name: figures[name] for name in answers}, cell)
    if {TEACHER, ALONE} <= answers.keys():
        folders = {
            shown: flags.runs / f"{name}-{flags.seeds[0]}" / "predictor"
            for shown, name in ((TEACHER, TEACHER), ("student", ALONE))
        }
        texts = rows.judged["text"].tolist()
        figures["prediction"] = speed_and_size(folders, texts, flags.rounds)
        print_side_by_side("prediction, medians of the rounds", figures["prediction"], cell)
    return figures


def _rows(flags: Flags) -> Rows:
    train, judged = (
        frame.assign(row=range(len(frame)))[["text", "label", "row"]].reset_index(drop=True)
        for frame in train_and_judged(flags.train, flags.judged)
    )
    if flags.unlabelled is None:
        hidden = train.sample(frac=0.5, random_state=0).index
        unlabelled = train.loc[hidden, ["text"]].reset_index(drop=True)
        return Rows(train.drop(hidden).reset_index(drop=True), judged, unlabelled)
    known = Splits(train=train, validation=judged, test=judged[:0], labels=())
    read = read_unlabelled(flags.unlabelled, known, DataConfig())
    print(f"left out {read.repeated:,} texts that repeat others or labelled rows", file=sys.stderr)
    return Rows(train, judged, read.frame)


def _task(name: str, seed: int, rows: Rows, flags: Flags) -> dict[str, Any]:
    """What the worker is to do."""
    training: dict[str, Any] = {
        "epochs": flags.epochs, "batch_size": flags.batch_size, "seed": seed,
        "adversarial_epsilon": 0.0,
    }  # fmt: skip
    if name in (TAUGHT, MORE):
        teacher = flags.runs / f"{TEACHER}-{seed}" / "predictor"
        training |= {"teacher": str(teacher), "teacher_share": flags.teacher_share}
    if name == MORE:
        training["unlabelled"] = str(flags.runs / "unlabelled.parquet")
    if name == LONGER:
        ratio = (len(rows.train) + len(rows.unlabelled)) / len(rows.train)
        training["epochs"] = round(flags.epochs * ratio)
    return {
        "train": str(flags.runs / "train.parquet"),
        "judged": str(flags.runs / "judged.parquet"),
        "labels": sorted(set(rows.train["label"])),
        "text": {
            "encoder": str(resolve(flags.encoder)),
            "maxlen": flags.maxlen,
            "layers": None if name == TEACHER else flags.layers,
        },
        "training": training,
        "learning_rate": flags.learning_rate,
        "predictor": str(flags.runs / f"{name}-{seed}" / "predictor")
        if name in (TEACHER, ALONE)
        else "",
    }


def answer_of(wanted: dict[str, Any], digest: str, folder: Path) -> dict[str, Any]:
    """What the worker says, or said when it did the same before."""
    told, said = folder / "task.json", folder / "answer.json"
    content = json.dumps({**wanted, "rows": digest}, indent=2)
    if said.is_file() and told.is_file() and told.read_text("utf-8") == content:
        return dict(json.loads(said.read_text("utf-8")))
    folder.mkdir(parents=True, exist_ok=True)
    said.unlink(missing_ok=True)
    told.write_text(content, encoding="utf-8")
    answer = answers_of(folder.name, [sys.executable, str(WORKER), str(told)])[-1]
    said.write_text(json.dumps(answer), encoding="utf-8")
    return answer


def _figures(name: str, answers: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """Accuracy in percent as mean and deviation, and what was gained over the student alone."""
    own = [100 * answer["accuracy"] for answer in answers[name]]
    alone = [100 * answer["accuracy"] for answer in answers.get(ALONE, [])]
    gains = [a - b for a, b in zip(own, alone, strict=False)] if name != ALONE else []
    return {
        "texts": answers[name][0]["texts"],
        "steps": answers[name][0]["steps"],
        "accuracy": round(statistics.fmean(own), 2),
        "deviation": round(statistics.stdev(own), 2) if len(own) > 1 else None,
        "by_seed": tuple(round(value, 1) for value in own),
        "gain_over_alone": round(statistics.fmean(gains), 2) if gains else None,
        "gain_95_%_interval": paired_interval(gains),
        "training_seconds": round(statistics.median(a["seconds"] for a in answers[name])),
    }


def paired_interval(gains: Sequence[float]) -> list[float] | None:
    """Student's 95 % interval of a mean difference; None for fewer than two differences."""
    if len(gains) < 2:
        return None
    error = statistics.stdev(gains) / math.sqrt(len(gains))
    reach = float(student_t.ppf(0.975, len(gains) - 1)) * error
    mean = statistics.fmean(gains)
    return [round(mean - reach, 2), round(mean + reach, 2)]


def speed_and_size(
    folders: Mapping[str, Path], texts: list[str], rounds: int
) -> dict[str, dict[str, Any]]:
    """Speed and size of each engine of some predictors, turn by turn."""
    files: dict[Engine, str] = {"fp32": "onnx/model.onnx", "int8": "onnx/model_quantized.onnx"}
    opened = {
        f"{name}_{engine}": (load(folder, engine), folder / file)
        for name, folder in folders.items()
        for engine, file in files.items()
        if (folder / file).is_file()
    }
    many: dict[str, list[float]] = {name: [] for name in opened}
    single: dict[str, list[float]] = {name: [] for name in opened}
    for classifier, _ in opened.values():
        classifier.predict_proba(texts)
    for _ in range(rounds):
        for name, (classifier, _) in opened.items():
            many[name].append(len(texts) / _seconds(classifier, texts))
            single[name] += [1000 * _seconds(classifier, [text]) for text in texts[:20]]
    return {
        name: {
            "texts_per_second": round(statistics.median(many[name])),
            "range": [round(min(many[name])), round(max(many[name]))],
            "one_text_ms": round(statistics.median(single[name]), 2),
            "file_mb": round(path.stat().st_size / 1e6, 1),
        }
        for name, (_, path) in opened.items()
    }


def _seconds(classifier: TextClassifier, texts: list[str]) -> float:
    begun = time.perf_counter()
    classifier.predict_proba(texts)
    return time.perf_counter() - begun


def cell(value: object) -> str:
    """A number; a list of two as an interval, a tuple as values one after the other."""
    if isinstance(value, list | tuple):
        return (" to " if isinstance(value, list) else ", ").join(f"{part:,}" for part in value)
    return "" if value is None else f"{value:,}"


if __name__ == "__main__":
    run(Flags, task, __doc__)
