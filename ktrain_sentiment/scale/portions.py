"""Folders of Parquet files in and out, portion by portion.

A portion is a file, or some rows of a large one; its output is a file of its own, which appears
when it is whole. So a job that was stopped goes on with the portions that are missing, and a
worker that was killed costs its portion alone, of which another goes on in the middle.
"""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ktrain_sentiment.atomic import HeldError, write_json
from ktrain_sentiment.errors import ConfigError, DataError, SentimentError
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
from ktrain_sentiment.scale.worker import Scoring
from ktrain_sentiment.tables.outputs import open_output

ROWS = 100_000
"""Rows of a portion at most: minutes of one core, and little to lose with it."""

RECORD = "_ktrain-sentiment.json"
"""Says what a folder was made of; engines overlook files whose names begin so."""


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


def plan(source: Path, target: Path, rows: int = ROWS) -> list[Portion]:
    """All portions of a job.

    Args:
        source: A Parquet file, or a folder with such files in it and in its subfolders.
        target: The folder that will have the same subfolders.
        rows: Rows of a portion at most.

    Raises:
        DataError: There is no Parquet file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    files = [source] if source.is_file() else sorted(source.rglob("*.parquet"))
    base = source.parent if source.is_file() else source
    # Spark and its kin keep what is no data under such names.
    hidden = {file for file in files if any(p[0] in "._" for p in file.relative_to(base).parts)}
    portions = []
    for file in files:
        if file in hidden:
            continue
        try:
            length = pq.read_metadata(file).num_rows
        except (pa.ArrowException, OSError):
            length = rows  # Whoever reads it says what is wrong with it.
        whole = target / file.relative_to(base)
        count = max(-(-length // rows), 1)
        for number in range(count):
            name = f"{whole.stem}-{number:05}-of-{count:05}.parquet" if count > 1 else whole.name
            first, last = number * rows + 1, min((number + 1) * rows, max(length, 1))
            portions.append(Portion(str(file), str(whole.with_name(name)), first, last))
    if not portions:
        raise DataError(f"{source}: no Parquet file is there: name a file or folder with some")
    return portions


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
    record, now = target / RECORD, json.loads(json.dumps(identity, default=str))
    if not record.is_file():
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise ConfigError(f"{target}: is not empty, and of no earlier job: choose a new folder")
        write_json(record, now)
        return list(portions)
    before = json.loads(record.read_text(encoding="utf-8"))
    for name, value in now.items():
        if before.get(name) != value:
            raise ConfigError(
                f"{target}: was made with another {name}; go on with the same, or choose a new "
                "folder"
            )
    if not resume:
        raise ConfigError(f"{target}: has portions already; add --resume to go on, or choose "
                          "a new folder")  # fmt: skip
    missing = []
    for portion in portions:
        made, source = Path(portion.target), Path(portion.source)
        if not made.is_file():
            missing.append(portion)
        elif made.stat().st_mtime_ns < source.stat().st_mtime_ns:
            raise ConfigError(f"{source}: was changed after {made} was made; choose a new folder")
    return missing


def do_portion(
    portion: Portion, scoring: Scoring, classifier: TextClassifier, identity: Mapping[str, Any]
) -> dict[str, Any]:
    """Score the rows of a portion; runs on a worker.

    Returns:
        `ScoreReport` as a dictionary; or `error`, what was wrong with all of the portion, and
        `source`, its file. The job goes on without it.

    Raises:
        HeldError: Another worker has the portion: whoever is the first is right.
    """
    try:
        opened = open_text_table(portion.source, text_column=scoring.column)
        scoring.inputs.check(opened.table.columns, opened.table.name)
        length = opened.table.end or 0
        table = opened.table.between(portion.first, min(portion.last, length))
        source = TextTable(table, opened.column)
        options = ScoreOptions(
            abstain_below=scoring.abstain_below, prefix=scoring.prefix, problems=True
        )
        names = new_columns(table, classifier.labels, options, classifier.task)
        output = open_output(
            Path(portion.target), "parquet", output_schema(source, names, problems=True),
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
