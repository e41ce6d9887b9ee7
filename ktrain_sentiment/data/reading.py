"""From what the user named to texts with labels, step by step."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ktrain_sentiment.cleaning import apply_cleaning
from ktrain_sentiment.config import DataConfig
from ktrain_sentiment.data.at_rest import in_portions, strings_of
from ktrain_sentiment.data.columns import (
    MOST_LABELS,
    Columns,
    Rest,
    Sampled,
    choose_columns,
    choose_text_column,
    flag,
    is_measure,
    suits,
)
from ktrain_sentiment.data.corpora import CORPORA, NEUTRAL, corpus_path, read_hub
from ktrain_sentiment.data.frames import Collected, collect, plain_column, to_strings
from ktrain_sentiment.data.label_sets import (
    look_like_sets,
    note_guess,
    relabel_sets,
    sets_of_cells,
    sets_of_columns,
)
from ktrain_sentiment.data.labelled import (
    OWN_COLUMNS,
    LabelledTexts,
    is_prepared,
    read_prepared,
    source_column,
)
from ktrain_sentiment.data.labels import LabelKind, find_kind, relabel
from ktrain_sentiment.data.scores import look_like_scores, nearly_scores, plain_numbers
from ktrain_sentiment.data.selection import select_rows
from ktrain_sentiment.errors import DataError
from ktrain_sentiment.inputs import Inputs
from ktrain_sentiment.messages import count, quoted
from ktrain_sentiment.remote import url_of
from ktrain_sentiment.tables import ReadOptions, open_table
from ktrain_sentiment.tables.sources import fetched_folder, near_name
from ktrain_sentiment.tables.table import HEAD, cells_of, unique_names, wanted_fields
from ktrain_sentiment.tasks import labels_in, occurring

_HUB = "hub:"


def read_source(config: DataConfig, trained: Mapping[str, Any] | None = None) -> Collected:
    """Read the table that the user named: a corpus, a hub dataset, or what `open_table` opens.

    Args:
        config: What to read.
        trained: How the data of a model's training was read (`Manifest.table`).

    Raises:
        DataError: Nothing is named, it does not exist, or it cannot be read.
    """
    name = config.data
    if not name:
        swallowed = [one for one in config.also if Path(one).expanduser().is_file()]
        if swallowed:
            raise DataError(
                f"no data is named: --also took {swallowed[-1]!r} for a column; put the data first"
            )
        raise DataError(
            f"no data is named; wanted a file, or one of the corpora {', '.join(CORPORA)}"
        )
    if name.startswith(_HUB):
        return read_hub(name.removeprefix(_HUB), config.hub_config)
    path = Path(name).expanduser()
    if name in CORPORA and not path.is_file():
        return _read_corpus(name, config)
    if is_missing(name) and path.name == name and not path.suffix and not near_name(path):
        raise DataError(f"{name}: no such file, and no corpus; corpora: {', '.join(CORPORA)}")
    trained = trained or {}
    table = open_table(name, read_options(config).like(trained), suits)
    # What no column of texts is found in is refused for that, before its rows are looked at.
    others = Inputs.asked(config.also, config.pair_column or "", trained, table.name).others
    try:
        choose_text_column(
            Rest(table, others), config.text_column, trained.get("text_column"),
            label=config.label_column,
        )  # fmt: skip
    except DataError:
        _refuse_texts_read(table, others)
        raise
    return collect(table)


def _refuse_texts_read(table: Sampled, others: Sequence[str]) -> None:
    """Refuse to read beside the texts what would be taken for the texts."""
    try:
        found = choose_text_column(table)
    except DataError:
        return
    if found in others:
        raise DataError(
            f"{table.name}: {found!r} looks like the column of texts, and is to be read beside "
            "them: name it once, or name the texts with --text-column"
        )


def is_missing(name: str) -> bool:
    """Whether data is named by a path at which nothing is."""
    elsewhere = name in CORPORA or name.startswith(_HUB) or url_of(name) or glob.has_magic(name)
    return not elsewhere and not Path(name).expanduser().exists()


def read_options(config: DataConfig) -> ReadOptions:
    """What a configuration says about how its data is read."""
    return ReadOptions(
        delimiter=config.delimiter,
        quoting=config.quoting,
        encoding=config.encoding,
        sheet=config.sheet,
        columns=config.columns,
        known_columns=tuple(
            n
            for n in (config.text_column, config.label_column, config.pair_column, *config.also)
            if n
        ),
    )


def _read_corpus(name: str, config: DataConfig) -> Collected:
    """A named corpus, without the sentences that are neither negative nor positive."""
    table = replace(collect(open_table(corpus_path(name))), name=name, read_as=None)
    if config.neutral or config.task == "score":
        return table
    kept = (table.frame["label"] != NEUTRAL).to_numpy()
    left_out = count(int((~kept).sum()), "neutral row")
    table = replace(table, frame=table.frame[kept].reset_index(drop=True), rows=table.rows[kept])
    return table.with_notes(f"left out {left_out} (--neutral keeps them)")


def read_labelled(config: DataConfig, trained: Mapping[str, Any] | None = None) -> LabelledTexts:
    """Read texts and labels, whatever they are kept in, and keep the rows that can be used.

    Args:
        config: What to read, what the labels mean, what to leave out.
        trained: How the data of the model that is judged on them was read (`Manifest.table`).

    Raises:
        DataError: It cannot be read, or does not hold texts with labels of two classes.
        ConfigError: The configuration contradicts itself.
    """
    return keep_rows(read_rows(config, trained=trained))


def read_rows(
    config: DataConfig, *, lenient: bool = False, trained: Mapping[str, Any] | None = None
) -> LabelledTexts:
    """Read all rows, also those without text or label, with labels renamed and texts cleaned.

    Args:
        config: What to read, and what the labels mean.
        lenient: Labels that the configuration names need not occur: this is one file of several.
        trained: As for `read_labelled`.

    Raises:
        DataError: It cannot be read, or there is no telling which columns hold what.
        ConfigError: The configuration contradicts itself.
    """
    url = url_of(config.data)
    folder = (fetched_folder(url) if url and "*" not in url else None) or Path(config.data)
    folder = folder.expanduser()
    if config.data and is_prepared(folder):
        return read_prepared(folder, config)
    return _rows_of(read_source(config, trained), config, lenient=lenient, trained=trained)


def read_frame(
    frame: pd.DataFrame,
    config: DataConfig,
    source: str,
    trained: Mapping[str, Any] | None = None,
) -> LabelledTexts:
    """Take texts and labels from a data frame, with the checks that a file goes through.

    Args:
        frame: Any columns; see `DataConfig` for how those of texts and labels are found.
        config: What the labels mean, what to leave out; how a file is read means nothing here.
        source: What to call it in messages.
        trained: As for `read_labelled`.

    Raises:
        DataError: It does not hold texts with labels of two classes.
    """
    names, repeated = unique_names(list(frame.columns))
    plain = frame.reset_index(drop=True).set_axis(names, axis=1)
    first: list[Any] = plain.head(HEAD).to_dict("records")
    known = read_options(config).like(trained or {}).known_columns
    for name in wanted_fields(first, names, known, lambda: _objects(plain)):
        outer = name.partition(".")[0]
        plain[name] = cells_of(({outer: value} for value in plain[outer]), name)
    table = Collected(plain, np.arange(1, len(plain) + 1), source, repeated=repeated)
    return keep_rows(_rows_of(table, config, trained=trained))


def _objects(frame: pd.DataFrame) -> Iterator[Mapping[str, Any]]:
    """The objects of a frame as rows of one column."""
    for name in frame.select_dtypes(object):
        yield from ({str(name): value} for value in frame[name])


def _rows_of(
    table: Collected,
    config: DataConfig,
    *,
    lenient: bool = False,
    trained: Mapping[str, Any] | None = None,
) -> LabelledTexts:
    task = str((trained or {}).get("task") or "auto") if config.task == "auto" else config.task
    inputs = Inputs.asked(config.also, config.pair_column or "", trained, table.name)
    inputs.check(table.columns, table.name)
    columns = choose_columns(
        Rest(table, inputs.others), config.text_column, config.label_column, trained,
        numbers=task == "score",
        several={"multi": True, "auto": None}.get(task, False),
    )  # fmt: skip
    if inputs and not config.label_column and not trained:
        _refuse_labels_read(table, inputs)
    texts, text_note = to_strings(table, columns.text, "text")
    texts = _joined(texts, table, inputs)
    sets, label_note = _label_sets(table, columns, task, config)
    if sets is not None:
        relabelled = relabel_sets(sets, config, table.name, lenient=lenient)
        note = note_guess(relabelled.labels) if task == "auto" else ""
        found = LabelKind("multi", relabelled.labels, note)
    else:
        labels, label_note = _labels(table, columns)
        relabelled = relabel(labels, config, table.name, lenient=lenient)
        found = find_kind(
            relabelled.labels, table.rows, config, table.name,
            named=is_measure(columns.label), trained=str((trained or {}).get("task", "")),
        )  # fmt: skip
    own = {"text": _clean(texts, config), "label": found.labels, "row": table.rows}
    used = {columns.text, columns.label, *columns.classes}
    frame = _with_other_columns(pd.DataFrame(own), table, used)
    hints = relabelled.hints if found.kind == "classes" else ()
    own_notes = (*relabelled.notes, *hints, found.note)
    beside = f"read beside them: {quoted(inputs.others)}" if inputs else ""
    notes = (*table.notes, columns.note, beside, text_note, label_note, *own_notes)
    return LabelledTexts(
        frame=frame,
        source=table.name,
        text_column=columns.text,
        label_column=columns.label,
        notes=tuple(note for note in notes if note),
        config=replace(config, task=found.kind),
        is_split="split" in table.made,
        table={**_record(table, columns), **inputs.to_table()},
    )


def _refuse_labels_read(table: Collected, inputs: Inputs) -> None:
    """Refuse to read what would be taken for the labels: it would be all that the model needs."""
    try:
        label = choose_columns(table, None, None).label
    except DataError:
        return
    if label in inputs.others:
        raise DataError(
            f"{table.name}: {label!r} looks like the column of labels, and is to be read beside "
            "the texts: leave it out, or name the labels with --label-column"
        )


def _joined(texts: pd.Series[str], table: Collected, inputs: Inputs) -> pd.Series[str]:
    """The texts with whatever else of their rows is read."""
    if not inputs:
        return texts
    cells = [_cells(to_strings(table, name, repr(name))[0]) for name in inputs.others]
    joined = map(inputs.join, _cells(texts), zip(*cells, strict=True))
    return pd.Series(list(joined), index=texts.index, dtype="str")


def _cells(column: pd.Series[str]) -> list[str | None]:
    return [None if pd.isna(cell) else cell for cell in column.tolist()]


def _label_sets(
    table: Collected, columns: Columns, task: str, config: DataConfig
) -> tuple[pd.Series[str] | None, str]:
    """The labels of each row, joined, where a row may have several; None where it has one.

    That is said, or certain: a list of labels that has not exactly one, or columns of 0 and 1
    that hold another number of 1s.
    """
    if task not in ("multi", "auto") or config.multi_label != "keep":
        return None, ""
    if columns.classes:
        sets, note = sets_of_columns(table, columns.classes)
        alone = all(len(labels_in(one)) == 1 for one in sets)
        return (None, "") if task == "auto" and alone else (sets, note)
    if task == "auto" and not look_like_sets(table.frame[columns.label]):
        return None, ""
    return sets_of_cells(table, columns.label)


def _labels(table: Collected, columns: Columns) -> tuple[pd.Series[str], str]:
    if not columns.classes:
        return to_strings(table, columns.label, "label")
    chosen = table.frame[list(columns.classes)].map(flag) == 1
    names = chosen.idxmax(axis=1).where(chosen.sum(axis=1) == 1)
    return names.astype("str"), ""


def _record(table: Collected, columns: Columns) -> Mapping[str, Any]:
    """How the table was read, for the predictor: what later tables are then read like."""
    named = ",".join(columns.classes) or columns.label
    names = {"text_column": columns.text, "label_column": named}
    if table.read_as is None:
        return names
    how = {name: value for name, value in asdict(table.read_as).items() if value not in ("", True)}
    return {**names, "columns": list(table.columns), **how}


def keep_rows(texts: LabelledTexts, *, lenient: bool = False) -> LabelledTexts:
    """Leave out the rows that cannot be used or are not wanted, and say which.

    Args:
        texts: All rows.
        lenient: As for `read_rows`.

    Raises:
        DataError: Too little is left to learn from.
    """
    if texts.is_final:
        return texts
    selection = select_rows(texts, lenient=lenient)
    _check_classes(selection.frame, texts, selection.notes)
    frame = selection.frame
    left_out = tuple(selection.notes)
    return replace(
        texts, frame=frame, notes=(*texts.notes, *left_out), left_out=left_out,
        repeats=selection.repeats,
    )  # fmt: skip


def _clean(texts: pd.Series[str], config: DataConfig) -> pd.Series[str]:
    if not config.cleaning:
        return texts

    def cleaned() -> Iterator[list[str | None]]:
        for part in in_portions(texts):
            found = apply_cleaning([text or "" for text in part], config.cleaning)
            yield [None if raw is None else text for raw, text in zip(part, found, strict=True)]

    return strings_of(cleaned()).set_axis(texts.index)


def _with_other_columns(frame: pd.DataFrame, table: Collected, used: set[str]) -> pd.DataFrame:
    """The source's other columns too, renamed where they would clash with this package's own."""
    split = table.made.get("split")
    clashing = (*OWN_COLUMNS, "split") if split else OWN_COLUMNS
    others = {
        source_column(str(name), clashing): plain_column(table.frame[name])
        for name in table.frame.columns
        if name not in used and name != split
    }
    return frame.assign(**others, **({"split": table.frame[split]} if split else {}))


def _check_classes(frame: pd.DataFrame, texts: LabelledTexts, left_out: list[str]) -> None:
    where = f"{texts.source} (column {texts.label_column!r})"
    # How it was read may be why: another column was meant, or formulas have no values.
    reasons = "; ".join((*left_out, *texts.notes)) if left_out else ""
    if len(frame) == 0:
        raise DataError(f"{texts.source}: no row is left to use: {reasons}")
    if texts.config.task == "multi":
        names = sorted(occurring(frame["label"].unique(), "multi"))
        if len(names) < 2:
            raise DataError(
                f"{where}: {quoted(names) or 'no label'} is all that {len(frame):,} rows have; "
                "wanted two labels or more"
            )
        return
    kinds = frame["label"].nunique()
    if texts.config.task == "score":
        if kinds == 1:
            raise DataError(
                f"{where}: all {len(frame):,} rows have the score {frame['label'].iloc[0]}; wanted "
                "at least two different ones"
            )
        return
    if kinds == 1:
        every = "the only row has" if len(frame) == 1 else f"all {len(frame):,} rows have"
        raise DataError(
            f"{where}: {every} the label {frame['label'].iloc[0]!r}; wanted two classes or more"
            f"{reasons and f' ({reasons})'}"
        )
    if look_like_scores(frame["label"]):
        numbers = plain_numbers(frame["label"].unique())
        low, high = min(numbers), max(numbers)
        raise DataError(
            f"{where}: holds numbers from {low:g} to {high:g}, which look like scores, not like "
            "classes; --task score learns the number, else make classes of them first (such as "
            "negative below 0), or choose another --label-column"
        )
    if kinds > MOST_LABELS and kinds > len(frame) / 2:
        if slips := nearly_scores(frame["label"], frame["row"].tolist()):
            raise DataError(f"{where}: {slips}")
        raise DataError(
            f"{where}: {kinds:,} different labels in {len(frame):,} rows; wanted a few classes "
            "(choose another --label-column, or join them with --map)"
        )
