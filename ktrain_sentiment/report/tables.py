"""Figures as tables for the screen, made with rich."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from ktrain_sentiment.report.wording import NAMES, full, plain, share

if TYPE_CHECKING:
    import pandas as pd

    from ktrain_sentiment.evaluation import Baseline, Evaluation


def headline(
    evaluation: Evaluation, baselines: Mapping[str, Baseline] | None = None, name: str = "model"
) -> Table:
    """The headline figures with their intervals, beside the baselines'."""
    table = Table(
        title=f"Figures on {evaluation.n:,} rows, with 95 % intervals", title_style="bold"
    )
    table.add_column("")
    table.add_column(name, justify="right", style="bold")
    others = list((baselines or {}).values())
    for baseline in others:
        table.add_column(baseline.name, justify="right")
    for key, figure in evaluation.headline.items():
        values = [plain(key, b.evaluation.headline[key].value) for b in others]
        table.add_row(NAMES[key], full(key, figure), *values)
    return table


def per_class(evaluation: Evaluation) -> Table:
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


def confusion(evaluation: Evaluation) -> Table:
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


def top_losses(frame: pd.DataFrame, limit: int = 10) -> Table:
    """Top losses with their whole texts, wrapped to the terminal."""
    table = Table(title="What it gets most wrong", title_style="bold", show_lines=True)
    table.add_column("row", justify="right", style="dim")
    table.add_column("text", ratio=1)
    table.add_column("label")
    table.add_column("predicted")
    table.add_column("loss", justify="right")
    for row in frame.head(limit).to_dict("records"):
        predicted = Text(f"{row['predicted']}\n{100 * row['probability']:.1f} %")
        words = Text(str(row["text"])), Text(str(row["label"])), predicted
        table.add_row(str(row["row"]), *words, f"{row['loss']:.2f}")
    return table


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
