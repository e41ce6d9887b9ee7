"""Which row goes where: pure arithmetic on arrays, seeded.

A part is a number: 0 is what remains for training, 1 and up are the parts that were asked for.
A unit is a set of rows that must stay together (equal texts, one user's texts).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


def stratified(codes: Integers, units: Integers, wanted: Sequence[int], seed: int) -> Integers:
    """Divide rows so that each part has each class in its proportion.

    Args:
        codes: The class of each row, from 0; shape (rows,).
        units: The unit of each row; a unit counts for the class of its first row.
        wanted: Rows for part 1, 2, ...; met exactly where every unit is one row.
        seed: Of the shuffle.

    Returns:
        The part of each row; every part has at least one row of each class that has enough units.
    """
    _, first, unit_of_row = np.unique(units, return_index=True, return_inverse=True)
    unit_codes = codes[first]
    share = len(first) / len(codes)
    sizes = [round(rows * share) for rows in wanted]
    members = _shuffled_by_class(unit_codes, seed)
    counts = allot(np.array([len(own) for own in members]), sizes)
    parts = np.zeros(len(first), dtype=np.int64)
    for own, own_counts in zip(members, counts.T, strict=True):
        stops = np.cumsum(own_counts)
        for part, (start, stop) in enumerate(zip([0, *stops], stops, strict=False), start=1):
            parts[own[start:stop]] = part
    return parts[unit_of_row]


def iterative(indicators: Integers, units: Integers, wanted: Sequence[int], seed: int) -> Integers:
    """Divide rows of several labels so that each part has each label in its proportion.

    Iterative stratification (Sechidis, Tsoumakas and Vlahavas 2011, "On the Stratification of
    Multi-Label Data"): the label with the fewest rows left is dealt out first, each of its rows
    to the part that lacks that label most.

    Args:
        indicators: Which labels each row has, 0 or 1, shape (rows, labels).
        units: The unit of each row; a unit counts for the labels of its first row.
        wanted: Rows for part 1, 2, ...; met as nearly as labels allow.
        seed: Of the order of rows, and of ties.

    Returns:
        The part of each row.
    """
    _, first, unit_of_row = np.unique(units, return_index=True, return_inverse=True)
    own, count, rng = indicators[first].astype(bool), len(first), np.random.default_rng(seed)
    held_out = np.array([round(rows * count / len(units)) for rows in wanted])
    lacking = np.array([count - held_out.sum(), *held_out], dtype=np.float64)
    lacking_labels = np.outer(lacking / count, own.sum(axis=0))
    parts, order = np.full(count, -1, dtype=np.int64), rng.permutation(count)
    noise = rng.random((count, len(lacking)))

    def give(unit: int, most_wanted: NDArray[np.float64]) -> None:
        part = int(np.lexsort((noise[unit], lacking, most_wanted))[-1])
        parts[unit] = part
        lacking[part] -= 1
        lacking_labels[part, own[unit]] -= 1

    while (left := own[parts < 0].sum(axis=0)).any():
        label = int(np.argmin(np.where(left > 0, left, count + 1)))
        for unit in order[own[order, label] & (parts[order] < 0)].tolist():
            give(unit, lacking_labels[:, label])
    for unit in order[parts[order] < 0].tolist():
        give(unit, lacking)
    return parts[unit_of_row]


def _shuffled_by_class(unit_codes: Integers, seed: int) -> list[Integers]:
    rng = np.random.default_rng(seed)
    return [rng.permutation(np.flatnonzero(unit_codes == code)) for code in np.unique(unit_codes)]


def allot(class_sizes: Integers, wanted: Sequence[int]) -> Integers:
    """How many of each class go to each part: in proportion, totals met, none left out.

    Args:
        class_sizes: Members of each class.
        wanted: Members for each part, all classes together.

    Returns:
        Shape (parts, classes). Fractions are rounded by largest remainder; a class with more
        members than parts has at least one in each part that wants any, and one left over.
    """
    left = class_sizes.astype(np.int64)
    counts = np.zeros((len(wanted), len(left)), dtype=np.int64)
    for part, total in enumerate(wanted):
        quota = total * class_sizes / max(int(class_sizes.sum()), 1)
        own = np.floor(quota).astype(np.int64)
        order = np.argsort(own - quota, kind="stable")
        own[order[: max(total - int(own.sum()), 0)]] += 1
        if total > 0:
            own = _none_left_out(own, left, parts_to_come=len(wanted) - part)
        own = np.minimum(own, np.maximum(left - 1, 0))
        counts[part] = own
        left = left - own
    return counts


def _none_left_out(own: Integers, left: Integers, parts_to_come: int) -> Integers:
    """Give one member to each class that has none and can spare one, out of the largest."""
    own = own.copy()
    for position in np.flatnonzero((own == 0) & (left > parts_to_come)):
        own[position] = 1
        richest = int(np.argmax(own))
        if own[richest] > 1:
            own[richest] -= 1
    return own


def grouped(codes: Integers, groups: Integers, shares: Sequence[float], seed: int) -> Integers:
    """Divide whole groups so that parts come near their shares, class by class.

    Groups are dealt out from the largest to the smallest, each to the part that lacks most of
    what the group has.

    Args:
        codes: The class of each row, from 0; shape (rows,).
        groups: The group of each row.
        shares: The share of the rows for part 1, 2, ...; part 0 is meant to have the rest.
        seed: Decides between groups of the same size.

    Returns:
        The part of each row.
    """
    _, group_of_row = np.unique(groups, return_inverse=True)
    classes = int(codes.max()) + 1
    size = (int(group_of_row.max()) + 1) * classes
    flat = np.bincount(group_of_row * classes + codes, minlength=size)
    counts = flat.reshape(-1, classes)
    totals = np.maximum(counts.sum(axis=0), 1)
    lacking = np.outer([1 - sum(shares), *shares], np.ones(classes))
    shuffled = np.random.default_rng(seed).permutation(len(counts))
    order = shuffled[np.argsort(-counts[shuffled].sum(axis=1), kind="stable")]
    part_of_group = np.zeros(len(counts), dtype=np.int64)
    for group in order:
        part = int(np.argmax(lacking @ counts[group]))
        part_of_group[group] = part
        lacking[part] -= counts[group] / totals
    return part_of_group[group_of_row]


def by_time(moments: Integers, wanted: Sequence[int]) -> Integers:
    """Divide rows by time: the latest are the last part, the earliest part 0.

    Args:
        moments: When each row was made; any number that grows with time.
        wanted: Rows for part 1, 2, ...; rows of the same moment stay together in the later part.

    Returns:
        The part of each row.
    """
    ordered = np.sort(moments)
    parts = np.zeros(len(moments), dtype=np.int64)
    start = len(moments)
    for part in range(len(wanted), 0, -1):
        if wanted[part - 1] > 0:
            stop, start = start, start - wanted[part - 1]
            in_part = (moments >= ordered[start]) & (parts == 0)
            if stop < len(moments):
                in_part &= moments < ordered[stop]
            parts[in_part] = part
    return parts


def folds(codes: Integers, units: Integers, number: int, seed: int) -> Integers:
    """Deal units out to folds, class by class, so that folds differ by few rows.

    Returns:
        The fold of each row, from 0.
    """
    _, first, unit_of_row = np.unique(units, return_index=True, return_inverse=True)
    fold_of_unit = np.zeros(len(first), dtype=np.int64)
    start = 0
    for own in _shuffled_by_class(codes[first], seed):
        fold_of_unit[own] = (start + np.arange(len(own))) % number
        start += len(own)
    return fold_of_unit[unit_of_row]
