"""Figures as tables for the screen, made with rich."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from ktrain_sentiment.report.wording import (
    FOLDS_HEAD,
    NAMES,
    SHORT,
    abstention_sentence,
    calibration_sentence,
    fold_rows,
    folds_title,
    full,
    interval,
    plain,
    share,
)

if TYPE_CHECKING:
    import pandas as pd

    from ktrain_sentiment.evaluation import Baseline, Metrics
    from ktrain_sentiment.evaluation.explanation import Explanation
    from ktrain_sentiment.evaluation.record import EvalResult, Inspection
    from ktrain_sentiment.evaluation.review import ConfusedPair, Review, Slice


FAINTEST = 0.2
"""Words below this share of a text's strongest word are not marked."""


def headline(
    metrics: Metrics, baselines: Mapping[str, Baseline] | None = None, name: str = "model"
) -> Table:
    """The headline figures with their intervals, beside the baselines'."""
    table = Table(title=f"Figures on {metrics.n:,} rows", title_style="bold")
    table.add_column("")
    table.add_column(name, justify="right", style="bold")
    table.add_column("95 % interval", justify="right")
    others = baselines or {}
    for key, baseline in others.items():
        table.add_column(SHORT.get(key, baseline.name), justify="right")
    for key, figure in metrics.headline.items():
        values = [plain(key, b.metrics.headline[key].value) for b in others.values()]
        table.add_row(NAMES[key], plain(key, figure.value), interval(key, figure), *values)
    return table


def cross_validation(found: Mapping[str, Any]) -> Table:
    """The figures over the folds, from what `metrics.json` holds of them."""
    table = Table(title=folds_title(found), title_style="bold")
    for k, column in enumerate(FOLDS_HEAD):
        table.add_column(column, justify="right" if k else "left")
    for row in fold_rows(found):
        table.add_row(*row)
    return table


def per_class(evaluation: Metrics) -> Table:
    """Precision, recall, F1 and support of each class."""
    table = Table(title="By class", title_style="bold")
    table.add_column("label")
    for column in ("precision", "recall", "F1", "rows"):
        table.add_column(column, justify="right")
    for one in evaluation.per_class:
        shares = [share(one.precision), share(one.recall)]
        f1 = full("macro_f1", one.f1)
        table.add_row(Text(one.label), *shares, f1, f"{one.support:,}")
    return table


def confusion(evaluation: Metrics) -> Table:
    """The confusion matrix: true labels down, predicted ones across."""
    table = Table(title="True label down, predicted across", title_style="bold")
    table.add_column("")
    for label in evaluation.labels:
        table.add_column(Text(label), justify="right")
    for k, label in enumerate(evaluation.labels):
        cells = [
            Text(f"{count:,}", style="bold" if k == j else "")
            for j, count in enumerate(evaluation.confusion[k])
        ]
        table.add_row(Text(label), *cells)
    return table


def top_losses(
    frame: pd.DataFrame, limit: int = 10, explanations: Mapping[str, Explanation] | None = None
) -> Table:
    """Top losses with their whole texts, wrapped to the terminal."""
    table = Table(title="What it gets most wrong", title_style="bold", show_lines=True)
    table.add_column("row", justify="right", style="dim")
    table.add_column("text", ratio=1)
    table.add_column("label")
    table.add_column("predicted")
    table.add_column("loss", justify="right")
    for row in frame.head(limit).to_dict("records"):
        predicted = Text(f"{row['predicted']}\n{100 * row['probability']:.1f} %")
        words = marked(str(row["text"]), explanations or {}), Text(str(row["label"])), predicted
        table.add_row(str(row["row"]), *words, f"{row['loss']:.2f}")
    return table


def slices(found: Sequence[Slice]) -> Table:
    """Accuracy on parts of the rows, the weak ones marked."""
    table = Table(title="By kind of text", title_style="bold")
    table.add_column("rows where")
    for column in ("rows", "accuracy", "the others", ""):
        table.add_column(column, justify="right")
    for one in found:
        rest = "" if one.rest is None else share(one.rest)
        cells = (f"{one.n:,}", full("accuracy", one.accuracy), rest, "weak" if one.weak else "")
        name = Text(f"{one.column}: {one.value}")
        table.add_row(name, *cells, style="bold" if one.weak else "")
    return table


def doubtful_labels(
    frame: pd.DataFrame, limit: int = 10, explanations: Mapping[str, Explanation] | None = None
) -> Table:
    """Rows whose label is more likely wrong than the model, with their whole texts."""
    table = Table(
        title="Labels to check",
        title_style="bold",
        show_lines=True,
    )
    table.add_column("row", justify="right", style="dim")
    table.add_column("text", ratio=1)
    table.add_column("label")
    table.add_column("more likely")
    for row in frame.head(limit).to_dict("records"):
        likely = Text(f"{row['suggested']}\n{share(row['p_suggested'])}")
        words = marked(str(row["text"]), explanations or {}), Text(str(row["label"])), likely
        table.add_row(str(row["row"]), *words)
    return table


def confusions(found: Sequence[ConfusedPair], limit: int = 6) -> Table:
    """Mistakes by pair of labels, with their telling words."""
    table = Table(title="What is taken for what", title_style="bold")
    table.add_column("")
    table.add_column("rows", justify="right")
    table.add_column("of the label", justify="right")
    table.add_column("telling words", ratio=1)
    for pair in found[:limit]:
        words = Text(", ".join(word for word, _ in pair.words))
        name = Text(f"{pair.true} taken for {pair.predicted}")
        table.add_row(name, f"{pair.count:,}", share(pair.share), words)
    return table


def assessment(found: EvalResult) -> list[Table | Text]:
    """Everything that `ktrain-sentiment evaluate` shows."""
    subject = found.eval_set
    parts: list[Table | Text] = [Text(f"{subject.name} on {subject.source}", style="bold")]
    parts += [Text(note, style="yellow") for note in subject.notes]
    parts += [
        headline(found.metrics, found.baselines, subject.name),
        per_class(found.metrics),
        confusion(found.metrics),
        slices(found.slices),
    ]
    parts.append(Text(calibration_sentence(found.metrics)))
    if found.abstention is not None:
        parts.append(Text(abstention_sentence(found.abstention)))
    if found.comparison is not None:
        parts.append(Text(found.comparison.sentence, style="bold"))
    return parts


def inspection(found: Inspection, limit: int) -> list[Table | Text]:
    """Everything that `ktrain-sentiment inspect-errors` shows."""
    subject = found.eval_set
    rows = f"{len(subject.predictions):,} rows of {subject.source}, judged by {subject.name}"
    likely = found.label_errors[found.label_errors["p_wrong"] >= 0.5]
    counts = f"{len(found.top_losses):,} mistakes of the model, {len(likely):,} labels to check"
    parts: list[Table | Text] = [Text(f"{rows}: {counts}", style="bold")]
    parts += [Text(note, style="yellow") for note in subject.notes]
    explained = found.review.explanations
    if len(found.top_losses):
        parts.append(top_losses(found.top_losses, limit, explained))
    if len(likely):
        parts.append(doubtful_labels(likely, limit, explained))
        believed = share(found.review.noise.share)
        parts.append(
            Text(
                f"If {believed} of all labels are wrong, each of these is more likely a wrong "
                "label than a mistake of the model.",
                style="dim",
            )
        )
    if found.review.confusions:
        parts.append(confusions(found.review.confusions))
    if explained:
        parts.append(Text(f"Marked words, {_checked(found.review)}", style="dim"))
    return parts


def explanation(found: Explanation) -> list[Table | Text]:
    """One text with its words marked, and the words that weigh most."""
    table = Table(title="What it hangs on", title_style="bold", title_justify="left")
    table.add_column("left out")
    table.add_column("log-odds fall by (nats)", justify="right")
    words = [
        (found.text[slice(*span)], w) for span, w in zip(found.spans, found.importance, strict=True)
    ]
    for word, weight in sorted(words, key=lambda one: -abs(one[1]))[:10]:
        table.add_row(Text(word), f"{weight:+.2f}")
    said = Text(f"{found.label} {share(found.probability)}", style="bold")
    return [said, marked(found.text, {found.text: found}), table]


def _checked(found: Review) -> str:
    start = "blue for the prediction and red against it"
    return start if found.faithfulness is None else f"{start}: {found.faithfulness.sentence}"


def marked(text: str, explanations: Mapping[str, Explanation]) -> Text:
    """A text with the words in colour that its prediction hangs on."""
    if text not in explanations:
        return Text(text)
    line = Text()
    for piece, part in explanations[text].shares:
        strong = abs(part) >= FAINTEST
        line.append(piece, style=("bold blue" if part > 0 else "red underline") if strong else "")
    return line


def pairs(title: str, rows: Sequence[tuple[str, str]]) -> Table:
    """Two columns of names and values without lines, for summaries."""
    table = Table(
        title=title, title_style="bold", title_justify="left", show_header=False, box=None
    )
    table.add_column(style="dim")
    table.add_column()
    for name, value in rows:
        table.add_row(name, Text(value))
    return table
