"""What is said before any figure: of useless models, of doubtful figures."""

from __future__ import annotations

import numpy as np

from ktrain_sentiment.evaluation import compute_metrics
from ktrain_sentiment.evaluation.baselines import majority
from ktrain_sentiment.evaluation.cautions import find_warnings
from ktrain_sentiment.evaluation.comparison import compare
from ktrain_sentiment.tasks import Task

LABELS = ("negative", "positive")
TRUTH = np.array([0] * 70 + [1] * 30)
MAJORITY = majority(TRUTH, 100, 2)


def test_a_model_that_never_predicts_a_class_is_told_of_first():
    metrics = compute_metrics(TRUTH, MAJORITY, LABELS)
    found = find_warnings(metrics, {"majority": metrics})
    assert "never predicts positive, which 30 of 100 rows are" in found[0]
    assert "--class-weight balanced" in found[0]
    assert "no better than always answering with the most frequent label: 70.0 %" in found[1]


def test_a_model_that_is_better_by_chance_alone_is_not_called_no_better():
    table = np.eye(2)[TRUTH] * 0.4 + 0.3
    table[TRUTH == 1] = [0.7, 0.3]
    table[-1] = [0.3, 0.7]
    base = compute_metrics(TRUTH, MAJORITY, LABELS)
    (found,) = find_warnings(compute_metrics(TRUTH, table, LABELS), {"majority": base})
    assert found.startswith(
        "The model is not better by more than chance than always answering with the most "
        "frequent label: 71.0 % of rows correct against 70.0 %."
    )


def test_stars_that_are_nearer_by_chance_alone_are_not_called_no_nearer():
    truth, labels = np.array([0, 1, 2] * 10), ("1", "2", "3")
    stars = Task.of("stars", labels)
    middle = np.tile([0.1, 0.8, 0.1], (30, 1))
    table = middle.copy()
    table[0] = [0.8, 0.1, 0.1]
    base, metrics = (compute_metrics(truth, one, labels, stars) for one in (middle, table))
    (found,) = [one for one in find_warnings(metrics, {"median": base}) if "median" in one]
    assert found.startswith("The model is not better by more than chance than always answering")
    (same,) = [one for one in find_warnings(base, {"median": base}) if "median" in one]
    assert same.startswith("The model is no better than always answering with the median star")


def test_labels_that_are_never_predicted_are_named_as_a_sentence_has_them():
    names = [f"l{k}" for k in range(40)]
    truth, table = np.arange(40), np.tile(np.eye(40)[0], (40, 1))
    for width, said in ((4, "never predicts l1, l2 and l3, which"),
                        (40, "l19, l20 and 19 more, which 39 of 40 rows are")):  # fmt: skip
        metrics = compute_metrics(truth[:width], table[:width, :width], names[:width])
        assert said in find_warnings(metrics)[0]


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
