"""From someone's export to a clean, split training set: pandas in, pandas out."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ktrain_sentiment.data.corpora import CORPORA, corpus_path, data_folder
    from ktrain_sentiment.data.labelled import (
        LabelledTexts,
        Splits,
        fingerprint,
        is_prepared,
        write_splits,
    )
    from ktrain_sentiment.data.reading import keep_rows, read_frame, read_labelled, read_rows
    from ktrain_sentiment.data.splitting import k_fold, read_and_split, split
    from ktrain_sentiment.data.unlabelled import UnlabelledTexts, read_texts, read_unlabelled
    from ktrain_sentiment.tables.folders import SPLIT_NAMES

_HOMES = {
    "data.corpora": ("CORPORA", "corpus_path", "data_folder"),
    "data.labelled": (
        "LabelledTexts",
        "Splits",
        "fingerprint",
        "is_prepared",
        "write_splits",
    ),
    "data.reading": ("keep_rows", "read_frame", "read_labelled", "read_rows"),
    "data.splitting": ("k_fold", "read_and_split", "split"),
    "data.unlabelled": ("UnlabelledTexts", "read_texts", "read_unlabelled"),
    "tables.folders": ("SPLIT_NAMES",),
}

__all__ = [
    "CORPORA",
    "SPLIT_NAMES",
    "LabelledTexts",
    "Splits",
    "UnlabelledTexts",
    "corpus_path",
    "data_folder",
    "fingerprint",
    "is_prepared",
    "k_fold",
    "keep_rows",
    "read_and_split",
    "read_frame",
    "read_labelled",
    "read_rows",
    "read_texts",
    "read_unlabelled",
    "split",
    "write_splits",
]


def __getattr__(name: str) -> object:
    """Open a room when it is asked for: choosing a column needs no pandas, most else does."""
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"ktrain_sentiment.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
