"""The arithmetic of splitting."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ktrain_sentiment.data.allocation import allot, by_time, folds, grouped, iterative, stratified


@given(
    sizes=st.lists(st.integers(1, 500), min_size=1, max_size=8),
    wanted=st.lists(st.integers(0, 60), min_size=1, max_size=2),
)
def test_allotted_numbers_never_exceed_what_there_is(sizes, wanted):
    counts = allot(np.array(sizes), wanted)
    assert (counts >= 0).all()
    assert (counts.sum(axis=0) < np.array(sizes) + (np.array(sizes) == 0)).all()


@given(sizes=st.lists(st.integers(20, 500), min_size=2, max_size=6), seed=st.integers(0, 9))
def test_allotted_numbers_meet_the_total_and_the_proportions(sizes, seed):
    total = sum(sizes)
    wanted = [total // 10, total // 5]
    counts = allot(np.array(sizes), wanted)
    assert counts.sum(axis=1).tolist() == wanted
    for own, size in zip(counts.T, sizes, strict=True):
        for part, rows in zip(own, wanted, strict=True):
            assert abs(part - rows * size / total) <= len(sizes)


def test_a_small_class_is_left_out_of_no_part():
    counts = allot(np.array([1000, 3]), [100, 100])
    assert counts[:, 1].tolist() == [1, 1]
    assert counts.sum(axis=1).tolist() == [100, 100]


@settings(deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 40)), min_size=30, max_size=200),
    seed=st.integers(0, 3),
)
def test_rows_of_one_unit_stay_together(rows, seed):
    codes, units = (np.array(column) for column in zip(*rows, strict=True))
    for parts in (
        stratified(codes, units, [3, 3], seed),
        grouped(codes, units, [0.1, 0.1], seed),
        folds(codes, units, 4, seed),
    ):
        assert len({(u, p) for u, p in zip(units, parts, strict=True)}) == len(set(units))


def test_the_same_seed_gives_the_same_split_and_another_another():
    codes, units = np.arange(300) % 3, np.arange(300)
    first = stratified(codes, units, [30, 30], 1)
    assert (first == stratified(codes, units, [30, 30], 1)).all()
    assert (first != stratified(codes, units, [30, 30], 2)).any()
    assert np.bincount(first).tolist() == [240, 30, 30]


def test_groups_come_near_the_shares_class_by_class():
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 400, 10_000)
    codes = rng.choice(3, 10_000, p=[0.7, 0.2, 0.1])
    parts = grouped(codes, groups, [0.1, 0.2], 0)
    for code in range(3):
        shares = np.bincount(parts[codes == code], minlength=3) / (codes == code).sum()
        assert shares == pytest.approx([0.7, 0.1, 0.2], abs=0.02)


def test_the_latest_rows_are_the_last_part_and_equal_moments_stay_together():
    moments = np.array([5, 1, 2, 3, 3, 4, 0, 6, 7, 8])
    parts = by_time(moments, [2, 2])
    assert parts[moments.argsort()].tolist() == [0, 0, 0, 0, 0, 0, 1, 1, 2, 2]
    tied = by_time(np.array([1, 2, 2, 2, 3]), [1, 1])
    assert tied.tolist() == [0, 1, 1, 1, 2]


def test_folds_differ_by_one_row_and_hold_each_class():
    codes = np.array([0] * 53 + [1] * 22)
    own = folds(codes, np.arange(75), 5, 0)
    assert sorted(np.bincount(own)) == [15, 15, 15, 15, 15]
    for fold in range(5):
        assert np.bincount(codes[own == fold]).tolist() in ([10, 5], [11, 4], [10, 5])


def test_rows_of_several_labels_are_divided_label_by_label():
    rng = np.random.default_rng(0)
    labels = (rng.random((600, 4)) < (0.5, 0.2, 0.05, 0.02)).astype(np.int64)
    units = np.repeat(np.arange(300), 2)
    labels = labels[units * 2]
    parts = iterative(labels, units, [90, 120], 3)
    assert (parts[::2] == parts[1::2]).all()
    assert abs((parts == 1).sum() - 90) <= 6
    assert abs((parts == 2).sum() - 120) <= 6
    for part, share in ((1, 0.15), (2, 0.2)):
        wanted = share * labels.sum(axis=0)
        assert (
            np.abs(labels[parts == part].sum(axis=0) - wanted) <= np.maximum(2, 0.06 * wanted)
        ).all()
    assert (parts == iterative(labels, units, [90, 120], 3)).all()
