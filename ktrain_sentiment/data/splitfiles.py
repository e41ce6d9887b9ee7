"""A prepared data set on disk: one Parquet file a split, and what is in them."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pandas as pd

from ktrain_sentiment.atomic import write_json
from ktrain_sentiment.config import DataConfig
from ktrain_sentiment.data.labelled import LabelledTexts, Splits, splits_fingerprint
from ktrain_sentiment.errors import ConfigError, DataError
from ktrain_sentiment.tables.folders import SPLIT_NAMES
from ktrain_sentiment.tables.writing import write_table

MARKER = "splits.json"
_FORMAT = 1
_SELECTING = (
    "map", "fold_labels", "drop_labels", "multi_label", "cleaning", "duplicates",
    "contradictions", "min_class_size",
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
    joined = pd.concat(
        [frame.assign(split=name) for name, frame in frames.items()], ignore_index=True
    )
    return LabelledTexts(
        frame=joined,
        source=str(content.get("source", folder)),
        text_column="text",
        label_column="label",
        notes=(f"prepared data set, fingerprint {content['fingerprint'][:12]}",),
        config=replace(config, cleaning=tuple(content.get("cleaning", ()))),
        is_split=True,
        is_final=True,
        table=dict(content.get("table", {})),
    )


def _refuse_selecting(folder: Path, config: DataConfig) -> None:
    defaults = {field.name: field.default for field in fields(DataConfig)}
    for name in _SELECTING:
        if getattr(config, name) != defaults[name]:
            flag = f"--{name.replace('_', '-')}"
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
        raise DataError(f"{path}: damaged: {' '.join(str(error).split())}") from error
    if number > _FORMAT:
        raise DataError(
            f"{path}: has format {number}, this version knows {_FORMAT}; update ktrain-sentiment"
        )
    return dict(content)


def _read_split(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: cannot be read: {reason}; prepare the data again") from error
