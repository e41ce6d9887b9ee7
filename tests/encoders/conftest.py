"""An encoder to spoil, and someone who asks a hub."""

import shutil
from pathlib import Path

import pytest

from support.encoders import User
from support.hub import Hub


@pytest.fixture
def encoder(tmp_path: Path, tiny_encoder: Path) -> Path:
    """A copy of the tiny encoder, to be spoilt."""
    return Path(shutil.copytree(tiny_encoder, tmp_path / "encoder"))


@pytest.fixture
def user(hub: Hub, tmp_path: Path) -> User:
    return User(hub.url, tmp_path / "cache")
