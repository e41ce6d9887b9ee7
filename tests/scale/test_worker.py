"""What a worker of a cluster does, without a cluster: rows of which more is read than a text."""

import pyarrow as pa
import pytest

import ktrain_sentiment
from ktrain_sentiment.errors import DataError
from ktrain_sentiment.scale.worker import Scoring, open_folder, open_for

ROWS = [
    {"body": "a superb plot", "price": 19.99, "category": "film"},
    {"body": "it was dull", "price": None, "category": "book"},
    {"body": " ", "price": 3.0, "category": "book"},
]


@pytest.fixture(scope="module")
def wide(columns_predictor):
    return ktrain_sentiment.load(columns_predictor)


def test_further_columns_are_read_beside_whatever_column_holds_the_texts(wide):
    scoring = Scoring.by(wide, "body")
    scoring.check(["body", "price", "category"])
    found = scoring.score(pa.Table.from_pylist(ROWS), wide)
    wanted = wide.predict([{**row, "text": row["body"]} for row in ROWS])
    assert found["predicted"].to_pylist() == [one.label or None for one in wanted]
    assert found["probability"].to_pylist()[0] == pytest.approx(wanted[0].probability, abs=1e-5)
    assert found["problem"].to_pylist() == [None, None, "has no text in column 'body'"]


def test_a_table_without_one_of_them_is_refused_before_the_job(wide):
    with pytest.raises(DataError, match="the table: there is no column 'category'"):
        Scoring.by(wide, "body").check(["body", "price"])


def test_mistakes_are_weighed_on_the_workers_too(columns_predictor):
    costs = ("negative:positive=100000000",)
    for there in (
        open_for(columns_predictor, "auto", 1, costs),
        open_folder(str(columns_predictor), "auto", 1, costs),
    ):
        found = Scoring.by(there, "body").score(pa.Table.from_pylist(ROWS), there)
        assert found["predicted"].to_pylist() == ["negative", "negative", None]
        assert found.schema.field("expected_cost").type == pa.float64()
        assert found["expected_cost"].to_pylist() == found["p_positive"].to_pylist()


def test_a_worker_answers_as_the_classifier_that_was_handed_over(wide):
    changed = wide.weighing(["negative:=99"]).reading("head")
    there = open_for(changed, "auto", 1)
    assert (there.task, there.long_texts) == (changed.task, "head")
    assert {one.label for one in there.predict([{**ROWS[0], "text": "a superb plot"}])} == {
        "negative"
    }
