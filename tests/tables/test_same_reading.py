"""Whatever a file holds, it is read the same whole and in batches, in training and prediction.

Properties, not examples: any bytes, under any name, through both doors and by a pipe.
"""

import os
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ktrain_sentiment.errors import SentimentError
from ktrain_sentiment.tables import ReadOptions, open_table
from support.sides import agree, predicted, trained

PIECES = [
    "text", "label", "text,label\n", "text\tlabel\n", "sep=;\n", "good", "bad", "a b c d", "\n",
    "\r\n", "\r", ",", "\t", ";", "|", '"', '""', '\\"', " ", "\ufeff", "é", "ł", "😀", "\0", "NA",
    "1", "-1", "{", "}", "[", "]", ":", '{"text": "a b"}\n', '{"text": "\\ud83d"}\n', "__label__x ",
    "@good", "'", "\u2028", "\x85", "\x1c",
]  # fmt: skip
TEXT = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)
ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252", "cp1250"])
CONTENT = st.binary(max_size=200) | st.builds(
    lambda text, encoding: text.encode(encoding, "replace"), TEXT, ENCODINGS
)
NAMES = st.sampled_from(
    ["a.csv", "a.tsv", "a.txt", "a.json", "a.jsonl", "a", "a.xlsx", "a.parquet", "a.zip",
     "a.csv.gz", "a.csv.xz", "a.csv.bz2", "a.csv.zst"]
)  # fmt: skip
many = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=200
)  # fmt: skip


@many
@given(content=CONTENT, name=NAMES, size=st.integers(1, 9))
def test_any_bytes_are_read_alike_by_both_sides_and_in_batches_of_any_size(content, name, size):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(content)
        whole, parts = predicted(path, size=10_000), predicted(path, size=size)
        assert whole == parts
        assert agree(trained(path), whole)
        assert "\n" not in whole.refusal + trained(path).refusal


@many
@given(text=TEXT, quoting=st.sampled_from(["auto", "yes", "no"]),
       delimiter=st.sampled_from([None, ",", ";", "tab"]))  # fmt: skip
def test_flags_make_no_difference_between_the_sides(text, quoting, delimiter):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.csv")
        path.write_bytes(f"text,label\n{text}".encode())
        flags = {"quoting": quoting, "delimiter": delimiter, "text_column": None}
        assert agree(trained(path, **flags), predicted(path, **flags))


@many
@given(text=TEXT, form=st.sampled_from(["csv", "txt", "jsonl"]))
def test_a_pipe_gives_the_rows_of_the_file(text, form):
    """A file may be refused for what a pipe shows only at its end: then the pipe's rows are bad."""
    content = f"text,label\n{text}".encode()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"a.{form}")
        path.write_bytes(content)
        file = _rows(path, form)
        reading, writing = os.pipe()
        with os.fdopen(reading, "rb") as stream:
            os.write(writing, content)
            os.close(writing)
            piped = _rows(stream, form)
        if isinstance(file, str) and isinstance(piped, list) and "be read: " in file:
            assert all(problem for _, _, problem in piped)
        else:
            assert piped == file


def _rows(source, form):
    try:
        table = open_table(source, ReadOptions(format=form))
        return [
            (place, dict(record), str(batch.problems.get(k, "")))
            for batch in table.batches(3)
            for k, (place, record) in enumerate(zip(batch.places, batch.records(), strict=True))
        ]
    except SentimentError as error:
        return str(error).partition(":")[2]


def test_memory_stays_flat_for_a_file_of_any_size(tmp_path):
    import tracemalloc

    path = tmp_path / "large.csv"
    row = "a rather ordinary text that says nothing in particular,good\n"
    path.write_text("text,label\n" + row * 200_000)
    rows = 0
    tracemalloc.start()
    for batch in open_table(path).batches(1000):
        rows += len(batch)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert rows == 200_000
    assert most < 24 << 20 < path.stat().st_size * 2.1


@pytest.mark.parametrize("name", ["a.csv.gz", "a.txt.gz", "a.jsonl.gz", "a.json.gz"])
def test_a_line_that_unpacks_to_gigabytes_is_refused_and_not_stored(tmp_path, name):
    import gzip
    import tracemalloc

    path = tmp_path / name
    start = {"a.json.gz": b'[{"text": "', "a.jsonl.gz": b'{"text": "'}.get(name, b"text,label\n")
    with gzip.open(path, "wb", compresslevel=1) as stream:
        stream.write(start)
        for _ in range(300):
            stream.write(b"x" * (1 << 20))
    tracemalloc.start()
    refused = predicted(path).refusal
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "a line is longer than 64 MiB" in refused
    assert most < 220 << 20


def test_a_writer_that_pauses_gets_its_rows_before_it_goes_on():
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as stream:
        os.write(writing, b"text\none\n")
        batches = open_table(stream, ReadOptions(format="csv")).batches(100)
        assert next(batches).values("text") == ["one"]
        timer = threading.Timer(0.05, lambda: (os.write(writing, b"two\n"), os.close(writing)))
        timer.start()
        assert [text for batch in batches for text in batch.values("text")] == ["two"]
