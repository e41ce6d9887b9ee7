"""A Spark and a Ray, each started once for all tests of a file, with as little as they need."""

import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import ktrain_sentiment
from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.inference.classifier import TextClassifier
from ktrain_sentiment.scale.jobs import Cluster, Job, run_job


@pytest.fixture(scope="session")
def poisoned() -> Any:
    """Rows that nobody cleaned: bytes that are no UTF-8, nothing, white space, five megabytes."""
    import pyarrow as pa

    texts = [
        b"a superb and witty plot",
        None,
        b"\xff\xfe a dull script",
        b"the script was dull " * 260_000,
        b" \n ",
        b"it was dull and slow",
    ]
    strings = pa.array(texts, pa.binary()).view(pa.string())
    return pa.table({"id": range(len(texts)), "text": strings})


@pytest.fixture(scope="session")
def classifier(predictor: Path) -> TextClassifier:
    """The predictor on this machine, to compare with."""
    return ktrain_sentiment.load(predictor, threads=1)


@pytest.fixture
def source(tmp_path: Path, reviews: list[tuple[str, str]], poisoned: Any) -> Path:
    """Two days of reviews, one of which nobody cleaned, and files that are no data."""
    import pandas as pd
    import pyarrow.parquet as pq

    place = tmp_path / "in"
    for day in ("day=1", "day=2", "_temporary"):
        (place / day).mkdir(parents=True)
    texts = [text for text, _ in reviews]
    pd.DataFrame({"id": range(600), "text": texts}).to_parquet(place / "day=1" / "a.parquet")
    pq.write_table(poisoned, place / "day=2" / "b.parquet")
    (place / "_temporary" / "c.parquet").write_bytes(b"half a file")
    return place


@pytest.fixture
def check_folder_job(source: Path, predictor: Path, tmp_path: Path) -> Any:
    """Score a folder on a cluster, with a file that nobody can read; then go on without it."""

    def check(cluster: Cluster) -> None:
        costs = ("negative:positive=100000000",)
        job = Job(source=source, target=tmp_path / "out", predictor=predictor, costs=costs)
        (source / "day=2" / "broken.parquet").write_bytes(b"half a file")
        report, errors = run_job(cluster, job)
        assert (report.rows, report.scored, report.bad) == (606, 603, 3)
        assert report.labels == {"negative": 603}
        assert len(errors) == 1
        (source / "day=2" / "broken.parquet").unlink()
        (tmp_path / "out" / "day=1" / "a.parquet").unlink()
        with pytest.raises(ConfigError, match="was made with another --costs"):
            run_job(cluster, replace(job, resume=True, costs=()))
        again, errors = run_job(cluster, replace(job, resume=True))
        assert (again.rows, again.resumed_at, errors) == (600, 1, [])
        assert len(list((tmp_path / "out").rglob("*.parquet"))) == 2

    return check


@pytest.fixture(scope="session")
def answers(classifier: TextClassifier) -> Any:
    """What the predictor says of texts, as the columns of a job have it."""

    def of(texts: list[str]) -> list[tuple[str, float]]:
        found = classifier.predict(texts)
        return [(one.label, pytest.approx(one.probability, abs=2e-6)) for one in found]

    return of


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Spark with two executors, processes of their own. Do not stop it."""
    if importlib.util.find_spec("pyspark") is None:
        pytest.skip("pyspark is not installed: make scale")
    if shutil.which("java") is None:
        pytest.skip("Java is not installed, which Spark needs: openjdk-17-jre-headless")
    os.environ.update(
        SPARK_LOCAL_IP="127.0.0.1", SPARK_LOCAL_HOSTNAME="localhost", PYSPARK_PYTHON=sys.executable
    )
    from pyspark.sql import SparkSession

    place = tmp_path_factory.mktemp("spark")
    session = (
        SparkSession.builder.master("local-cluster[2,1,1024]")
        .appName("tests")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.memory", "1g")
        .config("spark.executorEnv.PYTHONPATH", os.environ["PYTHONPATH"])
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.local.dir", str(place / "local"))
        .config("spark.sql.warehouse.dir", str(place / "warehouse"))
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("OFF")
    yield session
    session.stop()


@pytest.fixture(scope="session")
def ray(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Ray with two cores. Do not stop it."""
    if importlib.util.find_spec("ray") is None:
        pytest.skip("ray is not installed: make scale")
    # The second makes it listen on loopback alone, on Linux too, whatever its name says.
    os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER="0")
    import ray

    ray.init(
        num_cpus=2, object_store_memory=200 << 20, include_dashboard=False,
        log_to_driver=False, logging_level="error",
    )  # fmt: skip
    ray.data.DataContext.get_current().enable_progress_bars = False
    yield ray
    ray.shutdown()
