"""From a request to answers: what the routes share, its body, its texts, and who waits for them."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from ktrain_sentiment.prediction import Probabilities, score_ends
from ktrain_sentiment.reading_rules import BETWEEN_LABELS
from ktrain_sentiment.serve import protocols
from ktrain_sentiment.serve.batching import Answer, BatchWorker
from ktrain_sentiment.serve.hosting import Hosting, Model
from ktrain_sentiment.serve.instruments import Instruments
from ktrain_sentiment.serve.limits import Limits, RefusalError, invalid, late, too_large, too_many
from ktrain_sentiment.serve.protocols import Floats
from ktrain_sentiment.words import is_blank

JSON = "application/json"

Result = TypeVar("Result")


@dataclass
class Site:
    """Everything that the routes of one server share.

    Attributes:
        hosting: The models.
        limits: How much is taken.
        instruments: What is counted.
        worker: What computes.
        blank: What becomes of a text without a word: refused, or answered without a label.
        key: What requests must carry; empty: nothing.
        hosts: Names by which the server may be called; empty: any.
        origins: Pages of other origins that may call.
        draining: The server is about to end.
        notify: Told each text with its label, where texts are to be logged.
    """

    hosting: Hosting
    limits: Limits
    instruments: Instruments
    worker: BatchWorker
    blank: Literal["refuse", "abstain"] = "refuse"
    key: str = ""
    hosts: frozenset[str] = frozenset()
    origins: frozenset[str] = frozenset()
    draining: bool = False
    tables: int = 0
    notify: Callable[[str, str], None] | None = None
    started: float = field(default_factory=time.time)

    def model(self, request: Request) -> Model:
        """The model that a request's path names, or the first.

        Raises:
            RefusalError: There is no such model.
        """
        return self.hosting.get(request.path_params.get("name"))


Endpoint = Callable[[Site, Request], Coroutine[Any, Any, Response]]


def to_json(value: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A value as a JSON response."""
    return Response(protocols.encode(value), status, headers, JSON)


# Bodies


def media_type(request: Request) -> str:
    """The type of a request's body, without parameters and in lower case."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_body(request: Request, limits: Limits) -> bytes:
    """All of a request's body.

    Raises:
        RefusalError: It is too large, compressed, or too slow in coming.
    """
    check_length(request, limits.max_body, "max-body")
    parts, size = [], 0
    try:
        async with asyncio.timeout(limits.body_timeout):
            async for part in request.stream():
                parts.append(part)
                size += len(part)
                if size > limits.max_body:
                    raise too_large(limits.max_body, "max-body")
    except TimeoutError:
        raise RefusalError(
            408, "Timeout", f"the body did not come within {limits.body_timeout:g} s"
        ) from None
    return b"".join(parts)


def check_length(request: Request, most: int, name: str) -> None:
    """Refuse a body that says it is too large, or is compressed."""
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise RefusalError(415, "Validation", "got a compressed body: send it as it is")
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > most:
        raise too_large(most, name)


def not_of_type(request: Request, wanted: str, curl: str) -> RefusalError:
    """The refusal of a body by its content-type, with what curl takes to name another."""
    given = media_type(request)[:60] or "(none)"
    said = f"got content-type {given}, wanted {wanted}; curl takes {curl}"
    return RefusalError(415, "Validation", said)


async def read_json(site: Site, request: Request, kind: type[Result]) -> Result:
    """A request's body as one of the shapes of `protocols`.

    Raises:
        RefusalError: It is not JSON, or of another shape.
    """
    if media_type(request) != JSON:
        raise not_of_type(request, JSON, f"-H 'Content-Type: {JSON}'")
    result: Result = protocols.decode(await read_body(request, site.limits), kind)
    return result


# Texts to answers


@dataclass(frozen=True)
class Classified:
    """The answers to the texts of a request; those of blank ones are NaN.

    Attributes:
        model: What answered.
        logits: float32 of shape (texts, labels).
        probabilities: The same shape; of a model of scores these, (texts, 1).
        truncated: Of which texts a part was not read.
        headers: Where the time went, as text-embeddings-inference says it.
    """

    model: Model
    logits: Floats
    probabilities: Probabilities
    truncated: Sequence[bool]
    headers: dict[str, str]

    def rank(self, row: int, scores: Floats | None = None, most: int | None = None) -> Any:  # noqa: ANN401
        """The labels of one text, the surest first; none for a blank one.

        Where mistakes are weighed the label of the least expected cost stands before them:
        clients take the first for the answer.
        """
        if np.isnan(self.probabilities[row, 0]):
            return []
        values = self.probabilities if scores is None else scores
        said = int(self.said[row]) if self.model.classifier.task.costs else None
        return protocols.rank(self.model.classifier.labels, values[row], most, said)

    @functools.cached_property
    def said(self) -> NDArray[np.int64]:
        """The column of each text's label, (texts,); of several labels that of the likeliest."""
        return self.model.classifier.task.choices(self.probabilities)

    @property
    def sure(self) -> Floats:
        """How sure each answer is, or its score, (texts,); NaN for a blank text.

        Of several labels that is what tables call `confidence`: the probability of one of them
        would say nothing of the others, and of the likeliest nothing at all where none is given.
        """
        task = self.model.classifier.task
        if task.is_multi:
            return task.confidence(self.probabilities).astype(np.float32)
        return self.probabilities[np.arange(len(self.said)), self.said]

    @property
    def expected(self) -> Floats | None:
        """The mean star of each text, NaN for a blank one; None where labels are no stars."""
        task = self.model.classifier.task
        return task.expected(self.probabilities).astype(np.float32) if task else None

    @property
    def intervals(self) -> list[tuple[float, float] | None]:
        """The interval around the score of each text; None without one, and for a blank text."""
        width = self.model.classifier.task.half_width
        if width is None:
            return [None] * len(self.probabilities)
        scores = self.probabilities[:, 0].tolist()
        return [score_ends(score, width) if score == score else None for score in scores]

    @property
    def label_sets(self) -> list[list[str]]:
        """The labels of each text, of a model that gives several."""
        names, decided = self.model.classifier.labels, self.model.classifier.task.decided
        return [
            [name for name, has in zip(names, row, strict=True) if has]
            for row in decided(self.probabilities).tolist()
        ]

    @property
    def labels(self) -> list[str]:
        """The label of each text; empty for a blank one. Several are joined by |."""
        names, task = self.model.classifier.labels, self.model.classifier.task
        if task.is_multi:
            return list(map(BETWEEN_LABELS.join, self.label_sets))
        blank = np.isnan(self.probabilities[:, 0]).tolist()
        return ["" if b else names[k] for b, k in zip(blank, self.said.tolist(), strict=True)]


async def classify(site: Site, request: Request, texts: Sequence[str]) -> Classified:
    """Answer the texts of a request, unless its client goes away.

    Raises:
        RefusalError: There are too many, one is too long or blank, too many are waiting, or there
            was no answer in time.
        ClientDisconnect: Nobody waits for the answer.
    """
    begun = time.perf_counter()
    model = site.model(request)
    check_texts(site, texts)
    there = [k for k, text in enumerate(texts) if not is_blank(text)]
    width = len(model.classifier.labels)
    logits = np.full((len(texts), width), np.nan, np.float32)
    probabilities = logits.copy()
    truncated = [False] * len(texts)
    headers = {}
    if there:
        given = [texts[k] for k in there]
        try:
            answer = await unless_gone(request, site.worker.score(model.classifier, given))
        except TimeoutError:
            raise late(site.limits.timeout, len(texts)) from None
        logits[there], probabilities[there] = answer.logits, answer.scores.probabilities
        for k, cut in zip(there, answer.scores.truncated.tolist(), strict=True):
            truncated[k] = cut
        site.instruments.answered(model.name, model.classifier, answer)
        headers = _times(answer, begun)
    found = Classified(model, logits, probabilities, truncated, headers)
    if site.notify:
        for text, label in zip(texts, found.labels, strict=True):
            site.notify(text, label)
    return found


def check_texts(site: Site, texts: Sequence[str]) -> None:
    """Refuse texts beyond the limits, and blank ones unless they are to be abstained from."""
    limits = site.limits
    if not texts:
        raise RefusalError(422, "Empty", "got no text, wanted one at least")
    if len(texts) > limits.max_texts:
        raise too_many(len(texts), limits.max_texts)
    for place, text in enumerate(texts):
        if len(text) > limits.max_characters:
            raise invalid(
                f"text {place} has {len(text):,} characters, wanted at most "
                f"{limits.max_characters:,} (--max-characters)"
            )
        if site.blank == "refuse" and is_blank(text):
            raise RefusalError(422, "Empty", f"text {place} is empty or blank")


async def unless_gone(request: Request, work: Coroutine[Any, Any, Result]) -> Result:
    """Do the work, and give it up when the client closes the connection.

    Raises:
        ClientDisconnect: It did.
    """
    doing = asyncio.ensure_future(work)
    gone = False

    async def watch() -> None:
        nonlocal gone
        while (await request.receive())["type"] != "http.disconnect":
            pass
        gone = True
        doing.cancel()

    watching = asyncio.ensure_future(watch())
    try:
        return await doing
    except asyncio.CancelledError:
        doing.cancel()
        if gone:
            raise ClientDisconnect from None
        raise
    finally:
        watching.cancel()


def _times(answer: Answer, begun: float) -> dict[str, str]:
    stages = answer.stages
    seconds = {
        "total": time.perf_counter() - begun, "queue": stages.queue,
        "tokenization": stages.tokenizing, "inference": stages.inference,
    }  # fmt: skip
    times = {f"x-{name}-time": f"{1000 * value:.2f}" for name, value in seconds.items()}
    return {**times, "x-compute-tokens": str(answer.tokens)}
