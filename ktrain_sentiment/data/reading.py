"""From what the user named to texts with labels, step by step."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from ktrain_sentiment.cleaning import apply_cleaning
from ktrain_sentiment.config import DataConfig
from ktrain_sentiment.data.columns import MOST_LABELS, choose_columns, choose_text_column
from ktrain_sentiment.data.labelled import OWN_COLUMNS, LabelledTexts
from ktrain_sentiment.data.labels import relabel
from ktrain_sentiment.data.rows import select_rows
from ktrain_sentiment.data.sources import read_source
from ktrain_sentiment.data.splitfiles import is_prepared, read_prepared
from ktrain_sentiment.data.table import Table, plain_column, unique_names
from ktrain_sentiment.data.values import to_strings
from ktrain_sentiment.errors import DataError


def read_labelled(config: DataConfig) -> LabelledTexts:
    """Read texts and labels, whatever they are kept in, and keep the rows that can be used.

    Args:
        config: What to read, what the labels mean, what to leave out.

    Raises:
        DataError: It cannot be read, or does not hold texts with labels of two classes.
        ConfigError: The configuration contradicts itself.
    """
    return keep_rows(read_rows(config))


def read_rows(config: DataConfig, *, lenient: bool = False) -> LabelledTexts:
    """Read all rows, also those without text or label, with labels renamed and texts cleaned.

    Args:
        config: What to read, and what the labels mean.
        lenient: Labels that the configuration names need not occur: this is one file of several.

    Raises:
        DataError: It cannot be read, or there is no telling which columns hold what.
        ConfigError: The configuration contradicts itself.
    """
    folder = Path(config.data).expanduser()
    if config.data and is_prepared(folder):
        return read_prepared(folder, config)
    return _rows_of(read_source(config), config, lenient=lenient)


def read_frame(frame: pd.DataFrame, config: DataConfig, source: str) -> LabelledTexts:
    """Take texts and labels from a data frame, with the checks that a file goes through.

    Args:
        frame: Any columns; see `DataConfig` for how those of texts and labels are found.
        config: What the labels mean, what to leave out; how a file is read means nothing here.
        source: What to call it in messages.

    Raises:
        DataError: It does not hold texts with labels of two classes.
    """
    names, repeated = unique_names(list(frame.columns))
    plain = frame.reset_index(drop=True).set_axis(names, axis=1)
    table = Table(plain, np.arange(1, len(plain) + 1), source, repeated=repeated)
    return keep_rows(_rows_of(table, config))


def _rows_of(table: Table, config: DataConfig, *, lenient: bool = False) -> LabelledTexts:
    columns = choose_columns(table, config.text_column, config.label_column)
    texts, text_note = to_strings(table, columns.text, "text")
    labels, label_note = to_strings(table, columns.label, "label")
    relabelled = relabel(labels, config, table.source, lenient=lenient)
    own = {"text": _clean(texts, config), "label": relabelled.labels, "row": table.rows}
    frame = _with_other_columns(pd.DataFrame(own), table, {columns.text, columns.label})
    notes = (*table.notes, columns.note, text_note, label_note, *relabelled.notes)
    return LabelledTexts(
        frame=frame,
        source=table.source,
        text_column=columns.text,
        label_column=columns.label,
        notes=tuple(note for note in notes if note),
        config=config,
        is_split=table.is_split,
    )


def keep_rows(texts: LabelledTexts, *, lenient: bool = False) -> LabelledTexts:
    """Leave out the rows that cannot be used or are not wanted, and say which.

    Args:
        texts: All rows.
        lenient: As for `read_rows`.

    Raises:
        DataError: Too little is left to learn from.
    """
    if texts.is_final:
        return texts
    selection = select_rows(texts, lenient=lenient)
    _check_classes(selection.frame, texts, selection.notes)
    frame = selection.frame.reset_index(drop=True)
    return replace(texts, frame=frame, notes=(*texts.notes, *selection.notes))


def read_texts(config: DataConfig) -> pd.DataFrame:
    """Read texts to classify: column `text` (empty where missing) and `row`, then the others.

    Raises:
        DataError: It cannot be read, or there is no telling which column holds the texts.
    """
    table = read_source(config)
    column = choose_text_column(table, config.text_column)
    texts, _ = to_strings(table, column, "text")
    frame = pd.DataFrame({"text": texts.fillna(""), "row": table.rows})
    return _with_other_columns(frame, table, {column})


def _clean(texts: pd.Series[str], config: DataConfig) -> pd.Series[str]:
    if not config.cleaning:
        return texts
    cleaned = apply_cleaning(texts.fillna("").tolist(), config.cleaning)
    return pd.Series(cleaned, index=texts.index, dtype="str").where(texts.notna())


def _with_other_columns(frame: pd.DataFrame, table: Table, used: set[str]) -> pd.DataFrame:
    """The source's other columns too, renamed where they would clash with this package's own."""
    others = {
        f"source_{name}" if name in OWN_COLUMNS else str(name): plain_column(table.frame[name])
        for name in table.frame.columns
        if name not in used
    }
    return frame.assign(**others)


def _check_classes(frame: pd.DataFrame, texts: LabelledTexts, left_out: list[str]) -> None:
    where = f"{texts.source} (column {texts.label_column!r})"
    if len(frame) == 0:
        raise DataError(f"{texts.source}: no row is left to use: {'; '.join(left_out)}")
    kinds = frame["label"].nunique()
    if kinds == 1:
        every = "the only row has" if len(frame) == 1 else f"all {len(frame):,} rows have"
        reasons = f" ({'; '.join(left_out)})" if left_out else ""
        raise DataError(
            f"{where}: {every} the label {frame['label'].iloc[0]!r}; wanted two classes or more"
            f"{reasons}"
        )
    if kinds > MOST_LABELS and kinds > len(frame) / 2:
        raise DataError(
            f"{where}: {kinds:,} different labels in {len(frame):,} rows; wanted a few classes "
            "(choose another --label-column, or join them with --map)"
        )
