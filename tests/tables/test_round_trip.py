"""What was written in any format is read back as it was, by this package's own reader."""

from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from ktrain_sentiment.tables import ReadOptions, open_table
from ktrain_sentiment.tables.formats import output_format
from ktrain_sentiment.tables.outputs import open_output
from ktrain_sentiment.tables.writing import OutputDialect, OutputSchema, unguard

NAMES = ("text", "note")
CELLS = st.text(
    st.one_of(
        st.sampled_from("\"',;\t\r\n\0=+-@ \\|🙂é\u2028\x1b\x85\ufeff"),
        st.characters(exclude_categories=["Cs"]),
    ),
    max_size=8,
)
ROWS = st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=5)
Cells = tuple[object, ...]


def write(path: Path, rows: list[Cells], names=NAMES, dialect=None) -> None:
    schema = OutputSchema(names=names, shown=names)
    output = open_output(
        path, output_format(path, None), schema, {}, dialect=dialect, overwrite=True
    )
    records = [dict(zip(names, row, strict=True)) for row in rows]
    for start in range(0, len(records), 2):
        part = records[start : start + 2]
        output.write(range(start + 1, start + 1 + len(part)), part)
    output.finish()


def read(path: Path, names=NAMES, **options: object) -> list[Cells]:
    table = open_table(path, ReadOptions(known_columns=names, **options))
    assert table.columns == names
    batches = list(table.batches(3))
    assert all(not batch.problems for batch in batches)
    return [tuple(row.get(n) for n in names) for batch in batches for row in batch.records()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("written")


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet", ".xlsx"])
@settings(max_examples=30)
@given(rows=ROWS)
@example(rows=[("=1+1", "lone\rreturn"), ("", '"'), ("\0", "007"), (" a ", "12345678901234567890")])
def test_rows_come_back_from_every_format(folder, suffix, rows):
    path = folder / f"rows{suffix}"
    if suffix == ".xlsx":  # A blank row of a sheet is no row, and XML has one line break.
        rows = [tuple(cell.replace("\r\n", "\n") for cell in row) for row in rows if any(row)]
        assume(rows)
    write(path, rows)
    assert [tuple(cell or "" for cell in row) for row in read(path)] == rows


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("delimiter", [";", "|"])
@settings(max_examples=30)
@given(rows=ROWS)
def test_rows_come_back_in_other_dialects_too(folder, encoding, delimiter, rows):
    write(folder / "d.csv", rows, dialect=OutputDialect(encoding=encoding, delimiter=delimiter))
    assert read(folder / "d.csv", delimiter=delimiter) == rows


@settings(max_examples=30)
@given(rows=ROWS)
def test_rows_that_were_guarded_for_a_spreadsheet_come_back(folder, rows):
    write(folder / "g.csv", rows, dialect=OutputDialect(encoding="utf-8-sig", guarded=True))
    assert [tuple(map(unguard, row)) for row in read(folder / "g.csv", delimiter=",")] == rows


@settings(max_examples=30)
@given(rows=st.lists(st.tuples(CELLS), min_size=1, max_size=5))
@example(rows=[("a",), ("",), ("b",)])
def test_a_single_column_keeps_its_empty_cells_in_line(folder, rows):
    write(folder / "one.csv", rows, names=("text",))
    got = read(folder / "one.csv", ("text",), delimiter=",", quoting="yes")
    assert [(cell or "",) for (cell,) in got] == rows


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_formats_with_values_tell_the_missing_from_the_empty(tmp_path, suffix):
    rows = [("a", None), ("", "b"), (None, "")]
    write(tmp_path / f"x{suffix}", rows)
    assert read(tmp_path / f"x{suffix}") == rows


def test_json_keeps_numbers_of_any_length(tmp_path):
    rows = [(10**400, 0.1), (-(2**63), True)]
    write(tmp_path / "x.jsonl", rows)
    assert read(tmp_path / "x.jsonl") == rows


@settings(max_examples=30)
@given(rows=ROWS)
def test_lines_of_text_hold_one_row_each(folder, rows):
    write(folder / "x.txt", rows)
    lines = (folder / "x.txt").read_text("utf-8").split("\n")[:-1]
    assert lines == ["\t".join(" ".join(cell.split()) for cell in row) for row in rows]
