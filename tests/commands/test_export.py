"""export.py as a user runs it."""

import json
import pickle
import shutil

import pandas as pd
import pytest

from ktrain_sentiment.workflow.exporting import read_texts
from support.damage import Bomb
from support.process import complaint_of, run_here, run_python
from support.reviews import write_csv

SCRIPT = "scripts/export.py"


def test_checking_a_whole_predictor(trained_run):
    done = run_python(SCRIPT, trained_run / "predictor", "--check", "--json")
    assert done.returncode == 0, done.stderr
    assert "are as they were saved" in done.stdout
    assert json.loads(done.stdout.splitlines()[-1])["files"] >= 9


def test_checking_names_a_changed_file(trained_run, tmp_path):
    folder = shutil.copytree(trained_run / "predictor", tmp_path / "copy")
    with (folder / "model.safetensors").open("ab") as stream:
        stream.write(b"x")
    complaint = complaint_of(SCRIPT, folder, "--check")
    assert "model.safetensors is not the file that was saved" in complaint


def test_a_card_may_be_edited_by_hand_and_that_is_said(trained_run, tmp_path):
    run = shutil.copytree(trained_run, tmp_path / "run")
    with (run / "predictor" / "README.md").open("a") as card:
        card.write("A sentence of mine.")
    done = run_here(SCRIPT, run, "--check", "--json")  # a run folder will do
    assert done.returncode == 0, done.stderr
    assert "README.md was edited or removed" in done.stdout
    assert json.loads(done.stdout.splitlines()[-1])["card_edited"]


def test_a_folder_that_is_no_predictor_is_told_the_next_one(trained_run):
    complaint = complaint_of(SCRIPT, trained_run.parent, "--check")
    assert f"did you mean {trained_run / 'predictor'}?" in complaint


def test_exporting_again_next_to_a_run_uses_its_validation_rows(trained_run, tmp_path):
    done = run_here(SCRIPT, trained_run / "predictor", "--output", tmp_path / "again", "--json")
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["engines"]["fp32"]["kept"]
    assert figures["engines"]["fp32"]["accuracy"] is not None
    wanted = (trained_run / "predictor" / "onnx" / "model.onnx").read_bytes()
    assert (tmp_path / "again" / "onnx" / "model.onnx").read_bytes() == wanted


def test_exporting_in_place_needs_leave(trained_run, tmp_path):
    folder = shutil.copytree(trained_run / "predictor", tmp_path / "copy")
    assert "--overwrite" in complaint_of(SCRIPT, folder)


def test_a_ktrain_folder_predictor_is_not_unpickled_unasked(ktrain_folder, tmp_path):
    fuse = tmp_path / "fuse"
    folder = shutil.copytree(ktrain_folder, tmp_path / "plain")
    (folder / "tf_model.preproc").write_bytes(pickle.dumps(Bomb(fuse)))
    assert "runs whatever code its maker put there: add --trust-pickle" in complaint_of(
        SCRIPT, folder, "--output", tmp_path / "ours"
    )
    assert not fuse.exists()
    assert not (tmp_path / "ours").exists()


def test_a_ktrain_folder_predictor_becomes_ours_with_leave(
    ktrain_folder, trained_run, reviews, tmp_path
):
    texts = write_csv(tmp_path / "texts.csv", reviews[:100])
    done = run_here(
        SCRIPT, ktrain_folder, "--trust-pickle", "--output", tmp_path / "ours", "--texts", texts
    )
    assert done.returncode == 0, done.stderr
    assert "fp32: kept; 0 of 100 labels differ from keras" in done.stdout
    arguments = ["scripts/predict.py", "a superb plot", "a dull plot", "--predictor"]
    ours = run_here(*arguments, tmp_path / "ours")
    assert ours.returncode == 0, ours.stderr
    theirs = run_here(*arguments, trained_run)
    labels = [line.split("\t")[0] for line in theirs.stdout.splitlines()]
    assert [line.split("\t")[0] for line in ours.stdout.splitlines()] == labels


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "which predictor?"),
        (["/nowhere"], "no such folder"),
        (["tests"], "is no predictor"),
    ],
)
def test_what_is_no_predictor_is_one_line(arguments, complaint):
    done = run_here(SCRIPT, *arguments)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert complaint in done.stderr


def test_converting_needs_texts_and_a_place(ktrain_folder):
    assert "--output FOLDER and --texts FILE" in complaint_of(
        SCRIPT, ktrain_folder, "--trust-pickle"
    )


def test_what_serving_needs_is_copied_without_tensorflow(predictor, tmp_path):
    done = run_here(
        SCRIPT, predictor, "--onnx-only", "--output", tmp_path / "small", "--json"
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert "onnx/model_quantized.onnx" in figures["files"]
    assert f"({figures['bytes'] / 1e6:.1f} of " in done.stdout
    assert "wanted --output FOLDER" in complaint_of(SCRIPT, predictor, "--onnx-only")
    assert "only for --onnx-only" in complaint_of(SCRIPT, predictor, "--engine", "fp32")


def test_labels_that_a_table_holds_as_numbers_are_those_of_the_model(tmp_path):
    rows = pd.DataFrame({"text": ["a fine film", "a dull one"], "label": [1, 0]})
    rows.to_parquet(tmp_path / "rows.parquet")
    found = read_texts(tmp_path / "rows.parquet", None, ("0", "1"))
    assert found.targets is not None
    assert found.targets.tolist() == [1, 0]


def test_a_table_without_labels_has_none_whatever_labels_are_called(tmp_path):
    rows = pd.DataFrame({"text": ["a fine film", "a dull one"], "stars": [5, 1]})
    rows.to_parquet(tmp_path / "rows.parquet")
    assert read_texts(tmp_path / "rows.parquet", "text", ("None", "good")).targets is None
