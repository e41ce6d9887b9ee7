"""demo.py ends with its figures, and takes a finished run the second time."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

from support.process import run_here, run_python

Run = Callable[..., subprocess.CompletedProcess[str]]


def run_demo(run: Run, folder: Path, data: Path, encoder: Path) -> tuple[dict[str, object], str]:
    done = run(
        "scripts/demo.py", "--run", folder, "--data", data, "--encoder", encoder, "--epochs", "2",
        "--learning-rate", "2e-3", "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done.stderr


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
