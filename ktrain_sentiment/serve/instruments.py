"""What Prometheus reads at /metrics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ktrain_sentiment.errors import require

if TYPE_CHECKING:
    from ktrain_sentiment.inference.classifier import TextClassifier
    from ktrain_sentiment.serve.batching import Answer

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
_TOKENS = (16, 64, 256, 1024, 4096, 16384, 65536)
_CONFIDENCE = tuple(k / 20 for k in range(1, 21))


class Instruments:
    """Counters and histograms of one server, in a registry of their own.

    Raises:
        MissingExtraError: prometheus-client is not installed.
    """

    def __init__(self) -> None:
        library = require("prometheus_client", "serve")
        library.disable_created_metrics()
        self._render = library.generate_latest
        self.content_type: str = library.CONTENT_TYPE_LATEST
        self._registry = registry = library.CollectorRegistry()
        counter, histogram = library.Counter, library.Histogram

        def named(kind: type, name: str, about: str, labels: Sequence[str] = (), **more: object):  # type: ignore[no-untyped-def]  # noqa: ANN202
            return kind(f"sentiment_{name}", about, labels, registry=registry, **more)

        self.requests = named(
            counter, "requests", "Requests answered", ("route", "method", "status")
        )
        self.errors = named(counter, "errors", "Requests refused", ("error_type",))
        self.cut = named(
            counter, "answers_cut_short", "Answers that broke off after their beginning", ("route",)
        )
        self.duration = named(
            histogram, "request_duration_seconds", "From headers to the last byte of the answer",
            ("route",), buckets=_SECONDS,
        )  # fmt: skip
        self.texts = named(counter, "texts", "Texts answered", ("model",))
        self.tokens = named(counter, "tokens", "Tokens read, without padding", ("model",))
        self.truncated = named(counter, "texts_truncated", "Texts not read whole", ("model",))
        self.windowed = named(counter, "texts_in_windows", "Texts read in windows", ("model",))
        self.labels = named(counter, "labels", "Texts by predicted label", ("model", "label"))
        self.confidence = named(
            histogram, "confidence", "Probability of the predicted label", ("model",),
            buckets=_CONFIDENCE,
        )  # fmt: skip
        stage = named(
            histogram, "stage_seconds", "Where the time of a request went", ("stage",),
            buckets=_SECONDS,
        )  # fmt: skip
        self._queue, self._tokenizing, self._inference = (
            stage.labels(name) for name in ("queue", "tokenizing", "inference")
        )
        self._batch_texts = named(
            histogram, "batch_texts", "Texts computed together", buckets=_SIZES
        )
        self._batch_tokens = named(
            histogram, "batch_tokens", "Tokens computed together", buckets=_TOKENS
        )
        self.pending = named(library.Gauge, "queue_texts", "Texts waiting or being computed")
        self.version = named(library.Gauge, "model_version", "One more at each reload", ("model",))

    def batch(self, texts: int, tokens: int) -> None:
        """A batch is computed."""
        self._batch_texts.observe(texts)
        self._batch_tokens.observe(tokens)

    def answered(self, model: str, classifier: TextClassifier, answer: Answer) -> None:
        """A request, or a portion of a table, has its answer."""
        scores, labels, task = answer.scores, classifier.labels, classifier.task
        said = task.choices(scores.probabilities)
        self.texts.labels(model).inc(len(said))
        self.tokens.labels(model).inc(answer.tokens)
        self.truncated.labels(model).inc(int(scores.truncated.sum()))
        self.windowed.labels(model).inc(int((scores.windows > 1).sum()))
        confidence = self.confidence.labels(model)
        if task.is_multi:
            given = task.decided(scores.probabilities).sum(axis=0).tolist()
            for label, count in zip(labels, given, strict=True):
                self.labels.labels(model, label).inc(count)
        for column, row in zip(said.tolist(), scores.probabilities, strict=True):
            if not task.is_multi:
                self.labels.labels(model, labels[column]).inc()
            if task.chooses:  # A score is no probability, and several labels have one each.
                confidence.observe(float(row[column]))
        self._queue.observe(answer.stages.queue)
        self._tokenizing.observe(answer.stages.tokenizing)
        self._inference.observe(answer.stages.inference)

    def render(self) -> bytes:
        """All of them, in Prometheus's text format."""
        return bytes(self._render(self._registry))
