from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from ktrain_sentiment.errors import DataError
from ktrain_sentiment.evaluation import top_losses
from ktrain_sentiment.evaluation.calibration import row_log_loss
from ktrain_sentiment.evaluation.explanation import nearest
from ktrain_sentiment.evaluation.label_noise import (
    apply_corrections,
    class_thresholds,
    find_label_errors,
    label_error_table,
    pooled,
)
from ktrain_sentiment.evaluation.review import confused_pairs
from ktrain_sentiment.words import telling

TEXTS = ["fine", "poor", "odd", "grand"]
TABLE = np.array([[0.9, 0.1], [0.3, 0.7], [0.95, 0.05], [0.2, 0.8]])
LABELS = ("negative", "positive")


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


def flipped(draw, share, classes=2, rows=3000, seed=0):
    """Calibrated probabilities, the true labels, the given ones, and which were flipped."""
    one = draw(rows, classes, seed=seed, sureness=5.0)
    rng = np.random.default_rng(seed)
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


def test_a_sure_model_blames_the_label_and_an_unsure_one_itself():
    sure = np.array([[0.99, 0.01]] * 50 + [[0.01, 0.99]] * 50)
    given = [0] * 49 + [1] + [1] * 50
    assert find_label_errors(given, sure, LABELS).likely.tolist() == [k == 49 for k in range(100)]
    unsure = np.array([[0.85, 0.15]] * 50 + [[0.15, 0.85]] * 50)
    noise = find_label_errors(given, unsure, LABELS)
    assert noise.doubted[49]
    assert not noise.likely.any()
    assert find_label_errors(given, unsure, LABELS, share=0.2).likely[49]


def test_the_chance_that_a_label_is_wrong_follows_bayes_rule(draw):
    # Labels flipped at a known rate, probabilities calibrated to the flipped labels.
    one, given, flips = flipped(draw, 0.1, rows=20_000)
    seen = 0.9 * one.probabilities + 0.1 * (1 - one.probabilities)
    noise = find_label_errors(given, seen, one.labels, share=0.1)
    for low, high in ((0.2, 0.4), (0.4, 0.6), (0.6, 0.8)):
        band = (noise.p_wrong > low) & (noise.p_wrong < high)
        assert flips[band].mean() == pytest.approx(noise.p_wrong[band].mean(), abs=0.07)


def test_a_class_without_rows_is_never_suggested_as_certain():
    noise = find_label_errors([0, 0, 1], [[0.5, 0.2, 0.3]] * 2 + [[0.1, 0.5, 0.4]], ("a", "b", "c"))
    assert not noise.doubted.any()
    assert noise.rate == 0.0


def test_confusions_name_the_words_of_the_texts_that_were_mistaken():
    wrong = ["a subtle and quiet film", "quiet but good", "so quiet and slow"]
    right = ["a good film", "good and funny", "very good and warm"] * 5
    texts = [*wrong, *right, *["a bad film"] * 10]
    truth = [1] * 18 + [0] * 10
    table = np.array([[0.8, 0.2]] * 3 + [[0.1, 0.9]] * 15 + [[0.9, 0.1]] * 10)
    (pair,) = confused_pairs(texts, truth, table, LABELS)
    assert (pair.true, pair.predicted, pair.count) == ("positive", "negative", 3)
    assert pair.share == pytest.approx(3 / 18)
    assert pair.words[0][0] == "quiet"
    assert pair.rows == (0, 1, 2)
    assert "good" not in dict(pair.words)


def test_confusions_come_most_frequent_first_and_their_surest_mistakes_first():
    table = np.array([[0.6, 0.4, 0.0], [0.9, 0.1, 0.0], [0.0, 0.3, 0.7]])
    found = confused_pairs(["x", "y", "z"], [1, 1, 1], table, ("a", "b", "c"))
    assert [(one.predicted, one.rows) for one in found] == [("a", (1, 0)), ("c", (2,))]


def test_words_that_are_as_frequent_on_both_sides_tell_nothing():
    from collections import Counter

    inside, outside = Counter(the=50, dull=9), Counter(the=500, grand=90)
    assert [word for word, _ in telling(inside, outside, inside + outside)] == ["dull"]


def test_texts_of_one_and_the_same_word_or_of_none_break_nothing():
    table = np.array([[0.8, 0.2], [0.2, 0.8]])
    assert confused_pairs(["good", "good"], [1, 1], table, LABELS)[0].count == 1
    assert confused_pairs(["", "…"], [1, 1], table, LABELS)[0].words == ()


def test_the_nearest_rows_are_found_as_by_sorting_everything():
    rng = np.random.default_rng(0)
    queries, known = rng.normal(size=(7, 5)), rng.normal(size=(50, 5))
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (queries, known)]
    similarity = unit[0] @ unit[1].T
    found = nearest(queries, known, k=4)
    assert found.index.tolist() == np.argsort(-similarity, axis=1)[:, :4].tolist()
    assert found.similarity == pytest.approx(np.sort(similarity, axis=1)[:, ::-1][:, :4])


def test_asking_for_more_neighbours_than_there_are_gives_them_all():
    assert nearest(np.ones((2, 3)), np.eye(3), k=9).index.shape == (2, 3)
    assert nearest(np.empty((0, 3)), np.eye(3), k=2).index.shape == (0, 2)


def test_embeddings_of_two_encoders_are_refused():
    with pytest.raises(DataError, match="same encoder"):
        nearest(np.ones((1, 2)), np.ones((1, 3)))


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


LABELS = ("negative", "positive")


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
