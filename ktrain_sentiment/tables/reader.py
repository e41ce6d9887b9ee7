"""From what the user named to a table: one function for every source and every format."""

from __future__ import annotations

import glob
import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from ktrain_sentiment.errors import DataError
from ktrain_sentiment.reading_rules import Format
from ktrain_sentiment.remote import url_of
from ktrain_sentiment.tables.columnar import open_parquet
from ktrain_sentiment.tables.delimited import (
    looks_delimited,
    open_delimited,
    open_text_lines,
)
from ktrain_sentiment.tables.encodings import BLOCK, Line, Lines, glance, lines_of, survey
from ktrain_sentiment.tables.folders import (
    open_class_folders,
    open_pattern,
    open_split_files,
    open_urls,
    split_files,
)
from ktrain_sentiment.tables.formats import MEDIA, format_of
from ktrain_sentiment.tables.json_rows import (
    looks_like_json,
    looks_like_json_lines,
    open_json,
    open_json_lines,
)
from ktrain_sentiment.tables.sheets import Rank, open_workbook
from ktrain_sentiment.tables.sources import (
    Source,
    fetched_folder,
    locate,
    paused,
    refuse_other_kind,
    stored,
)
from ktrain_sentiment.tables.table import (
    HEAD,
    ReadAs,
    ReadOptions,
    Record,
    Row,
    Table,
    peek,
    table_of_rows,
    wanted_fields,
)

_PIPE_BLOCK = 1 << 16


def open_table(
    source: str | Path | BinaryIO, options: ReadOptions | None = None, rank: Rank | None = None
) -> Table:
    """Open a table, whatever it is kept in; its rows are read when they are asked for.

    Args:
        source: A file, a folder with a subfolder for each class or a file for each split, a
            pattern such as `exports/*.csv`, a URL, or a binary stream. A pipe gives rows as they
            arrive.
        options: What is known about it.
        rank: Says how well a sheet of a workbook suits, where there are several.

    Raises:
        DataError: It is missing, damaged or empty, or could be read in two ways.
        ConfigError: An option makes no sense.
        MissingExtraError: A library that it needs is not installed.
    """
    options = options or ReadOptions()
    table = _open(source, options, rank)

    def later() -> Iterator[Record]:  # What comes once is not read for this.
        batches = table.batches() if table.made or table.end is not None else ()
        return (record for batch in batches for record in batch.records())

    fields = wanted_fields(table.head, table.columns, options.known_columns, later)
    return replace(table, columns=(*table.columns, *fields), fields=fields)


def _open(source: str | Path | BinaryIO, options: ReadOptions, rank: Rank | None) -> Table:
    several = _open_several(source, lambda one: _open(one, options, rank), options)
    if several is not None:
        return several
    found = locate(source)
    form = options.format or MEDIA.get(options.media)
    if form is None:
        form = format_of(found.suffix, found.name.partition("?")[0])
        form = "txt" if not isinstance(source, str | Path) else form
    read_as = ReadAs(format=form, member=found.member)
    if form in {"parquet", "excel", "json"}:
        found = stored(found)
    if found.pipe is None:
        with found.open() as opened:
            refuse_other_kind(opened.read(256), found, form, options)
    if form == "parquet":
        table = open_parquet(found, read_as)
    elif form == "excel":
        table = open_workbook(found, options, rank)
    else:
        table = _open_text(found, form, options, read_as)
    return replace(table, files=(found.file,) if found.file else ())


def _open_several(
    source: str | Path | BinaryIO, open_one: Callable[[Any], Table], options: ReadOptions
) -> Table | None:
    """A folder's or a pattern's table, on this machine or at a URL; None for anything else."""
    if url := url_of(source):
        if "*" in url:
            return open_urls(url, open_one)
        folder = fetched_folder(url)
        if folder is None:
            return None
        try:
            return replace(open_one(folder), name=url)
        except DataError as error:
            raise DataError(str(error).replace(str(folder), url)) from error
    if not isinstance(source, str | Path):
        return None
    path = Path(source).expanduser()
    if path.is_dir():
        return (
            open_split_files(path, open_one)
            if split_files(path)
            else open_class_folders(path, options.encoding)
        )
    if not path.exists() and glob.has_magic(str(source)):
        return open_pattern(str(path), open_one)
    return None


def open_texts(texts: Sequence[str]) -> Table:
    """Texts that are there already, such as those of a command line, as a table."""
    rows = [Row(place, {"text": text}) for place, text in enumerate(texts, start=1)]
    read_as = ReadAs(format="txt", header=False)
    return table_of_rows(
        lambda: iter(rows), "the given texts", ("text",), read_as, end=len(rows), unit="row"
    )  # fmt: skip


def _open_text(source: Source, form: Format, options: ReadOptions, read_as: ReadAs) -> Table:
    once = source.pipe is not None
    name = source.name
    if source.pipe is not None:
        blocks = _pipe_blocks(source.pipe)
        start = next((block for block in blocks if block), b"")
        refuse_other_kind(start, source, form, options)
        encoding = glance(start, options.encoding, name)
        stream = lines_of(itertools.chain([start], blocks), encoding, name)
    else:
        with source.open() as opened:
            encoding = survey(opened.read, options.encoding, name)
        stream = iter(())

    def lines() -> Iterator[Line | None]:
        return stream if once else lines_of(_blocks(source), encoding, name)

    read_as = replace(read_as, encoding=encoding.name)
    table = _open_lines(lines, name, form, options, read_as, once=once)
    table = replace(table, notes=(*filter(None, (encoding.note,)), *table.notes))
    return table if table.end is not None else replace(table, end=encoding.lines)


def _open_lines(
    lines: Lines, name: str, form: Format, options: ReadOptions, read_as: ReadAs, *, once: bool
) -> Table:
    if form == "json":
        return open_json(lines, name, read_as)
    if form == "jsonl":
        first = "" if once else next((line[1] for line in lines() if line and line[1].strip()), "")
        # A list in a file of that name is common, and no line of it is an object.
        whole = first.lstrip().startswith("[")
        return (
            open_json(lines, name, read_as)
            if whole
            else open_json_lines(lines, name, read_as, once=once)
        )
    if form == "txt":
        stream = lines()
        ahead = peek(stream, HEAD)
        sample = [line for line in ahead if line is not None]

        def again() -> Iterator[Line | None]:
            return itertools.chain(ahead, stream) if once else lines()

        if options.format is None and looks_like_json_lines(sample):
            table = open_json_lines(again, name, replace(read_as, format="jsonl"), once=once)
            return replace(table, notes=("JSON Lines, not a text on each line", *table.notes))
        if options.format is None and looks_like_json(sample):
            kept = [line for line in again() if line is not None] if once else []

            def every_line() -> Iterator[Line | None]:
                return iter(kept) if once else lines()

            table = open_json(every_line, name, replace(read_as, format="json"))
            return replace(table, notes=("JSON, not a text on each line", *table.notes))
        as_table = options.format is None and (
            options.delimiter or options.columns or looks_delimited(sample)
        )
        if not as_table:
            return open_text_lines(again, sample, name, read_as, once=once)
        own = looks_delimited(sample) or ","
        read_as = replace(read_as, format="tsv" if own == "\t" else "csv")
        table = open_delimited(again, name, own, options, read_as, once=once)
        return replace(table, notes=("a table, not a text on each line", *table.notes))
    own = "\t" if form == "tsv" else ","
    return open_delimited(lines, name, own, options, read_as, once=once)


def _blocks(source: Source) -> Iterator[bytes]:
    with source.open() as stream:
        while block := stream.read(BLOCK):
            yield block


def _pipe_blocks(stream: BinaryIO) -> Iterator[bytes]:
    """Blocks as they arrive; an empty one whenever the writer pauses."""
    while block := os.read(stream.fileno(), _PIPE_BLOCK):
        yield block
        if paused(stream):
            yield b""
