"""The door: who may come in, what is refused and how, and what an answer carries."""

import asyncio
import json

import pytest

from ktrain_sentiment.serve.limits import Limits
from support.serving import Reply

TEXT = {"inputs": "a superb plot"}


def refused(reply: Reply, status: int, kind: str) -> str:
    assert (reply.status, reply.json["error_type"]) == (status, kind), reply.body
    assert set(reply.json) == {"error", "error_type"}
    assert reply.headers["content-type"] == "application/json"
    return reply.error


# Bodies


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "the body is empty"),
        (b"{", "it ends within a value (byte 1)"),
        (b'{"inputs": "x"} y', "trailing characters (byte 1"),
        (b"{'inputs': 1}", "byte 1"),
        (b'{"inputs": "\xff"}', "not in UTF-8 (byte 12)"),
        (b'{"more": ' + b"[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_json_is_refused_with_the_place(server, body, said):
    assert said in refused(server.post("/predict", body), 400, "Validation")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "missing required field `inputs`"),
        ({"inputs": 3}, "`$.inputs`"),
        ({"inputs": [["x"], [3]]}, "`$.inputs[1][0]`"),
        ([], "Expected `object`, got `array`"),
    ],
)
def test_json_of_another_shape_is_refused_with_the_field(server, body, said):
    assert said in refused(server.post("/predict", body), 422, "Validation")


def test_another_type_of_body_is_refused_with_what_to_tell_curl(server):
    for path in ("/predict", "/v2/models/reviews/infer"):
        reply = server.post(path, b"x", content_type="application/x-www-form-urlencoded")
        assert "-H 'Content-Type: application/json'" in refused(reply, 415, "Validation")
    assert (
        server.post("/predict", TEXT, content_type="application/json; charset=utf-8").status == 200
    )


def test_a_compressed_body_is_refused(server):
    refused(server.post("/predict", b"", content_encoding="gzip"), 415, "Validation")


def test_a_large_body_is_refused_by_what_it_says_and_by_what_it_is(server):
    reply = server.post("/predict", b"x", content_length="2000001")
    assert "2,000,000 bytes (--max-body): send less at a time, or a table to /table" in refused(
        reply, 413, "Validation"
    )
    refused(server.post("/predict", b"x" * 2_000_001), 413, "Validation")


def test_texts_beyond_the_limits_are_refused(server):
    reply = server.post("/predict", {"inputs": [["x"]] * 33})
    assert "got 33 texts, wanted at most 32" in refused(reply, 422, "Validation")
    reply = server.post("/predict", {"inputs": "x" * 100_001})
    assert "100,001 characters" in refused(reply, 422, "Validation")
    refused(server.post("/", {"inputs": []}), 422, "Empty")


def test_a_full_queue_says_when_to_come_again(server):
    small = server.behind()
    server.site.worker.pending += 512
    try:
        reply = small.post("/predict", TEXT)
    finally:
        server.site.worker.pending -= 512
    refused(reply, 429, "Overloaded")
    assert reply.headers["retry-after"] == "1"


def test_an_explanation_waits_in_the_same_queue_as_everything(server):
    small = server.behind(limits=Limits(timeout=0.001))
    reply = small.post("/explain", TEXT)
    assert "send a shorter text, or" in refused(reply, 503, "Timeout")


@pytest.mark.parametrize(
    ("inputs", "less"), [("a superb plot", "a shorter text"), (["dull", "superb"], "fewer texts")]
)
def test_whoever_waits_too_long_is_advised_by_what_they_sent(server, monkeypatch, inputs, less):
    monkeypatch.setattr(server.site.worker, "_limits", Limits(timeout=1e-6))
    said = refused(server.post("/", {"inputs": inputs}), 503, "Timeout")
    assert said == f"no answer within 10 s: send {less}, or try again later"


def test_a_blank_text_is_refused_or_left_without_a_label_as_configured(server):
    blank = {"inputs": ["a superb plot", " \t\u200b"]}
    assert refused(server.post("/", blank), 422, "Empty") == "text 1 is empty or blank"
    lenient = server.behind(blank="abstain")
    first, second = lenient.post("/", blank).json
    assert (first[0]["label"], second) == ("positive", [])
    answers = lenient.post("/invocations", blank).json["predictions"]
    assert answers[1] == {"label": None, "score": None}
    infer = {"inputs": [{"name": "x", "shape": [1], "datatype": "BYTES", "data": [" "]}]}
    label, score, _ = lenient.post("/v2/models/reviews/infer", infer).json["outputs"]
    assert (label["data"], score["data"]) == ([""], [0])


def test_a_client_that_goes_away_has_its_work_dropped(server):
    async def work():
        gone = asyncio.Event()
        gone.set()
        body = json.dumps({"inputs": [["a superb plot"]] * 32}).encode()
        return await server.send(
            "POST", "/predict", body, {"content-type": "application/json"}, gone
        )

    assert server.loop.run_until_complete(work()).status == 0
    assert server.site.worker.pending == 0
    assert b'status="499"' in server.get("/metrics").body


# Routes and methods


def test_an_unknown_address_and_an_unknown_method_are_refused_as_json(server):
    refused(server.get("/nowhere"), 404, "NotFound")
    refused(server.post("/models/nobody", TEXT), 404, "NotFound")
    refused(server.get("/static/../app.py"), 404, "NotFound")
    reply = server.ask("DELETE", "/")
    assert refused(reply, 405, "Validation").startswith("got DELETE, wanted one of ")
    assert {"GET", "POST", "OPTIONS"} <= set(reply.headers["allow"].split(", "))
    assert server.ask("OPTIONS", "/predict").headers["allow"] == "POST, OPTIONS"
    assert server.ask("HEAD", "/health").status == 200


@pytest.mark.parametrize(("given", "told"), [("DELETE", "DELETE"), ("XYZZY", "unknown")])
def test_a_wrong_method_is_logged_and_counted_with_the_address_that_it_was_for(
    server, caplog, given, told
):
    with caplog.at_level("INFO"):
        server.ask(given, "/models/reviews/predict")
    route = "/models/{name}/predict"
    assert f"{told} {route} 405 " in caplog.text
    counter = f'sentiment_requests_total{{method="{told}",route="{route}",status="405"}} 1'
    assert counter in server.get("/metrics").body.decode()


def test_pages_ask_no_other_host_and_run_nothing_inline(server):
    for path in ("/", "/docs"):
        page = server.get(path)
        policy = page.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self';")
        assert "unsafe" not in policy
        assert b"://" not in page.body.replace(b"http://www.w3.org/", b"")
    assert server.get("/static/docs.js").headers["content-type"].startswith("text/javascript")


def test_every_answer_carries_what_keeps_browsers_safe(server):
    for reply in (server.get("/health"), server.get("/nowhere"), server.post("/predict", TEXT)):
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["content-security-policy"].startswith("default-src 'none'")
        assert reply.headers["cross-origin-resource-policy"] == "same-origin"


def test_an_answer_says_where_the_time_went_as_tei_does(server):
    headers = server.post("/predict", TEXT).headers
    stages = ("x-queue-time", "x-tokenization-time", "x-inference-time")
    assert sum(float(headers[name]) for name in stages) <= float(headers["x-total-time"]) + 0.1
    assert int(headers["x-compute-tokens"]) > 3


# Who may come in


def test_without_the_key_only_health_and_pages_answer(server):
    guarded = server.behind(key="sesame")
    for path in ("/info", "/metrics", "/v2"):
        refused(guarded.get(path), 401, "Unauthorized")
    refused(guarded.post("/predict", TEXT), 401, "Unauthorized")
    for path in ("/health", "/ready", "/", "/docs", "/openapi.json", "/v2/health/ready"):
        assert guarded.get(path).status == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"authorization": "Bearer sesame"}, 200),
        ({"authorization": "bearer  sesame"}, 200),
        ({"x_api_key": "sesame"}, 200),
        ({"authorization": "Bearer sesam"}, 401),
        ({"authorization": "Basic sesame"}, 401),
        ({"authorization": "Bearer"}, 401),
        ({}, 401),
    ],
)
def test_the_key_opens(server, headers, status):
    assert server.behind(key="sesame").post("/predict", TEXT, **headers).status == status


def test_a_reload_needs_a_server_with_a_key(server):
    refused(server.post("/models/reviews/reload"), 403, "Forbidden")
    refused(server.behind(key="sesame").post("/models/reviews/reload"), 401, "Unauthorized")


def test_pages_of_other_origins_may_call_only_where_they_are_named(server):
    ask = {"origin": "https://example.org", "access-control-request-method": "POST"}
    refused(server.ask("OPTIONS", "/predict", headers=ask), 403, "Forbidden")
    assert "access-control-allow-origin" not in server.post("/predict", TEXT, **ask).headers
    opened = server.behind(origins=frozenset({"https://example.org"}))
    reply = opened.ask("OPTIONS", "/predict", headers=ask)
    assert (reply.status, reply.headers["access-control-allow-origin"]) == (
        204, "https://example.org",
    )  # fmt: skip
    reply = opened.post("/predict", TEXT, origin="https://evil.example")
    assert "access-control-allow-origin" not in reply.headers


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8080", 200), ("127.0.0.1", 200), ("[::1]:8080", 200), ("127.1.2.3:1", 200),
        ("evil.example", 403), ("evil.example:8080", 403), ("localhost.evil.example", 403),
        ("here.example", 200), ("", 403),
    ],
)  # fmt: skip
def test_a_server_on_this_machine_answers_to_its_own_names_alone(server, host, status):
    local = server.behind(hosts=frozenset({"localhost", "here.example"}))
    assert local.ask("GET", "/health", headers={"host": host}).status == status


# What is counted


def test_metrics_count_requests_labels_and_stages_and_hold_no_text(server):
    secret = "a superb xyzzy plot"
    server.post("/predict", {"inputs": secret})
    server.get("/xyzzy-made-up")
    found = server.get("/metrics").body.decode()
    for name in (
        'sentiment_requests_total{method="POST",route="/predict",status="200"}',
        'sentiment_labels_total{label="positive",model="reviews"}',
        'sentiment_stage_seconds_bucket{le="0.1",stage="inference"}',
        'sentiment_confidence_bucket{le="0.95",model="reviews"}',
        'sentiment_requests_total{method="unknown",route="unknown",status="404"}',
        'sentiment_errors_total{error_type="NotFound"}',
        'sentiment_model_version{model="others"}',
        "sentiment_queue_texts 0.0",
        "sentiment_batch_tokens_sum",
    ):
        assert name in found
    assert "xyzzy" not in found


def test_texts_are_told_only_to_who_asked_for_them(server):
    told = []
    watched = server.behind(notify=lambda text, label: told.append((text, label)))
    watched.post("/predict", TEXT)
    assert told == [("a superb plot", "positive")]


def test_a_server_about_to_end_is_alive_and_not_ready(server):
    ending = server.behind(draining=True)
    assert ending.get("/health").status == 200
    for path in ("/ready", "/v2/health/ready", "/v2/models/reviews/ready"):
        refused(ending.get(path), 503, "Unhealthy")
    assert ending.post("/predict", TEXT).headers["connection"] == "close"
