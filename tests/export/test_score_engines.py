"""Engines of scores are kept by how far scores move, and by whether the error grows."""

import numpy as np
import pytest

from ktrain_sentiment.export.parity import FP32_LIMITS, INT8_LIMITS, compare_scores, score_complaint

RNG = np.random.default_rng(0)
TRUTH = 10 * RNG.normal(size=1000)
MODEL = (TRUTH + 5 * RNG.normal(size=1000))[:, None]


def judge(scores, limits=INT8_LIMITS, truth=TRUTH):
    return score_complaint(compare_scores(MODEL, scores, truth), limits)


def test_the_same_arithmetic_in_another_order_is_kept():
    assert judge(MODEL * (1 + 1e-7), FP32_LIMITS) == ""


def test_an_exact_engine_that_differs_by_a_thousandth_of_the_spread_is_not():
    assert "scores move by 0.01" in judge(MODEL + 0.01, FP32_LIMITS)


def test_eight_bits_may_move_scores_by_a_thirtieth_of_their_spread():
    assert judge(MODEL + 0.3 * RNG.normal(size=MODEL.shape)) == ""


@pytest.mark.parametrize("truth", [TRUTH, None])
def test_an_engine_that_moves_scores_by_a_fifth_of_their_spread_is_refused(truth):
    assert "of their spread" in judge(MODEL + 2 * RNG.normal(size=MODEL.shape), truth=truth)


def test_an_engine_whose_error_grows_beyond_chance_is_refused():
    away = MODEL + 0.15 * (MODEL - TRUTH[:, None])
    assert "the error grows by 15" in judge(away)


def test_an_engine_that_is_nearer_to_the_truth_is_kept():
    assert judge(MODEL - 0.15 * (MODEL - TRUTH[:, None])) == ""


def test_scores_that_are_no_numbers_never_pass():
    assert "not numbers" in judge(np.full_like(MODEL, np.nan))
    assert "not numbers" in judge(np.full_like(MODEL, np.inf), truth=None)
