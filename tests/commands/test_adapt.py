"""adapt and distil-encoder as a user runs them: killed, resumed, and trained on."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from support.process import ROOT, complaint_of, run_python, sha256, wait_for

FLAGS = (
    "--maxlen", "32", "--epochs", "2", "--batch-size", "16", "--checkpoint-every", "3",
    "--no-accelerate", "--quiet",
)  # fmt: skip


def start(command: list[str], output: Path, *more: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, *command, *FLAGS, "--output", str(output), *more],
        cwd=ROOT, env=os.environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["adapt", "distil_encoder"])
def test_a_process_killed_and_resumed_ends_with_the_same_encoder(
    name: str, deeper_bert: Path, tiny_encoder: Path, reviews_csv: Path, tmp_path: Path
) -> None:
    # The first has no head, so that one is trained first; the other comes with one.
    command = ["scripts/adapt.py", str(reviews_csv), "--encoder", str(deeper_bert)]
    if name == "distil_encoder":
        command = ["scripts/distil_encoder.py", str(tiny_encoder), str(reviews_csv)]
    unbroken = start(command, tmp_path / "unbroken")
    broken = start(command, tmp_path / "broken")
    wait_for(tmp_path / "broken" / "checkpoints" / "encoder" / "last.safetensors", broken)
    broken.send_signal(signal.SIGKILL)
    broken.communicate()
    assert not (tmp_path / "broken" / "model.safetensors").exists()
    resumed = start(command, tmp_path / "broken", "--resume")
    for process in (resumed, unbroken):
        _, complaint = process.communicate(timeout=400)
        assert process.returncode == 0, complaint
    made = [tmp_path / part / "model.safetensors" for part in ("unbroken", "broken")]
    assert sha256(made[0]) == sha256(made[1])
    if name == "adapt":
        done = run_python(
            "scripts/train.py", reviews_csv, "--encoder", tmp_path / "broken", "--run",
            tmp_path / "run", "--learning-rate", "2e-3", "--adversarial-epsilon", "0",
            "--maxlen", "32", "--epochs", "2", "--no-accelerate", "--json",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout.splitlines()[-1])["accuracy"] > 0.6


def test_flags_that_contradict_each_other_are_refused() -> None:
    said = complaint_of("scripts/adapt.py", "x.csv", "--overwrite", "--resume")
    assert "--overwrite and --resume contradict each other" in said
    said = complaint_of("scripts/distil_encoder.py", "minilm", "x.csv", "--layers", "0")
    assert "--layers 0: wanted half, or a number" in said
