"""Scores: told from classes, read in one spelling, and cut into bands that stand for classes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ktrain_sentiment.errors import DataError
from ktrain_sentiment.messages import count, quoted
from ktrain_sentiment.tasks import ODD, number_of
from ktrain_sentiment.words import NO_VALUE

_MOST_STEPS = 11
"""Different numbers that may still be steps of a scale, such as half stars."""
_COMMA = re.compile(r"[+-]?\d+,\d+")


def look_like_scores(labels: pd.Series[str]) -> bool:
    """Whether labels are measurements: many different numbers, fractions or seldom repeated."""
    numbers = plain_numbers(labels.dropna().unique())
    if len(numbers) <= _MOST_STEPS:
        return False
    return 2 * len(numbers) > len(labels) or not all(number.is_integer() for number in numbers)


def plain_numbers(kinds: Iterable[str]) -> list[float]:
    """Labels as numbers, with a decimal comma if no point stands anywhere; empty if one is none."""
    kinds = list(kinds)
    if _are_percentages(kinds):
        kinds = [_without_sign(kind) for kind in kinds]
    if any(map(_COMMA.fullmatch, kinds)) and not any("." in kind for kind in kinds):
        kinds = [kind.replace(",", ".") for kind in kinds]
    try:
        return [float(kind) for kind in kinds]
    except ValueError:
        return []


def _are_percentages(kinds: Sequence[str]) -> bool:
    """Whether most labels end in a percent sign: the others then have lost theirs, or are none."""
    return 2 * sum(kind.endswith("%") for kind in kinds) > len(kinds)


def _without_sign(kind: str) -> str:
    return kind.removesuffix("%").rstrip()


def nearly_scores(labels: pd.Series[str], rows: Sequence[int] | NDArray[np.int64]) -> str:
    """Which labels alone keep the others from being scores; empty where that is not so."""
    odd = np.array([isinstance(one, str) and not plain_numbers([one]) for one in labels])
    if not 0 < odd.sum() <= ODD * len(labels) or not look_like_scores(labels[~odd]):
        return ""
    first = int(odd.argmax())
    return (
        f"{int((~odd).sum()):,} of {count(len(labels), 'label')} are numbers, and "
        f"{labels.iloc[first]!r} (row {rows[first]}) is none: mend it, or leave such rows out with "
        "--drop-labels, and --task score learns the number"
    )


def have_fractions(labels: pd.Series[str]) -> bool:
    """Whether labels are too many different numbers for classes, and not all whole ones."""
    numbers = plain_numbers(labels.dropna().unique())
    return look_like_scores(labels) and not all(number.is_integer() for number in numbers)


def read_scores(
    labels: pd.Series[str],
    rows: Sequence[int] | NDArray[np.int64],
    source: str,
    *,
    asked: bool,
    named: Sequence[str] = (),
) -> tuple[pd.Series[str], str]:
    """Numbers in one spelling; what stands for none is missing.

    Args:
        labels: As they were read; missing ones stay missing.
        rows: The place of each in its source.
        source: For messages.
        asked: Whether the user said that they are scores.
        named: Labels that are left out afterwards, whatever they are.

    Returns:
        The numbers as strings, and what to tell the user.

    Raises:
        DataError: A label is no number, or one that can be read in two ways.
    """
    kinds = [str(kind) for kind in labels.dropna().unique() if kind not in named]
    absent = {kind for kind in kinds if not kind or kind.casefold() in NO_VALUE}
    place = dict(zip(reversed(labels.tolist()), reversed(rows), strict=True))
    said = []
    scored = [kind for kind in kinds if kind not in absent]
    if _are_percentages(scored):
        for kind in scored:
            if not kind.endswith("%"):
                raise DataError(
                    f"{source}: row {place[kind]}: the label {kind!r} is no percentage, as others "
                    f"are; mend it, or leave such rows out with --drop-labels {shlex.quote(kind)}"
                )
        labels = labels.replace({kind: _without_sign(kind) for kind in scored})
        numbers, note = read_scores(labels, rows, source, asked=asked, named=named)
        return numbers, "; ".join(filter(None, [note, "percent signs are left out"]))
    commas = [kind for kind in kinds if _COMMA.fullmatch(kind)]
    if commas:
        _refuse_two_readings(commas, kinds, place, source)
        said.append(f"decimal commas are read as points, such as {commas[0]!r}")
    values = {
        kind: number_of(kind.replace(",", ".") if kind in commas else kind) for kind in scored
    }
    for kind, value in values.items():
        if value is not None:
            continue
        left_out = f"--drop-labels {shlex.quote(kind)} leaves such rows out"
        if kind.lstrip("+-").casefold() in ("inf", "infinity"):
            what = f"the score {kind!r} is infinite; wanted a number; {left_out}"
        else:
            nothing = "no label is one: leave --task score out, or judge a model of classes on them"
            none = all(one is None for one in values.values())
            what = (
                f"the label {kind!r} is no number; wanted scores such as -1.5 or 3; "
                f"{nothing if none else left_out}"
            )
        raise DataError(f"{source}: row {place[kind]}: {what}")
    if missing := int(labels.isin(absent).sum()):
        shown = quoted(sorted(absent - {""})) or "that are blank"
        said.append(f"{count(missing, 'label')} {shown} counted as missing: no score")
    if not asked:
        low, *_, high = sorted(value for value in values.values() if value is not None)
        said.insert(
            0,
            f"labels are taken for scores, {low:g} to {high:g}: the number is learned and judged "
            "(--task score says so too; for classes make some first, such as negative below 0)",
        )
    spelled = {kind: f"{value:.12g}" for kind, value in values.items()}
    numbers = labels.mask(labels.isin(absent)).replace(spelled).astype("str")
    return numbers, "; ".join(said)


def _refuse_two_readings(
    commas: Sequence[str], kinds: Sequence[str], place: Mapping[str, int], source: str
) -> None:
    """Refuse commas that may as well stand between thousands."""
    points = [kind for kind in kinds if "." in kind and number_of(kind) is not None]
    if points:
        raise DataError(
            f"{source}: row {place[commas[0]]}: the score {commas[0]!r} has a decimal comma and "
            f"{points[0]!r} in row {place[points[0]]} a point; write all of them with a point"
        )
    if all(re.fullmatch(r"[+-]?[1-9]\d{0,2},\d{3}", kind) for kind in commas):
        raise DataError(
            f"{source}: row {place[commas[0]]}: the score {commas[0]!r} may be a fraction or "
            "thousands; write numbers with a decimal point and nothing between thousands"
        )


BANDS = 4


def score_bands(scores: Iterable[float], bands: int = BANDS) -> NDArray[np.float64]:
    """Where scores are cut into bands of as many rows each: the inner ends, ascending."""
    quantiles = np.quantile(np.asarray(list(scores)), np.linspace(0, 1, bands + 1)[1:-1])
    return np.unique(quantiles)


def bands_in_order(ends: NDArray[np.float64]) -> list[str]:
    """What bands between these ends are called, from the lowest to the highest."""
    between = [f"{low:.3g} to {high:.3g}" for low, high in pairwise(ends)]
    return [f"up to {ends[0]:.3g}", *between, f"above {ends[-1]:.3g}"]


def band_names(labels: pd.Series[str], ends: NDArray[np.float64]) -> pd.Series[str]:
    """The band of each score in words, such as `-1.2 to 0.8`: what stands for a class in tables."""
    names = bands_in_order(ends)
    bands = np.searchsorted(ends, labels.astype(float), side="left")
    return pd.Series([names[band] for band in bands], index=labels.index, dtype="str")
