"""Prepared data sets: written whole, read back the same, damage noticed."""

import json

import pandas as pd
import pytest

from ktrain_sentiment.config import DataConfig, SplitConfig
from ktrain_sentiment.data import is_prepared, read_labelled, split, write_splits
from ktrain_sentiment.errors import ConfigError, DataError

CONTENT = "text,label,user\n" + "".join(
    f"text <br /> {k},{'good' if k % 2 else 'bad'},u{k % 7}\n" for k in range(40)
)


@pytest.fixture
def prepared(write, read, tmp_path):
    texts = read(write("reviews.csv", CONTENT), cleaning=("html",))
    splits = split(texts, SplitConfig(validation=0.2, test=0.1))
    folder = tmp_path / "prepared"
    folder.mkdir()
    write_splits(splits, folder)
    return splits, folder


def test_what_was_written_is_read_back_with_its_fingerprint_and_cleaning(prepared):
    splits, folder = prepared
    assert is_prepared(folder)
    texts = read_labelled(DataConfig(data=str(folder)))
    again = split(texts, SplitConfig(validation=0.5, test=0.4))
    assert again.fingerprint == splits.fingerprint
    assert again.cleaning == ("html",)
    assert texts.config.cleaning == ("html",)
    pd.testing.assert_frame_equal(again.train, splits.train)


def test_rows_are_not_selected_a_second_time(write, read, tmp_path):
    content = CONTENT + "text <br /> 1,good,u1\n" * 3
    texts = read(write("reviews.csv", content), duplicates="keep")
    splits = split(texts, SplitConfig())
    write_splits(splits, tmp_path)
    assert len(read_labelled(DataConfig(data=str(tmp_path)))) == 43


def test_prepared_rows_can_still_be_folded(prepared):
    splits, folder = prepared
    texts = read_labelled(DataConfig(data=str(folder)))
    folded = split(texts, SplitConfig(folds=4, fold=2))
    assert folded.test.equals(splits.test)
    assert len(folded.validation) == 9


@pytest.mark.parametrize(
    "flags", [{"map": "good=fine"}, {"cleaning": ("urls",)}, {"duplicates": "keep"}]
)
def test_flags_that_came_too_late_are_refused(prepared, flags):
    with pytest.raises(ConfigError, match="is prepared already; give --"):
        read_labelled(DataConfig(data=str(prepared[1]), **flags))


def test_a_second_way_of_dividing_is_refused(prepared):
    texts = read_labelled(DataConfig(data=str(prepared[1])))
    with pytest.raises(ConfigError, match="is divided into splits already; leave out --group"):
        split(texts, SplitConfig(group="user"))


def test_a_changed_file_is_noticed(prepared):
    _, folder = prepared
    frame = pd.read_parquet(folder / "test.parquet")
    frame.loc[0, "label"] = "good" if frame.loc[0, "label"] == "bad" else "bad"
    frame.to_parquet(folder / "test.parquet")
    with pytest.raises(DataError, match="a file was changed or damaged; prepare the data again"):
        read_labelled(DataConfig(data=str(folder)))


def test_a_missing_or_damaged_file_is_one_line(prepared):
    _, folder = prepared
    (folder / "train.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"train.parquet: cannot be read: .*prepare the data again"):
        read_labelled(DataConfig(data=str(folder)))
    (folder / "splits.json").write_text("{")
    with pytest.raises(DataError, match=r"splits.json: damaged: "):
        read_labelled(DataConfig(data=str(folder)))


def test_a_newer_format_asks_for_an_update(prepared):
    _, folder = prepared
    content = json.loads((folder / "splits.json").read_text()) | {"format": 9}
    (folder / "splits.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match="has format 9, this version knows 1; update"):
        read_labelled(DataConfig(data=str(folder)))
