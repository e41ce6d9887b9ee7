"""What is loaded, what is refused, and what never runs."""

import json
import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest

import ktrain_sentiment
from ktrain_sentiment.errors import ConfigError, MissingExtraError, PredictorError
from ktrain_sentiment.inference.loading import find_predictor
from ktrain_sentiment.predictor.manifest import FORMAT_VERSION, read_manifest
from support.damage import Bomb, flip_bit
from support.predictors import rewrite_manifest
from support.process import run_code

ONNX = "onnx/model.onnx"
INT8 = "onnx/model_quantized.onnx"


def forget_manifest(folder: Path) -> Path:
    """A folder as others hand it out, who write neither a manifest nor ktrain's preprocessor."""
    (folder / "manifest.json").unlink()
    (folder / "tf_model.preproc").unlink(missing_ok=True)
    return folder


def test_a_predictor_answers(classifier):
    [answer] = classifier.predict(["a wonderful film"])
    assert answer.label in {"negative", "positive"}
    assert sum(answer.probabilities.values()) == pytest.approx(1, abs=1e-6)


def test_a_pickle_in_the_folder_is_never_opened(copy, tmp_path):
    fuse = tmp_path / "fuse"
    (copy / "tf_model.preproc").write_bytes(pickle.dumps(Bomb(fuse)))
    ktrain_sentiment.load(copy).predict(["a film"])
    (copy / "manifest.json").unlink()
    ktrain_sentiment.load(copy, unchecked=True).predict(["a film"])
    assert not fuse.exists()
    pickle.loads((copy / "tf_model.preproc").read_bytes())
    assert fuse.exists(), "the bomb itself does not work"


@pytest.mark.parametrize("name", [INT8, "tokenizer.json"])
def test_one_changed_bit_is_noticed(copy, name):
    flip_bit(copy / name)
    with pytest.raises(PredictorError, match=f"{name} is not the file that was saved"):
        ktrain_sentiment.load(copy)


@pytest.mark.parametrize("name", [INT8, "tokenizer.json"])
def test_a_missing_file_is_named(copy, name):
    (copy / name).unlink()
    with pytest.raises(PredictorError, match=f"{name} is missing"):
        ktrain_sentiment.load(copy)


@pytest.mark.parametrize("name", ["tf_model.h5", "model.safetensors", "config.json"])
def test_files_that_prediction_does_not_use_need_not_be_there(copy, name):
    (copy / name).unlink(missing_ok=True)
    assert ktrain_sentiment.load(copy).predict(["a film"])


def test_a_file_grown_huge_is_not_read(copy):
    with (copy / INT8).open("r+b") as stream:
        stream.truncate(10**12)
    with pytest.raises(PredictorError, match="is not the file that was saved"):
        ktrain_sentiment.load(copy)


def test_a_newer_format_is_refused_politely(copy):
    rewrite_manifest(copy, format_version=FORMAT_VERSION + 1)
    with pytest.raises(PredictorError, match="pip install -U ktrain-sentiment"):
        ktrain_sentiment.load(copy)


def test_a_cleaning_step_of_a_newer_release_is_refused(copy):
    rewrite_manifest(copy, cleaning=["html", "telepathy"])
    with pytest.raises(ConfigError, match="telepathy"):
        ktrain_sentiment.load(copy)


def test_cleaning_is_repeated_as_in_training(copy):
    plain = ktrain_sentiment.load(copy).predict_proba(["a lovely film"])
    rewrite_manifest(copy, cleaning=["html"])
    cleaned = ktrain_sentiment.load(copy).predict_proba(["a <b>lovely</b><br/>film"])
    np.testing.assert_allclose(cleaned, plain, atol=1e-6)


def test_the_temperature_softens_probabilities_and_changes_no_label(copy, reviews):
    texts = [text for text, _ in reviews[:40]]
    plain = ktrain_sentiment.load(copy).predict_proba(texts)
    rewrite_manifest(copy, temperature=2.0)
    soft = ktrain_sentiment.load(copy).predict_proba(texts)
    odds = np.log(plain[:, 0] / plain[:, 1]) / np.log(soft[:, 0] / soft[:, 1])
    np.testing.assert_allclose(odds, 2.0, rtol=1e-3)
    assert (plain.argmax(axis=1) == soft.argmax(axis=1)).all()


def test_auto_takes_int8_and_fp32_where_it_was_not_kept(copy):
    assert ktrain_sentiment.load(copy).engine == "int8"
    rewrite_manifest(copy, engines={"fp32": {"kept": True}})
    assert ktrain_sentiment.load(copy).engine == "fp32"


def test_an_unknown_engine_is_named(predictor):
    with pytest.raises(ConfigError, match="engine 'tpu': wanted one of auto, int8, fp32, openvino"):
        ktrain_sentiment.load(predictor, "tpu")


def test_an_engine_that_is_not_installed_names_the_command(predictor, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(MissingExtraError, match=r"ktrain-sentiment\[openvino\]"):
        ktrain_sentiment.load(predictor, "openvino")


def test_a_missing_folder_is_one_line():
    with pytest.raises(PredictorError, match="no such folder"):
        ktrain_sentiment.load("/nowhere/predictor")


def test_weights_outside_the_folder_are_never_read(copy, tmp_path):
    secret = tmp_path / "secret.bin"
    secret.write_bytes(b"\x01" * 10_000_000)
    graph = onnx.load(copy / ONNX)
    table = next(c for c in graph.graph.initializer if len(c.raw_data) > 10_000)
    size = len(table.raw_data)
    table.ClearField("raw_data")
    table.data_location = onnx.TensorProto.EXTERNAL
    for key, value in {"location": "../secret.bin", "length": str(size)}.items():
        table.external_data.add(key=key, value=value)
    (copy / ONNX).write_bytes(graph.SerializeToString())
    with pytest.raises(PredictorError, match="cannot be opened"):
        ktrain_sentiment.load(forget_manifest(copy), "fp32")


@pytest.mark.parametrize("damage", [b"", b"not a graph", b"\x08\x08" * 1000])
def test_a_file_that_is_no_graph_is_one_line(copy, damage):
    (copy / ONNX).write_bytes(damage)
    with pytest.raises(PredictorError, match="ONNX graph cannot be opened") as caught:
        ktrain_sentiment.load(forget_manifest(copy), "fp32")
    assert "\n" not in str(caught.value)


def test_a_folder_from_elsewhere_works_and_warns(copy, predictor, caplog, reviews):
    texts = [text for text, _ in reviews[:10]]
    foreign = ktrain_sentiment.load(forget_manifest(copy))
    assert "used unchecked" in caplog.text
    assert foreign.labels == ("negative", "positive")
    ours = ktrain_sentiment.load(predictor)
    np.testing.assert_allclose(foreign.predict_proba(texts), ours.predict_proba(texts), atol=1e-6)


def test_a_folder_from_elsewhere_without_onnx_uses_its_weights(copy, predictor, reviews):
    texts = [text for text, _ in reviews[:10]]
    shutil.rmtree(forget_manifest(copy) / "onnx")
    foreign = ktrain_sentiment.load(copy)
    ours = ktrain_sentiment.load(predictor, "fp32")
    assert foreign.engine == "fp32"
    np.testing.assert_allclose(foreign.predict_proba(texts), ours.predict_proba(texts), atol=1e-6)


def test_a_predictor_that_lost_its_manifest_is_taken_on_request_only(copy):
    (copy / "tf_model.preproc").touch()
    (copy / "manifest.json").unlink()
    with pytest.raises(PredictorError, match=r"lost its manifest\.json.*unchecked=True") as refused:
        ktrain_sentiment.load(copy)
    # The server has no such flag, and says the same sentence.
    assert "predict and evaluate have --unchecked" in str(refused.value)
    assert ktrain_sentiment.load(copy, unchecked=True).predict(["a film"])


def test_a_missing_int8_file_names_the_engine_that_is_there(copy):
    (copy / "onnx" / "model_quantized.onnx").unlink()
    with pytest.raises(PredictorError, match="is missing; take the exact model with --engine fp32"):
        ktrain_sentiment.load(copy)
    assert ktrain_sentiment.load(copy, "fp32").predict(["a film"])


def test_a_folder_near_a_predictor_is_told_its_name(copy, tmp_path):
    place = tmp_path / "all" / "runs" / "reviews" / "predictor"
    shutil.copytree(copy, place)
    for near in (place.parents[1], place / "onnx", place.parents[1] / "revews"):
        with pytest.raises(PredictorError, match=f"did you mean {place}\\?"):
            ktrain_sentiment.load(near)
    assert ktrain_sentiment.load(place.parent).predict(["a film"])


def test_a_stopped_run_is_told_how_to_go_on(tmp_path):
    (tmp_path / "config.yaml").touch()
    with pytest.raises(PredictorError, match=r"its training was stopped; go on with .* --resume"):
        ktrain_sentiment.load(tmp_path)


def test_a_folder_that_is_no_predictor_says_all_that_is_missing(tmp_path):
    with pytest.raises(PredictorError, match=r"lacks config\.json, tokenizer\.json, onnx/model_"):
        ktrain_sentiment.load(tmp_path)


@pytest.mark.parametrize(
    ("labels", "complaint"), [({"0": "only"}, "at least two"), ({"0": "a", "7": "b"}, "lacks")]
)
def test_a_config_without_usable_labels_is_refused(copy, labels, complaint):
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"id2label": labels}))
    with pytest.raises(PredictorError, match=complaint):
        ktrain_sentiment.load(forget_manifest(copy))


def test_predicting_imports_nothing_heavy(predictor):
    done = run_code(f"""
        import sys
        import ktrain_sentiment
        ktrain_sentiment.load({str(predictor)!r}).predict(["a film"])
        heavy = {{"tensorflow", "tf_keras", "keras", "transformers", "torch", "ktrain", "onnx",
                 "pandas", "pyarrow", "sklearn", "safetensors", "pickle5"}}
        print(sorted(heavy & {{name.split(".")[0] for name in sys.modules}}))
    """)
    assert done.stdout.strip() == "[]", done.stderr


def test_the_manifest_of_the_fixture_is_whole(predictor):
    assert read_manifest(predictor).engines["int8"]["kept"]


# Which predictor is meant


def predictor_at(folder: Path, age: float = 0) -> Path:
    folder.mkdir(parents=True)
    manifest = folder / "manifest.json"
    manifest.touch()
    os.utime(manifest, (1_000_000 - age, 1_000_000 - age))
    return folder


def test_a_predictor_folder_is_taken_as_it_is(tmp_path):
    assert find_predictor(predictor_at(tmp_path / "mine")) == tmp_path / "mine"


def test_a_run_folder_stands_for_its_predictor(tmp_path):
    predictor_at(tmp_path / "run" / "predictor")
    assert find_predictor(tmp_path / "run") == tmp_path / "run" / "predictor"


def test_the_newest_run_is_the_default(tmp_path):
    predictor_at(tmp_path / "a" / "predictor", age=5)
    predictor_at(tmp_path / "b" / "predictor", age=1)
    predictor_at(tmp_path / "c" / "predictor", age=9)
    assert find_predictor(None, tmp_path) == tmp_path / "b" / "predictor"


def test_without_any_run_both_ways_out_are_named(tmp_path):
    with pytest.raises(PredictorError, match=r"ktrain-sentiment train, or .* --predictor"):
        find_predictor(None, tmp_path)
