"""From a source to an output: read a chunk, predict, write, and count what happened."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ktrain_sentiment.inference.scoring.columns import added_columns, refuse_collisions
from ktrain_sentiment.inference.scoring.rows import Chunk
from ktrain_sentiment.inference.scoring.sources import Source
from ktrain_sentiment.prediction import Classifier, Prediction
from ktrain_sentiment.tables.outputs import Output
from ktrain_sentiment.tables.writing import OutputSchema

logger = logging.getLogger(__name__)

_DIGITS = 6
_MOST_REPORTED = 20

Advance = Callable[[int], None]
"""Told after each chunk at which line or row the work stands."""


@dataclass
class ScoreReport:
    """What happened to the rows.

    Attributes:
        rows: Rows written.
        scored: Rows with a prediction.
        abstained: Rows whose prediction was left empty because it was too unsure.
        truncated: Rows whose text was longer than the model reads.
        bad: Rows that could not be read or held no text.
        seconds: How long it took.
        labels: How often each label was predicted.
        resumed_at: The line or row after which this run began; 0: at the beginning.
    """

    rows: int = 0
    scored: int = 0
    abstained: int = 0
    truncated: int = 0
    bad: int = 0
    seconds: float = 0.0
    labels: Counter[str] = field(default_factory=Counter)
    resumed_at: int = 0

    @property
    def texts_per_second(self) -> float:
        """Scored texts a second, reading and writing included."""
        return self.scored / self.seconds if self.seconds else 0.0


@dataclass(frozen=True, kw_only=True)
class ScoreOptions:
    """How to score.

    Attributes:
        chunk: Rows read, predicted and written at a time.
        abstain_below: Leave the prediction empty where its probability is below this.
        prefix: Put before the names of the new columns.
    """

    chunk: int = 4096
    abstain_below: float = 0.0
    prefix: str = ""


def new_columns(source: Source, labels: Sequence[str], options: ScoreOptions) -> tuple[str, ...]:
    """The names of the columns that scoring adds.

    Raises:
        ConfigError: The source has one of them already.
    """
    names = added_columns(labels, options.prefix)
    refuse_collisions(source.columns, names, source.name)
    return names


def output_schema(source: Source, names: Sequence[str]) -> OutputSchema:
    """The columns of the output: the source's, then the new ones."""
    predicted, probability, *_ = names
    return OutputSchema(
        names=(*source.columns, *names),
        types={**source.types, **dict.fromkeys(names, np.float32), predicted: str},
        arrow=source.schema,
        shown=(predicted, probability, source.text_column),
        source=source.name,
    )


def score(
    source: Source,
    classifier: Classifier,
    output: Output,
    options: ScoreOptions,
    advance: Advance = lambda _: None,
) -> ScoreReport:
    """Score all rows of a source.

    Bad rows are written too, with an empty prediction, and reported by line number.

    Args:
        source: Where rows come from.
        classifier: What predicts.
        output: Where they go; it is finished at the end, or stopped when anything is raised.
        options: How to score.
        advance: Told how far the work is.
    """
    names = new_columns(source, classifier.labels, options)
    report = ScoreReport(resumed_at=output.done)
    begun = time.perf_counter()
    try:
        for chunk in source.chunks(options.chunk):
            chunk = _after(chunk, output.done)
            if len(chunk):
                added = _predict(chunk, classifier, names, options, report)
                output.write(chunk.lines, _with_columns(chunk.rows, added))
                _report_problems(source, chunk, report)
                advance(chunk.lines[-1])
        output.finish()
    except BaseException:
        output.stop()
        raise
    report.seconds = time.perf_counter() - begun
    return report


def _after(chunk: Chunk, done: int) -> Chunk:
    """The rows of a chunk that an earlier run has not written."""
    first = next((i for i, line in enumerate(chunk.lines) if line > done), len(chunk))
    if first == 0:
        return chunk
    problems = {i - first: reason for i, reason in chunk.problems.items() if i >= first}
    return Chunk(chunk.lines[first:], chunk.texts[first:], problems, chunk.rows[first:])


def _predict(
    chunk: Chunk,
    classifier: Classifier,
    names: Sequence[str],
    options: ScoreOptions,
    report: ScoreReport,
) -> Mapping[str, Sequence[Any]]:
    texts = [text for text in chunk.texts if text is not None]
    predictions = iter(classifier.predict(texts))
    rows = [None if text is None else next(predictions) for text in chunk.texts]
    for row in rows:
        _count(row, options, report)
    columns: list[list[object]] = [
        [_label(row, options) for row in rows],
        [row and round(row.probability, _DIGITS) for row in rows],
    ]
    columns += [
        [row and round(row.probabilities[label], _DIGITS) for row in rows]
        for label in classifier.labels
    ]
    return dict(zip(names, columns, strict=True))


def _with_columns(rows: Any, added: Mapping[str, Sequence[Any]]) -> Any:  # noqa: ANN401
    if isinstance(rows, Sequence):
        new = zip(*added.values(), strict=True)
        return [
            {**record, **dict(zip(added, values, strict=True))}
            for record, values in zip(rows, new, strict=True)
        ]
    import pyarrow as pa

    for name, values in added.items():
        rows = rows.append_column(name, pa.array(values))
    return rows


def _label(row: Prediction | None, options: ScoreOptions) -> str | None:
    return row.label if row is not None and row.probability >= options.abstain_below else None


def _count(row: Prediction | None, options: ScoreOptions, report: ScoreReport) -> None:
    report.rows += 1
    if row is None:
        return
    report.scored += 1
    report.truncated += row.truncated
    label = _label(row, options)
    if label is None:
        report.abstained += 1
    else:
        report.labels[label] += 1


def _report_problems(source: Source, chunk: Chunk, report: ScoreReport) -> None:
    for position, reason in sorted(chunk.problems.items()):
        report.bad += 1
        if report.bad <= _MOST_REPORTED:
            line = chunk.lines[position]
            logger.warning("%s: line %d %s; kept without a prediction", source.name, line, reason)
        elif report.bad == _MOST_REPORTED + 1:
            logger.warning("%s: further bad rows are counted, not listed", source.name)


def figures(report: ScoreReport) -> Mapping[str, object]:
    """The report as `--json` prints it."""
    return {
        "rows": report.rows,
        "scored": report.scored,
        "abstained": report.abstained,
        "truncated": report.truncated,
        "bad": report.bad,
        "seconds": round(report.seconds, 3),
        "texts_per_second": round(report.texts_per_second, 1),
        "labels": dict(report.labels),
        "resumed_at": report.resumed_at,
    }
