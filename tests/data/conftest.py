"""Real data, for those who have them."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

REAL_DATA = os.environ.get("REAL_DATA", "")
"""A folder with sst2_dev.parquet, imdb_train.parquet and their like, for those who have them."""


@pytest.fixture
def real_data() -> Callable[[str], Path]:
    """The path of a file of real data; the test is skipped where it is absent."""

    def find(name: str) -> Path:
        path = Path(REAL_DATA) / name
        if not REAL_DATA or not path.is_file():
            pytest.skip(f"REAL_DATA names no folder with {name}")
        return path

    return find
