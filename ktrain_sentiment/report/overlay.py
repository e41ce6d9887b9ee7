"""Several learning-rate curves in one picture, and short trainings in one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.report.drawing import COLOURS, DASHES, MARKERS, SERIES, in_house_style, panel

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.table import Table


@dataclass(frozen=True)
class Line:
    """One curve of an overlay.

    Attributes:
        rates: Learning rates, shape (steps,).
        losses: Smoothed losses, shape (steps,).
        chosen: The rate that is taken from it, or None.
    """

    rates: NDArray[np.float64]
    losses: NDArray[np.float64]
    chosen: float | None


@in_house_style
def learning_rate_overlay(lines: Mapping[str, Line]) -> Figure:
    """Smoothed loss against learning rate, a line a variant, its chosen rate marked."""
    figure, axes = panel(6.4, 3.6)
    top = 0.0
    for number, (name, line) in enumerate(lines.items()):
        colour, dash = COLOURS[SERIES[number % len(SERIES)]], DASHES[number % len(DASHES)]
        label = name if line.chosen is None else f"{name}: {line.chosen:.2g}"
        axes.plot(line.rates, line.losses, color=colour, ls=dash, label=label)
        top = max(top, 1.5 * float(np.median(line.losses[:10])))
        if line.chosen is not None:
            height = float(np.interp(np.log(line.chosen), np.log(line.rates), line.losses))
            axes.plot([line.chosen], [height], MARKERS[number % len(MARKERS)], color=colour, ms=7)
    axes.set_xscale("log")
    axes.set_ylim(top=top)
    axes.set(xlabel="learning rate (log scale)", ylabel="training loss, smoothed (nats)")
    axes.legend()
    return figure


def trials_table(trials: Sequence[tuple[float, str, float, float, float]]) -> Table:
    """Short trainings, best first: rate, origin, validation loss, macro F1, seconds."""
    from rich.table import Table

    table = Table(title="Short trainings, judged on validation rows", title_style="bold")
    for column in ("learning rate", "from", "loss", "macro F1", "seconds"):
        table.add_column(column, justify="left" if column == "from" else "right")
    for rate, origin, loss, macro_f1, seconds in trials:
        table.add_row(
            f"{rate:.2e}", origin, f"{loss:.3f}", f"{100 * macro_f1:.1f} %", f"{seconds:.0f}"
        )
    return table


def suggestions_table(name: str, suggestions: Sequence[tuple[str, float, str, bool]]) -> Table:
    """Suggestions of one search: rule, rate, how it was derived, whether it is taken."""
    from rich.table import Table

    table = Table(title=f"Learning rates for {name}", title_style="bold")
    table.add_column("rule")
    table.add_column("rate", justify="right")
    table.add_column("how it is derived")
    for rule, rate, why, taken in suggestions:
        table.add_row(
            f"{rule} (taken)" if taken else rule, f"{rate:.2e}", why, style="bold" if taken else ""
        )
    return table
