"""What the tests of reading share."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ktrain_sentiment.config import DataConfig
from ktrain_sentiment.data import LabelledTexts, read_labelled
from support.sides import Side, agree, predicted, trained

Write = Callable[..., Path]
Read = Callable[..., LabelledTexts]
Both = Callable[..., Side]


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
def both() -> Both:
    """Read a file through both doors, see that they agree, and return what prediction made of it.

    Its refusal is that of training where prediction goes on without the row.
    """

    def read_both(source: str | Path, **flags: object) -> Side:
        training, prediction = trained(source, **flags), predicted(source, **flags)
        assert agree(training, prediction), (training, prediction)
        assert "\n" not in training.refusal
        return prediction

    return read_both
