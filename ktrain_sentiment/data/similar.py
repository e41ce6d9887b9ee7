"""Texts that share most of their words: MinHash signatures, banded, then verified.

Broder 1997, "On the resemblance and containment of documents"; Leskovec, Rajaraman and Ullman,
"Mining of Massive Datasets", chapter 3. A text is the set of its words and pairs of neighbouring
words. Two texts are similar when they share at least `LEAST_SHARED` of that. With 60 hash values
in 12 bands of 5, a pair that shares 0.8 is found with a probability of 0.99, one that shares 0.4
becomes a candidate in 1 of 9 cases and is thrown out by the verification.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import re
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ktrain_sentiment.data.at_rest import in_portions
from ktrain_sentiment.diskarrays import Appended, scratch_file

LEAST_SHARED = 0.8
LEAST_WORDS = 6
"""Shorter texts are similar by accident: only their keys are compared."""
_BANDS, _IN_BAND = 12, 5
PORTION = 2_000
"""Texts that are hashed at a time: few enough that their words' hashes stay in the cache."""
_MOST_WORDS = 1_000
_WORD = re.compile(r"\w+")
_MIX = np.uint64(0x9E3779B97F4A7C15)

Codes = NDArray[np.int64]


def similar_groups(keys: Sequence[str] | pd.Series[str]) -> Codes:
    """Number texts so that similar ones have the same number.

    Args:
        keys: Texts, normalised (see `repeats.near_key`), best without repeats.

    Returns:
        For each text the position of the first text that it is similar to, through others
        perhaps; its own position where there is none. int64, shape (texts,).

    Raises:
        InputError: The disk is full: 96 bytes a text lie in scratch files meanwhile.
    """
    column = pd.Series(keys, dtype="str")
    parents = np.arange(len(column), dtype=np.int64)
    differing: set[tuple[int, int]] = set()
    with contextlib.ExitStack() as stack:
        bands = [Appended(np.uint64, stack.enter_context(scratch_file())) for _ in range(_BANDS)]
        signed = np.flatnonzero(_sign(column, bands))
        for band in bands:
            for pair in _candidates(signed, band.whole()):
                first, second = pair
                if pair in differing or _root(parents, first) == _root(parents, second):
                    continue
                if shared(str(column.iat[first]), str(column.iat[second])) >= LEAST_SHARED:
                    _join(parents, first, second)
                else:
                    differing.add(pair)
    while (further := parents[parents] != parents).any():
        parents[further] = parents[parents[further]]
    return parents


def shared(one: str, other: str) -> float:
    """The share of words and pairs of words that two texts have in common, 0 to 1 (Jaccard)."""
    here, there = _features(one), _features(other)
    return len(here & there) / max(len(here | there), 1)


_ASCII_WORDS = "".join(sign if _WORD.match(sign) else " " for sign in map(chr, range(128)))
"""Each sign of ASCII, or a space where it is not part of a word: for `str.translate`."""


def _words(key: str) -> list[str]:
    # What the expression finds, in two thirds of its time.
    found = key.translate(_ASCII_WORDS).split() if key.isascii() else _WORD.findall(key)
    return found[:_MOST_WORDS]


def _features(text: str) -> set[object]:
    words = _words(text)
    return {*words, *itertools.pairwise(words)}


def _sign(texts: pd.Series[str], bands: Sequence[Appended]) -> NDArray[np.bool_]:
    """Append what each text has in each band: its MinHash values there, as one number.

    Returns:
        Which texts have any, and are not too short for it; shape (texts,).
    """
    signed = [np.empty(0, np.bool_)]
    for part in in_portions(texts, PORTION):
        found = [_words(key) for key in part]
        lengths = np.array([len(words) for words in found])
        signed.append(lengths >= LEAST_WORDS)
        if signed[-1].any():
            long = [words for words in found if len(words) >= LEAST_WORDS]
            for band, numbers in zip(bands, _banded(long, lengths[signed[-1]]), strict=True):
                band.add(numbers)
    return np.concatenate(signed)


def _banded(texts: Sequence[Sequence[str]], lengths: Codes) -> NDArray[np.uint64]:
    """The number of each text in each band; shape (12, texts).

    Args:
        texts: The words of each text, at least one.
        lengths: How many each has.
    """
    words = pd.Series(list(itertools.chain.from_iterable(texts)), dtype="str")
    codes, distinct = pd.factorize(words)
    hashes = pd.util.hash_array(distinct.to_numpy(object), categorize=False)[codes]
    stops = np.cumsum(lengths)
    starts = stops - lengths
    pairs = hashes * _MIX + np.roll(hashes, -1)
    # A text's last word has no neighbour: it stands for itself again.
    pairs[stops - 1] = hashes[stops - 1]
    numbers = np.zeros((_BANDS, len(lengths)), np.uint64)
    for position, (factor, addend) in enumerate(_hash_family()):
        low = np.minimum(_hashed(hashes, factor, addend), _hashed(pairs, factor, addend))
        own = numbers[position // _IN_BAND]
        own *= _MIX
        own += np.minimum.reduceat(low, starts)
    return numbers


@functools.cache
def _hash_family() -> list[tuple[np.uint64, np.uint64]]:
    """Multiply-add-shift hashes; odd factors (Dietzfelbinger et al. 1997)."""
    drawn = np.random.default_rng(0).integers(0, 1 << 63, (_BANDS * _IN_BAND, 2), dtype=np.uint64)
    return [(factor | np.uint64(1), addend) for factor, addend in drawn]


def _hashed(values: NDArray[np.uint64], factor: np.uint64, addend: np.uint64) -> NDArray[np.uint32]:
    return ((values * factor + addend) >> np.uint64(32)).astype(np.uint32)


def _candidates(signed: Codes, numbers: NDArray[np.uint64]) -> Iterator[tuple[int, int]]:
    """Neighbours among the texts that have the same number in a band."""
    order = np.argsort(numbers, kind="stable")
    ordered = numbers[order]
    for position in np.flatnonzero(ordered[1:] == ordered[:-1]):
        yield int(signed[order[position]]), int(signed[order[position + 1]])


def _root(parents: Codes, position: int) -> int:
    while parents[position] != position:
        parents[position] = parents[parents[position]]
        position = int(parents[position])
    return position


def _join(parents: Codes, first: int, second: int) -> None:
    one, other = sorted((_root(parents, first), _root(parents, second)))
    parents[other] = one
