"""Real data as it is published, where it is on this machine."""

import random

import pandas as pd
import pytest

from ktrain_sentiment.config import DataConfig, SplitConfig
from ktrain_sentiment.data import read_labelled, split
from support.workbook import write_workbook


@pytest.fixture
def smile(real_data):
    return pd.read_parquet(real_data("smile.parquet"))


def test_smile_without_its_header_is_read_as_its_readers_do(smile, read, tmp_path):
    path = tmp_path / "smile.csv"
    smile.to_csv(path, index=False, header=False)
    found = read(
        path,
        columns=("id", "text", "label"),
        drop_labels=("nocode", "not-relevant"),
        multi_label="drop",
        min_class_size=10,
    )
    assert found.labels == ("angry", "happy", "sad", "surprise")
    single = smile[~smile["label"].str.contains("|", regex=False)]
    wanted = single[~single["label"].isin(["nocode", "not-relevant", "disgust"])]
    kept = wanted.drop_duplicates(["text", "label"])
    assert len(found) == pytest.approx(len(kept), abs=6)
    assert any("disgust (6)" in note for note in found.notes)
    splits = split(found, SplitConfig(validation=0.15, test=0.15))
    shares = splits.test["label"].value_counts(normalize=True)
    assert shares["happy"] == pytest.approx(found.counts["happy"] / len(found), abs=0.01)
    assert set(splits.validation["label"]) == set(found.labels)


def test_smile_written_back_is_the_same_table(smile, read, tmp_path):
    path = tmp_path / "smile.csv"
    smile.to_csv(path, index=False, header=False)
    keep = {"duplicates": "keep", "contradictions": "keep"}
    found = read(path, columns=("id", "text", "label"), **keep)
    assert found.frame["text"].tolist() == smile["text"].tolist()
    assert found.frame["label"].tolist() == smile["label"].tolist()


@pytest.fixture
def imdb(real_data):
    frame = pd.read_parquet(real_data("imdb_train.parquet"))
    return frame.iloc[random.Random(0).sample(range(len(frame)), 300)].reset_index(drop=True)


def test_imdb_as_folders_of_text_files_is_read_right(imdb, tmp_path):
    for position, (text, label) in enumerate(zip(imdb["text"], imdb["label"], strict=True)):
        folder = tmp_path / "aclImdb" / ("train" if position < 200 else "test") / label[:3]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{position}_7.txt").write_text(text, encoding="utf-8")
    texts = read_labelled(DataConfig(data=str(tmp_path / "aclImdb")))
    assert sorted(zip(texts.frame["text"], texts.frame["label"], strict=True)) == sorted(
        set(zip(imdb["text"], imdb["label"], strict=True))
    )
    assert texts.frame["split"].value_counts().to_dict() == {"train": 200, "test": 100}
    assert split(texts, SplitConfig()).sizes()["test"] == 100


def test_imdb_as_excel_is_read_right(imdb, read, tmp_path):
    rows = [[text, label] for text, label in zip(imdb["text"], imdb["label"], strict=True)]
    path = write_workbook(tmp_path / "imdb.xlsx", {"Sheet1": [["Reviews", "Sentiment"], *rows]})
    found = read(path)
    assert (found.text_column, found.label_column) == ("Reviews", "Sentiment")
    wanted = [text for text in imdb["text"] if all(ord(letter) > 31 for letter in text)]
    assert set(wanted) <= set(found.frame["text"])
