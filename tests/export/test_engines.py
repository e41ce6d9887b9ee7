"""When an engine may stay."""

import numpy as np
import pytest

from ktrain_sentiment.export.parity import FP32_LIMITS, INT8_LIMITS, Limits, compare, complaint


def shares(*first: float) -> np.ndarray:
    return np.array([[share, 1 - share] for share in first])


def test_equal_probabilities_have_nothing_to_complain_about():
    parity = compare(shares(0.1, 0.9), shares(0.1, 0.9), np.array([1, 0]))
    assert (parity.largest_difference, parity.changed, parity.accuracy) == (0.0, 0, 1.0)
    assert complaint(parity, FP32_LIMITS) == ""


def test_differences_changes_and_accuracy_are_counted():
    parity = compare(shares(0.6, 0.2, 0.9), shares(0.4, 0.2, 0.8), np.array([0, 1, 0]))
    assert parity.changed == 1
    assert parity.largest_difference == pytest.approx(0.2)
    assert parity.accuracy == pytest.approx(2 / 3)
    assert parity.reference_accuracy == 1.0


def test_fp32_is_refused_beyond_rounding():
    parity = compare(shares(0.5), shares(0.5002))
    assert "differs by 0.0002" in complaint(parity, FP32_LIMITS)


@pytest.mark.parametrize(
    ("texts", "changed", "refused"),
    [(120, 2, False), (120, 5, True), (1000, 15, False), (1000, 20, True), (20_000, 230, True)],
)
def test_int8_is_refused_when_more_than_one_label_in_a_hundred_surely_changes(
    texts, changed, refused
):
    reference = np.tile(shares(0.6), (texts, 1))
    probabilities = reference.copy()
    probabilities[:changed] = shares(0.4)
    assert bool(complaint(compare(reference, probabilities), INT8_LIMITS)) is refused


def test_one_near_tie_in_a_small_set_is_forgiven():
    assert complaint(compare(shares(0.51, 0.9), shares(0.49, 0.9)), INT8_LIMITS) == ""


def test_lost_accuracy_is_refused_even_when_few_labels_change():
    reference = np.tile(shares(0.9), (1000, 1))
    probabilities = reference.copy()
    probabilities[:9] = shares(0.1)
    parity = compare(reference, probabilities, np.zeros(1000, int))
    assert (parity.lost, parity.gained) == (9, 0)
    assert "accuracy falls by 0.90%" in complaint(parity, INT8_LIMITS)
    assert complaint(parity, Limits(accuracy_lost=0.01)) == ""


def test_accuracy_that_falls_by_chance_is_not_held_against_an_engine():
    reference = np.tile(shares(0.6), (300, 1))
    probabilities = reference.copy()
    probabilities[:3] = shares(0.4)
    targets = np.array([0, 0] + [1] * 298)
    parity = compare(reference, probabilities, targets)
    assert (parity.lost, parity.gained) == (2, 1)
    assert complaint(parity, Limits(accuracy_lost=0.001)) == ""


def test_numbers_that_are_none_never_pass():
    parity = compare(shares(0.5), np.array([[np.nan, np.nan]]))
    assert "not numbers" in complaint(parity, INT8_LIMITS)
    assert complaint(parity, FP32_LIMITS)


def test_without_true_labels_there_is_no_accuracy():
    assert compare(shares(0.5), shares(0.5)).accuracy is None
