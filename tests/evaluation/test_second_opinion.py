from __future__ import annotations

import numpy as np
import pytest

from ktrain_sentiment.evaluation.calibration import row_log_loss
from ktrain_sentiment.evaluation.label_noise import find_label_errors
from ktrain_sentiment.evaluation.second_opinion import pooled


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
