"""Which predictor is meant."""

import os
from pathlib import Path

import pytest

from ktrain_sentiment.errors import PredictorError
from ktrain_sentiment.inference.loading import find_predictor


def make(folder: Path, age: float = 0) -> Path:
    folder.mkdir(parents=True)
    manifest = folder / "manifest.json"
    manifest.touch()
    os.utime(manifest, (1_000_000 - age, 1_000_000 - age))
    return folder


def test_a_predictor_folder_is_taken_as_it_is(tmp_path):
    assert find_predictor(make(tmp_path / "mine")) == tmp_path / "mine"


def test_a_run_folder_stands_for_its_predictor(tmp_path):
    make(tmp_path / "run" / "predictor")
    assert find_predictor(tmp_path / "run") == tmp_path / "run" / "predictor"


def test_the_newest_run_is_the_default(tmp_path):
    make(tmp_path / "a" / "predictor", age=5)
    make(tmp_path / "b" / "predictor", age=1)
    make(tmp_path / "c" / "predictor", age=9)
    assert find_predictor(None, tmp_path) == tmp_path / "b" / "predictor"


def test_without_any_run_both_ways_out_are_named(tmp_path):
    with pytest.raises(PredictorError, match=r"ktrain-sentiment train, or .* --predictor"):
        find_predictor(None, tmp_path)
