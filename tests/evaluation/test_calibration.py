from __future__ import annotations

import numpy as np
import pytest

from ktrain_sentiment.evaluation import compute_metrics
from ktrain_sentiment.evaluation.calibration import (
    Reliability,
    abstain,
    apply_temperature,
    calibration_interval,
    coverage_curve,
    fit_temperature,
    if_wrong,
    noise_floor,
    reliability,
    row_brier,
    row_log_loss,
)
from ktrain_sentiment.evaluation.metrics import Calibration


def test_the_calibration_error_of_a_known_table_is_what_one_computes_by_hand():
    # Ten rows stated at 0.9 of which six are right, ten at 0.6 of which six are.
    table = np.array([[0.9, 0.1]] * 10 + [[0.6, 0.4]] * 10)
    truth = np.array(([0] * 6 + [1] * 4) * 2)
    bins = reliability(truth, table)
    assert bins.error == pytest.approx((10 * 0.3 + 10 * 0.0) / 20)
    assert bins.count.sum() == 20
    assert bins.right.sum() == 12


def test_a_probability_of_exactly_one_falls_into_the_last_bin():
    assert reliability([0], [[1.0, 0.0]]).count[-1] == 1


def test_a_calibrated_model_stays_below_the_noise_floor_19_times_in_20(draw):
    below = 0
    for seed in range(200):
        one = draw(300, 3, seed=seed)
        bins = reliability(one.y_true, one.probabilities)
        below += bins.error <= noise_floor(bins, seed=seed, draws=400)
    assert below / 200 == pytest.approx(0.95, abs=0.05)


@pytest.mark.parametrize(("rows", "wanted"), [(56, 0.0), (56, 0.1), (1000, 0.0), (1000, 0.1)])
def test_the_interval_of_a_calibration_error_holds_the_true_one(rows, wanted):
    rng = np.random.default_rng(rows)
    held = 0
    for _ in range(60):
        stated = rng.uniform(0.6, 1, size=rows)
        right = rng.random(rows) < stated - wanted
        table = np.stack([stated, 1 - stated], axis=1)
        found = calibration_interval(reliability(np.where(right, 0, 1), table))
        assert found.low <= found.value <= found.high
        held += found.low <= wanted <= found.high
    assert held >= 52


def test_an_interval_does_not_stop_short_of_a_larger_calibration_error():
    stated = np.array([0.50, 0.57, 0.63, 0.70, 0.77, 0.84, 0.90, 0.98])
    right = np.array([0.58, 0.69, 0.80, 0.88, 0.93, 0.97, 0.99, 0.999])
    count, rng, short = np.array([20, 21, 25, 30, 42, 68, 135, 656]), np.random.default_rng(0), 0
    true = float(count @ (right - stated) / count.sum())
    for seed in range(150):
        bins = Reliability(np.linspace(0, 1, 9), count, rng.binomial(count, right), stated)
        short += calibration_interval(bins, seed=seed, draws=200).high < true
    assert short <= 6


def test_a_model_without_a_mistake_may_be_surer_than_it_should():
    table = np.tile([0.99, 0.01], (56, 1))
    found = calibration_interval(reliability(np.zeros(56, np.int64), table))
    assert (found.low, found.value) == (0.0, pytest.approx(0.01))
    assert 0.03 < found.high < 0.08


def test_a_mistake_costs_what_the_model_says_it_would():
    table = np.array([[0.9, 0.1], [0.2, 0.8]])
    wanted = (0.1 * -np.log(0.1) + 0.2 * -np.log(0.2)) / 0.3
    assert if_wrong(table, row_log_loss) == pytest.approx(wanted, abs=1e-5)
    assert if_wrong(np.eye(2), row_brier) == pytest.approx(1.0)


@pytest.mark.parametrize("wanted", [0.5, 1.0, 2.5])
def test_the_temperature_that_spoiled_the_probabilities_is_found_again(draw, wanted):
    one = draw(20_000, 3, seed=4)
    spoiled = apply_temperature(one.probabilities, 1 / wanted)
    assert fit_temperature(one.y_true, spoiled) == pytest.approx(wanted, rel=0.05)


def test_the_temperature_is_the_one_a_fine_search_finds(draw):
    one = draw(5000, 4, seed=9)
    spoiled = apply_temperature(one.probabilities, 0.4)
    grid = np.geomspace(0.5, 10, 2000)
    losses = [row_log_loss(one.y_true, apply_temperature(spoiled, t)).mean() for t in grid]
    found = fit_temperature(one.y_true, spoiled)
    assert found == pytest.approx(grid[int(np.argmin(losses))], rel=0.01)


def test_few_rows_do_not_make_good_probabilities_worse(draw):
    known = draw(4000, 2, seed=1)
    plain = row_log_loss(known.y_true, known.probabilities).mean()
    lost = []
    for seed in range(40):
        few = draw(20, 2, seed=100 + seed)
        found = fit_temperature(few.y_true, few.probabilities)
        tempered = apply_temperature(known.probabilities, found)
        lost.append(row_log_loss(known.y_true, tempered).mean() - plain)
    assert np.mean(lost) < 0.015
    assert max(lost) < 0.1


def test_answers_at_chance_on_twenty_rows_are_not_flattened_to_nothing():
    sure = np.array([[0.7, 0.3], [0.3, 0.7]] * 10)
    assert fit_temperature([0, 0, 1, 1] * 5, sure) < 3


def test_many_rows_of_a_much_too_sure_model_still_have_their_temperature(draw):
    few = draw(60, 2, seed=3)
    assert 2 < fit_temperature(few.y_true, apply_temperature(few.probabilities, 1 / 5)) < 6


def test_one_row_or_none_has_no_temperature():
    assert fit_temperature([0], [[0.2, 0.8]]) == 1
    assert fit_temperature([], np.empty((0, 2))) == 1
    assert fit_temperature([0, 1] * 4, [[0.9, 0.1], [0.1, 0.9]] * 4) == 1


def test_rows_that_are_all_right_do_not_drive_the_temperature_to_nothing():
    table = np.array([[0.9, 0.1], [0.2, 0.8]] * 50)
    assert 0.05 < fit_temperature([0, 1] * 50, table) < 1


def test_a_temperature_changes_no_decision_and_can_be_undone(draw):
    one = draw(300, 4, seed=5)
    cooled = apply_temperature(one.probabilities, 1.7)
    assert (cooled.argmax(axis=1) == one.probabilities.argmax(axis=1)).all()
    assert apply_temperature(cooled, 1 / 1.7) == pytest.approx(one.probabilities)


def test_certainty_survives_a_temperature_without_warnings():
    cooled = apply_temperature([[1.0, 0.0]], 2.0)
    assert np.isfinite(cooled).all()
    assert cooled.sum() == pytest.approx(1.0)


def tempered(rows, probabilities, temperature):
    tables = (probabilities, apply_temperature(probabilities, temperature))
    return Calibration(
        temperature, *(compute_metrics(rows.y_true, table, rows.labels) for table in tables)
    )


def test_the_report_says_whether_a_temperature_helped(draw):
    one = draw(2000, 2, seed=6)
    spoiled = apply_temperature(one.probabilities, 0.4)
    good = tempered(one, spoiled, 2.5)
    bad = tempered(one, one.probabilities, 3.0)
    assert good.helped
    assert "lowered the calibration error" in good.sentence
    assert not bad.helped
    assert "did not lower the calibration error" in bad.sentence


def test_a_temperature_that_was_not_taken_is_not_blamed(draw):
    one = draw(200, 2, seed=8)
    kept = tempered(one, one.probabilities, 1.0)
    assert not kept.harmed
    assert "as the model states them" in kept.sentence
    assert "did not lower" not in kept.sentence


def test_an_error_that_chance_explains_is_called_so(draw):
    one = draw(200, 2, seed=8)
    sentence = tempered(one, one.probabilities, 1.02).sentence
    assert "by chance alone" in sentence


def test_answering_fewer_texts_makes_the_answers_better(draw):
    one = draw(3000, 2, seed=3)
    curve = coverage_curve(one.y_true, one.probabilities)
    assert curve.covered[-1] == 1.0
    accuracy = compute_metrics(one.y_true, one.probabilities, one.labels).accuracy.value
    assert curve.accuracy[-1] == pytest.approx(accuracy)
    assert np.interp(0.3, curve.covered, curve.accuracy) > accuracy + 0.1


def test_a_threshold_is_judged_by_what_it_still_answers():
    table = np.array([[0.9, 0.1], [0.8, 0.2], [0.55, 0.45], [0.4, 0.6]])
    right = table.argmax(axis=1) == [0, 1, 0, 0]
    found = abstain(right, table.max(axis=1), below=0.7)
    assert found.covered.value == 0.5
    assert found.accuracy is not None
    assert found.accuracy.value == 0.5


def test_a_threshold_above_everything_answers_nothing_and_says_no_accuracy():
    found = abstain([True, False], [0.6, 0.5], below=0.99)
    assert found.covered.value == 0.0
    assert found.accuracy is None
