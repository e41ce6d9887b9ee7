"""From one of ktrain's own classifiers to a folder that holds the same model as data."""

import numpy as np
import pytest
from safetensors.numpy import load_file

import ktrain_sentiment
from ktrain_sentiment.errors import InputError
from ktrain_sentiment.export.reexport import check_folder
from ktrain_sentiment.predictor.manifest import read_manifest
from support.classics import TEXTS, counted_nbsvm, save_counted


def test_every_file_lies_where_its_tool_looks(tmp_path):
    saved = save_counted(tmp_path / "predictor")
    assert set(saved.folder.files()) == {
        "features.json", "model.safetensors", "onnx/model.onnx", "tf_model.h5", "tf_model.preproc",
    }  # fmt: skip
    check_folder(saved.folder.path)
    weights = load_file(saved.folder.torch_weights)
    assert {name: array.shape for name, array in weights.items()} == {
        "ratios": (100, 2), "weights": (100, 1),
    }  # fmt: skip


def test_the_manifest_says_what_it_is(tmp_path):
    manifest = read_manifest(save_counted(tmp_path / "predictor").folder.path)
    assert (manifest.family, manifest.encoder, manifest.maxlen) == ("nbsvm", "nbsvm", 30)
    assert manifest.is_classic
    assert manifest.engines["fp32"]["kept"]
    assert manifest.engines["fp32"]["texts"] == len(TEXTS)


def test_the_folder_answers_as_the_model_does(tmp_path):
    saved = save_counted(tmp_path / "predictor")
    classifier = ktrain_sentiment.load(saved.folder.path)
    np.testing.assert_allclose(classifier.predict_proba(TEXTS), counted_nbsvm().ask(TEXTS), 1e-5)


def test_a_graph_that_disagrees_is_not_kept_and_the_manifest_says_why(tmp_path, caplog):
    def contrary(texts):
        return counted_nbsvm().ask(texts)[:, ::-1]

    saved = save_counted(tmp_path / "predictor", ask=contrary)
    (report,) = saved.engines
    assert not report.kept
    assert "a probability differs by" in saved.manifest.engines["fp32"]["reason"]
    assert not saved.folder.onnx.exists()
    assert "the onnx fp32 engine is not kept" in caplog.text


def test_a_folder_that_exists_is_not_replaced(tmp_path):
    save_counted(tmp_path / "predictor")
    with pytest.raises(InputError, match="exists"):
        save_counted(tmp_path / "predictor")


def test_a_model_that_cannot_be_written_leaves_nothing_behind(tmp_path):
    def fail(place):
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        save_counted(tmp_path / "predictor", save_for_ktrain=fail)
    assert list(tmp_path.iterdir()) == []
