from __future__ import annotations

import sys

import numpy as np
import pytest

from ktrain_sentiment.evaluation.baselines import (
    left_out,
    majority,
    polar_columns,
    run_baselines,
    vader,
)

pytest.importorskip("sklearn", reason="scikit-learn is not installed")
GOOD = ["a good film", "good and funny", "truly good", "so good , so warm", "good !"]
BAD = ["a bad film", "bad and dull", "truly bad", "so bad , so cold", "bad !"]
LABELS = ("negative", "positive")


def test_baselines_are_fitted_on_the_training_rows_and_judged_on_the_others():
    found = run_baselines([*GOOD, *BAD], [1] * 5 + [0] * 5, ["good one", "bad one"], [1, 0], LABELS)
    assert set(found) >= {"majority", "tfidf"}
    assert found["tfidf"].metrics.accuracy.value == 1.0
    assert found["tfidf"].probabilities.shape == (2, 2)
    assert found["majority"].metrics.accuracy.value == 0.5


def test_a_class_that_training_lacks_gets_no_probability():
    found = run_baselines([*GOOD, *BAD], [2] * 5 + [0] * 5, ["good"], [2], ("a", "b", "c"))
    assert found["tfidf"].probabilities[0, 1] == 0.0


def test_texts_without_a_word_leave_the_baseline_out():
    found = run_baselines(["…", "—"] * 4, [0, 1] * 4, ["…"], [0], ("a", "b"))
    assert set(found) == {"majority"}


def test_the_majority_baseline_states_the_training_shares():
    assert majority([0, 0, 0, 1], 2, 2).tolist() == [[0.75, 0.25]] * 2


def test_vader_joins_in_where_the_labels_are_poles():
    pytest.importorskip("vaderSentiment", reason="vaderSentiment is not installed")
    table = vader(["This is great!", "This is horrible.", "A table."], LABELS)
    assert table is not None
    assert table.argmax(axis=1).tolist() == [1, 0, 1]
    assert table.sum(axis=1) == pytest.approx(np.ones(3))
    three = vader(["This is great!", "A table."], ("negative", "neutral", "positive"))
    assert three is not None
    assert three.argmax(axis=1).tolist() == [2, 1]
    assert vader(["x"], ("happy", "sad")) is None


@pytest.mark.parametrize(
    ("labels", "wanted"),
    [
        (("Negative", "Positive"), {"negative": 0, "positive": 1}),
        (("neg", "neu", "pos"), {"negative": 0, "neutral": 1, "positive": 2}),
        (("negative", "neutral"), None),
        (("negative", "positive", "mixed"), None),
        (("0", "1"), None),
    ],
)
def test_only_labels_that_are_poles_by_name_count_as_poles(labels, wanted):
    assert polar_columns(labels) == wanted


def test_without_training_texts_only_the_lexicon_remains():
    pytest.importorskip("vaderSentiment", reason="vaderSentiment is not installed")
    assert set(run_baselines([], [], ["good"], [1], LABELS)) == {"vader"}


def test_a_baseline_that_a_missing_library_would_make_is_named(monkeypatch):
    for module in ("sklearn", "vaderSentiment"):
        monkeypatch.setitem(sys.modules, module, None)
    assert left_out(LABELS, learning=True).startswith(
        "left out: TF-IDF + logistic regression (needs scikit-learn), VADER lexicon (needs vaderSen"
    )
    assert "VADER" not in left_out(("cats", "dogs"), learning=True)
    assert left_out(("cats", "dogs"), learning=False) == ""


def test_nothing_is_named_where_nothing_is_missing():
    pytest.importorskip("vaderSentiment", reason="vaderSentiment is not installed")
    assert left_out(LABELS, learning=True) == ""
