"""Figures: their names, which a task shows, and tables of them for terminal, Markdown and HTML.

A `Column` says what its cells are called, how one is made of a record, and what gives way where
space is short. `FigureTable` is printed by rich at whatever width there is, `to_markdown` writes
it into a card, and the pages' templates read its columns and cells.
"""

from __future__ import annotations

import bisect
import itertools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ktrain_sentiment.errors import printable
from ktrain_sentiment.evaluation.intervals import Estimate
from ktrain_sentiment.tasks import Kind

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.table import Table
    from rich.text import Text

NAMES = {
    "cost": "mean cost of an answer",
    "mae": "mean error, stars",
    "expected_mae": "of the expected star",
    "kappa": "quadratic weighted kappa",
    "within_one": "at most one star off",
    "score_mae": "mean absolute error",
    "rmse": "root mean squared error",
    "spearman": "rank correlation (Spearman)",
    "pearson": "correlation (Pearson)",
    "r2": "explained variance (R²)",
    "coverage": "held by the 90 % interval",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "micro_f1": "micro F1",
    "sample_f1": "F1 of a text's labels",
    "subset_accuracy": "all labels right",
    "weighted_f1": "weighted F1",
    "mcc": "Matthews correlation",
    "log_loss": "log loss (nats)",
    "brier": "Brier score",
    "ece": "calibration error",
}
SHARES = frozenset({
    "within_one", "coverage", "accuracy", "balanced_accuracy", "macro_f1", "weighted_f1", "ece",
    "micro_f1", "sample_f1", "subset_accuracy",
})  # fmt: skip
LOWER_IS_BETTER = frozenset(
    {"cost", "mae", "expected_mae", "score_mae", "rmse", "log_loss", "brier", "ece"}
)


@dataclass(frozen=True, kw_only=True)
class Shown:
    """How results of a task are shown; figures are named as in `Metrics.headline`.

    Attributes:
        key_figures: Those in the boxes at the top of a page.
        boxed_last: One more for the boxes, where it is there.
        card: Those that the hub reads in a model card, with their titles.
        merit: By what the best of several is told from their metrics: more is better.
        engines: Those that engines are compared by, with short names for narrow screens.
        changed: What is counted of another engine's answers, and what that means.
        classes: Whether a text has one of several classes: there is a confusion of them.
        probabilities: Whether what is answered has one probability, to be trusted more or less.
        what: What such a model is, behind "Sentiment".
        pipeline: What transformers' pipeline must be told besides.
    """

    key_figures: tuple[str, ...]
    boxed_last: str = "ece"
    card: Mapping[str, str]
    merit: Callable[[Any], float]
    engines: Mapping[str, str] = field(
        default_factory=lambda: {"accuracy": "accuracy", "log_loss": "log loss", "ece": "ECE"}
    )
    changed: tuple[str, str] = (
        "other labels",
        "Rows whose label is another than that of the engine that answers by default",
    )
    classes: bool = True
    probabilities: bool = True
    what: str = "classification"
    pipeline: str = ""


SHOWN: Mapping[Kind, Shown] = {
    "classes": Shown(
        key_figures=("accuracy", "macro_f1"),
        card={"accuracy": "Accuracy", "macro_f1": "Macro F1", "mcc": "Matthews correlation"},
        merit=lambda one: one.accuracy.value,
    ),
    "stars": Shown(
        key_figures=("mae", "within_one"),
        card={
            "mae": "Mean absolute error, stars", "accuracy": "Accuracy",
            "kappa": "Quadratic weighted kappa", "within_one": "At most one star off",
        },
        merit=lambda one: -one.stars.mae.value,
        engines={"mae": "mean error", "log_loss": "log loss", "ece": "ECE"},
    ),
    "score": Shown(
        key_figures=("spearman", "score_mae"),
        boxed_last="coverage",
        card={
            "spearman": "Spearman correlation", "pearson": "Pearson correlation",
            "score_mae": "Mean absolute error", "rmse": "Root mean squared error", "r2": "R²",
        },
        merit=lambda one: one.score.spearman.value,
        engines={"rmse": "RMSE", "spearman": "Spearman"},
        changed=(
            "other scores",
            "Rows whose score is more than a tenth of the spread from the default engine's",
        ),
        classes=False,
        probabilities=False,
        what="score",
        pipeline=', function_to_apply="none"',
    ),
    "multi": Shown(
        key_figures=("macro_f1", "micro_f1"),
        boxed_last="subset_accuracy",
        card={
            "macro_f1": "Macro F1", "micro_f1": "Micro F1", "sample_f1": "Sample F1",
            "subset_accuracy": "Subset accuracy",
        },
        merit=lambda one: one.multi.macro_f1.value,
        engines={"macro_f1": "macro F1", "micro_f1": "micro F1", "subset_accuracy": "all right"},
        changed=(
            "other labels",
            "Rows whose labels are not those of the engine that answers by default",
        ),
        classes=False,
        probabilities=False,
        pipeline=", top_k=None",
    ),
}  # fmt: skip

FAINTEST = 0.2
"""Words below this share of a text's strongest word are not marked."""
LONGEST = 500
"""Letters of a text that are shown; lists on disk have it whole."""
NARROWEST_TEXT = 24
"""Columns of running text are not squeezed below this."""


def share(value: float, digits: int = 1) -> str:
    """A share as per cent."""
    return f"{100 * value:.{digits}f} %"


def plain(name: str, value: float) -> str:
    """A figure without its interval."""
    # Nothing is shown as minus nothing.
    return share(value) if name in SHARES else f"{round(value, 3) + 0.0:.3f}"


def interval(name: str, figure: Estimate) -> str:
    """The interval of a figure alone: '88.4 to 91.6'."""
    if name in SHARES:
        return f"{100 * figure.low:.1f} to {100 * figure.high:.1f}"
    return f"{figure.low:.3f} to {figure.high:.3f}"


def full(name: str, figure: Estimate) -> str:
    """A figure with its interval: '90.1 % (88.4 to 91.6)'."""
    return f"{plain(name, figure.value)} ({interval(name, figure)})"


def duration(seconds: float) -> str:
    """A time in the unit that fits."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h"


def size(count: int) -> str:
    """A number of bytes as MB."""
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"


@dataclass(frozen=True)
class MarkedText:
    """A text in pieces, each with how much it speaks for (1) or against (-1) the prediction."""

    pieces: tuple[tuple[str, float], ...]

    def __str__(self) -> str:
        return "".join(piece for piece, _ in self.pieces)


Cell = str | MarkedText


def excerpt(cell: Cell) -> Cell:
    """What is shown of a text: its beginning, or what stands around its strongest word."""
    if len(str(cell)) <= LONGEST:
        return cell
    if isinstance(cell, str):
        return cell[:LONGEST].rsplit(" ", 1)[0] + " …"
    starts = [0, *itertools.accumulate(len(piece) for piece, _ in cell.pieces)]
    strongest = max(range(len(cell.pieces)), key=lambda k: abs(cell.pieces[k][1]))
    first = 0
    if starts[strongest + 1] > LONGEST:
        first = bisect.bisect_left(starts, starts[strongest] - LONGEST // 2)
    last = max(bisect.bisect_right(starts, starts[first] + LONGEST) - 1, strongest + 1)
    before = (("…", 0.0),) if first else ()
    after = (("…", 0.0),) if last < len(cell.pieces) else ()
    return MarkedText((*before, *cell.pieces[first:last], *after))


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        title: Its head; may be empty for the first column.
        cell: Makes the cell of a record.
        short: Its head where space is short; the title when empty.
        words: Whether it holds words, set to the left; figures are set to the right.
        wraps: Whether its words may be broken over several lines.
        drop: Where space is short, columns of the highest number are left out first; those of 0
            stay.
        strong: Whether its cells are emphasised.
        help: What it means, for those who ask.
    """

    title: str
    cell: Callable[[Any], Cell]
    short: str = ""
    words: bool = False
    wraps: bool = False
    drop: int = 0
    strong: bool = False
    help: str = ""

    def head(self, *, short: bool) -> str:
        """The title, or its short form."""
        return (self.short or self.title) if short else self.title


_TAG = re.compile("<(?=[A-Za-z/!?])")


def in_markdown(text: str) -> str:
    """A text of the data as it may stand in Markdown: no tag, no bar, no line of its own."""
    plain = printable(" ".join(text.split("\n")))
    return _TAG.sub("&lt;", plain).replace("|", "\\|")


@dataclass(frozen=True)
class FigureTable:
    """A table with its cells; the first column names the rows.

    Attributes:
        title: What it shows.
        columns: Its columns.
        rows: Its cells, in the order of the columns.
        strong: Positions of rows to emphasise.
        lines: Whether rows are parted by lines, as rows of running text should be.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    strong: frozenset[int] = frozenset()
    lines: bool = False

    @classmethod
    def of(
        cls,
        title: str,
        columns: Sequence[Column],
        records: Iterable[Any],
        *,
        strong: Callable[[Any], bool] | None = None,
        lines: bool = False,
    ) -> FigureTable:
        """A row a record.

        Args:
            title: What the table shows.
            columns: Its columns.
            records: What the columns' cells are made of.
            strong: Whether a record's row is to be emphasised.
            lines: Whether rows are parted by lines.
        """
        kept = list(records)
        rows = tuple(tuple(column.cell(one) for column in columns) for one in kept)
        marked = frozenset(k for k, one in enumerate(kept) if strong is not None and strong(one))
        return cls(title, tuple(columns), rows, marked, lines)

    def to_markdown(self) -> str:
        """The whole table in Markdown; what its cells say is no markup."""
        heads = [column.title for column in self.columns]
        rules = ["---" if column.words else "---:" for column in self.columns]
        body = [[in_markdown(str(cell)) for cell in row] for row in self.rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in [heads, rules, *body]) + "\n"

    def fit(self, width: int) -> tuple[list[int], bool]:
        """The columns that fit a width in characters, and whether their heads must be short."""
        kept = list(range(len(self.columns)))
        if self._width(kept, short=False) <= width:
            return kept, False
        while self._width(kept, short=True) > width:
            # Of equals the rightmost goes first.
            last = max(kept, key=lambda k: (self.columns[k].drop, k))
            if not self.columns[last].drop:
                break
            kept.remove(last)
        return kept, True

    def _width(self, kept: Sequence[int], *, short: bool) -> int:
        """Characters that a row takes with its borders."""
        return sum(self._cell_width(k, short=short) + 3 for k in kept) + 1

    def _cell_width(self, k: int, *, short: bool) -> int:
        column = self.columns[k]
        cells = max((len(str(row[k])) for row in self.rows), default=0)
        # A cell of several lines is as wide as its longest.
        lines = [len(line) for row in self.rows for line in str(row[k]).split("\n")]
        widest = min(cells, NARROWEST_TEXT) if column.wraps else max(lines, default=0)
        return max(widest, len(column.head(short=short)))

    def blocks(self, kept: Sequence[int], width: int, *, short: bool) -> list[list[int]]:
        """Columns that go below each other where even the needed ones are too wide together."""
        first, *others = kept
        found = [[first]]
        for k in others:
            if len(found[-1]) > 1 and self._width([*found[-1], k], short=short) > width:
                found.append([first])
            found[-1].append(k)
        return found

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Print it with the columns that fit, and say which were left out."""
        from rich.text import Text

        kept, short = self.fit(options.max_width)
        for number, block in enumerate(self.blocks(kept, options.max_width, short=short)):
            yield self._to_rich(block, self.title if not number else "", short=short)
        out = [column.title for k, column in enumerate(self.columns) if k not in kept]
        if out:
            yield Text(f"left out here for want of width: {', '.join(out)}", style="dim")

    def _to_rich(self, kept: Sequence[int], title: str, *, short: bool) -> Table:
        from rich.table import Table
        from rich.text import Text

        table = Table(title=Text(title, style="bold") if title else None, show_lines=self.lines)
        for k in kept:
            column = self.columns[k]
            table.add_column(
                Text(column.head(short=short)),
                justify="left" if column.words else "right",
                no_wrap=not column.wraps,
                overflow="fold",
                style="bold" if column.strong else "",
                ratio=1 if column.wraps and self.lines else None,
            )
        for number, row in enumerate(self.rows):
            style = "bold" if number in self.strong else None
            table.add_row(*(to_text(row[k]) for k in kept), style=style)
        return table


def to_text(cell: Cell) -> Text:
    """A cell for the terminal: words for a prediction blue, those against it red."""
    from rich.text import Text

    if isinstance(cell, str):
        return Text(cell)
    line = Text()
    for piece, weight in cell.pieces:
        style = "bold blue" if weight > 0 else "red underline"
        line.append(piece, style=style if abs(weight) >= FAINTEST else "")
    return line
