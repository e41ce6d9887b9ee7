"""Whether the first row of a table names its columns, or is already a row."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from ktrain_sentiment.errors import DataError
from ktrain_sentiment.words import NO_VALUE

TEXT_NAMES = (
    "text", "texts", "review", "reviews", "review_text", "reviewtext", "review_body", "sentence",
    "sentences", "tweet", "tweets", "tweet_text", "full_text", "comment", "comments", "content",
    "message", "body", "document", "post", "headline", "phrase", "utterance", "feedback",
    "opinion", "snippet", "description",
)  # fmt: skip
LABEL_NAMES = (
    "label", "labels", "sentiment", "sentiments", "class", "target", "category", "polarity",
    "emotion", "emotions", "intent", "airline_sentiment", "label_text", "stars", "star_rating",
    "rating", "ratings", "score", "overall",
)  # fmt: skip
KNOWN_NAMES = frozenset((*TEXT_NAMES, *LABEL_NAMES))
_LONG_NAME = 8
"""Words: more than this is a sentence, not a name."""
_LONG_ONLY_NAME = 3
"""As `_LONG_NAME`, for the name of the only column: nothing else speaks for a header there."""
_FIGURE = re.compile(r"[+-]?\d[\dT.,:/+\s-]*(\s*([AP]M|Z|[A-Z]{3,4}([+-]\d+)?))*")
"""A number, a date or a time, as forms write them: `2024/01/05 9:12:33 AM GMT+1`."""
_RULE = re.compile(r":?-{2,}:?")
_SURE = 5
"""Rows of figures below a word from which on it is the name of their column."""
MOST_ABOVE = 20
"""Rows of titles and remarks that may stand above a header."""


def simple_name(name: object) -> str:
    """A column name without regard to case, spaces and hyphens."""
    return re.sub(r"[\s\-]+", "_", str(name).strip().casefold())


def known_names(names: Sequence[object]) -> set[str]:
    """Those of the names that columns of texts and labels commonly have."""
    return {simple_name(name) for name in names} & KNOWN_NAMES


def refuse_doubtful_header(
    header: Sequence[object],
    rows: Sequence[Sequence[object]],
    source: str,
    known: Collection[str],
) -> None:
    """Refuse a first row that looks like data: taking it for names would lose it in silence.

    Args:
        header: The first row.
        rows: Some of the others.
        source: The file, for the message.
        known: Names that the user gave; a first row that holds them is a header.

    Raises:
        DataError: The first row looks like data.
    """
    doubt = header_doubt(header, rows, known)
    if doubt:
        columns = "column" if len(header) == 1 else f"{len(header)} columns"
        raise DataError(
            f"{source}: the first line looks like a row, not like column names ({doubt})",
            f"name the {columns} with --columns, or the ones to use with --text-column and "
            "--label-column",
            "put a line of column names above it, or name its column of texts with --text-column",
            "put a line of column names above it",
        )


def header_doubt(
    header: Sequence[object], rows: Sequence[Sequence[object]], known: Collection[str]
) -> str:
    """Why a first row is hardly a header; empty when it may be one."""
    if set(known) & set(map(str, header)) or known_names(header):
        return ""
    most = _LONG_NAME if len(header) > 1 else _LONG_ONLY_NAME
    # Forms name a column by the question that was asked, however long it is.
    sure = any(_names_figures(cell, rows, place) for place, cell in enumerate(header))
    for position, cell in enumerate(header):
        name = "" if cell is None else str(cell)
        short = name if len(name) <= 40 else f"{name[:37]}..."
        if len(name.split()) > most and not sure:
            return f"it holds the sentence {short!r}"
        if _is_number(name):
            return f"it holds the number {short}"
        if name and sum(row[position : position + 1] == [cell] for row in rows) >= 2:
            return f"{short!r} stands in other rows of that column too"
    return ""


def is_figure(cell: str) -> bool:
    """Whether a cell is a number, a date or a time."""
    return _FIGURE.fullmatch(cell.strip()) is not None


def _names_figures(name: object, rows: Sequence[Sequence[object]], place: int) -> bool:
    """Whether a cell of the first row is a word, and all below it are numbers or times."""
    word = str(name or "").strip()
    if not any(map(str.isalpha, word)) or word.casefold() in NO_VALUE or _FIGURE.match(word):
        return False
    cells = [str(row[place]) for row in rows if len(row) > place]
    return len(cells) >= _SURE and all(map(is_figure, cells))


def _is_number(name: str) -> bool:
    try:
        float(name)
    except ValueError:
        return False
    return True


def header_position(rows: Sequence[Sequence[object]]) -> int:
    """Which row of a sheet names the columns: the first, but for titles and remarks above it.

    A title fills fewer cells than the rows under it. The header is the first row with a known
    name among those at the top, and otherwise the first that is as wide as the rows below.

    Args:
        rows: The first rows that are not empty; empty cells are None.
    """
    top = rows[:MOST_ABOVE]
    filled = [sum(cell is not None for cell in row) for row in top]
    for position, row in enumerate(top):
        names = [cell for cell in row if isinstance(cell, str)]
        wide = filled[position] >= 2 or max(filled) == 1
        if wide and known_names(names):
            return position
    if filled[0] == 1 and max(filled) > 1:
        return next(position for position, width in enumerate(filled) if width > 1)
    return 0


def is_repeated(header: Sequence[str], values: Sequence[str]) -> bool:
    """Whether a row is the header once more, as in files put together with `cat`."""
    if len(values) != len(header):
        return False
    first = values[0].removeprefix("\ufeff")
    same = [first, *values[1:]] == list(header)
    return same and (len(header) > 1 or first != values[0] or bool(known_names(header)))


def is_ruled(values: Sequence[str]) -> bool:
    """Whether the row below a header is a line of dashes: Markdown and SQL consoles draw one."""
    filled = [value.strip() for value in values if value.strip()]
    return len(filled) > 1 and all(map(_RULE.fullmatch, filled))


def is_shuffled(header: Sequence[str], values: Sequence[str]) -> bool:
    """Whether a row is a header, but another one: the rows below it mean something else.

    It is one with the same names in another order, or with none but names of texts and labels.
    """
    names = [values[0].removeprefix("\ufeff"), *values[1:]] if values else []
    if len(header) < 2 or names == list(header):
        return False
    return sorted(names) == sorted(header) or len(known_names(names)) == len(names) > 1
