"""Suggestions are read off where they should be, and curves that say nothing are refused."""

from types import SimpleNamespace

import numpy as np
import pytest

from ktrain_sentiment.training import learning_rate as lr

RATES = lr.growing_rates(1e-6, 1e-1, 100)


def typical_curve(noise: float = 0.005, seed: int = 0) -> np.ndarray:
    """Flat at first, falling between 1e-5 and 1e-3, then exploding."""
    exponent = np.log10(RATES)
    fall = 0.4 / (1 + np.exp(-4 * (exponent + 4)))
    rise = np.exp(4 * (exponent + 2.2))
    return 0.7 - fall + rise + np.random.default_rng(seed).normal(0, noise, len(RATES))


def test_rates_grow_by_a_constant_factor_between_their_ends() -> None:
    assert RATES[0] == pytest.approx(1e-6)
    assert RATES[-1] == pytest.approx(1e-1)
    assert np.ptp(np.diff(np.log(RATES))) < 1e-9


def test_batch_losses_undo_the_running_mean_of_each_epoch() -> None:
    losses = np.random.default_rng(0).random(25)
    starts = np.array([0, 10, 20])
    means = np.concatenate(
        [np.cumsum(part) / np.arange(1, len(part) + 1) for part in np.split(losses, starts[1:])]
    )
    np.testing.assert_allclose(lr.batch_losses(means, starts), losses)


def test_smoothing_does_not_shift_a_dip() -> None:
    losses = np.ones(101)
    losses[50] = 0.0
    assert int(np.argmin(lr.smooth(losses))) == 50


def test_smoothing_keeps_a_constant() -> None:
    np.testing.assert_allclose(lr.smooth(np.full(40, 0.7)), 0.7)


def test_the_longest_fall_is_found_between_bumps() -> None:
    losses = np.array([5.0, 6.0, 4.0, 3.0, 3.5, 2.0, 1.0, 4.0, 9.0])
    assert lr.longest_fall(losses) == (0, 6) or losses[lr.longest_fall(losses)[0]] > 4


def test_a_typical_curve_gives_rates_in_its_fall() -> None:
    reading = lr.read_curve(RATES, typical_curve())
    assert reading.problem == ""
    assert {s.rule for s in reading.suggestions} == {"valley", "steepest", "minimum/10", "between"}
    assert all(1e-5 < s.learning_rate < 1e-3 for s in reading.suggestions)


def test_the_steepest_point_is_where_the_loss_falls_fastest() -> None:
    steepest = lr.suggest_steepest(RATES, typical_curve(noise=0))
    assert 5e-5 < steepest.learning_rate < 2e-4


def test_a_tenth_of_the_minimum_is_a_tenth_of_the_minimum() -> None:
    curve = typical_curve(noise=0)
    found = lr.suggest_minimum(RATES, curve)
    assert found.learning_rate == pytest.approx(RATES[np.argmin(curve)] / 10)


def test_the_rate_taken_lies_halfway_between_valley_and_steepest() -> None:
    reading = lr.read_curve(RATES, typical_curve())
    rates = {suggestion.rule: suggestion.learning_rate for suggestion in reading.suggestions}
    assert reading.chosen is not None
    assert reading.chosen.learning_rate**2 == pytest.approx(rates["valley"] * rates["steepest"])


def test_a_short_curve_is_refused_with_what_to_change() -> None:
    reading = lr.read_curve(RATES[:20], typical_curve()[:20])
    assert reading.chosen is None
    assert "--search-steps" in reading.problem


def test_curves_of_pure_noise_are_refused_but_for_one_in_a_hundred() -> None:
    readings = [
        lr.read_curve(RATES, 0.7 + np.random.default_rng(seed).normal(0, 0.05, 100))
        for seed in range(100)
    ]
    assert sum(reading.chosen is not None for reading in readings) <= 4
    assert any("never fell clearly" in reading.problem for reading in readings)


@pytest.mark.parametrize("seed", range(20))
def test_a_noisy_curve_that_does_fall_is_read(seed: int) -> None:
    assert lr.read_curve(RATES, typical_curve(noise=0.05, seed=seed)).chosen is not None


def test_a_curve_that_still_falls_at_its_end_is_refused() -> None:
    reading = lr.read_curve(RATES, np.linspace(1, 0.2, 100))
    assert reading.chosen is None
    assert "--search-end" in reading.problem


def test_what_follows_a_loss_that_is_no_number_is_ignored() -> None:
    curve = typical_curve()
    curve[95:] = np.nan
    with_nan, without = lr.read_curve(RATES, curve), lr.read_curve(RATES[:95], curve[:95])
    assert with_nan.chosen == without.chosen


class KtrainsFinder:
    """As much of ktrain's LRFinder as ends a search: at a rate of 10, and where the loss grows."""

    def __init__(self, model, stop_factor: float) -> None:
        self.model, self.stop_factor = model, stop_factor

    def on_batch_end(self, batch: int, logs: dict[str, float]) -> None:
        if logs["loss"] > self.stop_factor:
            self.model.stop_training = True
            return
        self.model.optimizer.lr *= 2
        self.model.stop_training = self.model.stop_training or self.model.optimizer.lr > 10


@pytest.mark.parametrize(
    ("losses", "last", "why"),
    [([0.5] * 12, 2048.0, lr.ALL_TRIED), ([0.5, 0.5, 9.0], 4.0, "the loss diverged at 4.0e+00")],
)
def test_a_search_goes_on_to_its_own_end_where_ktrains_would_stop_at_10(losses, last, why) -> None:
    model = SimpleNamespace(optimizer=SimpleNamespace(lr=1.0), stop_training=False)
    finder = type("Finder", (lr._Bounded, KtrainsFinder), {})(
        model, lr.SearchBounds(steps=len(losses)), float, None
    )
    for batch, loss in enumerate(losses):
        assert not model.stop_training
        rate = model.optimizer.lr
        finder.on_batch_end(batch, {"loss": loss})
    assert (rate, finder.stopped, model.stop_training) == (last, why, True)
