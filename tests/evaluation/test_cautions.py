"""What is said before any figure: of useless models, of doubtful figures."""

from __future__ import annotations

import numpy as np

from ktrain_sentiment.evaluation import compute_metrics
from ktrain_sentiment.evaluation.baselines import majority
from ktrain_sentiment.evaluation.cautions import find_warnings
from ktrain_sentiment.evaluation.comparison import compare

LABELS = ("negative", "positive")
TRUTH = np.array([0] * 70 + [1] * 30)
MAJORITY = majority(TRUTH, 100, 2)


def test_a_model_that_never_predicts_a_class_is_told_of_first():
    metrics = compute_metrics(TRUTH, MAJORITY, LABELS)
    found = find_warnings(metrics, {"majority": metrics})
    assert "never predicts positive, which 30 of 100 rows are" in found[0]
    assert "--class-weight balanced" in found[0]
    assert "no better than always answering with the most frequent label: 70.0 %" in found[1]


def test_a_good_model_is_left_alone():
    table = np.eye(2)[TRUTH] * 0.9 + 0.05
    base = compute_metrics(TRUTH, MAJORITY, LABELS)
    against = compare(TRUTH, MAJORITY, table, LABELS, ("TF-IDF", "the model"))
    assert find_warnings(compute_metrics(TRUTH, table, LABELS), {"majority": base}, against) == ()


def test_a_model_no_better_than_tf_idf_is_told_of_with_what_to_try():
    table = np.eye(2)[TRUTH] * 0.9 + 0.05
    against = compare(TRUTH, table, table, LABELS, ("TF-IDF", "the model"))
    (found,) = find_warnings(compute_metrics(TRUTH, table, LABELS), {}, against)
    assert found.startswith("Against TF-IDF: No difference")
    assert "Try another model or settings (ktrain-sentiment compare" in found
    assert "epochs" not in found  # It may have none, or have come from elsewhere.


def test_figures_on_rows_that_chose_the_epoch_are_called_too_good():
    table = np.eye(2)[TRUTH] * 0.9 + 0.05
    (found,) = find_warnings(compute_metrics(TRUTH, table, LABELS), held_out=False)
    assert "somewhat too good" in found
