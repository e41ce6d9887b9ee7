"""The tables of what was learned from, and of the files that came of it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from ktrain_sentiment.messages import count
from ktrain_sentiment.report.figures import (
    Column,
    FigureTable,
    share,
    size,
)

if TYPE_CHECKING:
    from ktrain_sentiment.data.lengths import LengthSummary
    from ktrain_sentiment.data.profile import ClassProfile, Profile
    from ktrain_sentiment.evaluation.record import (
        DataSummary,
        SpeedRecord,
    )


def label_counts(data: DataSummary) -> FigureTable:
    """Texts by label and split, with the words that tell each label from the others."""
    splits = list(dict.fromkeys(name for row in data.counts.values() for name in row))
    everything = sum(sum(row.values()) for row in data.counts.values())
    total = {name: sum(row[name] for row in data.counts.values()) for name in splits}
    columns = [Column("label", lambda one: one[0], words=True)]
    columns += [Column(name, partial(_rows_in, name)) for name in splits]
    columns += [
        Column("share", lambda one: share(sum(one[1].values()) / max(everything, 1))),
        Column(
            "telling words",
            lambda one: ", ".join(data.telling.get(one[0], ())) or "",
            words=True,
            wraps=True,
        ),
    ]
    title = "Texts by label and split, with the words that tell each label from the others"
    return FigureTable.of(title, columns, [*data.counts.items(), ("all", total)])


def _rows_in(split: str, label: tuple[str, Mapping[str, int]]) -> str:
    return f"{label[1][split]:,}"


def predictor_files(speed: SpeedRecord) -> FigureTable:
    """Files of a predictor with their sizes."""
    columns = (
        Column("file", lambda one: one[0], words=True),
        Column("size", lambda one: size(one[1])),
    )
    rows = [*speed.files.items(), ("all", sum(speed.files.values()))]
    return FigureTable.of("Files of the predictor", columns, rows)


def profile_classes(profile: Profile) -> FigureTable:
    """Rows of each class by split, with its telling words."""
    columns = [
        Column("label", lambda one: one.label, words=True),
        Column("rows", lambda one: f"{one.rows:,}"),
        Column("share", lambda one: share(one.share)),
    ]
    columns += [
        Column(name, partial(_class_rows_in, name), drop=3 - number)
        for number, name in enumerate(profile.sizes)
    ]
    columns.append(
        Column(
            "telling words",
            lambda one: ", ".join(word for word, _ in one.words[:6]),
            words=True,
            wraps=True,
        )
    )
    title = f"{count(profile.rows_used, 'row')} by class"
    return FigureTable.of(title, columns, profile.classes)


def _class_rows_in(split: str, one: ClassProfile) -> str:
    return f"{one.by_split[split]:,}"


def profile_lengths(lengths: LengthSummary) -> FigureTable:
    """What each maxlen would cut, where tokens were counted; else the percentiles in words."""
    if lengths.suggested is None:
        found = {f"{n} %": length for n, length in lengths.percentiles.items()}
        found["longest"] = lengths.longest
        cells = tuple(f"{length:,}" for length in found.values())
        heads = tuple(Column(name, str) for name in found)
        return FigureTable(f"Length in {lengths.unit}", heads, (cells,))
    columns = [
        Column(
            "maxlen",
            lambda one: f"{one.maxlen}" + (" (suggested)" * (one.maxlen == lengths.suggested)),
        ),
        Column("texts cut", lambda one: share(one.cut)),
        Column("tokens not read", lambda one: share(one.lost)),
        Column("time", lambda one: f"{one.cost:.2f}", help="beside the suggested maxlen"),
    ]
    title = (
        f"Length in tokens: half up to {lengths.percentiles[50]}, 95 % up to "
        f"{lengths.percentiles[95]}, longest {lengths.longest:,}"
    )
    chosen = lengths.suggested
    return FigureTable.of(title, columns, lengths.choices, strong=lambda one: one.maxlen == chosen)
