"""Score a table of Parquet by `predict`, on Spark or on Ray, and say how long it took."""

from __future__ import annotations

import os
import sys
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


def used() -> tuple[float, float]:
    """Core seconds of all processes of this measurement, and MB of the largest that predicts.

    From the processes themselves and not from the clock, so that what else the machine does hardly
    matters. Those that have ended count with whoever waited for them.
    """
    wanted = f"{MARK}={os.environ[MARK]}".encode()
    ticks, largest = 0, 0.0
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if wanted not in (place / "environ").read_bytes().split(b"\0"):
                continue
            times = (place / "stat").read_text().rpartition(")")[2].split()[11:15]
            ticks += sum(map(int, times))
            if "onnxruntime" in (place / "maps").read_text():
                status = (place / "status").read_text()
                held = next(line for line in status.splitlines() if line.startswith("VmHWM"))
                largest = max(largest, int(held.split()[1]) / 1024)
        except OSError:
            continue
    return ticks / os.sysconf("SC_CLK_TCK"), largest


WAYS = {"predict": on_predict, "spark": on_spark, "ray": on_ray}


if __name__ == "__main__":
    kind, workers, predictor, source, target = sys.argv[1:]
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
    before, _ = used()
    begun = time.perf_counter()
    job(source, target)
    seconds = time.perf_counter() - begun
    after, largest = used()
    say(
        done=True, seconds=seconds, standing=standing, core_seconds=after - before, mb=largest,
    )  # fmt: skip
