"""Stars are judged by how far off they are, and models of stars compared so."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score, mean_absolute_error

from ktrain_sentiment.evaluation.baselines import run_baselines
from ktrain_sentiment.evaluation.codec import from_plain, to_plain
from ktrain_sentiment.evaluation.comparison import compare, sign_flips
from ktrain_sentiment.evaluation.losses import top_losses
from ktrain_sentiment.evaluation.metrics import Metrics, compute_metrics
from ktrain_sentiment.evaluation.predictions import LabelledPredictions
from ktrain_sentiment.prediction import EXPECTED
from ktrain_sentiment.tasks import Task

LABELS = ("1", "10", "2", "3")
"""As they are sorted, which is not their order."""
TASK = Task.of("stars", LABELS)
STARS = np.array(TASK.stars)


@pytest.fixture(scope="module")
def judged():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 4, 300)
    table = rng.dirichlet(np.ones(4), 300) + 0.6 * np.eye(4)[truth]
    return truth, table / table.sum(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def metrics(judged):
    return compute_metrics(*judged, LABELS, TASK)


def test_mean_error_and_kappa_are_those_of_scikit_learn(judged, metrics):
    truth, table = judged
    said, right = STARS[table.argmax(axis=1)], STARS[truth]
    assert metrics.stars.mae.value == pytest.approx(mean_absolute_error(right, said))
    # scikit-learn weighs by position; so is a scale without gaps.
    even = Task("stars", (0.0, 1.0, 2.0, 3.0))
    found = compute_metrics(truth, table, LABELS, even).stars.kappa.value
    expected = cohen_kappa_score(truth, table.argmax(axis=1), weights="quadratic")
    assert found == pytest.approx(expected)


def test_figures_of_stars_have_intervals_around_them_and_come_first(metrics):
    assert list(metrics.headline)[:4] == ["mae", "expected_mae", "kappa", "within_one"]
    for figure in metrics.headline.values():
        assert figure.low <= figure.value <= figure.high
    assert metrics.stars.mae.low < metrics.stars.mae.high


def test_an_error_of_no_star_on_few_rows_is_not_held_for_certain():
    truth = np.array([0, 1, 2, 3] * 5)
    found = compute_metrics(truth, np.eye(4)[truth], LABELS, TASK).stars
    assert found.mae.value == 0
    assert found.mae.high > 0.1
    assert found.within_one.low < 1


def test_the_confusion_matrix_is_shown_from_the_lowest_star_to_the_highest(metrics):
    labels, counts = metrics.in_order()
    assert labels == ("1", "2", "3", "10")
    assert counts[3, 3] == metrics.confusion[1, 1]


def test_figures_of_stars_survive_a_file_and_those_of_classes_have_none(metrics, judged):
    assert from_plain(to_plain(metrics), Metrics, "metrics.json").task == TASK
    assert compute_metrics(*judged, LABELS).stars is None


def test_mistakes_come_by_how_many_stars_they_are_off(judged):
    losses = top_losses([""] * 300, *judged, LABELS, TASK)
    assert losses["stars_off"].is_monotonic_decreasing
    assert losses["stars_off"][0] == 9


def test_predictions_on_disk_say_that_they_are_of_stars(frame_of_stars):
    rows = LabelledPredictions.join(frame_of_stars, np.eye(4), LABELS, TASK)
    kept = rows.to_frame()
    assert kept[EXPECTED].tolist() == [1, 10, 2, 3]
    assert LabelledPredictions.from_frame(kept).task == TASK


@pytest.fixture
def frame_of_stars():
    import pandas as pd

    return pd.DataFrame({"text": list("abcd"), "label": LABELS, "row": range(4)})


def test_the_nearer_model_is_better_though_both_are_right_as_often():
    truth = np.array([0, 2, 3, 1] * 30)
    near, far = (np.eye(4)[np.where(np.arange(120) % 4 == 0, to, truth)] for to in (2, 1))
    found = compare(truth, far, near, LABELS, ("far", "near"), TASK)
    assert found.only_a_right == found.only_b_right == 0
    assert found.better == "near"
    assert found.mae_difference.value == -2
    assert "near is better: 2.00 stars nearer than far" in found.sentence


def test_sign_flips_tell_no_difference_from_a_large_one():
    assert sign_flips([0, 1, 0, 1], [1, 0, 1, 0]) == 1
    assert sign_flips(np.zeros(40), np.ones(40)) < 0.01


def test_stars_have_baselines_of_their_own():
    words = {"1": "awful", "10": "superb", "2": "weak", "3": "decent"}
    truth = np.array([0, 1, 2, 3, 2, 2] * 10)
    texts = [f"a {words[LABELS[k]]} film number {n}" for n, k in enumerate(truth)]
    found = run_baselines(texts, truth, texts, truth, LABELS, TASK)
    assert set(found) == {"majority", "tfidf", "median", "ridge"}
    assert LABELS[found["median"].probabilities[0].argmax()] == "2"
    assert found["ridge"].metrics.stars.mae.value < found["median"].metrics.stars.mae.value
