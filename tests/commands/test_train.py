"""train.py as a user runs it: whole runs, killed runs, and input that cannot be used."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import ktrain_sentiment
from support.process import ROOT, complaint_of, run_here, run_python, sha256, wait_for

FLAGS = [
    "--maxlen", "32", "--epochs", "2", "--batch-size", "16", "--adversarial-epsilon", "0",
    "--no-accelerate", "--quiet",
]  # fmt: skip


def test_a_run_leaves_everything_that_it_promises(trained_run: Path) -> None:
    promised = [
        "config.yaml", "history.csv", "schedule.csv", "metrics.json", "top_losses.csv",
        "history.png", "schedule.png", "confusion.png", "report.html",
        "splits/train.parquet", "splits/test.parquet",
        "predictions_validation.parquet", "predictions_test.parquet",
        "predictor/manifest.json", "predictor/tf_model.preproc",
        "predictor/model.safetensors", "predictor/onnx/model.onnx", "predictor/README.md",
    ]  # fmt: skip
    assert [name for name in promised if not (trained_run / name).is_file()] == []
    assert list((trained_run / "tensorboard").glob("events*"))
    assert not (trained_run / "checkpoints").exists()


def test_its_figures_beat_the_majority(trained_run: Path) -> None:
    figures = json.loads((trained_run / "metrics.json").read_text())
    model, majority = figures["test"], figures["baselines"]["majority"]
    assert model["accuracy"]["value"] > majority["accuracy"]["value"] + 0.1
    assert model["n"] == sum(map(sum, model["confusion"]))
    assert model["accuracy"]["low"] < model["accuracy"]["value"] < model["accuracy"]["high"]


def test_config_labels_are_the_real_ones(trained_run: Path) -> None:
    config = json.loads((trained_run / "predictor" / "config.json").read_text())
    assert set(config["id2label"].values()) == {"negative", "positive"}


def test_plain_ktrain_loads_the_predictor_and_agrees(trained_run: Path, tmp_path: Path) -> None:
    frame = pd.read_parquet(trained_run / "predictions_test.parquet")
    frame[["text"]].to_json(tmp_path / "texts.json")
    code = f"""
import os, json, sys, builtins
os.environ.update(TF_USE_LEGACY_KERAS="1", TF_CPP_MIN_LOG_LEVEL="3")
sys.path = [p for p in sys.path if p != {str(ROOT)!r}]
sys.modules["ktrain_sentiment"] = None
import numpy; numpy.Inf = numpy.inf
import pandas, ktrain
predictor = ktrain.load_predictor({str(trained_run / "predictor")!r})
texts = pandas.read_json({str(tmp_path / "texts.json")!r})["text"].tolist()
table = predictor.predict_proba(texts)
json.dump([predictor.get_classes(), table.tolist()], open({str(tmp_path / "out.json")!r}, "w"))
"""
    done = run_python("-c", code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    classes, theirs = json.loads((tmp_path / "out.json").read_text())
    assert classes == ["negative", "positive"]
    exact = ktrain_sentiment.load(trained_run / "predictor", "fp32")
    ours = exact.predict_proba(frame["text"].tolist())
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_what_is_shipped_is_what_was_judged(trained_run: Path) -> None:
    figures = json.loads((trained_run / "metrics.json").read_text())
    shipped = ktrain_sentiment.load(trained_run / "predictor")
    assert figures["engine"] == shipped.engine == "int8"
    frame = pd.read_parquet(trained_run / "predictions_test.parquet")
    answers = shipped.predict_proba(frame["text"].tolist())
    np.testing.assert_allclose(answers[:, 1], frame["p_positive"], atol=1e-6)
    right = [one.label for one in shipped.predict(frame["text"].tolist())] == frame["label"]
    assert figures["test"]["accuracy"]["value"] == pytest.approx(right.mean())
    assert figures["other_engines"]["fp32"]["n"] == len(frame)
    manifest = json.loads((trained_run / "predictor" / "manifest.json").read_text())
    assert manifest["temperature"] == 1.0
    assert manifest["folded_temperature"] == pytest.approx(figures["temperature"])


def start(run: Path, encoder: Path, data: Path, *more: str) -> "subprocess.Popen[bytes]":
    flags = ["--encoder", str(encoder), "--run", str(run), "--learning-rate", "1e-3"]
    command = [sys.executable, "scripts/train.py", str(data), *flags, *FLAGS, *more]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=os.environ
    )


def test_a_process_killed_in_training_and_resumed_ends_with_the_same_weights(
    tiny_bert: Path, reviews_csv: Path, tmp_path: Path
) -> None:
    every = ("--checkpoint-every", "3", "--augment")
    unbroken = start(tmp_path / "unbroken", tiny_bert, reviews_csv, *every)
    broken = start(tmp_path / "broken", tiny_bert, reviews_csv, *every)
    wait_for(tmp_path / "broken" / "checkpoints" / "last.safetensors", broken)
    broken.send_signal(signal.SIGKILL)
    broken.communicate()
    assert not (tmp_path / "broken" / "predictor").exists()
    resumed = start(tmp_path / "broken", tiny_bert, reviews_csv, *every, "--resume")
    for process in (resumed, unbroken):
        _, complaint = process.communicate(timeout=400)
        assert process.returncode == 0, complaint
    weights = [tmp_path / name / "predictor/model.safetensors" for name in ("unbroken", "broken")]
    assert sha256(weights[0]) == sha256(weights[1])
    histories = [(tmp_path / n / "history.csv").read_text() for n in ("unbroken", "broken")]
    assert histories[0] == histories[1]
    figures = json.loads((tmp_path / "broken" / "metrics.json").read_text())
    made = pd.read_parquet(tmp_path / "broken" / "splits" / "augmented.parquet")
    assert figures["augmented"]["rows"] == len(made) > 50
    card = (tmp_path / "broken" / "predictor" / "README.md").read_text()
    assert f"besides its rows on {len(made)} made from templates" in card


FINISH = """
import os, signal, sys
from pathlib import Path
from ktrain_sentiment.config import TrainingSettings
from ktrain_sentiment.config.flat import from_flat, read_settings
from ktrain_sentiment.workflow import training

run = Path(sys.argv[1])
settings = from_flat(TrainingSettings, read_settings(run / "config.yaml"), "")
if sys.argv[2] == "kill":
    training.write_report = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
training.train(settings, folder=run, resume=True)
"""


def test_a_process_killed_before_the_page_was_written_leaves_a_run_to_go_on_with(
    trained_run: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(trained_run, tmp_path / "run")
    (run / "report.html").unlink()
    (run / "predictor" / "README.md").write_text("")
    (run / "checkpoints").mkdir()
    assert run_python("-c", FINISH, run, "kill").returncode == -signal.SIGKILL
    # The page comes last: nothing is left to be tidied up behind it.
    assert not (run / "checkpoints").exists()
    done = run_python("-c", FINISH, run, "go on")
    assert done.returncode == 0, done.stderr
    assert (run / "report.html").stat().st_size > 10_000
    assert (run / "predictor" / "README.md").stat().st_size > 1_000
    assert not [path for path in run.rglob("*") if path.name.startswith(".")]
    assert ktrain_sentiment.load(run).predict(["a film"])


def test_ctrl_c_saves_and_says_how_to_go_on(
    tiny_bert: Path, reviews_csv: Path, tmp_path: Path
) -> None:
    process = start(tmp_path / "run", tiny_bert, reviews_csv, "--checkpoint-every", "2")
    wait_for(tmp_path / "run" / "checkpoints" / "last.safetensors", process)
    process.send_signal(signal.SIGINT)
    _, complaint = process.communicate(timeout=120)
    assert process.returncode == 130
    assert b"--resume" in complaint.splitlines()[-1]
    assert (tmp_path / "run" / "checkpoints" / "last.safetensors").is_file()


def test_a_ktrain_model_run_again_is_the_same_to_the_byte(
    reviews_csv: Path, tmp_path: Path
) -> None:
    flags = ["--model", "nbsvm", "--vocab-size", "300", "--epochs", "1"]
    for name in ("one", "other"):
        done = run_python(
            "scripts/train.py", reviews_csv, *flags, "--learning-rate", "0.02", "--run",
            tmp_path / name, "--stratified-batches",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    for file in ("features.json", "model.safetensors", "onnx/model.onnx"):
        one, other = (tmp_path / name / "predictor" / file for name in ("one", "other"))
        assert sha256(one) == sha256(other)
    text = "the plot was never dull"
    predictor = tmp_path / "one" / "predictor"
    done = run_here("scripts/predict.py", "--predictor", predictor, text)
    assert done.returncode == 0, done.stderr
    assert text in done.stdout
    for script in ("evaluate.py", "inspect_errors.py"):
        done = run_here(f"scripts/{script}", tmp_path / "one", "--quiet")
        assert done.returncode == 0, done.stderr


def test_no_data_is_refused_in_one_line() -> None:
    assert "data" in complaint_of("scripts/train.py", "--encoder", "minilm")


def test_a_missing_file_is_named() -> None:
    assert "nowhere.csv" in complaint_of("scripts/train.py", "nowhere.csv")


def test_a_missing_column_is_named_with_those_there_are(reviews_csv: Path) -> None:
    line = complaint_of("scripts/train.py", reviews_csv, "--text-column", "review")
    assert "review" in line
    assert "text" in line


def test_one_class_only_is_refused(tmp_path: Path) -> None:
    table = pd.DataFrame({"text": [f"text number {i}" for i in range(40)], "label": "good"})
    table.to_csv(tmp_path / "one.csv", index=False)
    assert "good" in complaint_of("scripts/train.py", tmp_path / "one.csv")


def test_an_encoder_that_is_no_encoder_is_refused(reviews_csv: Path, tmp_path: Path) -> None:
    line = complaint_of(
        "scripts/train.py", reviews_csv, "--encoder", tmp_path, "--run", tmp_path / "run"
    )
    assert str(tmp_path) in line
    assert not (tmp_path / "run").exists()


def test_a_run_folder_that_exists_is_not_touched(reviews_csv: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").write_text("mine")
    assert "--overwrite" in complaint_of("scripts/train.py", reviews_csv, "--run", tmp_path / "run")
    assert (tmp_path / "run" / "notes.txt").read_text() == "mine"


def test_resuming_what_was_never_begun_is_refused(reviews_csv: Path, tmp_path: Path) -> None:
    line = complaint_of("scripts/train.py", reviews_csv, "--run", tmp_path / "run", "--resume")
    assert "--resume" in line


def test_resuming_with_other_flags_names_them(trained_run: Path, reviews_csv: Path) -> None:
    line = complaint_of(
        "scripts/train.py", reviews_csv, "--run", trained_run, "--resume", "--epochs", "9"
    )
    assert "--epochs" in line


def test_a_ktrain_model_that_lacks_its_file_is_refused(reviews_csv: Path) -> None:
    assert "--vectors FILE" in complaint_of("scripts/train.py", reviews_csv, "--model", "bigru")


def test_what_is_no_model_is_refused_with_those_there_are(reviews_csv: Path) -> None:
    assert "nbsvm" in complaint_of("scripts/train.py", reviews_csv, "--model", "svm")


def test_freezing_a_ktrain_model_is_refused(reviews_csv: Path, tmp_path: Path) -> None:
    flags = ["--model", "logreg", "--freeze", "2", "--run", tmp_path / "run"]
    assert "logreg has no encoder to freeze" in complaint_of(
        "scripts/train.py", reviews_csv, *flags
    )
    assert not (tmp_path / "run").exists()
