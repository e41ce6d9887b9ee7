from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from ktrain_sentiment.errors import DataError
from ktrain_sentiment.evaluation.calibration import row_log_loss
from ktrain_sentiment.evaluation.label_noise import (
    apply_corrections,
    class_thresholds,
    find_label_errors,
    label_error_table,
    pooled,
)

TEXTS = ["fine", "poor", "odd", "grand"]
TABLE = np.array([[0.9, 0.1], [0.3, 0.7], [0.95, 0.05], [0.2, 0.8]])
LABELS = ("negative", "positive")


def flipped(draw, share, classes=2, rows=3000, seed=0):
    """Calibrated probabilities, the true labels, the given ones, and which were flipped."""
    one = draw(rows, classes, seed=seed, sureness=5.0)
    rng = np.random.default_rng(seed + 77)  # Other flips than a draw's own chances.
    flips = rng.random(rows) < share
    given = np.where(flips, (one.y_true + rng.integers(1, classes, rows)) % classes, one.y_true)
    return one, given, flips


@pytest.mark.parametrize("classes", [2, 4])
def test_flipped_labels_come_first(draw, classes):
    one, given, flips = flipped(draw, 0.05, classes)
    noise = find_label_errors(given, one.probabilities, one.labels)
    table = label_error_table(noise, [str(k) for k in range(3000)], given, one.probabilities)
    first = table.head(240)["text"].astype(int)
    assert flips[first].sum() > 0.75 * flips.sum()
    caught = flips & noise.doubted
    assert (noise.suggested == one.y_true)[caught].mean() > 0.95


def test_the_share_of_wrong_labels_is_estimated():
    # A model that is right with certainty: each doubt about a label is then due to the label.
    rng = np.random.default_rng(0)
    truth = rng.integers(2, size=2000)
    given = np.where(rng.random(2000) < 0.1, 1 - truth, truth)
    noise = find_label_errors(given, np.eye(2)[truth] * 0.9 + 0.05, LABELS)
    assert noise.rate == pytest.approx((given != truth).mean(), abs=0.001)
    assert noise.joint.sum(axis=1).tolist() == np.bincount(given).tolist()
    assert noise.doubted.tolist() == (given != truth).tolist()


def test_a_model_that_is_unsure_of_a_class_does_not_doubt_each_label_of_it():
    # Rows of the second class never get more than 0.45 of it, and that is as sure as it gets.
    table = np.array([[0.9, 0.1]] * 50 + [[0.55, 0.45]] * 50)
    noise = find_label_errors([0] * 50 + [1] * 50, table, LABELS)
    assert class_thresholds(np.array([0] * 50 + [1] * 50), table) == pytest.approx([0.9, 0.45])
    assert not noise.doubted.any()


@pytest.mark.parametrize("rows", [60, 150])
def test_flipped_labels_among_rows_that_a_model_knows_are_not_acquitted(rows):
    # It is right wherever the label was not flipped, and as sure as one of ten flips allows.
    rng = np.random.default_rng(1)
    truth = np.arange(rows) % 2
    flips = np.arange(rows) % 11 == 5
    sure = rng.uniform(0.8, 0.95, rows)
    table = np.stack([np.where(truth == 0, sure, 1 - sure), np.where(truth == 0, 1 - sure, sure)]).T
    noise = find_label_errors(np.where(flips, 1 - truth, truth), table, LABELS)
    assert noise.doubted[flips].mean() > 0.5
    # Half of them are hardly told from mistakes of a model that is never surer; none is acquitted.
    assert noise.p_wrong[flips].min() > 0.1
    assert noise.p_wrong[~flips].max() < 0.1
    assert noise.expected.low <= (noise.doubted & flips).sum() <= noise.expected.high


def test_a_models_own_mistakes_are_not_laid_on_the_labels(draw):
    one = draw(3000, 2, seed=5)
    noise = find_label_errors(one.y_true, one.probabilities, LABELS)
    assert noise.doubted.sum() > 200
    assert noise.likely.sum() < 0.05 * noise.doubted.sum()
    assert noise.expected.value < 0.2 * noise.doubted.sum()


@pytest.mark.parametrize("share", [0.02, 0.08])
@pytest.mark.parametrize("classes", [2, 4])
def test_the_number_of_wrong_labels_lies_in_its_interval(draw, share, classes):
    one, given, flips = flipped(draw, share, classes)
    noise = find_label_errors(given, one.probabilities, one.labels)
    assert noise.share == pytest.approx(share, abs=0.02)
    assert noise.expected.low <= (noise.doubted & flips).sum() <= noise.expected.high
    assert noise.to_json()["expected_wrong"]["value"] == pytest.approx(noise.expected.value)


def test_a_share_that_is_known_is_taken():
    unsure = np.array([[0.85, 0.15]] * 50 + [[0.15, 0.85]] * 50)
    given = [0] * 49 + [1] + [1] * 50
    assert find_label_errors(given, unsure, LABELS, share=0.001).likely.sum() == 0
    assert find_label_errors(given, unsure, LABELS, share=0.3).likely[49]


def test_the_chance_that_a_label_is_wrong_is_what_it_says(draw):
    one, given, flips = flipped(draw, 0.1, rows=20_000)
    noise = find_label_errors(given, one.probabilities, one.labels)
    for low, high in ((0.2, 0.4), (0.4, 0.6), (0.6, 0.8)):
        band = (noise.p_wrong > low) & (noise.p_wrong < high)
        assert flips[band].mean() == pytest.approx(noise.p_wrong[band].mean(), abs=0.15)


def test_a_class_without_rows_is_never_suggested_as_certain():
    noise = find_label_errors([0, 0, 1], [[0.5, 0.2, 0.3]] * 2 + [[0.1, 0.5, 0.4]], ("a", "b", "c"))
    assert not noise.doubted.any()
    assert noise.rate == 0.0


def test_the_label_error_table_has_each_row_once():
    noise = find_label_errors([0, 1, 1, 1], TABLE, LABELS)
    found = label_error_table(noise, TEXTS, [0, 1, 1, 1], TABLE, rows=[5, 6, 7, 8])
    assert sorted(found["row"]) == [5, 6, 7, 8]
    assert found.iloc[0]["text"] == "odd"
    assert found.iloc[0]["suggested"] == "negative"
    assert isinstance(found, pd.DataFrame)


def opinion(rng, truth, sureness):
    """A calibrated classifier of a certain quality, independent of others given the truth."""
    odds = rng.normal((2 * truth - 1) * sureness**2 / 2, sureness)
    positive = 1 / (1 + np.exp(-odds))
    return np.stack([1 - positive, positive], axis=1)


@pytest.fixture
def flipped_rows():
    rng = np.random.default_rng(0)
    truth = rng.integers(2, size=4000)
    flipped = rng.random(4000) < 0.05
    return rng, truth, np.where(flipped, 1 - truth, truth), flipped


def found(given, table, flipped):
    noise = find_label_errors(given, table, ("a", "b"))
    return flipped[np.argsort(noise.quality)[:320]].sum() / flipped.sum()


def test_two_opinions_find_more_flipped_labels_than_one(flipped_rows):
    rng, truth, given, flipped = flipped_rows
    first, second = opinion(rng, truth, 2.2), opinion(rng, truth, 1.8)
    both = pooled(given, first, second)
    assert found(given, both, flipped) > found(given, first, flipped) + 0.05
    assert row_log_loss(given, both).mean() < row_log_loss(given, first).mean()


def test_an_opinion_that_is_worth_nothing_is_not_listened_to(flipped_rows):
    rng, truth, given, flipped = flipped_rows
    first, noise = opinion(rng, truth, 2.2), rng.dirichlet([1, 1], size=4000)
    both = pooled(given, first, noise)
    assert (both.argmax(axis=1) == first.argmax(axis=1)).mean() > 0.98
    assert found(given, both, flipped) == pytest.approx(found(given, first, flipped), abs=0.02)


def test_the_order_of_two_opinions_does_not_matter(flipped_rows):
    rng, truth, given, _ = flipped_rows
    first, second = opinion(rng, truth, 2.2), opinion(rng, truth, 1.8)
    assert pooled(given, first, second) == pytest.approx(pooled(given, second, first), abs=1e-6)


@pytest.fixture
def data():
    return pd.DataFrame(
        {
            "text": ["good", "bad", "dull", "???"],
            "label": ["positive", "positive", "negative", "positive"],
            "row": [2, 3, 4, 5],
            "source": list("wxyz"),
        }
    )


def corrections(*lines):
    return pd.DataFrame(lines, columns=["row", "text", "corrected"])


def test_corrected_labels_are_taken_over_and_recorded(data):
    done = apply_corrections(
        data,
        corrections((3, "bad", " negative "), (5, "???", "drop"), (2, "good", "positive")),
        LABELS,
    )
    assert done.frame["label"].tolist() == ["positive", "negative", "negative"]
    assert done.frame["source"].tolist() == ["w", "x", "y"]
    record = done.to_json()
    assert record["changed"] == 2
    assert record["confirmed"] == 1
    assert record["kinds"] == {"positive -> negative": 1, "positive -> drop": 1}
    assert record["changes"][0] == {
        "row": 3,
        "text": "bad",
        "before": "positive",
        "after": "negative",
    }
    json.dumps(record)


def test_rows_left_empty_are_left_alone_and_the_input_is_not_touched(data):
    before = data.copy()
    done = apply_corrections(data, corrections((3, "bad", np.nan), (4, "dull", "")), LABELS)
    assert done.changes == ()
    pd.testing.assert_frame_equal(done.frame, before)
    pd.testing.assert_frame_equal(data, before)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([(3, "bad", "Negativ")], "label 'Negativ' is unknown: wanted one of negative, positive"),
        ([(3, "other", "negative")], "its text is 'bad' in the data"),
        ([(99, "bad", "negative")], "no such row"),
        ([(3, "bad", "negative"), (3, "bad", "drop")], "two ways"),
    ],
)
def test_a_correction_that_does_not_fit_the_data_is_refused(data, lines, words):
    with pytest.raises(DataError) as caught:
        apply_corrections(data, corrections(*lines), LABELS)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_list_without_the_column_to_fill_in_is_refused(data):
    with pytest.raises(DataError, match="no column corrected"):
        apply_corrections(data, data[["row", "text"]], LABELS)
