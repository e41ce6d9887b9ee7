"""From a table to an output: read a batch, predict, write, and count what happened.

`score_batch` is the core, a batch in and a batch with predictions out, for whoever has rows: a
file here, a request to a server; `score_rows` is its door for those whose rows are Arrow's
already: a partition of Spark, a block of Ray.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.data.columns import Rest, choose_text_column, suits
from ktrain_sentiment.errors import ConfigError, DataError, PredictorError, one_line
from ktrain_sentiment.inference.rows import join_row
from ktrain_sentiment.inputs import TEXTS, Inputs
from ktrain_sentiment.messages import count, counted, listed, quoted
from ktrain_sentiment.prediction import (
    EXPECTED,
    EXPECTED_COST,
    SCORE_HIGH,
    SCORE_LOW,
    Classifier,
    Prediction,
)
from ktrain_sentiment.refusals import refuse_flags
from ktrain_sentiment.tables import Batch, Problem, ReadOptions, Table, open_table
from ktrain_sentiment.tables.outputs import Output
from ktrain_sentiment.tables.writing import OutputSchema
from ktrain_sentiment.tasks import CLASSES, SCORE, Kind, Task

if TYPE_CHECKING:
    import pyarrow as pa

logger = logging.getLogger(__name__)

_DIGITS = 6
_MOST_REPORTED = 20

Advance = Callable[[int], None]
"""Told after each batch at which place (line or row) the work stands."""


@dataclass(frozen=True)
class TextTable:
    """A table and its column of texts.

    Attributes:
        table: The table.
        column: The column that holds the texts.
        others: Columns that are read beside them.
    """

    table: Table
    column: str
    others: tuple[str, ...] = ()


def open_text_table(
    source: str | Path | BinaryIO,
    options: ReadOptions | None = None,
    text_column: str | None = None,
    trained: Mapping[str, Any] | None = None,
) -> TextTable:
    """Open a table to be scored; its notes say how it is read, where that was not given.

    Args:
        source: As for `open_table`.
        options: What is known about it.
        text_column: The column of texts.
        trained: How the training data was read (`Manifest.table`): its column of texts is taken
            where the table has it and that of labels never, its names of columns where the table
            has no header, its way with quotes where there are two.

    Raises:
        DataError: It cannot be read, or there is no telling its column of texts.
        ConfigError: An option makes no sense.
        MissingExtraError: A library that it needs is not installed.
    """
    trained = trained or {}
    options = (options or ReadOptions()).like(trained)
    if text_column:
        options = replace(options, known_columns=(*options.known_columns, text_column))
    table = open_table(source, options, suits)
    inputs = Inputs.of(trained)
    inputs.check(table.columns, table.name)
    wanted = trained.get("text_column")
    wanted = wanted if isinstance(wanted, str) else None
    labels = trained.get("label_column")
    column = choose_text_column(Rest(table, inputs.others), text_column, wanted, labels)
    if text_column is None and len(table.columns) > 1:
        like = " as in training" if column == wanted else f" (trained on {wanted!r})"
        table = table.with_notes(f"texts from column {column!r}{like if wanted else ''}")
    if inputs:
        table = table.with_notes(f"read beside them: {quoted(inputs.others)}")
    return TextTable(table, column, inputs.others)


@dataclass
class ScoreReport:
    """What happened to the rows.

    Attributes:
        rows: Rows written.
        scored: Rows with a prediction.
        abstained: Rows whose prediction was left empty because it was too unsure.
        unknown: Rows whose prediction was left empty because the model knows no word of the text.
        truncated: Rows of whose text a part was not read.
        windowed: Rows whose text was longer than the model reads at once, and read in windows.
        bad: Rows that could not be read or held no text.
        seconds: How long it took.
        labels: How often each label was predicted.
        resumed_at: The line or row after which this run began; 0: at the beginning.
    """

    rows: int = 0
    scored: int = 0
    abstained: int = 0
    unknown: int = 0
    truncated: int = 0
    windowed: int = 0
    bad: int = 0
    seconds: float = 0.0
    labels: Counter[str] = field(default_factory=Counter)
    resumed_at: int = 0

    @property
    def texts_per_second(self) -> float:
        """Scored texts a second, reading and writing included."""
        return self.scored / self.seconds if self.seconds else 0.0

    def counts(self) -> str:
        """How often each label was predicted, the commonest first: `3 good, 1 bad`.

        Where a label begins with a figure, `4 (3), 5 (1)`: a number beside a number tells nothing.
        """
        common = self.labels.most_common()
        if any(label[:1].isdigit() for label, _ in common):
            return counted(common)
        return listed(f"{number:,} {label}" for label, number in common)


@dataclass(frozen=True, kw_only=True)
class ScoreOptions:
    """How to score.

    Attributes:
        chunk: Rows read, predicted and written at a time.
        abstain_below: Leave the prediction empty where its confidence (`Task.confidence`) is below
            this.
        prefix: Put before the names of the new columns.
        problems: Add a column that says what is wrong with a row.
    """

    chunk: int = 4096
    abstain_below: float = 0.0
    prefix: str = ""
    problems: bool = False


LABELS = "labels"
"""The column of several labels a text."""
CONFIDENCE = "confidence"
"""The column that says how sure they are: see `Task.confidence`."""


def added_columns(
    labels: Sequence[str], prefix: str = "", task: Task = CLASSES, *, problems: bool = False
) -> tuple[str, ...]:
    """The columns that scoring adds: `predicted`, `probability`, one `p_<label>` a class.

    Of stars also `expected_star`, behind the probability, and where mistakes are weighed
    `expected_cost`, of the answer, behind that. Several labels have `labels`, joined by |
    as the reader reads them back, `confidence` (see `Task.confidence`), `expected_cost` where
    mistakes are weighed, and `probability_<label>` for each. Scores have `score` in their place,
    and `score_low` and `score_high` where the interval is known.

    Args:
        labels: The classifier's.
        prefix: Put before each name.
        task: What the labels are.
        problems: Add `problem` behind them: what is wrong with a row, empty for most.
    """
    also = [*([EXPECTED] if task else []), *([EXPECTED_COST] if task.costs else [])]
    names = ["predicted", "probability", *also, *(f"p_{label}" for label in labels)]
    if task.is_score:
        names = score_columns(task)
    elif task.is_multi:
        names = [LABELS, CONFIDENCE, *also, *(f"probability_{label}" for label in labels)]
    return tuple(prefix + name for name in (*names, *(["problem"] if problems else [])))


def score_columns(task: Task) -> list[str]:
    """The columns of a score."""
    return [SCORE, SCORE_LOW, SCORE_HIGH] if task.has_interval else [SCORE]


def new_columns(
    table: Table, labels: Sequence[str], options: ScoreOptions, task: Task = CLASSES
) -> tuple[str, ...]:
    """The names of the columns that scoring adds to a table.

    Raises:
        ConfigError: The table has one of them already, or a threshold of probability is given for a
            model of scores.
    """
    refuse_flags(task.kind, {"--abstain-below": options.abstain_below})
    added = added_columns(labels, options.prefix, task, problems=options.problems)
    taken = [name for name in added if name in set(table.own_columns)]
    if taken:
        raise ConfigError(
            f"{table.name}: has a column {taken[0]!r} already, perhaps from an earlier scoring",
            "name the new columns otherwise with --prefix, such as --prefix new_",
            "rename it, or leave it out",
        )
    return added


def task_of(classifier: Classifier) -> Task:
    """What a classifier answers with; classes where it does not say."""
    found: Task = getattr(classifier, "task", CLASSES)
    return found


def inputs_of(classifier: Classifier) -> Inputs:
    """What of a row a classifier reads; texts alone where it does not say."""
    found: Inputs = getattr(classifier, "inputs", TEXTS)
    return found


def output_schema(
    source: TextTable, names: Sequence[str], task: Task = CLASSES, *, problems: bool = False
) -> OutputSchema:
    """The columns of the output: the source's, then the new ones, problems being the last."""
    numbers, ranked = names[: len(names) - problems], dict[str, str]()
    shown = numbers if task.is_score else names[: 2 + bool(task) + bool(task.costs)]
    if task.is_multi:
        before = f"{names[0].removesuffix(LABELS)}probability_"
        ranked = {name: name.removeprefix(before) for name in numbers[len(shown) :]}
        shown = names[:1]
    table = source.table
    words = (*names[len(numbers) :], *([] if task.is_score else names[:1]))
    types: dict[str, Any] = {**dict.fromkeys(names, np.float32), **dict.fromkeys(words, str)}
    return OutputSchema(
        names=(*table.own_columns, *names),
        types={**table.types, **types},
        arrow=table.schema,
        shown=(*shown, source.column, *source.others),
        ranked=ranked,
        source=table.name,
    )


@dataclass(frozen=True)
class ScoredBatch:
    """A batch with its predictions.

    Attributes:
        rows: The rows with the new columns behind their own, records or an Arrow table as they
            came.
        predictions: One a row; None where there was no text to score.
        problems: What is wrong with a row, by its position in the batch.
        abstained: The rows whose prediction is left out because it is too unsure, by position.
    """

    rows: Any
    predictions: Sequence[Prediction | None]
    problems: Mapping[int, Problem]
    abstained: Collection[int] = ()


def texts_of(
    batch: Batch, column: str, inputs: Inputs = TEXTS
) -> tuple[list[str | None], dict[int, Problem]]:
    """What is read of each row, None where there is nothing to score, and what is wrong with it.

    Args:
        batch: The rows.
        column: The column of the texts.
        inputs: What else is read of them.

    Returns:
        A text a row, and problems by position.
    """
    problems = dict(batch.problems)
    texts: list[str | None] = []
    names = (column, *inputs.others)
    for position, cells in enumerate(zip(*map(batch.values, names), strict=True)):
        text, problem = join_row(dict(zip(names, cells, strict=True)), inputs, column)
        if position in problems:
            text = None
        elif problem is not None:
            text, problems[position] = None, problem
        texts.append(text)
    return texts, problems


def score_batch(
    batch: Batch,
    column: str,
    classifier: Classifier,
    names: Sequence[str],
    abstain_below: float = 0.0,
) -> ScoredBatch:
    """Predict the texts of a batch; a text that cannot be predicted spoils no other.

    Args:
        batch: The rows.
        column: The column of the texts.
        classifier: What predicts.
        names: The names of the new columns, as `added_columns` has them, with `problem` or not.
        abstain_below: Leave the prediction empty where its probability is below this.
    """
    texts, problems = texts_of(batch, column, inputs_of(classifier))
    predictions, refused = _predict(texts, classifier)
    problems |= refused
    said = [str(problems[k]) if k in problems else None for k in range(len(texts))]
    sure = _of_each(predictions, classifier, task_of(classifier).confidence)
    unsure = {k for k, one in enumerate(sure) if one is not None and one < abstain_below}
    answers = _Answers(predictions, classifier, sure, unsure)
    columns = _ANSWERS[task_of(classifier).kind](answers)
    added = dict(zip(names, [*columns, said], strict=False))
    words = {*names[len(columns) :], *([] if task_of(classifier).is_score else names[:1])}
    return ScoredBatch(_with_columns(batch.rows, added, words), predictions, problems, unsure)


@dataclass(frozen=True)
class _Answers:
    """What a classifier said of a batch.

    Attributes:
        given: One a row; None where there was no text to score.
        classifier: What said it.
        sure: How sure it is of each.
        unsure: The rows whose answer is left out, by position.
    """

    given: Sequence[Prediction | None]
    classifier: Classifier
    sure: Sequence[float | None]
    unsure: Collection[int]

    @property
    def kept(self) -> list[Prediction | None]:
        """The answers; None where one is left out, or there is none."""
        return [
            None if one is None or one.unknown or k in self.unsure else one
            for k, one in enumerate(self.given)
        ]

    @property
    def probabilities(self) -> list[list[Any]]:
        """The probability of each label, a column each."""
        return [
            [one and round(one.probabilities[label], _DIGITS) for one in self.given]
            for label in self.classifier.labels
        ]


def _of_each(
    given: Sequence[Prediction | None],
    classifier: Classifier,
    figure: Callable[[NDArray[np.float64]], NDArray[np.float64]],
) -> list[float | None]:
    """A figure of the probabilities of each answer; None where there was no text to score."""
    if task_of(classifier).is_score:
        return [None] * len(given)
    table = [[*one.probabilities.values()] for one in given if one is not None]
    found = iter(figure(np.reshape(table, (len(table), len(classifier.labels)))).tolist())
    return [None if one is None else next(found) for one in given]


def _costs(found: _Answers) -> list[list[Any]]:
    """What each answer is expected to cost, one column; none where mistakes are not weighed."""
    task = task_of(found.classifier)
    if not task.costs:
        return []
    each = _of_each(found.given, found.classifier, task.answer_costs)
    return [[None if one is None else round(one, _DIGITS) for one in each]]


def _of_classes(found: _Answers) -> list[list[Any]]:
    return [
        [one and (one.label or None) for one in found.kept],
        [one and round(one.probability, _DIGITS) for one in found.given],
        *_costs(found),
        *found.probabilities,
    ]


def _of_stars(found: _Answers) -> list[list[Any]]:
    label, probability, *others = _of_classes(found)
    stars = [one and round(one.expected_star or 0.0, _DIGITS) for one in found.given]
    return [label, probability, stars, *others]


def _of_scores(found: _Answers) -> list[list[Any]]:
    return [
        [round(getattr(one, name), _DIGITS) if one and one.label else None for one in found.given]
        for name in score_columns(task_of(found.classifier))
    ]


def _of_sets(found: _Answers) -> list[list[Any]]:
    return [
        [None if one is None else one.label for one in found.kept],
        [None if one is None else round(one, _DIGITS) for one in found.sure],
        *_costs(found),
        *found.probabilities,
    ]


_ANSWERS: Mapping[Kind, Callable[[_Answers], list[list[Any]]]] = {
    "classes": _of_classes, "stars": _of_stars, "score": _of_scores, "multi": _of_sets,
}  # fmt: skip
"""The columns of answers, in the order of `added_columns`, for each task."""


def _predict(
    texts: Sequence[str | None], classifier: Classifier
) -> tuple[list[Prediction | None], dict[int, Problem]]:
    """The answer to each text that is there, and why the model refuses others."""
    there = [position for position, text in enumerate(texts) if text is not None]
    answers: list[Prediction | None] = [None] * len(texts)
    refused: dict[int, Problem] = {}
    try:
        found = classifier.predict([texts[position] or "" for position in there])
    except PredictorError as error:
        if len(there) < 2:
            return answers, {position: Problem(one_line(error)) for position in there}
        # One text can be too much for a tokenizer, and the others are to be answered all the same.
        for half in (there[: len(there) // 2], there[len(there) // 2 :]):
            inner, inner_refused = _predict([texts[position] for position in half], classifier)
            for position, answer in zip(half, inner, strict=True):
                answers[position] = answer
            refused |= {half[k]: problem for k, problem in inner_refused.items()}
        return answers, refused
    for position, answer in zip(there, found, strict=True):
        answers[position] = answer
    return answers, refused


def _with_columns(rows: Any, added: Mapping[str, Sequence[Any]], words: Collection[str]) -> Any:  # noqa: ANN401
    """Rows with further columns, of which `words` hold strings and the others numbers."""
    if isinstance(rows, Sequence):
        cells = zip(*added.values(), strict=True)
        return [
            {**row, **dict(zip(added, new, strict=True))}
            for row, new in zip(rows, cells, strict=True)
        ]
    import pyarrow as pa

    for name, values in added.items():
        # A batch without any answer must have the types of the others.
        kind = pa.string() if name in words else pa.float64()
        rows = rows.append_column(name, pa.array(values, kind))
    return rows


def score_rows(
    rows: pa.Table,
    column: str,
    classifier: Classifier,
    names: Sequence[str],
    abstain_below: float = 0.0,
) -> pa.Table:
    """Arrow rows in, the same rows with their predictions out: `score_batch` for clusters.

    Args:
        rows: The rows.
        column: The column of the texts.
        classifier: What predicts.
        names: As for `score_batch`.
        abstain_below: As there.

    Returns:
        The table with the new columns behind its own: label and problem are strings, probabilities
        float64.
    """
    batch = Batch(range(1, len(rows) + 1), rows)
    return score_batch(batch, column, classifier, names, abstain_below).rows


def score(
    source: TextTable,
    classifier: Classifier,
    output: Output,
    options: ScoreOptions,
    advance: Advance = lambda _: None,
) -> ScoreReport:
    """Score all rows of a table.

    Bad rows are written too, with an empty prediction, and reported by their place.

    Args:
        source: Where rows come from.
        classifier: What predicts.
        output: Where they go; it is finished at the end, or stopped when anything is raised.
        options: How to score.
        advance: Told how far the work is.

    Raises:
        DataError: No row could be read.
    """
    table = source.table
    names = new_columns(table, classifier.labels, options, task_of(classifier))
    report = ScoreReport(resumed_at=output.done)
    first: tuple[int, Problem] | None = None
    unread = 0
    begun = time.perf_counter()
    try:
        for whole in table.batches(options.chunk):
            batch = whole.after(output.done)
            if not len(batch):
                continue
            scored = score_batch(batch, source.column, classifier, names, options.abstain_below)
            output.write(batch.places, scored.rows)
            _count(scored, report)
            _report_problems(table, batch, scored.problems, report)
            lost = [(k, p) for k, p in batch.problems.items() if not p.is_row]
            unread += len(lost)
            first = first or next(((batch.places[k], p) for k, p in lost), None)
            advance(batch.places[-1])
        # What an earlier run wrote cannot be told here, and there a row was read.
        if first is not None and unread == report.rows and not report.resumed_at:
            place, problem = first
            raise DataError(
                f"{table.name}: none of {count(unread, 'row')} can be read: {table.unit} {place} "
                f"{problem}",
                *problem.ways,
            )
        output.finish()
    except BaseException:
        output.stop()
        raise
    report.seconds = time.perf_counter() - begun
    return report


def _count(scored: ScoredBatch, report: ScoreReport) -> None:
    report.rows += len(scored.predictions)
    for place, one in enumerate(scored.predictions):
        if one is None:
            continue
        report.scored += 1
        report.truncated += one.truncated
        report.windowed += one.windows > 1
        if one.unknown:
            report.unknown += 1
        elif place in scored.abstained:
            report.abstained += 1
        elif one.labels is not None:
            report.labels.update(one.labels)
        elif one.score is None:
            report.labels[one.label] += 1


def _report_problems(
    table: Table, batch: Batch, problems: Mapping[int, Problem], report: ScoreReport
) -> None:
    for position, problem in sorted(problems.items()):
        report.bad += 1
        if report.bad <= _MOST_REPORTED:
            place = f"{table.unit} {batch.places[position]}"
            logger.warning("%s: %s %s; kept without a prediction", table.name, place, problem)
        elif report.bad == _MOST_REPORTED + 1:
            logger.warning("%s: further bad rows are counted, not listed", table.name)


def figures(report: ScoreReport) -> Mapping[str, object]:
    """The report as `--json` prints it."""
    return {
        **vars(report),
        "seconds": round(report.seconds, 3),
        "texts_per_second": round(report.texts_per_second, 1),
    }
