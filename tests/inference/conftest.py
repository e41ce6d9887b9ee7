"""A predictor to load."""

from pathlib import Path

import pytest

import ktrain_sentiment
from ktrain_sentiment.inference.classifier import TextClassifier
from support.classics import save_counted
from support.predictors import build_predictor


@pytest.fixture(scope="session")
def predictor(tmp_path_factory: pytest.TempPathFactory, tiny_bert: Path) -> Path:
    """A whole predictor folder. Do not write to it."""
    return build_predictor(tiny_bert, tmp_path_factory.mktemp("predictors") / "predictor")


@pytest.fixture(scope="session")
def classifier(predictor: Path) -> TextClassifier:
    """That predictor, opened."""
    return ktrain_sentiment.load(predictor)


@pytest.fixture(scope="session")
def classic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one of ktrain's own classifiers. Do not write to it."""
    return save_counted(tmp_path_factory.mktemp("classics") / "predictor").folder.path
