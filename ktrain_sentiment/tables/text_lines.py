"""Text files: a text on each line, unless the lines show that they hold more than a text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from ktrain_sentiment.errors import DataError
from ktrain_sentiment.tables.delimited import DELIMITERS, Dialect, scan
from ktrain_sentiment.tables.encodings import Line
from ktrain_sentiment.tables.headers import known_names
from ktrain_sentiment.tables.table import (
    HEAD,
    ReadAs,
    Row,
    Rows,
    Table,
    table_of_rows,
    table_of_stream,
)
from ktrain_sentiment.tables.values import LABEL_SEPARATOR

_FASTTEXT = re.compile(r"((?:__label__\S+\s+)+)(.*)", re.DOTALL)
_TAGGED = re.compile(r"@(\w{1,30})\s*$")
_MOST_TAGS = 10
Lines = Callable[[], Iterator[Line | None]]


def looks_delimited(sample: Sequence[Line]) -> str:
    """The delimiter of a text file that is a table; empty where lines are texts.

    It is one when its first line has known column names, when every line has the same number of
    tabs, or when every line begins with a quoted value; and all lines have the same width.
    """
    filled = [line for line in sample if line[1].strip()]
    tabs = {line[1].count("\t") for line in filled}
    quotes = all(line[1].startswith('"') for line in filled)
    for delimiter in ("\t", *DELIMITERS):
        for quoted in (True, False):
            found = scan(iter(sample), Dialect(delimiter, quoted), whole=len(sample) < HEAD)
            if not found.fits:
                continue
            known = known_names(found.header)
            if known and (found.rows or len(known) > 1):
                return delimiter
            same = delimiter == "\t" and len(tabs) == 1 and len(filled) > 1
            if same or (quotes and quoted and found.rows):
                return delimiter
    return ""


def open_text_lines(
    lines: Lines, sample: Sequence[Line], name: str, read_as: ReadAs, *, once: bool
) -> Table:
    """Open a source with a text on each line; fastText's labels in front of it are taken off.

    Raises:
        DataError: A label stands behind each text, which would become part of it.
    """
    filled = [line[1] for line in sample if line[1].strip()]
    labelled = bool(filled) and all(_FASTTEXT.match(text) for text in filled)
    _refuse_tags(filled, name)
    columns = ("label", "text") if labelled else ("text",)
    read = _fasttext_rows if labelled else _text_rows
    notes = ("labels as fastText writes them, __label__NAME before the text",) if labelled else ()
    if once:
        return table_of_stream(read(lines()), name, columns, read_as, notes=notes)
    return table_of_rows(lambda: read(lines()), name, columns, read_as, notes=notes)


def _refuse_tags(texts: Sequence[str], name: str) -> None:
    """Refuse lines of the form `text@label`, as the Financial PhraseBank has them."""
    tags = [match[1] for text in texts if (match := _TAGGED.search(text))]
    kinds = Counter(tags)
    if len(texts) > 3 and len(tags) == len(texts) and len(kinds) <= min(_MOST_TAGS, len(texts) / 2):
        raise DataError(
            f"{name}: each line ends with @ and a label ({', '.join(sorted(kinds))}): add "
            '--delimiter "@" --columns text label'
        )


def _text_rows(lines: Iterator[Line | None]) -> Rows:
    """Each line is a text; a blank one is a row without text, so that rows stay in step."""
    for line in lines:
        if line is None:
            yield None
            continue
        number, ended, problem = line
        text = ended.rstrip("\r\n")
        yield Row(number, {"text": text}, problem, text if problem else "")


def _fasttext_rows(lines: Iterator[Line | None]) -> Rows:
    for line in lines:
        if line is None:
            yield None
            continue
        number, ended, problem = line
        text = ended.rstrip("\r\n")
        match = _FASTTEXT.match(text)
        labels = [label.removeprefix("__label__") for label in match[1].split()] if match else []
        record = {
            "label": LABEL_SEPARATOR.join(labels) or None,
            "text": match[2] if match else text,
        }
        yield Row(number, record, problem, text if problem else "")
