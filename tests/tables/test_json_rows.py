"""Lists and sequences of JSON objects: no row is lost without a word."""

import pytest

from ktrain_sentiment.errors import DataError

LIST = '[{"text": "good film"}]'
TWO = '[{"text": "bad film"},\n {"text": "awful"}]'


@pytest.mark.parametrize(
    "content",
    [
        f"{LIST}\n{TWO}",
        f"{LIST}{TWO}\n",
        f"{LIST},\n{TWO}",
        f'{LIST}\n{{"text": "bad film"}}\n{{"text": "awful"}}',
        f'{{"text":\n "good film"}}\n{TWO}',
        f'[]\n{LIST}\n[]\n{TWO}\n[]',
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["rows.json", "rows.jsonl"])
def test_all_lists_of_a_file_are_read(write, both, content, name):
    if content.startswith("{") and name.endswith("l"):
        pytest.skip("an object over several lines is no JSON Lines")
    assert both(write(name, content)).texts == ["good film", "bad film", "awful"]


@pytest.mark.parametrize("garbage", ["garbage", "]", '"text", 5 null', "}"])
def test_what_stands_between_two_lists_is_a_row_that_cannot_be_read(write, both, garbage):
    found = both(write("rows.json", f"{LIST} {garbage} {TWO}"))
    assert found.texts == ["good film", None, "bad film", "awful"]
    assert found.problems == {2: "record 2 is no JSON: wanted an object or a list"}


def test_what_stands_behind_the_last_list_is_a_row_that_cannot_be_read(write, both):
    found = both(write("rows.json", f"{LIST}\ngarbage"))
    assert found.texts == ["good film", None]


def test_damaged_bytes_in_a_list_are_a_problem_of_their_row_alone(write, both, read):
    damaged, signed = b'{"text": "caf\xff"}', '{"text": "naïve \ufffd"}'.encode()
    rows = [b'{"text": "good film"}', signed, damaged, signed]
    lines = both(write("rows.jsonl", b"\n".join(rows)))
    found = both(write("rows.json", b"[" + b",\n".join(rows) + b"]"))
    assert found.texts == lines.texts == ["good film", "naïve \ufffd", None, "naïve \ufffd"]
    assert found.problems[3] == lines.problems[3].replace("line", "record")
    # On a line with damaged bytes nobody can tell a replacement sign from the damage.
    on_one = both(write("rows.json", b"[" + b",".join(rows) + b"]"))
    assert on_one.texts == ["good film", None, None, None]
    with pytest.raises(DataError, match=r"record 3 is not valid UTF-8.*name the right --encoding"):
        read(write("rows.json", b"[" + b",\n".join(rows) + b"]"))


def test_a_cut_off_list_of_wide_letters_is_said(write, both):
    content = f"[{LIST[1:-1]}, {LIST[1:-1]}]".encode("utf-16")
    assert both(write("rows.json", content)).texts == ["good film"] * 2
    found = both(write("rows.json", content[:-9]))
    assert found.texts == ["good film", None]
