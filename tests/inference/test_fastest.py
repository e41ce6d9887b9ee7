"""`--engine fastest`: measured once on a machine, and remembered."""

import json
import shutil
from importlib import util

import numpy as np
import pytest

import ktrain_sentiment
from ktrain_sentiment.inference import fastest


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KTRAIN_SENTIMENT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def measured(monkeypatch, cache):
    """What was measured, in its order; fp32 comes out fastest."""
    asked = []

    def measure(work):
        asked.append(sorted(work))
        return {name: 0.1 if name == "fp32" else 0.2 for name in work}

    monkeypatch.setattr(fastest, "measure", measure)
    monkeypatch.setattr(util, "find_spec", lambda name: None)
    return asked


def test_the_fastest_engine_is_measured_once_and_remembered(predictor, measured):
    assert ktrain_sentiment.load(predictor).engine == "int8"
    assert ktrain_sentiment.load(predictor, "fastest").engine == "fp32"
    assert ktrain_sentiment.load(predictor, "fastest").engine == "fp32"
    assert measured == [["fp32", "int8"]]


def test_other_cores_another_cpu_and_other_files_are_measured_anew(
    predictor, measured, monkeypatch, tmp_path
):
    ktrain_sentiment.load(predictor, "fastest", threads=1)
    ktrain_sentiment.load(predictor, "fastest", threads=2)
    monkeypatch.setattr(fastest, "cpu_flags", lambda: frozenset({"neon"}))
    ktrain_sentiment.load(predictor, "fastest", threads=2)
    copy = shutil.copytree(predictor, tmp_path / "copy")
    ktrain_sentiment.load(copy, "fastest", threads=2)
    assert len(measured) == 3
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["files"]["another"] = {"sha256": "0" * 64, "size": 1}
    (copy / "manifest.json").write_text(json.dumps(manifest))
    ktrain_sentiment.load(copy, "fastest", threads=2)
    assert len(measured) == 4


def test_openvino_takes_part_where_it_is_installed(predictor, measured, monkeypatch):
    opened = []

    def load(name):
        opened.append(name)
        return ktrain_sentiment.load(predictor, "fp32" if name == "openvino" else name)

    monkeypatch.setattr(util, "find_spec", lambda name: name == "openvino")
    monkeypatch.setattr(fastest.metadata, "version", lambda name: "1")
    place = fastest.PredictorFolder(predictor)
    assert fastest.fastest(place, 0, load) == "fp32"
    assert opened == ["int8", "fp32", "openvino"]


def test_what_is_the_only_engine_is_not_measured(predictor, measured, tmp_path):
    copy = shutil.copytree(predictor, tmp_path / "copy")
    (copy / "onnx" / "model_quantized.onnx").unlink()
    assert ktrain_sentiment.load(copy, "fastest").engine == "fp32"
    assert not measured


def test_a_folder_from_elsewhere_has_no_tested_engines_and_opens_as_auto(
    predictor, measured, tmp_path
):
    copy = shutil.copytree(predictor, tmp_path / "copy")
    (copy / "manifest.json").unlink()
    assert ktrain_sentiment.load(copy, "fastest", unchecked=True).engine == "int8"
    assert not measured


def test_a_cache_that_cannot_be_used_costs_a_measurement_and_no_more(predictor, measured, cache):
    cache.write_text("a file where the folder should be")
    for _ in range(2):
        assert ktrain_sentiment.load(predictor, "fastest").engine == "fp32"
    assert len(measured) == 2


@pytest.mark.parametrize("found", ["", "[]", '{"', "\0"])
def test_a_damaged_memory_is_measured_over(predictor, measured, cache, found):
    cache.mkdir()
    (cache / "fastest.json").write_text(found)
    for _ in range(2):
        assert ktrain_sentiment.load(predictor, "fastest").engine == "fp32"
    assert len(measured) == 1


@pytest.mark.parametrize("folder", ["predictor", "columns_predictor"])
def test_it_answers_as_the_engine_that_was_chosen(folder, request, cache, caplog):
    place = request.getfixturevalue(folder)
    rows = [{"text": "a superb plot", "price": "3", "category": "film"}]
    asked = rows if folder == "columns_predictor" else ["a superb plot"]
    with caplog.at_level("INFO"):
        found = ktrain_sentiment.load(place, "fastest")
    same = ktrain_sentiment.load(place, found.engine)
    assert np.array_equal(found.predict_proba(asked), same.predict_proba(asked))
    assert f"{found.engine} is the fastest" in caplog.text
    assert "1.00" in caplog.text
    assert "longer than" not in caplog.text


def test_kinds_of_work_weigh_alike_and_what_comes_first_is_not_counted(monkeypatch):
    clock = [0.0]

    def job(*seconds):
        left = list(seconds)

        def run():
            clock[0] += left.pop(0)

        return run

    monkeypatch.setattr(fastest.time, "perf_counter", lambda: clock[0])
    seconds = fastest.measure(
        {
            # Slow when it first runs and once in between, as when something else has the cores.
            "a": [job(99, 1, 50, 1), job(99, 4, 4, 4)],
            "b": [job(1, 1, 1, 1), job(9, 9, 9, 9)],
        }
    )
    assert seconds == pytest.approx({"a": 2, "b": 3})
