"""Rows of which more is read than a text."""

import pandas as pd
import pytest

from ktrain_sentiment.config import DataConfig, SplitConfig
from ktrain_sentiment.data import read_labelled, split, write_splits
from ktrain_sentiment.errors import ConfigError, DataError
from ktrain_sentiment.inference.rows import join_rows
from ktrain_sentiment.inputs import Inputs

ROWS = "review,price,category,label\n" + "".join(
    f"meal number {k} was fine,{k}.49,{'' if k % 5 else 'food'},{'good' if k % 2 else 'bad'}\n"
    for k in range(40)
)


@pytest.fixture
def table(tmp_path):
    place = tmp_path / "meals.csv"
    place.write_text(ROWS)
    return place


def read(place, trained=None, **flags):
    return read_labelled(DataConfig(data=str(place), **flags), trained)


def test_columns_are_read_before_the_text_and_stay_columns(table):
    found = read(table, also=("price,category",))
    assert found.frame["text"][0] == "price 0.49, category food | meal number 0 was fine"
    assert found.frame["text"][11] == "price 11 | meal number 11 was fine"
    assert found.frame["price"][11] == "11.49"
    assert found.table["also"] == ["price", "category"]


def test_without_the_flag_columns_are_no_part_of_the_text(table):
    assert read(table).frame["text"][0] == "meal number 0 was fine"


def test_what_is_judged_is_read_as_in_training(table):
    trained = dict(read(table, also=("price",)).table)
    assert read(table, trained).frame["text"][3] == "price 3.5 | meal number 3 was fine"
    with pytest.raises(ConfigError, match="leave --also out"):
        read(table, trained, also=("category",))


@pytest.mark.parametrize(
    ("also", "said"),
    [
        ("cost", r"there is no column 'cost', and the model reads .*; columns: 'review', 'price'"),
        ("Price", r"'category', 'label': rename 'price', or add it"),
        ("label", "'label' looks like the column of labels, and is to be read beside"),
        ("review", "'review' looks like the column of texts, and is to be read beside them"),
    ],
)
def test_a_column_that_cannot_be_read_is_refused(table, also, said):
    with pytest.raises(DataError, match=said):
        read(table, also=(also,))


def test_what_is_read_beside_the_texts_is_said(table):
    notes = read(table, also=("price", "category")).notes
    assert "read beside them: 'price', 'category'" in notes


def test_a_file_that_the_flag_of_columns_took_is_named(table):
    with pytest.raises(DataError, match=r"--also took '.*meals.csv' for a column; put the data"):
        read_labelled(DataConfig(also=("price", str(table))))


@pytest.mark.parametrize("also", ["", ",", " , "])
def test_a_flag_of_columns_that_names_none_is_refused(also):
    with pytest.raises(ConfigError, match="--also: names no column"):
        DataConfig(data="meals.csv", also=(also,))


def test_days_are_the_same_words_from_a_file_and_from_a_frame(table, tmp_path):
    frame = pd.read_csv(table)
    frame["day"] = pd.date_range("2024-01-01", periods=len(frame))
    frame["cost"] = frame["price"] * 1e17
    frame.loc[3, "category"] = "N/A"
    frame.to_csv(tmp_path / "days.csv", index=False)
    frame.to_parquet(tmp_path / "days.parquet")
    kinds = [
        read(tmp_path / name, also=("day", "cost", "category")).frame["text"].tolist()
        for name in ("days.csv", "days.parquet")
    ]
    again = load_rows(pd.read_csv(tmp_path / "days.csv"))
    assert kinds[0] == kinds[1] == again
    assert kinds[0][1].startswith("day 2024-01-02, cost 150000000000000000 | ")


def load_rows(frame):
    return join_rows(frame, Inputs("review", ("day", "cost", "category")))


def test_a_column_named_twice_is_refused_before_anything_is_read():
    with pytest.raises(ConfigError, match="'price' is named twice"):
        DataConfig(data="nothing.csv", also=("price", "price"))
    with pytest.raises(ConfigError, match="'label' is named twice"):
        DataConfig(data="nothing.csv", also=("label",), label_column="label")


def test_one_text_beside_other_columns_lies_in_one_split(tmp_path):
    place = tmp_path / "meals.csv"
    place.write_text("text,price,label\n" + "".join(
        f"meal number {k // 2} was fine,{k},{'good' if k % 4 > 1 else 'bad'}\n" for k in range(80)
    ))  # fmt: skip
    splits = split(read(place, also=("price",)), SplitConfig())
    alone = {
        name: set(frame["text"].str.partition("| ")[2]) for name, frame in splits.frames().items()
    }
    assert not alone["train"] & alone["test"]
    assert not alone["train"] & alone["validation"]


def test_a_prepared_data_set_knows_what_is_read(table, tmp_path):
    splits = split(read(table, also=("price",)), SplitConfig())
    place = tmp_path / "prepared"
    place.mkdir()
    write_splits(splits, place)
    assert read(place).table["also"] == ["price"]
    with pytest.raises(ConfigError, match=r"--also: .* is prepared already"):
        read(place, also=("price",))


def test_a_column_that_is_read_besides_is_neither_text_nor_label(tmp_path):
    place = tmp_path / "asked.csv"
    place.write_text("question,passage,kind,answer\n" + "".join(
        f"is meal {k} any good at all,they say that meal {k} was fine,{'ab'[k % 2]},"
        f"{'yes' if k % 3 else 'no'}\n" for k in range(40)
    ))  # fmt: skip
    found = read(place, pair_column="passage", also=("kind",))
    assert (found.text_column, found.label_column) == ("question", "answer")
    assert found.frame["text"][0] == (
        "kind a | is meal 0 any good at all \u241e they say that meal 0 was fine"
    )


def test_rows_without_a_second_text_are_left_out_and_counted(tmp_path):
    place = tmp_path / "aspects.csv"
    place.write_text("text,aspect,label\n" + "".join(
        f"meal number {k} was fine,{'' if k == 3 else 'meal'},{'good' if k % 2 else 'bad'}\n"
        for k in range(20)
    ))  # fmt: skip
    found = read(place, pair_column="aspect")
    assert len(found) == 19
    assert any("left out 1 row without text or 'aspect'" in note for note in found.notes)
