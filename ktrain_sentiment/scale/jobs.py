"""A folder of Parquet files scored by Spark or Ray, whichever is there, without a notebook.

Both are asked for what they are best at here: to run the portions of `portions.py` on workers, and
to run those again whose worker died.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ktrain_sentiment.errors import ConfigError, DataError, SentimentError, one_line, require
from ktrain_sentiment.inference.scoring import ScoreReport, open_text_table
from ktrain_sentiment.reading_rules import Engine
from ktrain_sentiment.remote import fingerprint, store, url_of
from ktrain_sentiment.scale.portions import Portion, do_portion, gather, left, plan
from ktrain_sentiment.scale.worker import Scoring, open_for, share_cores

Cluster = Literal["spark", "ray"]

_OVERHEAD = "1g"
"""Memory beside the heap of a Spark executor: ONNX Runtime, tokenizers and Arrow live there."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is to be scored, and where.

    Attributes:
        source: A Parquet file, or a folder of them; every worker must see it under this name.
        target: The folder that will hold the output, which every worker must see, too. Either may
            be a URL in a store, for which each worker has credentials.
        predictor: A predictor or run folder, on this machine.
        column: The column of the texts; None: found in the first file.
        engine: As for `load`.
        prefix: Put before the names of the new columns.
        abstain_below: Leave the prediction empty where it is less sure than this.
        costs: Answer with the least expected cost of a mistake, where they cost this.
        cores: Cores of one worker.
        master: Spark's master, or Ray's address; empty: one that is configured, or this machine.
        settings: Spark's own settings, `name=value`, where no session is active already.
        resume: Go on where an earlier job on the same ended.
    """

    source: Path
    target: Path
    predictor: Path
    column: str | None = None
    engine: Engine = "auto"
    prefix: str = ""
    abstain_below: float = 0.0
    costs: tuple[str, ...] = ()
    cores: int = 1
    master: str = ""
    settings: tuple[str, ...] = ()
    resume: bool = False


def run_job(cluster: Cluster, job: Job) -> tuple[ScoreReport, list[str]]:
    """Score all portions that are missing.

    Returns:
        What happened to their rows, and what was wrong with portions that could not be read.

    Raises:
        ConfigError: The output is of another job, or a setting makes no sense.
        DataError: There is nothing to read.
        PredictorError: The predictor cannot be used.
        MissingExtraError: The cluster's library is not installed.
        SentimentError: The cluster gave up; what is done is kept.
    """
    from ktrain_sentiment.predictor.layout import PredictorFolder
    from ktrain_sentiment.predictor.manifest import trained_table

    begin = {"spark": _on_spark, "ray": _on_ray}[cluster]
    require({"spark": "pyspark", "ray": "ray"}[cluster], cluster)
    source, target = _whole(job.source), _whole(job.target)
    portions = plan(source, target)
    share_cores(job.cores)  # Before any text: what comes after is forked from this process.
    classifier = open_for(job.predictor, job.engine, job.cores, job.costs)
    column = job.column or _find_column(portions, trained_table(job.predictor))
    scoring = Scoring.by(classifier, column, job.prefix, job.abstain_below)
    stamp = PredictorFolder(job.predictor).manifest
    identity = {
        "input": url_of(source) or str(source),
        **({"content of the input": _told(url)} if (url := url_of(source)) else {}),
        "predictor": [str(job.predictor.absolute()), stamp.is_file() and stamp.stat().st_mtime_ns],
        "engine": classifier.engine,
        "text column": column,
        "--prefix": job.prefix,
        "--abstain-below": job.abstain_below,
        "--costs": list(job.costs),
    }
    missing = left(portions, target, identity, resume=job.resume)
    begun = time.perf_counter()
    reports = begin(missing, job, scoring, classifier, identity) if missing else []
    report, errors = gather(reports)
    report.seconds = time.perf_counter() - begun
    report.resumed_at = len(portions) - len(missing)
    return report, errors


def _whole(place: Path) -> Path:
    return place if url_of(place) else place.expanduser().absolute()


def _told(url: str) -> str:
    """Tells what is at a URL from what was there before."""
    place = store(url, DataError)
    return fingerprint(place.files() if place.is_folder() else {"": place.info()})


def _find_column(portions: Sequence[Portion], trained: Mapping[str, Any]) -> str:
    """The column of the texts in the first file that can be read."""
    files = list(dict.fromkeys(portion.source for portion in portions))
    for number, file in enumerate(files, start=1):
        try:
            return open_text_table(file, trained=trained).column
        except DataError:
            if number == len(files):
                raise
    raise AssertionError("a job has portions")


def _on_spark(
    portions: Sequence[Portion], job: Job, scoring: Scoring, classifier: Any,  # noqa: ANN401
    identity: Mapping[str, Any],
) -> list[dict[str, Any]]:  # fmt: skip
    from ktrain_sentiment.scale.spark import opener_on, unworried

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    if job.master.startswith("local"):
        # Spark asks the network for this machine's name, which has none where there is no network.
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        os.environ.setdefault("SPARK_LOCAL_HOSTNAME", "localhost")
    from pyspark.sql import SparkSession

    running = SparkSession.getActiveSession()
    builder = SparkSession.builder.appName("ktrain-sentiment predict")
    builder = builder.master(job.master) if job.master else builder
    settings = {
        "spark.executor.memoryOverhead": _OVERHEAD,
        "spark.task.cpus": str(job.cores),
        "spark.ui.showConsoleProgress": "true",
    }
    for setting in job.settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise ConfigError(f"--spark-conf {setting}: wanted name=value")
        settings[name] = value
    for name, value in settings.items():
        builder = builder.config(name, value)
    try:
        with unworried():
            spark = running or builder.getOrCreate()
    except Exception as error:  # Java's absence, a wrong URL, a refusal: each in its own class.
        raise ConfigError(f"Spark cannot be started: {one_line(error)}") from error
    try:
        opener, _ = opener_on(spark, classifier)
        parallel = spark.sparkContext.parallelize(portions, len(portions))
        found: list[dict[str, Any]] = parallel.map(
            lambda portion: do_portion(portion, scoring, opener(), identity)
        ).collect()
        return found
    except Exception as error:
        raise _gave_up("Spark", error) from error
    finally:
        if running is None:
            spark.stop()


def _on_ray(
    portions: Sequence[Portion], job: Job, scoring: Scoring, classifier: Any,  # noqa: ANN401
    identity: Mapping[str, Any],
) -> list[dict[str, Any]]:  # fmt: skip
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if not job.master and "RAY_ADDRESS" not in os.environ:
        # Whoever reaches a Ray may run code in it. This keeps one that is begun for this job on
        # loopback, on Linux too, whatever its name says.
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    import ray

    began = not ray.is_initialized()
    if began:
        ray.init(address=job.master or None, log_to_driver=False, include_dashboard=False)
    try:
        shipped = ray.put(classifier)
        # A task that died is Ray's to repeat; one worker process keeps what it opened.
        task = ray.remote(_ray_portion).options(num_cpus=job.cores, max_retries=3)
        found: list[dict[str, Any]] = ray.get(
            [task.remote(portion, [shipped], scoring, identity) for portion in portions]
        )
        return found
    except Exception as error:
        raise _gave_up("Ray", error) from error
    finally:
        if began:
            ray.shutdown()


_OPENED: dict[str, Any] = {}


def _ray_portion(
    portion: Portion, shipped: list[Any], scoring: Scoring, identity: Mapping[str, Any]
) -> dict[str, Any]:
    import ray

    key = shipped[0].hex()
    if key not in _OPENED:
        _OPENED[key] = ray.get(shipped[0])
        share_cores(_OPENED[key].threads)
    return do_portion(portion, scoring, _OPENED[key], identity)


def _gave_up(who: str, error: Exception) -> SentimentError:
    return SentimentError(
        f"{who} gave up: {one_line(error)}; what is done is kept: add --resume to go on from there"
    )
