"""Whatever a table holds, it is read exactly, or refused in one line that names the place.

Properties, not examples: each test makes many tables, writes them as an export would, and compares
what comes back row by row.
"""

import csv
import io
import json
import re
import tempfile
import time
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ktrain_sentiment.config import DataConfig
from ktrain_sentiment.data import read_labelled
from ktrain_sentiment.data.reading import read_rows
from ktrain_sentiment.errors import DataError
from ktrain_sentiment.words import is_blank
from support.workbook import write_workbook

PIECES = [
    "NA", "null", "None", "nan", "007", "1e5", "-0.0", "TRUE", "2024-01-01", "=1+1", '"', '""', "'",
    ",", ";", "\t", "|", "\n", "\r\n", "\r", "\0", "\\", '\\"', "\ufeff", "\u200b", "\u2028",
    "\x85", "\x1c", "مرحبا بالعالم", "שלום", "\u202eabc", "日本語", "😀", "👩\u200d👩\u200d👧",
    "e\u0301", "é", "<br />", "#", "//", " ", "  ", "text", "label", "good", "bad",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES) | st.text(max_size=6), min_size=1, max_size=6).map("".join)
LABELS = st.sampled_from(["good", "bad", "0", "NA", "très bon"])
ROWS = st.lists(st.tuples(TEXTS, LABELS, st.text(max_size=5)), min_size=3, max_size=12)
KEEP_ALL = {"duplicates": "keep", "contradictions": "keep", "text_column": "text",
            "label_column": "label"}  # fmt: skip
slow_ok = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=60)


def usable(rows):
    """The rows that have a text and a label, as pairs, and whether there is more than one label."""
    pairs = [(text, label) for text, label, *_ in rows if not is_blank(text) and label.strip()]
    return pairs, len({label for _, label in pairs}) > 1


def pairs_of(found):
    return list(zip(found.frame["text"], found.frame["label"], strict=True))


def read_bytes(name, content, **flags):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(content)
        return read_labelled(DataConfig(data=str(path), **flags))


def try_bytes(name, content, **flags):
    """What was read, or None, and the message with which it was refused, or an empty one."""
    try:
        return read_bytes(name, content, **flags), ""
    except DataError as error:
        return None, str(error)


def says_where(message):
    """One line that names a line or row, or what is wrong with the file as a whole."""
    whole = r"empty|no rows|one column|column|label|no row with"
    return "\n" not in message and bool(re.search(rf"(line|row|record) \d+|{whole}", message))


def as_csv(rows, delimiter, quoting, ending, header=("text", "label", "note")):
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator=ending)
    writer.writerows([header, *rows])
    return out.getvalue()


@slow_ok
@given(
    rows=ROWS,
    delimiter=st.sampled_from([",", "\t", ";", "|"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    ending=st.sampled_from(["\n", "\r\n"]),
)
def test_a_fully_quoted_table_is_always_read_exactly(rows, delimiter, encoding, ending):
    expected, enough = usable(rows)
    assume(enough)
    content = as_csv(rows, delimiter, csv.QUOTE_ALL, ending)
    found = read_bytes("table.csv", content.encode(encoding), **KEEP_ALL)
    assert pairs_of(found) == expected


@slow_ok
@given(
    rows=ROWS,
    delimiter=st.sampled_from([",", "\t", ";", "|"]),
    name=st.sampled_from(["csv", "tsv"]),
)
def test_a_sparingly_quoted_table_is_read_exactly_or_refused_by_line(rows, delimiter, name):
    expected, enough = usable(rows)
    assume(enough)
    content = as_csv(rows, delimiter, csv.QUOTE_MINIMAL, "\r\n")
    found, refused = try_bytes(f"table.{name}", content.encode(), **KEEP_ALL)
    if found is None:
        assert re.search(r"line \d+: the double quote here can be read in two ways", refused)
        found = read_bytes(f"table.{name}", content.encode(), quoting="yes", **KEEP_ALL)
    assert pairs_of(found) == expected


@slow_ok
@given(rows=ROWS, encoding=st.sampled_from(["cp1252", "latin-1", "cp1251", "shift_jis", "gb18030"]))
def test_another_encoding_is_read_exactly_refused_or_said(rows, encoding):
    rows = [
        tuple(value.encode(encoding, "ignore").decode(encoding, "ignore") for value in row)
        for row in rows
    ]
    expected, enough = usable(rows)
    assume(enough)
    content = as_csv(rows, ",", csv.QUOTE_ALL, "\n").encode(encoding)
    assert pairs_of(read_bytes("table.csv", content, encoding=encoding, **KEEP_ALL)) == expected
    found, refused = try_bytes("table.csv", content, **KEEP_ALL)
    if found is None:
        assert says_where(refused)
    else:
        said = any("--encoding changes it" in note for note in found.notes)
        assert pairs_of(found) == expected or said or _reads_as_utf8(content)


def _reads_as_utf8(content):
    """Bytes that are valid UTF-8 by chance (few are) cannot be told from text meant so."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return content[:2] in {b"\xff\xfe", b"\xfe\xff"}
    return True


@slow_ok
@given(rows=ROWS, cut=st.data())
def test_a_row_with_a_value_too_many_or_too_few_is_never_read(rows, cut):
    position = cut.draw(st.integers(0, len(rows) - 1))
    change = cut.draw(st.sampled_from([lambda row: (*row, "more"), lambda row: row[:2]]))
    ragged = [change(row) if k == position else row for k, row in enumerate(rows)]
    content = as_csv(ragged, ",", csv.QUOTE_ALL, "\n").encode()
    with pytest.raises(DataError, match=r"line \d+ has \d comma-separated values where the first"):
        read_bytes("table.csv", content, **KEEP_ALL)


@slow_ok
@given(content=st.binary(max_size=300) | st.text(max_size=200).map(str.encode),
       name=st.sampled_from(["a.csv", "a.tsv", "a.json", "a.jsonl", "a.parquet", "a.xlsx",
                             "a.csv.gz", "a.csv.zst", "a.txt"]))  # fmt: skip
def test_garbage_is_refused_in_one_line(content, name):
    _, refused = try_bytes(name, content)
    assert "\n" not in refused
    assert len(refused) < 2000


@slow_ok
@given(content=st.lists(st.sampled_from(PIECES), max_size=60).map("".join))
def test_anything_after_a_good_header_is_read_or_refused_in_one_line(content):
    found, refused = try_bytes("a.csv", f"text,label\n{content}".encode())
    assert "\n" not in refused
    raw = [line for line in re.split(r"\r\n|\r|\n", content) if line]
    assert found is None or len(found) <= len(raw)


@slow_ok
@given(rows=ROWS)
def test_json_lines_are_read_exactly(rows):
    expected, enough = usable(rows)
    assume(enough)
    lines = [json.dumps({"text": t, "label": n, "note": x}) for t, n, x in rows]
    found = read_bytes("a.jsonl", "\n".join(lines).encode(), **KEEP_ALL)
    assert pairs_of(found) == expected
    listed = json.dumps([{"text": t, "label": n} for t, n, _ in rows], ensure_ascii=False)
    assert pairs_of(read_bytes("a.json", listed.encode(), **KEEP_ALL)) == expected


@slow_ok
@given(rows=ROWS)
def test_parquet_is_read_exactly(rows):
    expected, enough = usable(rows)
    assume(enough)
    out = io.BytesIO()
    pd.DataFrame(rows, columns=["text", "label", "note"]).to_parquet(out)
    assert pairs_of(read_bytes("a.parquet", out.getvalue(), **KEEP_ALL)) == expected


@slow_ok
@given(rows=ROWS)
def test_a_sheet_is_read_exactly(rows):
    """XML has no control characters, and makes one line break of all kinds: those are left out."""
    drop = re.compile(r"[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
    rows = [tuple(drop.sub("", value) for value in row) for row in rows]
    expected, enough = usable(rows)
    assume(enough)
    with tempfile.TemporaryDirectory() as folder:
        sheet = [["text", "label", "note"], *map(list, rows)]
        path = write_workbook(Path(folder, "a.xlsx"), {"Sheet1": sheet})
        assert pairs_of(read_labelled(DataConfig(data=str(path), **KEEP_ALL))) == expected


@slow_ok
@given(header=st.lists(st.sampled_from(["text", "label", "a", "a", "", "Text", " label "]),
                       min_size=2, max_size=6),
       rows=st.integers(2, 4))  # fmt: skip
def test_odd_headers_lose_no_column(header, rows):
    body = [[f"{name}{row}-{k}" for k, name in enumerate(header)] for row in range(rows)]
    content = as_csv(body, ",", csv.QUOTE_ALL, "\n", header)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.csv")
        path.write_text(content, encoding="utf-8")
        try:
            frame = read_rows(DataConfig(data=str(path))).frame
        except DataError as error:
            frame, refused = None, str(error)
    if frame is None:
        assert says_where(refused)
        return
    values = {str(value) for value in frame.drop(columns="row").to_numpy().ravel()}
    assert {value for row in body for value in row} <= values


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "same.csv",
            ",".join(["a"] * 2000) + "\n" + ",".join(["1"] * 2000) + "\n",
            "'a', 'a (2)', 'a (3)'",
        ),
        (
            "twice.jsonl",
            "{" + ",".join(f'"c{k}": 1' for k in [*range(12_000), 11_999]) + "}",
            "has the field 'c11999' twice",
        ),
    ],
)
def test_thousands_of_columns_are_looked_at_once(name, content, said):
    begun = time.process_time()
    _, refusal = try_bytes(name, content.encode())
    assert said in refusal
    assert time.process_time() - begun < 8
