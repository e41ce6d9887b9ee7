"""How far a handful of labels carries: a probe, an encoder tuned on pairs, the whole net, SetFit.

    python benchmarks/few_labels.py --train sst2_train_sentences.parquet --judged sst2_dev.parquet
    python benchmarks/few_labels.py --train sst2_train_sentences.parquet --held-back 1000 \
        --ways contrastive --encoders minilm --steps 40 --rate 3e-5

Every way learns from the same draws of labelled rows. Without --judged, rows held back from the
training rows are judged, and no draw has one of them: that is how settings are chosen. Prints
accuracy with its range and deviation over the draws, and the seconds of learning; then one JSON
line. What a process answered is kept in --runs, so that a stopped measurement goes on.
"""

from __future__ import annotations

import hashlib
import json
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from frame import BenchmarkFlags, print_side_by_side
from processes import ROOT, WORKERS, answers_of, interpreter, refuse_unknown

from ktrain_sentiment.commands.frame import run
from ktrain_sentiment.encoders import resolve
from ktrain_sentiment.training.contrastive import Tuning
from ktrain_sentiment.workflow.comparing import draw

WAYS = ("probe", "contrastive", "full", "setfit")


@dataclass(frozen=True, kw_only=True)
class Flags(BenchmarkFlags):
    """What to measure."""

    train: Path
    """Rows that draws are made of: Parquet with text and label."""

    judged: Path | None = None
    """Rows to judge on, none of which was used to choose anything."""

    held_back: int = 1000
    """Training rows to judge on without --judged."""

    encoders: tuple[str, ...] = ("minilm", "mpnet")
    """Hub names, local folders, minilm or mpnet."""

    ways: tuple[str, ...] = ("probe", "contrastive", "full", "setfit")
    """Any of probe, contrastive, full and setfit."""

    sizes: tuple[int, ...] = (8, 16, 64)
    """Rows of each label."""

    draws: int = 10
    """Draws of each size."""

    first_draw: int = 0
    """Number of the first draw; the same number is the same rows."""

    slow_draws: int = 3
    """Draws of full and of setfit, which take long."""

    maxlen: int = 64
    """Longest text in tokens."""

    steps: int = Tuning.steps
    """Steps of contrastive tuning."""

    rate: float = Tuning.rate
    """Its highest learning rate."""

    temperature: float = Tuning.temperature
    """By which it divides cosines."""

    texts: int = Tuning.texts
    """Most texts of a step."""

    runs: Path = ROOT / "runs" / "bench-few-labels"
    """Where answers are kept."""


def task(flags: Flags) -> dict[str, Any]:
    """Learn from every draw in every way."""
    refuse_unknown("--ways", flags.ways, WAYS)
    flags.runs.mkdir(parents=True, exist_ok=True)
    pool = pd.read_parquet(flags.train)[["text", "label"]]
    if flags.judged is not None:
        judged = pd.read_parquet(flags.judged)[["text", "label"]]
    else:
        judged = pool.sample(flags.held_back, random_state=0)
    pool = pool[~pool["text"].isin(judged["text"])].reset_index(drop=True)
    figures: dict[str, Any] = {"rows": {"pool": len(pool), "judged": len(judged)}}
    for encoder in flags.encoders:
        for way in flags.ways:
            answers = _answers(flags, encoder, way, pool, judged)
            figures[f"{encoder}, {way}"] = _figures(answers, flags.sizes)
            shown = {name: one for name, one in figures.items() if name != "rows"}
            print_side_by_side(f"{len(judged):,} rows judged", shown, _cell)
    return figures


def _answers(
    flags: Flags, encoder: str, way: str, pool: pd.DataFrame, judged: pd.DataFrame
) -> list[dict[str, Any]]:
    """What the worker says of each draw, or said before."""
    count = flags.slow_draws if way in ("full", "setfit") else flags.draws
    found: list[dict[str, Any]] = []
    for size in flags.sizes:
        for seed in range(flags.first_draw, flags.first_draw + count):
            chosen = draw(pool.assign(row=pool.index), size, seed)["row"].tolist()
            found.append({"size": size, "seed": seed, "rows": chosen})
    used = sorted({row for one in found for row in one["rows"]})
    place = {row: index for index, row in enumerate(used)}
    wanted: dict[str, Any] = {
        "way": way,
        "encoder": str(resolve(encoder)),
        "maxlen": flags.maxlen,
        "labels": sorted(set(pool["label"])),
        "pool": "pool.parquet",
        "judged": "judged.parquet",
        "draws": [{**one, "rows": [place[row] for row in one["rows"]]} for one in found],
    }
    if way == "contrastive":
        wanted["tuning"] = {
            name: getattr(flags, name) for name in ("steps", "rate", "temperature", "texts")
        }
    rows = pd.concat([pool.loc[used], judged])
    digest = hashlib.sha256(json.dumps(wanted).encode())
    digest.update(pd.util.hash_pandas_object(rows, index=False).to_numpy().tobytes())
    folder = flags.runs / f"{Path(encoder).name}-{way}-{digest.hexdigest()[:12]}"
    said = folder / "answers.json"
    if not said.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        for name, frame in (("pool", pool.loc[used]), ("judged", judged)):
            wanted[name] = str(folder / f"{name}.parquet")
            frame.to_parquet(wanted[name], index=False)
        told = folder / "task.json"
        told.write_text(json.dumps(wanted), encoding="utf-8")
        peer = way == "setfit"
        python = str(interpreter("setfit")) if peer else sys.executable
        worker = WORKERS / ("learn_setfit.py" if peer else "learn_few.py")
        answers = answers_of(folder.name, [python, str(worker), str(told)])
        said.write_text(json.dumps(answers), encoding="utf-8")
    return list(json.loads(said.read_text("utf-8")))


def _figures(answers: Sequence[dict[str, Any]], sizes: Sequence[int]) -> dict[str, Any]:
    """Mean, deviation and range by size, in percent, and the median seconds of a draw."""
    figures: dict[str, Any] = {"opening_seconds": round(answers[-1]["opening_seconds"], 1)}
    for size in sizes:
        of_size = [one for one in answers if one.get("size") == size]
        found = [100 * one["accuracy"] for one in of_size]
        figures[f"{size}_a_label"] = round(statistics.fmean(found), 1)
        figures[f"{size}_deviation"] = round(statistics.stdev(found), 1) if found[1:] else None
        figures[f"{size}_range"] = [round(min(found), 1), round(max(found), 1)]
        seconds = statistics.median(one["seconds"] for one in of_size)
        figures[f"{size}_seconds"] = round(seconds, 1)
        figures["draws"] = len(found)
    return figures


def _cell(value: object) -> str:
    if isinstance(value, list):
        return " to ".join(f"{part:,}" for part in value)
    return "" if value is None else f"{value:,}"


if __name__ == "__main__":
    run(Flags, task, __doc__)
