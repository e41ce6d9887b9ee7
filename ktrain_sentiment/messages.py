"""How counts, names, rows and texts are written in messages: the same everywhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Sized

_NAMES, _COUNTED, _ROWS, _LETTERS = 20, 8, 5, 160
_LONGEST = 60
"""Letters of a name: more are no help to know it by."""


def count(number: int, one: str, many: str | None = None) -> str:
    """A number and its noun: `1 row`, `2,000 rows`."""
    return f"{number:,} {noun(number, one, many)}"


def noun(number: int, one: str, many: str | None = None) -> str:
    """A noun in the number that goes with a count."""
    return one if number == 1 else many or f"{one}s"


def flag_of(name: str) -> str:
    """What the command line calls a setting: `batch_size` is --batch-size."""
    return "--" + name.replace("_", "-")


def percent(share: float, digits: int = 1) -> str:
    """A share for reading, never rounded to nothing."""
    least = 10.0**-digits
    if 0 < 100 * share < least:
        return f"under {least:.{digits}f} %"
    return f"{100 * share:.{digits}f} %"


def listed(names: Iterable[object], between: str = ", ") -> str:
    """Names, long ones without their ends, and how many more there are."""
    said = [str(name) for name in names]
    short = [one if len(one) <= _LONGEST else f"{one[: _LONGEST - 3]}..." for one in said[:_NAMES]]
    return between.join(short) + and_more(said, _NAMES)


def in_words(names: Iterable[object]) -> str:
    """As `listed`, as a sentence has them: `a, b and c`; of many, how many more there are."""
    names = list(names)
    if 1 < len(names) <= _NAMES:
        return f"{listed(names[:-1])} and {listed(names[-1:])}"
    return listed(names)


def quoted(names: Iterable[object]) -> str:
    """Names in quotes, and how many more there are."""
    return listed(repr(str(name)) for name in names)


def counted(pairs: Iterable[tuple[object, int]]) -> str:
    """Names with their counts, `odd (2), rare (1)`, and how many more there are."""
    marked = [f"{name} ({number:,})" for name, number in pairs]
    return ", ".join(marked[:_COUNTED]) + and_more(marked, _COUNTED)


def rows_listed(rows: Sequence[int], one: str = "row") -> str:
    """The first row numbers, `rows 3, 4, 5`, and how many more there are."""
    shown = ", ".join(str(row) for row in rows[:_ROWS])
    return f"{noun(len(rows), one)} {shown}{and_more(rows, _ROWS)}"


def left_out_headers(places: Sequence[int], one: str) -> str:
    """That rows which repeat a header were left out, and which."""
    return f"left out {count(len(places), one)} repeating the header: {rows_listed(places, one)}"


def and_more(items: Sized, shown: int) -> str:
    """How many were not shown; empty when all were."""
    return f" and {len(items) - shown:,} more" if len(items) > shown else ""


def shorten(text: object, limit: int = _LETTERS) -> str:
    """A text on one line, short enough to show; what is missing is empty."""
    if not isinstance(text, str):
        return ""
    line = " ".join(text[: 4 * limit].split())
    return line if len(line) <= limit else f"{line[: limit - 3]}..."
