from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ktrain_sentiment.errors import DataError
from ktrain_sentiment.evaluation.judged import fit_labels, from_frame, judge, to_frame

LABELS = ("negative", "positive")
TABLE = np.array([[0.9, 0.1], [0.3, 0.7]])


@pytest.fixture
def frame():
    return pd.DataFrame(
        {"text": ["bad", "good"], "label": LABELS, "row": [2, 9], "shop": ["n", "s"]}
    )


def test_predictions_survive_the_way_to_disk_and_back(frame):
    written = to_frame(judge(frame, TABLE, LABELS))
    assert list(written.columns) == [
        "row", "text", "label", "predicted", "p_negative", "p_positive",
    ]  # fmt: skip
    assert written["predicted"].tolist() == list(LABELS)
    again = from_frame(written)
    assert again.labels == LABELS
    assert again.rows == [2, 9]
    assert again.probabilities == pytest.approx(TABLE, abs=1e-6)
    assert again.probabilities.sum(axis=1) == pytest.approx(np.ones(2), abs=1e-12)


def test_the_columns_of_the_source_come_back_where_the_rows_are_the_same(frame):
    written = to_frame(judge(frame, TABLE, LABELS))
    assert "shop" in from_frame(written, frame).frame
    assert "shop" not in from_frame(written, frame.iloc[::-1]).frame


def test_the_order_of_the_labels_is_that_of_the_columns(frame):
    turned = to_frame(judge(frame, TABLE[:, ::-1], LABELS[::-1]))
    assert from_frame(turned).labels == LABELS[::-1]
    assert from_frame(turned).y_true.tolist() == [1, 0]


def test_a_label_that_the_classifier_does_not_know_is_refused(frame):
    with pytest.raises(DataError, match="mixed: the classifier knows negative, positive"):
        judge(frame.assign(label=["mixed", "positive"]), TABLE, LABELS)


def test_a_file_that_holds_no_predictions_is_refused(frame):
    with pytest.raises(DataError, match="no column p_<label>"):
        from_frame(frame)
    with pytest.raises(DataError, match="no column row"):
        from_frame(to_frame(judge(frame, TABLE, LABELS)).drop(columns="row"))


def test_labels_are_respelled_only_where_case_alone_differs():
    labels, note = fit_labels(["POSITIVE", "negative", "mixed"], ("Positive", "negative"))
    assert labels == ["Positive", "negative", "mixed"]
    assert note == "labels taken as: POSITIVE as Positive"
    assert fit_labels(["A"], ("a", "A")) == (["A"], "")
    assert fit_labels(["a"], ("a", "b")) == (["a"], "")
