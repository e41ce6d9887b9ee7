"""/openapi.json: the list of routes as OpenAPI 3.1, with the shapes of `protocols`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec

from ktrain_sentiment.serve.protocols import ErrorBody, query_schemas
from ktrain_sentiment.version import __version__

if TYPE_CHECKING:
    from ktrain_sentiment.serve.app import Operation

_REFERENCES = "#/components/schemas/{name}"


def describe(operations: Iterable[Operation]) -> dict[str, Any]:
    """The document that describes some operations."""
    listed = list(operations)
    kinds = [kind for one in listed for kind in (one.takes, one.gives) if _is_type(kind)]
    kinds = list(dict.fromkeys([ErrorBody, *kinds]))
    schemas, components = msgspec.json.schema_components(kinds, ref_template=_REFERENCES)
    known = dict(zip(kinds, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for one in listed:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, known)
    return {
        "openapi": "3.1.0",
        "info": {"title": "ktrain-sentiment serve", "version": __version__},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _is_type(kind: object) -> bool:
    return kind is not None and not isinstance(kind, tuple)


def _operation(one: Operation, known: dict[Any, Any]) -> dict[str, Any]:
    refused = {"application/json": {"schema": known[ErrorBody]}}
    given = (
        {media: {"schema": {"type": "string"}} for media in one.gives}
        if isinstance(one.gives, tuple)
        else {"application/json": {"schema": known[one.gives]}}
    )
    answers = {"200": {"description": "OK", "content": given}}
    for status in one.refuses:
        answers[str(status)] = {"description": HTTPStatus(status).phrase, "content": refused}
    found: dict[str, Any] = {
        "summary": (inspect.getdoc(one.endpoint) or "").partition("\n")[0],
        "operationId": re.sub(r"\W+", "_", f"{one.method.lower()}{one.path}").rstrip("_"),
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in re.findall(r"{(\w+)}", one.path)
        ]
        + [
            {"name": name, "in": "query", "required": False, "schema": schema}
            for name, schema in (query_schemas(one.query) if one.query else {}).items()
        ],
        "responses": answers,
        "security": [] if one.opened else [{}, {"key": []}],
    }
    if one.takes is not None:
        media = one.takes if isinstance(one.takes, tuple) else ("application/json",)
        schema = {"type": "string"} if isinstance(one.takes, tuple) else known[one.takes]
        found["requestBody"] = {
            "required": True, "content": {name: {"schema": schema} for name in media},
        }  # fmt: skip
    return found
