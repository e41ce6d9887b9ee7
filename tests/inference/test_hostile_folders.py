"""Predictor folders made to mislead: each is refused when it is opened, in one line."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import ktrain_sentiment
from ktrain_sentiment.errors import PredictorError
from ktrain_sentiment.predictor.layout import PredictorFolder
from ktrain_sentiment.predictor.manifest import digest_files
from support.predictors import rewrite_manifest
from support.process import run_code, run_python

INT8 = "onnx/model_quantized.onnx"


def reseal(folder: Path) -> Path:
    """Make the manifest vouch for the files as they are now, as whoever tampers would."""
    files = digest_files(PredictorFolder(folder))
    rewrite_manifest(folder, files={name: vars(found) for name, found in files.items()})
    return folder


def complaint_of(folder: Path, engine: Any = "auto") -> str:
    with pytest.raises(PredictorError) as caught:
        ktrain_sentiment.load(folder, engine)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# Graphs


def constant_graph(logits: np.ndarray, output: str = "logits") -> bytes:
    """A graph that gives the same for any batch."""
    table = numpy_helper.from_array(logits, "table")
    ids = helper.make_tensor_value_info("input_ids", onnx.TensorProto.INT64, ["n", "length"])
    out = helper.make_tensor_value_info(output, helper.np_dtype_to_tensor_dtype(logits.dtype), None)
    node = helper.make_node("Identity", ["table"], [output])
    graph = helper.make_graph([node], "hostile", [ids], [out], [table])
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()


@pytest.mark.parametrize(
    ("logits", "complaint"),
    [
        (np.zeros((1, 2), np.float32), r"shape \(1, 2\)"),
        (np.zeros((2, 1), np.float32), "1 column"),
        (np.zeros((2, 3), np.float32), "3 column"),
        (np.zeros((), np.float32), r"shape \(\)"),
        (np.zeros(2, np.float32), r"shape \(2,\)"),
        (np.zeros((2, 2), np.int64), "int64"),
        (np.full((2, 2), np.nan, np.float32), "not numbers"),
        (np.array([[np.inf, 0], [0, 0]], np.float32), "not numbers"),
    ],
    ids=str,
)
def test_a_graph_that_gives_something_else_than_logits_is_refused(copy, logits, complaint):
    (copy / INT8).write_bytes(constant_graph(logits))
    reseal(copy)
    with pytest.raises(PredictorError, match=complaint) as caught:
        ktrain_sentiment.load(copy)
    assert "\n" not in str(caught.value)


def test_a_graph_with_another_output_is_refused(copy):
    (copy / INT8).write_bytes(constant_graph(np.zeros((2, 2), np.float32), "scores"))
    assert "logits" in complaint_of(reseal(copy))


def test_a_graph_that_wants_another_input_is_refused(copy):
    graph = onnx.load(copy / INT8)
    extra = helper.make_tensor_value_info("pixel_values", onnx.TensorProto.FLOAT, ["n"])
    graph.graph.input.append(extra)
    (copy / INT8).write_bytes(graph.SerializeToString())
    assert "pixel_values" in complaint_of(reseal(copy))


def test_a_text_whose_answer_is_not_a_number_is_never_given_a_label(copy):
    """The probe's words are fine, and those of a later text are not."""
    config = json.loads((copy / "config.json").read_text())
    vocabulary = json.loads((copy / "tokenizer.json").read_text())["model"]["vocab"]
    table = np.zeros((config["vocab_size"], 2), np.float32)
    table[vocabulary["wonderful"]] = np.nan
    ids = helper.make_tensor_value_info("input_ids", onnx.TensorProto.INT64, ["n", "length"])
    out = helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ["n", 2])
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["rows"]),
        helper.make_node("ReduceMean", ["rows"], ["logits"], axes=[1], keepdims=0),
    ]
    weights = [numpy_helper.from_array(table, "table")]
    graph = helper.make_graph(nodes, "hostile", [ids], [out], weights)
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), copy / INT8)
    classifier = ktrain_sentiment.load(reseal(copy))
    assert classifier.predict(["dull"])[0].label
    with pytest.raises(PredictorError, match="not numbers"):
        classifier.predict(["dull", "wonderful"])


# The manifest


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"temperature": 1e-300}, "temperature 1e-300"),
        ({"temperature": 10**400}, "temperature"),
        ({"maxlen": 10**12}, "maxlen is 1,000,000,000,000"),
        ({"maxlen": 2**70}, "maxlen"),
        ({"maxlen": "64"}, "field maxlen"),
        ({"maxlen": 2}, "maxlen 2 leaves no room"),
        ({"maxlen": 100_000}, "copy: maxlen is 100,000 in manifest.json, and the model of config"),
        ({"padding_id": -1}, "padding_id -1"),
        ({"padding_id": 2**70}, "padding_id"),
        ({"padding_id": 10**6}, "cannot be run"),
        ({"padding_id": [0]}, "field padding_id"),
        ({"engines": {"int8": "kept"}}, "field engines"),
        ({"engines": [1]}, "field engines"),
        ({"versions": {"python": 3}}, "field versions"),
        ({"labels": ["a", "b", "c"]}, "2 column"),
        ({"labels": [["a"], "b"]}, "field labels"),
        ({"labels": ["", "b"]}, "one is empty"),
        ({"engines": {"int8": {"kept": "yes"}}}, "engine int8: kept is 'yes'"),
        ({"files": {"tokenizer.json": 3}}, "tokenizer.json"),
        ({"task": "stars", "stars": [10**400, 1]}, "a number of stars is too large"),
        ({"half_width": 10**400}, "a number of half_width is too large"),
    ],
    ids=str,
)
def test_a_fact_that_no_predictor_can_have_is_refused(copy, changes, complaint, capfd):
    rewrite_manifest(copy, **changes)
    assert complaint in complaint_of(copy)
    assert capfd.readouterr().err == ""  # ONNX Runtime logs its errors there, in red.


def test_a_file_that_cannot_be_read_is_named(copy):
    files = json.loads((copy / "manifest.json").read_text())["files"]
    rewrite_manifest(copy, files=files | {"tokenizer.json": {"sha256": "0" * 64, "size": 0}})
    (copy / "tokenizer.json").unlink()
    (copy / "tokenizer.json").symlink_to("/proc/self/mem")
    assert "tokenizer.json cannot be read: input/output error" in complaint_of(copy)


@pytest.mark.parametrize("name", ["manifest.json", "tokenizer.json"])
def test_json_that_is_nested_too_deeply_is_refused(copy, name):
    (copy / name).write_text("[" * 200_000)
    if name != "manifest.json":
        reseal(copy)
    assert name in complaint_of(copy)


def test_a_manifest_that_was_copied_by_half_says_what_to_do(copy):
    half = (copy / "manifest.json").read_text()[:200]
    (copy / "manifest.json").write_text(half)
    assert complaint_of(copy).endswith("; copy it again")


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "tokenizer_config.json"])
def test_it_is_refused_in_a_folder_from_elsewhere_too(copy, name):
    (copy / "manifest.json").unlink()
    (copy / name).write_text("[" * 200_000)
    assert name in complaint_of(copy)


# Tokenizers


def without_unknown(tokenizer: dict[str, Any]) -> None:
    del tokenizer["model"]["vocab"]["[UNK]"]
    tokenizer["added_tokens"] = [t for t in tokenizer["added_tokens"] if t["content"] != "[UNK]"]


def panics_when_read(tokenizer: dict[str, Any]) -> None:
    tokenizer["normalizer"] = {"type": "Precompiled", "precompiled_charsmap": "AAAA"}


def panics_when_used(tokenizer: dict[str, Any]) -> None:
    tokenizer["pre_tokenizer"] = {"type": "FixedLength", "length": 0}


def ids_beyond_the_table(tokenizer: dict[str, Any]) -> None:
    tokenizer["post_processor"] = {
        "type": "BertProcessing", "sep": ["[SEP]", 2**31], "cls": ["[CLS]", 2**31 + 1],
    }  # fmt: skip


@pytest.mark.parametrize(
    "tamper", [without_unknown, panics_when_read, panics_when_used, ids_beyond_the_table]
)
@pytest.mark.parametrize("sealed", [True, False])
def test_a_tokenizer_that_fails_is_refused(
    copy, tamper: Callable[[dict[str, Any]], None], sealed: bool
):
    tokenizer = json.loads((copy / "tokenizer.json").read_text())
    tamper(tokenizer)
    (copy / "tokenizer.json").write_text(json.dumps(tokenizer))
    if sealed:
        reseal(copy)
    else:
        (copy / "manifest.json").unlink()
    complaint_of(copy)


# Weights and configuration of a folder from elsewhere, whose graph is written here


@pytest.mark.parametrize(
    "changes",
    [
        {"num_attention_heads": 0},
        {"num_attention_heads": -2},
        {"num_attention_heads": 5},
        {"num_attention_heads": 10**9},
        {"num_attention_heads": [2]},
        {"num_hidden_layers": 0},
        {"num_hidden_layers": "many"},
        {"num_hidden_layers": 10**9},
        {"layer_norm_eps": "small"},
        {"layer_norm_eps": float("nan")},
        {"hidden_act": {"a": 1}},
        {"model_type": ["bert"]},
        {"pad_token_id": -7},
        {"id2label": {"0": "a", "1": "b", "2": "c"}},
    ],
    ids=str,
)
@pytest.mark.parametrize("engine", ["fp32", "int8"])
def test_a_configuration_that_does_not_fit_its_weights_is_refused(copy, changes, engine):
    (copy / "manifest.json").unlink()
    shutil.rmtree(copy / "onnx")
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | changes))
    complaint_of(copy, engine)


# From the command line


def test_the_command_line_says_it_in_one_line_too(copy, tmp_path):
    (copy / INT8).write_bytes(constant_graph(np.full((2, 2), np.nan, np.float32)))
    reseal(copy)
    done = run_python("-m", "ktrain_sentiment", "predict", "a film", "--predictor", copy)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "not numbers" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


# What opening a graph leaves behind


def test_onnx_runtime_leaves_no_file_and_no_variable_behind(predictor, tmp_path):
    """Its telemetry keeps a database in the user's cache and a file in the temporary folder."""
    places = {name: tmp_path / name for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME")}
    for place in places.values():
        place.mkdir()
    done = run_code(
        f"""
        import os, sys
        before = dict(os.environ)
        import ktrain_sentiment
        ktrain_sentiment.load({str(predictor)!r}).predict(["a film"])
        assert dict(os.environ) == before, set(os.environ) ^ set(before)
        links = [os.path.join("/proc/self/fd", name) for name in os.listdir("/proc/self/fd")]
        opened = [os.readlink(link) for link in links if os.path.islink(link)]
        assert not [name for name in opened if "socket" in name or ".onnxruntime" in name], opened
        """,
        {name: str(place) for name, place in places.items()},
    )
    assert done.returncode == 0, done.stderr
    assert [path for place in places.values() for path in place.rglob("*")] == []


WRITES = re.compile(
    r"O_WRONLY|O_RDWR|O_CREAT|\b(creat|rename\w*|mkdir\w*|rmdir|unlink\w*|symlink\w*|link\w*|truncate)\("
)


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.parametrize("engine", ["int8", "fp32"])
def test_a_prediction_connects_to_nothing_and_writes_its_output_alone(predictor, tmp_path, engine):
    (tmp_path / "in.csv").write_text("text\na film\na dull one\n")
    target = tmp_path / "made" / "out.csv"
    command = [
        "strace", "-f", "-qq", "-e", "trace=%network,%file", "-o", tmp_path / "calls",
        sys.executable, "-m", "ktrain_sentiment", "predict", "--predictor", predictor,
        "--engine", engine, "--file", tmp_path / "in.csv", "--output", target,
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        list(map(str, command)), env=environment, cwd=tmp_path, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    if "not permitted" in done.stderr:
        pytest.skip("this machine lets no process be traced")
    assert done.returncode == 0, done.stderr
    calls = (tmp_path / "calls").read_text().splitlines()
    assert len(target.read_text().splitlines()) == 3
    assert [line for line in calls if re.search(r"\b(socket|connect|sendto)\(", line)] == []
    written = [line for line in calls if WRITES.search(line) and "= -1 " not in line]
    elsewhere = [line for line in written if str(target.parent) not in line]
    # A semaphore is no file, though it is made as one in memory and unlinked at once.
    assert [line for line in elsewhere if not re.search(r'"/dev/(null"|shm/sem\.)', line)] == []
    assert len(written) > len(elsewhere)
