"""Rows as text and as tables: every value arrives, or its loss is said."""

import csv
import datetime
import io
import json
import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ktrain_sentiment.errors import ConfigError, DataError, InputError
from ktrain_sentiment.tables.columnar import ArrowEncoder
from ktrain_sentiment.tables.frame_writing import write_table
from ktrain_sentiment.tables.sheets import Workbook
from ktrain_sentiment.tables.writing import (
    OutputDialect,
    OutputSchema,
    guard,
    plain,
    text_encoder,
    to_json,
    unguard,
)

TEXTS = st.text(
    st.one_of(
        st.sampled_from("\"',;\t\r\n\0=+-@ \\|🙂é\u2028\x1b\x85\ufeff"),
        st.characters(exclude_categories=["Cs"]),
    ),
    max_size=8,
)
ROWS = st.lists(st.tuples(TEXTS, TEXTS), max_size=6)
NAMES = ("text", "note")


def written(form, records, dialect=None, names=NAMES, **facts) -> bytes:
    """All bytes of a file, its rows encoded two at a time."""
    encoder = text_encoder(form, OutputSchema(names=names, **facts), dialect or OutputDialect())
    parts = [records[start : start + 2] for start in range(0, len(records), 2)]
    return encoder.start + b"".join(encoder.encode(range(1, len(part) + 1), part) for part in parts)


def to_records(rows: Sequence[tuple[str, ...]], names=NAMES) -> list[dict[str, str]]:
    return [dict(zip(names, row, strict=True)) for row in rows]


def read_csv(data: bytes, delimiter: str = ",", encoding: str = "utf-8") -> list[tuple[str, ...]]:
    text = data.decode(encoding)
    return [tuple(row) for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)]


@given(ROWS)
@example([("lone\rreturn", "\0"), ("", '"'), ("=1+1", "\r\n")])
@pytest.mark.parametrize(("form", "delimiter"), [("csv", ","), ("tsv", "\t")])
def test_delimited_rows_come_back_as_they_were(form, delimiter, rows):
    assert read_csv(written(form, to_records(rows)), delimiter) == [NAMES, *rows]


@given(ROWS, st.sampled_from(["utf-8-sig", "utf-16", "utf-16-le", "utf-32"]))
def test_rows_come_back_through_every_encoding_of_unicode(rows, encoding):
    data = written("csv", to_records(rows), OutputDialect(encoding=encoding))
    assert read_csv(data, encoding=encoding) == [NAMES, *rows]


@given(st.lists(st.tuples(TEXTS), max_size=6))
def test_an_empty_cell_of_a_single_column_is_a_row(rows):
    data = written("csv", to_records(rows, ("text",)), names=("text",))
    assert read_csv(data) == [("text",), *rows]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip


@given(st.lists(st.dictionaries(st.text(), JSON, max_size=4), max_size=5))
@example([{"a": None}, {"a": ""}, {}, {"a": 10**400, "b": "cut \ud83d"}, {"\ud83d": "x"}])
def test_json_rows_come_back_with_what_they_have_and_lack(records):
    data = written("jsonl", records).decode()
    assert [json.loads(line) for line in data.split("\n")[:-1]] == records


@given(st.lists(st.tuples(st.none() | TEXTS, st.none() | TEXTS), max_size=6))
def test_parquet_tells_the_missing_from_the_empty(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("parquet")
    encoder = ArrowEncoder(OutputSchema(names=NAMES))
    records = to_records(rows)
    parts = [records[start : start + 2] for start in range(0, len(records), 2)]
    (folder / "log").write_bytes(b"".join(encoder.encode([1, 2], part) for part in parts))
    encoder.assemble(folder / "log", folder / "x.parquet")
    assert pq.read_table(folder / "x.parquet").to_pylist() == records


@given(ROWS)
@example([("_x0041_", "\x1b"), ("=1+1", "https://example.com"), (" a ", "007")])
def test_a_workbook_holds_every_text_as_a_text(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("excel") / "x.xlsx"
    book = Workbook(path, OutputSchema(names=NAMES))
    book.write(range(1, len(rows) + 1), to_records(rows))
    book.close()
    calamine = pytest.importorskip("python_calamine")
    sheet = calamine.CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0)
    wanted = [[cell.replace("\r\n", "\n") for cell in row] for row in [NAMES, *rows]]
    got = sheet.to_python(skip_empty_area=False)
    assert all(isinstance(cell, str) for row in got for cell in row)
    assert got == wanted


@given(ROWS)
def test_lines_of_text_stay_one_a_row(rows):
    data = written("txt", to_records(rows), shown=("text", "note")).decode()
    lines = data.split("\n")[:-1]
    assert lines == ["\t".join(" ".join(cell.split()) for cell in row) for row in rows]


@given(ROWS)
@example([("=1+1", "'=1+1"), ("-1", "'-1"), ("''@x", "'"), ("+49 170", "\tx")])
def test_guarded_cells_are_harmless_and_come_back(rows):
    data = written("csv", to_records(rows), OutputDialect(guarded=True, encoding="utf-8-sig"))
    _, *got = read_csv(data, encoding="utf-8-sig")
    assert [tuple(map(unguard, row)) for row in got] == rows
    for cell in (cell for row in got for cell in row if cell[:1] in set("=+-@\t\r\n")):
        float(cell)


@pytest.mark.parametrize(
    ("cell", "safe"),
    [
        ("=1+1", "'=1+1"), ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"), ("@SUM(A1)", "'@SUM(A1)"),
        ("-good", "'-good"), ("\t=1", "'\t=1"), ("'=1", "''=1"),
        ("-0.5", "-0.5"), ("+1e-3", "+1e-3"), ("a=b", "a=b"), ("'quoted'", "'quoted'"), ("", ""),
        (-0.5, -0.5), (None, None),
    ],
)  # fmt: skip
def test_only_what_would_run_is_guarded(cell, safe):
    assert guard(cell) == safe
    assert unguard(safe) == cell


def test_half_a_surrogate_pair_is_a_question_mark_where_it_cannot_be_escaped():
    record = {"text": "cut \ud83d emoji"}
    assert written("csv", [record], names=("text",)) == b"text\ncut ? emoji\n"
    assert written("txt", [record], names=("text",), shown=("text",)) == b"cut ? emoji\n"
    assert json.loads(written("jsonl", [record])) == record


def test_a_letter_that_the_encoding_lacks_is_named_with_its_line():
    encoder = text_encoder(
        "csv", OutputSchema(names=("text",), source="in.csv"), OutputDialect(encoding="cp1252")
    )
    assert encoder.encode([4], [{"text": "größer \ud83d"}]) == "größer ?\n".encode("cp1252")
    with pytest.raises(DataError, match=r"in\.csv: line 8 holds '🙂', which cp1252 lacks"):
        encoder.encode([7, 8], [{"text": "fine"}, {"text": "so 🙂"}])


def test_what_json_has_no_form_for_does_not_break_its_line():
    when = datetime.datetime(2024, 5, 6, tzinfo=datetime.UTC)
    line = to_json({"x": math.nan, "deep": [math.inf, {"y": math.nan}], "when": when, "n": 1})
    assert json.loads(line, parse_constant=pytest.fail) == {
        "x": None, "deep": ["inf", {"y": None}], "when": "2024-05-06 00:00:00+00:00", "n": 1,
    }  # fmt: skip


def test_nested_values_are_json_in_a_cell():
    assert plain({"a": ["é", None]}) == '{"a": ["é", null]}'
    assert (plain(None), plain(math.nan), plain(10**30), plain(False)) == ("", "", 10**30, False)


def test_a_column_that_comes_after_the_header_is_refused():
    encoder = text_encoder("csv", OutputSchema(names=("a",), source="a pipe"), OutputDialect())
    with pytest.raises(DataError, match="a pipe: line 9 brings a new column 'b'"):
        encoder.encode([8, 9], [{"a": 1}, {"a": 1, "b": 2}])


@pytest.mark.parametrize(
    ("form", "dialect", "complaint"),
    [
        ("csv", {"encoding": "klingon"}, "--output-encoding klingon: no such"),
        ("csv", {"encoding": "rot13"}, "rot13: no such"),
        ("csv", {"encoding": "a\0b"}, "no such"),
        ("jsonl", {"encoding": "utf-16"}, "jsonl has one encoding only"),
        ("excel", {"encoding": "cp1252"}, "excel has one encoding only"),
        ("csv", {"delimiter": "||"}, "wanted one character, or tab"),
        ("csv", {"delimiter": '"'}, "wanted one character"),
        ("txt", {"delimiter": ";"}, "txt has none"),
        ("parquet", {"guarded": True}, "--excel-csv: wanted csv or tsv, got parquet"),
    ],
)
def test_a_dialect_that_a_format_does_not_have_is_refused(form, dialect, complaint):
    with pytest.raises(ConfigError, match=complaint.replace("|", r"\|")):
        OutputDialect(**dialect).check(form)


@pytest.mark.parametrize("name", ["semicolon", ";"])
def test_the_delimiter_can_be_chosen_by_name_or_sign(name):
    data = written("csv", to_records([("a;b", "c")]), OutputDialect(delimiter=name))
    assert data == b'text;note\n"a;b";c\n'


# Data frames


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("a.csv", pd.read_csv),
        ("a.CSV", pd.read_csv),
        ("a.tab", pd.read_table),
        ("a.parquet", pd.read_parquet),
        ("a.pq", pd.read_parquet),
        ("a.ndjson", partial(pd.read_json, lines=True)),
        ("a.xlsx", partial(pd.read_excel, engine="calamine")),
        ("a.txt", partial(pd.read_table, names=["text", "row"])),
    ],
)
def test_a_table_has_the_format_of_its_name_and_no_index(tmp_path, name, read):
    frame = pd.DataFrame({"text": ["good", "bad"], "row": [3, 7]}, index=[5, 6])
    write_table(tmp_path / name, frame)
    pd.testing.assert_frame_equal(read(tmp_path / name), frame.reset_index(drop=True))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a.json", r"\.json is read, not written; choose \.jsonl"),
        ("a.xls", r"\.xls is read, not written; choose \.xlsx"),
        ("a.csv.gz", r"leave out \.gz"),
        ("a.docx", r"the name does not say the format; end it in one of \(csv, tsv,"),
        ("a", "the name does not say the format"),
    ],
)
def test_a_table_of_a_format_that_is_not_written_is_refused(tmp_path, name, said):
    with pytest.raises(ConfigError, match=said):
        write_table(tmp_path / name, pd.DataFrame({"row": [1]}))
    assert not list(tmp_path.iterdir())


def test_a_short_number_is_a_number_in_every_format(tmp_path):
    for name in ("a.jsonl", "a.xlsx"):
        write_table(tmp_path / name, pd.DataFrame({"loss": [0.123456789, math.nan]}), digits=3)
    assert '"loss": 0.123}' in (tmp_path / "a.jsonl").read_text()
    assert pd.read_excel(tmp_path / "a.xlsx", engine="calamine")["loss"][0] == 0.123


def test_a_table_is_kept_where_it_may_not_be_replaced(tmp_path):
    (tmp_path / "a.csv").write_text("old")
    with pytest.raises(InputError, match="--overwrite"):
        write_table(tmp_path / "a.csv", pd.DataFrame({"row": [1]}), overwrite=False)
    assert (tmp_path / "a.csv").read_text() == "old"


def test_a_table_is_written_as_pandas_would_but_for_lone_carriage_returns(tmp_path):
    frame = pd.DataFrame({
        "x": [0.1, math.nan, 1e-300], "n": [1, -2, 3], "whole": pd.array([1, None, 3], "Int64"),
        "text": ["a,b", 'say "x"', None], "ok": [True, False, True],
    })  # fmt: skip
    write_table(tmp_path / "a.csv", frame)
    assert (tmp_path / "a.csv").read_text() == frame.to_csv(index=False, lineterminator="\n")
    write_table(tmp_path / "r.csv", pd.DataFrame({"text": ["lone\rreturn"]}))
    assert pd.read_csv(tmp_path / "r.csv").loc[0, "text"] == "lone\rreturn"


def test_a_list_for_people_is_guarded_and_short(tmp_path):
    frame = pd.DataFrame({"text": ["=1+1"], "loss": [0.123456789], "row": [12345678]})
    write_table(tmp_path / "a.csv", frame, guarded=True, digits=3)
    assert (tmp_path / "a.csv").read_text() == "text,loss,row\n'=1+1,0.123,12345678\n"


def test_a_long_table_is_written_in_parts(tmp_path):
    frame = pd.DataFrame({"n": range(10_000)})
    write_table(tmp_path / "a.jsonl", frame)
    lines = Path(tmp_path / "a.jsonl").read_text().splitlines()
    assert [json.loads(line)["n"] for line in lines] == list(range(10_000))


def test_an_arrow_table_is_written_as_text(tmp_path):
    table = pa.table({"text": ["good", None], "tags": [["a"], []]})
    encoder = text_encoder("csv", OutputSchema(names=("text", "tags")), OutputDialect())
    assert encoder.encode([1, 2], table) == b'good,"[""a""]"\n,[]\n'


def test_plain_lines_have_the_numbers_of_what_their_first_cell_names() -> None:
    names = ("labels", "p_joy", "p_sad", "text")
    rows = [("joy|sad", 0.91234, 0.6, "one"), ("", 0.2, 0.3, "two"), (None, None, None, "three")]
    records = to_records(rows, names)
    lines = written(
        "txt",
        records,
        names=names,
        shown=("labels", "text"),
        ranked={"p_joy": "joy", "p_sad": "sad"},
    )
    assert lines.decode().splitlines() == [
        "joy|sad\tjoy 0.912, sad 0.6\tone", "\tsad 0.3\ttwo", "\t\tthree",
    ]  # fmt: skip
