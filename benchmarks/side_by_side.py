"""Figures of several contenders as one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table


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
