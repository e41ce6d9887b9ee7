"""Rows as the texts that a model reads, where it reads more of a row than its text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ktrain_sentiment.errors import InputError
from ktrain_sentiment.inputs import Inputs
from ktrain_sentiment.tables.table import Problem
from ktrain_sentiment.tables.values import is_missing, spell
from ktrain_sentiment.words import is_blank


def join_row(
    row: Mapping[str, Any], inputs: Inputs, text: str
) -> tuple[str | None, Problem | None]:  # fmt: skip
    """The text that a model reads of a row, and why there is none.

    Args:
        row: The cells by column.
        inputs: What the model reads.
        text: The column of the texts.
    """
    cells: list[str | None] = []
    for name in (text, *inputs.others):
        cell, problem = spell(row.get(name), f"{name!r}")
        if problem is not None:
            return None, problem
        cells.append(cell)
    needed = {text: cells[0], **({inputs.pair: cells[-1]} if inputs.pair else {})}
    for name, cell in needed.items():
        if cell is None or is_blank(cell):
            return None, Problem(f"has no text in column {name!r}")
    return inputs.join(cells[0], cells[1:]), None


def join_rows(
    rows: Any, inputs: Inputs, what: str = "row", example: str = ""  # noqa: ANN401
) -> list[str | None]:  # fmt: skip
    """The text that a model reads of each row; None for rows without text.

    Args:
        rows: A data frame, or anything else with `columns`; records; texts that are joined already.
        inputs: What the model reads.
        what: What a row is called in messages.
        example: What a row looks like to whoever asks; as Python has it when empty.

    Raises:
        InputError: They are of another shape, or a column is missing.
    """
    example = example or inputs.example
    if isinstance(rows, str | bytes | Mapping | set | frozenset) or _is_pair(rows):
        raise InputError(f"got a single {type(rows).__name__}, wanted rows: [{example}]")
    if hasattr(rows, "columns"):
        rows = rows.to_dict("records") if hasattr(rows, "to_dict") else rows.to_pylist()
    if not isinstance(rows, Iterable):
        raise InputError(f"got a {type(rows).__name__}, wanted rows: [{example}]")
    return [
        _joined(row, inputs, f"{what} number {place}", example) for place, row in enumerate(rows)
    ]


def _is_blank(cell: object) -> bool:
    return is_missing(cell) or (isinstance(cell, str) and is_blank(cell))


def _is_pair(rows: Any) -> bool:  # noqa: ANN401
    """Whether a tuple is one pair: a list of two could be two rows."""
    return isinstance(rows, tuple) and len(rows) == 2 and all(isinstance(one, str) for one in rows)


def _joined(row: Any, inputs: Inputs, place: str, example: str) -> str | None:  # noqa: ANN401
    if is_missing(row):
        return None
    if isinstance(row, str):
        if is_blank(row):
            return None
        if not inputs.is_joined(row):
            raise InputError(
                f"{place} is a text, and the predictor reads {inputs.told}: wanted {example}"
            )
        return row
    record, text = _record(row, inputs, place, example)
    if any(_is_blank(record[name]) for name in (text, inputs.pair) if name):
        return None
    joined, problem = join_row(record, inputs, text)
    if problem is not None:
        raise InputError(f"{place} {problem}", *problem.ways)
    return joined


def _record(
    row: Any, inputs: Inputs, place: str, example: str  # noqa: ANN401
) -> tuple[Mapping[str, Any], str]:  # fmt: skip
    """The cells of a row by column, and the name of its text's."""
    if isinstance(row, tuple | list) and inputs.pair and not inputs.also:
        if len(row) != 2:
            raise InputError(f"{place} has {len(row)} parts, wanted {example}")
        row = {inputs.text: row[0], inputs.pair: row[1]}
    if not isinstance(row, Mapping):
        raise InputError(f"{place} is of type {type(row).__name__}, wanted {example}")
    if inputs.pair and inputs.pair not in row and "text_pair" in row:
        row = {**row, inputs.pair: row["text_pair"]}
    text = inputs.text if inputs.text in row else "text"
    for name in (text, *inputs.others):
        if name not in row:
            raise InputError(
                f"{place} has no {name!r}, and the predictor reads {inputs.told}: wanted {example}"
            )
    return row, text
