"""Several labels a text: told from classes, read from lists, separators and columns of 0 and 1."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Collection, Sequence

import pandas as pd

from ktrain_sentiment.config import DataConfig
from ktrain_sentiment.data.columns import flag
from ktrain_sentiment.data.frames import Collected
from ktrain_sentiment.data.labels import Relabelled, relabel
from ktrain_sentiment.errors import DataError
from ktrain_sentiment.messages import count, quoted
from ktrain_sentiment.reading_rules import BETWEEN_LABELS
from ktrain_sentiment.tables.values import is_missing, spell
from ktrain_sentiment.tasks import join_labels, labels_in

_SEPARATORS = (BETWEEN_LABELS, ";", ",")
NO_LABELS = "(none)"
"""What rows without any label are called in tables."""
_LIST = re.compile(r"\s*[\[({].*[\])}]\s*", re.DOTALL)


def look_like_sets(column: pd.Series) -> bool:
    """Whether cells are lists of labels, of which one at least has not exactly one.

    A list of exactly one label in every row is an export's way to write a class.
    """
    values = column.unique() if column.dtype == "str" else column
    sizes = [len(items) for value in values if (items := _listed(value)) is not None]
    return any(size != 1 for size in sizes)


def sets_of_columns(table: Collected, columns: Sequence[str]) -> tuple[pd.Series[str], str]:
    """The labels of each row from columns that hold 1 for those it has and 0 for the others.

    Args:
        table: The table.
        columns: One a label; each is called as its label.

    Returns:
        The labels of each row as one string, and what to tell the user.

    Raises:
        DataError: A cell holds something else.
    """
    flags: dict[str, list[int]] = {}
    blank = 0
    for name in columns:
        flags[name] = []
        for position, value in enumerate(table.frame[name].astype(object).tolist()):
            missing = is_missing(value) or (isinstance(value, str) and not value.strip())
            said = 0 if missing else flag(value)
            blank += missing
            if said is None:
                raise DataError(
                    f"{table.place(position)}: column {name!r} holds {str(value)!r:.40}; wanted 1 "
                    "for a text that has this label and 0 for one that has not"
                )
            flags[name].append(said)
    rows = zip(*flags.values(), strict=True)
    joined = [join_labels(n for n, one in zip(columns, row, strict=True) if one) for row in rows]
    note = f"{count(blank, 'blank cell')} of columns of labels read as 0" if blank else ""
    return pd.Series(joined, index=table.frame.index, dtype="str"), note


def sets_of_cells(table: Collected, column: str) -> tuple[pd.Series[str], str]:
    """The labels of each row from one column: lists, or labels with | ; or , between them.

    Lists may be lists, their text as JSON or Python writes it, or Label Studio's `choices`.

    Args:
        table: The table.
        column: Its column of labels.

    Returns:
        The labels of each row as one string, empty for a row without any, and what to tell.

    Raises:
        DataError: A list has a blank label, one with | in it, or something that is no label.
    """
    values = table.frame[column].astype(object).tolist()
    lists = [_listed(value) for value in values]
    plain = [
        _spelled(table, position, value)
        for position, (value, items) in enumerate(zip(values, lists, strict=True))
        if items is None
    ]
    separator = next((one for one in _SEPARATORS if any(one in text for text in plain)), "")
    texts = iter(plain)
    joined = []
    for position, items in enumerate(lists):
        names: Sequence[object]
        if items is None:
            text = next(texts)
            names = (text.split(separator) if separator else [text]) if text.strip() else []
        else:
            names = items
        joined.append(join_labels(_checked(table, position, names)))
    note = f"labels are parted at {separator!r}" if separator else ""
    return pd.Series(joined, index=table.frame.index, dtype="str"), note


def _spelled(table: Collected, position: int, value: object) -> str:
    text, problem = spell(value, "label")
    if problem is not None:
        raise DataError(f"{table.place(position)} {problem}", *problem.ways)
    return text or ""


def _listed(value: object) -> Sequence[object] | None:
    """The items of a list, or of the text of one; None for what is none."""
    items = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(items, str):
        if not _LIST.fullmatch(items):
            return None
        items = _parsed(items)
    if isinstance(items, dict):
        items = items.get("choices")
    if not isinstance(items, Collection) or isinstance(items, str | bytes | dict):
        return None
    return list(items)


def _parsed(text: str) -> object:
    for parse in (json.loads, ast.literal_eval):
        try:
            return parse(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    return None


def _checked(table: Collected, position: int, items: Sequence[object]) -> list[str]:
    """The names in a list of labels.

    Raises:
        DataError: One is none.
    """
    names = []
    for item in items:
        name = str(item).strip() if isinstance(item, str | int) else ""
        if name and BETWEEN_LABELS not in name:
            names.append(name)
            continue
        shown = quoted([str(one) for one in items])
        if isinstance(item, str) and not name:
            said = f"a blank label among {shown}; take it out, or name it"
        elif name:
            said = f"the label {name!r} has {BETWEEN_LABELS} in it, which parts labels; rename it"
        else:
            said = f"{str(item)!r:.40} among labels; wanted names such as joy"
        raise DataError(f"{table.place(position)}: {said}")
    return names


def relabel_sets(
    labels: pd.Series[str], config: DataConfig, source: str, *, lenient: bool = False
) -> Relabelled:
    """Fold and rename each label of each row, as `relabel` does where there is one.

    Raises:
        DataError: `--map` names labels that do not occur.
    """
    apart = one_a_row(pd.DataFrame({"label": labels}))["label"]
    found = relabel(apart.mask(apart == "").astype("str"), config, source, lenient=lenient)
    again = found.labels.dropna().groupby(level=0).agg(join_labels)
    joined = again.reindex(labels.index, fill_value="").astype("str")
    return Relabelled(joined, found.notes, found.hints)


def one_a_row(frame: pd.DataFrame) -> pd.DataFrame:
    """A row for each label of each row, under the same index; empty for a row without any."""
    names = frame["label"].map(lambda one: labels_in(one) or [""])
    apart = frame.assign(label=names).explode("label")
    return apart.assign(label=apart["label"].astype("str"))


def rows_with(labels: pd.Series[str], names: Collection[str]) -> pd.Series[bool]:
    """Which rows have one of these labels, whatever others they have."""
    wanted = set(names)
    return labels.map(lambda one: not wanted.isdisjoint(labels_in(one))).astype(bool)


def note_guess(labels: pd.Series[str]) -> str:
    """What to tell where labels were taken for several a text without being asked."""
    sizes = labels.map(lambda one: len(labels_in(one)))
    several, none = int((sizes > 1).sum()), int((sizes == 0).sum())
    return (
        f"a text may have several labels, or none ({several:,} have more than one, {none:,} none): "
        "each is learned and judged on its own (--task multi says so too; --task classes takes "
        "each combination for a class)"
    )
