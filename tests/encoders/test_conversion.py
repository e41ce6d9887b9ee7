"""Weights in several files or in a pickle become one file of safetensors."""

import pickle
import zipfile
from pathlib import Path

import numpy as np
from safetensors import safe_open

from ktrain_sentiment import encoders
from ktrain_sentiment.encoders import encoder_folder
from ktrain_sentiment.encoders.conversion import RawTensor, write_tensors
from support.damage import Bomb
from support.encoders import (
    SHARDS,
    WEIGHTS,
    as_pickle,
    assert_same_tensors,
    complaint,
    in_shards,
)


def test_weights_in_several_files_become_one(encoder: Path) -> None:
    whole = in_shards(encoder)
    found = encoders.resolve(str(encoder))
    assert found != encoder.resolve()
    assert_same_tensors(found, whole)
    assert encoders.resolve(str(encoder)) == found
    assert {path.name for path in found.iterdir()} == {
        WEIGHTS, *(path.name for path in encoder.iterdir() if "model" not in path.name)
    }  # fmt: skip


def test_a_converted_encoder_is_not_reused_when_a_file_of_it_changed(encoder: Path) -> None:
    in_shards(encoder)
    before = encoders.resolve(str(encoder))
    (encoder / "vocab.txt").write_text("changed")
    assert encoders.resolve(str(encoder)) != before


def test_a_missing_file_of_several_weights_is_named(encoder: Path) -> None:
    in_shards(encoder)
    (encoder / SHARDS[1]).unlink()
    assert f"it lacks {SHARDS[1]}, which model.safetensors.index.json names" in complaint(encoder)


def test_bfloat16_numbers_survive_joining(tmp_path: Path) -> None:
    numbers = np.arange(6, dtype=np.uint16)
    write_tensors(tmp_path / WEIGHTS, {"a": RawTensor("BF16", (2, 3), numbers)})
    encoder_folder._check_safetensors(tmp_path / WEIGHTS, "it")
    with safe_open(tmp_path / WEIGHTS, framework="numpy") as file:
        assert file.get_slice("a").get_dtype() == "BF16"
        assert file.get_slice("a").get_shape() == [2, 3]
    assert (tmp_path / WEIGHTS).read_bytes().endswith(numbers.tobytes())


def test_pickled_weights_are_read_without_pytorch(encoder: Path) -> None:
    whole = as_pickle(encoder)
    assert_same_tensors(encoders.resolve(str(encoder)), whole)


def test_a_pickle_that_asks_for_more_than_tensors_is_refused_and_not_run(
    encoder: Path, tmp_path: Path
) -> None:
    as_pickle(encoder, extra=Bomb(tmp_path / "fuse"))
    line = complaint(encoder)
    assert "pytorch_model.bin is not a table of tensors alone: it asks for " in line
    assert not (tmp_path / "fuse").exists()


def test_tensors_that_reach_beyond_their_numbers_are_refused(encoder: Path) -> None:
    as_pickle(encoder)
    path = encoder / "pytorch_model.bin"
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data[:8] if "/data/" in name else data)
    assert "a tensor lies outside of its numbers" in complaint(encoder)


def test_pickled_weights_of_an_old_format_are_refused_with_the_way_to_convert_them(
    encoder: Path,
) -> None:
    (encoder / WEIGHTS).unlink()
    (encoder / "pytorch_model.bin").write_bytes(pickle.dumps({"magic": 0x1950A86A20F9469CFC6C}))
    line = complaint(encoder)
    assert "PyTorch's format from before version 1.6" in line
    assert "AutoModel.from_pretrained(folder).save_pretrained(folder)" in line
