"""From someone's export to a clean, split training set: pandas in, pandas out."""

from __future__ import annotations

from ktrain_sentiment.data.corpora import CORPORA, corpus_path, data_folder
from ktrain_sentiment.data.labelled import SPLIT_NAMES, LabelledTexts, Splits, fingerprint
from ktrain_sentiment.data.reading import read_labelled
from ktrain_sentiment.data.splitting import split

__all__ = [
    "CORPORA",
    "SPLIT_NAMES",
    "LabelledTexts",
    "Splits",
    "corpus_path",
    "data_folder",
    "fingerprint",
    "read_labelled",
    "split",
]
