"""What each route does: a request in, a response out; refusals are raised."""

from __future__ import annotations

import asyncio
import importlib.resources
import io
from typing import Any

import msgspec
import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from ktrain_sentiment.errors import InputError
from ktrain_sentiment.inference.scoring import score_columns
from ktrain_sentiment.inputs import Inputs
from ktrain_sentiment.messages import listed
from ktrain_sentiment.prediction import EXPECTED
from ktrain_sentiment.refusals import lacks
from ktrain_sentiment.serve import kserve, protocols
from ktrain_sentiment.serve.answering import (
    JSON,
    Site,
    classify,
    media_type,
    not_of_type,
    read_body,
    read_json,
    to_json,
    unless_gone,
)
from ktrain_sentiment.serve.batching import QueuedClassifier
from ktrain_sentiment.serve.limits import RefusalError, invalid, late, unusable
from ktrain_sentiment.version import __version__
from ktrain_sentiment.words import is_blank

_BINARY_HEADER = "inference-header-content-length"


async def predict(site: Site, request: Request) -> Response:
    """text-embeddings-inference's /predict."""
    asked = await read_json(site, request, protocols.PredictRequest)
    inputs = site.model(request).classifier.inputs
    rows, batch = protocols.predict_rows(asked, inputs)
    texts = protocols.joined(rows, inputs)
    found = await classify(site, request, texts)
    # A text read in windows is not truncated, so that nobody who forbids it is refused one.
    if asked.truncate is False and any(found.truncated):
        place = found.truncated.index(True)
        most = found.model.classifier.maxlen
        raise RefusalError(
            422,
            "Validation",
            f"text {place} has more than {most} tokens, of which a part would not be read, and "
            "truncate is false",
        )
    scores = found.logits if asked.raw_scores else None
    rankings = [found.rank(row, scores) for row in range(len(texts))]
    return to_json(rankings if batch else rankings[0], headers=found.headers)


async def task(site: Site, request: Request) -> Response:
    """Hugging Face's text-classification task."""
    asked = await read_json(site, request, protocols.TaskRequest)
    rows = asked.inputs if isinstance(asked.inputs, list) else [asked.inputs]
    texts = protocols.joined(rows, site.model(request).classifier.inputs)
    wanted = asked.parameters or protocols.TaskParameters()
    found = await classify(site, request, texts)
    scores = None
    own = "sigmoid" if found.model.classifier.task.is_multi else "softmax"
    if wanted.function_to_apply not in (None, own):
        temperature = found.model.classifier.temperature
        scores = protocols.apply_function(found.logits, temperature, wanted.function_to_apply)
    rankings = [found.rank(row, scores, wanted.top_k) for row in range(len(texts))]
    return to_json(rankings, headers=found.headers)


async def explain(site: Site, request: Request) -> Response:
    """Which words drive the prediction of one text."""
    asked = await read_json(site, request, protocols.ExplainRequest)
    classifier = site.model(request).classifier
    if said := lacks(classifier.task.kind, "/explain"):
        raise invalid(said)
    (text,) = protocols.joined([asked.inputs], classifier.inputs)
    if is_blank(text):
        raise RefusalError(422, "Empty", "inputs is empty or blank")
    found = await classify(site, request, [text])
    model = found.model
    label = found.labels[0] if asked.label is None else asked.label
    if label not in model.classifier.labels:
        known = listed(model.classifier.labels)
        raise invalid(f"label: there is no such label, wanted one of {known}")
    queued = QueuedClassifier(
        site.worker, model.classifier, asyncio.get_running_loop(), patient=False
    )
    work = asyncio.to_thread(_explain, queued, text, label)
    try:
        async with asyncio.timeout(site.limits.timeout):
            explanation = await unless_gone(request, work)
    except TimeoutError:
        raise late(site.limits.timeout, 1) from None
    words = [
        protocols.Word(text[start:end], start, end, weight)
        for (start, end), weight in zip(explanation.spans, explanation.importance, strict=True)
    ]
    ranking = found.rank(0)
    score = next(one.score for one in ranking if one.label == label)
    cut = found.truncated[0]
    return to_json(
        protocols.ExplainAnswer(label, score, ranking, words, cut, text), headers=found.headers
    )


def _explain(classifier: QueuedClassifier, text: str, label: str) -> Any:  # noqa: ANN401
    # Imported when it is first asked for: a server starts without it.
    from ktrain_sentiment.evaluation.explanation import explain

    (found,) = explain(classifier, [text], [label])
    return found


async def infer(site: Site, request: Request) -> Response:
    """KServe's /infer, its tensors as JSON or as bytes behind it."""
    model = site.model(request)
    body = await read_body(request, site.limits)
    length = request.headers.get(_BINARY_HEADER)
    if length is None and media_type(request) not in {"", JSON}:
        raise not_of_type(request, JSON, f"-H 'Content-Type: {JSON}'")
    if length is not None and not (length.isascii() and length.isdigit() and len(length) < 20):
        raise RefusalError(400, "Validation", f"{_BINARY_HEADER}: wanted the length of the JSON")
    size = len(body) if length is None else min(int(length), len(body))
    asked: kserve.InferRequest = protocols.decode(body[:size], kserve.InferRequest)
    inputs = model.classifier.inputs
    found = await classify(site, request, kserve.tensor_texts(asked, body[size:], inputs))
    stars = None if found.expected is None else np.nan_to_num(found.expected)
    task = model.classifier.task
    numbers = np.nan_to_num(found.sure), np.nan_to_num(found.probabilities)
    table = kserve.Table(found.labels, *numbers, stars, task if task.is_score else None)
    answer, behind = kserve.infer_answer(asked, model.name, str(model.version), table)
    written = protocols.encode(answer)
    if not behind:
        return Response(written, headers=found.headers, media_type=JSON)
    headers = {**found.headers, _BINARY_HEADER: str(len(written))}
    return Response(written + behind, headers=headers, media_type="application/octet-stream")


async def invocations(site: Site, request: Request) -> Response:
    """MLflow's /invocations."""
    trained, inputs = site.model(request).table, site.model(request).classifier.inputs
    column = trained.get("text_column")
    if media_type(request) == "text/csv":
        body = await read_body(request, site.limits)
        try:
            texts = await asyncio.to_thread(_csv_texts, body, dict(trained), inputs)
        except InputError as error:
            said = str(unusable(error))
            raise invalid(said.replace("the given stream", "the body")) from error
    else:
        asked = await read_json(site, request, protocols.InvocationsRequest)
        known = column if isinstance(column, str) else None
        texts = await asyncio.to_thread(
            protocols.invocation_texts, asked, known, inputs, site.limits.max_texts
        )
    found = await classify(site, request, texts)
    sure = found.sure.tolist()
    stars = [None] * len(texts) if found.expected is None else found.expected.tolist()
    predictions = [
        protocols.Scored(
            label or None, score if label else None, star if label else None, *(ends or ())
        )
        for label, score, star, ends in zip(found.labels, sure, stars, found.intervals, strict=True)
    ]
    if found.model.classifier.task.is_multi:
        predictions = [
            protocols.Scored(label, None if sureness != sureness else sureness, labels=labels)
            for label, sureness, labels in zip(found.labels, sure, found.label_sets, strict=True)
        ]
    return to_json(protocols.InvocationsAnswer(predictions), headers=found.headers)


def _csv_texts(body: bytes, trained: dict[str, Any], inputs: Inputs) -> list[str]:
    from ktrain_sentiment.inference.scoring import open_text_table, texts_of
    from ktrain_sentiment.tables import ReadOptions

    table = open_text_table(io.BytesIO(body), ReadOptions(format="csv"), None, trained)
    batches = table.table.batches()
    return [text or "" for batch in batches for text in texts_of(batch, table.column, inputs)[0]]


async def info(site: Site, request: Request) -> Response:
    """What is served, with the names that text-embeddings-inference gives it."""
    model, limits = site.model(request), site.limits
    labels, task = model.classifier.labels, model.classifier.task
    kind = {
        "id2label": {str(k): label for k, label in enumerate(labels)},
        "label2id": {label: k for k, label in enumerate(labels)},
    }
    return to_json({
        "model_id": model.name, "model_sha": None, "model_dtype": model.classifier.engine,
        "model_type": {"classifier": kind}, "max_concurrent_requests": limits.max_queue,
        "max_input_length": model.classifier.maxlen, "max_batch_tokens": limits.batch_tokens,
        "max_batch_requests": None, "max_client_batch_size": limits.max_texts,
        "auto_truncate": True, "tokenization_workers": 1, "version": __version__,
        "models": site.hosting.names, "labels": labels,
        "task": task.kind, "half_width": task.half_width, "stars": task.stars,
        "thresholds": task.cuts(len(labels)) if task.is_multi else (), "costs": task.costs,
        "explains": not lacks(task.kind, "/explain"), "model_version": model.version,
        "reads": model.classifier.inputs.columns, "pair": model.classifier.inputs.pair,
        "limits": msgspec.to_builtins(limits), "blank_texts": site.blank,
    })  # fmt: skip


async def health(_site: Site, _request: Request) -> Response:
    """The process is alive."""
    return to_json({"status": "ok"})


async def ready(site: Site, request: Request) -> Response:
    """Whether to send requests here: not to a server that is about to end."""
    if "name" in request.path_params:
        site.model(request)
    if site.draining:
        raise RefusalError(503, "Unhealthy", "the server is about to end")
    return to_json({"status": "ready"})


async def server_metadata(_site: Site, _request: Request) -> Response:
    """KServe's word on the server."""
    extensions = ["binary_tensor_data"]
    return to_json({"name": "ktrain-sentiment", "version": __version__, "extensions": extensions})


async def model_metadata(site: Site, request: Request) -> Response:
    """KServe's word on a model."""
    model = site.model(request)
    width = len(model.classifier.labels)
    task = model.classifier.task
    numbers = [EXPECTED] if task else score_columns(task)[1:] if task.is_score else []
    table = [{"name": "probabilities", "datatype": "FP32", "shape": [-1, width]}]
    return to_json({
        "name": model.name, "versions": [str(model.version)], "platform": "onnxruntime",
        "inputs": [
            {"name": name, "datatype": "BYTES", "shape": [-1]}
            for name in kserve.tensor_names(model.classifier.inputs)
        ],
        "outputs": [
            {"name": "label", "datatype": "BYTES", "shape": [-1]},
            {"name": "score", "datatype": "FP32", "shape": [-1]},
            *([] if task.is_score else table),
            *({"name": name, "datatype": "FP32", "shape": [-1]} for name in numbers),
        ],
    })  # fmt: skip


async def reload(site: Site, request: Request) -> Response:
    """Load a model again from its folder; the old one answers until the new one can."""
    if not site.key:
        raise RefusalError(403, "Forbidden", "a reload by request needs a server with an API key")
    model = site.model(request)
    try:
        new = await site.hosting.reload(model.name)
    except InputError as error:
        # The folder's name is nothing for whoever asks from elsewhere.
        message = str(error).replace(str(model.folder.absolute()), "the folder")
        raise RefusalError(409, "Backend", f"the old model stays: {message}") from error
    site.instruments.version.labels(new.name).set(new.version)
    return to_json({"name": new.name, "version": new.version})


async def metrics(site: Site, _request: Request) -> Response:
    """What Prometheus reads."""
    site.instruments.pending.set(site.worker.pending)
    return Response(site.instruments.render(), media_type=site.instruments.content_type)


PAGES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
"""The types of files in static/."""


def read_static() -> dict[str, Response]:
    """The files in static/ by name, read once: no request ever names a path."""
    folder = importlib.resources.files("ktrain_sentiment.serve") / "static"
    # Reports and pages look alike, and their contrasts are measured once.
    look = importlib.resources.files("ktrain_sentiment.report") / "style.css"
    return {
        file.name: Response(file.read_bytes(), media_type=PAGES[file.name.rpartition(".")[2]])
        for file in (look, *folder.iterdir())
        if file.name.rpartition(".")[2] in PAGES
    }
