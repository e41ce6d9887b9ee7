"""Predictors at URLs: a real S3 server and a hub on this machine."""

import json
import logging
import shutil
from pathlib import Path

import pytest

import ktrain_sentiment
from ktrain_sentiment.errors import PredictorError
from ktrain_sentiment.inference.bundling import write_bundle
from ktrain_sentiment.inference.fetching import needed
from ktrain_sentiment.inference.loading import find_predictor
from ktrain_sentiment.remote import Remote
from ktrain_sentiment.runs import cache_folder
from support.hub import Hub
from support.process import run_code, run_python

TEXTS = ["a superb plot", "a dull film"]


@pytest.fixture
def stored(s3, predictor):
    """Put a predictor into the bucket; an empty cache, too."""
    shutil.rmtree(cache_folder() / "predictors", ignore_errors=True)

    def put(name, folder=predictor):
        for path in folder.rglob("*"):
            if path.is_file():
                s3.put(f"{name}/{path.relative_to(folder).as_posix()}", path.read_bytes())
        return f"s3://reviews/{name}"

    return put


@pytest.fixture
def moved(monkeypatch):
    """The names of the files that are fetched and sent from now on."""
    names = []
    for way, usual in {"fetch": Remote.fetch, "send": Remote.send}.items():

        def move(self, path, usual=usual):
            names.append(self.url.rsplit("/", 1)[1])
            return usual(self, path)

        monkeypatch.setattr(Remote, way, move)
    return names


def test_a_predictor_in_s3_answers_like_the_folder(stored, predictor):
    here = ktrain_sentiment.load(predictor)
    there = ktrain_sentiment.load(stored("good"))
    assert there.predict_proba(TEXTS).tolist() == here.predict_proba(TEXTS).tolist()


def test_only_what_the_engine_needs_is_fetched_and_only_once(stored, moved, predictor):
    url = stored("good")
    ktrain_sentiment.load(url)
    assert "manifest.json" in moved
    assert len([name for name in moved if name.endswith(".onnx")]) == 1
    assert not [name for name in moved if name.endswith((".h5", ".safetensors", ".preproc"))]
    moved.clear()
    ktrain_sentiment.load(url)
    assert moved == []
    whole = find_predictor(url)
    assert sorted(p.name for p in whole.rglob("*") if p.is_file()) == sorted(
        p.name for p in predictor.rglob("*") if p.is_file()
    )


def test_a_run_in_s3_stands_for_its_predictor(stored):
    stored("run/predictor")
    assert ktrain_sentiment.load("s3://reviews/run").predict(TEXTS)


def test_a_predictor_that_was_replaced_is_fetched_anew(stored, s3, predictor):
    url = stored("good")
    before = find_predictor(url)
    s3.put("good/README.md", b"another card")
    after = find_predictor(url)
    assert after != before
    assert (after / "README.md").read_text() == "another card"


def test_a_copy_that_was_damaged_is_fetched_again(stored, moved):
    url = stored("good")
    folder = find_predictor(url)
    path = folder / "tokenizer.json"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b" ")
    moved.clear()
    assert find_predictor(url) == folder
    assert moved == ["tokenizer.json"]
    assert path.read_bytes() == content


def test_what_is_not_what_the_manifest_says_is_refused(stored, s3):
    url = stored("bad")
    content = s3.get("bad/tokenizer.json")
    s3.put("bad/tokenizer.json", content[:-1] + b" ")
    with pytest.raises(PredictorError) as raised:
        ktrain_sentiment.load(url)
    assert str(raised.value).startswith(f"{url}: tokenizer.json is not the file that was saved")


def test_where_the_store_is_gone_the_newest_copy_answers_and_that_is_said(
    stored, monkeypatch, caplog
):
    import s3fs

    url = stored("good")
    ktrain_sentiment.load(url)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    s3fs.S3FileSystem.clear_instance_cache()
    with caplog.at_level(logging.WARNING):
        assert ktrain_sentiment.load(url).predict(TEXTS)
    assert "cannot be reached" in caplog.text
    assert "using the copy in the cache" in caplog.text
    with pytest.raises(PredictorError, match="cannot be reached"):
        ktrain_sentiment.load("s3://reviews/another")
    s3fs.S3FileSystem.clear_instance_cache()


def test_where_the_store_is_gone_no_copy_answers_that_was_never_whole(stored, s3, monkeypatch):
    import s3fs

    url = stored("good")
    whole = find_predictor(url)
    s3.put("good/README.md", b"another card")
    fetch = Remote.fetch

    def stopped(place: Remote, path: Path) -> None:
        if place.url.endswith("tokenizer.json"):
            raise KeyboardInterrupt
        fetch(place, path)

    monkeypatch.setattr(Remote, "fetch", stopped)
    with pytest.raises(KeyboardInterrupt):
        find_predictor(url)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    s3fs.S3FileSystem.clear_instance_cache()
    assert find_predictor(url) == whole
    s3fs.S3FileSystem.clear_instance_cache()


def test_a_folder_at_hand_needs_nothing_of_this(predictor):
    code = f"""
    import sys
    import ktrain_sentiment
    ktrain_sentiment.load({str(predictor)!r})
    print(sorted({{"fsspec", "aiohttp", "s3fs", "huggingface_hub"}} & sys.modules.keys()))
    """
    assert run_code(code).stdout == "[]\n"


def test_what_is_no_predictor_is_one_line(s3):
    s3.put("data/a.csv", b"text\n")
    for url, said in {
        "s3://reviews/data": "is no predictor: there is no manifest.json and no config.json, but",
        "s3://reviews/none": "no such file",
        "s3://nowhere/predictor": "there is no bucket nowhere",
        "https://127.0.0.1/predictor": "wanted a place in a store",
    }.items():
        with pytest.raises(PredictorError, match=said) as raised:
            ktrain_sentiment.load(url)
        assert str(raised.value).startswith(f"{url}: ")


def test_names_that_lead_out_of_the_folder_are_left_out(stored, s3):
    url = stored("good")
    s3.client.put_object(Bucket="reviews", Key="good/../../onnx/model.onnx", Body=b"evil")
    assert ".." not in json.dumps([str(p) for p in find_predictor(url).rglob("*")])
    assert ktrain_sentiment.load(url).predict(TEXTS)


def test_a_predictor_is_sent_to_s3_its_manifest_last_and_loads_from_there(s3, predictor, moved):
    made = write_bundle(predictor, "s3://reviews/sent", "all")
    assert moved[-1] == "manifest.json"
    assert ktrain_sentiment.load("s3://reviews/sent").predict(TEXTS)
    # What an earlier one had and this one has not is gone afterwards.
    again = write_bundle(predictor, "s3://reviews/sent", "fp32", overwrite=True)
    assert len(again.files) < len(made.files)
    assert sorted(s3.names()) == sorted(f"sent/{n}" for n in (*again.files, "manifest.json"))
    assert ktrain_sentiment.load("s3://reviews/sent", "fp32").predict(TEXTS)


def test_folders_from_elsewhere_are_fetched_without_what_only_training_reads():
    names = ["config.json", "tokenizer.json", "onnx/model.onnx", "model.safetensors", "a.bin"]
    assert needed(names, "auto") == ["config.json", "tokenizer.json", "onnx/model.onnx"]
    assert "model.safetensors" in needed(["config.json", "model.safetensors"], "auto")
    assert needed(["a.csv", "b.csv"]) == []
    assert needed([*names, "sub/other.json"]) == names


def test_a_predictor_on_the_hub_is_fetched_by_its_name(hub: Hub, predictor, tmp_path):
    hub.add("ann/reviews", predictor)
    code = (
        "import ktrain_sentiment as ks, ktrain_sentiment.errors\n"
        "print(ks.load('hf://ann/reviews').predict(['a superb plot'])[0].label)\n"
        "for name in ('hf://ann/nothing', 'hf://datasets/ann/x', 'hf://ann'):\n"
        "    try: ks.load(name)\n"
        "    except ks.errors.PredictorError as error: print(error)\n"
    )
    done = run_code(code, {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path)})
    label, missing, data, half = done.stdout.splitlines()
    assert label in {"negative", "positive"}
    assert missing.startswith(f"hf://ann/nothing: {hub.url} has no model of this name")
    assert data == "hf://datasets/ann/x: holds datasets, wanted a model, such as hf://org/name"
    assert half.startswith("hf://ann: ")
    assert not [name for name in hub.fetched() if name.endswith((".h5", ".safetensors"))]


def test_everything_at_urls_from_the_command_line(stored, s3, reviews_csv):
    s3.put("in/reviews.csv", reviews_csv.read_bytes())
    url = stored("good")
    arguments = ["--predictor", url, "--file", "s3://reviews/in/*.csv"]
    done = run_python(
        "scripts/predict.py", *arguments, "--output", "s3://reviews/out/scored.parquet", "--json"
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["output"] == "s3://reviews/out/scored.parquet"
    assert s3.get("out/scored.parquet").startswith(b"PAR1")
