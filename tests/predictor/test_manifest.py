"""The manifest: read strictly, written whole, kept true."""

import json
import shutil
from pathlib import Path

import pytest

from ktrain_sentiment.errors import PredictorError
from ktrain_sentiment.export.saving import check_folder
from ktrain_sentiment.predictor.layout import PredictorFolder
from ktrain_sentiment.predictor.manifest import (
    FORMAT,
    FORMAT_VERSION,
    Manifest,
    check_files,
    digest,
    from_json,
    read_manifest,
    to_json,
    update_predictor,
    write_manifest,
)

SHA = "0" * 64
VALID = {
    "format": FORMAT, "format_version": FORMAT_VERSION, "labels": ["no", "yes"], "maxlen": 64,
    "encoder": "minilm", "family": "bert", "files": {"config.json": {"sha256": SHA, "size": 3}},
}  # fmt: skip


def test_a_manifest_survives_writing_and_reading(tmp_path):
    manifest = Manifest(
        labels=("schlecht", "gut"), maxlen=32, encoder="x", family="bert", temperature=1.25,
        cleaning=("html",), metrics={"accuracy": 0.9}, files={"a/b.onnx": digest(Path(__file__))},
    )  # fmt: skip
    write_manifest(tmp_path, manifest)
    assert read_manifest(tmp_path) == manifest


def test_unknown_fields_of_a_later_release_are_ignored():
    assert from_json({**VALID, "colour": "blue"}).labels == ("no", "yes")


def test_a_newer_format_is_refused_with_the_way_out():
    with pytest.raises(PredictorError, match=r"newer release .* pip install -U ktrain-sentiment"):
        from_json({**VALID, "format_version": FORMAT_VERSION + 1})


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"format": "something else"}, "not the manifest"),
        ({"format_version": "1"}, "not the manifest"),
        ({"labels": ["only"]}, "two or more"),
        ({"labels": ["same", "same"]}, "all different"),
        ({"labels": [1, 2]}, "something else than texts"),
        ({"labels": "ab"}, "wanted a list"),
        ({"labels": [" ", "yes"]}, "one is empty; give it a name"),
        ({"engines": {"int8": {"kept": 1}}}, "kept is 1, wanted true or false"),
        ({"maxlen": 0}, "at least 1"),
        ({"maxlen": "64"}, "wanted a whole number"),
        ({"maxlen": True}, "wanted a whole number"),
        ({"temperature": 0}, "above 0"),
        ({"temperature": float("nan")}, "above 0"),
        ({"files": {"../../etc/passwd": {"sha256": SHA, "size": 1}}}, "leaves the predictor"),
        ({"files": {"/etc/passwd": {"sha256": SHA, "size": 1}}}, "leaves the predictor"),
        ({"files": {"..\\x": {"sha256": SHA, "size": 1}}}, "leaves the predictor"),
        ({"files": {"a": {"sha256": "zz", "size": 1}}}, "wanted a sha256"),
        ({"files": {"a": "zz"}}, "wanted a sha256"),
    ],
)
def test_nonsense_is_refused_in_one_line(change, complaint):
    with pytest.raises(PredictorError, match=complaint) as caught:
        from_json({**VALID, **change})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["labels", "maxlen", "encoder", "family", "files"])
def test_a_missing_field_is_named(name):
    with pytest.raises(PredictorError, match=f"field {name} is None"):
        from_json({key: value for key, value in VALID.items() if key != name})


@pytest.mark.parametrize("content", ["", "{", "[]", "[" * 100_000, "\udcff"])
def test_a_damaged_file_is_one_line(tmp_path, content):
    (tmp_path / "manifest.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(PredictorError, match=r"manifest\.json"):
        read_manifest(tmp_path)


def test_a_huge_manifest_is_not_even_read(tmp_path):
    with (tmp_path / "manifest.json").open("wb") as stream:
        stream.truncate(10**12)
    with pytest.raises(PredictorError, match="wanted at most"):
        read_manifest(tmp_path)


def test_a_missing_folder_and_a_folder_without_manifest(tmp_path):
    with pytest.raises(PredictorError, match="no such folder"):
        read_manifest(tmp_path / "missing")
    with pytest.raises(PredictorError, match="ktrain-sentiment export"):
        read_manifest(tmp_path)


def test_a_predictor_of_ours_without_manifest_is_not_taken_for_one_of_plain_ktrain(
    predictor, tmp_path
):
    folder = shutil.copytree(predictor, tmp_path / "p")
    (folder / "tf_model.preproc").touch()
    (folder / "manifest.json").unlink()
    with pytest.raises(PredictorError, match=r"lost its manifest\.json: fetch the whole folder"):
        read_manifest(folder)


def test_figures_that_json_cannot_hold_are_refused(tmp_path):
    manifest = from_json({**VALID, "metrics": {"loss": float("nan")}})
    with pytest.raises(PredictorError, match="cannot be written as JSON"):
        write_manifest(tmp_path, manifest)
    assert not list(tmp_path.iterdir())


def test_updating_keeps_the_digests_true(predictor, tmp_path):
    folder = shutil.copytree(predictor, tmp_path / "copy")
    update_predictor(folder, temperature=1.5, metrics={"accuracy": 0.5}, card="# Card\n")
    manifest = check_folder(folder)
    assert (manifest.temperature, manifest.metrics) == (1.5, {"accuracy": 0.5})
    assert (folder / "README.md").read_text() == "# Card\n"
    assert "README.md" in manifest.files


def test_updating_to_nonsense_changes_nothing(predictor, tmp_path):
    folder = shutil.copytree(predictor, tmp_path / "copy")
    with pytest.raises(PredictorError, match="above 0"):
        update_predictor(folder, temperature=-1.0)
    assert read_manifest(folder) == read_manifest(predictor)


def test_every_file_but_the_manifest_is_digested(predictor):
    on_disk = {p.relative_to(predictor).as_posix() for p in predictor.rglob("*") if p.is_file()}
    assert set(read_manifest(predictor).files) == on_disk - {"manifest.json"}
    assert set(PredictorFolder(predictor).files()) == on_disk - {"manifest.json"}


def test_checking_names_a_changed_and_a_missing_file(predictor, tmp_path):
    folder = shutil.copytree(predictor, tmp_path / "copy")
    weights = folder / "model.safetensors"
    contents = bytearray(weights.read_bytes())
    contents[-1] ^= 1
    weights.write_bytes(contents)
    with pytest.raises(PredictorError, match=r"model\.safetensors is not the file that was saved"):
        check_folder(folder)
    weights.write_bytes(contents[:-9])
    said = rf"\({len(contents) - 9:,} bytes, not the {len(contents):,} in manifest\.json\)"
    with pytest.raises(PredictorError, match=said):
        check_folder(folder)
    weights.unlink()
    with pytest.raises(PredictorError, match=r"model\.safetensors is missing"):
        check_folder(folder)


def test_a_file_that_was_added_later_is_not_trusted(predictor, tmp_path):
    folder = shutil.copytree(predictor, tmp_path / "copy")
    (folder / "extra.onnx").touch()
    manifest = read_manifest(folder)
    with pytest.raises(PredictorError, match="added later"):
        check_files(PredictorFolder(folder), manifest.files, ["extra.onnx"])


def test_the_json_says_what_it_is():
    assert to_json(from_json(VALID))["format"] == FORMAT
    assert json.dumps(to_json(from_json(VALID)))
