"""Texts without labels, to learn from: read, and rid of what is known already."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ktrain_sentiment.cleaning import apply_cleaning
from ktrain_sentiment.config import DataConfig
from ktrain_sentiment.data.columns import choose_text_column, suits
from ktrain_sentiment.data.corpora import CORPORA
from ktrain_sentiment.data.frames import collect, to_strings
from ktrain_sentiment.data.labelled import Splits
from ktrain_sentiment.data.reading import read_source
from ktrain_sentiment.data.repeats import near_codes
from ktrain_sentiment.errors import DataError
from ktrain_sentiment.messages import count
from ktrain_sentiment.tables import ReadOptions, open_table
from ktrain_sentiment.tables.formats import bare_suffix

LINES = (".txt", ".text")
"""Suffixes of files that hold a text on each line, commas and all."""


@dataclass(frozen=True)
class UnlabelledTexts:
    """Texts to learn from without labels.

    Attributes:
        frame: Column `text` (str), with a fresh RangeIndex.
        source: What was read, as the user named it.
        repeated: How many texts were left out because they stand in the splits, or earlier here.
    """

    frame: pd.DataFrame
    source: str
    repeated: int


def read_texts(name: str, text_column: str | None = None) -> UnlabelledTexts:
    """Read texts where there are no labelled rows beside them, and keep each once.

    Args:
        name: A file with a text on each line (`.txt`), or whatever data can be read from.
        text_column: The column of texts; found by itself when there is one sensible choice.

    Raises:
        DataError: It cannot be read, there is no telling which column holds the texts, or there
            are none.
    """
    if not name:
        raise DataError(
            "which texts? name a file: CSV, TSV, JSON, Parquet or Excel with a column of texts, or "
            ".txt with one on each line"
        )
    texts = [text for text in _read(name, DataConfig(), text_column) if text.strip()]
    if not texts:
        raise DataError(f"{name} holds no texts: wanted a column of texts, or one on each line")
    first = np.sort(np.unique(near_codes(texts), return_index=True)[1])
    frame = pd.DataFrame({"text": pd.Series([texts[position] for position in first], dtype="str")})
    return UnlabelledTexts(frame, name, len(texts) - len(first))


def read_unlabelled(name: str, splits: Splits, config: DataConfig) -> UnlabelledTexts:
    """Read texts, clean them as the others were, and keep those that are new.

    A text repeats another when they are nearly the same, as `near_key` has it. Repeats of
    validation and test texts would be leaks, repeats of training texts have labels.

    Args:
        name: A file with a text on each line (`.txt`), or whatever data can be read from.
        splits: The labelled rows; what was done to clean them is done here too.
        config: How they were read: their encoding and their column of texts are tried first.

    Raises:
        DataError: It cannot be read, there is no telling which column holds the texts, or nothing
            in it is new.
    """
    texts = apply_cleaning(_read(name, config), splits.cleaning)
    texts = [text for text in texts if text.strip()]
    known = [text for frame in splits.frames().values() for text in frame["text"]]
    codes = near_codes([*known, *texts])
    first = np.unique(codes, return_index=True)[1]
    new = np.sort(first[first >= len(known)]) - len(known)
    if len(new) == 0:
        raise DataError(
            f"--unlabelled {name}: none of its {count(len(texts), 'text')} is new; wanted texts "
            "that are not among the labelled ones"
        )
    frame = pd.DataFrame({"text": pd.Series([texts[position] for position in new], dtype="str")})
    return UnlabelledTexts(frame, name, len(texts) - len(new))


def _read(name: str, config: DataConfig, given: str | None = None) -> list[str]:
    """The texts of whatever data can be read from; a text file's encoding is that of the others.

    Args:
        name: What is read.
        config: How labelled texts were read: the same column is taken where there is one.
        given: The column that must be there.
    """
    if name.startswith("hub:") or (name in CORPORA and not Path(name).is_file()):
        table = read_source(DataConfig(data=name, hub_config=config.hub_config, neutral=True))
    else:
        lines = bare_suffix(name) in LINES
        options = ReadOptions(encoding=config.encoding if lines else None)
        table = collect(open_table(name, options, suits))
    column = choose_text_column(table, given, config.text_column)
    texts, _ = to_strings(table, column, "text")
    return [str(text) for text in texts.dropna()]
