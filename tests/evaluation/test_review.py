from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ktrain_sentiment.evaluation.judged import judge
from ktrain_sentiment.evaluation.review import review, usual_slices

LABELS = ("negative", "positive")


@pytest.fixture
def judged():
    """A hundred rows: one label is wrong for sure, one prediction is wrong but not sure."""
    positive = np.tile([0.99, 0.01], 50)
    labels = np.where(positive > 0.5, "positive", "negative")
    labels[0], positive[3] = "negative", 0.6
    frame = pd.DataFrame(
        {
            "text": [f"text {k}" for k in range(100)],
            "label": labels,
            "row": range(1, 101),
            "shop": ["north", "south"] * 50,
            "note": [f"note {k}" for k in range(100)],
            "all": ["same"] * 100,
        }
    )
    return judge(frame, np.stack([1 - positive, positive], axis=1), LABELS)


def test_wrong_labels_and_wrong_predictions_are_told_apart(judged):
    found = review(judged)
    likely = found.doubtful[found.doubtful["p_wrong"] >= 0.5]
    assert likely["row"].tolist() == [1]
    assert likely["suggested"].tolist() == ["positive"]
    assert found.losses["row"].tolist() == [4]
    assert {(c.true, c.predicted, c.count) for c in found.confusions} == {
        ("negative", "positive", 2)
    }


def test_a_classifier_that_errs_nowhere_gives_empty_lists(judged):
    table = np.eye(2)[judged.y_true] * 0.98 + 0.01
    found = review(judge(judged.frame, table, LABELS))
    assert found.losses.empty
    assert found.doubtful.empty
    assert found.confusions == ()
    assert list(found.losses.columns) == [
        "text", "label", "predicted", "probability", "p_true", "loss", "row",
    ]  # fmt: skip


def test_rows_are_sliced_by_every_column_that_divides_them_and_no_other(judged):
    columns = {one.column for one in usual_slices(judged)}
    assert columns == {"shop"}
