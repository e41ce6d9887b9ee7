"""One process, Spark and Ray on the same texts: the same answers, and what a second worker brings.

    python benchmarks/scale.py --predictor runs/mine --rows 200000
    python benchmarks/scale.py --ways predict_1 spark_1 spark_2

Every worker has one thread: Spark as a local cluster of one or two executors, processes of their
own, Ray with one or two actors, and `predict` with one or two threads beside them. Each way runs
in a process of its own, reads Parquet and writes Parquet, and is compared with `predict_1` row by
row, by its id. The clock starts when the cluster stands and is warm by a few rows, and stops when
the last row is on the disk; what it took to stand is said apart. Core seconds are those of all
processes of a way, the cluster's own included. Texts are the named corpus's, repeated. On a
machine of two cores, a cluster's own processes have no core to themselves. Needs `make scale` and
Java. Prints a table, then one JSON line.
"""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
from frame import BenchmarkFlags, describe, print_side_by_side
from processes import WORKERS, answers_of, refuse_unknown
from texts import labelled

from ktrain_sentiment.commands.frame import run
from ktrain_sentiment.errors import check_installed
from ktrain_sentiment.inference.loading import find_predictor

WAYS = ("predict_1", "predict_2", "spark_1", "spark_2", "ray_1", "ray_2")
FILES = 16
"""Files of the input for the clusters: several tasks for each worker, so that none waits long."""

SAME = 2e-5
"""What two probabilities may differ by and still be the same."""


@dataclass(frozen=True, kw_only=True)
class Flags(BenchmarkFlags):
    """What to measure."""

    predictor: Path | None = None
    """A predictor or run folder; the newest run's when left out."""

    texts: str = "movie-reviews"
    """A file, or a named corpus."""

    rows: int = 200_000
    """How many texts."""

    ways: tuple[str, ...] = WAYS
    """Which of predict_1, predict_2, spark_1, spark_2, ray_1, ray_2; predict_1 always."""


def task(flags: Flags) -> dict[str, Any]:
    """Measure each way and show them side by side."""
    refuse_unknown("--ways", flags.ways, WAYS)
    for name, extra in (("pyspark", "spark"), ("ray", "ray")):
        if any(way.startswith(extra) for way in flags.ways):
            check_installed(name, extra)
    folder = find_predictor(flags.predictor).absolute()
    figures: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as place:
        _write_texts(flags, Path(place))
        for way in [name for name in WAYS if name in {"predict_1", *flags.ways}]:
            figures[way] = _measure(way, folder, Path(place), flags.rows)
            print(way, figures[way], file=sys.stderr)
    for way, found in figures.items():
        kind, _, workers = way.partition("_")
        beside = figures.get(f"predict_{workers}")
        alone = figures.get(f"{kind}_1")
        found["of_predict"] = _ratio(found, beside)
        found["of_predict_by_core_seconds"] = _ratio(found, beside, "texts_per_core_second")
        found["times_one_worker"] = _ratio(found, alone)
    print_side_by_side(f"scoring {flags.rows:,} texts, {describe()}", figures, str)
    return figures


def _write_texts(flags: Flags, place: Path) -> None:
    texts = labelled(flags.texts)["text"].tolist()
    repeated = (texts * (flags.rows // len(texts) + 1))[: flags.rows]
    frame = pd.DataFrame({"id": range(flags.rows), "text": repeated})
    frame.to_parquet(place / "whole.parquet", index=False)
    (place / "parts").mkdir()
    size = -(-flags.rows // FILES)
    for number in range(FILES):
        part = frame[number * size : (number + 1) * size]
        part.to_parquet(place / "parts" / f"{number:02}.parquet", index=False)


def _measure(way: str, folder: Path, place: Path, rows: int) -> dict[str, Any]:
    kind, _, workers = way.partition("_")
    source = place / ("whole.parquet" if kind == "predict" else "parts")
    target = place / (f"{way}.parquet" if kind == "predict" else way)
    command = [sys.executable, str(WORKERS / "score_table.py"), kind, workers]
    command += [str(folder), str(source), str(target)]
    answers = answers_of(way, command, {"SCORED_BESIDE_OTHERS": f"{way}-{os.getpid()}"})
    answer = answers[-1]
    columns = ["id", "predicted", "probability"]
    expected = _sorted(place / "predict_1.parquet", columns)
    found = _sorted(target, columns)
    same = found["id"].equals(expected["id"])
    changed = int((found["predicted"] != expected["predicted"]).sum()) if same else len(found)
    apart = (found["probability"].astype(float) - expected["probability"].astype(float)).abs()
    return {
        "texts_per_second": round(rows / answer["seconds"], 1),
        "texts_per_core_second": round(rows / answer["core_seconds"], 1),
        "seconds": round(answer["seconds"], 1),
        "seconds_to_stand": round(answer["standing"], 1),
        "mb_of_a_worker": round(answer["mb"]),
        # Where other texts share a batch, sums differ in their last bits, and now and then one of
        # them falls on the other side of a step of the 8-bit activations.
        "identical": bool(same and not changed and apart.max() <= SAME),
        "labels_changed": changed,
        "largest_difference": round(float(apart.max()), 7),
    }


def _sorted(path: Path, columns: list[str]) -> pd.DataFrame:
    frame: pd.DataFrame = pq.read_table(path, columns=columns).to_pandas()
    return frame.sort_values("id", ignore_index=True)


def _ratio(
    found: dict[str, Any], beside: dict[str, Any] | None, figure: str = "texts_per_second"
) -> float | None:
    return None if beside is None else round(float(found[figure]) / float(beside[figure]), 3)


if __name__ == "__main__":
    run(Flags, task, __doc__)
