"""What the commands show of results on a terminal: tables and sentences, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from rich.text import Text

from ktrain_sentiment.evaluation.review import ScoreMistake, SetMistake, as_mistakes
from ktrain_sentiment.messages import count
from ktrain_sentiment.report import result_tables, trial_tables
from ktrain_sentiment.report.figures import SHOWN, FigureTable, MarkedText, share, to_text
from ktrain_sentiment.report.sentences import (
    behaviour_sentence,
    calibration_sentence,
    costs_sentence,
    coverage_sentence,
    decision_sentences,
    label_errors_sentence,
)

if TYPE_CHECKING:
    import pandas as pd

    from ktrain_sentiment.data.findings import Finding
    from ktrain_sentiment.evaluation.behaviour import Behaviour
    from ktrain_sentiment.evaluation.explanation import Explanation
    from ktrain_sentiment.evaluation.metrics import Metrics
    from ktrain_sentiment.evaluation.record import EvalResult, Inspection, TrainingRecord

Part = FigureTable | Text

_STYLES = {"error": "bold red", "warning": "yellow", "info": "dim"}
_SHOWN_EXAMPLES = {"error": 3, "warning": 2, "info": 1}
_SHOWN_LETTERS = 100
MOST_CLASSES = 20
"""Classes of which a table is shown whole."""


def training(record: TrainingRecord) -> list[Part]:
    """The figures of a training, its warnings last, where they are still on the screen."""
    parts: list[Part] = [
        result_tables.headline(record.metrics, record.baselines),
        *_intervals(record.metrics),
        *by_class(record.metrics),
    ]
    engines = result_tables.engines(record)
    if engines is not None:
        parts.append(engines)
    if record.teacher is not None:
        parts.append(Text(_teacher(record)))
    if record.encoder_race is not None:
        parts += [trial_tables.encoders(record.encoder_race), Text(record.encoder_race.why)]
    if record.few_labels is not None:
        if record.few_labels.trials:
            parts.append(trial_tables.few_labels(record.few_labels))
        parts.append(Text(record.few_labels.why))
    if record.cross_validation is not None:
        parts.append(result_tables.cross_validation(record.cross_validation))
    return [*parts, *_warnings(record.warnings)]


def _intervals(metrics: Metrics) -> list[Part]:
    return [Text(metrics.intervals, style="dim")] if metrics.intervals else []


def by_class(metrics: Metrics) -> list[Part]:
    """Figures of each class and what they are confused with, as far as a screen can show them."""
    if metrics.multi is not None:
        return first_rows(result_tables.per_label(metrics.multi))
    if not SHOWN[metrics.kind].classes:
        said = coverage_sentence(metrics)
        return [Text(said)] if said else []
    if len(metrics.labels) > MOST_CLASSES:
        left_out = "the confusion of so many classes is in the report"
        return [*first_rows(result_tables.per_class(metrics)), Text(left_out, style="dim")]
    return [result_tables.per_class(metrics), result_tables.confusion(metrics)]


def first_rows(table: FigureTable) -> list[Part]:
    """A table to its twentieth row, and how many more there are."""
    more = len(table.rows) - MOST_CLASSES
    if more <= 0:
        return [table]
    rows = table.rows[:MOST_CLASSES]
    return [replace(table, rows=rows), Text(f"... and {more:,} more", style="dim")]


def _teacher(record: TrainingRecord) -> str:
    teacher = record.teacher or {}
    said = (
        f"the teacher has {share(teacher['accuracy'])} of {count(teacher['rows'], 'row')} right, "
        f"and says the same as this model in {share(teacher['agreement'])}"
    )
    if not teacher["unlabelled"]:
        return said
    return (
        f"{said}\nit labelled {count(teacher['unlabelled'], 'more text')} to learn from; "
        f"{count(teacher['unlabelled_left_out'], 'repeat')} left out"
    )


def _warnings(sentences: Iterable[str]) -> list[Part]:
    return [Text(f"! {sentence}", style="yellow") for sentence in sentences]


def evaluation(found: EvalResult) -> list[Part]:
    """Everything that `ktrain-sentiment evaluate` shows."""
    eval_set, metrics = found.eval_set, found.metrics
    parts: list[Part] = [Text(f"{eval_set.name} on {eval_set.source}", style="bold")]
    parts += [Text(note, style="yellow") for note in eval_set.notes]
    parts += [
        result_tables.headline(metrics, found.baselines, name=eval_set.name),
        *_intervals(metrics),
        *by_class(metrics),
        *([result_tables.slices(found.slices)] if found.slices else []),
        *([Text(calibration_sentence(metrics))] if SHOWN[metrics.kind].probabilities else []),
    ]
    parts += map(Text, decision_sentences(found.abstention, found.costs, metrics.kind))
    if found.comparison is not None:
        parts.append(Text(found.comparison.sentence, style="bold"))
    if found.by_cost:
        parts += [
            trial_tables.mistake_costs(found.by_cost),
            Text(found.cost_advice, style="bold"),
        ]
    if found.checklist is not None:
        parts += behaviour(found.checklist)
    return [*parts, *_warnings(found.warnings)]


def behaviour(found: Behaviour) -> list[Part]:
    """What a checklist found, the tests that were left out last."""
    left_out = [f"left out: {name}: {why}" for name, why in found.left_out.items()]
    return [
        result_tables.behaviour(found),
        Text(behaviour_sentence(found)),
        *(Text(line, style="dim") for line in left_out),
        *(Text(note, style="yellow") for note in found.notes),
    ]


def inspection(found: Inspection, limit: int) -> list[Part]:
    """Everything that `ktrain-sentiment inspect-errors` shows."""
    eval_set = found.eval_set
    if found.review is None:
        return _farthest(found, limit)
    errors = found.review.summary(limit)
    number = count(len(eval_set.predictions), "row")
    rows = f"{number} of {eval_set.source}, classified by {eval_set.name}"
    counts = (
        f"{count(errors.model_errors, 'mistake')} (top_losses.csv), "
        f"{count(errors.doubted_labels, 'label')} to look at (label_errors.csv)"
    )
    parts: list[Part] = [Text(f"{rows}: {counts}", style="bold")]
    parts += [Text(note, style="yellow") for note in eval_set.notes]
    parts.append(Text(label_errors_sentence(errors)))
    parts += _priced(found)
    explained = {one.text: one for one in errors.explanations}
    if errors.losses:
        parts.append(result_tables.top_losses(errors.losses, explained))
    if errors.doubtful:
        parts.append(result_tables.doubtful_labels(errors.doubtful, explained))
    if errors.confusions:
        parts.append(result_tables.confused_pairs(errors.confusions))
    if explained:
        check = errors.faithfulness
        said = "blue for the prediction and red against it"
        parts.append(
            Text(f"Marked words, {said}" + (f": {check.sentence}" if check else ""), style="dim")
        )
    return parts


def _farthest(found: Inspection, limit: int) -> list[Part]:
    eval_set = found.eval_set
    number = count(len(eval_set.predictions), "row")
    said = f"{number} of {eval_set.source}, answered by {eval_set.name}"
    first = "the farthest off" if found.costs is None else "the dearest"
    listed = _LISTED[eval_set.predictions.task.kind](found.top_losses.head(limit))
    return [
        Text(f"{said}: all of them, {first} first (top_losses.csv)", style="bold"),
        *(Text(note, style="yellow") for note in eval_set.notes),
        *_priced(found),
        listed,
    ]


def _priced(found: Inspection) -> list[Part]:
    """What mistakes cost, where they are weighed, and which are listed then."""
    if found.costs is None:
        return []
    listed = "Listed are mistakes of the answers of least expected cost, the dearest first."
    return [Text(f"{costs_sentence(found.costs, found.eval_set.predictions.task.kind)} {listed}")]


_LISTED: Mapping[str, Callable[[pd.DataFrame], FigureTable]] = {
    "score": lambda losses: result_tables.farthest(as_mistakes(ScoreMistake, losses)),
    "multi": lambda losses: result_tables.missed_labels(as_mistakes(SetMistake, losses)),
}
"""Rows of tasks whose answers are more or less wrong, the worst first."""


def explanation(found: Explanation) -> list[Part]:
    """One text with its words marked, and the words that weigh most."""
    said = Text(f"{found.label} {share(found.probability)}", style="bold")
    return [said, to_text(MarkedText(found.shares)), result_tables.word_importance(found)]


def findings(found: Iterable[Finding]) -> list[Text]:
    """Each finding of the data checks with what to do about it and a few examples."""
    return [_finding(one) for one in found]


def _finding(finding: Finding) -> Text:
    lines = Text(f"{finding.check}: ", style=_STYLES[finding.severity])
    lines.append(finding.summary, style="default not bold not dim")
    lines.append(f"\n  → {finding.advice}", style="italic default not bold not dim")
    for example in finding.examples[: _SHOWN_EXAMPLES[finding.severity]]:
        remark = f"  [{_shorten(example.remark)}]" if example.remark else ""
        lines.append(
            f"\n  row {example.row}: {_shorten(example.text)}{remark}", style="dim not bold"
        )
    return lines


def _shorten(text: str) -> str:
    return text if len(text) <= _SHOWN_LETTERS else f"{text[: _SHOWN_LETTERS - 3]}..."
