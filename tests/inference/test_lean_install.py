"""`pip install ktrain-sentiment` alone predicts: shown in an environment that has nothing else."""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from support.process import ROOT

HEAVY = {"tensorflow", "tf_keras", "keras", "ktrain", "transformers", "torch", "onnx", "tf2onnx",
         "safetensors", "scikit-learn"}  # fmt: skip


def outside(**further: str) -> dict[str, str]:
    """The environment without the tests' fence, so that pip reaches the package index."""
    fenced = {"PYTHONPATH", "PIP_NO_INDEX", "PYTHONHOME", "VIRTUAL_ENV"}
    return {name: value for name, value in os.environ.items() if name not in fenced} | further


def call(*command: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        list(map(str, command)), env=outside(PIP_DISABLE_PIP_VERSION_CHECK="1"), cwd=cwd,
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def lean_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a new environment with this package and what it depends on."""
    home = tmp_path_factory.mktemp("lean")
    reachable = call(sys.executable, "-m", "pip", "download", "--no-deps", "-q", "-d", home, "tqdm")
    if reachable.returncode:
        pytest.skip("no package index can be reached")
    venv.create(home / "env", with_pip=True)
    python = home / "env" / "bin" / "python"
    source = home / "source"
    shutil.copytree(ROOT / "ktrain_sentiment", source / "ktrain_sentiment")
    shutil.copytree(ROOT / "requirements", source / "requirements")
    for name in ("pyproject.toml", "requirements.txt", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    done = call(python, "-m", "pip", "install", "-q", source, cwd=home)
    assert done.returncode == 0, done.stderr
    return python


def test_nothing_heavy_is_installed(lean_python):
    listed = call(lean_python, "-m", "pip", "list", "--format=freeze").stdout.split()
    installed = {line.split("==")[0] for line in listed}
    assert {"ktrain-sentiment", "onnxruntime", "tokenizers"} <= installed
    assert not HEAVY & installed


def test_it_predicts_from_python(lean_python, predictor, tmp_path):
    code = f"""
import ktrain_sentiment
print(ktrain_sentiment.__file__)
print(ktrain_sentiment.load({str(predictor)!r}).predict(["a superb plot"])[0].label)
"""
    done = call(lean_python, "-c", code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    place, label = done.stdout.split()
    assert str(lean_python.parents[1]) in place
    assert label in {"negative", "positive"}


def test_it_scores_files_from_the_command_line(lean_python, predictor, reviews_csv, tmp_path):
    script = ROOT / "scripts" / "predict.py"
    arguments = ["--predictor", predictor, "--file", reviews_csv, "--output", "out.parquet"]
    done = call(lean_python, script, *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "600 rows" in done.stderr


def test_what_needs_more_names_the_command(lean_python, predictor, tmp_path):
    script = ROOT / "scripts" / "predict.py"
    arguments = ["--predictor", predictor, "--engine", "keras", "a film"]
    done = call(lean_python, script, *arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert 'pip install "ktrain-sentiment[train]"' in done.stderr
    assert len(done.stderr.splitlines()) == 1
