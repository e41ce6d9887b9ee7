"""What a server needs, copied from a predictor."""

import json
import shutil

import numpy as np
import pytest

import ktrain_sentiment
from ktrain_sentiment.errors import ConfigError, InputError, PredictorError
from ktrain_sentiment.export.saving import check_folder
from ktrain_sentiment.inference.bundling import write_bundle
from ktrain_sentiment.predictor.manifest import read_manifest

TEXTS = ["a superb plot", "a dull plot", "", "plot " * 50]


@pytest.fixture
def whole(predictor, tmp_path):
    """A predictor with what training leaves in it."""
    folder = shutil.copytree(predictor, tmp_path / "whole")
    (folder / "tf_model.preproc").write_bytes(b"a pickle")
    return folder


def test_a_bundle_answers_as_its_source_and_holds_nothing_of_training(whole, tmp_path):
    made = write_bundle(whole, tmp_path / "bundle")
    there = sorted(p.relative_to(made.path).as_posix() for p in made.path.rglob("*.*"))
    assert there == [
        "config.json", "manifest.json", "onnx/model_quantized.onnx", "tokenizer.json",
        "tokenizer_config.json",
    ]  # fmt: skip
    assert made.size == sum((made.path / name).stat().st_size for name in there) < made.whole
    bundled, source = ktrain_sentiment.load(made.path), ktrain_sentiment.load(whole)
    assert np.array_equal(bundled.predict_proba(TEXTS[:2]), source.predict_proba(TEXTS[:2]))
    assert [one.label for one in bundled.predict(TEXTS)] == [
        one.label for one in source.predict(TEXTS)
    ]
    assert set(check_folder(made.path).files) == set(made.files)


def test_a_bundle_says_which_engine_it_lacks_and_why(whole, tmp_path):
    made = write_bundle(whole, tmp_path / "bundle")
    with pytest.raises(PredictorError, match=r"has no fp32 engine: it was left out of this folder"):
        ktrain_sentiment.load(made.path, engine="fp32")


@pytest.mark.parametrize(
    ("engines", "graphs"),
    [("fp32", ["model.onnx"]), ("all", ["model.onnx", "model_quantized.onnx"])],
)
def test_other_engines_can_be_chosen(whole, tmp_path, engines, graphs):
    made = write_bundle(whole, tmp_path / "bundle", engines)
    assert sorted(path.name for path in (made.path / "onnx").iterdir()) == graphs
    assert ktrain_sentiment.load(made.path, engine="fp32").engine == "fp32"


def test_an_engine_that_was_refused_is_not_taken(whole, tmp_path):
    path = whole / "manifest.json"
    value = json.loads(path.read_text())
    value["engines"]["int8"] = {"kept": False, "reason": "it changed too many labels"}
    path.write_text(json.dumps(value))
    (whole / "onnx" / "model_quantized.onnx").unlink()
    assert ktrain_sentiment.load(write_bundle(whole, tmp_path / "a").path).engine == "fp32"
    with pytest.raises(PredictorError, match="it changed too many labels"):
        write_bundle(whole, tmp_path / "b", "int8")


def test_a_classifier_of_ktrain_itself_can_be_bundled(ktrain_model, tmp_path):
    made = write_bundle(ktrain_model, tmp_path / "bundle")
    assert set(made.files) == {"features.json", "onnx/model.onnx"}
    source = ktrain_sentiment.load(ktrain_model)
    copied = ktrain_sentiment.load(made.path)
    assert np.array_equal(copied.predict_proba(TEXTS[:2]), source.predict_proba(TEXTS[:2]))


def test_a_damaged_file_is_not_bundled(whole, tmp_path):
    graph = whole / "onnx" / "model_quantized.onnx"
    graph.write_bytes(graph.read_bytes()[:-1] + b"x")
    with pytest.raises(PredictorError, match=r"model_quantized\.onnx is not the file"):
        write_bundle(whole, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_a_bundle_replaces_nothing_unasked(whole, tmp_path):
    made = write_bundle(whole, tmp_path / "bundle")
    with pytest.raises(InputError, match="--overwrite"):
        write_bundle(whole, made.path)
    write_bundle(made.path, tmp_path / "again")
    write_bundle(whole, made.path, "all", overwrite=True)
    assert read_manifest(made.path).engines["fp32"]["kept"]
    with pytest.raises(ConfigError, match="the predictor itself"):
        write_bundle(whole, whole, overwrite=True)
