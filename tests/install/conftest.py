"""The wheel, made from a copy of the tree: nothing that lies about in a clone can slip in."""

import shutil
import sys
from pathlib import Path

import pytest

from support.process import ROOT, call_outside


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the package."""
    home = tmp_path_factory.mktemp("wheel")
    shutil.copytree(
        ROOT / "ktrain_sentiment", home / "ktrain_sentiment",
        ignore=shutil.ignore_patterns("__pycache__"),
    )  # fmt: skip
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, home / name)
    done = call_outside(
        sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", home / "dist", home,
        cwd=home,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (made,) = (home / "dist").glob("*.whl")
    return made
