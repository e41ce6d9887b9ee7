"""Exact tests on counts, against counts by hand."""

import pytest

from ktrain_sentiment.evaluation.exact import binomial_more


def test_a_fair_coin_gives_what_can_be_counted_by_hand() -> None:
    assert binomial_more(3, 3, 0.5) == pytest.approx(1 / 8)
    assert binomial_more(2, 3, 0.5) == pytest.approx(4 / 8)


def test_nothing_is_always_reached() -> None:
    assert binomial_more(0, 50, 0.01) == pytest.approx(1.0)
    assert binomial_more(0, 0, 0.5) == pytest.approx(1.0)


def test_more_hits_are_less_probable() -> None:
    tails = [binomial_more(hits, 691, 0.01) for hits in (7, 8, 12, 13, 20)]
    assert tails == sorted(tails, reverse=True)
    assert tails[2] > 0.03
    assert tails[-1] < 1e-4
