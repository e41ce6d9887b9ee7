"""Several files as one table: what a user's columns hold is kept, whatever they are called."""

import pytest

from ktrain_sentiment.config import SplitConfig
from ktrain_sentiment.data.splitting import split
from ktrain_sentiment.tables import open_table

HEADER = "text,label,file,file_row,split\n"


def rows(source):
    return [record for batch in open_table(source).batches() for record in batch.records()]


def test_own_columns_keep_their_values_where_files_are_joined(write, tmp_path):
    one = write("one.csv", HEADER + "good,positive,a.doc,7,B\n")
    write("two.csv", HEADER + "bad,negative,b.doc,8,A\n")
    table = open_table(f"{tmp_path}/*.csv")
    assert table.columns == (*HEADER.strip().split(","), "file (2)", "file_row (2)")
    first = rows(f"{tmp_path}/*.csv")[0]
    assert (first["file"], first["file_row"], first["split"]) == ("a.doc", "7", "B")
    assert (first["file (2)"], first["file_row (2)"]) == (str(one), 2)
    assert (table.types["file"], table.types["file_row (2)"]) == (str, int)


def test_own_columns_keep_their_values_in_a_folder_of_splits(write, read, tmp_path):
    for name in ("train", "test"):
        lines = [f"{name} {label} {n},{label},{n}.doc,7,B\n" for label in "ab" for n in range(9)]
        write(f"data/{name}.csv", HEADER + "".join(lines))
    table = open_table(tmp_path / "data")
    assert table.columns[-3:] == ("file (2)", "file_row (2)", "split (2)")
    assert {record["split"] for record in rows(tmp_path / "data")} == {"B"}
    found = read(tmp_path / "data")
    assert found.is_split
    divided = split(found, SplitConfig(validation=0.2))
    assert set(divided.test["source_split"]) == {"B"}
    assert all(text.startswith("test ") for text in divided.test["text"])


def test_a_message_names_the_file_that_was_read_and_not_a_cell_of_that_name(write, read, tmp_path):
    for name in ("one", "two"):
        write(f"{name}.jsonl", '{"text": "a", "label": "x", "file": "own", "file_row": 5}\n' * 2)
    write("two.jsonl", '{"text": {}, "label": "y", "file": "own", "file_row": 5}\n')
    with pytest.raises(Exception, match=r"two\.jsonl: row 1"):
        read(f"{tmp_path}/*.jsonl", text_column="text")


def opened_again(source) -> str:
    return open_table(source).stamp()


@pytest.mark.parametrize("pattern", ["~/in/*.csv", "~/in/**/*.csv", "~/in/a.csv", "~/in"])
def test_a_source_that_changed_is_told_from_what_it_was(write, tmp_path, monkeypatch, pattern):
    monkeypatch.setenv("HOME", str(tmp_path))
    one = write("in/a.csv", "text\ngood\n") if pattern != "~/in" else write("in/pos/a.txt", "good")
    before = opened_again(pattern)
    assert before == opened_again(pattern) == opened_again(pattern.replace("~", str(tmp_path)))
    one.write_text("text\ngood\nbad\n")
    assert opened_again(pattern) != before


def test_a_further_file_makes_another_source(write, tmp_path):
    write("a.csv", "text\ngood\n")
    before = opened_again(f"{tmp_path}/*.csv")
    write("b.csv", "text\nbad\n")
    assert opened_again(f"{tmp_path}/*.csv") != before


def test_a_remote_file_is_told_by_what_is_in_it():
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    stamps = []
    for content in (b"text\ngood\n", b"text\ngood\n", b"text\ndull\n"):
        memory.pipe("/in.csv", content)
        stamps.append(opened_again("memory://in.csv"))
    memory.store.clear()
    assert stamps[0] == stamps[1] != stamps[2]
