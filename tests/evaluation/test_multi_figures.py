"""Several labels a text are judged label by label, all together, and as whole sets."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score, precision_score, recall_score

from ktrain_sentiment.errors import DataError
from ktrain_sentiment.evaluation.baselines import run_baselines
from ktrain_sentiment.evaluation.cautions import find_warnings
from ktrain_sentiment.evaluation.codec import from_plain, to_plain
from ktrain_sentiment.evaluation.comparison import Comparison, compare
from ktrain_sentiment.evaluation.losses import top_losses
from ktrain_sentiment.evaluation.metrics import Metrics, compute_metrics
from ktrain_sentiment.evaluation.multi_figures import choose_thresholds
from ktrain_sentiment.evaluation.predictions import LabelledPredictions
from ktrain_sentiment.tasks import SEVERAL, join_labels

LABELS = ("angry", "happy", "sad")
ROWS = 300
CUT = SEVERAL.cut_at((0.4, 0.5, 0.6))


@pytest.fixture(scope="module")
def judged():
    rng = np.random.default_rng(3)
    truth = (rng.random((ROWS, 3)) < (0.2, 0.5, 0.1)).astype(np.int64)
    said = np.clip(0.6 * truth + 0.2 + 0.2 * rng.normal(size=truth.shape), 0.01, 0.99)
    return truth, said


@pytest.fixture(scope="module")
def metrics(judged):
    return compute_metrics(*judged, LABELS, CUT)


def test_figures_are_those_of_scikit_learn(judged, metrics):
    truth, said = judged
    given = (said >= CUT.thresholds).astype(int)
    found = metrics.multi
    for name, average in {"macro_f1": "macro", "micro_f1": "micro", "sample_f1": "samples"}.items():
        wanted = f1_score(truth, given, average=average, zero_division=1.0)
        assert getattr(found, name).value == pytest.approx(wanted), name
    assert found.subset_accuracy.value == pytest.approx((truth == given).all(axis=1).mean())
    for k, one in enumerate(found.per_label):
        assert one.precision == pytest.approx(precision_score(truth[:, k], given[:, k]))
        assert one.recall == pytest.approx(recall_score(truth[:, k], given[:, k]))
        assert one.support == truth[:, k].sum()
        assert one.f1.low < one.f1.value < one.f1.high


def test_a_row_without_labels_that_is_given_none_is_right():
    found = compute_metrics([[0, 0], [1, 0]], [[0.1, 0.2], [0.9, 0.1]], ("a", "b"), SEVERAL).multi
    assert found.sample_f1.value == 1
    assert found.subset_accuracy.value == 1


def test_records_hold_these_figures_and_none_of_classes(metrics):
    written = json.loads(json.dumps(to_plain(metrics)))
    assert "accuracy" not in written
    again = from_plain(written, Metrics, "here")
    assert again.task.thresholds == CUT.thresholds
    assert list(again.headline) == ["macro_f1", "micro_f1", "sample_f1", "subset_accuracy"]


def test_predictions_come_back_from_disk_with_their_thresholds(judged):
    truth, said = judged
    joined = [join_labels(LABELS[k] for k in np.flatnonzero(row)) for row in truth]
    frame = pd.DataFrame({"text": "t", "label": joined, "row": range(ROWS)})
    rows = LabelledPredictions.join(frame, said, LABELS, CUT)
    assert (rows.y_true == truth).all()
    again = LabelledPredictions.from_frame(rows.to_frame())
    assert again.task == CUT
    np.testing.assert_allclose(again.probabilities, said, atol=1e-6)


def test_an_unknown_label_is_refused():
    frame = pd.DataFrame({"text": ["t"], "label": ["happy|glad"], "row": [1]})
    with pytest.raises(DataError, match="labels glad"):
        LabelledPredictions.join(frame, [[0.1, 0.2, 0.3]], LABELS, SEVERAL)


@pytest.mark.parametrize("table", [[[0.1, 1.2]], [[0.1, float("nan")]], [[0.1]]])
def test_what_are_no_probabilities_of_labels_is_refused(table):
    with pytest.raises(DataError):
        compute_metrics([[0, 1]], table, ("a", "b"), SEVERAL)


def test_the_most_wrong_rows_come_first(judged):
    losses = top_losses(["t"] * ROWS, *judged, LABELS, CUT, limit=5)
    assert list(losses) == ["text", "label", "predicted", "loss", "row"]
    assert losses["loss"].is_monotonic_decreasing
    assert (losses["label"] != losses["predicted"]).any()


def test_a_threshold_is_where_f1_is_highest(judged):
    truth, said = judged
    for k, cut in enumerate(choose_thresholds(truth, said)):
        tried = [f1_score(truth[:, k], said[:, k] >= other) for other in np.linspace(0, 1, 201)]
        assert f1_score(truth[:, k], said[:, k] >= cut) >= max(tried) - 1e-12


def test_a_label_that_no_row_has_is_given_to_the_surest_row_alone():
    said = np.array([[0.2, 0.3], [0.9, 0.1], [0.4, 0.2]])
    _, cut = choose_thresholds([[0, 0], [1, 0], [0, 0]], said)
    assert cut == 0.3


def test_centred_probabilities_decide_as_thresholds_do(judged):
    _, said = judged
    assert (SEVERAL.decided(CUT.centred(said)) == CUT.decided(said)).all()


def test_the_better_of_two_is_found_by_macro_f1(judged):
    truth, said = judged
    worse = np.roll(said, 1, axis=0)
    found = compare(truth, worse, said, LABELS, ("A", "B"), SEVERAL)
    assert found.better == "B"
    assert found.macro_f1_difference.low > 0
    assert "points of macro F1" in found.sentence
    assert "accuracy" not in json.dumps(to_plain(found))
    assert from_plain(to_plain(found), Comparison, "here").better == "B"
    same = compare(truth, said, said, LABELS, ("A", "B"), SEVERAL)
    assert same.better is None
    assert same.macro_f1_difference.value == 0


def test_a_label_that_was_never_found_may_be_found_on_other_rows():
    truth = np.zeros((200, 2), int)
    truth[:90, 0] = truth[:8, 1] = 1
    said = np.full((200, 2), 0.1)
    said[10:95, 0] = 0.9
    other = np.where(truth == 0, said, 0.8)
    found = compute_metrics(truth, said, ("often", "seldom"), SEVERAL).multi
    # None of 8 found is still compatible with 37 %, an F1 of 0.54: half of that of both labels.
    assert found.per_label[1].f1.high == pytest.approx(0.54, abs=0.01)
    assert found.macro_f1.high > found.macro_f1.value + 0.26
    assert found.macro_f1.low > found.macro_f1.value - 0.05
    apart = compare(truth, said, other, ("often", "seldom"), ("A", "B"), SEVERAL)
    assert apart.macro_f1_difference.low < apart.macro_f1_difference.value - 0.26


def test_baselines_are_the_most_frequent_set_and_a_linear_model_of_each_label():
    rng = np.random.default_rng(0)
    words = np.array(["fine", "grim", "loud"])
    truth = (rng.random((240, 3)) < (0.5, 0.2, 0.2)).astype(np.int64)
    texts = [" ".join(["a", "film", *words[row.astype(bool)]]) for row in truth]
    found = run_baselines(texts[:200], truth[:200], texts[200:], truth[200:], LABELS, SEVERAL)
    assert list(found) == ["majority", "tfidf"]
    assert found["tfidf"].metrics.multi.macro_f1.value > 0.9
    assert found["majority"].metrics.multi.macro_f1.value < 0.6
    assert len(np.unique(found["majority"].probabilities, axis=0)) == 1


def test_labels_that_are_never_found_and_a_useless_model_are_said(judged, metrics):
    truth, said = judged
    assert find_warnings(metrics) == ()
    never = compute_metrics(truth, np.where([True, True, False], said, 0.0), LABELS, CUT)
    assert "finds no row with sad" in find_warnings(never)[0]
    useless = find_warnings(never, {"majority": metrics})
    assert any("most frequent set of labels" in one for one in useless)


def test_a_label_that_no_row_has_and_none_is_given_can_be_kept_and_read():
    truth = np.array([[1, 0, 0], [0, 1, 0]] * 10)
    found = compute_metrics(truth, truth * 0.8 + 0.1, ("joy", "sad", "rare"), SEVERAL)
    rare = found.multi.per_label[2].f1
    assert (rare.value, rare.low, rare.high) == (0.0, 0.0, 1.0)
    plain = json.loads(json.dumps(to_plain(found)))
    assert from_plain(plain, Metrics, "metrics.json").multi.per_label[2].support == 0
