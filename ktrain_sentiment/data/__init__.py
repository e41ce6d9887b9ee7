"""From someone's export to a clean, split training set: pandas in, pandas out."""

from __future__ import annotations

from ktrain_sentiment.data.corpora import CORPORA, corpus_path, data_folder
from ktrain_sentiment.data.labelled import LabelledTexts, Splits, fingerprint
from ktrain_sentiment.data.reading import (
    keep_rows,
    read_frame,
    read_labelled,
    read_rows,
    read_texts,
)
from ktrain_sentiment.data.splitfiles import is_prepared, write_splits
from ktrain_sentiment.data.splitnames import SPLIT_NAMES
from ktrain_sentiment.data.splitting import k_fold, split
from ktrain_sentiment.data.unlabelled import UnlabelledTexts, read_unlabelled

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
    "read_frame",
    "read_labelled",
    "read_rows",
    "read_texts",
    "read_unlabelled",
    "split",
    "write_splits",
]
