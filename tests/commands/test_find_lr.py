"""find_lr.py as a user runs it: a curve, its suggestions, or a refusal to suggest."""

import json
from pathlib import Path

import pandas as pd

from support.process import complaint_of, run_here, run_python

FLAGS = [
    "--maxlen", "32", "--batch-size", "16", "--adversarial-epsilon", "0", "--no-accelerate",
    "--quiet", "--json",
]  # fmt: skip


def test_a_search_writes_curve_picture_and_suggestions(
    tiny_bert: Path, reviews_csv: Path, tmp_path: Path
) -> None:
    done = run_python(
        "scripts/find_lr.py", reviews_csv, "--encoder", tiny_bert, "--run", tmp_path / "lr",
        "--search-start", "1e-4", "--search-end", "3", "--search-steps", "90", *FLAGS,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["chosen"] is not None or figures["problem"]
    curve = pd.read_csv(tmp_path / "lr" / "lr_find.csv")
    assert list(curve) == ["learning_rate", "loss", "smoothed"]
    assert len(curve) == figures["steps"] <= 90
    assert (tmp_path / "lr" / "lr_find.png").read_bytes().startswith(b"\x89PNG")
    stored = json.loads((tmp_path / "lr" / "lr_find.json").read_text())
    assert stored["suggestions"] == figures["suggestions"]


def test_varied_settings_share_one_picture_and_short_searches_are_refused(
    tiny_bert: Path, reviews_csv: Path, tmp_path: Path
) -> None:
    done = run_here(
        "scripts/find_lr.py", reviews_csv, "--encoder", tiny_bert, "--run", tmp_path / "lr",
        "--search-steps", "8", "--vary", "freeze=none,embeddings", *FLAGS,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert set(figures["curves"]) == {"freeze none", "freeze embeddings"}
    assert figures["chosen"] is None
    assert "--search-steps" in figures["problem"]
    assert "--search-steps" in done.stdout


def test_an_unknown_setting_to_vary_is_refused(reviews_csv: Path) -> None:
    assert "batch_size" in complaint_of(
        "scripts/find_lr.py", reviews_csv, "--vary", "colour=red,blue"
    )


def test_an_earlier_search_is_not_overwritten(reviews_csv: Path, tmp_path: Path) -> None:
    (tmp_path / "lr_find.json").write_text("{}")
    assert "--overwrite" in complaint_of("scripts/find_lr.py", reviews_csv, "--run", tmp_path)
    assert (tmp_path / "lr_find.json").read_text() == "{}"


def test_ktrains_own_classifiers_share_one_picture(reviews_csv: Path, tmp_path: Path) -> None:
    done = run_here(
        "scripts/find_lr.py", reviews_csv, "--vary", "model=nbsvm,logreg", "--run", tmp_path / "lr",
        "--search-steps", "60", "--vocab-size", "300", "--quiet", "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert set(figures["curves"]) == {"model nbsvm", "model logreg"}
    rates = pd.read_csv(tmp_path / "lr" / "lr_find.csv")["learning_rate"]
    assert rates.max() > 0.1
