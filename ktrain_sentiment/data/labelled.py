"""Texts with labels, divided or not: what reading gives, and how a prepared data set is kept."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from ktrain_sentiment.atomic import write_json
from ktrain_sentiment.config import DataConfig
from ktrain_sentiment.data.at_rest import in_portions
from ktrain_sentiment.data.labels import label_order
from ktrain_sentiment.errors import ConfigError, DataError, one_line
from ktrain_sentiment.messages import flag_of
from ktrain_sentiment.tables.folders import SPLIT_NAMES
from ktrain_sentiment.tables.frame_writing import write_table
from ktrain_sentiment.tasks import SCORE, TASKS, Kind, Task, indicators, occurring

OWN_COLUMNS = ("text", "label", "row")
"""The columns that every frame of this package has; others are the source's own."""


def source_column(name: str, taken: Collection[str] = OWN_COLUMNS) -> str:
    """What a column of the source is called in frames: otherwise where its name is taken.

    Args:
        name: Its name in the source.
        taken: Names that stand for something else.
    """
    return f"source_{name}" if name in taken else name


@dataclass(frozen=True)
class LabelledTexts:
    """Texts with labels, in the order of their source.

    Attributes:
        frame: Columns `text` (str), `label` (str; several are joined by |), `row` (int, 1-based:
            the line of a text file, the row of a sheet, the number of a record), then all other
            columns of the source.
        source: What was read, as the user named it.
        text_column: The source's column that became `text`.
        label_column: The source's column that became `label`.
        notes: One-line remarks to show the user: what was chosen, what was left out and why.
        left_out: Those of the notes that say which rows were not taken.
        repeats: How many of these repeat a row that was.
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
    left_out: tuple[str, ...] = ()
    repeats: int = 0
    config: DataConfig = field(default_factory=DataConfig)
    is_split: bool = False
    is_final: bool = False
    table: Mapping[str, Any] = field(default_factory=dict)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that occur, sorted; of scores the one name that all of them have."""
        return tuple(
            label_order(occurring(self.frame["label"].dropna().unique(), self.config.task))
        )

    @property
    def counts(self) -> dict[str, int]:
        """Rows for each label, most frequent first."""
        if self.config.task == "score":
            return {SCORE: len(self)}
        if self.config.task == "multi":
            found = indicators(self.frame["label"].dropna(), self.labels).sum(axis=0).tolist()
            by_label = dict(zip(self.labels, found, strict=True))
            return dict(sorted(by_label.items(), key=lambda one: -one[1]))
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
        labels: The labels of train, sorted: the classes' order; the name of a score.
        source: What was divided, as the user named it.
        cleaning: The steps that were applied to the texts, for the predictor's manifest.
        notes: One-line remarks to show the user.
        table: How the source was read, for the predictor's manifest.
        kind: What the labels are: `classes`, `stars`, `score` or `multi`.
    """

    train: pd.DataFrame
    validation: pd.DataFrame
    test: pd.DataFrame
    labels: tuple[str, ...]
    source: str = ""
    cleaning: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    table: Mapping[str, Any] = field(default_factory=dict)
    kind: Kind = "classes"

    @cached_property
    def task(self) -> Task:
        """What a model of these rows answers with."""
        return Task.of(self.kind, self.labels)

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
    parts = (itertools.chain.from_iterable(in_portions(frame[name])) for name in ("text", "label"))
    for text, label in zip(*parts, strict=True):
        for part in (text, label):
            encoded = part.encode("utf-8", "surrogatepass")
            digest.update(len(encoded).to_bytes(8, "little"))
            digest.update(encoded)
    return digest.hexdigest()


MARKER = "splits.json"
_FORMAT = 1
_SELECTING = (
    "also", "pair_column", "map", "fold_labels", "drop_labels", "multi_label", "cleaning",
    "duplicates", "contradictions", "min_class_size",
)  # fmt: skip


def write_splits(splits: Splits, folder: Path) -> None:
    """Write `train.parquet`, `validation.parquet`, `test.parquet` and `splits.json`.

    Args:
        splits: What to write; labels, texts and all other columns are kept.
        folder: An existing folder, such as `files.staged_folder` gives.
    """
    for name in SPLIT_NAMES:
        write_table(folder / f"{name}.parquet", getattr(splits, name))
    content = {
        "format": _FORMAT,
        "fingerprint": splits.fingerprint,
        "labels": splits.labels,
        "rows": splits.sizes(),
        "source": splits.source,
        "cleaning": splits.cleaning,
        "notes": splits.notes,
        "table": dict(splits.table),
        "task": splits.kind,
    }
    write_json(folder / MARKER, content)


def is_prepared(folder: Path) -> bool:
    """Whether `write_splits` made this folder."""
    return (folder / MARKER).is_file()


def read_prepared(folder: Path, config: DataConfig) -> LabelledTexts:
    """Read what `write_splits` wrote, with a column `split`.

    Raises:
        DataError: It is damaged, was changed since, or is of a newer format.
        ConfigError: The configuration selects or changes rows; that was done before.
    """
    _refuse_selecting(folder, config)
    content = _read_marker(folder)
    frames = {name: _read_split(folder / f"{name}.parquet") for name in SPLIT_NAMES}
    if splits_fingerprint(frames) != content.get("fingerprint"):
        raise DataError(
            f"{folder}: its rows are not those that {MARKER} describes: a file was changed or "
            "damaged; prepare the data again"
        )
    kind: Kind = content["task"] if content.get("task") in TASKS else "classes"
    if config.task not in ("auto", kind):
        raise ConfigError(
            f"--task {config.task}: {folder} is prepared with --task {kind}; prepare it again"
        )
    joined = pd.concat(
        [frame.assign(split=name) for name, frame in frames.items()], ignore_index=True
    )
    return LabelledTexts(
        frame=joined,
        source=str(content.get("source", folder)),
        text_column="text",
        label_column="label",
        notes=(f"prepared data set, fingerprint {content['fingerprint'][:12]}",),
        config=replace(config, cleaning=tuple(content.get("cleaning", ())), task=kind),
        is_split=True,
        is_final=True,
        table=dict(content.get("table", {})),
    )


def _refuse_selecting(folder: Path, config: DataConfig) -> None:
    defaults = {field.name: field.default for field in fields(DataConfig)}
    for name in _SELECTING:
        if getattr(config, name) != defaults[name]:
            flag = flag_of(name)
            raise ConfigError(
                f"{flag}: {folder} is prepared already; give {flag} when preparing it, or name the "
                "original data"
            )


def _read_marker(folder: Path) -> dict[str, Any]:
    path = folder / MARKER
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        number = int(content["format"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: damaged: {one_line(error)}") from error
    if number > _FORMAT:
        raise DataError(
            f"{path}: has format {number}, this version knows {_FORMAT}; update ktrain-sentiment"
        )
    return dict(content)


def _read_split(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        reason = one_line(error)
        raise DataError(f"{path}: cannot be read: {reason}; prepare the data again") from error
