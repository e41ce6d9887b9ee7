"""Texts that stand in two splits: what makes a model look better than it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ktrain_sentiment.data.textkeys import near_codes

Codes = NDArray[np.int64]
_PAIRS = (("train", "validation"), ("train", "test"), ("validation", "test"))


@dataclass(frozen=True)
class Leak:
    """Rows of one split whose text, or nearly, stands in an earlier one too.

    Attributes:
        earlier: The split that is learned from.
        later: The split that is judged on.
        rows: How many rows of the later split are concerned.
        total: How many rows it has.
        examples: Some of them: (text, row in the earlier split, row in the later split).
    """

    earlier: str
    later: str
    rows: int
    total: int
    examples: tuple[tuple[str, int, int], ...] = ()

    def __str__(self) -> str:
        return (
            f"{self.rows:,} of {self.total:,} {self.later} rows stand in {self.earlier} too, "
            f"exactly or nearly (--leaks drop leaves them out of {self.earlier})"
        )


def leaks(splits: Mapping[str, pd.DataFrame]) -> tuple[Leak, ...]:
    """Find near duplicates across splits.

    Args:
        splits: Frames with `text` and `row`, under the names train, validation and test.
    """
    codes = _codes(splits)
    found = []
    for earlier, later in _PAIRS:
        shared = np.isin(codes[later], codes[earlier])
        if shared.any():
            examples = _examples(splits, codes, earlier, later, np.flatnonzero(shared)[:5])
            leak = Leak(earlier, later, int(shared.sum()), len(shared), examples)
            found.append(leak)
    return tuple(found)


def drop_leaks(splits: Mapping[str, pd.DataFrame]) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """Leave out of train and validation what is judged on later; later splits stay whole.

    Returns:
        The splits, and a note for each that lost rows.
    """
    codes = _codes(splits)
    judged = {
        "train": np.concatenate([codes["validation"], codes["test"]]),
        "validation": codes["test"],
    }
    kept = dict(splits)
    notes = []
    for name, later in judged.items():
        shared = np.isin(codes[name], later)
        if shared.any():
            kept[name] = splits[name][~shared]
            notes.append(
                f"left out {int(shared.sum()):,} rows of {name} that stand in a later split too"
            )
    return kept, notes


def _codes(
    splits: Mapping[str, pd.DataFrame],
) -> dict[str, Codes]:
    joined = near_codes(text for frame in splits.values() for text in frame["text"])
    stops = np.cumsum([len(frame) for frame in splits.values()])[:-1]
    return dict(zip(splits, np.split(joined, stops), strict=True))


def _examples(
    splits: Mapping[str, pd.DataFrame],
    codes: Mapping[str, Codes],
    earlier: str,
    later: str,
    positions: Codes,
) -> tuple[tuple[str, int, int], ...]:
    examples = []
    for position in positions:
        there = int(np.flatnonzero(codes[earlier] == codes[later][position])[0])
        row = splits[later].iloc[position]
        examples.append(
            (str(row["text"]), int(splits[earlier]["row"].iloc[there]), int(row["row"]))
        )
    return tuple(examples)
