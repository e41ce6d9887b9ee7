"""Train, validation and test: stratified, seeded, and no text in two of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ktrain_sentiment.config import SplitConfig
from ktrain_sentiment.data.labelled import LabelledTexts, Splits
from ktrain_sentiment.errors import DataError

Parts = NDArray[np.int8]
"""For each row 0 (train), 1 (validation) or 2 (test)."""


def split(texts: LabelledTexts, config: SplitConfig) -> Splits:
    """Divide labelled texts, the same way each time for the same rows and seed.

    Raises:
        DataError: There are too few rows of a class, or too few rows at all.
    """
    counts = texts.counts
    wanted = [
        _share(float(getattr(config, name)), len(texts), name) for name in ("validation", "test")
    ]
    _check_enough(counts, 1 + sum(share > 0 for share in wanted), texts.source)
    codes = pd.Categorical(texts.frame["label"], categories=list(texts.labels)).codes
    units = pd.factorize(texts.frame["text"])[0]
    parts = stratified(np.asarray(codes), units, wanted, config.split_seed)
    frames = [texts.frame[parts == part].reset_index(drop=True) for part in range(3)]
    return Splits(frames[0], frames[1], frames[2], labels=texts.labels)


def _share(given: float, rows: int, name: str) -> float:
    """A share or a number of rows as a share."""
    share = given if given < 1 else given / rows
    if share >= 1:
        raise DataError(f"--{name} {given:g}: only {rows:,} rows in all; name fewer")
    return share


def _check_enough(counts: dict[str, int], least: int, source: str) -> None:
    rare = {name: count for name, count in counts.items() if count < least}
    if rare:
        listed = ", ".join(f"{name} ({count})" for name, count in rare.items())
        raise DataError(
            f"{source}: too few rows to have each class in {least} splits: {listed}; leave such "
            f"classes out with --min-class-size {max(rare.values()) + 1}, or merge them with --map"
        )


def stratified(
    codes: NDArray[np.integer], units: NDArray[np.integer], shares: Sequence[float], seed: int
) -> Parts:
    """Assign rows to parts so that each part has each class in its proportion.

    Args:
        codes: The class of each row, from 0.
        units: Rows of the same unit stay together (equal texts, say).
        shares: The share of the rows for part 1, part 2, ...; part 0 takes the rest.
        seed: Of the shuffle.

    Returns:
        The part of each row. Each part gets at least one row of each class where it can.
    """
    rng = np.random.default_rng(seed)
    first = np.unique(units, return_index=True)[1]
    unit_codes = codes[first]
    part_of_unit = np.zeros(len(first), dtype=np.int8)
    for code in np.unique(unit_codes):
        members = rng.permutation(np.flatnonzero(unit_codes == code))
        start = 0
        for part, count in enumerate(_sizes(len(members), shares), start=1):
            part_of_unit[members[start : start + count]] = part
            start += count
    return part_of_unit[np.unique(units, return_inverse=True)[1]]


def _sizes(rows: int, shares: Sequence[float]) -> list[int]:
    """Rows for each share, at least one each while one is left for part 0."""
    sizes = [max(int(share * rows + 0.5), int(share > 0)) for share in shares]
    while sum(sizes) >= rows and any(sizes):
        sizes[int(np.argmax(sizes))] -= 1
    return sizes
