"""What each worker of a cluster does with its rows, and how its predictor gets there."""

from __future__ import annotations

import functools
import os
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.inference import load
from ktrain_sentiment.inference.classifier import TextClassifier
from ktrain_sentiment.inference.scoring import added_columns, score_rows
from ktrain_sentiment.inputs import TEXTS, Inputs
from ktrain_sentiment.reading_rules import Engine
from ktrain_sentiment.refusals import refuse_flags
from ktrain_sentiment.tasks import CLASSES, Task

if TYPE_CHECKING:
    import pyarrow as pa

Opener = Callable[[], TextClassifier]


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """How rows are scored: what is the same for every worker of a job.

    Attributes:
        column: The column of the texts.
        labels: Those of the predictor.
        task: What they are.
        prefix: Put before the names of the new columns.
        abstain_below: Leave the prediction empty where it is less sure than this.
        inputs: What of a row the predictor reads.
    """

    column: str
    labels: tuple[str, ...]
    task: Task = CLASSES
    prefix: str = ""
    abstain_below: float = 0.0
    inputs: Inputs = TEXTS

    @classmethod
    def by(
        cls, classifier: TextClassifier, column: str, prefix: str = "", abstain_below: float = 0.0
    ) -> Scoring:
        """How rows are scored by this classifier.

        Raises:
            ConfigError: A threshold is given, and the classifier answers with a score.
        """
        refuse_flags(classifier.task.kind, {"--abstain-below": abstain_below})
        return cls(
            column=column, labels=classifier.labels, task=classifier.task, prefix=prefix,
            abstain_below=abstain_below, inputs=classifier.inputs,
        )  # fmt: skip

    @property
    def names(self) -> tuple[str, ...]:
        """The new columns: see `inference.scoring.added_columns`; the last is `problem`."""
        return added_columns(self.labels, self.prefix, self.task, problems=True)

    def score(self, rows: pa.Table, classifier: TextClassifier) -> pa.Table:
        """Rows in, the same rows with their predictions out."""
        return score_rows(rows, self.column, classifier, self.names, self.abstain_below)

    def check(self, columns: list[str]) -> None:
        """Refuse a table that has no such texts, or has one of the new columns already.

        Raises:
            InputError: The table is not fit.
        """
        if self.column not in columns:
            raise ConfigError(
                f"there is no column {self.column!r}: wanted the one of the texts, "
                f"got {', '.join(columns)}"
            )
        self.inputs.check(columns, "the table")
        if taken := [name for name in self.names if name in columns]:
            raise ConfigError(
                f"the table has a column {taken[0]!r} already: name the new columns otherwise "
                "with prefix, such as prefix='new_'"
            )


def open_for(
    predictor: str | os.PathLike[str] | TextClassifier,
    engine: Engine,
    threads: int,
    costs: Sequence[str] = (),
) -> TextClassifier:
    """The predictor as a worker will have it.

    Args:
        predictor: A predictor or run folder, or a classifier that is open already.
        engine: As for `load`.
        threads: Cores of one worker.
        costs: What mistakes cost, as for `TextClassifier.weighing`; as the predictor has it when
            there are none.

    Raises:
        PredictorError: The folder cannot be used.
        ConfigError: A cost makes no sense.
    """
    if isinstance(predictor, TextClassifier):
        opened = TextClassifier.from_parts(predictor.own_parts(), threads)
    else:
        opened = load(predictor, engine, threads=threads)
    return opened.weighing(costs)


@functools.lru_cache(maxsize=4)
def open_pickle(path: str) -> TextClassifier:
    """The classifier that a driver pickled: once a process, however many tasks it is given.

    Args:
        path: A file that the engine brought here from the job's own driver.
    """
    # The driver's own, on its way to its own workers, as all of Spark's tasks are pickles.
    classifier: TextClassifier = pickle.loads(Path(path).read_bytes())  # noqa: S301
    share_cores(classifier.threads)
    return classifier


@functools.lru_cache(maxsize=4)
def open_folder(
    path: str, engine: Engine, threads: int, costs: tuple[str, ...] = ()
) -> TextClassifier:
    """The predictor in a folder that every worker can see: once a process."""
    share_cores(threads)
    return open_for(path, engine, threads, costs)


def share_cores(threads: int) -> None:
    """Let tokenizers take no more cores than the engine: a worker has many like it beside it."""
    os.environ.setdefault("RAYON_NUM_THREADS", str(max(threads, 1)))
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false" if threads == 1 else "true")
