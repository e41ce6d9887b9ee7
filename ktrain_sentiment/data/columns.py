"""Which column holds the texts and which the labels: found by name first, then by content."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

import pandas as pd

from ktrain_sentiment.data.table import Table
from ktrain_sentiment.errors import DataError

TEXT_NAMES = (
    "text", "texts", "review", "reviews", "sentence", "tweet", "comment", "content", "message",
    "body", "review_text", "reviewtext", "review_body", "document", "post", "description",
    "summary", "headline", "phrase", "utterance", "feedback", "opinion", "snippet",
)  # fmt: skip
LABEL_NAMES = (
    "label", "labels", "sentiment", "class", "target", "category", "polarity", "emotion",
    "airline_sentiment", "stars", "rating", "ratings", "score", "overall", "star_rating", "y",
)  # fmt: skip
_MOST_LABELS = 50
_SAMPLE = 5000


@dataclass(frozen=True)
class Columns:
    """The columns chosen, and what to tell the user where they were found rather than given."""

    text: str
    label: str
    note: str = ""


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
            f"{table.source}: --text-column and --label-column both name {chosen_text!r}; "
            f"columns: {_listed(table)}"
        )
    found = [f"{what} column {name!r}" for what, name, given in (
        ("text", chosen_text, text), ("label", chosen_label, label)) if not given]  # fmt: skip
    return Columns(chosen_text, chosen_label, " and ".join(found) and f"took {' and '.join(found)}")


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
            f"{table.source}: several columns are called {name!r}; rename all but the one "
            f"that holds the {what}s"
        )
    if name in table.frame.columns:
        return name
    lower = {str(column).casefold(): str(column) for column in table.frame.columns}
    near = difflib.get_close_matches(name.casefold(), lower, n=1, cutoff=0.5)
    hint = f"; did you mean {lower[near[0]]!r}?" if near else ""
    raise DataError(
        f"{table.source}: no column {name!r} for --{what}-column; columns: {_listed(table)}{hint}"
    )


def _listed(table: Table) -> str:
    names = [repr(str(column)) for column in table.frame.columns]
    return ", ".join(names[:30]) + (f" and {len(names) - 30} more" if len(names) > 30 else "")


def _by_name(table: Table, known: tuple[str, ...], exclude: str | None) -> list[str]:
    """Columns with a known name, best known first; other spellings of one name count once each."""
    simple = {c: str(c).casefold().replace(" ", "_").replace("-", "_") for c in table.frame.columns}
    return [c for wanted in known for c, name in simple.items() if name == wanted and c != exclude]


def _find_text(table: Table, label: str | None) -> str:
    named = _by_name(table, TEXT_NAMES, label)
    if len(named) > 1 and str(named[0]).casefold() != "text":
        raise _ambiguous(table, "text", named)
    if named:
        return _given(table, named[0], "text")
    wordy = [c for c in table.frame.columns if c != label and _is_prose(table.frame[c])]
    if len(wordy) == 1:
        return str(wordy[0])
    raise _ambiguous(table, "text", wordy)


def _is_prose(column: pd.Series[str]) -> bool:
    """Mostly different strings of several words."""
    sample = column.head(_SAMPLE).dropna()
    strings = sample[sample.map(lambda value: isinstance(value, str))]
    if len(strings) == 0 or len(strings) < len(sample) / 2:
        return False
    return float(strings.str.count(" ").mean()) >= 2 and strings.nunique() > len(strings) / 2


def _find_label(table: Table, text: str) -> str:
    named = _by_name(table, LABEL_NAMES, text)
    if len(named) > 1 and str(named[0]).casefold() != "label":
        raise _ambiguous(table, "label", named)
    if named:
        return _given(table, named[0], "label")
    few = [c for c in table.frame.columns if c != text and _is_categorical(table.frame[c])]
    if len(few) == 1:
        return str(few[0])
    raise _ambiguous(table, "label", few)


def _is_categorical(column: pd.Series[str]) -> bool:
    """Between two and fifty values, each of them occurring several times on average."""
    sample = column.dropna().head(_SAMPLE).map(str)
    kinds = sample.nunique()
    return 2 <= kinds <= _MOST_LABELS and kinds * 2 <= len(sample)


def _ambiguous(table: Table, what: str, candidates: list[str]) -> DataError:
    if table.frame.shape[1] == 1:
        return DataError(
            f"{table.source}: one column only ({_listed(table)}); wanted a column of texts and "
            "a column of labels (is the --delimiter right?)"
        )
    if candidates:
        listed = " or ".join(repr(str(name)) for name in candidates)
        return DataError(
            f"{table.source}: more than one column could hold the {what}s ({listed}); "
            f"choose one with --{what}-column"
        )
    return DataError(
        f"{table.source}: no column looks like {what}s; columns: {_listed(table)}; "
        f"choose one with --{what}-column"
    )
