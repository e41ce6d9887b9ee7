"""The predictor as a stage of a pyspark.ml pipeline, saved with all that it needs.

    stage = SentimentTransformer(predictor="runs/reviews", inputCol="text")
    model = Pipeline(stages=[stage, ...]).fit(df)
    model.save("models/tickets")
    PipelineModel.load("models/tickets").transform(df)

Importing this module imports pyspark, whose classes it derives from. What `save` writes holds the
predictor itself, as rows of bytes in Parquet: it lies wherever Spark can write, and needs no other
folder when it is loaded. Nothing in it is unpickled.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from ktrain_sentiment.errors import PredictorError, require
from ktrain_sentiment.inference.bundling import write_bundle
from ktrain_sentiment.inference.loading import find_predictor
from ktrain_sentiment.scale.spark import predict

require("pyspark", "spark")

from pyspark import keyword_only  # noqa: E402 - what is missing is said first
from pyspark.ml import Transformer  # noqa: E402
from pyspark.ml.param.shared import HasInputCol, Param, Params, TypeConverters  # noqa: E402
from pyspark.ml.util import (  # noqa: E402
    DefaultParamsReader,
    DefaultParamsWriter,
    MLReadable,
    MLReader,
    MLWritable,
    MLWriter,
)

_PART = 8 << 20
"""Bytes in a row: Spark hands rows to its tasks in messages of 128 MB at most."""


class SentimentTransformer(Transformer, HasInputCol, MLReadable, MLWritable):  # type: ignore[misc]
    """Adds the columns of `scale.spark.predict` to a DataFrame.

    Args:
        predictor: A predictor or run folder.
        inputCol: The column of the texts.
        engine: auto, int8, fp32, openvino or fastest.
        prefix: Put before the names of the new columns.
        abstainBelow: Leave the prediction empty where it is less sure than this.
        costs: Answer with the least expected cost of a mistake, where they cost this.
    """

    predictor = Param(
        Params._dummy(), "predictor", "a predictor or run folder", TypeConverters.toString
    )
    engine = Param(
        Params._dummy(), "engine", "auto, int8, fp32, openvino or fastest", TypeConverters.toString
    )
    prefix = Param(
        Params._dummy(), "prefix", "put before the new columns' names", TypeConverters.toString
    )
    abstainBelow = Param(  # noqa: N815 - pyspark.ml's way to spell
        Params._dummy(), "abstainBelow", "no label below this", TypeConverters.toFloat
    )
    costs = Param(Params._dummy(), "costs", "what mistakes cost", TypeConverters.toListString)

    @keyword_only  # type: ignore[untyped-decorator]
    def __init__(
        self,
        *,
        predictor: str | None = None,  # noqa: ARG002 - keyword_only keeps all of them
        inputCol: str = "text",  # noqa: ARG002, N803
        engine: str = "auto",  # noqa: ARG002
        prefix: str = "",  # noqa: ARG002
        abstainBelow: float = 0.0,  # noqa: ARG002, N803
        costs: Sequence[str] = (),  # noqa: ARG002
    ) -> None:
        super().__init__()
        self._setDefault(inputCol="text", engine="auto", prefix="", abstainBelow=0.0, costs=[])
        self._set(**self._input_kwargs)

    def _transform(self, dataset: Any) -> Any:  # noqa: ANN401
        return predict(
            dataset,
            self._folder(),
            self.getInputCol(),
            engine=self.getOrDefault(self.engine),
            prefix=self.getOrDefault(self.prefix),
            abstain_below=self.getOrDefault(self.abstainBelow),
            costs=self.getOrDefault(self.costs),
        )

    def _folder(self) -> str:
        if not self.isDefined(self.predictor):
            raise PredictorError("the stage has no predictor: name a folder with predictor=...")
        return str(self.getOrDefault(self.predictor))

    def write(self) -> MLWriter:
        """What `save` calls."""
        return _Writer(self)

    @classmethod
    def read(cls) -> MLReader:
        """What `load` calls."""
        return _Reader(cls)


class _Writer(DefaultParamsWriter):  # type: ignore[misc]
    def __init__(self, stage: SentimentTransformer) -> None:
        super().__init__(stage)
        self._stage = stage

    def saveImpl(self, path: str) -> None:  # noqa: N802
        """Write the parameters, and beside them the predictor."""
        super().saveImpl(path)
        source = find_predictor(Path(self._stage._folder()))
        rows: list[tuple[str, int, bytearray]] = []
        with tempfile.TemporaryDirectory() as place:
            asked = self._stage.getOrDefault(self._stage.engine)
            engine = {"openvino": "fp32", "fastest": "all"}.get(asked, asked)
            bundle = write_bundle(source, Path(place) / "predictor", engine)
            for name in (*bundle.files, "manifest.json"):
                content = (bundle.path / name).read_bytes()
                parts = range(0, max(len(content), 1), _PART)
                rows += [
                    (name, number, bytearray(content[start : start + _PART]))
                    for number, start in enumerate(parts)
                ]
        spark = self.sparkSession
        data = spark.sparkContext.parallelize(rows, len(rows))
        frame = spark.createDataFrame(data, "name string, part int, content binary")
        frame.write.parquet(f"{path}/predictor")


class _Reader(DefaultParamsReader):  # type: ignore[misc]
    def load(self, path: str) -> SentimentTransformer:
        """Read the parameters, and unpack the predictor for as long as this process lives."""
        stage: SentimentTransformer = super().load(path)
        folder = Path(tempfile.mkdtemp(prefix="ktrain-sentiment-")) / "predictor"
        atexit.register(shutil.rmtree, folder.parent, ignore_errors=True)
        rows = self.sparkSession.read.parquet(f"{path}/predictor").orderBy("name", "part")
        for row in rows.toLocalIterator():
            name = PurePosixPath(row.name)
            if name.is_absolute() or ".." in name.parts:
                raise PredictorError(f"{path}: holds a file {row.name!r}, which is outside of it")
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("ab") as stream:
                stream.write(row.content)
        stage._set(predictor=str(folder))
        return stage
