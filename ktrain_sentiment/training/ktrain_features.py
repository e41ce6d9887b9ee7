"""What ktrain's own classifiers read: ids of words and n-grams, and vectors of words from a file.

ktrain's `StandardTextPreprocessor` decides the ids; it is saved in the predictor, so that plain
ktrain reads texts as training did. Batches are of one width.

Word vectors come as the text files that word2vec, GloVe and fastText are published in: a word a
line, then its numbers, with blanks between; word2vec and fastText put a line with the number of
words and of dimensions first, GloVe does not. The file may be gzipped.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ktrain_sentiment.config import ModelConfig, TrainConfig
from ktrain_sentiment.errors import ConfigError, DataError
from ktrain_sentiment.evaluation.predictions import class_indices
from ktrain_sentiment.export.ktrain_models import READS_PADDING
from ktrain_sentiment.predictor.tokenization import FeatureIndex, make_index
from ktrain_sentiment.training.backend import Backend, Untyped, suppress_output
from ktrain_sentiment.training.dataset import (
    ResumableDataset,
    as_ktrain_dataset,
    one_hot,
)


@dataclass(frozen=True)
class FeatureRows:
    """Feature ids and targets of some rows.

    Attributes:
        ids: int32 of shape (rows, features), padded with 0 on the left.
        targets: float32 of shape (rows, classes).
    """

    ids: NDArray[np.int32]
    targets: NDArray[np.float32]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """All alike: every row is padded to the same width."""
        return np.zeros(len(self.ids), np.int64)

    def batch(
        self, rows: NDArray[np.int64] | slice
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Ids and targets of some rows."""
        return self.ids[rows], self.targets[rows]


@dataclass(frozen=True)
class FeaturePreprocessor:
    """ktrain's preprocessor, which knows the words, n-grams and labels of the training rows.

    Attributes:
        family: The model that reads them, by ktrain's name.
        ktrain_preprocessor: A `StandardTextPreprocessor`, ready to be saved in a predictor.
        labels: The classes, in the order of the model's outputs.
    """

    family: str
    ktrain_preprocessor: Untyped
    labels: tuple[str, ...]

    def encode(
        self, frame: pd.DataFrame, targets: NDArray[np.float32] | None = None
    ) -> FeatureRows:
        """Feature ids of the `text` column; targets are one-hot `label`s unless given."""
        if targets is None:
            targets = one_hot(class_indices(frame["label"], self.labels), len(self.labels))
        return FeatureRows(self.ids(frame["text"].tolist()), targets)

    def encode_to_ask(self, frame: pd.DataFrame) -> FeatureRows:
        """Feature ids of the `text` column, without targets."""
        return self.encode(frame, np.zeros((len(frame), len(self.labels)), np.float32))

    def ids(self, texts: Sequence[str]) -> NDArray[np.int32]:
        """Feature ids as ktrain makes them, shape (texts, features)."""
        with suppress_output():
            ids, _ = self.ktrain_preprocessor.preprocess_test(list(texts), verbose=0)
        return np.asarray(ids, np.int32)

    def index(self) -> FeatureIndex:
        """The words and n-grams as plain data."""
        known = self.ktrain_preprocessor
        return make_index(
            known.tok.word_index,
            known.tok_dct,
            known.tok.num_words,
            known.maxlen,
            padded=self.family in READS_PADDING,
            segmented=known.is_nospace_lang(),
        )

    def dataset(self, backend: Backend, rows: FeatureRows, config: TrainConfig) -> Untyped:
        """The rows as ktrain's Learner wants them."""
        return as_ktrain_dataset(ShuffledDataset, backend, rows, config)

    def probabilities(self, data: Untyped, output: Untyped) -> NDArray[np.float32]:
        """What the model's `predict` gave: these models end in a softmax."""
        table: NDArray[np.float32] = data.in_stored_order(np.asarray(output, np.float32))
        return table


class ShuffledDataset(ResumableDataset):
    """Feature rows with everything that ktrain asks of a data set.

    Evaluation keeps the rows' own order.
    """

    rows: FeatureRows

    def xshape(self) -> tuple[int, ...]:
        """Rows and features."""
        return tuple(self.rows.ids.shape)

    def get_y(self) -> NDArray[np.float32]:
        """Targets, float32 of shape (rows, classes)."""
        return self.rows.targets

    def in_stored_order(self, results: NDArray[Any]) -> NDArray[Any]:
        """Results of an evaluation, which keeps the rows' own order."""
        return results

    def _inputs(self) -> Untyped:
        return self.backend.tf.TensorSpec([None, self.rows.ids.shape[1]], self.backend.tf.int32)

    def _evaluation_stream(self) -> Iterator[tuple[NDArray[np.int32], NDArray[np.float32]]]:
        for first in range(0, self.nsamples(), self.batch_size):
            yield self.rows.batch(slice(first, first + self.batch_size))


def make_feature_preprocessor(
    backend: Backend, train: pd.DataFrame, labels: Sequence[str], config: ModelConfig
) -> tuple[FeaturePreprocessor, FeatureRows]:
    """Fit ktrain's preprocessor on the training rows, and encode them.

    Rows are as wide as the longest training text, at most `config.feature_limit`: ktrain pads every
    row to the limit, though most texts are far below it.
    """
    try:
        preprocessor, ids, targets = _fit_preprocessor(backend, train, config, config.longest_ngram)
    except ValueError as error:
        # ktrain takes the maximum of all n-grams, also where every text is a single word.
        if "zero-size array" not in str(error):
            raise
        preprocessor, ids, targets = _fit_preprocessor(backend, train, config, 1)
    if tuple(preprocessor.get_classes()) != tuple(labels):
        raise ConfigError(f"ktrain sees the classes {preprocessor.get_classes()}, not {labels}")
    # ktrain pads on the left: columns that are zero everywhere stand before the longest text.
    used = np.flatnonzero(ids.any(axis=0))
    if not len(used):
        raise ConfigError("no training text has a word in it, so there is nothing to learn from")
    preprocessor.maxlen = ids.shape[1] - int(used[0])
    kept = np.asarray(ids[:, used[0] :], np.int32)
    rows = FeatureRows(kept, np.asarray(targets, np.float32))
    return FeaturePreprocessor(config.model, preprocessor, tuple(labels)), rows


def _fit_preprocessor(
    backend: Backend, train: pd.DataFrame, config: ModelConfig, ngrams: int
) -> tuple[Untyped, NDArray[Any], NDArray[Any]]:
    """A fitted preprocessor of ktrain, and the training rows' ids and one-hot labels."""
    preprocessor = backend.ktrain.text.preprocessor.StandardTextPreprocessor(
        maxlen=config.feature_limit, max_features=config.vocab_size, lang=None, ngram_range=ngrams
    )
    texts, labels = train["text"].tolist(), train["label"].tolist()
    with suppress_output():
        ids, targets = preprocessor.preprocess_train(texts, labels, verbose=0)
    return preprocessor, ids, targets


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
        word, _, numbers = line.partition(" ")
        if line.count(" ") != width:  # A few of GloVe's words have blanks in them.
            word, *parts = line.rsplit(" ", width)
            numbers = " ".join(parts)
        if word in wanted and word not in found:
            parts = numbers.split()
            if len(parts) != width or not all(map(_is_number, parts)):
                raise DataError(
                    f"{path}, line {number}: wanted {width} numbers after the word, "
                    f"got {numbers[:40]!r}"
                )
            found[word] = len(vectors)
            vectors.append(np.array(parts, np.float32))
    if not vectors:
        raise DataError(
            f"{path}: none of the training texts' {len(wanted):,} words has a vector in it; wanted "
            "lines of a word and its numbers, as GloVe and fastText publish them"
        )
    return WordVectors(found, np.stack(vectors))


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Number and text of each line, without the header."""
    # errors="replace": a word that is no UTF-8 costs that word alone.
    opened = gzip.open if path.suffix == ".gz" else io.open
    try:
        with opened(path, "rt", encoding="utf-8", errors="replace", newline="\n") as file:
            for number, line in enumerate(file, start=1):
                parts = line.split(maxsplit=2)
                is_header = number == 1 and len(parts) == 2 and all(map(str.isdigit, parts))
                if parts and not is_header:
                    yield number, line.rstrip()
    except (OSError, EOFError) as error:
        raise DataError(f"{path}: word vectors cannot be read: {error}") from error


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
