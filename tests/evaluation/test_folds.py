from __future__ import annotations

import numpy as np
import pytest

from ktrain_sentiment.errors import DataError
from ktrain_sentiment.evaluation.folds import gather, judge_folds


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
    found = judge_folds(fold, one.y_true, one.probabilities, one.labels)
    right = one.probabilities.argmax(axis=1) == one.y_true
    each = [right[fold == k].mean() for k in range(3)]
    accuracy = found.spread["accuracy"]
    assert accuracy.mean == pytest.approx(np.mean(each))
    assert accuracy.deviation == pytest.approx(np.std(each, ddof=1))
    assert (accuracy.lowest, accuracy.highest, accuracy.folds) == (min(each), max(each), 3)
    assert found.pooled.accuracy.value == pytest.approx(right.mean())
