"""Score a table of Parquet by `predict`, on Spark or on Ray, and say how long it took."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from answers import say

Job = Callable[[str, str], None]


def on_predict(workers: int, predictor: str) -> Job:
    """What `ktrain-sentiment predict --file` does."""
    import ktrain_sentiment
    from ktrain_sentiment.inference import scoring
    from ktrain_sentiment.tables.outputs import open_output

    classifier = ktrain_sentiment.load(predictor, threads=workers)
    os.environ["TOKENIZERS_PARALLELISM"] = "false" if workers == 1 else "true"

    def work(source: str, target: str) -> None:
        opened = scoring.open_text_table(source, text_column="text")
        options = scoring.ScoreOptions()
        names = scoring.new_columns(opened.table, classifier.labels, options)
        schema = scoring.output_schema(opened, names)
        output = open_output(Path(target), "parquet", schema, {})
        scoring.score(opened, classifier, output, options)

    return work


def on_spark(workers: int, predictor: str) -> Job:
    """A local cluster: so many executors with a core each."""
    os.environ.update(
        SPARK_LOCAL_IP="127.0.0.1", SPARK_LOCAL_HOSTNAME="localhost", PYSPARK_PYTHON=sys.executable
    )
    from pyspark.sql import SparkSession

    from ktrain_sentiment.scale.spark import predict

    builder = SparkSession.builder.master(f"local-cluster[{workers},1,1024]")
    builder = builder.config("spark.ui.enabled", "false")
    # Files smaller than this are read together, and there would be one task for all.
    builder = builder.config("spark.sql.files.maxPartitionBytes", "1m")
    spark = builder.config("spark.sql.files.openCostInBytes", "1m").getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return lambda source, target: predict(
        spark.read.parquet(source), predictor
    ).write.parquet(target)  # fmt: skip


def on_ray(workers: int, predictor: str) -> Job:
    """So many actors with a core each."""
    os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER="0")
    import ray

    from ktrain_sentiment.scale.ray import predict

    # Reading and writing are tasks that want a core, too, if only for a moment.
    ray.init(num_cpus=workers + 1, include_dashboard=False, log_to_driver=False)
    ray.data.DataContext.get_current().enable_progress_bars = False
    return lambda source, target: predict(
        ray.data.read_parquet(source), predictor, actors=workers
    ).write_parquet(target)  # fmt: skip


MARK = "SCORED_BESIDE_OTHERS"
"""A variable of the environment: whoever has it belongs to this measurement."""


EVERY = 0.5
"""Seconds between two looks at the processes: what one does after the last of them is not seen."""


class Usage:
    """Core seconds of all processes of this measurement, and MB of the largest that predicts.

    From the processes themselves and not from the clock, so that what else the machine does hardly
    matters. They are looked at while they live: an actor that ends before the job does would leave
    its figures with whoever waits for it, and that may be nobody of this measurement.
    """

    def __init__(self) -> None:
        self._wanted = f"{MARK}={os.environ[MARK]}".encode()
        self._others: set[str] = set()
        self._ticks: dict[tuple[str, str], int] = {}
        self.largest = 0.0
        self._lock = threading.Lock()
        threading.Thread(target=self._watch, daemon=True).start()

    def core_seconds(self) -> float:
        """All that was used until now."""
        self._look()
        return sum(self._ticks.values()) / os.sysconf("SC_CLK_TCK")

    def _watch(self) -> None:
        while True:
            self._look()
            time.sleep(EVERY)

    def _look(self) -> None:
        with self._lock:
            for place in Path("/proc").iterdir():
                if place.name.isdigit() and place.name not in self._others:
                    try:
                        self._look_at(place)
                    except PermissionError:
                        self._others.add(place.name)
                    except OSError:  # It has ended.
                        continue

    def _look_at(self, place: Path) -> None:
        found = (place / "stat").read_text().rpartition(")")[2].split()
        # A number is given again in the end, to a process with another beginning.
        known = place.name, found[19]
        if known not in self._ticks and self._wanted not in (place / "environ").read_bytes():
            self._others.add(place.name)
            return
        # Its own time alone: its children are looked at themselves.
        self._ticks[known] = int(found[11]) + int(found[12])
        if "onnxruntime" in (place / "maps").read_text():
            status = (place / "status").read_text().splitlines()
            held = next((line for line in status if line.startswith("VmHWM")), "VmHWM: 0")
            self.largest = max(self.largest, int(held.split()[1]) / 1024)


WAYS = {"predict": on_predict, "spark": on_spark, "ray": on_ray}


if __name__ == "__main__":
    kind, workers, predictor, source, target = sys.argv[1:]
    usage = Usage()
    begun = time.perf_counter()
    job = WAYS[kind](int(workers), predictor)
    import pandas as pd
    import pyarrow.parquet as pq

    one = source if source.endswith(".parquet") else next(map(str, Path(source).glob("*.parquet")))
    few: pd.DataFrame = next(iter(pq.ParquetFile(one).iter_batches(16))).to_pandas()
    few_source = Path(f"{target}.few-texts.parquet")
    few.to_parquet(few_source, index=False)
    few_target = few_source.with_name(f"{Path(target).name}.few.parquet")
    job(str(few_source), str(few_target))
    standing = time.perf_counter() - begun
    before = usage.core_seconds()
    begun = time.perf_counter()
    job(source, target)
    seconds = time.perf_counter() - begun
    spent = usage.core_seconds() - before
    say(
        done=True, seconds=seconds, standing=standing, core_seconds=spent, mb=usage.largest,
    )  # fmt: skip
