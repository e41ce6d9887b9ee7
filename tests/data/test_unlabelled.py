"""Texts without labels: read from whatever they are kept in, without what is known already."""

import pandas as pd
import pytest

from ktrain_sentiment.config import DataConfig
from ktrain_sentiment.data import Splits, read_unlabelled
from ktrain_sentiment.errors import DataError


def rows(*texts: str) -> pd.DataFrame:
    return pd.DataFrame({"text": list(texts), "label": "good", "row": range(len(texts))})


SPLITS = Splits(
    train=rows("a fine film"), validation=rows("a dull film"), test=rows("an odd film"),
    labels=("bad", "good"),
)  # fmt: skip


def read(path, splits=SPLITS, **config):
    return read_unlabelled(str(path), splits, DataConfig(**config))


def test_a_text_file_has_a_text_on_each_line_commas_and_quotes_and_all(write):
    path = write("more.txt", 'one, two, "three"\n\n  \nfour, "five\n')
    assert read(path).frame["text"].tolist() == ['one, two, "three"', 'four, "five']


def test_a_table_needs_a_column_of_texts_and_no_labels(write):
    path = write("more.csv", 'id,review\n1,"so, so"\n2,never again\n')
    assert read(path).frame["text"].tolist() == ["so, so", "never again"]


def test_the_labelled_texts_column_is_taken_where_there_is_one_of_its_name(write):
    path = write("more.csv", "review,comment\na,b\nc,d\n")
    assert read(path, text_column="comment").frame["text"].tolist() == ["b", "d"]
    other = write("other.csv", "review,id\na b c,1\nc d e,2\n")
    assert read(other, text_column="comment").frame["text"].tolist() == ["a b c", "c d e"]


@pytest.mark.parametrize("known", ["A  fine film.", "a dull film", "An ODD film"])
def test_what_nearly_stands_in_a_split_is_left_out_and_counted(write, known):
    found = read(write("more.txt", f"{known}\nsomething new\n"))
    assert found.frame["text"].tolist() == ["something new"]
    assert found.repeated == 1


def test_of_texts_that_repeat_each_other_the_first_stays(write):
    found = read(write("more.txt", "New!\nother\nnew!\n"))
    assert found.frame["text"].tolist() == ["New!", "other"]
    assert found.repeated == 1


def test_texts_are_cleaned_as_the_labelled_ones_were(write):
    cleaned = Splits(SPLITS.train, SPLITS.validation, SPLITS.test, SPLITS.labels, "", ("html",))
    path = write("more.txt", "a <b>fine</b> film\nquite <i>new</i>\n")
    assert read(path, cleaned).frame["text"].tolist() == ["quite new"]


def test_nothing_new_is_refused_in_one_line(write):
    with pytest.raises(DataError, match="none of its 1 text is new"):
        read(write("more.txt", "a fine film\n"))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"nowhere\.txt: no such file"):
        read(tmp_path / "nowhere.txt")


def test_bytes_that_are_not_text_in_the_given_encoding_are_refused(tmp_path):
    path = tmp_path / "more.txt"
    path.write_bytes(b"caf\xe9 noir\n")
    with pytest.raises(
        DataError, match="line 1 is not valid UTF-8; mend that line, or name the right --encoding"
    ):
        read(path, encoding="utf-8")
