"""Datasets of the hub, through a stand-in for the `datasets` library."""

import sys
from dataclasses import dataclass, field
from types import ModuleType

import pandas as pd
import pytest

from ktrain_sentiment.errors import DataError, MissingExtraError


@dataclass
class ClassLabel:
    names: list[str]


@dataclass
class Value:
    dtype: str = "string"


@dataclass
class Dataset:
    """As much of a dataset as reading needs."""

    frame: pd.DataFrame
    features: dict[str, object] = field(default_factory=dict)

    def to_pandas(self):
        return self.frame.copy()


def make(texts, labels):
    frame = pd.DataFrame({"text": texts, "label": labels})
    return Dataset(frame, {"text": Value(), "label": ClassLabel(["neg", "pos"])})


@pytest.fixture
def hub_with(monkeypatch):
    """Put a stand-in for `datasets` in place that holds the given splits."""
    asked = []

    def install(splits):
        def load_dataset(name, config=None, split=None):
            asked.append((name, config, split))
            if name != "stanfordnlp/imdb":
                raise FileNotFoundError(f"Couldn't find\nany data for {name}")
            return splits if split is None else splits[split]

        module = ModuleType("datasets")
        module.load_dataset = load_dataset
        monkeypatch.setitem(sys.modules, "datasets", module)
        return asked

    return install


def test_one_split_is_read_with_the_names_of_its_classes(hub_with, read):
    asked = hub_with({"train": make(["good", "bad", "unknown"], [1, 0, -1])})
    found = read("hub:stanfordnlp/imdb:train", hub_config="plain")
    assert asked == [("stanfordnlp/imdb", "plain", "train")]
    assert found.frame["label"].tolist() == ["pos", "neg"]
    assert not found.is_split
    assert any("without label: row 3" in note for note in found.notes)


def test_all_splits_are_read_and_kept_apart(hub_with, read):
    splits = {"train": make(["a", "b"], [1, 0]), "validation": make(["c", "d"], [1, 0]),
              "unsupervised": make(["e"], [-1])}  # fmt: skip
    hub_with(splits)
    found = read("hub:stanfordnlp/imdb")
    assert found.frame["split"].tolist() == ["train", "train", "validation", "validation"]
    assert found.is_split
    assert "left out the splits unsupervised" in found.notes


def test_whatever_the_library_raises_becomes_one_line(hub_with, read):
    hub_with({})
    with pytest.raises(DataError, match="hub:nobody/nothing: cannot be fetched: Couldn't find any"):
        read("hub:nobody/nothing")


def test_a_missing_library_names_the_command(monkeypatch, read):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises((MissingExtraError, ImportError), match="datasets"):
        read("hub:stanfordnlp/imdb")
