"""Texts of many requests computed together, without a timer.

Two threads stand in a row: the first tokenizes, the second computes. Each takes what waits when it
is free, so a lone request waits for nobody, and under load batches grow by themselves. The thread
that computes is the only one, and ONNX Runtime's threads are as many as the cores: a second one
would only take turns with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.errors import SentimentError
from ktrain_sentiment.inference.classifier import Scores, TextClassifier
from ktrain_sentiment.prediction import Prediction, Probabilities, to_predictions
from ktrain_sentiment.predictor.tokenization import EncodedTexts
from ktrain_sentiment.serve.limits import Limits, RefusalError, overloaded

log = logging.getLogger(__name__)

_TEXTS_AT_ONCE = 1024
"""Texts tokenized together; more would keep those that are ready from being computed."""

_PORTION = 64
"""Texts of a table computed before other requests have their turn."""


@dataclass(frozen=True)
class Stages:
    """Where the time of a request went, in seconds.

    Attributes:
        queue: Waiting for the one thread or the other.
        tokenizing: Being tokenized, with whatever else was.
        inference: Being computed, with whatever else was.
    """

    queue: float = 0.0
    tokenizing: float = 0.0
    inference: float = 0.0


@dataclass(frozen=True)
class Answer:
    """What became of the texts of a request.

    Attributes:
        logits: float32 of shape (texts, labels), before any temperature.
        scores: Probabilities, and which texts lost their end.
        tokens: How many were read.
        stages: Where the time went.
    """

    logits: NDArray[np.float32]
    scores: Scores
    tokens: int
    stages: Stages


@dataclass(eq=False)
class _Job:
    """The texts of one request on their way.

    Attributes:
        dropped: Nobody waits for the answer any more.
    """

    classifier: TextClassifier
    texts: Sequence[str]
    answer: asyncio.Future[Answer]
    stamps: list[float] = field(default_factory=lambda: [time.perf_counter()])
    encoded: EncodedTexts | None = None
    dropped: bool = False

    @property
    def tokens(self) -> int:
        return int(self.encoded.lengths.sum()) if self.encoded else 0


class _Line:
    """Jobs that wait for a thread."""

    def __init__(self) -> None:
        self._jobs: deque[_Job] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def __len__(self) -> int:
        return len(self._jobs)

    def add(self, jobs: Sequence[_Job]) -> None:
        with self._changed:
            self._jobs.extend(jobs)
            self._changed.notify()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()

    def take(self, room: int, size: Callable[[_Job], int]) -> list[_Job]:
        """Wait for a job, and take all that fit: of one model, the oldest first; none at the end.

        A job that alone is larger than the room is taken alone.
        """
        with self._changed:
            while True:
                while self._jobs and self._jobs[0].dropped:
                    self._jobs.popleft()
                if self._jobs:
                    break
                if self._closed:
                    return []
                self._changed.wait()
            classifier = self._jobs[0].classifier
            taken: list[_Job] = []
            left: deque[_Job] = deque()
            for job in self._jobs:
                own = job.classifier is classifier
                if job.dropped:
                    continue
                if own and (not taken or size(job) <= room):
                    taken.append(job)
                    room -= size(job)
                else:
                    left.append(job)
                    # One that does not fit ends the batch: smaller ones behind it would overtake it
                    # again and again.
                    room = 0 if own else room
            self._jobs = left
            return taken


class BatchWorker:
    """Answers texts of many requests, at most `max_queue` of them at a time.

    Args:
        limits: How many texts may be on their way, and how many tokens are computed together.
        watch: Told how large a batch was: texts, tokens.
    """

    def __init__(self, limits: Limits, watch: Callable[[int, int], None]) -> None:
        self._limits = limits
        self._watch = watch
        self.pending = 0
        self._raw, self._encoded = _Line(), _Line()
        self._threads = [
            threading.Thread(target=self._tokenize, name="tokenizing", daemon=True),
            threading.Thread(target=self._compute, name="inference", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    async def score(
        self, classifier: TextClassifier, texts: Sequence[str], *, patient: bool = False
    ) -> Answer:
        """Answer some texts; cancelled, they leave the queue.

        Args:
            classifier: What answers.
            texts: None of them blank.
            patient: They are part of something larger that must not be refused half-way.

        Raises:
            RefusalError: Too many texts are on their way, there was no answer in time, or the model
                failed.
        """
        if not patient and self.pending + len(texts) > self._limits.max_queue:
            raise overloaded(f"{self.pending} texts are waiting already")
        job = _Job(classifier, texts, asyncio.get_running_loop().create_future())
        self.pending += len(texts)
        try:
            self._raw.add([job])
            async with asyncio.timeout(None if patient else self._limits.timeout):
                return await job.answer
        except TimeoutError:
            raise RefusalError(
                503, "Timeout", f"no answer within {self._limits.timeout:g} s: send fewer texts, "
                "or try again later", {"retry-after": "1"},
            ) from None  # fmt: skip
        finally:
            job.dropped = True
            self.pending -= len(texts)

    def close(self) -> None:
        """Answer what waits, and end."""
        for line, thread in zip((self._raw, self._encoded), self._threads, strict=True):
            line.close()
            thread.join()

    def _tokenize(self) -> None:
        while jobs := self._raw.take(_TEXTS_AT_ONCE, lambda job: len(job.texts)):
            self._attempt(jobs, self._encode)

    def _compute(self) -> None:
        while jobs := self._encoded.take(self._limits.batch_tokens, lambda job: job.tokens):
            self._watch(sum(len(job.texts) for job in jobs), sum(job.tokens for job in jobs))
            self._attempt(jobs, self._infer)

    def _attempt(self, jobs: list[_Job], work: Callable[[list[_Job]], None]) -> None:
        """Do the work for all together; where that fails, one by one: none spoils another."""
        try:
            work(jobs)
        except Exception as error:
            if len(jobs) > 1:
                for job in jobs:
                    self._attempt([job], work)
                return
            if work == self._encode and isinstance(error, SentimentError):
                _settle([(jobs[0], RefusalError(422, "Tokenizer", str(error)))])
                return
            log.exception("the model failed")
            reason = str(error) if isinstance(error, SentimentError) else type(error).__name__
            _settle([(jobs[0], RefusalError(500, "Backend", f"the model failed: {reason}"))])

    def _encode(self, jobs: list[_Job]) -> None:
        begun = time.perf_counter()
        encoded = jobs[0].classifier.encode([text for job in jobs for text in job.texts])
        ended = time.perf_counter()
        for job, part in _shares(jobs):
            job.encoded = EncodedTexts(encoded.ids[part], encoded.truncated[part])
            job.stamps += [begun, ended]
        self._encoded.add(jobs)

    def _infer(self, jobs: list[_Job]) -> None:
        begun = time.perf_counter()
        encoded = [job.encoded for job in jobs if job.encoded]
        together = EncodedTexts(
            [ids for one in encoded for ids in one.ids],
            np.concatenate([one.truncated for one in encoded]),
        )
        classifier = jobs[0].classifier
        logits = classifier.logits(together)
        probabilities = classifier.probabilities(logits)
        ended = time.perf_counter()
        answers = []
        for job, part in _shares(jobs):
            arrived, first, second = job.stamps
            stages = Stages(first - arrived + begun - second, second - first, ended - begun)
            scores = Scores(probabilities[part], together.truncated[part])
            answers.append((job, Answer(logits[part], scores, job.tokens, stages)))
        _settle(answers)


def _shares(jobs: Sequence[_Job]) -> Iterator[tuple[_Job, slice]]:
    """Which of the texts of all jobs are whose."""
    start = 0
    for job in jobs:
        yield job, slice(start, start + len(job.texts))
        start += len(job.texts)


def _settle(settled: Sequence[tuple[_Job, Answer | Exception]]) -> None:
    """Hand answers to whoever waits; one call for a batch, as each wakes the event loop."""

    def settle() -> None:
        for job, outcome in settled:
            if job.answer.done():
                continue
            if isinstance(outcome, Exception):
                job.answer.set_exception(outcome)
            else:
                job.answer.set_result(outcome)

    with contextlib.suppress(RuntimeError):  # The loop has ended, and with it whoever asked.
        settled[0][0].answer.get_loop().call_soon_threadsafe(settle)


class PatientClassifier:
    """A `Classifier` for another thread, whose texts take turns with those of requests.

    Args:
        worker: What answers.
        classifier: The model.
        loop: The event loop of the worker; not that of the caller, who waits.
    """

    def __init__(
        self, worker: BatchWorker, classifier: TextClassifier, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._worker, self._classifier, self._loop = worker, classifier, loop

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, in the order of the columns of `predict_proba`."""
        return self._classifier.labels

    def predict_proba(self, texts: Sequence[str]) -> Probabilities:
        """Class probabilities of texts that are not blank, float32 of shape (texts, labels)."""
        return self._score(texts).probabilities

    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        """One `Prediction` a text; none of them is blank."""
        scores = self._score(texts)
        return to_predictions(scores.probabilities, self.labels, scores.truncated.tolist())

    def _score(self, texts: Sequence[str]) -> Scores:
        parts = []
        for start in range(0, len(texts), _PORTION):
            portion = texts[start : start + _PORTION]
            work = self._worker.score(self._classifier, portion, patient=True)
            parts.append(asyncio.run_coroutine_threadsafe(work, self._loop).result().scores)
        if not parts:
            return Scores(np.empty((0, len(self.labels)), np.float32), np.empty(0, bool))
        return Scores(
            np.concatenate([part.probabilities for part in parts]),
            np.concatenate([part.truncated for part in parts]),
        )
