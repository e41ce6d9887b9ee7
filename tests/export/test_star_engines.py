"""When an engine of stars may stay: judged by how many stars off, and not by hits alone."""

import numpy as np
import pytest

from ktrain_sentiment.export.parity import (
    FP32_LIMITS,
    INT8_LIMITS,
    Limits,
    compare_stars,
    star_complaint,
)
from ktrain_sentiment.tasks import Task

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


def test_equal_answers_have_nothing_to_complain_about():
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
    for star, refused in ((4, ""), (3, "5 of 120 stars change (at most 1.0% allowed), neighbours")):
        parity = compare_stars(before, sure_of(*[star] * 5, *[5] * 115, share=0.26), None, STARS)
        assert (parity.changed, parity.far) == (5, 0 if star == 4 else 5)
        found = star_complaint(parity, INT8_LIMITS)
        assert found.startswith(refused)
        assert bool(found) is bool(refused)


def test_numbers_that_are_none_never_pass():
    parity = compare_stars(sure_of(5), np.full((1, 5), np.nan), None, STARS)
    assert "not numbers" in star_complaint(parity, INT8_LIMITS)
    assert star_complaint(parity, FP32_LIMITS)
