"""Scores are judged by distance and by order, and nothing is said of shares and probabilities."""

import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import mean_absolute_error, r2_score

from ktrain_sentiment.errors import DataError
from ktrain_sentiment.evaluation.baselines import run_baselines
from ktrain_sentiment.evaluation.cautions import find_warnings
from ktrain_sentiment.evaluation.codec import from_plain, to_plain
from ktrain_sentiment.evaluation.comparison import Comparison, compare
from ktrain_sentiment.evaluation.losses import top_losses
from ktrain_sentiment.evaluation.metrics import Metrics, compute_metrics
from ktrain_sentiment.evaluation.predictions import LabelledPredictions, evaluate_folds, truth_of
from ktrain_sentiment.evaluation.score_figures import rank_correlation
from ktrain_sentiment.tasks import SCORES
from support.reviews import make_scores

LABELS = ("score",)


@pytest.fixture(scope="module")
def judged():
    rng = np.random.default_rng(0)
    truth = np.round(100 + 2 * rng.normal(size=250), 1)
    return truth, np.round(truth * 0.6 + 40 + rng.normal(size=250), 1)[:, None]


@pytest.fixture(scope="module")
def metrics(judged):
    return compute_metrics(*judged, LABELS, SCORES.within(2.0))


def test_figures_are_those_of_scikit_learn_and_scipy(judged, metrics):
    truth, said = judged[0], judged[1][:, 0]
    found = metrics.score
    assert found.mae.value == pytest.approx(mean_absolute_error(truth, said))
    assert found.rmse.value == pytest.approx(np.sqrt(((truth - said) ** 2).mean()))
    assert found.spearman.value == pytest.approx(spearmanr(truth, said).statistic)
    assert found.pearson.value == pytest.approx(pearsonr(truth, said).statistic)
    assert found.r2.value == pytest.approx(r2_score(truth, said))
    assert found.coverage.value == pytest.approx((np.abs(truth - said) <= 2).mean())


def test_every_figure_has_an_interval_around_it(metrics):
    assert list(metrics.headline)[:3] == ["score_mae", "rmse", "spearman"]
    for figure in metrics.headline.values():
        assert figure.low < figure.value < figure.high


def test_ranks_of_rows_that_count_twice_are_those_of_rows_that_stand_twice(judged):
    truth, said = judged[0], judged[1][:, 0]
    times = np.random.default_rng(1).integers(0, 3, len(truth))
    expected = spearmanr(np.repeat(truth, times), np.repeat(said, times)).statistic
    assert rank_correlation(truth, said, times[None].astype(float))[0] == pytest.approx(expected)


def test_nothing_is_recorded_of_shares_and_probabilities(metrics):
    kept = to_plain(metrics)
    assert set(kept) == {"labels", "n", "intervals", "score"}
    again = from_plain(kept, Metrics, "here")
    assert again.headline["rmse"].value == pytest.approx(metrics.score.rmse.value)
    assert again.task.half_width == 2
    assert "score" not in to_plain(compute_metrics([0, 1], np.eye(2), ("a", "b")))


def test_answers_that_are_all_equal_order_nothing(judged):
    found = compute_metrics(judged[0], np.full((250, 1), 100.0), LABELS, SCORES).score
    assert found.spearman.value == found.pearson.value == 0
    assert found.r2.value <= 0


def test_scores_that_are_no_numbers_are_refused(judged):
    with pytest.raises(DataError, match="finite"):
        compute_metrics(judged[0], np.full((250, 1), np.nan), LABELS, SCORES)
    with pytest.raises(DataError, match="'good' is no number"):
        truth_of(["1.5", "good"], LABELS, SCORES)


def test_of_two_models_the_nearer_is_better(judged):
    truth, said = judged
    found = compare(truth, np.full((250, 1), 100.0), said, LABELS, ("mean", "model"), SCORES)
    assert found.better == "model"
    assert found.mae_difference.high < 0 < found.spearman_difference.low
    assert "accuracy" not in found.sentence
    kept = to_plain(found)
    assert "accuracy_difference" not in kept
    assert from_plain(kept, Comparison, "here").sentence == found.sentence
    assert compare(truth, said, said, LABELS, task=SCORES).better is None


def test_rows_and_scores_survive_the_disk_with_their_interval(judged):
    import pandas as pd

    truth, said = judged
    frame = pd.DataFrame({"text": ["a"] * 250, "label": truth.astype(str), "row": range(250)})
    rows = LabelledPredictions.join(frame, said, LABELS, SCORES.within(1.5))
    kept = rows.to_frame()
    assert list(kept) == ["row", "text", "label", "score", "score_low", "score_high"]
    again = LabelledPredictions.from_frame(kept)
    assert again.task.half_width == pytest.approx(1.5)
    assert (again.y_true == truth).all()


def test_the_farthest_rows_come_first(judged):
    losses = top_losses(["t"] * 250, *judged, LABELS, SCORES, limit=5)
    assert list(losses) == ["text", "label", "score", "error", "row"]
    assert losses["error"].abs().is_monotonic_decreasing


def test_the_mean_and_ridge_stand_beside_a_model_and_vader_where_texts_are_english():
    pytest.importorskip("vaderSentiment")
    rows = make_scores(300)
    texts, scores = [text for text, _ in rows], np.array([float(score) for _, score in rows])
    found = run_baselines(texts[:200], scores[:200], texts[200:], scores[200:], LABELS, SCORES)
    assert set(found) == {"mean", "ridge", "vader"}
    assert found["mean"].metrics.score.r2.value <= 0
    assert found["ridge"].metrics.score.spearman.low > 0
    known = (texts[:200], scores[:200], texts[200:], scores[200:], LABELS, SCORES)
    assert "vader" not in run_baselines(*known, language="de")
    assert run_baselines([], [], texts, scores, LABELS, SCORES) == {}


def test_a_reader_is_told_of_a_model_no_better_than_the_mean_and_of_missed_intervals(judged):
    truth, said = judged
    noise = np.random.default_rng(7).normal(size=(250, 1)) + 100
    poor = compute_metrics(truth, noise, LABELS, SCORES)
    assert any("no better than always" in one for one in find_warnings(poor))
    narrow = compute_metrics(truth, said, LABELS, SCORES.within(0.1))
    assert any("should in 90 %" in one for one in find_warnings(narrow))
    assert find_warnings(compute_metrics(truth, said, LABELS, SCORES.within(9))) == ()


def test_folds_are_judged_together(judged):
    found = evaluate_folds(np.arange(250) % 5, *judged, LABELS, SCORES)
    assert found.pooled.n == 250
    assert "rmse" in found.spread
