"""Predictions on Ray Data: a dataset in, the same dataset with predictions out.

    from ktrain_sentiment.scale import ray as ks_ray

    ks_ray.predict(ray.data.read_parquet("reviews"), "runs/reviews").write_parquet("scored")

The predictor travels through Ray's object store, once a node; each actor opens it once.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ktrain_sentiment.errors import ConfigError, require
from ktrain_sentiment.inference.classifier import TextClassifier
from ktrain_sentiment.reading_rules import Engine
from ktrain_sentiment.scale.worker import Scoring, open_for, share_cores

if TYPE_CHECKING:
    import pyarrow as pa
    from ray.data import Dataset

BATCH_ROWS = 4096
"""Rows that are sorted by length and computed together."""


class Predictor:
    """What `map_batches` calls: holds one open classifier, and is an actor of its own.

    Args:
        shipped: A list with Ray's reference to the classifier: in a list, Ray hands over the
            reference itself and not what it refers to, which would be copied to every actor.
        scoring: What is done with the rows.
    """

    def __init__(self, shipped: list[Any], scoring: Scoring) -> None:
        import ray

        self._scoring = scoring
        self._classifier: TextClassifier = ray.get(shipped[0])
        share_cores(self._classifier.threads)

    def __call__(self, rows: pa.Table) -> pa.Table:
        """Rows in, the same rows with their predictions out."""
        return self._scoring.score(rows, self._classifier)


def predict(
    dataset: Dataset,
    predictor: str | os.PathLike[str] | TextClassifier,
    text_column: str = "text",
    *,
    actors: int | tuple[int, int] = 1,
    cores: int = 1,
    engine: Engine = "auto",
    prefix: str = "",
    abstain_below: float = 0.0,
    costs: Sequence[str] = (),
) -> Dataset:
    """A dataset with predictions; lazy, as all of Ray Data.

    Args:
        dataset: Any dataset with a column of texts.
        predictor: A predictor or run folder, or what `ktrain_sentiment.load` made of one.
        text_column: The column of the texts.
        actors: How many work at a time, or least and most of them. One core of the cluster is left
            to whoever reads the rows, until they are read.
        cores: Cores of each actor: ONNX Runtime gets so many threads, and Ray sets them aside.
        engine: As for `load`.
        prefix: Put before the names of the new columns.
        abstain_below: Leave the prediction empty where it is less sure than this: by its
            probability, or with costs by what it is expected to cost (`Task.confidence`).
        costs: Answer with the least expected cost of a mistake, where they cost this, such as
            `["negative:positive=5"]`; see `TextClassifier.weighing`.

    Returns:
        The rows with `predicted`, `probability`, one `p_<label>` a class, and `problem`: why a
        row has no prediction, null for all others; with costs `expected_cost`, too. An actor that
        dies is replaced, and its rows are computed again.

    Raises:
        ConfigError: There is no such column of texts, one of the new columns exists already, or
            a number or a cost makes no sense.
        PredictorError: The folder cannot be used.
        MissingExtraError: Ray is not installed.
    """
    ray, data = require("ray", "ray"), require("ray.data", "ray")
    least, most = (actors, actors) if isinstance(actors, int) else actors
    if not 1 <= least <= most or cores < 1:
        raise ConfigError(f"actors {actors}, cores {cores}: wanted at least one of each")
    classifier = open_for(predictor, engine, cores, costs)
    scoring = Scoring.by(classifier, text_column, prefix, abstain_below)
    scoring.check(list(dataset.schema().names))
    shipped = ray.put(classifier)
    # Whoever reads the rows needs a core too, and actors never give theirs back: with all cores
    # taken Ray would wait for ever. More actors come as soon as there is room.
    spare = int(ray.cluster_resources().get("CPU", 1)) - 1
    least = min(least, max(spare // cores, 1))
    # Ray reads small files together, by bytes: of 200,000 short texts it made one block, which is
    # work for one actor however many there are.
    portions = dataset.repartition(target_num_rows_per_block=BATCH_ROWS)
    found: Dataset = portions.map_batches(
        Predictor,
        fn_constructor_args=([shipped], scoring),
        batch_size=BATCH_ROWS,
        batch_format="pyarrow",
        compute=data.ActorPoolStrategy(min_size=least, max_size=most),
        num_cpus=min(cores, spare),
    )
    return found
