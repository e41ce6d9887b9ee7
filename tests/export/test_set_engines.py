"""Engines of several labels are kept by decisions on labels, and by whether micro F1 falls."""

import numpy as np

from ktrain_sentiment.export.parity import FP32_LIMITS, INT8_LIMITS, compare_sets, set_complaint

RNG = np.random.default_rng(0)
TRUTH = (RNG.random((500, 4)) < 0.3).astype(np.int64)
MODEL = np.clip(0.5 * TRUTH + 0.25 + 0.2 * RNG.normal(size=TRUTH.shape), 0.001, 0.999)


def judge(said, limits=INT8_LIMITS, truth=TRUTH):
    return set_complaint(compare_sets(MODEL, said, truth), limits)


def test_the_same_arithmetic_in_another_order_is_kept():
    assert judge(MODEL * (1 - 1e-7), FP32_LIMITS) == ""
    assert "a probability differs" in judge(MODEL * 0.99, FP32_LIMITS)


def test_eight_bits_may_move_probabilities_as_long_as_decisions_stay():
    assert judge(np.clip(MODEL + 0.005 * RNG.normal(size=MODEL.shape), 0, 1)) == ""


def test_an_engine_that_decides_otherwise_on_many_labels_is_refused():
    moved = np.clip(MODEL + 0.1 * RNG.normal(size=MODEL.shape), 0, 1)
    assert "decisions change" in judge(moved)
    assert "decisions change" in judge(moved, truth=None)


def test_labels_lost_beyond_chance_are_refused():
    lost = np.flatnonzero((MODEL > 0.6).ravel() & (TRUTH == 1).ravel())[:18]
    away = MODEL.copy()
    away.ravel()[lost] = 0.01
    assert "micro F1 falls" in judge(away)


def test_probabilities_that_are_no_numbers_never_pass():
    assert "not numbers" in judge(np.full_like(MODEL, np.nan))
