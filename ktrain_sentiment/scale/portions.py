"""Folders of Parquet files in and out, portion by portion.

A portion is a file, or some rows of a large one; its output is a file of its own, which appears
when it is whole. So a job that was stopped goes on with the portions that are missing, and a
worker that was killed costs its portion alone, of which another goes on in the middle.
"""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
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
from ktrain_sentiment.remote import Remote, store, url_of
from ktrain_sentiment.scale.worker import Scoring
from ktrain_sentiment.tables import ReadOptions
from ktrain_sentiment.tables.outputs import differing, open_output

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
        source: A Parquet file, or a folder with such files in it and in its subfolders; or the URL
            of one in a store.
        target: The folder that will have the same subfolders, or its URL.
        rows: Rows of a portion at most.

    Raises:
        DataError: There is no Parquet file, or the store cannot be asked.
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
