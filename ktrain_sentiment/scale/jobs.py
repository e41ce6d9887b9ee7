"""A folder of Parquet files scored by Spark or Ray, whichever is there, without a notebook.

A portion is a file, or some rows of a large one; its output is a file of its own, which appears
when it is whole. So a job that was stopped goes on with the portions that are missing, and a
worker that was killed costs its portion alone, of which another goes on in the middle. Spark and
Ray run portions on workers, and run those again whose worker died.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ktrain_sentiment.atomic import HeldError, write_json
from ktrain_sentiment.errors import ConfigError, DataError, SentimentError, one_line, require
from ktrain_sentiment.inference.classifier import TextClassifier
from ktrain_sentiment.inference.scoring import (
    ScoreOptions,
    ScoreReport,
    TextTable,
    new_columns,
    open_text_table,
    output_schema,
    score,
)
from ktrain_sentiment.reading_rules import Engine
from ktrain_sentiment.remote import Remote, fingerprint, store, url_of
from ktrain_sentiment.scale.worker import Scoring, open_for, share_cores
from ktrain_sentiment.tables import ReadOptions
from ktrain_sentiment.tables.outputs import differing, open_output

Cluster = Literal["spark", "ray"]

ROWS = 100_000
"""Rows of a portion at most: minutes of one core, and little to lose with it."""

RECORD = "_ktrain-sentiment.json"
"""Says what a folder was made of; engines overlook files whose names begin so."""

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


@dataclass(frozen=True)
class Portion:
    """Some rows of a file and where they go.

    Attributes:
        source: The file.
        target: The file that will appear.
        first: Place of the first row.
        last: Place of the last row.
    """

    source: str
    target: str
    first: int
    last: int


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


def plan(source: Path, target: Path, rows: int = ROWS) -> list[Portion]:
    """All portions of a job.

    Args:
        source: A Parquet file, or a folder with such files in it and in its subfolders; or the URL
            of one in a store.
        target: The folder that will have the same subfolders, or its URL.
        rows: Rows of a portion at most.

    Raises:
        DataError: There is no Parquet file, the store cannot be asked, or two files' outputs would
            be one.
    """
    files = _remote_files(url_of(source)) if url_of(source) else _local_files(source)
    portions = []
    for name, file in files.items():
        # Spark and its kin keep what is no data under such names.
        if any(part[0] in "._" for part in Path(name).parts):
            continue
        length = _length_of(file)
        length = rows if length is None else length  # Whoever reads it says what is wrong with it.
        whole = target / name
        count = max(-(-length // rows), 1)
        for number in range(count):
            part = f"{whole.stem}-{number:05}-of-{count:05}.parquet" if count > 1 else whole.name
            first, last = number * rows + 1, min((number + 1) * rows, max(length, 1))
            portions.append(Portion(_name(file), _name(whole.with_name(part)), first, last))
    if not portions:
        raise DataError(
            f"{_name(source)}: no Parquet file is there: name a file or folder with some"
        )
    twice = [place for place, times in Counter(p.target for p in portions).items() if times > 1]
    if twice:  # Such as a.parquet in portions beside a file that is called like one of them.
        raise DataError(f"{twice[0]} would be written twice; rename one of the files it is made of")
    return portions


def _local_files(source: Path) -> dict[str, Path | Remote]:
    if source.is_file():
        return {source.name: source}
    files = sorted(source.rglob("*.parquet"))
    return {file.relative_to(source).as_posix(): file for file in files}


def _remote_files(url: str) -> dict[str, Path | Remote]:
    place = store(url, DataError)
    if not place.is_folder():
        return {Path(url).name: place}
    names = sorted(name for name in place.files() if name.endswith(".parquet"))
    return {name: place.below(name) for name in names}


def _length_of(file: Path | Remote) -> int | None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with file.open("rb") if isinstance(file, Path) else file.opened() as stream:
            return int(pq.read_metadata(stream).num_rows)
    except (pa.ArrowException, OSError, DataError):
        return None


def _name(place: Path | Remote) -> str:
    return place.url if isinstance(place, Remote) else url_of(place) or str(place)


def left(
    portions: Sequence[Portion], target: Path, identity: Mapping[str, Any], *, resume: bool
) -> list[Portion]:
    """The portions that are still to be done; the folder is marked as this job's.

    Args:
        portions: All of them.
        target: The folder of the outputs.
        identity: What decides the output.
        resume: Go on where an earlier job on the same ended.

    Raises:
        ConfigError: The folder is of another job, or of an earlier one that is not to go on.
    """
    now = json.loads(json.dumps(identity, default=str))
    url, shown, made = url_of(target), _name(target), _made(target)
    if RECORD not in made:
        if made or target.is_file():
            raise ConfigError(f"{shown}: is not empty, and of no earlier job: choose a new folder")
        write_json(target / RECORD, now)
        return list(portions)
    content = store(url).below(RECORD).read() if url else (target / RECORD).read_bytes()
    if name := differing(json.loads(content), now):
        raise ConfigError(
            f"{shown}: was made with another {name}; go on with the same, or choose a new folder"
        )
    if not resume:
        raise ConfigError(f"{shown}: has portions already; add --resume to go on, or choose "
                          "a new folder")  # fmt: skip
    missing = []
    for portion in portions:
        place, source = Path(portion.target), Path(portion.source)
        if place.relative_to(target).as_posix() not in made:
            missing.append(portion)
        # What changed at a URL, the identity tells.
        elif not (url or url_of(source)) and place.stat().st_mtime_ns < source.stat().st_mtime_ns:
            raise ConfigError(f"{source}: was changed after {place} was made; choose a new folder")
    return missing


def _made(target: Path) -> Collection[str]:
    """Names of all files in the folder of outputs, relative."""
    if url := url_of(target):
        place = store(url)
        return place.files().keys() if place.exists() else ()
    return {file.relative_to(target).as_posix() for file in target.rglob("*")}


def do_portion(
    portion: Portion, scoring: Scoring, classifier: TextClassifier, identity: Mapping[str, Any]
) -> dict[str, Any]:
    """Score the rows of a portion; runs on a worker.

    Args:
        portion: Which rows.
        scoring: How they are scored, as `Scoring.by` has it of this classifier.
        classifier: What answers, mistakes weighed where they are.
        identity: What decides the output, beside the portion.

    Returns:
        `ScoreReport` as a dictionary; or `error`, what was wrong with all of the portion, and
        `source`, its file. The job goes on without it.

    Raises:
        HeldError: Another worker has the portion: whoever is the first is right.
    """
    try:
        known = ReadOptions(known_columns=scoring.inputs.others)
        opened = open_text_table(portion.source, known, scoring.column)
        scoring.inputs.check(opened.table.columns, opened.table.name)
        length = opened.table.end or 0
        table = opened.table.between(portion.first, min(portion.last, length))
        source = TextTable(table, opened.column)
        options = ScoreOptions(
            abstain_below=scoring.abstain_below, prefix=scoring.prefix, problems=True
        )
        names = new_columns(table, classifier.labels, options, classifier.task)
        output = open_output(
            Path(portion.target), "parquet",
            output_schema(source, names, classifier.task, problems=True),
            {**identity, **dataclasses.asdict(portion)}, resume=True, overwrite=True,
        )  # fmt: skip
        report = score(source, classifier, output, options)
        # `asdict` would take the counts for pairs.
        return {**vars(report), "labels": dict(report.labels)}
    except HeldError:
        raise
    except SentimentError as error:
        return {"error": str(error), "source": portion.source}


def gather(reports: Sequence[Mapping[str, Any]]) -> tuple[ScoreReport, list[str]]:
    """The reports of portions as one, and what was wrong with those that failed."""
    whole = ScoreReport(labels=Counter())
    errors = []
    for report in reports:
        if "error" in report:
            errors.append(str(report["error"]))
            continue
        for name in ("rows", "scored", "abstained", "unknown", "truncated", "windowed", "bad"):
            setattr(whole, name, getattr(whole, name) + report[name])
        whole.labels.update(report["labels"])
    return whole, sorted(set(errors))
