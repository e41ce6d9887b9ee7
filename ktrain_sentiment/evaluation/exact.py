"""Exact tests on counts, without SciPy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def mcnemar(only_first: int, only_second: int) -> float:
    """Exact two-sided McNemar test: are the disagreements as a fair coin would split them?

    Args:
        only_first: Rows that only the first classifier has right.
        only_second: Rows that only the second has right.

    Returns:
        The p-value, 0 to 1.
    """
    total, fewer = only_first + only_second, min(only_first, only_second)
    if total == 0:
        return 1.0
    tail = np.exp(_log_choose(total)[: fewer + 1] - total * np.log(2)).sum()
    return float(min(1.0, 2 * tail))


def binomial_more(hits: int, rows: int, share: float) -> float:
    """Exact one-sided binomial test: are there more hits than a share of the rows explains?

    Args:
        hits: Rows that are hits.
        rows: Rows in all.
        share: The share of hits that is taken for granted, above 0 and below 1.

    Returns:
        The probability of as many hits or more, 0 to 1.
    """
    counts = np.arange(hits, rows + 1)
    log = _log_choose(rows)[hits:] + counts * np.log(share) + (rows - counts) * np.log1p(-share)
    return float(min(1.0, np.exp(log).sum()))


def fisher_less(hits: int, rows: int, all_hits: int, all_rows: int) -> float:
    """Fisher's exact test that a group has a lower rate of hits than the rest, one-sided.

    Args:
        hits: Hits in the group.
        rows: Rows in the group.
        all_hits: Hits in the group and the rest together.
        all_rows: Rows in both together.

    Returns:
        The p-value, 0 to 1.
    """
    fewest = max(0, rows - (all_rows - all_hits))
    possible = np.arange(fewest, min(rows, all_hits) + 1)
    log = _log_factorials(all_rows)
    weights = (
        (log[all_hits] - log[possible] - log[all_hits - possible])
        + log[all_rows - all_hits]
        - log[rows - possible]
        - log[all_rows - all_hits - rows + possible]
        - (log[all_rows] - log[rows] - log[all_rows - rows])
    )
    return float(min(1.0, np.exp(weights[possible <= hits]).sum()))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's correction for testing many things at once (Holm 1979), in the given order."""
    values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(values)
    scaled = values[order] * np.arange(len(values), 0, -1)
    corrected = np.empty_like(values)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(scaled))
    return [float(value) for value in corrected]


def _log_factorials(largest: int) -> NDArray[np.float64]:
    """log(0!) to log(largest!)."""
    return np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, largest + 1)))])


def _log_choose(total: int) -> NDArray[np.float64]:
    log = _log_factorials(total)
    chosen: NDArray[np.float64] = log[total] - log - log[::-1]
    return chosen
