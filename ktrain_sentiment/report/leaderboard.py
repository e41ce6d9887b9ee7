"""Models side by side: a table for the screen and for Markdown, accuracy against cost, curves."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from ktrain_sentiment.evaluation.comparison import SIGNIFICANT, chance
from ktrain_sentiment.report.drawing import COLOURS, DASHES, MARKERS, SERIES, in_house_style, panel
from ktrain_sentiment.report.wording import duration, interval, share

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.table import Table

    from ktrain_sentiment.evaluation.comparison import Costs, Entry, FewShot

HEAD = (
    "model", "accuracy", "95 % interval", "macro F1", "against the best", "trained in",
    "texts a second", "one text", "memory", "on disk",
)  # fmt: skip

SAID = frozenset({"model", "against the best"})
"""Columns of words."""


def rows(entries: Sequence[Entry]) -> list[list[str]]:
    """A row of text for each model, in the columns of `HEAD`."""
    return [_cells(entry) for entry in entries]


def _cells(entry: Entry) -> list[str]:
    return [
        entry.name,
        share(entry.metrics.accuracy.value),
        interval("accuracy", entry.metrics.accuracy),
        share(entry.metrics.macro_f1.value),
        against_best(entry),
        *cost_cells(entry.costs),
    ]


def cost_cells(costs: Costs) -> list[str]:
    """Time to train, speed, time of one text, memory and size, as the last columns of `HEAD`."""
    alone = costs.latency_ms
    return [
        duration(costs.train_seconds),
        f"{costs.texts_per_second:,.0f}",
        f"{alone:.2g} ms" if alone < 10 else f"{alone:.0f} ms",
        f"{costs.memory_mb:,.0f} MB",
        f"{costs.disk_mb:,.1f} MB" if costs.disk_mb else "none",
    ]


def against_best(entry: Entry) -> str:
    """Whether a model is worse than the best one, or cannot be told from it."""
    if entry.p_value is None:
        return "best"
    verdict = "worse" if entry.p_value < SIGNIFICANT else "not told apart"
    return f"{verdict}, {chance(entry.p_value)}"


def table(entries: Sequence[Entry]) -> Table:
    """The comparison for the screen, best first; `markdown` has all columns."""
    from rich.table import Table

    shown = Table(title=f"On {entries[0].metrics.n:,} test rows", title_style="bold")
    for name in ("model", "accuracy, %", "macro F1, %", "against the best", "training", "one text"):
        shown.add_column(name, justify="left" if name in SAID else "right", no_wrap=True)
    for entry in entries:
        name, _, span, _, against, trained, _, alone, *_ = _cells(entry)
        accuracy = f"{100 * entry.metrics.accuracy.value:.1f} ({span})"
        macro_f1 = f"{100 * entry.metrics.macro_f1.value:.1f}"
        shown.add_row(name, accuracy, macro_f1, against, trained, alone)
    return shown


def markdown(entries: Sequence[Entry]) -> str:
    """The comparison as a Markdown table."""
    return markdown_table(HEAD, rows(entries))


def markdown_table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """Rows of text as a Markdown table."""
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def few_shot_table(found: Sequence[FewShot]) -> Table:
    """Mean accuracy and its range for each model and number of examples."""
    from rich.table import Table

    sizes = sorted({one.examples for one in found})
    shown = Table(title="Accuracy by examples a class: mean (range)", title_style="bold")
    shown.add_column("model")
    for size in sizes:
        shown.add_column(str(size), justify="right")
    by_name: dict[str, dict[int, FewShot]] = {}
    for one in found:
        by_name.setdefault(one.name, {})[one.examples] = one
    for name, cells in by_name.items():
        shown.add_row(name, *(_few_cell(cells[size]) for size in sizes))
    return shown


def _few_cell(one: FewShot) -> str:
    low, high = min(one.accuracies), max(one.accuracies)
    return f"{share(fmean(one.accuracies))} ({100 * low:.1f} to {100 * high:.1f})"


@in_house_style
def accuracy_against_latency(entries: Sequence[Entry]) -> Figure:
    """Accuracy with its interval against the time of one text, a point a model."""
    figure, axes = panel(6.4, 3.8)
    for number, entry in enumerate(entries):
        accuracy, colour = entry.metrics.accuracy, COLOURS[SERIES[number % len(SERIES)]]
        below, above = accuracy.value - accuracy.low, accuracy.high - accuracy.value
        axes.errorbar(
            [entry.costs.latency_ms], [100 * accuracy.value], yerr=[[100 * below], [100 * above]],
            fmt=MARKERS[number % len(MARKERS)], color=colour, capsize=3, label=entry.name,
        )  # fmt: skip
    axes.set_xscale("log")
    axes.set(xlabel="one text, milliseconds (log scale)", ylabel="accuracy, % (95 % interval)")
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


@in_house_style
def learning_curve(found: Sequence[FewShot], entries: Sequence[Entry]) -> Figure:
    """Accuracy against examples a class, a line a model; the last point is all training rows."""
    figure, axes = panel(6.4, 3.8)
    whole = {entry.name: 100 * entry.metrics.accuracy.value for entry in entries}
    names = list(dict.fromkeys(one.name for one in found))
    sizes = sorted({one.examples for one in found})
    places = {size: k for k, size in enumerate(sizes)}
    for number, name in enumerate(names):
        own = sorted((one for one in found if one.name == name), key=lambda one: one.examples)
        colour = COLOURS[SERIES[number % len(SERIES)]]
        x = [places[one.examples] for one in own] + [len(sizes)]
        y = [100 * fmean(one.accuracies) for one in own] + [whole[name]]
        axes.plot(
            x, y, color=colour, ls=DASHES[number % len(DASHES)],
            marker=MARKERS[number % len(MARKERS)], label=name,
        )  # fmt: skip
        for one in own:
            spots = [100 * accuracy for accuracy in one.accuracies]
            axes.plot([places[one.examples]] * len(spots), spots, ".", color=colour, alpha=0.5)
    axes.set_xticks([*places.values(), len(sizes)], [*map(str, sizes), "all"])
    axes.set(xlabel="examples a class", ylabel="accuracy on test rows, %")
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure
