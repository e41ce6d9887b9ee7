"""Training by several workers: what they refuse, and a run from the command to its predictor."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from ktrain_sentiment.config import TrainingSettings
from ktrain_sentiment.config.flat import from_flat
from ktrain_sentiment.data import Splits
from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.training.trainer import SoftTargets
from ktrain_sentiment.workflow import several_workers
from ktrain_sentiment.workflow.several_workers import cluster_of, refuse_with_workers
from support.process import ROOT, run_python

LEAVE_IT = "is trained by one worker: leave it out, or --workers (and TF_CONFIG)"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"model": "nbsvm"}, f"--model nbsvm {LEAVE_IT}"),
        ({"encoder": "auto"}, "--encoder auto races encoders in one process"),
        ({"few_labels": "auto"}, f"--few-labels {LEAVE_IT}"),
        ({"teacher": "runs/large/predictor"}, f"--teacher {LEAVE_IT}"),
        ({"folds": 5}, f"--folds {LEAVE_IT}"),
        ({"batch_size": 2}, "--batch-size 2: 3 workers share a batch"),
    ],
)
def test_what_several_workers_cannot_train_is_refused_in_one_line(
    given: dict[str, Any], said: str
) -> None:
    settings = from_flat(TrainingSettings, {"data": "reviews.csv", **given}, "a test")
    with pytest.raises(ConfigError) as caught:
        refuse_with_workers(settings, 3)
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)


def test_workers_of_this_machine_have_ports_and_threads_of_their_own() -> None:
    assert cluster_of(1, {}) is None
    found = cluster_of(3, {})
    assert found is not None
    assert found.is_chief
    assert found.here
    assert len(set(found.addresses)) == 3
    assert found.threads is not None


def test_workers_are_given_once() -> None:
    jobs = {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 1}}
    environment = {"TF_CONFIG": json.dumps(jobs)}
    found = cluster_of(1, environment)
    assert found is not None
    assert not found.is_chief
    assert not found.here
    with pytest.raises(ConfigError, match="--workers 2: TF_CONFIG names 2 workers already"):
        cluster_of(2, environment)


def test_a_tf_config_that_says_nothing_ends_the_command_in_one_line(reviews_csv: Path) -> None:
    done = run_python("scripts/train.py", reviews_csv, environment={"TF_CONFIG": "2 workers"})
    assert done.returncode == 2
    assert "TF_CONFIG is not JSON" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_all_workers_learn_the_rows_that_templates_make(
    monkeypatch: pytest.MonkeyPatch, reviews_csv: Path
) -> None:
    made = []

    def opened(_: TrainingSettings, splits: Splits, learned: SoftTargets) -> Any:
        made.append(len(learned.texts) - len(splits.train))
        return SimpleNamespace(fit=lambda *_, **__: None)

    for name in ("join_cluster", "agree", "common_rate"):
        monkeypatch.setattr(several_workers, name, lambda *_: None)
    spec = SimpleNamespace(open=opened)
    monkeypatch.setattr(several_workers, "resolve_model", lambda _: spec)
    cluster = cluster_of(2, {})
    assert cluster is not None
    given = {"data": str(reviews_csv), "augment": True}
    several_workers.follow(from_flat(TrainingSettings, given, "a test"), cluster)
    assert made[0] > 20


def test_two_workers_from_the_command_line_make_the_run_of_one(
    trained_run: Path, tiny_bert: Path, reviews_csv: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    command = [
        sys.executable, "scripts/train.py", str(reviews_csv), "--encoder", str(tiny_bert),
        "--run", str(folder), "--test", "0.25", "--maxlen", "32", "--epochs", "5",
        "--batch-size", "16", "--learning-rate", "2e-3", "--adversarial-epsilon", "0",
        "--no-accelerate", "--workers", "2",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    one = load_file(trained_run / "predictor" / "model.safetensors")
    two = load_file(folder / "predictor" / "model.safetensors")
    # Products may be in bfloat16 here, whose roundings are larger. A bias of keys moves all scores
    # of a query alike, which changes nothing: its gradient is rounding alone, and Adam's steps are
    # as long for a small one.
    for name, weights in one.items():
        if not name.endswith("key.bias"):
            np.testing.assert_allclose(two[name], weights, atol=0.05, err_msg=name)
    assert "workers" not in (folder / "config.yaml").read_text()
