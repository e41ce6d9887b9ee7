from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ktrain_sentiment.errors import DataError
from ktrain_sentiment.evaluation.predictions import (
    LabelledPredictions,
    class_indices,
    evaluate_folds,
    fit_labels,
    gather,
)
from ktrain_sentiment.tasks import CLASSES, Task

LABELS = ("negative", "positive")
TABLE = np.array([[0.9, 0.1], [0.3, 0.7]])


@pytest.fixture
def frame():
    return pd.DataFrame(
        {"text": ["bad", "good"], "label": LABELS, "row": [2, 9], "shop": ["n", "s"]}
    )


def test_predictions_survive_the_way_to_disk_and_back(frame):
    written = LabelledPredictions.join(frame, TABLE, LABELS).to_frame()
    assert list(written.columns) == [
        "row", "text", "label", "predicted", "p_negative", "p_positive",
    ]  # fmt: skip
    assert written["predicted"].tolist() == list(LABELS)
    again = LabelledPredictions.from_frame(written)
    assert again.labels == LABELS
    assert again.rows == [2, 9]
    assert again.probabilities == pytest.approx(TABLE, abs=1e-6)
    assert again.probabilities.sum(axis=1) == pytest.approx(np.ones(2), abs=1e-12)


@pytest.mark.parametrize("task", [CLASSES, Task.of("multi", [f"l{k}" for k in range(120)])])
def test_a_hundred_labels_and_more_are_written_without_a_warning(task):
    labels = [f"l{k}" for k in range(120)]
    rows = pd.DataFrame({"text": labels, "label": labels, "row": range(120)})
    table = np.eye(120) * 0.5 + 0.5 / 120
    written = LabelledPredictions.join(rows, table, labels, task)
    again = LabelledPredictions.from_frame(written.to_frame())  # Warnings are errors here.
    assert again.labels == tuple(labels)
    assert again.probabilities == pytest.approx(table, abs=1e-6)


def test_the_columns_of_the_source_come_back_where_the_rows_are_the_same(frame):
    written = LabelledPredictions.join(frame, TABLE, LABELS).to_frame()
    assert "shop" in LabelledPredictions.from_frame(written, frame).frame
    assert "shop" not in LabelledPredictions.from_frame(written, frame.iloc[::-1]).frame


def test_the_order_of_the_labels_is_that_of_the_columns(frame):
    turned = LabelledPredictions.join(frame, TABLE[:, ::-1], LABELS[::-1]).to_frame()
    assert LabelledPredictions.from_frame(turned).labels == LABELS[::-1]
    assert LabelledPredictions.from_frame(turned).y_true.tolist() == [1, 0]


def test_a_label_that_the_classifier_does_not_know_is_refused(frame):
    with pytest.raises(
        DataError, match="mixed: the classifier knows negative, positive; rename them with"
    ):
        LabelledPredictions.join(frame.assign(label=["mixed", "positive"]), TABLE, LABELS)


def test_an_unknown_label_is_refused_with_some_of_many_that_are_known():
    known = [f"intent {k}" for k in range(200)]
    with pytest.raises(DataError, match=r"knows intent 0, .*, intent 19 and 180 more; rename"):
        class_indices(["mixed"], known)


def test_a_file_that_holds_no_predictions_is_refused(frame):
    with pytest.raises(DataError, match="no column p_<label>"):
        LabelledPredictions.from_frame(frame)
    with pytest.raises(DataError, match="no column row"):
        LabelledPredictions.from_frame(
            LabelledPredictions.join(frame, TABLE, LABELS).to_frame().drop(columns="row")
        )


def test_labels_are_respelled_only_where_case_alone_differs():
    labels, note = fit_labels(["POSITIVE", "negative", "mixed"], ("Positive", "negative"))
    assert labels == ["Positive", "negative", "mixed"]
    assert note == "labels taken as: POSITIVE as Positive"
    assert fit_labels(["A"], ("a", "A")) == (["A"], "")
    assert fit_labels(["a"], ("a", "b")) == (["a"], "")


def test_held_out_predictions_come_back_in_the_order_of_the_rows():
    parts = [([3, 0], [[0.3, 0.7], [0.0, 1.0]]), ([1, 2], [[0.1, 0.9], [0.2, 0.8]])]
    assert gather(parts, 4)[:, 0].tolist() == [0.0, 0.1, 0.2, 0.3]


@pytest.mark.parametrize("places", [[0, 1], [0, 1, 1], [0, 1, 2, 3]])
def test_a_row_that_no_fold_or_two_folds_predicted_is_refused(places):
    with pytest.raises(DataError, match="exactly once"):
        gather([(places, np.full((len(places), 2), 0.5))], 3)


def test_mean_and_spread_are_those_of_the_folds(draw):
    one = draw(300, 2, seed=0)
    fold = np.arange(300) % 3
    found = evaluate_folds(fold, one.y_true, one.probabilities, one.labels)
    right = one.probabilities.argmax(axis=1) == one.y_true
    each = [right[fold == k].mean() for k in range(3)]
    accuracy = found.spread["accuracy"]
    assert accuracy.mean == pytest.approx(np.mean(each))
    assert accuracy.deviation == pytest.approx(np.std(each, ddof=1))
    assert (accuracy.lowest, accuracy.highest, accuracy.folds) == (min(each), max(each), 3)
    assert found.pooled.accuracy.value == pytest.approx(right.mean())


def test_stars_of_another_spelling_are_told_how_to_be_renamed_in_their_order():
    with pytest.raises(DataError, match='--map "★☆☆=0 ★★☆=1 ★★★=2"'):
        class_indices(["★★★", "★☆☆", "★★☆"], ["0", "1", "2"])
