"""A predictor saved from a tiny Keras model."""

from pathlib import Path

import pytest

from support.predictors import build_predictor


@pytest.fixture(scope="session")
def predictor(tmp_path_factory: pytest.TempPathFactory, tiny_bert: Path) -> Path:
    """A whole predictor folder. Do not write to it."""
    return build_predictor(tiny_bert, tmp_path_factory.mktemp("predictors") / "predictor")
