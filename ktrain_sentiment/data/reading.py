"""From what the user named to texts with labels: `read_labelled`, step by step."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ktrain_sentiment.config import DataConfig
from ktrain_sentiment.data.columns import Columns, choose_columns
from ktrain_sentiment.data.corpora import CORPORA, corpus_path
from ktrain_sentiment.data.formats import read_file
from ktrain_sentiment.data.labelled import OWN_COLUMNS, LabelledTexts
from ktrain_sentiment.data.rows import drop_rows
from ktrain_sentiment.data.table import Table
from ktrain_sentiment.data.values import to_strings
from ktrain_sentiment.errors import DataError


def read_labelled(config: DataConfig) -> LabelledTexts:
    """Read texts and labels, whatever they are kept in.

    Rows without text or without label are left out, and counted in the notes.

    Args:
        config: What to read and how.

    Raises:
        DataError: It cannot be read, or does not hold texts with labels.
    """
    table = read_source(config)
    columns = choose_columns(table, config.text_column, config.label_column)
    frame = _own_columns(table, columns)
    notes = (*table.notes, columns.note)
    if config.data in CORPORA and not config.neutral:
        neutral = frame["label"] == "neutral"
        frame = frame[~neutral]
        notes = (*notes, f"left out {neutral.sum():,} neutral rows (--neutral keeps them)")
    frame, dropped = drop_rows(frame, config, table.source)
    _check_classes(frame, columns, table.source)
    return LabelledTexts(
        frame=frame.reset_index(drop=True),
        source=table.source,
        text_column=columns.text,
        label_column=columns.label,
        notes=tuple(note for note in (*notes, *dropped) if note),
        config=config,
    )


def read_source(config: DataConfig) -> Table:
    """Read the table that the user named: a corpus or a file.

    Raises:
        DataError: Nothing is named, or it cannot be read.
    """
    if not config.data:
        known = ", ".join(CORPORA)
        raise DataError(f"no data given; wanted a file or one of the named corpora ({known})")
    if config.data in CORPORA and not Path(config.data).exists():
        return read_file(corpus_path(config.data), config)
    return read_file(Path(config.data).expanduser(), config)


def _own_columns(table: Table, columns: Columns) -> pd.DataFrame:
    """Text, label and row first, then what else the source has, renamed where it would clash."""
    texts = to_strings(table.frame[columns.text], table, "text")
    labels = to_strings(table.frame[columns.label], table, "label")
    frame = pd.DataFrame({"text": texts, "label": labels, "row": table.rows})
    for name in table.frame.columns:
        if name not in {columns.text, columns.label}:
            kept = f"source_{name}" if name in OWN_COLUMNS else str(name)
            frame[kept] = table.frame[name]
    return frame


def _check_classes(frame: pd.DataFrame, columns: Columns, source: str) -> None:
    if len(frame) == 0:
        raise DataError(f"{source}: no row has both a text and a label; nothing is left to use")
    labels = frame["label"].unique()
    if len(labels) == 1:
        raise DataError(
            f"{source}: every row has the label {labels[0]!r} (column {columns.label!r}); "
            "wanted at least two classes"
        )
