"""What all benchmarks have in common: a flag, and figures of several contenders as one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from ktrain_sentiment.commands.flags import ScriptFlags


@dataclass(frozen=True, kw_only=True)
class BenchmarkFlags(ScriptFlags):
    """Flags that every benchmark has."""

    json: bool = True
    """End standard output with one JSON line that holds the figures."""


def print_side_by_side(
    title: str, figures: Mapping[str, Mapping[str, Any]], cell: Callable[[Any], str]
) -> None:
    """Print a column a contender and a row a figure, in the order of the first contender's."""
    table = Table(title=title)
    table.add_column("")
    for name in figures:
        table.add_column(name, justify="right")
    for key in next(iter(figures.values())):
        table.add_row(key.replace("_", " "), *(cell(found[key]) for found in figures.values()))
    Console(width=140).print(table)
