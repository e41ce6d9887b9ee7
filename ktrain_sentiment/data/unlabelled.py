"""Texts without labels, to learn from with a teacher: read, and rid of what is known already."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ktrain_sentiment.cleaning import apply_cleaning
from ktrain_sentiment.config import DataConfig
from ktrain_sentiment.data.columns import choose_text_column
from ktrain_sentiment.data.delimited import find_encoding
from ktrain_sentiment.data.labelled import Splits
from ktrain_sentiment.data.opening import bare_suffix, opened
from ktrain_sentiment.data.sources import read_source
from ktrain_sentiment.data.textkeys import near_codes
from ktrain_sentiment.data.values import to_strings
from ktrain_sentiment.errors import DataError
from ktrain_sentiment.tables.messages import count

LINES = (".txt", ".text")
"""Suffixes of files that hold a text on each line, commas and all."""

_LINE_END = re.compile(r"\r\n|\r|\n")


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


def _read(name: str, config: DataConfig) -> list[str]:
    path = Path(name).expanduser()
    if bare_suffix(path) in LINES:
        return _read_lines(path, config.encoding)
    table = read_source(DataConfig(data=name, hub_config=config.hub_config, neutral=True))
    wanted = config.text_column if config.text_column in table.frame.columns else None
    texts, _ = to_strings(table, choose_text_column(table, wanted), "text")
    return [str(text) for text in texts.dropna()]


def _read_lines(path: Path, encoding: str | None) -> list[str]:
    name = find_encoding(path, encoding).name
    with opened(path) as stream:
        contents = stream.read()
    try:
        return _LINE_END.split(contents.decode(name))
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not {name} text; name its --encoding") from error
