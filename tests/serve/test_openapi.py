"""Requests made from the server's own description: no 500, and every answer as described.

pytest tests/serve/test_openapi.py --requests 10000
"""

import json
import string
from typing import Any
from urllib.parse import urlencode

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ktrain_sentiment.serve.app import OPERATIONS
from ktrain_sentiment.serve.bulk import WRITTEN
from ktrain_sentiment.serve.openapi import describe

DOCUMENT = json.loads(json.dumps(describe(OPERATIONS)))
SCHEMAS = DOCUMENT["components"]["schemas"]
ASKED = [
    (path, method, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]

WORDS = st.sampled_from(
    ["a superb plot", "dull", "", " ", "\0", "👍🏽", "x" * 3000, "ä", "reviews"]
)
TEXTS = st.one_of(WORDS, st.text(max_size=30))
NAMES = st.sampled_from(
    ["text", "label", "score", "BYTES", "FP32", "Left", "columns", "probabilities"]
)
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | TEXTS, inner, max_size=3),
    max_leaves=6,
)


def values(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that fit a schema, and now and then one that does not."""
    if "$ref" in schema:
        schema = SCHEMAS[schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        fitting = st.one_of([values(one) for one in schema["anyOf"]])
    elif "enum" in schema:
        fitting = st.sampled_from(schema["enum"])
    else:
        fitting = typed(schema)
    return st.integers(0, 40).flatmap(lambda dice: ANYTHING if dice == 9 else fitting)


def typed(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    kind = schema.get("type")
    if kind == "object" and "properties" in schema:
        properties = {name: values(one) for name, one in schema["properties"].items()}
        # As the schema lists them: a set's order differs from process to process, and with it
        # what Hypothesis draws from one seed.
        needed = schema.get("required", [])
        optional = {name: one for name, one in properties.items() if name not in needed}
        return st.fixed_dictionaries({name: properties[name] for name in needed}, optional=optional)
    if kind == "object":
        more = schema.get("additionalProperties")
        inner = values(more) if isinstance(more, dict) else ANYTHING
        return st.dictionaries(NAMES | TEXTS, inner, max_size=3)
    if kind == "array":
        return st.lists(values(schema.get("items") or {}), max_size=4)
    plain = {
        "string": TEXTS | NAMES,
        "integer": st.integers(schema.get("minimum", -3), 5) | st.integers(),
        "number": st.floats(allow_nan=False),
        "boolean": st.booleans(),
        "null": st.none(),
    }
    return plain.get(kind, ANYTHING)


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, str, bytes, dict[str, str], dict[str, Any]]:
    path, method, operation = draw(st.sampled_from(ASKED))
    name = draw(st.sampled_from(["reviews"] * 9 + ["others", "nobody", "%00", "..", "x" * 300]))
    body, headers = b"", {}
    if content := operation.get("requestBody", {}).get("content"):
        kind, media = draw(st.sampled_from(sorted(content.items())))
        headers["content-type"] = draw(st.sampled_from([kind] * 14 + ["text/html", ""]))
        if kind == "application/json" and "$ref" in media["schema"]:
            body = json.dumps(draw(values(media["schema"]))).encode()
            # Not 0, which is drawn far oftener than once in sixteen times.
            body = body[:9] if draw(st.integers(0, 15)) == 9 else body
        else:
            body = draw(st.binary(max_size=60) | st.just(b"text,id\na superb plot,1\n\n,\n"))
    asked = [one for one in operation["parameters"] if one["in"] == "query"]
    if asked and draw(st.booleans()):
        given = {one["name"]: draw(values(one["schema"])) for one in asked}
        path += "?" + urlencode({name: str(value) for name, value in given.items()})
    if draw(st.integers(0, 30)) == 0:
        headers["inference-header-content-length"] = draw(st.sampled_from(["0", "7", "-1", "x"]))
    return path.replace("{name}", name).replace("{version}", "1"), method, body, headers, operation


@pytest.fixture(scope="module")
def asked(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--requests"))


def test_no_request_made_from_the_description_gets_another_answer_than_described(server, asked):
    seen: dict[int, int] = {}

    @settings(max_examples=asked, suppress_health_check=list(HealthCheck))
    @given(requests())
    def ask(made):
        path, method, body, headers, operation = made
        reply = server.ask(method.upper(), path, body, {"host": "localhost", **headers})
        seen[reply.status] = seen.get(reply.status, 0) + 1
        assert reply.status < 500, (path, body, reply.body)
        answers = operation["responses"]
        assert str(reply.status) in answers, (path, body, reply.status, reply.body)
        content = answers[str(reply.status)]["content"]
        kind, media = next(iter(content.items()))
        if kind == "application/json":
            jsonschema.validate(
                reply.json, {**media["schema"], "components": DOCUMENT["components"]}
            )

    ask()
    print("answers by status:", dict(sorted(seen.items())))  # noqa: T201
    assert seen[200] > asked / 6
    assert seen[422] > asked / 50


def test_every_route_is_described_and_carries_a_summary():
    assert {path for path, _, _ in ASKED} == {one.path for one in OPERATIONS}
    identities = [operation["operationId"] for _, _, operation in ASKED]
    assert len(identities) == len(set(identities))
    assert all(operation["summary"] for _, _, operation in ASKED)
    assert set(string.whitespace).isdisjoint("".join(identities))


def test_the_parameters_of_a_tables_address_are_described():
    for path in ("/table", "/models/{name}/table"):
        found = {one["name"]: one for one in DOCUMENT["paths"][path]["post"]["parameters"]}
        assert found["format"]["in"] == found["column"]["in"] == "query"
        assert set(found["format"]["schema"]["enum"]) == set(WRITTEN)
        assert found["column"]["schema"] == {"type": "string"}
        assert not found["format"]["required"]


def test_the_description_is_what_the_server_gives_out(server):
    assert server.get("/openapi.json").json == DOCUMENT
