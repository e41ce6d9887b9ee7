"""What reading gives: texts with labels, and what was decided on the way."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

from ktrain_sentiment.config import DataConfig
from ktrain_sentiment.tables.folders import SPLIT_NAMES

OWN_COLUMNS = ("text", "label", "row")
"""The columns that every frame of this package has; others are the source's own."""


@dataclass(frozen=True)
class LabelledTexts:
    """Texts with labels, in the order of their source.

    Attributes:
        frame: Columns `text` (str), `label` (str), `row` (int, 1-based: the line of a text file,
            the row of a sheet, the number of a record), then all other columns of the source.
        source: What was read, as the user named it.
        text_column: The source's column that became `text`.
        label_column: The source's column that became `label`.
        notes: One-line remarks to show the user: what was chosen, what was left out and why.
        config: How it was read, so that further files can be read the same way; its `cleaning`
            is what was done to the texts.
        is_split: The source is divided already: column `split` says where each row belongs.
        is_final: The rows were selected when the source was prepared, and stay as they are.
        table: How the source was read, for the predictor's manifest: its columns of texts and
            labels, all its columns, and where known the fields of `ReadAs`.
    """

    frame: pd.DataFrame
    source: str
    text_column: str
    label_column: str
    notes: tuple[str, ...] = ()
    config: DataConfig = field(default_factory=DataConfig)
    is_split: bool = False
    is_final: bool = False
    table: Mapping[str, Any] = field(default_factory=dict)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that occur, sorted."""
        return tuple(sorted(self.frame["label"].dropna().unique()))

    @property
    def counts(self) -> dict[str, int]:
        """Rows for each label, most frequent first."""
        return {str(name): int(n) for name, n in self.frame["label"].value_counts().items()}

    def __len__(self) -> int:
        return len(self.frame)


@dataclass(frozen=True)
class Splits:
    """The rows of a data set, divided; each frame has a fresh RangeIndex.

    Attributes:
        train: Rows to train on.
        validation: Rows to choose on.
        test: Rows kept for the final figures; may be empty.
        labels: The labels of train, sorted: the classes' order.
        source: What was divided, as the user named it.
        cleaning: The steps that were applied to the texts, for the predictor's manifest.
        notes: One-line remarks to show the user.
        table: How the source was read, for the predictor's manifest.
    """

    train: pd.DataFrame
    validation: pd.DataFrame
    test: pd.DataFrame
    labels: tuple[str, ...]
    source: str = ""
    cleaning: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    table: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of which text and label lies in which split, in order."""
        return splits_fingerprint(self.frames())

    def frames(self) -> dict[str, pd.DataFrame]:
        """The splits by name."""
        return {name: getattr(self, name) for name in SPLIT_NAMES}

    def sizes(self) -> dict[str, int]:
        """Rows in each split."""
        return {name: len(frame) for name, frame in self.frames().items()}


def splits_fingerprint(frames: Mapping[str, pd.DataFrame]) -> str:
    """SHA-256 (hex) of the texts and labels of each split, under its name."""
    digest = hashlib.sha256()
    for name, frame in frames.items():
        digest.update(f"{name}:{fingerprint(frame)};".encode())
    return digest.hexdigest()


def fingerprint(frame: pd.DataFrame) -> str:
    """SHA-256 (hex) of the texts and labels of a frame, in order, whatever its other columns."""
    digest = hashlib.sha256()
    for text, label in zip(frame["text"], frame["label"], strict=True):
        for part in (text, label):
            encoded = part.encode("utf-8", "surrogatepass")
            digest.update(len(encoded).to_bytes(8, "little"))
            digest.update(encoded)
    return digest.hexdigest()
