"""Which rows are left out: without text, without label, said twice, said against each other."""

from __future__ import annotations

import pandas as pd

from ktrain_sentiment.config import DataConfig

_NAMED_ROWS = 5


def drop_rows(
    frame: pd.DataFrame, config: DataConfig, source: str
) -> tuple[pd.DataFrame, list[str]]:
    """Leave out the rows that cannot be used or that the configuration does not want.

    Args:
        frame: Columns `text`, `label` and `row`; missing values allowed.
        config: What to do with duplicates, contradictions and rare classes.
        source: What was read, for the notes.

    Returns:
        The rows that stay, and one note for each reason that left rows out.
    """
    notes: list[str] = []
    frame = _without(frame, _blank(frame["text"]), "without text", notes)
    frame = _without(frame, _blank(frame["label"]), "without label", notes)
    if config.contradictions != "keep":
        outvoted = _outvoted(frame, majority=config.contradictions == "majority")
        _without_note = "whose text also stands under another label (--contradictions)"
        frame = _without(frame, outvoted, _without_note, notes)
    if config.duplicates == "drop":
        repeated = frame.duplicated(["text", "label"])
        frame = _without(frame, repeated, "that repeat an earlier row (--duplicates)", notes)
    return _without_rare(frame, config.min_class_size, notes), notes


def _blank(column: pd.Series[str]) -> pd.Series[bool]:
    return column.isna() | (column.str.strip() == "")


def _without(
    frame: pd.DataFrame, unwanted: pd.Series[bool], reason: str, notes: list[str]
) -> pd.DataFrame:
    count = int(unwanted.sum())
    if count == 0:
        return frame
    notes.append(f"left out {count:,} {plural(count)} {reason}: {name_rows(frame[unwanted])}")
    return frame[~unwanted]


def plural(count: int) -> str:
    """The word row in the right number."""
    return "row" if count == 1 else "rows"


def name_rows(frame: pd.DataFrame) -> str:
    """The first row numbers of a frame, for a message."""
    rows = [f"{row:,}" for row in frame["row"].head(_NAMED_ROWS)]
    more = len(frame) - len(rows)
    return f"{plural(len(frame))} {', '.join(rows)}" + (f" and {more:,} more" if more else "")


def _outvoted(frame: pd.DataFrame, *, majority: bool) -> pd.Series[bool]:
    """Rows whose text has several labels, except (with `majority`) those of the commonest one."""
    in_question = frame["text"].duplicated(keep=False)
    kinds = frame[in_question].groupby("text")["label"].nunique()
    contradicted = frame["text"].isin(kinds.index[kinds > 1])
    if not majority or not contradicted.any():
        return contradicted
    votes = frame[contradicted].groupby(["text", "label"]).size().rename("votes").reset_index()
    votes["best"] = votes.groupby("text")["votes"].transform("max")
    winners = votes[votes["votes"] == votes["best"]].drop_duplicates("text", keep=False)
    won = set(zip(winners["text"], winners["label"], strict=True))
    pairs = zip(frame["text"], frame["label"], strict=True)
    keeps = pd.Series([pair in won for pair in pairs], index=frame.index)
    return contradicted & ~keeps


def _without_rare(frame: pd.DataFrame, least: int, notes: list[str]) -> pd.DataFrame:
    counts = frame["label"].value_counts()
    rare = counts[counts < least]
    if len(rare) == 0:
        return frame
    listed = ", ".join(f"{name} ({count})" for name, count in rare.items())
    notes.append(f"left out classes with fewer than {least} rows: {listed} (--min-class-size)")
    return frame[~frame["label"].isin(rare.index)]
