"""Cross-validation: rows are predicted, and what is chosen is chosen, without seeing the rows."""

import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ktrain_sentiment.evaluation.calibration import apply_temperature, fit_temperature
from ktrain_sentiment.evaluation.multi_figures import choose_thresholds
from ktrain_sentiment.evaluation.predictions import LabelledPredictions
from ktrain_sentiment.runs import RunFolder
from ktrain_sentiment.tasks import CLASSES, SEVERAL, Task
from ktrain_sentiment.workflow.folding import by_other_folds
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


ROWS = 90
FOLD = np.repeat([0, 1, 2], 30)


def rows_of(labels: list[str], table: np.ndarray, task: Task) -> LabelledPredictions:
    frame = pd.DataFrame({"text": ["x"] * ROWS, "label": labels, "row": range(ROWS)})
    return LabelledPredictions.join(frame, table, ("a", "b"), task)


def test_thresholds_of_a_fold_are_those_of_the_other_folds() -> None:
    rng = np.random.default_rng(0)
    table = rng.random((ROWS, 2)) * 0.4
    has = rng.random((ROWS, 2)) < table * 2
    names = ["|".join(n for n, one in zip("ab", row, strict=True) if one) for row in has]
    found = by_other_folds(rows_of(names, table, SEVERAL), FOLD)
    for k in range(3):
        own = k == FOLD
        cuts = choose_thresholds(has[~own], table[~own])
        assert ((found.probabilities[own] >= 0.5) == (table[own] >= cuts)).all()
    assert found.task.cuts(2) == (0.5, 0.5)


def test_a_label_that_is_chance_gains_nothing_from_its_threshold() -> None:
    """Chosen on the rows that it is judged on, a threshold finds luck in them."""
    rng = np.random.default_rng(1)
    gains = []
    for _ in range(40):
        table = rng.random((ROWS, 2)) * 0.5
        has = rng.random((ROWS, 2)) < 0.15
        names = ["|".join(n for n, one in zip("ab", row, strict=True) if one) for row in has]
        rows = rows_of(names, table, SEVERAL)
        honest = by_other_folds(rows, FOLD).probabilities >= 0.5
        lucky = table >= choose_thresholds(has, table)
        gains.append(_f1(has, lucky) - _f1(has, honest))
    assert np.mean(gains) > 0.02


def _f1(has: np.ndarray, said: np.ndarray) -> float:
    return float((2 * (has & said).sum(0) / np.maximum((has.astype(int) + said).sum(0), 1)).mean())


def test_the_temperature_of_a_fold_is_that_of_the_other_folds() -> None:
    rng = np.random.default_rng(2)
    first = rng.random(ROWS)
    truth = (rng.random(ROWS) > first).astype(int)
    sharp = apply_temperature(np.stack([first, 1 - first], axis=1), 0.3)
    found = by_other_folds(rows_of(["ab"[k] for k in truth], sharp, CLASSES), FOLD)
    for k in range(3):
        own = k == FOLD
        wanted = apply_temperature(sharp[own], fit_temperature(truth[~own], sharp[~own]))
        assert found.probabilities[own] == pytest.approx(wanted)
