"""Probabilities become predictions, and anything that gives them is a classifier."""

from collections.abc import Sequence

import numpy as np
import pytest

from ktrain_sentiment.prediction import (
    Classifier,
    Prediction,
    Probabilities,
    softmax,
    to_predictions,
)

LABELS = ("negative", "neutral", "positive")


def test_the_most_probable_label_wins() -> None:
    first, second = to_predictions(np.float32([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]]), LABELS)
    assert (first.label, second.label) == ("negative", "positive")
    assert first.probability == pytest.approx(0.7)
    assert second.probabilities == pytest.approx({"negative": 0.1, "neutral": 0.3, "positive": 0.6})


def test_probabilities_are_plain_numbers_in_the_classifiers_order() -> None:
    (only,) = to_predictions(np.float32([[0.5, 0.25, 0.25]]), LABELS)
    assert list(only.probabilities) == list(LABELS)
    assert {type(value) for value in (*only.probabilities.values(), only.probability)} == {float}


def test_the_first_of_equal_labels_wins() -> None:
    (only,) = to_predictions(np.float32([[0.4, 0.2, 0.4]]), LABELS)
    assert only.label == "negative"


def test_no_texts_give_no_predictions() -> None:
    assert to_predictions(np.empty((0, 3), np.float32), LABELS) == []


def test_texts_that_were_cut_off_say_so() -> None:
    rows = np.float32([[1, 0, 0], [0, 1, 0]])
    assert [p.truncated for p in to_predictions(rows, LABELS, np.array([True, False]))] == [
        True,
        False,
    ]
    assert not any(p.truncated for p in to_predictions(rows, LABELS))


def test_a_number_of_labels_that_does_not_fit_is_an_error() -> None:
    with pytest.raises(ValueError, match="zip"):
        to_predictions(np.float32([[0.5, 0.5]]), LABELS)


def test_a_prediction_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Prediction("a", 1.0, {"a": 1.0}).label = "b"  # type: ignore[misc]


class Constant:
    """Calls everything positive."""

    labels = ("negative", "positive")

    def predict_proba(self, texts: Sequence[str]) -> Probabilities:
        return np.tile(np.float32([0, 1]), (len(texts), 1))

    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        return to_predictions(self.predict_proba(texts), self.labels)


def test_a_classifier_needs_no_base_class() -> None:
    assert isinstance(Constant(), Classifier)
    assert not isinstance(object(), Classifier)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_softmax_keeps_the_type_and_gives_shares_of_one(kind) -> None:
    shares = softmax(np.array([[0, np.log(3)], [-1000, 1000]], kind))
    assert shares.dtype == kind
    np.testing.assert_allclose(shares, [[0.25, 0.75], [0, 1]], rtol=1e-6)


def test_a_temperature_divides_the_logits() -> None:
    hot = softmax(np.array([[0, 2 * np.log(3)]]), temperature=2)
    np.testing.assert_allclose(hot, [[0.25, 0.75]])
