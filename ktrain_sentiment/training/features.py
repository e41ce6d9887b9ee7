"""What ktrain's own classifiers read: ids of words and n-grams, in batches of one width.

ktrain's `StandardTextPreprocessor` decides the ids; it is saved in the predictor, so that plain
ktrain reads texts as training did.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ktrain_sentiment.config import ClassicConfig
from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.training import batches
from ktrain_sentiment.training.backend import Backend, Untyped, without_autotune
from ktrain_sentiment.training.dataset import one_hot
from ktrain_sentiment.training.model import class_indices


@dataclass(frozen=True)
class FeatureRows:
    """Feature ids and targets of some rows.

    Attributes:
        ids: int32 of shape (rows, features), padded with 0 on the left.
        targets: float32 of shape (rows, classes).
    """

    ids: NDArray[np.int32]
    targets: NDArray[np.float32]


@dataclass(frozen=True)
class ClassicPipeline:
    """ktrain's preprocessor, which knows the words, n-grams and labels of the training rows.

    Attributes:
        preprocessor: A `StandardTextPreprocessor`, ready to be saved in a predictor.
        labels: The classes, in the order of the model's outputs.
    """

    preprocessor: Untyped
    labels: tuple[str, ...]

    def encode(
        self, frame: pd.DataFrame, targets: NDArray[np.float32] | None = None
    ) -> FeatureRows:
        """Feature ids of the `text` column; targets are one-hot `label`s unless given."""
        if targets is None:
            targets = one_hot(class_indices(frame["label"], self.labels), len(self.labels))
        with hushed():
            ids, _ = self.preprocessor.preprocess_test(frame["text"].tolist(), verbose=0)
        return FeatureRows(np.asarray(ids, np.int32), targets)


class ShuffledRows:
    """Feature rows with everything that ktrain asks of a data set.

    For training it repeats for ever in an order that depends on the seed and the epoch alone,
    from `start_at(epoch, step)` on; for evaluation it keeps the rows' own order.
    """

    def __init__(self, backend: Backend, rows: FeatureRows, batch_size: int, seed: int) -> None:
        """Keep the rows; nothing is copied."""
        self.backend = backend
        self.rows = rows
        self.batch_size = batch_size
        self.seed = seed
        self.start = (0, 0)

    def start_at(self, epoch: int, step: int) -> None:
        """Begin the next training stream at this epoch and step, both from 0."""
        self.start = (epoch, step)

    def nsamples(self) -> int:
        """Number of rows."""
        return len(self.rows.ids)

    def nclasses(self) -> int:
        """Number of classes."""
        return int(self.rows.targets.shape[1])

    def xshape(self) -> tuple[int, ...]:
        """Rows and features."""
        return tuple(self.rows.ids.shape)

    def get_y(self) -> NDArray[np.float32]:
        """Targets, float32 of shape (rows, classes)."""
        return self.rows.targets

    def to_tfdataset(self, train: bool = True) -> Untyped:
        """The stream of batches for `fit` (train) or for `predict` and `evaluate`."""
        tf = self.backend.tf
        signature = (
            tf.TensorSpec([None, self.rows.ids.shape[1]], tf.int32),
            tf.TensorSpec([None, self.nclasses()], tf.float32),
        )
        source = self._training_stream if train else self._evaluation_stream
        stream = tf.data.Dataset.from_generator(source, output_signature=signature)
        return without_autotune(tf, stream.prefetch(4))

    def _training_stream(self) -> Iterator[tuple[NDArray[np.int32], NDArray[np.float32]]]:
        epoch, step = self.start
        while True:
            order = batches.epoch_generator(self.seed, epoch).permutation(self.nsamples())
            for first in range(step * self.batch_size, len(order), self.batch_size):
                chosen = order[first : first + self.batch_size]
                yield self.rows.ids[chosen], self.rows.targets[chosen]
            epoch, step = epoch + 1, 0

    def _evaluation_stream(self) -> Iterator[tuple[NDArray[np.int32], NDArray[np.float32]]]:
        for first in range(0, self.nsamples(), self.batch_size):
            chosen = slice(first, first + self.batch_size)
            yield self.rows.ids[chosen], self.rows.targets[chosen]


def make_classic_pipeline(
    backend: Backend, train: pd.DataFrame, labels: Sequence[str], classic: ClassicConfig
) -> tuple[ClassicPipeline, FeatureRows]:
    """Fit ktrain's preprocessor on the training rows, and encode them.

    Rows are as wide as the longest training text, at most `classic.features`: ktrain pads every
    row to the limit, though most texts are far below it.
    """
    ngrams = classic.ngrams or (3 if classic.classic == "nbsvm" else 1)
    try:
        preprocessor, ids, targets = _fit_preprocessor(backend, train, classic, ngrams)
    except ValueError as error:
        # ktrain takes the maximum of all n-grams, also where every text is a single word.
        if "zero-size array" not in str(error):
            raise
        preprocessor, ids, targets = _fit_preprocessor(backend, train, classic, 1)
    if tuple(preprocessor.get_classes()) != tuple(labels):
        raise ConfigError(f"ktrain sees the classes {preprocessor.get_classes()}, not {labels}")
    used = np.flatnonzero(ids.any(axis=0))
    if not len(used):
        raise ConfigError("no training text has a word in it, so there is nothing to learn from")
    preprocessor.maxlen = ids.shape[1] - int(used[0])
    kept = np.asarray(ids[:, used[0] :], np.int32)
    rows = FeatureRows(kept, np.asarray(targets, np.float32))
    return ClassicPipeline(preprocessor, tuple(labels)), rows


def _fit_preprocessor(
    backend: Backend, train: pd.DataFrame, classic: ClassicConfig, ngrams: int
) -> tuple[Untyped, NDArray[Any], NDArray[Any]]:
    """A fitted preprocessor of ktrain, and the training rows' ids and one-hot labels."""
    preprocessor = backend.ktrain.text.preprocessor.StandardTextPreprocessor(
        maxlen=classic.features, max_features=classic.words, lang=None, ngram_range=ngrams
    )
    texts, labels = train["text"].tolist(), train["label"].tolist()
    with hushed():
        ids, targets = preprocessor.preprocess_train(texts, labels, verbose=0)
    return preprocessor, ids, targets


@contextlib.contextmanager
def hushed() -> Iterator[None]:
    """Keep ktrain's prints off standard output, and its and Keras's advice off the screen."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
