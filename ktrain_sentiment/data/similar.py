"""Texts that share most of their words: MinHash signatures, banded, then verified.

Broder 1997, "On the resemblance and containment of documents"; Leskovec, Rajaraman and Ullman,
"Mining of Massive Datasets", chapter 3. A text is the set of its words and pairs of neighbouring
words. Two texts are similar when they share at least `LEAST_SHARED` of that. With 60 hash values
in 12 bands of 5, a pair that shares 0.8 is found with a probability of 0.99, one that shares 0.4
becomes a candidate in 1 of 9 cases and is thrown out by the verification.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

LEAST_SHARED = 0.8
LEAST_WORDS = 6
"""Shorter texts are similar by accident: only their keys are compared."""
_BANDS, _IN_BAND = 12, 5
_CHUNK = 10_000
_MOST_WORDS = 1_000
_WORD = re.compile(r"\w+")
_EMPTY = np.uint32(0xFFFFFFFF)
_MIX = np.uint64(0x9E3779B97F4A7C15)

Codes = NDArray[np.int64]


def similar_groups(keys: Sequence[str]) -> Codes:
    """Number texts so that similar ones have the same number.

    Args:
        keys: Texts, normalised (see `textkeys.near_key`), best without repeats.

    Returns:
        For each text the position of the first text that it is similar to, through others
        perhaps; its own position where there is none.
    """
    signatures = np.full((_BANDS * _IN_BAND, len(keys)), _EMPTY, dtype=np.uint32)
    for start in range(0, len(keys), _CHUNK):
        _sign(keys[start : start + _CHUNK], signatures[:, start : start + _CHUNK])
    parents = np.arange(len(keys), dtype=np.int64)
    seen: set[tuple[int, int]] = set()
    for band in range(_BANDS):
        for first, second in _candidates(signatures, band):
            pair = (first, second)
            if pair in seen or _root(parents, first) == _root(parents, second):
                continue
            seen.add(pair)
            if shared(keys[first], keys[second]) >= LEAST_SHARED:
                _join(parents, first, second)
    return np.array([_root(parents, position) for position in range(len(keys))], dtype=np.int64)


def shared(one: str, other: str) -> float:
    """The share of words and pairs of words that two texts have in common, 0 to 1 (Jaccard)."""
    here, there = _features(one), _features(other)
    return len(here & there) / max(len(here | there), 1)


def _words(key: str) -> list[str]:
    return _WORD.findall(key)[:_MOST_WORDS]


def _features(text: str) -> set[object]:
    words = _words(text)
    return {*words, *itertools.pairwise(words)}


def _sign(keys: Sequence[str], signatures: NDArray[np.uint32]) -> None:
    """Fill in the MinHash values, shape (60, texts); those of texts that are too short stay."""
    found = [_words(key) for key in keys]
    lengths = np.array([len(words) for words in found])
    signed = np.flatnonzero(lengths >= LEAST_WORDS)
    if len(signed) == 0:
        return
    words = np.array([word for k in signed for word in found[k]], dtype=object)
    hashes = pd.util.hash_array(words, categorize=True)
    stops = np.cumsum(lengths[signed])
    starts = stops - lengths[signed]
    pairs = hashes * _MIX + np.roll(hashes, -1)
    # A text's last word has no neighbour: it stands for itself again.
    pairs[stops - 1] = hashes[stops - 1]
    for row, (factor, addend) in zip(signatures, _hash_family(), strict=True):
        low = np.minimum(_hashed(hashes, factor, addend), _hashed(pairs, factor, addend))
        row[signed] = np.minimum.reduceat(low, starts)


def _hash_family() -> list[tuple[np.uint64, np.uint64]]:
    """Multiply-add-shift hashes; odd factors (Dietzfelbinger et al. 1997)."""
    drawn = np.random.default_rng(0).integers(0, 1 << 63, (_BANDS * _IN_BAND, 2), dtype=np.uint64)
    return [(factor | np.uint64(1), addend) for factor, addend in drawn]


def _hashed(values: NDArray[np.uint64], factor: np.uint64, addend: np.uint64) -> NDArray[np.uint32]:
    return ((values * factor + addend) >> np.uint64(32)).astype(np.uint32)


def _candidates(signatures: NDArray[np.uint32], band: int) -> Iterator[tuple[int, int]]:
    """Neighbours among the texts that have the same values in a band."""
    own = signatures[band * _IN_BAND : (band + 1) * _IN_BAND]
    present = np.flatnonzero(own[0] != _EMPTY)
    keys = np.zeros(len(present), dtype=np.uint64)
    for row in own:
        keys = keys * _MIX + row[present]
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    for position in np.flatnonzero(ordered[1:] == ordered[:-1]):
        yield int(present[order[position]]), int(present[order[position + 1]])


def _root(parents: Codes, position: int) -> int:
    while parents[position] != position:
        parents[position] = parents[parents[position]]
        position = int(parents[position])
    return position


def _join(parents: Codes, first: int, second: int) -> None:
    one, other = sorted((_root(parents, first), _root(parents, second)))
    parents[other] = one
