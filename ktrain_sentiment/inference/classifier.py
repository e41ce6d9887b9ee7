"""Texts in, probabilities out: which texts are computed together, whatever computes them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.cleaning import apply_cleaning
from ktrain_sentiment.errors import ConfigError, InputError, PredictorError
from ktrain_sentiment.inference.runners import Runner, make_runner
from ktrain_sentiment.inputs import TEXTS, Inputs
from ktrain_sentiment.messages import count
from ktrain_sentiment.prediction import (
    Prediction,
    Probabilities,
    to_label_sets,
    to_predictions,
    to_scores,
)
from ktrain_sentiment.predictor.long_texts import check_long_texts, told
from ktrain_sentiment.predictor.tokenization import (
    EncodedTexts,
    Encoder,
    FeatureEncoder,
    FeatureIndex,
    Ids,
    TextEncoder,
    pad,
    plan_batches,
)
from ktrain_sentiment.reading_rules import LongTexts
from ktrain_sentiment.tasks import CLASSES, Task
from ktrain_sentiment.words import is_blank

logger = logging.getLogger(__name__)


def tokens_a_batch(tokens: int, threads: int) -> int:
    """How many tokens to compute at once, so that the cores are done with all of them soonest.

    Of MiniLM's texts of 26 tokens 32 took two cores 1.09 ms each in three batches, as large as
    could be, and 0.78 ms in eight; 128 took 0.85 and 0.67, 1,024 took 0.63 and 0.61.

    Args:
        tokens: How many there are.
        threads: Cores, each of which computes a batch of its own.
    """
    least = min(_LEAST_TOKENS, -(-tokens // threads)) if threads > 1 else _LEAST_TOKENS
    return min(max(tokens // (threads * _TURNS), least), _MOST_TOKENS)


def distinct(rows: Sequence[Ids]) -> tuple[list[Ids], Ids]:
    """The rows without those that were there before, and the place of each given row among them.

    People write "ok" more than once, and leaving a word out of a long text changes one of its
    windows alone.
    """
    places: dict[bytes, int] = {}
    found = [places.setdefault(row.tobytes(), len(places)) for row in rows]
    return [np.frombuffer(row, np.int64) for row in places], np.array(found, np.int64)


_LEAST_TOKENS, _MOST_TOKENS = 112, 512
"""Of a batch: fewer do not pay for its overhead, with more the products grow no faster."""

_TURNS = 16
"""Batches a core: many small ones pad little, and leave no core without work at the end."""

BATCH_TEXTS = 64

_CHUNK = 8192
"""Texts tokenized at once, so that a million texts need no memory for all their ids."""

_CHUNK_CHARACTERS = 2**23
"""As many characters at once, if texts are long."""


@dataclass(frozen=True)
class Scores:
    """Probabilities of several texts, and how much of them was read.

    Attributes:
        probabilities: float32 of shape (texts, classes); NaN where there was no text. Scores have
            shape (texts, 1).
        truncated: Of which texts a part was not read; bool of shape (texts,).
        unknown: Texts without a known word, bool of shape (texts,).
        windows: In how many pieces each was read, int64 of shape (texts,).
    """

    probabilities: Probabilities
    truncated: NDArray[np.bool_]
    unknown: NDArray[np.bool_]
    windows: NDArray[np.int64]

    def __getitem__(self, part: slice) -> Scores:
        """Those of some texts that follow each other."""
        return Scores(*(values[part] for values in vars(self).values()))

    @classmethod
    def none(cls, texts: int, classes: int) -> Scores:
        """Those of texts that are missing."""
        table = np.full((texts, classes), np.nan, np.float32)
        cut, unknown = np.zeros((2, texts), bool)
        return cls(table, cut, unknown, np.ones(texts, np.int64))

    @classmethod
    def join(cls, parts: Sequence[Scores], classes: int) -> Scores:
        """Scores of several sequences of texts as those of one."""
        if len(parts) < 2:
            return parts[0] if parts else cls.none(0, classes)
        return cls(*map(np.concatenate, zip(*(vars(part).values() for part in parts), strict=True)))

    def to_predictions(self, labels: Sequence[str], task: Task = CLASSES) -> list[Prediction]:
        """One `Prediction` a text; no label for a text that is missing or unknown."""
        cut, unknown = self.truncated.tolist(), self.unknown.tolist()
        counts = self.windows.tolist()
        if task.is_score:
            return to_scores(self.probabilities[:, 0], task.half_width, cut, unknown, counts)
        if task.is_multi:
            decided = task.decided(self.probabilities)
            return to_label_sets(self.probabilities, decided, labels, cut, unknown, counts)
        expected = task.expected(self.probabilities).tolist() if task else None
        said = task.choices(self.probabilities) if task.costs else None
        return to_predictions(self.probabilities, labels, cut, unknown, expected, counts, said)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Answering:
    """What a classifier answers with, and how it reads texts.

    Attributes:
        labels: The labels, in the order of the columns of `predict_proba`.
        engine: int8, fp32, openvino or keras.
        temperature: See `Manifest`.
        cleaning: Names of the cleaning steps that training applied.
        task: What the labels are.
        long_texts: What is read of texts longer than maxlen, where a call does not say.
        inputs: What of a row it reads.
    """

    labels: tuple[str, ...]
    engine: str
    temperature: float = 1.0
    cleaning: tuple[str, ...] = ()
    task: Task = CLASSES
    long_texts: LongTexts = "windows"
    inputs: Inputs = TEXTS


@dataclass(frozen=True, kw_only=True)
class ClassifierParts(_Answering):
    """What a classifier is made of, in bytes and plain values: what its pickle carries.

    Attributes:
        graph: The engine's ONNX file.
        vocabulary: tokenizer.json, or features.json of ktrain's own models.
        counts_words: The vocabulary is features.json.
        maxlen: Longest text in tokens.
        padding_id: The id that fills short rows of a batch; None: the tokenizer's own.
        stamp: Changes when either file does.
    """

    graph: bytes
    vocabulary: bytes
    counts_words: bool = False
    maxlen: int = 0
    padding_id: int | None = None
    stamp: str = ""


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class TextClassifier(_Answering):
    """A `Classifier` that needs no TensorFlow. Safe to call from several threads.

    It can be pickled and copied, and so be handed to joblib, Spark or Ray: the pickle carries the
    files themselves, and needs no folder where it is opened.

    Attributes:
        encoder: Turns texts into ids of tokens, or of words and n-grams.
        runner: Turns ids into logits.
        parts: What to make it of again; asked for when it is pickled, so that the files need no
            memory until then.
        threads: Cores to use; 0: all.
    """

    encoder: Encoder
    runner: Runner
    parts: Callable[[], ClassifierParts]
    threads: int = 0
    _told: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def from_parts(
        cls,
        parts: ClassifierParts,
        threads: int = 0,
        reread: Callable[[], ClassifierParts] | None = None,
    ) -> TextClassifier:
        """Open a classifier.

        Args:
            parts: What it is made of.
            threads: Cores to use; 0: all.
            reread: Gives the parts again; they are kept in memory when None.

        Raises:
            PredictorError: The parts do not fit together.
            MissingExtraError: The engine is not installed.
        """
        encoder: Encoder
        if parts.counts_words:
            encoder = FeatureEncoder(FeatureIndex.from_bytes(parts.vocabulary))
        else:
            pairs = bool(parts.inputs.pair)
            encoder = TextEncoder(parts.vocabulary, parts.maxlen, parts.padding_id, pairs=pairs)
        return cls(
            **{entry.name: getattr(parts, entry.name) for entry in fields(_Answering)},
            encoder=encoder,
            runner=make_runner(parts.engine, parts.graph, threads),
            parts=reread or (lambda: parts),
            threads=threads,
        )

    @property
    def maxlen(self) -> int:
        """Most tokens that are read at once, special tokens included."""
        return self.encoder.maxlen

    def predict(
        self,
        texts: Iterable[Any],
        pairs: Iterable[str | None] | None = None,
        *,
        long_texts: LongTexts | None = None,
    ) -> list[Prediction]:
        """One `Prediction` a text, in the texts' order.

        A missing text (None, NaN) or one of white space only gets no prediction, as the command
        line gives it none: its label is empty and its probabilities are NaN. Nor does a text get a
        label of which the model knows no word: what it says of all such texts tells nothing of one.

        Example:
            >>> [answer] = ktrain_sentiment.load("runs/reviews/predictor").predict(["Not bad."])
            >>> answer.label, answer.probability
            ('positive', 0.93)

        Args:
            texts: A list, tuple, Series, array of one dimension or iterator of strings. Of a
                predictor that reads further columns: a data frame that has them, or a list of
                dictionaries by their names. Of one that reads pairs also tuples, (text, second).
            pairs: The second texts, where they are apart from `texts`.
            long_texts: What to read of texts longer than `maxlen` tokens: head, tail, head+tail or
                windows; the predictor's own rule when None.

        Raises:
            InputError: A single string, a table or what has no order; something else than strings.
            PredictorError: The model gives something else than one number a label.
        """
        scores = self.score(texts, pairs, long_texts=long_texts)
        return scores.to_predictions(self.labels, self.task)

    def predict_proba(
        self,
        texts: Iterable[Any],
        pairs: Iterable[str | None] | None = None,
        *,
        long_texts: LongTexts | None = None,
    ) -> Probabilities:
        """Class probabilities, float32 of shape (texts, labels), in the texts' order.

        Where a text may have several labels, each has its own, and rows do not sum to one. A model
        of scores has no probabilities: it gives the scores, float32 of shape (texts, 1).

        Args:
            texts: As for `predict`; the row of a missing or blank text is NaN. A text without a
                known word has the probabilities that the model gives to any such text.
            pairs: As for `predict`.
            long_texts: As for `predict`.

        Raises:
            InputError: As for `predict`.
        """
        return self.score(texts, pairs, long_texts=long_texts).probabilities

    def score(
        self,
        texts: Iterable[Any],
        pairs: Iterable[str | None] | None = None,
        *,
        long_texts: LongTexts | None = None,
    ) -> Scores:
        """Probabilities of many texts and how much of them was read, as arrays.

        The first call that meets longer texts than the model reads at once says how many they
        were, and what was done.

        Raises:
            InputError: As for `predict`.
        """
        asked = self if long_texts is None else self.reading(long_texts)
        given = list_rows(texts if pairs is None else _paired(texts, pairs), self.inputs)
        scores = Scores.join([asked._score_chunk(some) for some in chunks(given)], len(self.labels))
        longer = int((scores.truncated | (scores.windows > 1)).sum())
        if longer and not self._told.is_set():
            self._told.set()
            logger.warning("%s", told(longer, len(given), asked.long_texts, self.maxlen))
        return scores

    def reading(self, long_texts: LongTexts) -> TextClassifier:
        """The same with another rule for long texts.

        Raises:
            ConfigError: There is no such rule, or another than tail is asked of one of ktrain's own
                classifiers.
        """
        rule = check_long_texts(long_texts)
        if isinstance(self.encoder, FeatureEncoder) and rule != "tail":
            raise ConfigError(
                f"long_texts {rule}: ktrain's own classifiers read the last words of a long text; "
                "leave it out"
            )
        return replace(self, long_texts=rule)

    def weighing(self, costs: Sequence[str]) -> TextClassifier:
        """The same, whose answers are those of the least expected cost of a mistake.

        Args:
            costs: Such as `negative:positive=5`; see `MistakeCosts.parse`. None: itself.

        Raises:
            ConfigError: One makes no sense, or the model answers with a score.
        """
        if not costs:
            return self
        # Imported for those who need it: a server starts without it.
        from ktrain_sentiment.evaluation.mistake_costs import MistakeCosts

        return replace(self, task=MistakeCosts.parse(costs, self.task, self.labels).deciding)

    def silent(self) -> TextClassifier:
        """The same, for a caller who counts long texts and says himself what was done."""
        self._told.set()
        return self

    def _score_chunk(self, given: Sequence[str | None]) -> Scores:
        texts = [text for text in given if text is not None]
        if len(texts) == len(given):
            return self._score_texts(texts)
        there = np.fromiter((text is not None for text in given), bool, len(given))
        scores = Scores.none(len(given), len(self.labels))
        if texts:
            for name, values in vars(self._score_texts(texts)).items():
                getattr(scores, name)[there] = values
        return scores

    def _score_texts(self, texts: Sequence[str]) -> Scores:
        encoded = self.encode(texts)
        table = self.probabilities(self.logits(encoded))
        return Scores(table, encoded.truncated, encoded.unknown, encoded.windows)

    def encode(self, texts: Sequence[str]) -> EncodedTexts:
        """Ids of texts that are there, cleaned as in training: the first half of `score`.

        The halves are for whoever does them at different times, as a server does.

        Raises:
            PredictorError: The tokenizer cannot tokenize a text.
        """
        cleaned = apply_cleaning(texts, self.cleaning) if self.cleaning else texts
        return self.encoder.encode(cleaned, self.long_texts)

    def logits(self, encoded: EncodedTexts) -> NDArray[np.float32]:
        """What the graph gives for encoded texts, float32 of shape (texts, labels).

        Of a text of several windows it is the mean of theirs.

        Raises:
            PredictorError: The model gives something else than one number a label.
        """
        if len(encoded.ids) == 1:  # What plans and pads takes a twentieth of the time of one text.
            row = encoded.ids[0][None]
            return encoded.pooled(self._checked(self.runner.alone(row, np.ones_like(row))))
        rows, places = distinct(encoded.ids)
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        tokens = _MOST_TOKENS
        if len(rows) > 2:  # Two are as fast on all cores together as each on its own.
            tokens = tokens_a_batch(int(lengths.sum()), self.runner.threads)
        batches = plan_batches(lengths, tokens, BATCH_TEXTS)
        logits = np.empty((len(rows), len(self.labels)), dtype=np.float32)
        for batch, values in zip(batches, self._run(rows, batches), strict=True):
            logits[batch] = self._checked(values)
        return encoded.pooled(logits[places])

    def _checked(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        if values.shape[1] != len(self.labels):
            raise PredictorError(
                f"the graph gives {values.shape[1]} column(s) of logits, wanted one a label, "
                f"{len(self.labels)}"
            )
        return values

    def probabilities(self, logits: NDArray[np.float32]) -> Probabilities:
        """Logits as probabilities, float32 of the same shape; a score is its logit.

        Raises:
            PredictorError: They are not numbers.
        """
        with np.errstate(all="ignore"):
            answers = self.task.answers(logits, self.temperature)
        if not np.isfinite(answers).all():
            what = "scores" if self.task.is_score else "probabilities"
            raise PredictorError(
                f"the model gives {what} that are not numbers: its weights are damaged, train or "
                "fetch it again"
            )
        return answers

    def _run(self, rows: Sequence[Ids], batches: Sequence[Ids]) -> Iterator[NDArray[np.float32]]:
        """The logits of each batch, in the batches' order."""
        padded = (
            pad([rows[index] for index in batch], self.encoder.padding_id) for batch in batches
        )
        if len(batches) < 2 or self.runner.threads < 2:
            yield from (self.runner.alone(*inputs) for inputs in padded)
            return
        with ThreadPoolExecutor(self.runner.threads) as pool:
            yield from pool.map(lambda inputs: self.runner.among_others(*inputs), padded)

    def __repr__(self) -> str:
        """Labels, engine and length limit."""
        labels = ", ".join(self.labels)
        return f"<TextClassifier of {labels}; {self.engine}, up to {self.maxlen} tokens>"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the files and not the folder's name: another machine does not have it.

        Raises:
            PredictorError: The folder has gone or was changed since it was opened.
        """
        return TextClassifier.from_parts, (self.own_parts(), self.threads)

    def own_parts(self) -> ClassifierParts:
        """What makes a classifier that answers like this one, however it was changed.

        Raises:
            PredictorError: The folder has gone or was changed since it was opened.
        """
        return replace(self.parts(), long_texts=self.long_texts, task=self.task)

    def __copy__(self) -> TextClassifier:
        """Itself: nothing about it can change, and threads may share it."""
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> TextClassifier:
        """Itself, as for `copy`."""
        return self


def chunks(given: Sequence[str | None]) -> Iterator[Sequence[str | None]]:
    """Texts in their order, as many at once as need little memory."""
    start = characters = 0
    for place, text in enumerate(given):
        characters += len(text or "")
        if place - start >= _CHUNK or (characters > _CHUNK_CHARACTERS and place > start):
            yield given[start:place]
            start, characters = place, len(text or "")
    if len(given) > start:
        yield given[start:]


def _paired(texts: Iterable[Any], pairs: Iterable[Any]) -> list[tuple[Any, Any]]:
    """Texts with their second texts.

    Raises:
        InputError: There are not as many of each.
    """
    first, second = list_texts(texts), list_texts(pairs)
    if len(first) != len(second):
        both = f"{count(len(first), 'text')} and {count(len(second), 'pair')}"
        raise InputError(f"got {both}: wanted one each")
    return list(zip(first, second, strict=True))


def list_rows(rows: Iterable[object], inputs: Inputs) -> list[str | None]:
    """Rows as the texts that a model reads, None for each without text.

    Args:
        rows: Texts; for a model that reads more, a data frame, records by column name, or rows that
            are joined already.
        inputs: What the model reads.

    Raises:
        InputError: They are of another shape, or a column is missing.
    """
    if not inputs:
        return list_texts(rows)
    # Imported for those who need it: reading tables has much to import, and most models read texts.
    from ktrain_sentiment.inference.rows import join_rows

    return join_rows(rows, inputs)


def list_texts(texts: Iterable[object]) -> list[str | None]:
    """Texts as a list; None for each that is missing or of which nothing can be seen.

    Raises:
        InputError: It is no collection of texts in an order, or holds something else than strings.
    """
    if isinstance(texts, str | bytes):
        raise InputError("got a single text, wanted a list of texts: write [text]")
    if hasattr(texts, "columns"):
        names = [str(name) for name in texts.columns]
        column = "text" if "text" in names or not names else names[0]
        raise InputError(
            f'got a table, wanted its column of texts: give df["{column}"] in its place'
        )
    if isinstance(texts, Mapping | set | frozenset):
        kind = type(texts).__name__
        raise InputError(f"got a {kind}, whose order says nothing: wanted a list of texts")
    if getattr(texts, "ndim", 1) != 1:
        shape = getattr(texts, "shape", ())
        raise InputError(f"got an array of shape {shape}, wanted one dimension: one text each")
    try:
        # Arrow's arrays hand out scalars of their own.
        values = texts.to_pylist() if hasattr(texts, "to_pylist") else list(texts)
    except TypeError:
        kind = type(texts).__name__
        raise InputError(f"got a value of type {kind}, wanted a list of texts") from None
    listed: list[str | None] = []
    for index, text in enumerate(values):
        if isinstance(text, str):
            listed.append(None if is_blank(text) else text)
        elif _is_missing(text):
            listed.append(None)
        else:
            kind = type(text).__name__
            more = ", and the predictor reads texts alone" if isinstance(text, tuple | dict) else ""
            raise InputError(f"text number {index} is of type {kind}{more}: wanted a string")
    return listed


def _is_missing(value: object) -> bool:
    # pandas' own missing values are known by name: predicting needs no pandas.
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float) and value != value
