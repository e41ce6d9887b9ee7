"""Which column holds the texts and which the labels: found by name first, then by content."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from ktrain_sentiment.errors import DataError
from ktrain_sentiment.messages import listed, quoted
from ktrain_sentiment.tables.headers import LABEL_NAMES, TEXT_NAMES, is_figure, simple_name
from ktrain_sentiment.tables.table import fields_of
from ktrain_sentiment.tables.values import is_missing

MOST_LABELS = 50
_MOST_SEEN = 500
"""Rows that decide on the column of texts: as many as a table shows before it is read."""
_MADE_HERE = {"file", "file_row", "split"}
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)(e[+-]?\d+)?(\s*%)?|nan|[+-]?inf", re.IGNORECASE)
_NUMBERS = {"stars", "star_rating", "rating", "ratings", "score", "overall"}
"""Names of labels that may as well be those of measurements: they need few values."""


def is_measure(column: str) -> bool:
    """Whether a column is called stars, rating or the like."""
    return simple_name(column) in _NUMBERS


class Sampled(Protocol):
    """What columns are chosen from: a table before or after it was read."""

    @property
    def name(self) -> str:
        """What was read, for messages."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""

    @property
    def repeated(self) -> Collection[str]:
        """Names that several columns share."""

    @property
    def made(self) -> Mapping[str, str]:
        """Columns that are not the source's, by what they tell."""

    def sample(self, column: str) -> list[Any]:
        """Values of a column, from its beginning."""


@dataclass(frozen=True)
class Rest:
    """A table without some of its columns: those that are spoken for are neither text nor label."""

    table: Sampled
    taken: tuple[str, ...]

    @property
    def name(self) -> str:
        """What was read, for messages."""
        return self.table.name

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the other columns."""
        return tuple(name for name in self.table.columns if name not in self.taken)

    @property
    def repeated(self) -> Collection[str]:
        """Names that several columns share."""
        return self.table.repeated

    @property
    def made(self) -> Mapping[str, str]:
        """Columns that are not the source's, by what they tell."""
        return self.table.made

    def sample(self, column: str) -> list[Any]:
        """Values of a column, from its beginning."""
        return self.table.sample(column)


@dataclass(frozen=True)
class Columns:
    """The columns chosen, and what to tell the user where they were found rather than given.

    Attributes:
        text: The column of texts.
        label: The column of labels; the first of `classes` where there are some.
        note: What to tell.
        classes: Columns that hold 1 for a class, or each label, of a row and 0 for the others
            ("one-hot").
    """

    text: str
    label: str
    note: str = ""
    classes: tuple[str, ...] = ()


def choose_columns(
    table: Sampled,
    text: str | None,
    label: str | None,
    trained: Mapping[str, Any] | None = None,
    *,
    numbers: bool = False,
    several: bool | None = False,
) -> Columns:
    """Choose the columns of texts and labels.

    Args:
        table: The table read.
        text: The column of texts, when given.
        label: The column of labels, when given; or several, one a label, with commas between.
        trained: The columns `text_column` and `label_column` that a model was trained on: taken
            where the table has them and none is given.
        numbers: Labels are to be numbers with many values.
        several: Whether a row may have several labels; None where that is to be found out.

    Raises:
        DataError: A given column does not exist, or there is no single sensible choice.
    """
    named = {"text": text, "label": label}
    if not label:
        _refuse_some(table, _columns_named(table, (trained or {}).get("label_column") or ""))
    like = {what: (trained or {}).get(f"{what}_column") for what in named}
    like = {
        what: name
        for what, name in like.items()
        if name and not named[what] and set(_columns_named(table, name)) <= set(table.columns)
    }
    if like:
        columns = choose_columns(
            table,
            like.get("text", text),
            like.get("label", label),
            numbers=numbers,
            several=several,
        )
        said = [f"{what}s from column {name!r} as in training" for what, name in like.items()]
        return replace(columns, note=" and ".join(filter(None, [*said, columns.note])))
    chosen_text = _given(table, text, "text") if text else _find_text(table, label)
    classes: tuple[str, ...] = ()
    rivals: list[str] = []
    if label and len(parts := _columns_named(table, label)) > 1:
        if twice := [one for one, number in Counter(parts).items() if number > 1]:
            raise DataError(
                f"{table.name}: label column {twice[0]!r} is named twice; name each once"
            )
        classes = tuple(_given(table, one, "label") for one in parts)
        chosen_label = classes[0]
    elif label:
        chosen_label = _given(table, label, "label")
    elif not numbers and (classes := _one_hot(table, chosen_text, several=several)):
        chosen_label = classes[0]
    else:
        chosen_label, rivals = _find_label(table, chosen_text, numbers=numbers)
    if chosen_text in (chosen_label, *classes):
        raise DataError(
            f"{table.name}: {chosen_text!r} is named as the column of texts and of labels; "
            f"columns: {quoted(table.columns)}"
        )
    found = [] if text else [f"texts from column {chosen_text!r}"]
    if classes and not label:
        found.append(f"labels from columns {quoted(classes)}, one for each class")
    elif not label:
        also = (
            f" ({quoted(rivals)} could hold them, too: --label-column {rivals[0]})"
            if rivals
            else ""
        )
        found.append(f"labels from column {chosen_label!r}{also}")
    return Columns(chosen_text, chosen_label, " and ".join(found), classes)


def choose_text_column(
    table: Sampled,
    text: str | None = None,
    trained: str | None = None,
    label: str | None = None,
) -> str:
    """Choose the column of texts where labels are not needed.

    Args:
        table: The table.
        text: The user's choice.
        trained: The column that a model was trained on: taken where the table has it.
        label: The column of labels, when known: given, or that of the training.

    Raises:
        DataError: The given column does not exist, or there is no single sensible choice.
    """
    if text:
        return _given(table, text, "text")
    if trained in table.columns:
        return _given(table, str(trained), "text")
    if table.columns == (label,):
        raise DataError(
            f"{table.name}: there is one column only, {label!r}, that of the labels; wanted one of "
            "texts",
            "if these are texts, say so with --text-column",
            "if these are texts, call it 'text'",
        )
    if len(table.columns) != 1:
        return _find_text(table, label)
    (only,) = table.columns
    parts = {simple_name(part) for part in re.split(r"[^\w ]", only)}
    if parts & set(TEXT_NAMES) and parts & set(LABEL_NAMES):
        raise DataError(
            f"{table.name}: there is one column only, {only!r}, whose name is that of several: "
            "labels would be read as part of the texts",
            "name the --delimiter, or the column with --text-column if it holds texts alone",
            "put a delimiter between the columns, or call the one that holds texts 'text'",
        )
    return only


def suits(table: Sampled) -> int:
    """How well a table suits: 2 with texts and labels, 1 with texts alone, 0 without."""
    try:
        choose_text_column(table)
        choose_columns(table, None, None)
    except DataError:
        pass
    else:
        return 2
    try:
        _find_text(table, None)
    except DataError:
        return 0
    return 1


def _given(table: Sampled, name: str, what: str) -> str:
    if name in table.repeated:
        raise DataError(
            f"{table.name}: several columns are called {name!r}; rename all but the one that "
            f"holds the {what}s"
        )
    if name in table.columns:
        return name
    by_simple = {simple_name(column): column for column in _nameable(table)}
    near = difflib.get_close_matches(simple_name(name), by_simple, n=1, cutoff=0.5)
    hint = f"; did you mean {by_simple[near[0]]!r}?" if near else ""
    raise DataError(
        f"{table.name}: there is no column {name!r} for the {what}s; "
        f"columns: {quoted(_nameable(table))}{hint}"
    )


def _nameable(table: Sampled) -> list[str]:
    """The columns that can be named: in place of one of objects their fields."""
    names: dict[str, None] = {}
    for column in table.columns:
        objects = table.sample(column) if _holds_objects(table, column) else []
        names |= dict.fromkeys(fields_of({column: value} for value in objects) or [column])
    return list(names)


def _holds_objects(table: Sampled, column: str) -> bool:
    """Whether the cells are objects with fields; one of Label Studio's is a list of labels."""
    cells = [value for value in table.sample(column) if not is_missing(value)]
    return bool(cells) and all(isinstance(v, Mapping) and "choices" not in v for v in cells)


def _named(table: Sampled, known: Sequence[str], exclude: str | None) -> list[str]:
    """Columns with a known name, in the order in which the names are known."""
    columns: dict[str, list[str]] = {}
    for column in table.columns:
        if column != exclude:
            columns.setdefault(simple_name(column), []).append(column)
    named = [column for name in known for column in columns.get(name, ())]
    return [column for column in named if not _holds_objects(table, column)]


def _named_inside(table: Sampled, known: Sequence[str], exclude: str | None) -> list[str]:
    """Fields of objects whose own name is known: `review.body`."""
    columns = [column for column in table.columns if column != exclude and "." in column]
    return [column for column in columns if simple_name(column.rpartition(".")[2]) in known]


def _only(table: Sampled, candidates: list[str], best: str, what: str) -> str | None:
    """The one candidate, or the one with the plainest name; None when there is none."""
    if not candidates:
        return None
    if len(candidates) == 1 or simple_name(candidates[0]) == best != simple_name(candidates[1]):
        return _given(table, candidates[0], what)
    rivals = listed(map(repr, candidates), " or ")
    raise DataError(
        f"{table.name}: more than one column could hold the {what}s: {rivals}", *_ways(what)
    )


def _find_text(table: Sampled, label: str | None) -> str:
    named = _only(table, _named(table, TEXT_NAMES, label), "text", "text")
    if named:
        return named
    prose = [c for c in table.columns if c != label and _is_prose(table.sample(c)[:_MOST_SEEN])]
    found = _only(table, prose or _named_inside(table, TEXT_NAMES, label), "", "text")
    if found:
        return found
    raise _none_found(table, "text")


def _is_prose(column: Iterable[object]) -> bool:
    """Mostly different strings of several words."""
    values = [value for value in column if not is_missing(value)]
    strings = [value for value in values if isinstance(value, str) and value.strip()]
    strings = [value for value in strings if not is_figure(value)]  # 9:12 AM GMT+1 are no words.
    if not strings or len(strings) < len(values) / 2:
        return False
    gaps = sum(value.strip().count(" ") for value in strings)
    return gaps >= 2 * len(strings) and len(set(strings)) > len(strings) / 2


def _find_label(table: Sampled, text: str, *, numbers: bool = False) -> tuple[str, list[str]]:
    """A column with a known name and few values, or the only one with few values; or of numbers.

    Returns:
        The column, and others that could be meant: those with a known name, or else the only one
        with few values.
    """
    named = _named(table, LABEL_NAMES, text)
    fitting = [c for c in named if _could_be_labels(table, c)]
    taken = {text, *named, *_MADE_HERE, *table.made.values()}
    others = [c for c in table.columns if c not in taken and not _holds_objects(table, c)]
    few = [c for c in others if kinds_of(table, c) >= 2 and has_few_values(table, c, repeated=2)]
    inside = _named_inside(table, LABEL_NAMES, text)
    few += [c for c in inside if c not in few and _could_be_labels(table, c)]
    if numbers:
        measures = [c for c in others if _holds_numbers(table, c)]
        if named and measures and not any(_holds_numbers(table, c) for c in named):
            raise DataError(
                f"{table.name}: the column {named[0]!r} holds no numbers; scores are in another? "
                f"Name it: --label-column {measures[0]}"
            )
        fitting, few = ([c for c in kind if _holds_numbers(table, c)] for kind in (named, others))
    found = _only(table, fitting or few or named, "label", "label")
    if found:
        rivals = fitting if len(fitting) > 1 else few if len(few) == 1 else []
        return found, [c for c in rivals if c != found]
    raise _none_found(table, "label")


def _holds_numbers(table: Sampled, column: str) -> bool:
    values = _values(table, column)
    # With a decimal comma, too; whether it is one is for whoever reads the scores.
    return bool(values) and all(_NUMBER.fullmatch(value) for value in values)


def _could_be_labels(table: Sampled, column: str) -> bool:
    """Few values, or many that are said again and again under a name that no measurement has."""
    if has_few_values(table, column):
        return True
    return simple_name(column) not in _NUMBERS and has_few_values(table, column, 2, most=10**6)


def _values(table: Sampled, column: str) -> list[str]:
    values = (value for value in table.sample(column) if not is_missing(value))
    return [text for value in values if (text := str(value).strip())]


def kinds_of(table: Sampled, column: str) -> int:
    """How many different values a column has, gaps aside."""
    return len(set(_values(table, column)))


def has_few_values(
    table: Sampled, column: str, repeated: int = 1, most: int = MOST_LABELS
) -> bool:  # fmt: skip
    """At most fifty values, which occur so many times each on average."""
    values = _values(table, column)
    kinds = len(set(values))
    return 1 <= kinds <= most and kinds * repeated <= len(values)


def _refuse_some(table: Sampled, columns: Sequence[str]) -> None:
    """Refuse a table with a part of the columns of labels: the others would not be judged."""
    absent = [name for name in columns if name not in table.columns]
    if 0 < len(absent) < len(columns):
        raise DataError(
            f"{table.name}: there is no column {quoted(absent)}, and the model gives the labels "
            f"{quoted(columns)}, a column each; add it, with 0 in it where no text has the label, "
            "or name what there is with --label-column"
        )


_SLIPS = 0.05
"""Share of the cells of a column of 0 and 1 that may be blank, or hold something else."""
_CERTAIN = 3
"""Columns of 0 and 1 from which on they are taken for labels, of which a row may have several."""


def _columns_named(table: Sampled, label: str) -> list[str]:
    """The columns of labels that were named: one, or several with commas between."""
    if label in table.columns or "," not in label:
        return [label]
    return [one.strip() for one in label.split(",") if one.strip()]


def _one_hot(table: Sampled, text: str, *, several: bool | None) -> tuple[str, ...]:
    """Columns of 0 and 1 that hold the labels, where no column has a label's name.

    Exactly one 1 in each row makes classes. Where a row may have several labels, or none, it is
    certain if that was said, or if no other column could hold labels.
    """
    if any(_could_be_labels(table, column) for column in _named(table, LABEL_NAMES, text)):
        return ()
    taken = {text, *_named_inside(table, LABEL_NAMES, None), *_MADE_HERE, *table.made.values()}
    others = [c for c in table.columns if c not in taken]
    flags = {column: [flag(value) for value in table.sample(column)] for column in others}
    binary = {column: values for column, values in flags.items() if _are_flags(values)}
    if sum(None not in values for values in binary.values()) < 2:
        return ()
    if all(sum(one or 0 for one in row) == 1 for row in zip(*binary.values(), strict=True)):
        return tuple(binary)
    rivals = [
        column
        for column in others
        if column not in binary
        and kinds_of(table, column) >= 2
        and has_few_values(table, column, 2)
    ]
    certain = several or (several is None and len(binary) >= _CERTAIN and not rivals)
    return tuple(binary) if certain else ()


def _are_flags(values: Sequence[int | None]) -> bool:
    """Whether a column holds 0 and 1, but for slips: one is read or refused, not overlooked."""
    slips = values.count(None)
    return {0, 1} <= set(values) and slips <= max(1, _SLIPS * len(values))


def flag(value: object) -> int | None:
    """What a cell of a column for one class says, 0 or 1; None where it says something else."""
    spelled = str(value).strip().casefold()
    return {"0": 0, "0.0": 0, "false": 0, "1": 1, "1.0": 1, "true": 1}.get(spelled)


def _none_found(table: Sampled, what: str) -> DataError:
    if len(table.columns) == 1:
        if any(isinstance(v, Mapping | list) for v in table.sample(table.columns[0])):
            return DataError(
                f"{table.name}: there is one column only, {quoted(table.columns)}, which holds "
                "lists or objects; wanted one of texts and one of labels: give each a field of its "
                "own in every record"
            )
        return DataError(
            f"{table.name}: there is one column only, {quoted(table.columns)}; wanted one of texts "
            "and one of labels",
            "if the columns are there, name the --delimiter",
            "if the columns are there, put commas between them",
        )
    return DataError(
        f"{table.name}: no column looks like {what}s; columns: {quoted(_nameable(table))}",
        *_ways(what),
    )


def _ways(what: str) -> tuple[str, str]:
    """How to say which column holds the texts, or the labels."""
    return f"choose one with --{what}-column", f"name the one that is meant {what!r}"
