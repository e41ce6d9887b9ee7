"""Writing: any format to any other, whole or continued, with nothing lost."""

import csv
import errno
import io
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ktrain_sentiment.atomic import refuse_existing
from ktrain_sentiment.errors import ConfigError, DataError, InputError, SentimentError
from ktrain_sentiment.inference.scoring import (
    ScoreOptions,
    ScoreReport,
    TextTable,
    figures,
    new_columns,
    open_text_table,
    output_schema,
    score,
)
from ktrain_sentiment.prediction import Prediction, Probabilities, to_predictions
from ktrain_sentiment.runs import cache_folder
from ktrain_sentiment.tables import columnar, open_texts, outputs
from ktrain_sentiment.tables.columnar import ArrowEncoder
from ktrain_sentiment.tables.formats import output_format
from ktrain_sentiment.tables.outputs import open_output, stream_output
from ktrain_sentiment.tables.writing import OutputDialect, OutputSchema

ADDED = ("predicted", "probability", "p_no", "p_yes")
ODD = [
    "plain", 'with "quotes"', "comma, and\ttab", "two\nlines", "windows\r\nlines", "🙂 ünï", "NA",
    "=1+1", "  spaces  ", "\u2028separator", "null", "lone\rreturn",
]  # fmt: skip


def names(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir()}


class Counter:
    """A classifier whose probability is the share of vowels."""

    labels = ("no", "yes")

    def predict_proba(self, texts: Sequence[str]) -> Probabilities:
        share = [sum(letter in "aeiou" for letter in text) / len(text) for text in texts]
        return np.array([[1 - s, s] for s in share], np.float32).reshape(-1, 2)

    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        cut = [len(text) > 1000 for text in texts]
        return to_predictions(self.predict_proba(texts), self.labels, cut)


class StopsAfter(Counter):
    """Fails when it has seen so many texts, as if the process was stopped."""

    def __init__(self, texts: int) -> None:
        self.left = texts

    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        self.left -= len(texts)
        if self.left < 0:
            raise KeyboardInterrupt
        return super().predict(texts)


class StopsWithoutTexts(Counter):
    """Fails at the first batch without a text."""

    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        if not texts:
            raise KeyboardInterrupt
        return super().predict(texts)


def run(
    source: Path, target: Path, classifier: Counter | None = None, *, resume: bool = False,
    overwrite: bool = False, identity: dict[str, object] | None = None,
    dialect: OutputDialect | None = None, **options: object,
) -> ScoreReport:  # fmt: skip
    opened = open_text_table(source)
    classifier = classifier or Counter()
    chosen = ScoreOptions(**({"chunk": 4} | options))
    names = new_columns(opened.table, classifier.labels, chosen)
    form = output_format(target, None)
    output = open_output(
        target, form, output_schema(opened, names), identity or {"input": 1},
        resume=resume, overwrite=overwrite, dialect=dialect,
    )  # fmt: skip
    return score(opened, classifier, output, chosen)


def write_input(folder: Path, suffix: str, texts: Sequence[str]) -> Path:
    path = folder / f"input{suffix}"
    frame = pd.DataFrame({"id": [f"{n:03d}" for n in range(len(texts))], "text": texts})
    if suffix == ".parquet":
        frame.to_parquet(path)
    elif suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in frame.to_dict("records")))
    elif suffix == ".xlsx":
        options = {"strings_to_formulas": False, "strings_to_urls": False}
        with pd.ExcelWriter(path, engine="xlsxwriter", engine_kwargs={"options": options}) as book:
            frame.to_excel(book, index=False)
    else:
        delimiter = "\t" if suffix == ".tsv" else ","
        with path.open("w", newline="") as stream:
            rows = [frame.columns, *frame.itertuples(index=False)]
            csv.writer(stream, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(rows)
    return path


def read_output(path: Path) -> list[dict[str, object]]:
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().split("\n")[:-1]]
    if path.suffix == ".xlsx":
        frame = pd.read_excel(path, engine="calamine", dtype={"id": str}, keep_default_na=False)
        return frame.to_dict("records")
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t" if path.suffix == ".tsv" else ","))


SUFFIXES = [".csv", ".tsv", ".jsonl", ".parquet", ".xlsx"]


@pytest.mark.parametrize("suffix_in", SUFFIXES)
@pytest.mark.parametrize("suffix_out", SUFFIXES)
def test_any_format_becomes_any_other_with_every_value(tmp_path, suffix_in, suffix_out):
    source = write_input(tmp_path, suffix_in, ODD)
    run(source, tmp_path / f"output{suffix_out}")
    rows = read_output(tmp_path / f"output{suffix_out}")
    excel = ".xlsx" in {suffix_in, suffix_out}
    # XML has one kind of line break: Excel turns \r\n into \n.
    wanted = [re.sub(r"\r\n?", "\n", text) if excel else text for text in ODD]
    got = [str(row["text"]) for row in rows]
    assert [re.sub(r"\r\n?", "\n", text) if excel else text for text in got] == wanted
    assert [row["id"] for row in rows] == [f"{n:03d}" for n in range(len(ODD))]
    assert list(rows[0]) == ["id", "text", *ADDED]
    for row, prediction in zip(rows, Counter().predict(ODD), strict=True):
        assert row["predicted"] == prediction.label
        assert float(row["p_yes"]) == pytest.approx(prediction.probabilities["yes"], abs=0.01)


def test_the_types_of_a_parquet_file_stay(tmp_path):
    table = pa.table({
        "text": ["good", "bad"],
        "when": pa.array([1, 2], pa.timestamp("us", tz="UTC")),
        "price": pa.array([1.5, None]),
        "tags": [["a"], []],
        "kind": pa.array(["x", "y"]).dictionary_encode(),
    })  # fmt: skip
    pq.write_table(table, tmp_path / "in.parquet")
    run(tmp_path / "in.parquet", tmp_path / "out.parquet")
    got = pq.read_table(tmp_path / "out.parquet")
    assert got.select(table.column_names).equals(table)
    assert got.schema.field("p_yes").type == pa.float32()


def test_json_types_stay_in_json_and_in_parquet(tmp_path):
    rows = [{"text": "good", "n": 2**60, "x": 1, "ok": True, "deep": {"a": [1, None]}},
            {"text": "bad", "n": 1, "x": 0.5, "ok": None, "deep": None}]  # fmt: skip
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    run(tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    got = [{k: row[k] for k in rows[0]} for row in read_output(tmp_path / "out.jsonl")]
    assert got == rows
    run(tmp_path / "in.jsonl", tmp_path / "out.parquet")
    first, second = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert (first["n"], first["x"], first["ok"]) == (2**60, 1.0, True)
    assert (json.loads(first["deep"]), second["deep"]) == ({"a": [1, None]}, None)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_bad_rows_are_kept_empty_and_named_by_line(tmp_path, suffix, caplog):
    (tmp_path / "in.csv").write_text("id,text\n1,good\n2,\n3,a,b\n4,bad\n")
    report = run(tmp_path / "in.csv", tmp_path / f"out{suffix}")
    rows = read_output(tmp_path / f"out{suffix}")
    assert [row["predicted"] or "" for row in rows] == ["no", "", "", "no"]
    assert [bool(row["probability"]) for row in rows] == [True, False, False, True]
    assert (report.rows, report.scored, report.bad) == (4, 2, 2)
    assert "line 3 has no text in column 'text'; kept without" in caplog.text
    assert "line 4 has 3 comma-separated values where the first line has 2" in caplog.text


def test_only_the_first_bad_rows_are_listed(tmp_path, caplog):
    (tmp_path / "in.csv").write_text("id,text\n" + "1,\n" * 500 + "2,good\n")
    report = run(tmp_path / "in.csv", tmp_path / "out.csv", chunk=100)
    assert report.bad == 500
    assert len(caplog.records) == 21
    assert "counted, not listed" in caplog.text


def test_abstaining_leaves_the_prediction_empty_and_the_probabilities_there(tmp_path):
    (tmp_path / "in.txt").write_text("aab\nxxxx\n")
    report = run(tmp_path / "in.txt", tmp_path / "out.csv", abstain_below=0.9)
    rows = read_output(tmp_path / "out.csv")
    assert [row["predicted"] for row in rows] == ["", "no"]
    assert rows[0]["probability"] == "0.666667"
    assert (report.abstained, report.labels) == (1, {"no": 1})


def test_scoring_a_scored_file_needs_a_prefix(tmp_path):
    (tmp_path / "in.csv").write_text("text,predicted\ngood,yes\n")
    with pytest.raises(ConfigError, match=r"has a column 'predicted' already.*--prefix new_"):
        run(tmp_path / "in.csv", tmp_path / "out.csv")
    run(tmp_path / "in.csv", tmp_path / "out.csv", prefix="v2_")
    assert list(read_output(tmp_path / "out.csv")[0]) == [
        "text", "predicted", *(f"v2_{name}" for name in ADDED),
    ]  # fmt: skip


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet", ".txt"])
@pytest.mark.parametrize("stopped_after", [1, 30, 55])
def test_a_stopped_run_goes_on_where_it_was(tmp_path, suffix, stopped_after, monkeypatch):
    monkeypatch.setattr(columnar, "_GROUP_ROWS", 7)
    source = write_input(tmp_path, ".csv", [f"text {n}\nof two lines" for n in range(60)])
    target = tmp_path / f"out{suffix}"
    with pytest.raises(KeyboardInterrupt):
        run(source, target, StopsAfter(stopped_after))
    assert not target.exists()
    report = run(source, target, resume=True)
    run(source, tmp_path / f"whole{suffix}")
    assert target.read_bytes() == (tmp_path / f"whole{suffix}").read_bytes()
    assert {p.name for p in tmp_path.iterdir()} == {"input.csv", target.name, f"whole{suffix}"}
    if stopped_after >= 30:
        assert 0 < report.rows < 60


def test_half_a_row_that_a_killed_process_wrote_is_cut_off(tmp_path):
    source = write_input(tmp_path, ".csv", [f"text {n}" for n in range(20)])
    with pytest.raises(KeyboardInterrupt):
        run(source, tmp_path / "out.csv", StopsAfter(10))
    with (tmp_path / "out.csv.partial").open("ab") as stream:
        stream.write(b'008,"half a ro')
    run(source, tmp_path / "out.csv", resume=True)
    assert len(read_output(tmp_path / "out.csv")) == 20


def test_only_rows_that_cannot_be_read_are_left_to_a_run_that_goes_on(tmp_path):
    lines = ['{"text": "good"}'] * 4 + ["no json"] * 3
    source = tmp_path / "in.jsonl"
    source.write_text("\n".join(lines))
    with pytest.raises(KeyboardInterrupt):
        run(source, tmp_path / "out.csv", StopsWithoutTexts())
    report = run(source, tmp_path / "out.csv", resume=True)
    assert (report.resumed_at, report.rows, report.bad) == (4, 3, 3)
    run(source, tmp_path / "whole.csv")
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_without_resume_a_stopped_run_begins_anew(tmp_path):
    source = write_input(tmp_path, ".csv", [f"text {n}" for n in range(20)])
    with pytest.raises(KeyboardInterrupt):
        run(source, tmp_path / "out.csv", StopsAfter(10))
    assert run(source, tmp_path / "out.csv").rows == 20


def test_resuming_with_something_else_is_refused(tmp_path):
    source = write_input(tmp_path, ".csv", [f"text {n}" for n in range(20)])
    with pytest.raises(KeyboardInterrupt):
        run(source, tmp_path / "out.csv", StopsAfter(10), identity={"predictor": "a"})
    with pytest.raises(ConfigError, match="made with another predictor"):
        run(source, tmp_path / "out.csv", resume=True, identity={"predictor": "b"})


def test_resuming_when_there_is_nothing_to_resume_just_runs(tmp_path):
    source = write_input(tmp_path, ".csv", ODD)
    assert run(source, tmp_path / "out.csv", resume=True).rows == len(ODD)


def test_a_workbook_cannot_be_continued(tmp_path):
    source = write_input(tmp_path, ".csv", ODD)
    with pytest.raises(ConfigError, match="cannot be continued"):
        run(source, tmp_path / "out.xlsx", resume=True)


def test_a_stopped_workbook_leaves_nothing(tmp_path):
    source = write_input(tmp_path, ".csv", ODD)
    with pytest.raises(KeyboardInterrupt):
        run(source, tmp_path / "out.xlsx", StopsAfter(5))
    assert {p.name for p in tmp_path.iterdir()} == {"input.csv"}


def test_what_excel_cannot_hold_is_said(tmp_path):
    (tmp_path / "in.txt").write_text("a" * 40_000 + "\n")
    with pytest.raises(DataError, match="line 1 holds more than 32,767 characters"):
        run(tmp_path / "in.txt", tmp_path / "out.xlsx")


def test_a_formula_stays_a_text_in_a_workbook(tmp_path):
    (tmp_path / "in.txt").write_text('=HYPERLINK("http://example.com")\n')
    run(tmp_path / "in.txt", tmp_path / "out.xlsx")
    assert read_output(tmp_path / "out.xlsx")[0]["text"] == '=HYPERLINK("http://example.com")'


def test_a_value_that_does_not_fit_its_column_is_named():
    schema = OutputSchema(names=("text", "n"), types={"text": str, "n": int})
    with pytest.raises(DataError, match="column 'n' does not stay int64 in lines 7 to 7"):
        ArrowEncoder(schema).encode([7], [{"text": "a", "n": "seven"}])


def test_a_pipe_gets_each_chunk_at_once():
    stream = io.BytesIO()
    source = TextTable(open_texts(["good", "two\nlines"]), "text")
    output = stream_output(stream, "txt", output_schema(source, ADDED))
    score(source, Counter(), output, ScoreOptions(chunk=1))
    assert stream.getvalue().decode() == "no\t0.5\tgood\nno\t0.666667\ttwo lines\n"


@pytest.mark.parametrize("form", ["parquet", "excel"])
def test_what_cannot_go_through_a_pipe_says_so(form):
    with pytest.raises(ConfigError, match="name a file with --output"):
        stream_output(io.BytesIO(), form, OutputSchema(names=("text",)))


def test_half_a_surrogate_pair_can_be_written(tmp_path):
    (tmp_path / "in.jsonl").write_text('{"text": "cut \\ud83d emoji"}\n')
    for suffix in (".csv", ".parquet"):
        run(tmp_path / "in.jsonl", tmp_path / f"out{suffix}")
        assert read_output(tmp_path / f"out{suffix}")[0]["text"] == "cut ? emoji"
    run(tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    assert read_output(tmp_path / "out.jsonl")[0]["text"] == "cut \ud83d emoji"


def test_progress_is_told_by_line(tmp_path):
    source = write_input(tmp_path, ".csv", ["two\nlines"] * 6)
    opened = open_text_table(source)
    names = new_columns(opened.table, Counter.labels, ScoreOptions())
    output = open_output(tmp_path / "out.csv", "csv", output_schema(opened, names), {})
    told: list[int] = []
    score(opened, Counter(), output, ScoreOptions(chunk=3), told.append)
    assert told == [6, 12]
    assert opened.table.end == 13


def test_the_report_is_ready_for_json(tmp_path):
    report = run(write_input(tmp_path, ".csv", ODD), tmp_path / "out.csv")
    assert json.loads(json.dumps(figures(report)))["rows"] == len(ODD)


# What a stopped run left, and whose it is


@pytest.fixture
def stopped(tmp_path) -> tuple[Path, Path]:
    """The input and the output of a run that was stopped after 8 of 20 rows."""
    source = write_input(tmp_path, ".csv", [f"text {n}" for n in range(20)])
    with pytest.raises(KeyboardInterrupt):
        run(source, tmp_path / "out.csv", StopsAfter(10))
    return source, tmp_path / "out.csv"


def beside(target: Path, suffix: str) -> Path:
    return target.with_name(target.name + suffix)


def cut(content: bytes) -> bytes:
    return content[:-5]


def zeros(content: bytes) -> bytes:
    return content[:-5] + bytes(5)


def swapped(content: bytes) -> bytes:
    return content.replace(b"text 3", b"text 4")


@pytest.mark.parametrize(
    ("change", "said"),
    [(cut, "is 5 bytes too short"), (zeros, "is damaged"), (swapped, "is damaged")],
)
def test_a_part_that_is_not_what_its_record_says_is_never_continued(stopped, change, said):
    source, target = stopped
    partial = beside(target, ".partial")
    partial.write_bytes(change(partial.read_bytes()))
    with pytest.raises(InputError, match=f"{said} .* leave out --resume to begin anew"):
        run(source, target, resume=True)
    assert run(source, target).rows == 20
    assert names(target.parent) == {"input.csv", "out.csv"}


@pytest.mark.parametrize("content", [b"", bytes(300), b"[]", b'{"done": 4}', b'{"size": "x"}'])
def test_a_damaged_record_is_said_with_a_way_on(stopped, content):
    source, target = stopped
    beside(target, ".partial.json").write_bytes(content)
    for resume in (True, False):
        with pytest.raises(InputError, match=r"partial\.json is damaged, .*: remove it and out"):
            run(source, target, resume=resume)
    for suffix in (".partial", ".partial.json"):
        beside(target, suffix).unlink()
    assert run(source, target).rows == 20


def test_a_record_without_its_part_begins_anew(stopped):
    source, target = stopped
    beside(target, ".partial").unlink()
    assert run(source, target, resume=True).rows == 20


def test_a_run_that_was_stopped_before_the_first_row_writes_the_header_once(tmp_path):
    source = write_input(tmp_path, ".csv", ODD)
    with pytest.raises(KeyboardInterrupt):
        run(source, tmp_path / "out.csv", StopsAfter(0))
    run(source, tmp_path / "out.csv", resume=True)
    assert [row["text"] for row in read_output(tmp_path / "out.csv")] == ODD


def test_files_of_the_user_are_never_removed(tmp_path):
    source = write_input(tmp_path, ".csv", ODD)
    for name in ("out.csv.partial", "out.csv.partial.json"):
        (tmp_path / name).write_text("precious")
        with pytest.raises(InputError, match=r"is in the way|no record of an output"):
            run(source, tmp_path / "out.csv")
        assert (tmp_path / name).read_text() == "precious"
        (tmp_path / name).unlink()
    assert names(tmp_path) == {"input.csv"}


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".xlsx"])
def test_a_private_file_stays_private_and_a_link_stays_a_link(tmp_path, suffix):
    source = write_input(tmp_path, ".csv", ODD)
    (tmp_path / "real").mkdir()
    target = tmp_path / "real" / f"out{suffix}"
    target.write_text("old")
    target.chmod(0o400)
    (tmp_path / f"link{suffix}").symlink_to(target)
    with pytest.raises(KeyboardInterrupt):
        run(source, tmp_path / f"link{suffix}", StopsAfter(5), overwrite=True)
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "real").glob("*.partial")} <= {0}
    assert target.read_text() == "old"
    run(source, tmp_path / f"link{suffix}", overwrite=True)
    assert (tmp_path / f"link{suffix}").is_symlink()
    assert target.stat().st_mode & 0o777 == 0o400
    assert len(read_output(target)) == len(ODD)


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".xlsx"])
def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path, suffix):
    target = tmp_path / f"out{suffix}"

    class Meanwhile(Counter):
        def predict(self, texts: Sequence[str]) -> list[Prediction]:
            target.write_text("of another")
            return super().predict(texts)

    source = write_input(tmp_path, ".csv", ODD)
    with pytest.raises(InputError, match="add --overwrite"):
        run(source, target, Meanwhile())
    assert target.read_text() == "of another"
    if suffix != ".xlsx":
        assert run(source, target, resume=True, overwrite=True).rows == 0
        assert len(read_output(target)) == len(ODD)


def test_the_rows_are_on_the_disk_before_the_record_that_vouches_for_them(tmp_path, monkeypatch):
    order = []
    monkeypatch.setattr(outputs.os, "fsync", lambda _: order.append("rows"))
    monkeypatch.setattr(outputs, "write_text", lambda *_: order.append("record"))
    schema = OutputSchema(names=("text",))
    output = open_output(tmp_path / "out.csv", "csv", schema, {})
    output.write([2], [{"text": "good"}])
    assert order == ["record", "rows", "record"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_what_is_written_before_a_full_disk_can_be_continued(tmp_path, monkeypatch, number):
    source = write_input(tmp_path, ".csv", [f"text {n}" for n in range(40)])
    write, calls = os.write, []

    def short(file: int, data: bytes) -> int:
        calls.append(data)
        if len(calls) == 6:
            return write(file, data[:9])
        if len(calls) > 6:
            raise OSError(number, os.strerror(number))
        return write(file, data)

    with monkeypatch.context() as patch:
        patch.setattr(outputs.os, "write", short)
        kind = OSError if number == errno.EIO else SentimentError
        with pytest.raises(kind, match=re.escape(os.strerror(number))):
            run(source, tmp_path / "out.csv")
    report = run(source, tmp_path / "out.csv", resume=True)
    assert 0 < report.rows < 40
    run(source, tmp_path / "whole.csv")
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_a_second_output_to_one_place_is_refused_even_by_another_name(tmp_path):
    (tmp_path / "link.csv").symlink_to(tmp_path / "out.csv")
    schema = OutputSchema(names=("text",))
    first = open_output(tmp_path / "out.csv", "csv", schema, {})
    with pytest.raises(InputError, match="being written by process"):
        open_output(tmp_path / "link.csv", "csv", schema, {}, resume=True)
    first.finish()
    assert (tmp_path / "out.csv").read_text() == "text\n"
    assert names(tmp_path) == {"out.csv", "link.csv"}


def test_a_dialect_continues_without_a_second_byte_order_mark(tmp_path):
    source = write_input(tmp_path, ".csv", ODD)
    dialect = OutputDialect(encoding="utf-16", guarded=True)
    with pytest.raises(KeyboardInterrupt):
        run(source, tmp_path / "out.csv", StopsAfter(5), dialect=dialect)
    run(source, tmp_path / "out.csv", resume=True, dialect=dialect)
    run(source, tmp_path / "whole.csv", dialect=dialect)
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert (tmp_path / "out.csv").read_text("utf-16").count("\ufeff") == 0


# To a URL


def spools() -> list[str]:
    """Files that wait on this machine to be sent."""
    found = (cache_folder() / "outputs").rglob("*")
    return sorted(path.name for path in found if path.is_file())


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl", ".xlsx"])
def test_an_output_in_s3_is_that_of_a_file(s3, tmp_path, suffix):
    source = write_input(tmp_path, ".csv", ODD)
    run(source, tmp_path / f"here{suffix}")
    run(source, Path(f"s3://reviews/out/scored{suffix}"))
    assert s3.names() == [f"out/scored{suffix}"]
    (tmp_path / f"there{suffix}").write_bytes(s3.get(f"out/scored{suffix}"))
    assert read_output(tmp_path / f"there{suffix}") == read_output(tmp_path / f"here{suffix}")
    assert spools() == []


def test_a_stopped_run_leaves_nothing_in_s3_and_goes_on(s3, tmp_path, monkeypatch):
    monkeypatch.setattr(outputs, "_SAVE_SECONDS", 0.0)
    source = write_input(tmp_path, ".csv", ["no", "yes"] * 10)
    target = Path("s3://reviews/scored.parquet")
    with pytest.raises(KeyboardInterrupt):
        run(source, target, StopsAfter(9))
    assert s3.names() == s3.unfinished() == []
    assert run(source, target, resume=True).resumed_at > 0
    assert pq.read_table(io.BytesIO(s3.get("scored.parquet"))).num_rows == 20
    assert spools() == []


def test_what_could_not_be_sent_is_kept_and_sent_by_the_run_that_goes_on(s3, tmp_path, monkeypatch):
    source = write_input(tmp_path, ".csv", ["no", "yes"] * 10)
    target = Path("s3://elsewhere/scored.csv")
    with pytest.raises(InputError) as raised:
        run(source, target)
    assert str(raised.value) == (
        "s3://elsewhere/scored.csv: there is no bucket elsewhere; check its name; what was made is "
        "kept on this machine: add --resume to send it"
    )
    s3.client.create_bucket(Bucket="elsewhere")
    assert run(source, target, StopsAfter(0), resume=True).rows == 0
    got = s3.client.get_object(Bucket="elsewhere", Key="scored.csv")["Body"].read()
    assert len(got.splitlines()) == 21
    assert spools() == []


def test_what_is_sent_in_parts_appears_when_it_is_whole_or_not_at_all(s3, tmp_path, monkeypatch):
    from ktrain_sentiment.remote import store

    large = tmp_path / "large.csv"
    large.write_bytes(os.urandom(101 << 20))
    place = store("s3://reviews/large.csv")
    usual, parts = place.system._call_s3, []

    async def call(method, *arguments, **options):
        if method == "upload_part":
            parts.append(s3.names())
            if len(parts) == 2:
                raise PermissionError("Access Denied")
        return await usual(method, *arguments, **options)

    monkeypatch.setattr(place.system, "_call_s3", call)
    with pytest.raises(InputError, match="access is refused"):
        place.send(large)
    assert parts[0] == parts[1] == s3.names() == s3.unfinished() == []
    monkeypatch.undo()


def test_an_object_that_is_there_and_a_place_that_takes_none_are_refused_before_a_row(s3):
    s3.put("a.csv", b"")
    with pytest.raises(InputError, match=r"s3://reviews/a.csv exists: choose another place"):
        refuse_existing(Path("s3://reviews/a.csv"), overwrite=False, remote=True)
    refuse_existing(Path("s3://reviews/a.csv"), overwrite=True, remote=True)
    with pytest.raises(
        InputError, match=r"wanted a place in a store: s3://, gs://, az:// or hf://"
    ):
        refuse_existing(Path("https://host/a.csv"), overwrite=False, remote=True)
