"""Pre-trained word vectors from a text file, as word2vec, fastText and GloVe publish them.

One word a line, then its numbers, with blanks between; word2vec and fastText put a line with the
number of words and of dimensions first, GloVe does not. The file may be gzipped.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.errors import DataError


@dataclass(frozen=True)
class WordVectors:
    """Vectors of those words that were wanted and found.

    Attributes:
        words: Position of each word in the table.
        table: float32 of shape (words, width).
    """

    words: dict[str, int]
    table: NDArray[np.float32]

    @property
    def width(self) -> int:
        """Dimensions of a vector."""
        return int(self.table.shape[1])


def read_word_vectors(path: Path, wanted: Collection[str]) -> WordVectors:
    """Read the vectors of the wanted words; of words that occur twice, the first counts.

    Only the lines of wanted words are turned into numbers, so a file of two million words takes
    seconds and little memory.

    Args:
        path: A text file, gzipped or not.
        wanted: Words to look for; give a set.

    Raises:
        DataError: The file cannot be read, is in another format, or has none of the words.
    """
    found: dict[str, int] = {}
    vectors: list[NDArray[np.float32]] = []
    lines = _lines(path)
    width = _width(path)
    for number, line in lines:
        word, numbers = _parted(line, width)
        if word in wanted and word not in found:
            found[word] = len(vectors)
            vectors.append(_vector(numbers, width, f"{path}, line {number}"))
    if not vectors:
        raise DataError(
            f"{path}: none of the training texts' {len(wanted):,} words has a vector in it; wanted "
            "lines of a word and its numbers, as GloVe and fastText publish them"
        )
    return WordVectors(found, np.stack(vectors))


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Number and text of each line, without the header."""
    opened = gzip.open if path.suffix == ".gz" else io.open
    try:
        with opened(path, "rt", encoding="utf-8", errors="replace", newline="\n") as file:
            for number, line in enumerate(file, start=1):
                if line.strip() and not (number == 1 and _is_header(line)):
                    yield number, line.rstrip()
    except (OSError, EOFError) as error:
        raise DataError(f"{path}: word vectors cannot be read: {error}") from error


def _is_header(line: str) -> bool:
    parts = line.split()
    return len(parts) == 2 and all(part.isdigit() for part in parts)


def _width(path: Path) -> int:
    """Dimensions of the vectors: how many numbers end the first line with a vector."""
    for number, line in _lines(path):
        parts = line.split(" ")
        numbers = next((i for i, part in enumerate(reversed(parts)) if not _is_number(part)), None)
        width = len(parts) - 1 if numbers is None else numbers
        if width < 2:
            raise DataError(
                f"{path}, line {number}: wanted a word and its numbers with blanks between, got "
                f"{line[:40]!r}; binary word2vec files must be saved as text first"
            )
        return width
    raise DataError(f"{path}: has no word vectors in it")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _parted(line: str, width: int) -> tuple[str, str]:
    """The word and its numbers; a few of GloVe's words have blanks in them."""
    word, _, numbers = line.partition(" ")
    if line.count(" ") != width:
        parts = line.rsplit(" ", width)
        return parts[0], " ".join(parts[1:])
    return word, numbers


def _vector(numbers: str, width: int, place: str) -> NDArray[np.float32]:
    parts = numbers.split()
    if len(parts) != width or not all(map(_is_number, parts)):
        raise DataError(f"{place}: wanted {width} numbers after the word, got {numbers[:40]!r}")
    return np.array(parts, np.float32)


def embedding_table(
    vectors: WordVectors, word_index: dict[str, int], rows: int
) -> NDArray[np.float32]:
    """Vectors in the rows that a tokenizer gave their words; zeros for words without a vector.

    Args:
        vectors: From `read_word_vectors`.
        word_index: Row of each word.
        rows: Rows of the table; words with a higher row are left out.
    """
    table = np.zeros((rows, vectors.width), np.float32)
    for word, row in word_index.items():
        if row < rows and word in vectors.words:
            table[row] = vectors.table[vectors.words[word]]
    return table
