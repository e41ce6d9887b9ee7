from __future__ import annotations

import time
import tracemalloc

import numpy as np
import pytest

from ktrain_sentiment.evaluation import compute_metrics, confusion, intervals
from ktrain_sentiment.evaluation.intervals import (
    binomial_more,
    bootstrap_cells,
    bootstrap_confusion,
    bootstrap_f1,
    bootstrap_mean,
    bootstrap_share,
    mcnemar,
    paired_difference,
)

# 400 simulated data sets: the standard error of a coverage near 95 % is 1.1 points.
SIMULATIONS = 400
AROUND_95 = pytest.approx(0.95, abs=0.035)


@pytest.mark.parametrize(
    ("figure", "classes", "right", "rows"),
    [
        (confusion.accuracy, 2, 0.9, 200),
        (confusion.balanced_accuracy, 2, 0.85, 120),
        (confusion.macro_f1, 3, 0.8, 200),
        (confusion.matthews, 2, 0.9, 200),
        (confusion.weighted_f1, 4, 0.7, 300),
    ],
)
def test_intervals_of_confusion_figures_cover_the_truth_19_times_in_20(
    figure, classes, right, rows
):
    shares = np.full((classes, classes), (1 - right) / (classes - 1))
    np.fill_diagonal(shares, right)
    shares = shares * (np.arange(classes, 0, -1) / np.arange(classes, 0, -1).sum())[:, None]
    truth = float(figure(shares))
    rng = np.random.default_rng(7)
    covered = 0
    for seed in range(SIMULATIONS):
        counts = rng.multinomial(rows, shares.ravel()).reshape(classes, classes)
        found = bootstrap_confusion(counts, figure, seed=seed, resamples=1000)
        covered += found.low <= truth <= found.high
    assert covered / SIMULATIONS == AROUND_95


def test_intervals_of_a_skewed_loss_cover_the_truth_19_times_in_20():
    rng = np.random.default_rng(3)
    covered = 0
    for seed in range(SIMULATIONS):
        found = bootstrap_mean(rng.exponential(size=150), seed=seed, resamples=1000)
        covered += found.low <= 1.0 <= found.high
    assert covered / SIMULATIONS == AROUND_95


def test_losses_of_few_rows_without_a_mistake_leave_room_for_one():
    losses = np.full(56, 0.02)
    assert bootstrap_mean(losses).high == pytest.approx(0.02)
    # Clopper and Pearson: none of 56 is still compatible with 6.4 %.
    assert bootstrap_mean(losses, unseen=2.0).high == pytest.approx(0.02 + 0.0638 * 1.98, abs=1e-3)
    assert bootstrap_mean(losses, unseen=2.0).low == pytest.approx(0.02)


def test_losses_of_a_good_classifier_on_few_rows_are_not_too_sure_of_themselves():
    rng = np.random.default_rng(0)

    def draw(rows):
        truth = rng.integers(2, size=rows)
        logits = 4.5 * (rng.normal(size=rows) + 2.0) * (2 * truth - 1)
        second = 1 / (1 + np.exp(-np.clip(logits, -30, 30)))
        return compute_metrics(truth, np.stack([1 - second, second], axis=1), ("a", "b"))

    known = draw(200_000)
    drawn = [draw(56) for _ in range(SIMULATIONS // 2)]
    assert 0.15 < np.mean([one.accuracy.value == 1 for one in drawn]) < 0.4
    for name in ("log_loss", "brier"):
        wanted, found = known.headline[name].value, [one.headline[name] for one in drawn]
        assert np.mean([one.low <= wanted <= one.high for one in found]) > 0.93, name


@pytest.mark.parametrize("rows", [1001, 1506, 1999, 2001, 5000])
def test_putting_rows_into_blocks_changes_no_interval_noticeably(rows, monkeypatch):
    losses = np.random.default_rng(0).exponential(size=rows) ** 2
    blocked = bootstrap_mean(losses)
    monkeypatch.setattr(intervals, "MOST_BLOCKS", rows)
    plain = bootstrap_mean(losses)
    width = plain.high - plain.low
    assert blocked.value == pytest.approx(losses.mean())
    assert [blocked.low, blocked.high] == pytest.approx([plain.low, plain.high], abs=0.1 * width)


def test_a_share_agrees_with_resampling_rows_one_by_one():
    rng = np.random.default_rng(0)
    rows = np.r_[np.ones(170), np.zeros(30)]
    plain = np.quantile(rows[rng.integers(200, size=(4000, 200))].mean(axis=1), [0.025, 0.975])
    found = bootstrap_share(170, 200)
    assert [found.low, found.high] == pytest.approx(plain, abs=0.012)


@pytest.mark.parametrize(("hits", "value"), [(30, 1.0), (0, 0.0)])
def test_without_a_single_mistake_the_interval_still_has_width(hits, value):
    found = bootstrap_share(hits, 30)
    assert found.value == value
    # Clopper and Pearson: thirty of thirty is still compatible with 88.4 %.
    assert max(found.high - value, value - found.low) == pytest.approx(1 - 0.025 ** (1 / 30))


def test_a_perfect_classifier_is_not_taken_to_be_perfect_for_sure():
    table = np.eye(3)[[0, 1, 2] * 10]
    found = compute_metrics([0, 1, 2] * 10, table, ("a", "b", "c"))
    for name in ("accuracy", "macro_f1", "mcc"):
        assert found.headline[name].value == pytest.approx(1.0)
        assert 0.7 < found.headline[name].low < 0.95


def test_a_class_never_found_among_six_rows_may_still_be_one_that_is_sometimes_found():
    counts = np.array([[0, 6], [0, 90]])
    found = bootstrap_f1(counts, 0)
    assert (found.value, found.low) == (0.0, 0.0)
    assert 0.5 < found.high < 0.7
    assert bootstrap_f1(counts[::-1, ::-1], 1).high == pytest.approx(found.high)


def test_a_class_always_found_among_six_rows_may_still_be_missed():
    found = bootstrap_f1(np.array([[6, 0], [0, 90]]), 0)
    assert (found.value, found.high) == (1.0, 1.0)
    assert 0.6 < found.low < 0.8


def test_the_interval_of_an_f1_is_that_of_resampling_the_whole_matrix():
    counts = np.array([[40, 5, 3], [8, 30, 1], [4, 4, 20]])
    whole = bootstrap_cells(counts, lambda stack: confusion.class_f1(stack)[..., 1])
    found = bootstrap_f1(counts, 1)
    assert found.value == pytest.approx(whole.value)
    assert (found.low, found.high) == pytest.approx((whole.low, whole.high), abs=0.02)


def test_the_same_seed_gives_the_same_interval_and_the_value_lies_inside():
    counts = np.array([[40, 5], [8, 30]])
    once = bootstrap_cells(counts, confusion.macro_f1, seed=5)
    assert once == bootstrap_cells(counts, confusion.macro_f1, seed=5)
    assert once != bootstrap_cells(counts, confusion.macro_f1, seed=6)
    assert once.low < once.value < once.high


def test_all_intervals_of_a_large_test_set_take_a_moment_only():
    rng = np.random.default_rng(0)
    table = rng.dirichlet([1, 1, 1], size=25_000)
    truth = rng.integers(3, size=25_000)
    start = time.process_time()
    compute_metrics(truth, table, ("a", "b", "c"))
    assert time.process_time() - start < 4


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


def test_a_class_of_three_rows_all_found_has_no_interval_down_to_nothing():
    found = bootstrap_f1(np.array([[3, 0], [0, 53]]), 0)
    assert (found.value, found.high) == (1.0, 1.0)
    # Three of three are still compatible with 29 % (Clopper and Pearson), which is an F1 of 0.45.
    assert 0.4 < found.low < 0.5


@pytest.mark.parametrize("figure", [confusion.balanced_accuracy, confusion.macro_f1])
def test_classes_that_are_all_right_or_all_wrong_do_not_leave_an_interval_without_width(figure):
    found = bootstrap_confusion([[30, 0, 0], [0, 20, 0], [3, 3, 0]], figure)
    assert found.high - found.low > 0.1
    assert found.low < found.value < found.high


def test_a_model_that_always_says_the_same_may_be_a_little_better_than_chance():
    found = bootstrap_confusion([[40, 0], [16, 0]], confusion.matthews)
    assert found.value == 0.0
    assert found.low < 0 < found.high
    assert found.high < 0.5


@pytest.mark.parametrize("rows", [56, 400])
def test_the_interval_of_a_paired_difference_holds_0_exactly_when_the_test_shows_none(rows):
    for first in range(28):
        for second in range(28):
            found = paired_difference(first, second, rows)
            unclear = mcnemar(first, second) >= 0.05
            assert (found.low <= 0 <= found.high) == unclear, (first, second)
            assert found.low <= found.value <= found.high


def test_the_interval_of_a_paired_difference_covers_the_truth_19_times_in_20():
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(SIMULATIONS):
        first, second, _ = rng.multinomial(200, [0.1, 0.16, 0.74])
        found = paired_difference(first, second, 200)
        covered += found.low <= 0.06 <= found.high
    assert covered / SIMULATIONS == AROUND_95


def test_two_models_that_are_right_on_the_same_rows_may_differ_on_others():
    found = paired_difference(0, 0, 56)
    assert found.value == 0.0
    assert found.high == pytest.approx(-found.low)
    assert 0.03 < found.high < 0.1


def test_the_interval_of_two_hundred_classes_takes_little_memory():
    counts = np.eye(200) + np.eye(200, k=1)
    tracemalloc.start()
    bootstrap_confusion(counts, confusion.macro_f1)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 200e6


def test_an_interval_is_the_same_however_many_resamples_are_looked_at_together(monkeypatch):
    counts = np.array([[30, 4, 0], [3, 20, 1], [0, 2, 9]])
    whole = bootstrap_confusion(counts, confusion.macro_f1)
    monkeypatch.setattr(intervals, "_MOST_CELLS", 100)
    assert bootstrap_confusion(counts, confusion.macro_f1) == whole
