"""Which column holds the texts and which the labels: found by name first, then by content."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from ktrain_sentiment.data.table import Table
from ktrain_sentiment.errors import DataError
from ktrain_sentiment.tables.messages import quoted

TEXT_NAMES = (
    "text", "texts", "review", "reviews", "review_text", "reviewtext", "review_body", "sentence",
    "sentences", "tweet", "tweets", "tweet_text", "full_text", "comment", "comments", "content",
    "message", "body", "document", "post", "headline", "phrase", "utterance", "feedback",
    "opinion", "snippet", "description",
)  # fmt: skip
LABEL_NAMES = (
    "label", "labels", "sentiment", "sentiments", "class", "target", "category", "polarity",
    "emotion", "emotions", "airline_sentiment", "label_text", "stars", "star_rating", "rating",
    "ratings", "score", "overall",
)  # fmt: skip
MOST_LABELS = 50
_SAMPLE = 5000


@dataclass(frozen=True)
class Columns:
    """The columns chosen, and what to tell the user where they were found rather than given."""

    text: str
    label: str
    note: str = ""


def simple_name(name: str) -> str:
    """A column name without regard to case, spaces and hyphens."""
    return re.sub(r"[\s\-]+", "_", str(name).strip().casefold())


def choose_columns(table: Table, text: str | None, label: str | None) -> Columns:
    """Choose the columns of texts and labels.

    Args:
        table: The table read.
        text: The column of texts, when given.
        label: The column of labels, when given.

    Raises:
        DataError: A given column does not exist, or there is no single sensible choice.
    """
    chosen_text = _given(table, text, "text") if text else _find_text(table, label)
    chosen_label = _given(table, label, "label") if label else _find_label(table, chosen_text)
    if chosen_text == chosen_label:
        raise DataError(
            f"{table.source}: {chosen_text!r} is named as the column of texts and of labels; "
            f"columns: {_listed(table)}"
        )
    found = [] if text else [f"texts from column {chosen_text!r}"]
    found += [] if label else [f"labels from column {chosen_label!r}"]
    return Columns(chosen_text, chosen_label, " and ".join(found))


def choose_text_column(table: Table, text: str | None) -> str:
    """Choose the column of texts where labels are not needed.

    Raises:
        DataError: The given column does not exist, or there is no single sensible choice.
    """
    if text:
        return _given(table, text, "text")
    return str(table.frame.columns[0]) if table.frame.shape[1] == 1 else _find_text(table, None)


def _given(table: Table, name: str, what: str) -> str:
    if name in table.repeated:
        raise DataError(
            f"{table.source}: several columns are called {name!r}; rename all but the one that "
            f"holds the {what}s"
        )
    if name in table.frame.columns:
        return name
    by_simple = {simple_name(column): str(column) for column in table.frame.columns}
    near = difflib.get_close_matches(simple_name(name), by_simple, n=1, cutoff=0.5)
    hint = f"; did you mean {by_simple[near[0]]!r}?" if near else ""
    raise DataError(
        f"{table.source}: there is no column {name!r} (--{what}-column); "
        f"columns: {_listed(table)}{hint}"
    )


def _listed(table: Table) -> str:
    return quoted(table.frame.columns)


def _named(table: Table, known: Sequence[str], exclude: str | None) -> list[str]:
    """Columns with a known name, in the order in which the names are known."""
    columns = [str(column) for column in table.frame.columns if column != exclude]
    return [column for name in known for column in columns if simple_name(column) == name]


def _only(table: Table, candidates: list[str], best: str, what: str) -> str | None:
    """The one candidate, or the one with the plainest name; None when there is none."""
    if not candidates:
        return None
    if len(candidates) == 1 or simple_name(candidates[0]) == best != simple_name(candidates[1]):
        return _given(table, candidates[0], what)
    raise _ambiguous(table, what, candidates)


def _find_text(table: Table, label: str | None) -> str:
    frame = table.frame
    named = _only(table, _named(table, TEXT_NAMES, label), "text", "text")
    if named:
        return named
    prose = [str(c) for c in frame.columns if c != label and _is_prose(frame[c])]
    found = _only(table, prose, "", "text")
    if found:
        return found
    raise _none_found(table, "text")


def _is_prose(column: pd.Series) -> bool:
    """Mostly different strings of several words."""
    values = column.dropna().head(_SAMPLE)
    strings = [value for value in values if isinstance(value, str) and value.strip()]
    if not strings or len(strings) < len(values) / 2:
        return False
    gaps = sum(value.strip().count(" ") for value in strings)
    return gaps >= 2 * len(strings) and len(set(strings)) > len(strings) / 2


def _find_label(table: Table, text: str) -> str:
    """A column with a known name and few values, or the only one with few values."""
    frame = table.frame
    named = _named(table, LABEL_NAMES, text)
    fitting = [c for c in named if has_few_values(frame[c])]
    others = [str(c) for c in frame.columns if c not in {text, *named, "file", "split"}]
    few = [c for c in others if has_few_values(frame[c], repeated=2)]
    found = _only(table, fitting or few or named, "label", "label")
    if found:
        return found
    raise _none_found(table, "label")


def has_few_values(column: pd.Series, repeated: int = 1) -> bool:
    """At most fifty values, which occur so many times each on average."""
    values = column.dropna().head(_SAMPLE).map(str)
    kinds = values.nunique()
    return 1 <= kinds <= MOST_LABELS and kinds * repeated <= len(values)


def _ambiguous(table: Table, what: str, candidates: list[str]) -> DataError:
    listed = " or ".join(repr(name) for name in candidates)
    return DataError(
        f"{table.source}: more than one column could hold the {what}s: {listed}; "
        f"choose one with --{what}-column"
    )


def _none_found(table: Table, what: str) -> DataError:
    if table.frame.shape[1] == 1:
        return DataError(
            f"{table.source}: there is one column only, {_listed(table)}; wanted one of texts and "
            "one of labels (if the columns are there, name the --delimiter)"
        )
    return DataError(
        f"{table.source}: no column looks like {what}s; columns: {_listed(table)}; "
        f"choose one with --{what}-column"
    )
