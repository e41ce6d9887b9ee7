from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from ktrain_sentiment.errors import DataError
from ktrain_sentiment.evaluation.corrections import apply_corrections

LABELS = ("negative", "positive")


@pytest.fixture
def data():
    return pd.DataFrame(
        {
            "text": ["good", "bad", "dull", "???"],
            "label": ["positive", "positive", "negative", "positive"],
            "row": [2, 3, 4, 5],
            "source": list("wxyz"),
        }
    )


def corrections(*lines):
    return pd.DataFrame(lines, columns=["row", "text", "corrected"])


def test_corrected_labels_are_taken_over_and_recorded(data):
    done = apply_corrections(
        data,
        corrections((3, "bad", " negative "), (5, "???", "drop"), (2, "good", "positive")),
        LABELS,
    )
    assert done.frame["label"].tolist() == ["positive", "negative", "negative"]
    assert done.frame["source"].tolist() == ["w", "x", "y"]
    record = done.to_json()
    assert record["changed"] == 2
    assert record["confirmed"] == 1
    assert record["kinds"] == {"positive -> negative": 1, "positive -> drop": 1}
    assert record["changes"][0] == {
        "row": 3,
        "text": "bad",
        "before": "positive",
        "after": "negative",
    }
    json.dumps(record)


def test_rows_left_empty_are_left_alone_and_the_input_is_not_touched(data):
    before = data.copy()
    done = apply_corrections(data, corrections((3, "bad", np.nan), (4, "dull", "")), LABELS)
    assert done.changes == ()
    pd.testing.assert_frame_equal(done.frame, before)
    pd.testing.assert_frame_equal(data, before)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([(3, "bad", "Negativ")], "label 'Negativ' is unknown: wanted one of negative, positive"),
        ([(3, "other", "negative")], "its text is 'bad' in the data"),
        ([(99, "bad", "negative")], "no such row"),
        ([(3, "bad", "negative"), (3, "bad", "drop")], "two ways"),
    ],
)
def test_a_correction_that_does_not_fit_the_data_is_refused(data, lines, words):
    with pytest.raises(DataError) as caught:
        apply_corrections(data, corrections(*lines), LABELS)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_list_without_the_column_to_fill_in_is_refused(data):
    with pytest.raises(DataError, match="no column corrected"):
        apply_corrections(data, data[["row", "text"]], LABELS)
