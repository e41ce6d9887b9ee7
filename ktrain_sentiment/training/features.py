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

from ktrain_sentiment.config import ModelConfig, TrainConfig
from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.export.ktrain_models import READS_PADDING
from ktrain_sentiment.predictor.tokenization import FeatureIndex, make_index
from ktrain_sentiment.training.backend import Backend, Untyped
from ktrain_sentiment.training.dataset import RestartableRows, one_hot
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
class ClassicPipeline:
    """ktrain's preprocessor, which knows the words, n-grams and labels of the training rows.

    Attributes:
        family: The model that reads them, by ktrain's name.
        preprocessor: A `StandardTextPreprocessor`, ready to be saved in a predictor.
        labels: The classes, in the order of the model's outputs.
    """

    family: str
    preprocessor: Untyped
    labels: tuple[str, ...]

    def encode(
        self, frame: pd.DataFrame, targets: NDArray[np.float32] | None = None
    ) -> FeatureRows:
        """Feature ids of the `text` column; targets are one-hot `label`s unless given."""
        if targets is None:
            targets = one_hot(class_indices(frame["label"], self.labels), len(self.labels))
        return FeatureRows(self.ids(frame["text"].tolist()), targets)

    def ids(self, texts: Sequence[str]) -> NDArray[np.int32]:
        """Feature ids as ktrain makes them, shape (texts, features)."""
        with hushed():
            ids, _ = self.preprocessor.preprocess_test(list(texts), verbose=0)
        return np.asarray(ids, np.int32)

    def index(self) -> FeatureIndex:
        """The words and n-grams as plain data."""
        known = self.preprocessor
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
        kind = type("ShuffledDataset", (ShuffledRows, backend.ktrain.dataset.Dataset), {})
        return kind(
            backend, rows, config.batch_size, config.seed, stratified=config.stratified_batches
        )

    def probabilities(self, output: Untyped) -> NDArray[np.float32]:
        """What the model's `predict` gave: these models end in a softmax."""
        return np.asarray(output, np.float32)


class ShuffledRows(RestartableRows):
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


def make_classic_pipeline(
    backend: Backend, train: pd.DataFrame, labels: Sequence[str], config: ModelConfig
) -> tuple[ClassicPipeline, FeatureRows]:
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
    used = np.flatnonzero(ids.any(axis=0))
    if not len(used):
        raise ConfigError("no training text has a word in it, so there is nothing to learn from")
    preprocessor.maxlen = ids.shape[1] - int(used[0])
    kept = np.asarray(ids[:, used[0] :], np.int32)
    rows = FeatureRows(kept, np.asarray(targets, np.float32))
    return ClassicPipeline(config.model, preprocessor, tuple(labels)), rows


def _fit_preprocessor(
    backend: Backend, train: pd.DataFrame, config: ModelConfig, ngrams: int
) -> tuple[Untyped, NDArray[Any], NDArray[Any]]:
    """A fitted preprocessor of ktrain, and the training rows' ids and one-hot labels."""
    preprocessor = backend.ktrain.text.preprocessor.StandardTextPreprocessor(
        maxlen=config.feature_limit, max_features=config.vocab_size, lang=None, ngram_range=ngrams
    )
    texts, labels = train["text"].tolist(), train["label"].tolist()
    with hushed():
        ids, targets = preprocessor.preprocess_train(texts, labels, verbose=0)
    return preprocessor, ids, targets


@contextlib.contextmanager
def hushed() -> Iterator[None]:
    """Keep ktrain's prints off standard output, and its and Keras's advice off the screen."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings(action="ignore"):
        yield
