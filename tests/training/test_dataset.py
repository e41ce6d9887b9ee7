"""Batches hold every row once, waste little on padding, and depend on seed and epoch alone."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrain_sentiment.training import dataset
from ktrain_sentiment.training.backend import Backend

LENGTHS = st.lists(st.integers(2, 64), min_size=1, max_size=300).map(
    lambda values: np.array(values, np.int64)
)


@given(LENGTHS, st.integers(1, 40), st.integers(0, 5))
def test_every_row_is_in_exactly_one_batch(lengths: np.ndarray, size: int, seed: int) -> None:
    made = list(dataset.training_batches(lengths, size, dataset.epoch_generator(seed, 0)))
    assert sorted(np.concatenate(made).tolist()) == list(range(len(lengths)))
    assert all(len(batch) <= size for batch in made)
    assert len(made) == dataset.steps_per_epoch(len(lengths), size)


@given(LENGTHS, st.integers(1, 40), st.integers(0, 5))
def test_stratified_batches_hold_every_row_once_too(
    lengths: np.ndarray, size: int, seed: int
) -> None:
    classes = (np.arange(len(lengths)) % 3 == 0).astype(np.int64)
    made = dataset.stratified_batches(lengths, classes, size, dataset.epoch_generator(seed, 0))
    assert sorted(np.concatenate(made).tolist()) == list(range(len(lengths)))
    assert len(made) == dataset.steps_per_epoch(len(lengths), size)


def test_the_same_seed_and_epoch_give_the_same_batches() -> None:
    lengths = np.random.default_rng(0).integers(3, 60, 500)
    first, again, other = (
        list(dataset.training_batches(lengths, 16, dataset.epoch_generator(7, epoch)))
        for epoch in (2, 2, 3)
    )
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert any(not np.array_equal(a, b) for a, b in zip(first, other, strict=True))


@given(LENGTHS, st.integers(1, 8), st.integers(0, 5))
def test_blocks_of_many_rows_hold_every_row_once_too(
    lengths: np.ndarray, size: int, seed: int
) -> None:
    generator = dataset.epoch_generator(seed, 0)
    made = list(dataset.training_batches(lengths, size, generator, group=2, block=40))
    assert sorted(np.concatenate(made).tolist()) == list(range(len(lengths)))
    assert len(made) == dataset.steps_per_epoch(len(lengths), size)


def test_rows_of_many_blocks_stand_anywhere_whatever_order_they_came_in() -> None:
    orders = [
        np.concatenate(list(dataset.shuffled(50_000, 1000, dataset.epoch_generator(0, epoch))))
        for epoch in range(2)
    ]
    for order in orders:
        assert abs(np.corrcoef(order, np.arange(50_000))[0, 1]) < 0.02
        # Of sorted labels each block has its share, no more unequal than chance has it.
        shares = (order < 25_000).reshape(-1, 1000).mean(axis=1)
        assert 0.008 < shares.std() < 0.025
        assert np.mean(np.abs(np.diff(order)) == 1) < 0.001, "neighbours are parted"
    assert np.mean(orders[0] == orders[1]) < 0.001, "another epoch, another order"


class Lengths:
    """Rows of which the length alone is known."""

    targets = np.zeros((300, 2), np.float32)
    lengths = np.random.default_rng(0).integers(3, 60, 300)

    def batch(self, rows: np.ndarray) -> list[int]:
        return [int(row) for row in rows]


def test_a_stream_goes_on_in_the_middle_of_an_epoch_of_many_blocks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dataset, "BLOCK", 100)
    machine = Backend(None, None, None, None, "CPU", "float32")
    rows = dataset.ResumableDataset(machine, Lengths(), batch_size=2, seed=5)
    whole = list(itertools.islice(rows._training_stream(), 300))
    assert sorted(itertools.chain.from_iterable(whole[:150])) == list(range(300))
    assert whole[:150] != whole[150:], "another epoch, another order"
    rows.start_at(0, 77)
    assert list(itertools.islice(rows._training_stream(), 100)) == whole[77:177]
    rows.start_at(1, 149)
    assert next(rows._training_stream()) == whole[299]


def padding_share(made: list[np.ndarray], lengths: np.ndarray) -> float:
    """Share of the tokens in these batches that are padding."""
    total = sum(dataset.padded_width(int(lengths[b].max()), 64) * len(b) for b in made)
    return 1 - lengths.sum() / total


def test_grouping_by_length_saves_most_of_the_padding() -> None:
    lengths = np.random.default_rng(0).integers(4, 64, 4000)
    generator = dataset.epoch_generator(0, 0)
    grouped = list(dataset.training_batches(lengths, 32, generator))
    mixed = list(dataset.training_batches(lengths, 32, generator, group=1))
    assert padding_share(grouped, lengths) < 0.15
    assert padding_share(mixed, lengths) > 0.4


def test_long_and_short_batches_are_mixed_in_time() -> None:
    lengths = np.arange(3200)
    made = list(dataset.training_batches(lengths, 32, dataset.epoch_generator(0, 0)))
    means = np.array([lengths[batch].mean() for batch in made])
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.4


def test_stratified_batches_have_the_classes_in_proportion() -> None:
    generator = np.random.default_rng(0)
    classes = (generator.random(2000) < 0.1).astype(np.int64)
    lengths = generator.integers(4, 64, 2000)
    made = dataset.stratified_batches(lengths, classes, 40, dataset.epoch_generator(0, 0))
    rare = np.array([classes[batch].sum() for batch in made])
    assert rare.min() >= 2
    assert rare.max() <= 7


def test_evaluation_results_come_back_in_stored_order() -> None:
    lengths = np.random.default_rng(0).integers(3, 60, 100)
    order = dataset.evaluation_order(lengths)
    assert (np.diff(lengths[order]) >= 0).all()
    np.testing.assert_array_equal(order[dataset.inverse(order)], np.arange(100))


@pytest.mark.parametrize(
    ("longest", "maxlen", "coarse", "fine"),
    [
        (1, 64, 8, 2), (8, 64, 8, 8), (9, 64, 16, 10), (63, 60, 63, 63), (57, 60, 60, 60),
        (33, 64, 40, 36), (130, 256, 144, 144), (300, 512, 320, 320),
    ],
)  # fmt: skip
def test_widths_are_multiples_of_what_is_asked_or_of_a_sixteenth_of_long_ones(
    longest: int, maxlen: int, coarse: int, fine: int
) -> None:
    assert dataset.padded_width(longest, maxlen, dataset.COARSE_MULTIPLE) == coarse
    assert dataset.padded_width(longest, maxlen, dataset.FINE_MULTIPLE) == fine


@pytest.mark.parametrize(
    ("device", "precision", "width", "steps", "multiple"),
    [
        ("CPU", "float32", 384, 10, 2),
        ("CPU", "bfloat16", 384, 10, 8),
        ("CPU", "bfloat16", 384, 1000, 2),
        ("CPU", "bfloat16", 16, 1000, 8),
        ("GPU", "bfloat16", 384, 1000, 32),
    ],
)
def test_batches_are_padded_more_where_a_width_has_its_price(
    device: str, precision: str, width: int, steps: int, multiple: int
) -> None:
    machine = Backend(None, None, None, None, device, precision)
    model = SimpleNamespace(num_hidden_layers=6, hidden_size=width)
    assert dataset.padding_multiple(machine, model, steps) == multiple
