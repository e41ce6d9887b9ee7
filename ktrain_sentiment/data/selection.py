"""Which rows are used: not those without text or label, said twice, or said against each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ktrain_sentiment import words
from ktrain_sentiment.config import DataConfig
from ktrain_sentiment.data.at_rest import asked_of_each, in_portions, take_rows
from ktrain_sentiment.data.label_sets import one_a_row, rows_with
from ktrain_sentiment.data.labelled import LabelledTexts
from ktrain_sentiment.data.labels import absent, several_labels, split_labels
from ktrain_sentiment.data.repeats import exact_codes, near_codes
from ktrain_sentiment.errors import DataError
from ktrain_sentiment.inputs import Inputs
from ktrain_sentiment.messages import count, counted, quoted, rows_listed
from ktrain_sentiment.tasks import occurring


@dataclass
class Selection:
    """Rows on their way from all to those that are used, with a note for each that left.

    Attributes:
        frame: The rows that are left; while it is being decided, a number for each `text`, the
            same for the same text, and the index says which row of the source's frame it is.
        by: Columns within whose equal values rows are compared: a text that stands in two splits
            is a leak, which is for the split to report, not a repeat.
        notes: What was left out, how many, why, and which.
        repeats: How many rows were left out because they repeat another.
    """

    frame: pd.DataFrame
    by: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    repeats: int = 0

    def leave_out(self, unwanted: pd.Series[bool], reason: str) -> None:
        """Leave out rows and say so."""
        rows = self.frame.loc[unwanted, "row"].tolist()
        if rows:
            said = f"left out {count(len(rows), 'row')} {reason}: {rows_listed(rows)}"
            self.notes.append(said)
            self.frame = self.frame[~unwanted]


def select_rows(texts: LabelledTexts, *, lenient: bool = False) -> Selection:
    """Leave out the rows that cannot be used or that the configuration does not want.

    Args:
        texts: What was read, gaps and all; its configuration says what to leave out.
        lenient: Labels that `--drop-labels` names need not occur.

    Raises:
        DataError: `--drop-labels` names a label that no row has.
    """
    whole = texts.frame
    by = ["split"] if texts.is_split else []
    blank = is_blank(whole["text"])
    # Numbers stand for the texts, which stay where they are until it is known which are wanted.
    own = whole[["label", "row", *by]].assign(text=exact_codes(whole["text"]))
    selection = Selection(own.set_axis(pd.RangeIndex(len(own))), by=by)
    pair = Inputs.of(texts.table).pair
    second = f" or {pair!r}" if pair else ""
    selection.leave_out(blank.set_axis(selection.frame.index), f"without text{second}")
    _select(selection, texts, lenient=lenient)
    rows = selection.frame.index.to_numpy()
    changed = take_rows(selection.frame[["label"]], np.arange(len(rows)))["label"]
    taken = take_rows(whole.drop(columns="label"), rows)
    # In the order in which the columns were.
    selection.frame = taken.assign(label=changed)[list(whole.columns)]
    return selection


def _select(selection: Selection, texts: LabelledTexts, *, lenient: bool) -> None:
    """Every step that looks at labels, or at which texts are equal."""
    config = texts.config
    near = texts.frame["text"]
    if config.task != "multi":
        labels = selection.frame["label"]
        blank = [kind for kind in labels.dropna().unique() if words.is_blank(kind)]
        selection.leave_out(labels.isna() | labels.isin(blank), "without label")
    _drop_labels(selection, config, None if lenient else texts.source)
    if config.task == "score":
        _join_scores(selection, config.contradictions)
        _drop_duplicates(selection, config.duplicates, near)
        return
    if config.task == "multi":
        _drop_contradictions(selection, config.contradictions)
        _drop_duplicates(selection, config.duplicates, near)
        _drop_rare(selection, config.min_class_size, "multi")
        return
    separators = several_labels(selection.frame["label"])
    if config.multi_label == "drop":
        selection.leave_out(separators != "", "with several labels (--multi-label drop)")
    _drop_contradictions(selection, config.contradictions)
    _drop_duplicates(selection, config.duplicates, near)
    if config.multi_label == "split":
        selection.frame = split_labels(selection.frame, separators.loc[selection.frame.index])
    _note_several(selection, separators, config.multi_label)
    _drop_rare(selection, config.min_class_size)


def wanted_labels(texts: LabelledTexts) -> pd.Series[bool]:
    """Rows whose label the configuration does not leave out; those without label among them."""
    config, labels = texts.config, texts.frame["label"]
    if config.task == "multi":
        selection = Selection(texts.frame)
        _drop_labels(selection, config, None)
        _drop_rare(selection, config.min_class_size, "multi")
        return pd.Series(labels.index.isin(selection.frame.index), index=labels.index)
    wanted = ~labels.isin(config.drop_labels)
    if config.multi_label == "drop":
        wanted &= several_labels(labels) == ""
    counts = labels[wanted].value_counts()
    return wanted & ~labels.isin(counts.index[counts < config.min_class_size])


def is_blank(column: pd.Series[str]) -> pd.Series[bool]:
    """Missing, or with nothing in it that can be seen: what prediction gives no label to."""
    blank = asked_of_each(column, lambda value: value is None or words.is_blank(value))
    return pd.Series(blank, index=column.index)


def _drop_labels(selection: Selection, config: DataConfig, source: str | None) -> None:
    labels = selection.frame["label"]
    kinds = labels.unique()
    known = occurring(kinds, "multi") if config.task == "multi" else set(kinds)
    for label in config.drop_labels:
        if source is not None and label not in known:
            raise DataError(f"{source}: --drop-labels names {label!r}, {absent(label, known)}")
    unwanted = labels.isin(config.drop_labels)
    if config.task == "multi":
        unwanted = rows_with(labels, config.drop_labels)
    selection.leave_out(unwanted, f"labelled {quoted(config.drop_labels)} (--drop-labels)")


def _drop_contradictions(selection: Selection, choice: str) -> None:
    if choice == "keep":
        return
    spare = choice == "majority"
    outvoted = contradicting(selection.frame, by=selection.by, spare_majority=spare)
    ways = {"majority": "whose text stands more often under another label, or equally often",
            "drop": "whose text stands under another label too"}  # fmt: skip
    selection.leave_out(outvoted, f"{ways[choice]} (--contradictions {choice})")


def _join_scores(selection: Selection, choice: str) -> None:
    """Give equal texts the mean of their scores: several people's say is one score."""
    frame, same = selection.frame, ["text", *selection.by]
    scores = frame["label"].astype(float)
    groups = scores.groupby([frame[name] for name in same])
    differ = groups.transform("nunique") > 1
    if choice == "drop":
        selection.leave_out(differ, "whose text stands with another score (--contradictions drop)")
    elif choice != "keep" and differ.any():
        means = groups.transform("mean").map("{:.12g}".format)
        selection.frame = frame.assign(label=frame["label"].where(~differ, means).astype("str"))
        said = "of texts with several scores have their mean (unless --contradictions keep)"
        selection.notes.append(f"{count(int(differ.sum()), 'row')} {said}")


def contradicting(
    frame: pd.DataFrame, *, by: Sequence[str] = (), spare_majority: bool
) -> pd.Series[bool]:
    """Rows whose text stands under several labels.

    Args:
        frame: Columns `text` and `label`.
        by: Further columns that must be equal for two texts to be compared.
        spare_majority: Leave alone the rows with the one commonest label of their text.
    """
    none = pd.Series(False, index=frame.index)
    same = ["text", *by]
    repeated = frame.loc[frame.duplicated(same, keep=False), [*same, "label"]]
    if len(repeated) == 0:
        return none
    votes = repeated.groupby([*same, "label"]).size().rename("votes").reset_index()
    by_text = votes.groupby(same)["votes"]
    votes["contradicted"] = by_text.transform("size") > 1
    votes["won"] = votes["votes"] == by_text.transform("max")
    votes["won"] &= votes.groupby(same)["won"].transform("sum") == 1
    votes["out"] = votes["contradicted"] & ~(votes["won"] & spare_majority)
    out = repeated.merge(votes[[*same, "label", "out"]], on=[*same, "label"], how="left")["out"]
    return none.where(~none.index.isin(repeated.index[out.to_numpy()]), True)


def _drop_duplicates(selection: Selection, choice: str, texts: pd.Series[str]) -> None:
    frame = selection.frame
    if choice == "keep":
        return
    if choice == "drop":
        # Rows with a text of their own, nearly all of them, need no look at their label.
        several = frame["text"].duplicated(keep=False)
        same = frame.loc[several, ["text", "label", *selection.by]]
        repeated = several & same.duplicated().reindex(frame.index, fill_value=False)
        selection.leave_out(repeated, "repeating an earlier row (unless --duplicates keep)")
    else:
        left = np.zeros(len(texts), np.bool_)
        left[frame.index] = True
        every = near_codes(text or "" for part in in_portions(texts) for text in part)
        keys = frame[["label", *selection.by]].assign(text=every[left])
        repeated = keys.duplicated()
        reason = "repeating an earlier row but for case, spacing, links or mentions"
        selection.leave_out(repeated, reason)
    selection.repeats += int(repeated.sum())


def _note_several(selection: Selection, separators: pd.Series[str], choice: str) -> None:
    several = int(np.sum(separators != ""))
    if several == 0 or choice == "drop":
        return
    done = "kept as classes of their own" if choice == "keep" else "made one row for each label"
    selection.notes.append(
        f"{count(several, 'row')} with several labels, {done} (--multi-label keep, drop, split; "
        "--task multi learns them all)"
    )


def _drop_rare(selection: Selection, least: int, kind: str = "classes") -> None:
    labels = selection.frame["label"]
    apart = one_a_row(selection.frame)["label"] if kind == "multi" else labels
    counts = apart[apart != ""].value_counts()
    rare = counts[counts < least]
    if len(rare):
        unwanted = rows_with(labels, rare.index) if kind == "multi" else labels.isin(rare.index)
        reason = (
            f"of classes with fewer than {least} rows, {counted(rare.items())} (--min-class-size)"
        )
        selection.leave_out(unwanted, reason)
