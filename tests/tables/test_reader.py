"""Reading: nothing is mangled, a bad row costs itself alone, pipes answer as they go."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrain_sentiment.errors import ConfigError, DataError
from ktrain_sentiment.inference.scoring import open_text_table, texts_of
from ktrain_sentiment.tables import ReadOptions, Table, open_table, open_texts
from ktrain_sentiment.tables.dialects import (
    Dialect,
    Found,
    choose_delimiter,
    parse_delimiter,
    read_records,
)
from ktrain_sentiment.tables.encodings import Line
from ktrain_sentiment.tables.formats import input_format, output_format

COMMA = Dialect(",", quoted=True)
EMPTY = "has no text in column 'text'"


def lines_of(text: str) -> list[Line]:
    return [(n, line, None) for n, line in enumerate(text.splitlines(keepends=True), start=1)]


def found_in(lines: list[Line]) -> list[tuple[int, list[str], str]]:
    """Line, values and problem of every row."""
    rows: Iterator[Found | None] = read_records(iter(lines), COMMA)
    return [(row[0], row[1], str(row[2] or "")) for row in rows if row]


def rows_of(table: Table, column: str, size: int = 100) -> list[tuple[int, object, object, str]]:
    """Place, record, text and problem of every row."""
    rows = []
    for batch in table.batches(size):
        texts, problems = texts_of(batch, column)
        said = [str(problems.get(position, "")) for position in range(len(batch))]
        rows += zip(batch.places, batch.records(), texts, said, strict=True)
    return rows


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(
    path: Path, text_column: str | None = None, **options: object
) -> list[tuple[int, object, object, str]]:  # fmt: skip
    source = open_text_table(path, ReadOptions(**options), text_column)
    return rows_of(source.table, source.column)


def test_csv_values_stay_the_text_that_they_are(tmp_path):
    path = write(tmp_path / "x.csv", 'text,id\nNA,007\nnull,1e5\n"a ""b"", c",\n"two\nlines",x\n')
    assert [(line, record) for line, record, _, _ in read(path)] == [
        (2, {"text": "NA", "id": "007"}),
        (3, {"text": "null", "id": "1e5"}),
        (4, {"text": 'a "b", c', "id": ""}),
        (5, {"text": "two\nlines", "id": "x"}),
    ]


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_the_delimiter_is_found(tmp_path, delimiter):
    path = write(tmp_path / "x.csv", f"id{delimiter}text\n1{delimiter}a film: rather good\n")
    assert read(path)[0][2] == "a film: rather good"


def test_quotes_that_are_plain_text_are_found(tmp_path):
    path = write(tmp_path / "x.tsv", 'id\ttext\n1\t"so bad" it is\n2\tsay "no\n')
    assert [text for _, _, text, _ in read(path)] == ['"so bad" it is', 'say "no']


def test_rows_of_another_width_are_kept_and_named(tmp_path):
    path = write(tmp_path / "x.csv", "id,text\n1,good\n2\n3,bad,worse\n4,fine\n")
    assert read(path, delimiter=",") == [
        (2, {"id": "1", "text": "good"}, "good", ""),
        (3, {"id": "2", "text": None}, None,
         "has 1 comma-separated value where the first line has 2"),
        (4, {"id": "3", "text": "bad,worse"}, None,
         "has 3 comma-separated values where the first line has 2"),
        (5, {"id": "4", "text": "fine"}, "fine", ""),
    ]  # fmt: skip


def test_a_quote_that_never_closes_costs_one_line():
    text = 'id,text\n1,"open\n2,fine\n3,"closed"\n'
    found = found_in(lines_of(text))
    assert found == [
        (1, ["id", "text"], ""),
        (2, ["1", '"open'], "has text after a closing double quote"),
        (3, ["2", "fine"], ""),
        (4, ["3", "closed"], ""),
    ]


def test_a_quote_that_swallows_the_rest_of_the_file_costs_one_line():
    text = 'id,text\n1,"open\n' + "".join(f"{n},fine\n" for n in range(30_000))
    found = found_in(lines_of(text))
    assert found[1] == (2, ["1", '"open'], "has a double quote that never closes")
    assert len(found) == 30_002


@given(
    st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=2, max_size=2))
)
def test_whatever_csv_writes_is_read_back(rows):
    import csv
    import io

    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\r\n").writerows(rows)
    ended = io.BytesIO(buffer.getvalue().encode())
    lines: list[Line] = [(n, line.decode(), None) for n, line in enumerate(ended, start=1)]
    assert [values for _, values, _ in found_in(lines)] == rows


def test_a_line_in_another_encoding_is_kept_and_named(tmp_path):
    good = "".join(f"{n},wie schön\n" for n in range(50)).encode()
    path = write(tmp_path / "x.csv", b"id,text\n" + good + b"51,sch\xf6n\n")
    *rest, (line, record, text, problem) = read(path, encoding="utf-8")
    assert (line, text, problem) == (52, None, "is not valid UTF-8")
    assert record["id"] == "51"
    assert all(not row[3] for row in rest)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_other_encodings_are_read(tmp_path, encoding):
    path = write(tmp_path / "x.csv", "id,text\r\n1,schön und gut\r\n".encode(encoding))
    assert read(path)[0][:3] == (2, {"id": "1", "text": "schön und gut"}, "schön und gut")


def test_a_compressed_file_is_read(tmp_path):
    import gzip

    path = write(tmp_path / "x.csv.gz", gzip.compress(b"text\ngood\n"))
    assert read(path)[0][2] == "good"


def test_a_huge_value_is_read(tmp_path):
    path = write(tmp_path / "x.csv", "id,text\n1," + "a " * 5_000_000 + "\n")
    assert len(str(read(path)[0][2])) == 10_000_000


def test_json_lines_keep_their_types_and_bad_lines_are_kept(tmp_path):
    path = write(
        tmp_path / "x.jsonl",
        '{"text": "good", "n": 1, "deep": {"a": [1]}}\n{"text": \n[1]\n\n{"other": 2}\n',
    )
    assert read(path) == [
        (1, {"text": "good", "n": 1, "deep": {"a": [1]}}, "good", ""),
        (2, {"unreadable": '{"text": '}, None,
         "is no JSON object: Expecting value (character 10)"),
        (3, {"unreadable": "[1]"}, None, "is a JSON list, wanted an object with fields"),
        (5, {"other": 2}, None, "has no text in column 'text'"),
    ]  # fmt: skip


def test_all_columns_of_json_lines_are_known_before_the_first_row(tmp_path):
    rows = "".join(f'{{"text": "a b c", "n": {n}}}\n' for n in range(600))
    path = write(tmp_path / "x.jsonl", rows + '{"text": "late", "late": 1.5}\n')
    table = open_table(path)
    assert table.columns == ("text", "n", "late")
    assert table.types == {"text": str, "n": int, "late": float}


def test_parquet_keeps_its_types_and_names_missing_texts(tmp_path):
    table = pa.table({
        "text": pa.array(["good", None, "  "]).dictionary_encode(),
        "when": pa.array([1, 2, 3], pa.timestamp("ms")),
    })  # fmt: skip
    pq.write_table(table, tmp_path / "x.parquet")
    read = open_table(tmp_path / "x.parquet")
    [batch] = read.batches(100)
    texts, problems = texts_of(batch, "text")
    assert batch.rows.schema == table.schema
    assert texts == ["good", None, None]
    assert {k: str(v) for k, v in problems.items()} == dict.fromkeys((1, 2), EMPTY)
    assert read.end == 3


def test_a_text_that_is_a_list_is_a_bad_row(tmp_path):
    pq.write_table(pa.table({"text": [["a"], ["b"]]}), tmp_path / "x.parquet")
    assert read(tmp_path / "x.parquet")[0][3] == "holds a list as 'text', wanted text"


def test_a_cut_off_parquet_file_is_one_line(tmp_path):
    pq.write_table(pa.table({"text": ["a"] * 1000}), tmp_path / "x.parquet")
    contents = (tmp_path / "x.parquet").read_bytes()
    write(tmp_path / "x.parquet", contents[: len(contents) // 2])
    with pytest.raises(DataError, match="not a whole Parquet file"):
        read(tmp_path / "x.parquet")


def test_a_workbook_is_read_by_sheet(tmp_path):
    plain = {"options": {"strings_to_formulas": False}}
    with pd.ExcelWriter(tmp_path / "x.xlsx", engine="xlsxwriter", engine_kwargs=plain) as book:
        pd.DataFrame({"a": [1]}).to_excel(book, sheet_name="first", index=False)
        frame = pd.DataFrame({"text": ["=1+1", None, "NA"], "n": [1, 2, 3]})
        frame.to_excel(book, sheet_name="second", index=False)
    rows = read(tmp_path / "x.xlsx", sheet="second", text_column="text")
    assert [(line, text, problem) for line, _, text, problem in rows] == [
        (2, "=1+1", ""), (3, None, EMPTY), (4, "NA", ""),
    ]  # fmt: skip
    with pytest.raises(DataError, match="no sheet 'third'; sheets: 'first', 'second'"):
        read(tmp_path / "x.xlsx", sheet="third")


@pytest.mark.parametrize(("name", "header"), [("x.txt", ""), ("x.csv", "text\r\n")])
def test_blank_lines_of_one_column_are_rows_without_text(tmp_path, name, header):
    path = write(tmp_path / name, header + "good\r\n\n  \nbad")
    first = 1 + bool(header)
    assert [(line, text, problem) for line, _, text, problem in read(path)] == [
        (first, "good", ""), (first + 1, None, EMPTY), (first + 2, None, EMPTY),
        (first + 3, "bad", ""),
    ]  # fmt: skip


def test_blank_lines_of_several_columns_are_nothing(tmp_path):
    path = write(tmp_path / "x.csv", "id,text\n1,good\n\n2,bad\n\n")
    assert [(line, text) for line, _, text, _ in read(path)] == [(2, "good"), (4, "bad")]


@pytest.mark.parametrize("name", ["x.csv", "x.tsv"])
def test_an_empty_file_is_one_line(tmp_path, name):
    with pytest.raises(DataError, match="empty"):
        read(write(tmp_path / name, ""))


def test_the_text_column_is_found_or_asked_for(tmp_path):
    path = write(
        tmp_path / "x.csv", "id,review,n\n1,a rather good film,2\n2,not so good a film,3\n"
    )
    assert read(path)[0][2] == "a rather good film"
    with pytest.raises(DataError, match=r"there is no column 'reviews'.*did you mean 'review'"):
        read(path, text_column="reviews")


def test_batches_have_the_wanted_size(tmp_path):
    path = write(tmp_path / "x.txt", "line\n" * 10)
    table = open_table(path)
    assert [len(batch) for batch in table.batches(4)] == [4, 4, 2]
    assert table.end == 10


@pytest.fixture
def pipe():
    """Both ends of a pipe."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as source, os.fdopen(writing, "wb", buffering=0) as target:
        yield source, target


@pytest.mark.parametrize(
    ("form", "header"), [("txt", b""), ("csv", b"text\n"), ("jsonl", b"")]
)  # fmt: skip
def test_a_pipe_is_answered_before_it_ends(pipe, form, header):
    source, target = pipe
    line = b'{"text": "one"}\n' if form == "jsonl" else b"one\n"
    target.write(header + line)
    batches = open_table(source, ReadOptions(format=form)).batches(100)
    assert next(batches).values("text") == ["one"]
    target.write(line.replace(b"one", b"two") + line[:3])
    assert next(batches).values("text") == ["two"]
    threading.Timer(0.05, lambda: (target.write(line[3:]), target.close())).start()
    assert [text for batch in batches for text in batch.values("text")] == ["one"]


def test_lines_of_a_pipe_that_are_objects_are_rows_and_not_texts(pipe):
    source, target = pipe
    target.write(b'{"id": 1, "text": "one"}\n{"id": 2, "text": "tw')
    table = open_text_table(source).table
    assert table.notes[0] == "JSON Lines, not a text on each line"
    target.write(b'o"}\n{"broken\n')
    target.close()
    rows = [record for batch in table.batches(100) for record in batch.records()]
    assert rows == [{"id": 1, "text": "one"}, {"id": 2, "text": "two"}, {"unreadable": '{"broken'}]


@pytest.mark.parametrize(
    "content",
    [
        '[{"text": "one"}, {"text": "two"}]',
        '[\n {\n  "text": "one"\n },\n {"text": "two"}\n]\n',
        '{\n "text": ["one",\n "two"]\n}',
    ],
)
@pytest.mark.parametrize("piped", [True, False])
def test_json_over_lines_is_rows_and_not_texts(pipe, tmp_path, content, piped):
    source, target = pipe
    target.write(content.encode())
    target.close()
    found = open_table(source if piped else write(tmp_path / "x.txt", content))
    assert found.notes[0] == "JSON, not a text on each line"
    assert [text for batch in found.batches() for text in batch.values("text")] == ["one", "two"]


@pytest.mark.parametrize(
    "line", ["[{quoted}] from a book", "{not} an object", "[1, 2]", "{'text': 'Python'}"]
)
def test_lines_that_only_resemble_objects_are_texts(tmp_path, line):
    path = write(tmp_path / "x.txt", f'{line}\n{{"text": "one"}}\n')
    assert [text for _, _, text, _ in read(path)] == [line, '{"text": "one"}']


@pytest.mark.parametrize("form", ["parquet", "json"])
def test_what_has_to_be_whole_is_read_from_a_pipe_when_it_ends(pipe, tmp_path, form):
    source, target = pipe
    frame = pd.DataFrame({"text": ["one", "two"]})
    path = tmp_path / "x"
    frame.to_parquet(path) if form == "parquet" else frame.to_json(path, orient="records")
    target.write(path.read_bytes())
    target.close()
    [batch] = open_table(source, ReadOptions(format=form)).batches(100)
    assert batch.values("text") == ["one", "two"]


def test_texts_that_are_there_already_are_a_table():
    [batch] = open_texts(["one", "two"]).batches(100)
    assert (list(batch.places), batch.values("text")) == ([1, 2], ["one", "two"])


def test_the_dialect_of_one_column_is_its_own():
    assert choose_delimiter(lines_of("text\na film\n"), ",", ReadOptions()) == ","


@pytest.mark.parametrize(("given", "wanted"), [("tab", "\t"), (";", ";"), ("\\t", "\t")])
def test_delimiters_may_be_spelled(given, wanted):
    assert parse_delimiter(given) == wanted


@pytest.mark.parametrize("given", ["", "ab", '"', "\n"])
def test_what_is_no_delimiter_is_refused(given):
    with pytest.raises(ConfigError, match="wanted one character"):
        parse_delimiter(given)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("a.CSV", "csv"), ("a.tsv.gz", "tsv"), ("a.ndjson", "jsonl"), ("a.xls", "excel")],
)
def test_the_name_says_the_format(name, wanted):
    assert input_format(Path(name), None) == wanted


def test_a_name_that_says_nothing_is_taken_for_csv_or_can_be_helped():
    assert input_format(Path("data"), None) == "csv"
    assert input_format(Path("data.docx"), "csv") == "csv"
    with pytest.raises(DataError, match=r"the format \.docx is not known; wanted one of \.csv"):
        input_format(Path("data.docx"), None)
    with pytest.raises(ConfigError, match="--output-format"):
        output_format(Path("data"), None)


@pytest.mark.parametrize("name", ["a.csv.gz", "a.xls", "a.ods"])
def test_what_is_only_read_is_not_written(name):
    with pytest.raises(ConfigError, match="not written"):
        output_format(Path(name), None)
