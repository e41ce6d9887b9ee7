"""`pip install ktrain-sentiment` alone predicts: shown in an environment that has nothing else."""

import json
import sys
import venv
from pathlib import Path

import pytest

from support.process import ROOT, call_outside

HEAVY = {"tensorflow", "tf_keras", "keras", "ktrain", "transformers", "torch", "onnx", "tf2onnx",
         "safetensors", "scikit-learn"}  # fmt: skip


@pytest.fixture(scope="module")
def lean_python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a new environment with this package and what it depends on."""
    home = tmp_path_factory.mktemp("lean")
    reachable = call_outside(
        sys.executable, "-m", "pip", "download", "--no-deps", "-q", "-d", home, "tqdm", cwd=home
    )
    if reachable.returncode:
        pytest.skip("no package index can be reached")
    venv.create(home / "env")
    python = home / "env" / "bin" / "python"
    # What is imported is compiled then; all of it at once takes longer than these tests.
    done = call_outside(*pip_of(python), "install", "-q", "--no-compile", wheel, cwd=home)
    assert done.returncode == 0, done.stderr
    return python


def pip_of(python: Path) -> tuple[str | Path, ...]:
    """This environment's pip on another one, which needs none of its own."""
    return sys.executable, "-m", "pip", "--python", python


def test_nothing_heavy_is_installed(lean_python):
    listed = call_outside(*pip_of(lean_python), "list", "--format=freeze", cwd=ROOT).stdout.split()
    installed = {line.split("==")[0] for line in listed}
    assert {"ktrain-sentiment", "onnxruntime", "tokenizers"} <= installed
    assert not HEAVY & installed


def test_it_predicts_from_python(lean_python, predictor, tmp_path):
    code = f"""
import ktrain_sentiment
print(ktrain_sentiment.__file__)
print(ktrain_sentiment.load({str(predictor)!r}).predict(["a superb plot"])[0].label)
"""
    done = call_outside(lean_python, "-c", code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    place, label = done.stdout.split()
    assert str(lean_python.parents[1]) in place
    assert label in {"negative", "positive"}


def test_it_scores_files_from_the_command_line(lean_python, predictor, reviews_csv, tmp_path):
    arguments = [
        "predict",
        "--predictor",
        predictor,
        "--file",
        reviews_csv,
        "--output",
        "out.parquet",
    ]
    done = call_outside(lean_python.with_name("ktrain-sentiment"), *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "600 rows" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["predict", "--engine", "keras", "--predictor", "{predictor}", "a film"],
        ["train", "{data}"],
        ["find-lr", "{data}"],
        ["compare", "{data}"],
        ["demo"],
        ["evaluate", "{data}", "--predictor", "{predictor}", "--report", "page.html"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_what_needs_more_is_refused_with_the_command_that_installs_it(
    lean_python, predictor, reviews_csv, tmp_path, arguments
):
    filled = [one.format(predictor=predictor, data=reviews_csv) for one in arguments]
    done = call_outside(lean_python.with_name("ktrain-sentiment"), *filled, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert 'pip install "ktrain-sentiment[train]"' in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_it_evaluates_labelled_data(lean_python, predictor, reviews_csv, tmp_path):
    arguments = ["evaluate", reviews_csv, "--predictor", predictor, "--json"]
    done = call_outside(lean_python.with_name("ktrain-sentiment"), *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["n"] == 600


def test_it_makes_a_folder_for_a_server(lean_python, predictor, tmp_path):
    arguments = ["export", predictor, "--onnx-only", "--output", "small"]
    done = call_outside(lean_python.with_name("ktrain-sentiment"), *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "small" / "onnx" / "model_quantized.onnx").is_file()
