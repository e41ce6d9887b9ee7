"""Predictions on Spark: DataFrames, SQL, and (in spark_stage.py) pipelines.

    from ktrain_sentiment.scale import spark as ks_spark

    ks_spark.predict(df, "runs/reviews/predictor").write.parquet("scored")

The predictor travels as one file, once an executor; each Python worker opens it once and keeps it
for its next tasks. Its threads are `spark.task.cpus`, so that workers times threads are the cores
that the executors were given. Executors need this package, and room beside the heap: ONNX Runtime
allocates outside of it (`spark.executor.memoryOverhead`).
"""

from __future__ import annotations

import atexit
import contextlib
import os
import pickle
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ktrain_sentiment.errors import ConfigError, require
from ktrain_sentiment.inference.classifier import TextClassifier
from ktrain_sentiment.reading_rules import Engine
from ktrain_sentiment.scale.worker import Opener, Scoring, open_folder, open_for, open_pickle

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructType

Place = str | os.PathLike[str] | TextClassifier
"""A predictor or run folder, or what `ktrain_sentiment.load` made of one."""


def predict(
    df: DataFrame,
    predictor: Place,
    text_column: str = "text",
    *,
    engine: Engine = "auto",
    prefix: str = "",
    abstain_below: float = 0.0,
    costs: Sequence[str] = (),
    ship: bool = True,
) -> DataFrame:
    """A DataFrame with predictions; lazy, as all of Spark.

    Args:
        df: Any DataFrame with a column of texts.
        predictor: Which predictor answers.
        text_column: The column of the texts.
        engine: As for `load`.
        prefix: Put before the names of the new columns.
        abstain_below: Leave the prediction empty where it is less sure than this: by its
            probability, or with costs by what it is expected to cost (`Task.confidence`).
        costs: Answer with the least expected cost of a mistake, where they cost this, such as
            `["negative:positive=5"]`; see `TextClassifier.weighing`.
        ship: Send the predictor to the executors; False: they read the folder where it stands,
            which all of them must see under this name.

    Returns:
        The rows with `predicted`, `probability`, one `p_<label>` a class, and `problem`: why a
        row has no prediction, null for all others; with costs `expected_cost`, too. A bad row never
        ends the job.

    Raises:
        ConfigError: There is no such column of texts, or one of the new columns exists already, or
            a cost makes no sense.
        PredictorError: The folder cannot be used.
        MissingExtraError: pyspark is not installed.
    """
    types = require("pyspark.sql.types", "spark")
    opener, classifier = opener_on(df.sparkSession, predictor, engine, costs, ship=ship)
    scoring = Scoring.by(classifier, text_column, prefix, abstain_below)
    scoring.check(df.columns)
    schema = types.StructType([*df.schema.fields, *_added(scoring).fields])
    with unworried():
        return df.mapInArrow(_mapper(opener, scoring), schema)


def register_udf(
    spark: SparkSession,
    predictor: Place,
    name: str = "sentiment",
    *,
    engine: Engine = "auto",
    abstain_below: float = 0.0,
    costs: Sequence[str] = (),
    ship: bool = True,
) -> Callable[..., Any]:
    """A function for SQL: `SELECT sentiment(text).predicted FROM reviews`.

    Args:
        spark: The session that will know it.
        predictor: Which predictor answers.
        name: How SQL calls it.
        engine: As for `predict`; so are the others.
        abstain_below: As there.
        costs: As there.
        ship: As there.

    Returns:
        The function for `df.select(...)` too; it gives a struct of the columns of `predict`.

    Raises:
        PredictorError: The folder cannot be used.
        MissingExtraError: pyspark is not installed.
    """
    functions = require("pyspark.sql.functions", "spark")
    opener, classifier = opener_on(spark, predictor, engine, costs, ship=ship)
    if classifier.inputs:
        raise ConfigError(
            f"a function of SQL is given texts, and the predictor reads {classifier.inputs.told}: "
            "score the DataFrame with predict"
        )
    scoring = Scoring.by(classifier, "text", abstain_below=abstain_below)

    def answer(texts: Iterator[pa.Array]) -> Iterator[pa.Array]:
        import pyarrow

        for array in texts:
            rows = scoring.score(pyarrow.table({"text": array}), opener())
            added = [rows[name].combine_chunks() for name in scoring.names]
            yield pyarrow.StructArray.from_arrays(added, names=list(scoring.names))

    kind = functions.ArrowUDFType.SCALAR_ITER
    with unworried():
        made = functions.arrow_udf(answer, _added(scoring), kind)
        registered: Callable[..., Any] = spark.udf.register(name, made)
    return registered


@contextlib.contextmanager
def unworried() -> Iterator[None]:
    """Without Spark's warnings of pandas 3, which has no part here, and of missing type hints."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas")
        warnings.filterwarnings("ignore", "It is preferred to specify type hints")
        yield


def opener_on(
    spark: SparkSession,
    predictor: Place,
    engine: Engine = "auto",
    costs: Sequence[str] = (),
    *,
    ship: bool = True,
) -> tuple[Opener, TextClassifier]:
    """What opens the predictor in a Python worker, and the predictor as it is here.

    Raises:
        PredictorError: The folder cannot be used.
        ConfigError: A cost makes no sense.
    """
    # One string would be taken letter by letter.
    costs = (costs,) if isinstance(costs, str) else tuple(costs)
    threads = int(spark.conf.get("spark.task.cpus", "1") or 1)
    classifier = open_for(predictor, engine, threads, costs)
    if ship or isinstance(predictor, TextClassifier):
        return _shipped(_ship(spark, classifier)), classifier
    folder = str(Path(predictor).absolute())
    # What is fastest here computes on every worker: rows must not hang on who measured what.
    chosen = classifier.engine
    return (lambda: open_folder(folder, chosen, threads, costs)), classifier


def _shipped(name: str) -> Opener:
    def open_here() -> TextClassifier:
        from pyspark.core.files import SparkFiles

        return open_pickle(SparkFiles.get(name))

    return open_here


_SHIPPED: dict[tuple[str | None, bytes], str] = {}
"""The names of the files that each application has already, by what is in them."""


def _ship(spark: SparkSession, classifier: TextClassifier) -> str:
    import hashlib

    content = pickle.dumps(classifier)
    digest = hashlib.sha256(content).digest()
    key = (spark.conf.get("spark.app.id", None), digest)
    if key not in _SHIPPED:
        # Spark serves the file from where it stands for as long as the application lives.
        folder = tempfile.mkdtemp(prefix="ktrain-sentiment-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        path = Path(folder) / f"predictor-{digest.hex()[:16]}.pickle"
        path.write_bytes(content)
        spark.addArtifacts(str(path), file=True)
        _SHIPPED[key] = path.name
    return _SHIPPED[key]


def _mapper(
    opener: Opener, scoring: Scoring
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def work(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pyarrow

        for batch in batches:
            yield from scoring.score(pyarrow.Table.from_batches([batch]), opener()).to_batches()

    return work


def _added(scoring: Scoring) -> StructType:
    from pyspark.sql.types import DoubleType, StringType, StructField, StructType

    words = {scoring.names[0], scoring.names[-1]}
    return StructType([
        StructField(name, StringType() if name in words else DoubleType(), nullable=True)
        for name in scoring.names
    ])  # fmt: skip
