from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ktrain_sentiment.errors import DataError
from ktrain_sentiment.evaluation.predictions import LabelledPredictions
from ktrain_sentiment.evaluation.review import (
    by_length,
    by_repetition,
    confused_pairs,
    evaluate_slices,
    review,
    tells,
    usual_slices,
)
from ktrain_sentiment.words import telling

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
    return LabelledPredictions.join(frame, np.stack([1 - positive, positive], axis=1), LABELS)


@pytest.mark.parametrize(
    "made",
    [
        lambda truth: np.where(truth, 5, 1),
        lambda truth: np.where(truth, "*****", "*"),
        lambda truth: (truth - 0.5) * 4 + np.linspace(0, 1, len(truth)),  # many values, two ranges
    ],
)
def test_a_column_that_the_labels_were_made_from_is_no_kind_of_text(judged, made):
    truth = (judged.frame["label"] == "positive").to_numpy().astype(int)
    stars = made(truth)
    named = replace(judged, frame=judged.frame.assign(stars=stars))
    assert "stars" not in {one.column for one in usual_slices(named)}
    stars[:6] = stars[:6][::-1]  # Now the labels no longer follow from it.
    named = replace(judged, frame=judged.frame.assign(stars=stars))
    assert "stars" in {one.column for one in usual_slices(named)}


def test_a_rare_class_does_not_make_every_column_one_that_tells_the_labels():
    truth = np.r_[np.ones(3, int), np.zeros(997, int)]
    assert not tells(pd.Series(["north", "south"] * 500), truth)
    assert not tells(pd.Series(["all"] * 1000), np.zeros(1000, int))


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
    found = review(LabelledPredictions.join(judged.frame, table, LABELS))
    assert found.losses.empty
    assert found.doubtful.empty
    assert found.confusions == ()
    assert list(found.losses.columns) == [
        "text", "label", "predicted", "probability", "p_true", "loss", "row",
    ]  # fmt: skip


def test_rows_are_sliced_by_every_column_that_divides_them_and_no_other(judged):
    columns = {one.column for one in usual_slices(judged)}
    assert columns == {"shop"}


def rightly(flags):
    """Probabilities of two classes, the truth being 0, right where the flag is set."""
    return np.where(np.asarray(flags, dtype=bool)[:, None], [0.9, 0.1], [0.1, 0.9])


def test_a_slice_much_worse_than_the_rest_is_named_and_the_others_are_not():
    source = ["web"] * 100 + ["phone"] * 40 + ["shop"] * 100
    right = [True] * 92 + [False] * 8 + [True] * 22 + [False] * 18 + [True] * 90 + [False] * 10
    found = evaluate_slices({"source": source}, np.zeros(240, dtype=int), rightly(right))
    assert {one.value: one.weak for one in found} == {"web": False, "phone": True, "shop": False}
    phone = next(one for one in found if one.value == "phone")
    assert phone.accuracy.value == pytest.approx(0.55)
    assert phone.rest == pytest.approx(0.91)
    assert phone.n == 40


def test_a_slice_that_is_worse_by_chance_is_not_named():
    right = ([True] * 9 + [False]) * 2 + ([True] * 19 + [False]) * 4
    found = evaluate_slices(
        {"half": ["a"] * 20 + ["b"] * 80}, np.zeros(100, dtype=int), rightly(right)
    )
    assert not any(one.weak for one in found)


def test_numbers_are_cut_at_their_quartiles_in_rising_order():
    lengths = list(range(1, 101))
    found = evaluate_slices({"words": lengths}, np.zeros(100, dtype=int), rightly([True] * 100))
    assert [one.value for one in found] == ["1 to 25", "26 to 50", "51 to 75", "76 to 100"]
    assert sum(one.n for one in found) == 100


def test_missing_values_are_a_slice_of_their_own():
    values = [1.0, 2.0, 3.0, 4.0, 5.0] * 12 + [None] * 12
    found = evaluate_slices({"stars": values}, np.zeros(72, dtype=int), rightly([True] * 72))
    assert next(one for one in found if one.value == "(none)").n == 12
    assert sum(one.n for one in found) == 72


def test_a_slice_of_everything_has_no_rest():
    found = evaluate_slices({"source": ["web"] * 20}, np.zeros(20, dtype=int), rightly([True] * 20))
    assert [(one.rest, one.weak) for one in found] == [(None, False)]


def test_slices_of_a_handful_of_rows_are_left_out():
    values = ["a"] * 50 + ["b"] * 9
    found = evaluate_slices({"source": values}, np.zeros(59, dtype=int), rightly([True] * 59))
    assert [one.value for one in found] == ["a"]


def test_a_column_of_free_text_is_refused():
    with pytest.raises(DataError, match="50 distinct values"):
        evaluate_slices(
            {"id": [f"r{k}" for k in range(50)]}, np.zeros(50, dtype=int), rightly([True] * 50)
        )


def test_repetition_ignores_case_and_spaces():
    assert by_repetition(["Good  film", "good film ", "bad"]) == ["repeated", "repeated", "once"]


def test_length_counts_words():
    assert by_length(["one two", "", "a\nb c"]) == [2, 0, 3]


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


def test_a_summary_has_the_first_rows_of_each_list_and_counts_all(judged):
    found = review(judged)
    summary = found.summary(limit=1)
    assert (summary.model_errors, summary.likely_label_errors) == (1, 1)
    (lost,), (doubted,) = summary.losses, summary.doubtful
    assert (lost.row, lost.label, lost.other) == (4, "negative", "positive")
    assert lost.loss == pytest.approx(found.losses.iloc[0]["loss"])
    assert (doubted.row, doubted.label, doubted.other) == (1, "negative", "positive")
    assert all(len(pair.rows) <= 1 for pair in summary.confusions)
    assert sum(pair.count for pair in summary.confusions) == 2
