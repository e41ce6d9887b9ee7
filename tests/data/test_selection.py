"""Rows that are left out: each with its reason, its count and its place."""

import pytest

from ktrain_sentiment.errors import DataError

CONTENT = """text,label
Loved it,positive
,negative
   ,negative
Hated it,negative
No label,
Loved it,positive
"""


def test_rows_without_text_or_label_are_counted_and_named(write, read):
    found = read(write("a.csv", CONTENT))
    assert found.frame["row"].tolist() == [2, 5]
    assert found.notes[-3:] == (
        "left out 2 rows without text: rows 3, 4",
        "left out 1 row without label: row 6",
        "left out 1 row repeating an earlier row (unless --duplicates keep): row 7",
    )


def test_a_text_of_signs_that_nobody_sees_is_no_text(write, read):
    content = "text,label\n\u200b\ufeff,positive\n\x00\x07,negative\nok,positive\nno,negative\n"
    found = read(write("a.csv", content))
    assert found.notes[-1] == "left out 2 rows without text: rows 2, 3"


def test_nothing_left_says_so(write, read):
    with pytest.raises(DataError, match="no row is left to use: left out 2 rows without text"):
        read(write("a.csv", "text,label\n ,positive\n,negative\n"))


def test_repeats_are_kept_on_request(write, read):
    assert len(read(write("a.csv", CONTENT), duplicates="keep")) == 3


NEAR = """text,label
Loved it http://t.co/a @bob,positive
LOVED  it http://t.co/b @al.,positive
loved it!,positive
Hated it,negative
"""


def test_near_repeats_are_kept_by_default_and_dropped_on_request(write, read):
    path = write("a.csv", NEAR)
    assert len(read(path)) == 4
    assert read(path, duplicates="drop-near").frame["row"].tolist() == [2, 4, 5]


CONTRADICTING = """text,label
same,positive
same,negative
same,positive
tie,positive
tie,negative
clear,negative
"""


@pytest.mark.parametrize(
    ("choice", "rows"),
    [("majority", [2, 7]), ("drop", [7]), ("keep", [2, 3, 5, 6, 7])],
)
def test_contradicting_labels_are_settled_as_chosen(write, read, choice, rows):
    path = write("a.csv", CONTRADICTING + "extra,positive\n")
    assert read(path, contradictions=choice).frame["row"].tolist() == [*rows, 8]


def test_rows_left_out_for_contradicting_are_said(write, read):
    notes = read(write("a.csv", CONTRADICTING)).notes
    assert any(note.startswith("left out 3 rows whose text stands more often under another label")
               and note.endswith("rows 3, 5, 6") for note in notes)  # fmt: skip


def test_texts_are_cleaned_before_they_are_compared(write, read):
    content = "text,label\nGood<br />film,positive\nGood film,positive\nBad,negative\n"
    path = write("a.csv", content)
    assert len(read(path)) == 3
    cleaned = read(path, cleaning=("html",))
    assert cleaned.frame["text"].tolist() == ["Good film", "Bad"]
    assert cleaned.config.cleaning == ("html",)


def test_a_text_that_cleaning_empties_is_left_out(write, read):
    path = write("a.csv", "text,label\n<br />,positive\nGood,positive\nBad,negative\n")
    assert read(path, cleaning=("html",)).frame["row"].tolist() == [3, 4]
