"""Encodings: proved where possible, said where assumed, refused where doubtful."""

import pytest

from ktrain_sentiment.errors import ConfigError, DataError

CONTENT = "text,label\nWhat a café,positive\nNaïve and dull,negative\n"
TEXTS = ["What a café", "Naïve and dull"]


def test_utf8_needs_no_words(write, read):
    found = read(write("reviews.csv", CONTENT))
    assert found.frame["text"].tolist() == TEXTS
    assert not any("ncoding" in note or "UTF" in note for note in found.notes)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_decides_and_is_no_part_of_the_header(write, read, encoding):
    found = read(write("reviews.csv", CONTENT, encoding))
    assert found.frame["text"].tolist() == TEXTS
    assert found.text_column == "text"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark_is_recognised(write, read, encoding):
    found = read(write("reviews.csv", CONTENT, encoding))
    assert found.frame["text"].tolist() == TEXTS
    assert any(encoding.upper() in note for note in found.notes)


def test_a_latin1_csv_says_so(write, read):
    found = read(write("reviews.csv", CONTENT, "latin-1"))
    assert found.frame["text"].tolist() == TEXTS
    said = "not UTF-8: read as Latin-1 (line 2 has “café,positive”); --encoding changes it"
    assert said in found.notes


def test_a_windows_1252_csv_says_so(write, read):
    texts = ["\u201cGreat\u201d \u2013 5 € well spent", "It\u2019s dull"]
    content = f"text,label\n{texts[0]},positive\n{texts[1]},negative\n"
    found = read(write("reviews.csv", content, "cp1252"))
    assert found.frame["text"].tolist() == texts
    assert any("read as Windows-1252" in note for note in found.notes)


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1251", "Прекрасный фильм, очень понравился всей семье"),
        ("shift_jis", "とても素晴らしい映画でした、また見たいです"),
        ("iso8859-7", "Πολύ ωραία ταινία, μου άρεσε πάρα πολύ"),
    ],
)
def test_an_encoding_of_another_script_is_refused_and_read_when_named(write, read, encoding, text):
    content = f"label\ttext\npositive\t{text}\nnegative\t{text[::-1]}\n"
    path = write("reviews.tsv", content, encoding)
    with pytest.raises(DataError, match="line 2 is not UTF-8 and could be one of several"):
        read(path)
    assert read(path, encoding=encoding).frame["text"].tolist() == [text, text[::-1]]


def test_one_line_of_another_encoding_among_utf8_is_named(write, read):
    content = CONTENT.encode() + "Très drôle,positive\n".encode("latin-1")
    with pytest.raises(DataError, match="line 4 is not valid UTF-8, though other text in the file"):
        read(write("reviews.csv", content))


def test_an_unknown_encoding_is_refused(write, read):
    with pytest.raises(ConfigError, match="--encoding utf-9: no such encoding; try utf-8 or"):
        read(write("reviews.csv", CONTENT), encoding="utf-9")


def test_the_wrong_encoding_names_the_place(write, read):
    with pytest.raises(
        DataError, match="line 2 is not valid ASCII; mend that line, or name the right"
    ):
        read(write("reviews.csv", CONTENT), encoding="ascii")


def test_json_lines_are_read_in_their_encoding(write, read):
    content = '{"text": "café", "label": "a"}\n{"text": "thé", "label": "b"}\n'
    found = read(write("reviews.jsonl", content, "latin-1"))
    assert found.frame["text"].tolist() == ["café", "thé"]
