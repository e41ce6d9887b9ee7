"""Texts of many requests computed together, without a timer.

One thread tokenizes and computes whatever waits when it is free: a lone request waits for nobody,
and under load batches grow by themselves. It is the only one, as ONNX Runtime's threads are as many
as the cores. A second would only take turns with it, and handing texts from one that tokenizes to
one that computes costs more than tokenizing them does.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.errors import SentimentError
from ktrain_sentiment.inference.classifier import Scores, TextClassifier
from ktrain_sentiment.inputs import Inputs
from ktrain_sentiment.prediction import Prediction, Probabilities
from ktrain_sentiment.predictor.tokenization import EncodedTexts
from ktrain_sentiment.serve.limits import Limits, RefusalError, overloaded
from ktrain_sentiment.tasks import Task

log = logging.getLogger(__name__)

_PORTION = 64
"""Texts of a table computed before other requests have their turn."""

_FEW = 16
"""Requests on their way that may take turns however much work they are: clients that wait for each
answer before they ask again do not pile up, and refusing them only makes them ask at once again."""

_TELLING, _MEMORY = 16, 0.8
"""Texts of a batch from which its time tells how fast a full queue is answered (a lone text takes
four times as long as one among many), and how much the pace so far counts beside it."""


@dataclass(frozen=True)
class Stages:
    """Where the time of a request went, in seconds.

    Attributes:
        queue: Waiting for its turn.
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
        scores: Probabilities, and how much of the texts was read.
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


def _take(waiting: list[_Job], room: int) -> tuple[list[_Job], list[_Job]]:
    """The jobs to compute next, and the others: those of one model, the oldest first, that fit.

    A job that alone is larger than the room is taken alone.
    """
    taken: list[_Job] = []
    left: list[_Job] = []
    for job in waiting:
        own = job.classifier is waiting[0].classifier
        if own and (not taken or job.tokens <= room):
            taken.append(job)
            room -= job.tokens
        else:
            left.append(job)
            # One that does not fit ends the batch: smaller ones behind it would overtake it again
            # and again.
            room = 0 if own else room
    return taken, left


class BatchWorker:
    """Answers texts of many requests: so many at a time that none waits too long.

    Args:
        limits: How many texts may be on their way, and how many tokens are computed together.
        watch: Told how large a batch was: texts, tokens.
    """

    def __init__(self, limits: Limits, watch: Callable[[int, int], None]) -> None:
        self._limits = limits
        self._watch = watch
        self.pending = 0
        self.requests = 0
        self._pace = 0.0  # Seconds a text.
        self._new: list[_Job] = []
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="inference", daemon=True)
        self._thread.start()

    async def score(
        self, classifier: TextClassifier, texts: Sequence[str], *, patient: bool = False
    ) -> Answer:
        """Answer some texts; cancelled, they leave the queue.

        Args:
            classifier: What answers.
            texts: None of them blank.
            patient: They are part of something larger that must not be refused half-way.

        Raises:
            RefusalError: Too many texts are on their way, or the model failed.
            TimeoutError: There was no answer in time.
        """
        if not patient:
            self._refuse_what_would_wait(len(texts))
        job = _Job(classifier, texts, asyncio.get_running_loop().create_future())
        self.pending += len(texts)
        self.requests += 1
        try:
            with self._changed:
                self._new.append(job)
                self._changed.notify()
            async with asyncio.timeout(None if patient else self._limits.timeout):
                return await job.answer
        finally:
            job.dropped = True
            self.pending -= len(texts)
            self.requests -= 1

    def _refuse_what_would_wait(self, texts: int) -> None:
        if self.pending + texts > self._limits.max_queue:
            raise overloaded(f"{self.pending} texts are waiting already")
        wait = self.pending * self._pace
        most = self._limits.max_wait if self.requests >= _FEW else self._limits.timeout / 2
        if wait > most and self.requests > 1:
            raise overloaded(f"{self.pending} texts are waiting already, {wait:.2f} s of work")

    def _note_pace(self, seconds: float, texts: int) -> None:
        """How long a text took; a small batch only tells that it was taken for too slow."""
        if not self._pace:
            self._pace = seconds if texts >= _TELLING else 0.0
        elif texts >= _TELLING or seconds < self._pace:
            self._pace += (1 - _MEMORY) * (seconds - self._pace)

    def close(self) -> None:
        """Answer what waits, and end."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        waiting: list[_Job] = []
        while True:
            with self._changed:
                while not self._new and not waiting and not self._closed:
                    self._changed.wait()
                new, self._new = self._new, []
            if not new and not waiting:
                return
            for jobs in _by_model(new):
                self._attempt(jobs, self._encode)
            waiting += [job for job in new if job.encoded]
            jobs, waiting = _take(
                [job for job in waiting if not job.dropped], self._limits.batch_tokens
            )
            if jobs:
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
            job.encoded = encoded[part]
            job.stamps += [begun, ended]

    def _infer(self, jobs: list[_Job]) -> None:
        begun = time.perf_counter()
        together = EncodedTexts.join([job.encoded for job in jobs if job.encoded])
        classifier = jobs[0].classifier
        logits = classifier.logits(together)
        scores = Scores(
            classifier.probabilities(logits),
            together.truncated,
            together.unknown,
            together.windows,
        )
        ended = time.perf_counter()
        tokenizing = {tuple(job.stamps[1:]) for job in jobs}
        spent = ended - begun + sum(second - first for first, second in tokenizing)
        self._note_pace(spent / len(logits), len(logits))
        answers = []
        for job, part in _shares(jobs):
            arrived, first, second = job.stamps
            stages = Stages(first - arrived + begun - second, second - first, ended - begun)
            answers.append((job, Answer(logits[part], scores[part], job.tokens, stages)))
        _settle(answers)


def _by_model(jobs: Sequence[_Job]) -> Iterable[list[_Job]]:
    """Jobs that nobody has dropped, by their model."""
    groups: dict[int, list[_Job]] = {}
    for job in jobs:
        if not job.dropped:
            groups.setdefault(id(job.classifier), []).append(job)
    return groups.values()


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


class QueuedClassifier:
    """A `Classifier` for another thread, whose texts take turns with those of requests.

    Args:
        worker: What answers.
        classifier: The model.
        loop: The event loop of the worker; not that of the caller, who waits.
        patient: As for `BatchWorker.score`.
        watch: Told each portion's answer.
    """

    def __init__(
        self,
        worker: BatchWorker,
        classifier: TextClassifier,
        loop: asyncio.AbstractEventLoop,
        *,
        patient: bool = True,
        watch: Callable[[Answer], None] = lambda _: None,
    ) -> None:
        self._worker, self._classifier, self._loop = worker, classifier, loop
        self._patient, self._watch = patient, watch

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, in the order of the columns of `predict_proba`."""
        return self._classifier.labels

    @property
    def task(self) -> Task:
        """What the labels are."""
        return self._classifier.task

    @property
    def inputs(self) -> Inputs:
        """What of a row it reads."""
        return self._classifier.inputs

    def predict_proba(self, texts: Sequence[str]) -> Probabilities:
        """Class probabilities of texts that are not blank, float32 of shape (texts, labels)."""
        return self._score(texts).probabilities

    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        """One `Prediction` a text; none of them is blank."""
        return self._score(texts).to_predictions(self.labels, self.task)

    def _score(self, texts: Sequence[str]) -> Scores:
        parts = []
        for start in range(0, len(texts), _PORTION):
            portion = texts[start : start + _PORTION]
            work = self._worker.score(self._classifier, portion, patient=self._patient)
            answer = asyncio.run_coroutine_threadsafe(work, self._loop).result()
            self._watch(answer)
            parts.append(answer.scores)
        return Scores.join(parts, len(self.labels))
