"""A predictor that reads more of a row than its text, from Python and from tables."""

import copy
import pickle

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import ktrain_sentiment
from ktrain_sentiment.errors import DataError, InputError
from ktrain_sentiment.inference.scoring import open_text_table, texts_of
from ktrain_sentiment.predictor.manifest import read_manifest

ROWS = [
    {"text": "a superb plot", "price": 19.99, "category": "film"},
    {"text": "it was dull", "price": None, "category": "book"},
    {"text": " ", "price": 3, "category": "book"},
]
JOINED = ["price 20, category film | a superb plot", "category book | it was dull", None]


@pytest.fixture(scope="module")
def wide(columns_predictor):
    return ktrain_sentiment.load(columns_predictor)


@pytest.mark.parametrize("form", [list, pd.DataFrame, pa.Table.from_pylist, iter])
def test_rows_may_come_as_records_or_as_a_table(wide, form):
    found = wide.predict_proba(form(ROWS))
    assert np.array_equal(found, wide.predict_proba(JOINED), equal_nan=True)
    assert np.isnan(found[2]).all()


def test_the_columns_reach_the_model(wide, classifier):
    said = wide.predict_proba(ROWS[:2])
    assert np.array_equal(said, classifier.predict_proba(JOINED[:2]))
    assert not np.array_equal(said, classifier.predict_proba([row["text"] for row in ROWS[:2]]))


def test_it_keeps_what_it_reads_when_it_is_pickled(wide):
    for other in (pickle.loads(pickle.dumps(wide)), copy.copy(wide)):
        assert other.inputs == wide.inputs
        assert other.predict(ROWS[:1]) == wide.predict(ROWS[:1])


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["a superb plot"], "row number 0 is a text, and the predictor reads texts and the columns "
         "'price', 'category'"),
        ([{"text": "x", "price": 1}], "row number 0 has no 'category', and the predictor reads"),
        (pd.DataFrame({"text": ["x"], "category": "film"}), "has no 'price'"),
        ([5], "row number 0 is of type int, wanted {'text': '...', 'price'"),
        ({"text": "x"}, "got a single dict, wanted rows"),
        ("x", "got a single str, wanted rows"),
        (7, "got a int, wanted rows"),
        ([{**ROWS[0], "price": [1, 2]}], "row number 0 holds a list as 'price'"),
    ],
)  # fmt: skip
def test_what_is_no_row_is_refused_in_a_line(wide, rows, said):
    with pytest.raises(InputError, match=said):
        wide.predict(rows)


def test_a_table_is_read_by_its_columns(columns_predictor, tmp_path):
    place = tmp_path / "rows.csv"
    pd.DataFrame(ROWS).to_csv(place, index=False)
    trained = read_manifest(columns_predictor).table
    source = open_text_table(place, trained=trained)
    assert "read beside them: 'price', 'category'" in " ".join(source.table.notes)
    (batch,) = source.table.batches()
    texts, problems = texts_of(
        batch, source.column, ktrain_sentiment.load(columns_predictor).inputs
    )
    assert texts == JOINED
    assert str(problems[2]) == "has no text in column 'text'"


def test_a_table_without_a_column_is_refused(columns_predictor, tmp_path):
    place = tmp_path / "rows.csv"
    pd.DataFrame(ROWS)[["text", "price"]].to_csv(place, index=False)
    with pytest.raises(DataError, match=r"rows\.csv: there is no column 'category'"):
        open_text_table(place, trained=read_manifest(columns_predictor).table)


def test_earlier_releases_refuse_its_manifest(columns_predictor, predictor):
    assert read_manifest(columns_predictor).format_version == 2
    assert read_manifest(predictor).format_version == 1
