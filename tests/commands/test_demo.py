"""demo.py ends with its figures, and takes a finished run the second time."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ktrain_sentiment.commands.demo import Flags, settings_of
from support.process import run_here, run_python

Run = Callable[..., subprocess.CompletedProcess[str]]


def run_demo(run: Run, folder: Path, data: Path, encoder: Path) -> tuple[dict[str, object], str]:
    done = run(
        "scripts/demo.py", "--run", folder, "--data", data, "--encoder", encoder, "--epochs", "2",
        "--learning-rate", "2e-3", "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done.stderr


@pytest.mark.parametrize(
    ("flags", "augmented"),
    [(Flags(), True), (Flags(augment=False), False), (Flags(data="filme.csv"), False)],
)
def test_its_own_reviews_are_learned_with_rows_made_from_templates(
    flags: Flags, augmented: bool
) -> None:
    # Labels and language of a file may be any, and rows cannot be made for them all.
    assert settings_of(flags).training.augment is augmented


def test_the_demo_ends_with_one_line_of_figures_and_is_not_trained_twice(
    tiny_bert: Path, reviews_csv: Path, tmp_path: Path
) -> None:
    first, _ = run_demo(run_python, tmp_path / "demo", reviews_csv, tiny_bert)
    wanted = {"accuracy", "macro_f1", "baseline_accuracy", "learning_rate", "train_seconds"}
    assert wanted < set(first)
    assert Path(str(first["predictor"]), "manifest.json").is_file()
    weights = Path(str(first["predictor"]), "model.safetensors")
    written = weights.stat().st_mtime_ns
    second, said = run_demo(run_here, tmp_path / "demo", reviews_csv, tiny_bert)
    assert second == first
    assert weights.stat().st_mtime_ns == written
    assert "nothing to train" in said
