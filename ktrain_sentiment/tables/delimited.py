"""Tables of text: CSV, TSV and their kin, and lines that are texts.

What ends in .txt has a text on each line, unless its lines show that they hold more than a text.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from ktrain_sentiment.errors import DataError
from ktrain_sentiment.messages import count, left_out_headers
from ktrain_sentiment.reading_rules import BETWEEN_LABELS
from ktrain_sentiment.tables.dialects import (
    DELIMITERS,
    Dialect,
    Found,
    choose_delimiter,
    ragged,
    read_records,
    scan,
    settle_dialect,
)
from ktrain_sentiment.tables.encodings import Line, Lines
from ktrain_sentiment.tables.headers import (
    MOST_ABOVE,
    is_repeated,
    is_ruled,
    known_names,
    refuse_doubtful_header,
)
from ktrain_sentiment.tables.table import (
    HEAD,
    ReadAs,
    ReadOptions,
    Record,
    Row,
    RowStream,
    Table,
    peek,
    table_of_rows,
    table_of_stream,
    unique_names,
)

_SEPARATOR_LINE = re.compile(r"sep=(.)\s*", re.DOTALL)
_FASTTEXT = re.compile(r"((?:__label__\S+\s+)+)(.*)", re.DOTALL)
_TAGGED = re.compile(r"@(\w{1,30})\s*$")
_MOST_TAGS = 10


def open_delimited(
    lines: Lines,
    name: str,
    own: str,
    options: ReadOptions,
    read_as: ReadAs,
    *,
    once: bool,
) -> Table:
    """Open a delimited text: find dialect and header.

    Args:
        lines: Gives the lines from the first; if `once`, only the first call does.
        name: For messages.
        own: The delimiter that the format's name promises.
        options: What the user said.
        read_as: How it is read, as far as that is known.
        once: It can be read only once: what it is must show in the lines that are there.

    Raises:
        DataError: It is empty, can be read in two ways, or its first line looks like a row.
        ConfigError: An option makes no sense.
    """
    stream = lines()
    ahead = peek(stream, HEAD)
    sample = [line for line in ahead if line is not None]
    first = next((line for line in sample if line[1].strip()), None)
    if first is None:
        raise DataError(f"{name}: the file is empty; wanted a header line and rows")
    separator = _SEPARATOR_LINE.fullmatch(first[1])
    if separator:  # Excel's own line, which says what stands between the values.
        options = replace(options, delimiter=options.delimiter or separator[1])
        sample = [line for line in sample if line is not first]
    above = first[0] if separator else 0
    title = 0 if separator or options.columns else _end_of_title(sample, own, options)
    if title:
        above, sample = title, [line for line in sample if line[0] > title]
    delimiter = choose_delimiter(sample, own, options)

    def behind() -> Iterator[Line | None]:
        again = itertools.chain(ahead, stream) if once else lines()
        return (line for line in again if line is None or line[0] > above) if above else again

    everything = (lambda: iter(sample)) if once else behind
    found = settle_dialect(everything, delimiter, options, name)
    dialect, header = found.dialect, found.header
    if found.fault and not header:
        raise DataError(f"{name}: line {found.fault[0]} (the header) {found.fault[1]}")
    columns = _column_names(header, sample, dialect, name, options)
    names, repeated = unique_names(columns or header)
    line = sample[0][0] if title else 0
    said = {
        f"read as {dialect}": dialect != Dialect(own),
        f"names of the columns in line {line}, below a title": line,
        left_out_headers(found.repeats, "line"): found.repeats and not columns,
        "left out the line of dashes below the names of the columns": found.ruled and not columns,
    }
    quoting = "backslash" if dialect.backslash else "quoted" if dialect.quoted else "plain"
    read_as = replace(read_as, delimiter=delimiter, quoting=quoting, header=not columns)
    notes = tuple(note for note, holds in said.items() if holds)
    facts = {"notes": notes, "repeated": repeated}

    def rows() -> RowStream:
        return rows_of(read_records(behind(), dialect), names, None if columns else header, dialect)

    if once:
        return table_of_stream(rows(), name, names, read_as, **facts)
    return table_of_rows(rows, name, names, read_as, **facts)


def _end_of_title(sample: Sequence[Line], own: str, options: ReadOptions) -> int:
    """The number of the blank line between a title and the header below it; 0 without a title.

    As of a sheet, a title fills fewer cells than the rows under it; here also none of its lines may
    itself be a header, and the row below the blank line must have a known name.
    """
    top = [(number, text.strip()) for number, text, _ in sample[:MOST_ABOVE]]
    for place in range(2, len(top)):
        above = [text for _, text in top[:place] if text]
        if not top[place][1] or top[place - 1][1] or known_names(above):
            continue
        for delimiter in [options.delimiter] if options.delimiter else [own, *DELIMITERS]:
            width = len(top[place][1].split(delimiter))
            below = [text for _, text in top[place + 1 :] if text]
            names = [name.strip(' "') for name in top[place][1].split(delimiter)]
            wider = all(len(text.split(delimiter)) < width for text in above)
            if wider and known_names(names) and all(delimiter in text for text in below[:3]):
                return top[place - 1][0]
        return 0
    return 0


def _column_names(
    header: Sequence[str],
    sample: Sequence[Line],
    dialect: Dialect,
    name: str,
    options: ReadOptions,
) -> tuple[str, ...]:
    """The names given for a source without a header; empty where its first line is one."""
    if options.columns:
        if len(options.columns) != len(header):
            raise DataError(
                f"{name}: --columns gives {count(len(options.columns), 'name')} and the file has "
                f"{count(len(header), 'column')}; name each of them, in order"
            )
        return options.columns
    records = [found[1] for found in read_records(iter(sample), dialect) if found and found[1]]
    try:
        refuse_doubtful_header(header, records[1:], name, options.known_columns)
    except DataError:
        if len(options.fallback_columns) != len(header):
            raise
        return options.fallback_columns
    return ()


def rows_of(
    found: Iterator[Found | None],
    names: Sequence[str],
    header: Sequence[str] | None,
    dialect: Dialect,
) -> RowStream:
    """Rows as records; the header, a line of dashes below it and its repetitions are left out.

    A blank line is a row without text where there is one column, and nothing where there are more.

    Args:
        found: What `read_records` gives.
        names: The names to give the values.
        header: The header as it stands in the source; None when it has none.
        dialect: How it is written.
    """
    wanted = width = len(names)
    begun = header is None
    below = False
    if dialect.trailing:
        wanted += 1
    for one in found:
        if one is None:
            yield None
            continue
        line, values, problem, taken = one
        if not values:
            if width == 1 and begun:
                yield Row(line, {names[0]: ""}, problem)
            continue
        if not begun:
            begun = below = True
            continue
        if below and is_ruled(values):
            continue
        below = False
        if header is not None and values[-1] == header[-1] and is_repeated(header, values):
            continue
        if len(values) == wanted and problem is None:
            yield Row(line, dict(zip(names, values, strict=False)))
            continue
        raw = "".join(text for _, text, _ in taken)
        problem = problem or ragged(len(values), width, dialect)
        yield Row(line, _fit(values, names, dialect.delimiter), problem, raw)


def _fit(values: list[str], names: Sequence[str], delimiter: str) -> dict[str, str | None]:
    """As many values as columns: missing ones are None, surplus ones join the last."""
    last = len(names) - 1
    if len(values) > len(names):
        values = [*values[:last], delimiter.join(values[last:])]
    return dict(itertools.zip_longest(names, values))


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
    read = _with_labels if labelled else lambda text: {"text": text}
    notes = ("labels as fastText writes them, __label__NAME before the text",) if labelled else ()
    if once:
        return table_of_stream(_each_line(lines(), read), name, columns, read_as, notes=notes)
    return table_of_rows(lambda: _each_line(lines(), read), name, columns, read_as, notes=notes)


def _refuse_tags(texts: Sequence[str], name: str) -> None:
    """Refuse lines of the form `text@label`, as the Financial PhraseBank has them."""
    tags = [match[1] for text in texts if (match := _TAGGED.search(text))]
    kinds = Counter(tags)
    if len(texts) > 3 and len(tags) == len(texts) and len(kinds) <= min(_MOST_TAGS, len(texts) / 2):
        raise DataError(
            f"{name}: each line ends with @ and a label ({', '.join(sorted(kinds))})",
            'add --delimiter "@" --columns text label',
            "make it a table with a column of texts",
        )


def _each_line(lines: Iterator[Line | None], read: Callable[[str], Record]) -> RowStream:
    """Each line is a row; a blank one is a row without text, so that rows stay in step."""
    for line in lines:
        if line is None:
            yield None
            continue
        number, ended, problem = line
        text = ended.rstrip("\r\n")
        yield Row(number, read(text), problem, text if problem else "")


def _with_labels(text: str) -> Record:
    """A line of fastText."""
    match = _FASTTEXT.match(text)
    labels = [label.removeprefix("__label__") for label in match[1].split()] if match else []
    return {"label": BETWEEN_LABELS.join(labels) or None, "text": match[2] if match else text}
