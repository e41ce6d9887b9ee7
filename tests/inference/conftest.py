"""A predictor to load."""

import shutil
from pathlib import Path

import pytest

import ktrain_sentiment
from ktrain_sentiment.inference.classifier import TextClassifier
from support.ktrain_models import save_counted


@pytest.fixture(scope="session")
def classifier(predictor: Path) -> TextClassifier:
    """That predictor, opened."""
    return ktrain_sentiment.load(predictor)


@pytest.fixture(scope="session")
def ktrain_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one of ktrain's own classifiers. Do not write to it."""
    return save_counted(tmp_path_factory.mktemp("ktrain-models") / "predictor").folder.path


@pytest.fixture
def copy(predictor: Path, tmp_path: Path) -> Path:
    """A predictor that may be damaged or tampered with."""
    return shutil.copytree(predictor, tmp_path / "copy")
