"""What the tests of reading share."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ktrain_sentiment.config import DataConfig
from ktrain_sentiment.data import LabelledTexts, read_labelled

Write = Callable[..., Path]
Read = Callable[..., LabelledTexts]
REAL_DATA = os.environ.get("REAL_DATA", "")
"""A folder with sst2_dev.parquet, imdb_train.parquet and their like, for those who have them."""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file of the given content and return its path."""

    def write_file(name: str, content: str | bytes, encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return write_file


@pytest.fixture
def read() -> Read:
    """Read labelled texts from a path, with flags by name."""
    return lambda path, **flags: read_labelled(DataConfig(data=str(path), **flags))


@pytest.fixture
def real_data() -> Callable[[str], Path]:
    """The path of a file of real data; the test is skipped where it is absent."""

    def find(name: str) -> Path:
        path = Path(REAL_DATA) / name
        if not REAL_DATA or not path.is_file():
            pytest.skip(f"REAL_DATA names no folder with {name}")
        return path

    return find
