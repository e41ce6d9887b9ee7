"""Train, validation and test: stratified or by group, time, file or column, and no text in two."""

from __future__ import annotations

import itertools
import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ktrain_sentiment.config import DataConfig, SplitConfig
from ktrain_sentiment.data import allocation
from ktrain_sentiment.data.allocation import Integers
from ktrain_sentiment.data.at_rest import in_portions, take_rows
from ktrain_sentiment.data.label_sets import one_a_row
from ktrain_sentiment.data.labelled import LabelledTexts, Splits
from ktrain_sentiment.data.labels import slips
from ktrain_sentiment.data.reading import keep_rows, read_labelled, read_rows
from ktrain_sentiment.data.repeats import drop_leaks, leaks, near_codes
from ktrain_sentiment.data.scores import score_bands
from ktrain_sentiment.errors import ConfigError, DataError
from ktrain_sentiment.inputs import Inputs, text_alone
from ktrain_sentiment.messages import counted, quoted, rows_listed
from ktrain_sentiment.tables.folders import SPLIT_NAMES, split_name
from ktrain_sentiment.tasks import SCORE, indicators, occurring

log = logging.getLogger(__name__)

_DAY_OR_MONTH_FIRST = re.compile(r"^\s*\d{1,2}([/.-])\d{1,2}\1(\d{4}|\d{2})\b")


def moments_of(frame: pd.DataFrame, column: str, source: str) -> NDArray[np.int64]:
    """The ranks in time of the rows: numbers as they are, text as dates.

    Raises:
        DataError: The column is missing, holds something that is no date, or dates whose day and
            month cannot be told apart.
    """
    if column not in frame.columns:
        raise DataError(
            f"{source}: there is no column {column!r} (--time); columns: {quoted(frame.columns)}"
        )
    values = frame[column]
    moments = values if _is_ordered(values) else _dates(values, frame, source)
    if moments.isna().any():
        row = frame.loc[moments.isna(), "row"].iloc[0]
        shown = values[moments.isna()].iloc[0]
        raise DataError(
            f"{source}: row {row}: {str(shown)!r} in column {column!r} (--time) is no date; write "
            "dates as 2024-01-31"
        )
    if moments.nunique() == 1:
        raise DataError(f"{source}: all rows have the same time in column {column!r} (--time)")
    return pd.factorize(moments, sort=True)[0].astype(np.int64)


def _is_ordered(values: pd.Series) -> bool:
    numeric = pd.api.types.is_numeric_dtype(values)
    return numeric or pd.api.types.is_datetime64_any_dtype(values)


def _dates(values: pd.Series[str], frame: pd.DataFrame, source: str) -> pd.Series[pd.Timestamp]:
    text = values.astype("str")
    unclear = text.str.match(_DAY_OR_MONTH_FIRST)
    if unclear.any():
        row = frame.loc[unclear, "row"].iloc[0]
        raise DataError(
            f"{source}: row {row}: {text[unclear].iloc[0]!r} may be day or month first; write "
            "dates as 2024-01-31"
        )
    return pd.to_datetime(text, utc=True, errors="coerce", format="mixed")


_HELD_OUT = SPLIT_NAMES[1:]


def read_and_split(
    source: DataConfig, division: SplitConfig, texts: LabelledTexts | None = None
) -> tuple[LabelledTexts, Splits]:
    """Read rows and divide them, and say what was noted on the way.

    Args:
        source: Where they are, and what they mean.
        division: How to divide them.
        texts: The rows, where they are read already by `source`.

    Raises:
        DataError: As for `read_labelled` and `split`.
        ConfigError: As for these.
    """
    texts = texts or read_labelled(source)
    splits = split(texts, division)
    for note in (*texts.notes, *splits.notes):
        log.info("%s", note)
    return texts, splits


def split(texts: LabelledTexts, config: SplitConfig) -> Splits:
    """Divide labelled texts, the same way each time for the same rows and seed.

    Near-duplicate texts stay in one split, except where a column, files, groups or time decide;
    there they are counted in the notes, and `leaks="drop"` leaves them out of train.

    Raises:
        DataError: There are too few rows of a class, a column is missing or cannot be used, or a
            file given for a split cannot be read.
        ConfigError: The source is divided already and the configuration says otherwise.
    """
    named = dict(zip(SPLIT_NAMES, _frames(texts, config), strict=True))
    notes: list[str] = []
    if config.leaks == "drop" and not _is_leakproof(config, texts):
        named, dropped = drop_leaks(named)
        notes += dropped
    elif not _is_leakproof(config, texts):
        notes += [str(leak) for leak in leaks(named)]
    kind = texts.config.task
    if kind == "score":
        labels: tuple[str, ...] = (SCORE,)
        if named["train"]["label"].nunique() < 2:
            raise DataError(f"{texts.source}: all scores of train are equal; wanted two at least")
    else:
        there = {name: occurring(frame["label"].unique(), kind) for name, frame in named.items()}
        labels = _checked_labels(there, texts.source)
        notes += _missing_classes(there, labels)
    return Splits(
        **{name: frame.reset_index(drop=True) for name, frame in named.items()},
        labels=labels,
        source=texts.source,
        cleaning=texts.config.cleaning,
        table=texts.table,
        notes=tuple(notes),
        kind=texts.config.task if texts.config.task in ("stars", "score", "multi") else "classes",
    )


def _is_leakproof(config: SplitConfig, texts: LabelledTexts) -> bool:
    """Rows were divided here, by text: what is nearly equal stayed together."""
    others = (config.group, config.time, config.split_column, texts.is_split)
    return not any(others) and not any(isinstance(getattr(config, n), str) for n in _HELD_OUT)


def k_fold(texts: LabelledTexts, config: SplitConfig) -> Iterator[Splits]:
    """One `Splits` for each fold: the fold is its validation, the other folds are its train.

    The test split is the same in all of them.

    Raises:
        ConfigError: `config.folds` is not set.
        DataError: As `split`.
    """
    if not config.folds:
        raise ConfigError("--folds is not given; wanted the number of folds, such as 5")
    for fold in range(1, config.folds + 1):
        yield split(texts, replace(config, fold=fold))


_BANDS = 10
"""Bands of scores, each of which is divided in proportion."""


@dataclass(frozen=True)
class _ClassRows:
    """What dividing works on: a frame, its classes and its units, and where it came from."""

    frame: pd.DataFrame
    source: str
    kind: str = "classes"
    inputs: Inputs = field(default_factory=Inputs)

    def codes(self) -> Integers:
        """The class of each row, in the order of the sorted labels; of scores their band.

        Of several labels each combination is a class here.
        """
        if self.kind == "score":
            scores = self.frame["label"].astype(float).to_numpy()
            bands = np.searchsorted(score_bands(scores, _BANDS), scores, side="left")
            return np.asarray(bands, dtype=np.int64)
        return np.asarray(pd.factorize(self.frame["label"], sort=True)[0], dtype=np.int64)

    def indicators(self) -> Integers:
        """Which labels each row has, of several."""
        labels = self.frame["label"]
        return indicators(labels, sorted(occurring(labels.unique(), "multi")))

    def units(self, group: str | None) -> Integers:
        """Rows that stay together: of one group, or of nearly the same text."""
        if group is None:
            # The same text beside other columns would be known half from training.
            texts = itertools.chain.from_iterable(in_portions(self.frame["text"]))
            return near_codes(text_alone(text, self.inputs) for text in texts)
        _require_column(self.frame, group, "group", self.source)
        if self.frame[group].isna().any():
            rows = rows_listed(self.frame.loc[self.frame[group].isna(), "row"].tolist())
            raise DataError(f"{self.source}: --group {group}: no value in {rows}; fill it in")
        return np.asarray(pd.factorize(self.frame[group])[0], dtype=np.int64)


def _frames(texts: LabelledTexts, config: SplitConfig) -> list[pd.DataFrame]:
    """The frames of train, validation and test, by whichever way decides."""
    given = {name: _from_file(texts, config, name) for name in _HELD_OUT}
    shares = [0.0 if given[name] is not None else getattr(config, name) for name in _HELD_OUT]
    inputs = Inputs.of(texts.table)
    rows = _ClassRows(texts.frame, texts.source, texts.config.task, inputs)
    parts = _parts(rows, texts, config, shares)
    if config.folds:
        parts = _with_fold(rows, parts, config)
    split_rows = [np.flatnonzero(parts == part) for part in range(len(SPLIT_NAMES))]
    frames = [take_rows(texts.frame, own) for own in split_rows]
    for position, name in enumerate(_HELD_OUT, start=1):
        own = given[name]
        frames[position] = frames[position] if own is None else own
    if texts.is_split:
        frames = [frame.drop(columns="split", errors="ignore") for frame in frames]
    return frames


def _from_file(texts: LabelledTexts, config: SplitConfig, name: str) -> pd.DataFrame | None:
    """The rows of a file given for a split, read like the others."""
    given = getattr(config, name)
    if not isinstance(given, str):
        return None
    wanted = replace(texts.config, data=given, train="", min_class_size=0)
    return keep_rows(read_rows(wanted, lenient=True), lenient=True).frame


def _parts(
    rows: _ClassRows, texts: LabelledTexts, config: SplitConfig, shares: list[float]
) -> Integers:
    column = config.split_column or ("split" if texts.is_split else None)
    if column is not None:
        return _by_column(rows, column, config, shares)
    wanted = _sizes(shares, len(texts))
    if config.time is not None:
        return allocation.by_time(moments_of(rows.frame, config.time, rows.source), wanted)
    units = rows.units(config.group)
    if config.group is not None:
        _check_groups(units, wanted, config.group, rows.source)
        portions = [size / len(texts) for size in wanted]
        return allocation.grouped(rows.codes(), units, portions, config.split_seed)
    return _stratified(rows, units, wanted, config)


def _stratified(
    rows: _ClassRows, units: Integers, wanted: list[int], config: SplitConfig
) -> Integers:
    _check_enough(rows, units, 1 + sum(size > 0 for size in wanted) + max(config.folds - 1, 0))
    if rows.kind == "multi":
        return allocation.iterative(rows.indicators(), units, wanted, config.split_seed)
    return allocation.stratified(rows.codes(), units, wanted, config.split_seed)


def _sizes(shares: list[float], rows: int) -> list[int]:
    """Rows for validation and test, from shares or numbers."""
    sizes = [round(share * rows) if share < 1 else round(share) for share in shares]
    if sum(sizes) >= rows:
        raise DataError(
            f"{sum(sizes):,} of {rows:,} rows are wanted for validation and test: none are left "
            "to train on; name fewer"
        )
    return [max(size, int(share > 0)) for size, share in zip(sizes, shares, strict=True)]


def _check_enough(rows: _ClassRows, units: Integers, least: int) -> None:
    first = np.unique(units, return_index=True)[1]
    if rows.kind == "score":
        if len(first) < 2 * least:
            raise DataError(
                f"{rows.source}: {len(first):,} different texts are too few for {least} parts; "
                f"wanted {2 * least} at least"
            )
        return
    labels = rows.frame[["label"]].iloc[first]
    if rows.kind == "multi":
        labels = one_a_row(labels)
        labels = labels[labels["label"] != ""]
    counts = labels["label"].value_counts()
    rare = counts[counts < least]
    if len(rare):
        short = (
            f"{rows.source}: too few different texts to have each class in each of {least} parts"
        )
        said = f"{short}: {counted(rare.items())}"
        if len(counts) - len(rare) < 2:  # To leave them out would leave nothing to tell apart.
            raise DataError(f"{said}; wanted {least} of each class at least, and better many more")
        by_name = {str(label): int(rows) for label, rows in counts.items()}
        pairs = " ".join(f"{slip}={other}" for slip, other in slips(by_name).items())
        meant = f' "{pairs}"' if pairs else ""
        raise DataError(
            f"{said}; leave such classes out with --min-class-size {rare.max() + 1} or "
            f"--drop-labels, or join them with --map{meant}"
        )


def _check_groups(units: Integers, wanted: list[int], group: str, source: str) -> None:
    least = 1 + sum(size > 0 for size in wanted)
    if len(np.unique(units)) < least:
        raise DataError(
            f"{source}: --group {group} has {len(np.unique(units))} different values, and "
            f"{least} splits want at least one each"
        )


def _by_column(rows: _ClassRows, column: str, config: SplitConfig, shares: list[float]) -> Integers:
    """Parts as a column says; a split that it does not name is cut from train."""
    if config.group or config.time:
        raise ConfigError(
            f"{rows.source}: is divided into splits already; leave out --group and --time"
        )
    _require_column(rows.frame, column, "split-column", rows.source)
    names = rows.frame[column].map(lambda value: split_name(str(value)))
    if names.isna().any():
        odd = rows.frame.loc[names.isna(), column].iloc[0]
        raise DataError(
            f"{rows.source}: column {column!r} holds {str(odd)!r}, wanted train, validation or test"
        )
    parts: Integers = np.array([SPLIT_NAMES.index(name) for name in names], dtype=np.int64)
    missing = [0.0 if (parts == part).any() else shares[part - 1] for part in (1, 2)]
    if any(missing):
        train = np.flatnonzero(parts == 0)
        own = take_rows(rows.frame, train)
        pool = _ClassRows(own, rows.source, rows.kind, rows.inputs)
        wanted = _sizes(missing, len(train))
        parts[train] = _stratified(pool, pool.units(None), wanted, config)
    return parts


def _with_fold(rows: _ClassRows, parts: Integers, config: SplitConfig) -> Integers:
    """Pool train and validation and make the chosen fold the validation split."""
    pool = np.flatnonzero(parts != 2)
    pooled = _ClassRows(take_rows(rows.frame, pool), rows.source, rows.kind, rows.inputs)
    units = pooled.units(config.group)
    if config.group is None and rows.kind == "multi":
        sizes = [len(pool) // config.folds] * (config.folds - 1)
        own = allocation.iterative(pooled.indicators(), units, sizes, config.split_seed)
    elif config.group is None:
        own = allocation.folds(pooled.codes(), units, config.folds, config.split_seed)
    else:
        _check_groups(units, [1] * (config.folds - 1), config.group, rows.source)
        shares = [1 / config.folds] * (config.folds - 1)
        own = allocation.grouped(pooled.codes(), units, shares, config.split_seed)
    parts = parts.copy()
    parts[pool] = own == config.fold - 1
    return parts


def _require_column(frame: pd.DataFrame, name: str, flag: str, source: str) -> None:
    if name not in frame.columns:
        raise DataError(
            f"{source}: there is no column {name!r} (--{flag}); columns: {quoted(frame.columns)}"
        )


def _checked_labels(there: Mapping[str, set[str]], source: str) -> tuple[str, ...]:
    trained = there["train"]
    for name in _HELD_OUT:
        unseen = sorted(there[name] - trained)
        if unseen:
            raise DataError(
                f"{source}: {name} has labels that train has no row of: {quoted(unseen)}; "
                "rename them with --map or leave them out with --drop-labels"
            )
    if len(trained) < 2:
        raise DataError(f"{source}: train has rows of one class only; wanted two or more")
    return tuple(sorted(trained))


def _missing_classes(there: Mapping[str, set[str]], labels: tuple[str, ...]) -> list[str]:
    notes = []
    for name in _HELD_OUT:
        absent = sorted(set(labels) - there[name])
        if absent and there[name]:
            notes.append(f"{name} has no row of {quoted(absent)}")
    return notes
