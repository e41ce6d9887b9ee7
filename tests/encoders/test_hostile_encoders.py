"""Encoder folders made to mislead: refused in one line, and nothing in them ever runs."""

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ktrain_sentiment
from ktrain_sentiment.errors import PredictorError
from ktrain_sentiment.predictor.layout import PredictorFolder
from ktrain_sentiment.predictor.manifest import digest_files, update_predictor
from support.encoders import WEIGHTS, as_pickle, complaint
from support.process import run_here, run_python
from support.torchfile import save_as_torch

INDEX = "model.safetensors.index.json"
PICKLED = "pytorch_model.bin"
CONFIGS = ["config.json", "tokenizer_config.json"]


# JSON and tables of tensors


@pytest.mark.parametrize(
    ("name", "content"),
    [
        *((name, content) for name in CONFIGS for content in ("[" * 200_000, "[]", "\udcff")),
        ("config.json", '{"model_type": ["bert"]}'),
    ],
    ids=lambda value: value[:30],
)
def test_a_configuration_that_is_none_is_refused(encoder: Path, name: str, content: str) -> None:
    (encoder / name).write_bytes(content.encode("utf-8", "surrogateescape"))
    assert name in complaint(encoder)


def write_header(path: Path, header: object, numbers: bytes = b"") -> None:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + numbers)


def tensor(begin: object, end: object, shape: object = (1,)) -> dict[str, object]:
    return {"dtype": "F32", "shape": shape, "data_offsets": [begin, end]}


@pytest.mark.parametrize(
    "header",
    [
        b"[" * 200_000,
        b"[]",
        {"a": 3},
        {"a": tensor(0, "4")},
        {"a": tensor(0, 4, "x")},
        {"a": tensor(-4, 4)},
        {"a": {**tensor(0, 4), "dtype": 7}},
        {"a": tensor(0, 4), "b": tensor(0, 4)},
        {"a": tensor(0, 4), "b": tensor(2, 4)},
    ],
    ids=lambda header: str(header)[:40],
)
def test_a_table_of_tensors_that_contradicts_itself_is_refused(
    encoder: Path, header: object
) -> None:
    (encoder / WEIGHTS).unlink()
    write_header(encoder / "model-00001-of-00001.safetensors", header, b"\0" * 4)
    (encoder / INDEX).write_text(
        json.dumps({"weight_map": {"a": "model-00001-of-00001.safetensors"}})
    )
    assert "model-00001-of-00001.safetensors" in complaint(encoder)


@pytest.mark.parametrize(
    "index",
    ["[" * 200_000, "[]", "{}", '{"weight_map": ["a"]}', '{"weight_map": {"a": ["b"]}}'],
    ids=lambda index: index[:30],
)
def test_an_index_of_weights_that_is_none_is_refused(encoder: Path, index: str) -> None:
    (encoder / WEIGHTS).rename(encoder / "model-00001-of-00001.safetensors")
    (encoder / INDEX).write_text(index)
    assert INDEX in complaint(encoder)


# pytorch_model.bin


def test_a_tensor_that_claims_more_numbers_than_the_file_has_is_refused(encoder: Path) -> None:
    """Thirty-two gigabytes from a file of four bytes."""
    (encoder / WEIGHTS).unlink()
    huge = np.lib.stride_tricks.as_strided(np.zeros(1, np.float32), (80_000, 100_000), (0, 0))
    save_as_torch(encoder / PICKLED, {"huge": huge}, as_it_lies=True)
    assert "more numbers than the file holds" in complaint(encoder)


def test_a_compressed_archive_is_refused(encoder: Path) -> None:
    """PyTorch never compresses; a thousandth of what is unpacked would be enough of a file."""
    as_pickle(encoder)
    stored = encoder / PICKLED
    with zipfile.ZipFile(stored) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(stored, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    assert "compressed" in complaint(encoder)


# Code of its own


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """The file that exists once the code in a folder has run."""
    return tmp_path / "canary-sang"


def give_code(place: Path, canary: Path, model_type: str) -> Path:
    """Let config.json and tokenizer_config.json name Python classes in the folder."""
    (place / "own.py").write_text(
        f"open({str(canary)!r}, 'w').close()\n"
        "from transformers import BertConfig as C, BertTokenizerFast as T\n"
        "from transformers import TFBertForSequenceClassification as M\n"
    )
    classes = {"config.json": ["AutoConfig", "TFAutoModelForSequenceClassification"]}
    for name in CONFIGS:
        names = classes.get(name, ["AutoTokenizer"])
        known = {"AutoConfig": "own.C", "TFAutoModelForSequenceClassification": "own.M"}
        own: dict[str, Any] = {key: known.get(key, ["own.T", "own.T"]) for key in names}
        config = json.loads((place / name).read_text())
        (place / name).write_text(json.dumps(config | {"auto_map": own, "model_type": model_type}))
    return place


@pytest.mark.parametrize("name", CONFIGS)
def test_an_encoder_that_names_code_of_its_own_is_refused(
    encoder: Path, canary: Path, name: str
) -> None:
    other = {"config.json": "tokenizer_config.json", "tokenizer_config.json": "config.json"}[name]
    kept = (encoder / other).read_text()
    give_code(encoder, canary, "distilbert")
    (encoder / other).write_text(kept)
    line = complaint(encoder)
    assert f"{name} names Python code of its own (auto_map)" in line


@pytest.mark.parametrize("model_type", ["canary", "bert"])
@pytest.mark.parametrize("command", ["train", "find-lr", "compare", "prepare"])
def test_no_command_runs_the_code_of_an_encoder(
    encoder: Path, canary: Path, reviews_csv: Path, tmp_path: Path, command: str, model_type: str
) -> None:
    give_code(encoder, canary, model_type)
    wanted = {
        "train": ["--run", tmp_path / "run"],
        "find-lr": ["--run", tmp_path / "run"],
        "compare": ["--models", "encoder", "--run", tmp_path / "run"],
        "prepare": ["--output", tmp_path / "prepared"],
    }[command]
    script = {"find-lr": "find_lr", "prepare": "prepare_data"}.get(command, command)
    done = run_here(
        f"scripts/{script}.py", reviews_csv, "--encoder", encoder, *wanted, stdin="y\n" * 10
    )
    assert not canary.exists()
    if command == "prepare":  # It reads tokenizer.json alone, which is data.
        assert done.returncode == 0, done.stderr
    else:
        assert done.returncode == 2, done.stderr
        assert "auto_map" in done.stderr.strip().splitlines()[-1]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("model_type", ["canary", "bert"])
def test_no_door_runs_the_code_of_a_predictor(
    predictor: Path, reviews_csv: Path, tmp_path: Path, canary: Path, model_type: str
) -> None:
    place = give_code(shutil.copytree(predictor, tmp_path / "predictor"), canary, model_type)
    update_predictor(place, files=digest_files(PredictorFolder(place)))
    assert ktrain_sentiment.load(place).predict(["a film"])
    export = [place, "--output", tmp_path / "out", "--texts", reviews_csv]
    done = run_here("scripts/export.py", *export, stdin="y\n" * 10)
    assert not canary.exists()
    assert "Do you wish to run" not in done.stdout + done.stderr
    if model_type == "canary":
        assert done.returncode == 2, done.stderr
        assert "Traceback" not in done.stderr
    (place / "manifest.json").unlink()
    shutil.rmtree(place / "onnx")
    if model_type == "canary":
        with pytest.raises(PredictorError, match="canary"):
            ktrain_sentiment.load(place)
    else:
        assert ktrain_sentiment.load(place).predict(["a film"])
    assert not canary.exists()


def test_the_canary_sings_where_code_is_trusted(encoder: Path, canary: Path) -> None:
    """The tests above could not fail otherwise."""
    give_code(encoder, canary, "canary")
    done = run_python(
        "-c",
        "from transformers import AutoConfig\n"
        f"AutoConfig.from_pretrained({str(encoder)!r}, trust_remote_code=True)",
    )
    assert canary.exists(), done.stderr
