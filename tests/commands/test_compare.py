"""compare.py as a user runs it: every kind of model on the same rows, and a start that goes on."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ktrain_sentiment.workflow import comparing
from ktrain_sentiment.workflow.candidates import Job
from ktrain_sentiment.workflow.processes import in_own_process
from support.process import complaint_of, run_here

MODELS = ["majority", "tfidf", "vader", "probe", "nbsvm", "encoder"]


def command(data: Path, encoder: Path, run: Path, *more: str) -> list[str | Path]:
    return [
        "scripts/compare.py", data, "--encoder", encoder, "--run", run, "--maxlen", "32",
        "--epochs", "4", "--batch-size", "16", "--learning-rate", "2e-3", "--test", "0.25",
        "--adversarial-epsilon", "0",
        "--no-accelerate", "--ktrain-rate", "1e-2", "--ktrain-epochs", "3",
        "--few-shot", "4", "--few-shot-seeds", "1", "--models", *more,
    ]  # fmt: skip


def mostly_here(function: Callable[..., Any], job: Any, *, quiet: bool) -> Any:
    """Train the encoder in a process of its own, as all are, and the others here: imports last.

    That each has one is shown by `test_api.py` and the notebook. The accuracy of the encoder is
    looked at, and must not depend on what other tests have trained here.
    """
    apart = isinstance(job, Job) and job.model == "encoder"
    return in_own_process(function, job, quiet=quiet) if apart else function(job)


def compare(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparing, "in_own_process", mostly_here)
        return run_here(*arguments)


@pytest.fixture(scope="module")
def compared(
    tmp_path_factory: pytest.TempPathFactory, tiny_bert: Path, reviews_csv: Path
) -> tuple[Path, str]:
    run = tmp_path_factory.mktemp("runs") / "compared"
    done = compare(*command(reviews_csv, tiny_bert, run, *MODELS))
    assert done.returncode == 0, done.stderr
    return run, done.stdout


def test_every_model_is_judged_on_the_same_rows(compared: tuple[Path, str]) -> None:
    folder, _ = compared
    found = json.loads((folder / "comparison.json").read_text())
    models = {model["name"]: model for model in found["models"]}
    assert set(models) == set(MODELS)
    assert {model["accuracy"]["n"] for model in models.values()} == {150}
    assert models["tfidf"]["accuracy"]["value"] > models["majority"]["accuracy"]["value"] + 0.1
    assert models["encoder"]["accuracy"]["value"] > models["majority"]["accuracy"]["value"] + 0.1
    assert all(model["latency_ms"] > 0 for model in models.values())
    assert models["probe"]["disk_mb"] > 0 < models["nbsvm"]["disk_mb"]


def test_few_examples_are_drawn_for_those_that_learn(compared: tuple[Path, str]) -> None:
    folder, _ = compared
    found = json.loads((folder / "comparison.json").read_text())["few_shot"]
    assert {one["name"] for one in found} == {"tfidf", "probe", "nbsvm", "encoder"}
    assert {len(one["accuracies"]) for one in found} == {1}
    assert (folder / "few_shot.png").is_file()


def test_the_table_and_the_advice_are_shown_and_written(compared: tuple[Path, str]) -> None:
    folder, shown = compared
    assert re.search(r"^Take \w+: ", shown, re.MULTILINE)
    written = (folder / "comparison.md").read_text()
    assert written.count("\n|") == len(MODELS) + 1
    assert "Take " in written
    assert (folder / "comparison.png").is_file()


@pytest.mark.parametrize("name", ["encoder", "nbsvm"])
def test_what_is_trained_leaves_a_whole_run(name: str, compared: tuple[Path, str]) -> None:
    folder, _ = compared
    assert (folder / "models" / name / "predictor" / "manifest.json").is_file()
    assert (folder / "models" / name / "report.html").is_file()


def test_a_resumed_comparison_trains_only_what_is_new(
    compared: tuple[Path, str], tiny_bert: Path, reviews_csv: Path
) -> None:
    folder, _ = compared
    (folder / "result" / "tfidf.json").unlink()
    done = compare(*command(reviews_csv, tiny_bert, folder, *MODELS, "--resume"))
    assert done.returncode == 0, done.stderr
    assert re.findall(r"training (\w+) on", done.stderr) == ["tfidf"]


def test_a_folder_that_exists_is_not_touched(
    compared: tuple[Path, str], tiny_bert: Path, reviews_csv: Path
) -> None:
    folder, _ = compared
    assert "exists: choose another place" in complaint_of(
        *command(reviews_csv, tiny_bert, folder, *MODELS)
    )
    assert (folder / "comparison.json").is_file()
