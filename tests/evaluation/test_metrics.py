from __future__ import annotations

import json

import numpy as np
import pytest

from ktrain_sentiment.errors import DataError
from ktrain_sentiment.evaluation import compute_metrics
from ktrain_sentiment.evaluation.codec import to_plain
from ktrain_sentiment.evaluation.confusion import balanced_accuracy, confusion_matrix, macro_f1
from ktrain_sentiment.evaluation.losses import top_losses

TEXTS = ["fine", "poor", "odd", "grand"]
TABLE = np.array([[0.9, 0.1], [0.3, 0.7], [0.95, 0.05], [0.2, 0.8]])
LABELS = ("negative", "positive")

metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")


@pytest.mark.parametrize("case", ["two_classes", "four_classes"])
def test_every_headline_figure_agrees_with_scikit_learn(case, request):
    judged = request.getfixturevalue(case)
    truth, table = judged.y_true, judged.probabilities
    winner, classes = table.argmax(axis=1), len(judged.labels)
    found = compute_metrics(truth, table, judged.labels)
    halved = metrics.brier_score_loss(truth, table, labels=range(classes), scale_by_half=True)
    wanted = {
        "accuracy": metrics.accuracy_score(truth, winner),
        "balanced_accuracy": metrics.balanced_accuracy_score(truth, winner),
        "macro_f1": metrics.f1_score(truth, winner, average="macro"),
        "weighted_f1": metrics.f1_score(truth, winner, average="weighted"),
        "mcc": metrics.matthews_corrcoef(truth, winner),
        "log_loss": metrics.log_loss(truth, table),
        "brier": halved,
    }
    for name, value in wanted.items():
        assert found.headline[name].value == pytest.approx(value, abs=1e-9), name


@pytest.mark.parametrize("case", ["two_classes", "four_classes"])
def test_the_figures_of_each_class_agree_with_scikit_learn(case, request):
    judged = request.getfixturevalue(case)
    truth, table = judged.y_true, judged.probabilities
    found = compute_metrics(truth, table, judged.labels).per_class
    wanted = metrics.precision_recall_fscore_support(truth, table.argmax(axis=1))
    for k, one in enumerate(found):
        got = (one.precision, one.recall, one.f1.value, one.support)
        assert got == pytest.approx([column[k] for column in wanted])


def test_areas_under_curves_agree_with_scikit_learn_also_when_scores_tie(four_classes):
    truth, table = four_classes.y_true, four_classes.probabilities.round(1)
    table /= table.sum(axis=1, keepdims=True)
    for k, one in enumerate(compute_metrics(truth, table, four_classes.labels).per_class):
        area = metrics.roc_auc_score(truth == k, table[:, k])
        precision = metrics.average_precision_score(truth == k, table[:, k])
        assert (one.roc_auc, one.average_precision) == pytest.approx((area, precision))


def test_a_class_without_rows_counts_for_nothing_and_breaks_nothing():
    truth = np.array([0, 0, 1, 1])
    table = np.array([[0.8, 0.1, 0.1], [0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.6, 0.3, 0.1]])
    found = compute_metrics(truth, table, ("a", "b", "c"))
    assert found.balanced_accuracy.value == pytest.approx(0.75)
    assert found.macro_f1.value == pytest.approx((0.8 + 2 / 3) / 2)
    assert found.per_class[2].support == 0
    assert found.per_class[2].roc_auc is None


def test_stacked_confusion_matrices_are_scored_as_single_ones_are():
    rng = np.random.default_rng(0)
    stack = rng.integers(0, 9, size=(5, 3, 3))
    for figure in (balanced_accuracy, macro_f1):
        assert figure(stack).tolist() == pytest.approx([float(figure(one)) for one in stack])


def test_the_confusion_matrix_has_true_classes_down_and_predicted_ones_across():
    assert confusion_matrix([0, 0, 1], [0, 1, 1], 2).tolist() == [[1, 1], [0, 1]]


def test_the_json_form_holds_no_nan_and_every_interval(two_classes):
    judged = two_classes
    found = to_plain(compute_metrics(judged.y_true, judged.probabilities, judged.labels))
    text = json.dumps(found, allow_nan=False)
    again = json.loads(text)
    assert again["accuracy"]["low"] < again["accuracy"]["value"] < again["accuracy"]["high"]
    assert again["accuracy"]["n"] == again["n"] == 400
    assert sum(map(sum, again["confusion"])) == 400


@pytest.mark.parametrize(
    ("truth", "table", "words"),
    [
        ([], np.empty((0, 2)), "no rows"),
        ([0, 1], [[0.5, 0.5]], "shape"),
        ([0, 2], [[0.5, 0.5], [0.5, 0.5]], "class indices"),
        ([0], [[0.9, 0.9]], "sum to one"),
        ([0], [[np.nan, 1.0]], "finite"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(truth, table, words):
    with pytest.raises(DataError, match=words) as caught:
        compute_metrics(truth, table, ("a", "b"))
    assert "\n" not in str(caught.value)


def test_top_losses_come_by_falling_loss_with_their_texts():
    found = top_losses(TEXTS, [0, 1, 1, 1], TABLE, LABELS, rows=[11, 12, 13, 14])
    assert found["text"].tolist() == ["odd", "poor", "grand", "fine"]
    first = found.iloc[0]
    assert (first["label"], first["predicted"], first["row"]) == ("positive", "negative", 13)
    assert (first["probability"], first["p_true"]) == pytest.approx((0.95, 0.05))
    assert first["loss"] == pytest.approx(-np.log(0.05))


def test_top_losses_keep_the_order_of_equal_rows_and_honour_the_limit():
    found = top_losses(["a", "b", "c"], [0, 0, 0], [[0.5, 0.5]] * 3, LABELS, limit=2)
    assert found["text"].tolist() == ["a", "b"]
    assert found["row"].tolist() == [1, 2]


def test_it_is_said_which_intervals_these_are():
    truth = np.array([0, 1] * 20)
    few = compute_metrics(truth, np.eye(2)[truth], LABELS).intervals
    assert "no row is wrong" in few
    assert "too wide rather than too narrow" in few
    table = np.tile([0.7, 0.3], (400, 1))
    many = compute_metrics([0, 1] * 200, table, LABELS).intervals
    assert "all rows of a label are right, or none (negative, positive)" in many
    assert "too wide" not in many
    table[::5] = table[::5, ::-1]
    table[1::3] = table[1::3, ::-1]
    assert compute_metrics([0, 1] * 200, table, LABELS).intervals == (
        "95 % intervals: BCa bootstrap, of the calibration error by simulation."
    )
