"""Datasets of the Hugging Face hub, through the `datasets` library."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ktrain_sentiment.data.frames import Collected, with_class_names
from ktrain_sentiment.errors import DataError, require
from ktrain_sentiment.tables.folders import split_name

_EXTRA = "datasets"


def read_hub(name: str, config: str | None = None) -> Collected:
    """Read a dataset of the hub; numbered classes get their names.

    Args:
        name: `<dataset>` for all its splits (train, validation, test), or `<dataset>:<split>`.
        config: The dataset's configuration, where it has several.

    Raises:
        DataError: It cannot be fetched, or has no such split.
        MissingExtraError: The `datasets` library is not installed.
    """
    datasets = require("datasets", _EXTRA)
    dataset, _, split = name.partition(":")
    if not dataset:
        raise DataError("hub: names no dataset; wanted hub:<dataset> or hub:<dataset>:<split>")
    source = f"hub:{name}"
    try:
        loaded = datasets.load_dataset(dataset, config, split=split or None)
    except Exception as error:
        # The library raises whatever its many parts raise; all of it is about what was asked for.
        raise DataError(f"{source}: cannot be fetched: {_short(error)}") from error
    if split:
        return _table(_frame(loaded), source)
    return _all_splits(loaded, source)


def _short(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 300 else f"{text[:297]}..."


def _all_splits(loaded: Any, source: str) -> Collected:  # noqa: ANN401
    named = {str(name): split_name(str(name)) for name in loaded}
    frames = [_frame(loaded[name]).assign(split=wanted) for name, wanted in named.items() if wanted]
    if not frames:
        listed = ", ".join(named)
        raise DataError(f"{source}: none of its splits is for training; add one of :{listed}")
    table = _table(pd.concat(frames, ignore_index=True), source)
    left = [name for name, wanted in named.items() if not wanted]
    note = f"left out the splits {', '.join(left)}" if left else ""
    return replace(table.with_notes(note), is_split=len(frames) > 1)


def _frame(dataset: Any) -> pd.DataFrame:  # noqa: ANN401
    """A split as a frame, with the names of classes for their numbers; -1 is no label there."""
    frame: pd.DataFrame = dataset.to_pandas()
    named = {name: getattr(feature, "names", None) for name, feature in dataset.features.items()}
    return with_class_names(frame, {name: names for name, names in named.items() if names})


def _table(frame: pd.DataFrame, source: str) -> Collected:
    return Collected(frame, np.arange(1, len(frame) + 1, dtype=np.int64), source)
