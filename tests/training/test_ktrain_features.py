"""Word vectors are read from the formats in which they are published, and damage is named."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from ktrain_sentiment.errors import DataError
from ktrain_sentiment.training.ktrain_features import embedding_table, read_word_vectors

GLOVE = "good 1 2 3\nbad -1 -2 -3\n. . 7 8 9\nugly 4 5 6\n"


@pytest.fixture
def write(tmp_path: Path):
    def write(content: str, name: str = "vectors.txt") -> Path:
        path = tmp_path / name
        opened = gzip.open if name.endswith(".gz") else open
        with opened(path, "wt", encoding="utf-8") as file:
            file.write(content)
        return path

    return write


@pytest.mark.parametrize("header", ["", "4 3\n"], ids=["GloVe", "word2vec"])
@pytest.mark.parametrize("name", ["v.txt", "v.vec.gz"])
def test_vectors_of_the_wanted_words_are_read(write, header: str, name: str) -> None:
    vectors = read_word_vectors(write(header + GLOVE, name), {"bad", "ugly", "absent"})
    assert vectors.words == {"bad": 0, "ugly": 1}
    assert vectors.table.tolist() == [[-1, -2, -3], [4, 5, 6]]
    assert vectors.table.dtype == np.float32


def test_a_word_with_a_blank_in_it_does_not_shift_the_numbers(write) -> None:
    assert read_word_vectors(write(GLOVE), {". ."}).table.tolist() == [[7, 8, 9]]


def test_of_a_word_that_occurs_twice_the_first_counts(write) -> None:
    vectors = read_word_vectors(write("a 1 2\na 3 4\n"), {"a"})
    assert vectors.table.tolist() == [[1, 2]]


def test_a_number_can_be_a_word(write) -> None:
    assert read_word_vectors(write("1990 0.5 0.25\n"), {"1990"}).width == 2


def test_a_line_with_too_few_numbers_is_named(write) -> None:
    with pytest.raises(DataError, match=r"line 2: wanted 3 numbers after the word"):
        read_word_vectors(write("good 1 2 3\nbad 1 2\n"), {"good", "bad"})


def test_a_file_of_other_words_is_refused(write) -> None:
    with pytest.raises(DataError, match="none of the training texts' 1 words has a vector"):
        read_word_vectors(write(GLOVE), {"gut"})


@pytest.mark.parametrize("content", ["some text\nand more\n", "\x00\x01\x02 binary"])
def test_a_file_that_is_no_table_of_vectors_is_refused(write, content: str) -> None:
    with pytest.raises(DataError, match="line 1: wanted a word and its numbers"):
        read_word_vectors(write(content), {"some"})


def test_an_empty_file_is_refused(write) -> None:
    with pytest.raises(DataError, match="has no word vectors"):
        read_word_vectors(write("2 3\n"), {"a"})


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read") as caught:
        read_word_vectors(tmp_path / "none.txt", {"a"})
    assert "\n" not in str(caught.value)


def test_a_gzip_file_that_was_cut_off_is_refused(write, tmp_path: Path) -> None:
    lines = "".join(f"word{n} {n} {n * 7 % 13}\n" for n in range(5000))
    whole = write(lines, "v.gz").read_bytes()
    (tmp_path / "half.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="cannot be read"):
        read_word_vectors(tmp_path / "half.gz", {"word4999"})


def test_words_without_a_vector_and_rare_words_stay_zero(write) -> None:
    vectors = read_word_vectors(write(GLOVE), {"good", "bad"})
    table = embedding_table(vectors, {"good": 2, "unknown": 1, "bad": 9}, rows=4)
    assert table.tolist() == [[0, 0, 0], [0, 0, 0], [1, 2, 3], [0, 0, 0]]
