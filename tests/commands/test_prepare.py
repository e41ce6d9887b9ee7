"""prepare_data.py from the command line: what it shows, writes and refuses."""

import json
from pathlib import Path

import pandas as pd
import pytest

from support.process import ROOT, run_here, run_python

SCRIPT = ROOT / "scripts" / "prepare_data.py"
FLAGS = ["--columns", "id", "text", "label", "--drop-labels", "nocode", "--multi-label", "drop"]


@pytest.fixture
def tweets(tmp_path: Path) -> Path:
    """Tweets without a header line, some without a code, one with two."""
    lines = [f"{k},{'so happy' if k % 3 else 'so sad'} about <b>{k}</b>,"
             f"{'happy' if k % 3 else 'sad'}" for k in range(60)]  # fmt: skip
    path = tmp_path / "tweets.csv"
    path.write_text("\n".join([*lines, "98,what is this,nocode", "99,both,happy|sad"]) + "\n")
    return path


def test_help_answers_at_once_because_it_imports_nothing_large():
    done = run_python("-X", "importtime", SCRIPT, "--help")
    assert done.returncode == 0
    assert "--profile-only" in done.stdout
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "ktrain_sentiment.config" in imported
    assert imported & {"pandas", "pyarrow", "sklearn", "tensorflow"} == set()


def test_a_profile_is_shown_and_nothing_written(tweets, tmp_path):
    done = run_python(SCRIPT, tweets, *FLAGS, "--profile-only", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "62 rows read, 60 used" in done.stdout
    assert "left out 1 row labelled 'nocode'" in done.stdout
    assert "HTML remains" in done.stdout
    assert "→ --cleaning html" in done.stdout
    assert list(tmp_path.iterdir()) == [tweets]


def test_what_cannot_be_divided_still_has_a_profile(tweets, tmp_path):
    flags = FLAGS[: FLAGS.index("--multi-label")]
    done = run_here(SCRIPT, tweets, *flags, "--profile-only", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "cannot be divided as it is: " in done.stdout
    assert "61 rows by class" in done.stdout
    refused = run_here(SCRIPT, tweets, *flags, cwd=tmp_path)
    assert refused.returncode == 2
    assert "too few different texts to have each class in each of 3 parts" in refused.stderr


def test_the_splits_and_the_profile_are_written_and_read_again(tweets, tmp_path):
    output = tmp_path / "out"
    cleaned = [*FLAGS, "--cleaning", "html"]
    done = run_here(SCRIPT, tweets, *cleaned, "--output", output, "--json")
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["rows"] == {"train": 48, "validation": 6, "test": 6}
    assert figures["classes"] == {"happy": 40, "sad": 20}
    assert {path.name for path in output.iterdir()} == {
        "train.parquet", "validation.parquet", "test.parquet", "splits.json", "profile.json",
        "profile.html", "config.yaml",
    }  # fmt: skip
    train = pd.read_parquet(output / "train.parquet")
    assert list(train.columns) == ["text", "label", "row", "id"]
    assert not train["text"].str.contains("<").any()
    again = run_here(SCRIPT, output, "--profile-only", "--json")
    assert json.loads(again.stdout.splitlines()[-1])["fingerprint"] == figures["fingerprint"]


def test_the_written_settings_do_the_same_again(tweets, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    run_here(SCRIPT, tweets, *FLAGS, "--split-seed", "7", "--output", first)
    done = run_here(SCRIPT, "--config", first / "config.yaml", "--output", second)
    assert done.returncode == 0, done.stderr
    one, other = (json.loads((f / "splits.json").read_text()) for f in (first, second))
    assert one["fingerprint"] == other["fingerprint"]


def test_folds_have_a_folder_each(tweets, tmp_path):
    output = tmp_path / "out"
    done = run_here(SCRIPT, tweets, *FLAGS, "--folds", "3", "--test", "6", "--output", output)
    assert done.returncode == 0, done.stderr
    assert "1 findings" not in done.stdout
    sizes = [json.loads((output / f"fold-{k}" / "splits.json").read_text())["rows"]
             for k in (1, 2, 3)]  # fmt: skip
    assert [size["validation"] for size in sizes] == [18, 18, 18]
    assert {size["test"] for size in sizes} == {6}


def test_lengths_are_counted_in_tokens_of_an_encoder(tweets, tmp_path, tiny_encoder):
    done = run_here(SCRIPT, tweets, *FLAGS, "--encoder", tiny_encoder, "--maxlen", "5",
                      "--profile-only", "--json", cwd=tmp_path)  # fmt: skip
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["length_unit"] == "tokens"
    assert "cut texts" in {finding["check"] for finding in figures["findings"]}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nowhere.csv"], "prepare_data.py: nowhere.csv: no such file"),
        ([], "prepare_data.py: no data is named; wanted a file, or one of the corpora"),
        (["tweets.csv"], "prepare_data.py: tweets.csv: the first line looks like a row"),
        (["tweets.csv", *FLAGS, "--maxlen", "9"], "--maxlen 9 counts tokens: name the --encoder"),
        (["tweets.csv", *FLAGS, "--map", "x"], "--map 'x': cannot read 'x'; wanted old,old=new"),
        (["tweets.csv", *FLAGS, "--output", "full"], "full exists: choose another place, or add"),
        (
            ["tweets.csv", *FLAGS, "--output", "full", "--overwrite"],
            "full exists and holds no",
        ),
    ],
)
def test_what_is_wrong_is_one_line_and_nothing_is_written(tweets, tmp_path, arguments, complaint):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("years of work")
    done = run_here(SCRIPT, *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert done.stderr.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} == {"full", "tweets.csv"}
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["thesis.txt"]
