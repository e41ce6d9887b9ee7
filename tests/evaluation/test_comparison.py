from __future__ import annotations

import numpy as np
import pytest

from ktrain_sentiment.evaluation import confusion
from ktrain_sentiment.evaluation.comparison import compare
from ktrain_sentiment.evaluation.intervals import fisher_less, holm, mcnemar
from ktrain_sentiment.prediction import softmax
from ktrain_sentiment.tasks import Task

stats = pytest.importorskip("scipy.stats", reason="SciPy is not installed")


def table_that_is_right(rows, right):
    """Two classes, the truth being 0: sure of 0 where `right`, of 1 elsewhere."""
    return np.where(np.isin(np.arange(rows), right)[:, None], [0.9, 0.1], [0.1, 0.9])


@pytest.mark.parametrize(("first", "second"), [(41, 16), (3, 3), (0, 9), (700, 655)])
def test_mcnemar_agrees_with_scipys_exact_binomial_test(first, second):
    wanted = stats.binomtest(first, first + second, 0.5).pvalue
    assert mcnemar(first, second) == pytest.approx(wanted)


def test_mcnemar_of_no_disagreement_is_one():
    assert mcnemar(0, 0) == 1.0


@pytest.mark.parametrize("case", [(3, 10, 80, 100), (9, 10, 80, 100), (20, 40, 300, 400)])
def test_fishers_test_agrees_with_scipys(case):
    hits, rows, all_hits, all_rows = case
    table = [[hits, rows - hits], [all_hits - hits, all_rows - rows - all_hits + hits]]
    wanted = stats.fisher_exact(table, alternative="less").pvalue
    assert fisher_less(*case) == pytest.approx(wanted)


def test_holms_correction_is_monotone_and_keeps_the_order():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []


def test_a_clear_difference_is_said_in_a_plain_sentence():
    truth = np.zeros(240, dtype=int)
    a = table_that_is_right(240, range(160))
    b = table_that_is_right(240, [*range(144), *range(160, 201)])
    found = compare(truth, a, b, ("x", "y"), ("old", "new"))
    assert (found.only_a_right, found.only_b_right, found.better) == (16, 41, "new")
    assert "new is better: right in 41 of the 57 rows" in found.sentence
    assert "p = 0.001" in found.sentence
    assert found.accuracy_difference.low > 0


def test_one_row_is_not_called_rows():
    found = compare([0], table_that_is_right(1, [0]), table_that_is_right(1, []), ("x", "y"))
    assert "with 1 row: " in found.sentence


def test_the_better_one_is_named_also_when_it_is_the_first():
    found = compare(
        np.zeros(100, dtype=int),
        table_that_is_right(100, range(90)),
        table_that_is_right(100, range(60)),
        ("x", "y"),
    )
    assert found.better == "A"
    assert found.accuracy_difference.value == pytest.approx(-0.3)


def test_a_difference_that_chance_explains_is_not_claimed():
    truth = np.zeros(240, dtype=int)
    a = table_that_is_right(240, range(200))
    b = table_that_is_right(240, range(2, 204))
    found = compare(truth, a, b, ("x", "y"))
    assert found.better is None
    assert found.sentence.startswith("No difference can be shown with 240 rows")
    assert found.accuracy_difference.low < 0 < found.accuracy_difference.high


def test_the_nearer_one_is_called_so_where_chance_explains_it():
    truth = np.zeros(240, dtype=int)
    a = table_that_is_right(240, range(200))
    b = table_that_is_right(240, range(2, 204))
    stars = Task.of("stars", ("1", "2"))
    found = compare(truth, a, b, ("1", "2"), task=stars)
    assert found.sentence.startswith(
        "No difference can be shown with 240 rows: B is 0.01 stars nearer than A on average (-"
    )


def test_two_equal_classifiers_differ_in_nothing():
    same = table_that_is_right(50, range(40))
    found = compare(np.zeros(50, dtype=int), same, same, ("x", "y"))
    assert (found.accuracy_difference.low, found.accuracy_difference.high) == (0.0, 0.0)
    assert "the same rows right" in found.sentence


def test_two_models_that_are_right_on_the_same_few_rows_may_differ_in_f1_on_others():
    truth = np.array([0, 1] * 28)
    first, second = np.eye(2)[truth] * 0.8 + 0.1, np.eye(2)[truth] * 0.6 + 0.2
    found = compare(truth, first, second, ("a", "b")).macro_f1_difference
    assert found.value == 0.0
    assert 0.03 < found.high < 0.1
    assert found.low == pytest.approx(-found.high)


def test_few_rows_of_a_rare_class_do_not_make_a_difference_in_macro_f1_too_sure():
    rng = np.random.default_rng(1)

    def draw(rows):
        truth = rng.choice(3, size=rows, p=(0.45, 0.1, 0.45))
        common = rng.normal(size=(rows, 3))
        tables = []
        for separation in (1.6, 1.8):
            own = 0.8**0.5 * common + 0.2**0.5 * rng.normal(size=(rows, 3))
            tables.append(softmax(own + separation * np.eye(3)[truth]))
        return truth, *tables

    truth, first, second = draw(500_000)
    matrices = [confusion.confusion_matrix(truth, one.argmax(1), 3) for one in (first, second)]
    before, after = confusion.macro_f1(np.stack(matrices))
    held = []
    for _ in range(300):
        found = compare(*draw(56), ("a", "b", "c")).macro_f1_difference
        held.append(found.low <= after - before <= found.high)
    # 90.3 % when each class counted as known as well as 56 rows of it would tell.
    assert np.mean(held) > 0.92


def test_two_models_without_a_mistake_on_few_rows_may_differ_in_log_loss_on_others():
    truth = np.array([0, 1] * 28)
    first, second = np.eye(2)[truth] * 0.9 + 0.05, np.eye(2)[truth] * 0.8 + 0.1
    found = compare(truth, first, second, ("a", "b")).log_loss_difference
    assert found.low < -0.1
    assert found.high > 0.2


def test_the_paired_interval_is_narrower_than_the_unpaired_one_would_be():
    truth = np.zeros(400, dtype=int)
    a = table_that_is_right(400, range(300))
    b = table_that_is_right(400, range(310))
    found = compare(truth, a, b, ("x", "y")).accuracy_difference
    unpaired = 2 * 1.96 * np.sqrt(2 * 0.75 * 0.25 / 400)
    assert found.high - found.low < unpaired / 2


def test_the_verdict_and_its_interval_never_contradict_each_other():
    truth = np.zeros(56, dtype=int)
    a, b = table_that_is_right(56, range(50)), table_that_is_right(56, range(46))
    found = compare(truth, a, b, ("x", "y"))
    assert found.p_value == pytest.approx(0.125)
    assert found.accuracy_difference.low < 0 < found.accuracy_difference.high
