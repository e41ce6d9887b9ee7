"""When an engine may stay, by how its answers compare with the trained model's."""

import numpy as np
import pytest

from ktrain_sentiment.export.parity import (
    FP32_LIMITS,
    INT8_LIMITS,
    Limits,
    compare,
    compare_scores,
    compare_sets,
    compare_stars,
    complaint,
    score_complaint,
    set_complaint,
    star_complaint,
)
from ktrain_sentiment.tasks import Task


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
    assert "accuracy falls by 0.90 %" in complaint(parity, INT8_LIMITS)
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


# Stars: by how many stars off, and not by hits alone

STARS = Task.of("stars", ["5", "1", "2", "3", "4"])
"""Out of order, as labels may be."""


def sure_of(*stars: int, share: float = 0.6) -> np.ndarray:
    """Rows whose likeliest star is the given one, the rest spread over the others."""
    table = np.full((len(stars), 5), (1 - share) / 4)
    for row, star in enumerate(stars):
        table[row, STARS.stars.index(star)] = share
    return table


def classes(*stars: int) -> np.ndarray:
    return np.array([STARS.stars.index(star) for star in stars])


def test_equal_stars_have_nothing_to_complain_about():
    parity = compare_stars(sure_of(1, 5, 4), sure_of(1, 5, 4), classes(1, 4, 5), STARS)
    assert (parity.changed, parity.moved, parity.farther, parity.nearer) == (0, 0, 0, 0)
    assert parity.mae == parity.reference_mae == pytest.approx(2 / 3)
    assert star_complaint(parity, FP32_LIMITS) == ""


def test_stars_that_move_are_counted_by_how_far():
    parity = compare_stars(sure_of(5, 3), sure_of(1, 4), classes(5, 4), STARS)
    assert (parity.changed, parity.farther, parity.nearer) == (2, 1, 1)
    assert (parity.mae, parity.reference_mae) == (2.0, 0.5)
    assert parity.moved == pytest.approx(np.sqrt((2.0**2 + 0.5**2) / 2))


def test_expected_stars_that_move_are_refused_though_no_label_changes():
    reference, probabilities = sure_of(*[4] * 200, share=0.9), sure_of(*[4] * 200, share=0.4)
    said = star_complaint(compare_stars(reference, probabilities, None, STARS), INT8_LIMITS)
    assert said.startswith("expected stars move by 0.6")
    assert "at most 0.14 allowed" in said


def test_a_few_mistakes_by_four_stars_cost_what_they_cost():
    targets, right = classes(*[5] * 1000), sure_of(*[5] * 1000, share=0.26)
    far, near = (sure_of(*[star] * 6, *[5] * 994, share=0.26) for star in (1, 4))
    for said, limits, refused in (
        (right, INT8_LIMITS, ""),
        (near, INT8_LIMITS, "the mean error grows by 0.006 stars (at most 0.005 allowed)"),
        (near, Limits(stars_lost=0.02), ""),
        (far, Limits(stars_lost=0.02), "the mean error grows by 0.024 stars"),
    ):
        found = star_complaint(compare_stars(right, said, targets, STARS), limits)
        assert found.startswith(refused)
        assert bool(found) is bool(refused)


def test_stars_that_become_neighbours_are_no_other_answers_and_others_are():
    before = sure_of(*[5] * 120, share=0.26)
    for star, refused in (
        (4, ""),
        (3, "5 of 120 stars change (at most 1.0 % allowed), neighbours"),
    ):
        parity = compare_stars(before, sure_of(*[star] * 5, *[5] * 115, share=0.26), None, STARS)
        assert (parity.changed, parity.far) == (5, 0 if star == 4 else 5)
        found = star_complaint(parity, INT8_LIMITS)
        assert found.startswith(refused)
        assert bool(found) is bool(refused)


def test_stars_that_are_no_numbers_never_pass():
    parity = compare_stars(sure_of(5), np.full((1, 5), np.nan), None, STARS)
    assert "not numbers" in star_complaint(parity, INT8_LIMITS)
    assert star_complaint(parity, FP32_LIMITS)


# Scores: by how far they move, and by whether the error grows

RNG = np.random.default_rng(0)
TRUE_SCORES = 10 * RNG.normal(size=1000)
SCORES = (TRUE_SCORES + 5 * RNG.normal(size=1000))[:, None]


def judge_scores(scores, limits=INT8_LIMITS, truth=TRUE_SCORES):
    return score_complaint(compare_scores(SCORES, scores, truth), limits)


def test_scores_of_the_same_arithmetic_in_another_order_is_kept():
    assert judge_scores(SCORES * (1 + 1e-7), FP32_LIMITS) == ""


def test_an_exact_engine_that_differs_by_a_thousandth_of_the_spread_is_not():
    assert "scores move by 0.01" in judge_scores(SCORES + 0.01, FP32_LIMITS)


def test_eight_bits_may_move_scores_by_a_thirtieth_of_their_spread():
    assert judge_scores(SCORES + 0.3 * RNG.normal(size=SCORES.shape)) == ""


@pytest.mark.parametrize("truth", [TRUE_SCORES, None])
def test_an_engine_that_moves_scores_by_a_fifth_of_their_spread_is_refused(truth):
    assert "of their spread" in judge_scores(
        SCORES + 2 * RNG.normal(size=SCORES.shape), truth=truth
    )


def test_an_engine_whose_error_grows_beyond_chance_is_refused():
    away = SCORES + 0.15 * (SCORES - TRUE_SCORES[:, None])
    assert "the error grows by 15" in judge_scores(away)


def test_an_engine_that_is_nearer_to_the_truth_is_kept():
    assert judge_scores(SCORES - 0.15 * (SCORES - TRUE_SCORES[:, None])) == ""


def test_scores_that_are_no_numbers_never_pass():
    assert "not numbers" in judge_scores(np.full_like(SCORES, np.nan))
    assert "not numbers" in judge_scores(np.full_like(SCORES, np.inf), truth=None)


# Several labels: by decisions on labels, and by whether micro F1 falls

DRAWN = np.random.default_rng(0)
TRUE_SETS = (DRAWN.random((500, 4)) < 0.3).astype(np.int64)
SETS = np.clip(0.5 * TRUE_SETS + 0.25 + 0.2 * DRAWN.normal(size=TRUE_SETS.shape), 0.001, 0.999)


def judge_sets(said, limits=INT8_LIMITS, truth=TRUE_SETS):
    return set_complaint(compare_sets(SETS, said, truth), limits)


def test_sets_of_the_same_arithmetic_in_another_order_is_kept():
    assert judge_sets(SETS * (1 - 1e-7), FP32_LIMITS) == ""
    assert "a probability differs" in judge_sets(SETS * 0.99, FP32_LIMITS)


def test_eight_bits_may_move_probabilities_as_long_as_decisions_stay():
    assert judge_sets(np.clip(SETS + 0.005 * DRAWN.normal(size=SETS.shape), 0, 1)) == ""


def test_an_engine_that_decides_otherwise_on_many_labels_is_refused():
    moved = np.clip(SETS + 0.1 * DRAWN.normal(size=SETS.shape), 0, 1)
    assert "decisions change" in judge_sets(moved)
    assert "decisions change" in judge_sets(moved, truth=None)


def test_labels_lost_beyond_chance_are_refused():
    lost = np.flatnonzero((SETS > 0.6).ravel() & (TRUE_SETS == 1).ravel())[:18]
    away = SETS.copy()
    away.ravel()[lost] = 0.01
    assert "micro F1 falls" in judge_sets(away)


def test_probabilities_of_sets_that_are_no_numbers_never_pass():
    assert "not numbers" in judge_sets(np.full_like(SETS, np.nan))
