"""Texts for benchmarks: files of one's own, or the named corpora that everybody can have."""

from __future__ import annotations

import pandas as pd

from ktrain_sentiment.config import DataConfig, SplitConfig
from ktrain_sentiment.data import read_labelled, split

JOINED = 8
"""Editorial sentences that make one long text, about 250 tokens."""


def labelled(source: str) -> pd.DataFrame:
    """All rows of a file or named corpus, repeats included: columns text and label."""
    config = DataConfig(data=source, duplicates="keep", contradictions="keep")
    return read_labelled(config).frame


def train_and_judged(train: str, judged: str | None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows to train on and rows to judge on: of another source, or a tenth of the first."""
    if judged is not None:
        return labelled(train), labelled(judged)
    divided = split(read_labelled(DataConfig(data=train)), SplitConfig(validation=0, test=0.1))
    return divided.train, divided.test


def long_texts(source: str | None) -> pd.DataFrame:
    """Long texts with labels of some kind; without a source, editorials' sentences, joined."""
    if source is not None:
        return labelled(source)
    sentences = labelled("editorials")
    parts = [sentences[k : k + JOINED] for k in range(0, len(sentences), JOINED)]
    rows = [(" ".join(part["text"]), part["label"].iloc[0]) for part in parts]
    return pd.DataFrame(rows, columns=["text", "label"])
