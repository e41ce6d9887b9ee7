"""Prepare a file of invented rows step by step, on request, and say what was found of the truth.

python check_data.py FILE FOLDER BLOCK EXACT NEAR SIMILAR
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from answers import say

from ktrain_sentiment.config import DataConfig, SplitConfig
from ktrain_sentiment.data import keep_rows, read_rows, split, write_splits
from ktrain_sentiment.data.profile import profile
from ktrain_sentiment.data.repeats import check_splits, find_repeats


class Preparation:
    """What `prepare` does, a step at a time, and the parts of it that are of interest alone.

    Args:
        file: Rows as `data_checks.py` invents them.
        folder: Where splits are written.
        block: Rows after which the kinds come again.
        planted: The place of each kind of repeat among these: exact, near, similar.
    """

    def __init__(self, file: str, folder: str, block: str, *planted: str) -> None:
        """Nothing is read yet."""
        self._config, self._folder = DataConfig(data=file, task="classes"), Path(folder)
        self._block, self._planted = int(block), tuple(map(int, planted))

    def read(self) -> None:
        """All rows."""
        self._read = read_rows(self._config)

    def select(self) -> int:
        """Leave out exact repeats and what is contradicted; how many are left."""
        self._kept = keep_rows(self._read)
        return len(self._kept)

    def split(self) -> None:
        """Stratified, near repeats together."""
        self._splits = split(self._kept, SplitConfig())

    def profile(self) -> dict[str, int]:
        """All checks, leaks among them, classes and words; the rows that each check found."""
        found = profile(self._read, self._kept, self._splits)
        return {one.check: one.rows for one in found.findings}

    def write(self) -> None:
        """Three files and their digest."""
        write_splits(self._splits, self._folder)

    def group(self) -> list[int]:
        """Split by author: how many rows each split has."""
        by_author = split(self._kept, SplitConfig(group="author", leaks="drop"))
        return list(by_author.sizes().values())

    def leaks(self) -> list[int]:
        """Leaks across the splits, near and similar, of which rows concern each finding."""
        return [one.rows for one in check_splits(self._splits)]

    def repeats(self) -> dict[str, dict[str, int]]:
        """Exact, near and similar repeats: how many there are, are found, and are none."""
        found = find_repeats(self._read.frame["text"])
        kind = (self._read.frame["row"].to_numpy() - 1) % self._block
        counts = {}
        for name, number in zip(("exact", "near", "similar"), self._planted, strict=True):
            own, planted = getattr(found, name), kind == number
            counts[name] = {
                "planted": int(planted.sum()),
                "found": int(np.sum(own & planted)),
                "others": int(np.sum(own & ~planted)),
            }
        return counts


if __name__ == "__main__":
    preparation = Preparation(*sys.argv[1:])
    say(ready=True)
    for line in sys.stdin:
        work: Callable[[], Any] = getattr(preparation, line.strip())
        begun, used = time.perf_counter(), time.process_time()
        found = work()
        say(seconds=time.perf_counter() - begun, core=time.process_time() - used, found=found)
