"""Whether the first line of a text file names the columns, or is already a row."""

from __future__ import annotations

from collections.abc import Sequence

from ktrain_sentiment.data.columns import LABEL_NAMES, TEXT_NAMES, simple_name
from ktrain_sentiment.errors import DataError
from ktrain_sentiment.tables.messages import count, rows_listed

_LONG_NAME = 8
"""Words: more than this is a sentence, not a name."""
_SAMPLE = 5000


def without_repeated_headers(
    header: list[str], records: list[list[str]], lines: list[int]
) -> tuple[list[list[str]], list[int], str]:
    """Leave out rows that repeat the header, as files put together with `cat` have them."""
    repeated = [line for record, line in zip(records, lines, strict=True) if record == header]
    if not repeated:
        return records, lines, ""
    kept = [(r, n) for r, n in zip(records, lines, strict=True) if r != header]
    left_out = f"left out {count(len(repeated), 'line')} repeating the header"
    return (
        [r for r, _ in kept],
        [n for _, n in kept],
        f"{left_out}: {rows_listed(repeated, 'line')}",
    )


def refuse_doubtful_header(
    header: Sequence[str], records: Sequence[Sequence[str]], source: str, known: Sequence[str]
) -> None:
    """Refuse a first line that looks like a row: taking it for names would lose it in silence.

    Args:
        header: The first line.
        records: The other lines.
        source: The file, for the message.
        known: Names that the user gave; a first line that holds them is a header.

    Raises:
        DataError: The first line looks like a row.
    """
    names = {simple_name(name) for name in header}
    if set(known) & set(header) or names & {*TEXT_NAMES, *LABEL_NAMES}:
        return
    doubt = _doubt(header, records[:_SAMPLE])
    if doubt:
        raise DataError(
            f"{source}: the first line looks like a row, not like column names ({doubt}); name the "
            f"{len(header)} columns with --columns, or the ones to use with --text-column and "
            "--label-column"
        )


def _doubt(header: Sequence[str], records: Sequence[Sequence[str]]) -> str:
    """Why the first line is hardly a header; empty when it may be one."""
    for position, name in enumerate(header):
        short = name if len(name) <= 40 else f"{name[:37]}..."
        if len(name.split()) > _LONG_NAME:
            return f"it holds the sentence {short!r}"
        if _is_number(name):
            return f"it holds the number {short}"
        if name and sum(record[position] == name for record in records) >= 2:
            return f"{short!r} stands in other rows of that column too"
    return ""


def _is_number(name: str) -> bool:
    try:
        float(name)
    except ValueError:
        return False
    return True
