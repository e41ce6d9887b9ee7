"""Cross-validation of a real run: every row predicted by a model that did not see it."""

import json
import re
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from ktrain_sentiment.runs import RunFolder
from support.process import run_python

Finished = subprocess.CompletedProcess[str]


def train(data: Path, encoder: Path, run: Path, *more: str) -> Finished:
    done = run_python(
        "scripts/train.py", data, "--encoder", encoder, "--run", run, "--folds", "3",
        "--maxlen", "32", "--epochs", "4", "--batch-size", "16", "--learning-rate", "2e-3",
        "--adversarial-epsilon", "0", "--no-accelerate", *more,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def folded(
    tmp_path_factory: pytest.TempPathFactory, tiny_bert: Path, reviews_csv: Path
) -> tuple[RunFolder, Finished]:
    run = tmp_path_factory.mktemp("runs") / "folded"
    return RunFolder(run), train(reviews_csv, tiny_bert, run)


def test_every_row_that_is_not_test_is_predicted_once(folded: tuple[RunFolder, Finished]) -> None:
    run, _ = folded
    rows = [pd.read_parquet(run.split(name))["row"] for name in ("train", "validation")]
    predicted = pd.read_parquet(run.predictions("out_of_fold"))
    assert sorted(predicted["row"]) == sorted(pd.concat(rows))
    test = pd.read_parquet(run.split("test"))
    assert not set(predicted["row"]) & set(test["row"])


def test_its_figures_are_kept_and_shown(folded: tuple[RunFolder, Finished]) -> None:
    run, done = folded
    found = json.loads(run.metrics.read_text())["cross_validation"]
    predicted = pd.read_parquet(run.predictions("out_of_fold"))
    right = (predicted["label"] == predicted["predicted"]).mean()
    assert found["folds"] == 3
    assert found["pooled"]["accuracy"]["value"] == pytest.approx(right, abs=1e-6)
    over = found["spread"]["accuracy"]
    assert over["lowest"] <= over["mean"] <= over["highest"]
    # Of 540 rows, five standard errors above chance; how far four epochs come depends on the CPU.
    assert over["mean"] > 0.61
    assert "540 rows, each predicted by one of 3 models" in re.sub(r"\s+", " ", done.stdout)
    assert "Cross-validation" in run.report.read_text()


def test_errors_are_looked_for_among_all_of_them(folded: tuple[RunFolder, Finished]) -> None:
    run, _ = folded
    done = run_python("scripts/inspect_errors.py", run.path, "--json", "--quiet")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["rows"] == 540


def test_folds_that_are_done_are_not_trained_again(
    folded: tuple[RunFolder, Finished], tiny_bert: Path, reviews_csv: Path
) -> None:
    run, _ = folded
    before = pd.read_parquet(run.predictions("out_of_fold"))
    for path in (run.metrics, run.predictions("out_of_fold"), run.fold(3)):
        path.unlink()
    done = train(reviews_csv, tiny_bert, run.path, "--resume")
    assert re.findall(r"cross-validation, fold (\d) of 3", done.stderr) == ["3"]
    pd.testing.assert_frame_equal(pd.read_parquet(run.predictions("out_of_fold")), before)
