"""The server as an ASGI application: the list of routes, and the door that every request passes.

The door knows who may come in (key, host, origin), turns whatever is raised into one shape of
answer, and counts. Behind it stands Starlette's router.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPMethod
from typing import Any

from msgspec import Struct
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ktrain_sentiment.serve import bulk, endpoints, kserve, protocols
from ktrain_sentiment.serve.answering import JSON, Endpoint, Site, to_json
from ktrain_sentiment.serve.limits import RefusalError
from ktrain_sentiment.serve.openapi import describe
from ktrain_sentiment.tables.formats import MEDIA

log = logging.getLogger(__name__)
access = logging.getLogger(f"{__name__}.access")


@dataclass(frozen=True)
class Operation:
    """A method of a path.

    Attributes:
        method: GET or POST.
        path: With parameters in braces.
        endpoint: What it does; the first line of its docstring is its summary.
        takes: The type of its body, for JSON; media types for anything else.
        gives: The type of its answer, for JSON; media types for anything else.
        refuses: Statuses of its refusals.
        opened: It needs no key.
        query: The type of the parameters of its address.
    """

    method: str
    path: str
    endpoint: Endpoint
    takes: Any = None
    gives: Any = dict[str, Any]
    refuses: tuple[int, ...] = ()
    opened: bool = False
    query: type[Struct] | None = None


_ASKED = (400, 401, 404, 408, 413, 415, 422, 429, 503)
_TABLES = tuple(MEDIA)


def _of_models() -> list[Operation]:
    """What every model has: below /models/{name}, and for the first one without that, too."""
    rankings = list[protocols.Ranking]
    own: list[tuple[str, Endpoint, Any, Any, type[Struct] | None]] = [
        ("predict", endpoints.predict, protocols.PredictRequest,
         list[protocols.Label | protocols.Ranking], None),
        ("explain", endpoints.explain, protocols.ExplainRequest, protocols.ExplainAnswer, None),
        ("invocations", endpoints.invocations, protocols.InvocationsRequest,
         protocols.InvocationsAnswer, None),
        ("table", bulk.table, _TABLES, tuple(bulk.WRITTEN.values()), protocols.TableQuery),
    ]  # fmt: skip
    listed = [Operation("POST", "/", endpoints.task, protocols.TaskRequest, rankings, _ASKED)]
    listed += [
        Operation("POST", "/models/{name}", endpoints.task, protocols.TaskRequest, rankings, _ASKED)
    ]
    for name, endpoint, takes, gives, query in own:
        for start in ("/", "/models/{name}/"):
            listed.append(
                Operation("POST", start + name, endpoint, takes, gives, _ASKED, query=query)
            )
    for path in ("/info", "/models/{name}/info"):
        listed.append(Operation("GET", path, endpoints.info, refuses=(401, 404)))
    return listed


def _of_kserve() -> list[Operation]:
    listed = [
        Operation("GET", "/v2", endpoints.server_metadata, refuses=(401,)),
        Operation("GET", "/v2/health/live", endpoints.health, opened=True),
        Operation("GET", "/v2/health/ready", endpoints.ready, refuses=(503,), opened=True),
    ]
    for start in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}"):
        listed += [
            Operation("GET", start, endpoints.model_metadata, refuses=(401, 404)),
            Operation("GET", f"{start}/ready", endpoints.ready, refuses=(404, 503), opened=True),
            Operation(
                "POST", f"{start}/infer", endpoints.infer, kserve.InferRequest,
                kserve.InferAnswer, _ASKED,
            ),
        ]  # fmt: skip
    return listed


OPERATIONS = (
    *_of_models(),
    *_of_kserve(),
    Operation("POST", "/models/{name}/reload", endpoints.reload, refuses=(401, 403, 404, 409)),
    Operation("GET", "/metrics", endpoints.metrics, gives=("text/plain",), refuses=(401,)),
    Operation("GET", "/health", endpoints.health, opened=True),
    Operation("GET", "/ready", endpoints.ready, refuses=(503,), opened=True),
    Operation("GET", "/ping", endpoints.health, opened=True),
)
"""Every route but those of pages."""

_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_DATA_POLICY = "default-src 'none'; frame-ancestors 'none'"
_METHODS = frozenset(HTTPMethod)
_PAGES = {"/": "index.html", "/docs": "docs.html"}


def make_app(site: Site) -> ASGIApp:
    """The application of a site."""
    return _Door(site, _routes(site))


def _routes(site: Site) -> Router:
    resources: dict[str, dict[str, Operation]] = {}
    for operation in OPERATIONS:
        resources.setdefault(operation.path, {})[operation.method] = operation
    static = endpoints.read_static()
    pages = {path: static[name] for path, name in _PAGES.items() if name in static}
    pages |= {f"/static/{name}": page for name, page in static.items()}
    pages["/openapi.json"] = to_json(describe(OPERATIONS))
    for path, page in pages.items():
        operation = Operation("GET", path, _shows(page), opened=True)
        resources.setdefault(path, {})["GET"] = operation
    routes = [Route(path, _Resource(site, path, methods)) for path, methods in resources.items()]
    return Router(routes, redirect_slashes=False, default=_not_found)


def _shows(page: Response) -> Endpoint:
    policy = _PAGE_POLICY if page.media_type != JSON else _DATA_POLICY
    page.headers["content-security-policy"] = policy
    page.headers["cache-control"] = "no-cache"

    async def show(_site: Site, _request: Request) -> Response:
        return page

    return show


class _Resource:
    """A path, with what each method does there."""

    def __init__(self, site: Site, path: str, operations: Mapping[str, Operation]) -> None:
        self._site, self._path, self._operations = site, path, dict(operations)
        if "GET" in operations:
            self._operations["HEAD"] = operations["GET"]
        self._allowed = ", ".join([*self._operations, "OPTIONS"])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method = scope["method"]
        operation = self._operations.get(method)
        scope["asked"] = operation.method if operation else method, self._path
        if operation is None and method == "OPTIONS":
            await Response(status_code=204, headers={"allow": self._allowed})(scope, receive, send)
            return
        if operation is None:
            raise RefusalError(
                405, "Validation", f"got {method[:20]}, wanted one of {self._allowed}",
                {"allow": self._allowed},
            )  # fmt: skip
        if not operation.opened:
            _check_key(self._site, Headers(scope=scope))
        request = Request(scope, receive)
        response = await operation.endpoint(self._site, request)
        await response(scope, receive, send)


async def _not_found(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise RefusalError(
        404, "NotFound", "there is no such address; /docs lists those that there are"
    )


def _check_key(site: Site, headers: Headers) -> None:
    if not site.key:
        return
    scheme, _, token = headers.get("authorization", "").partition(" ")
    given = token.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
    # Bytes, as compare_digest takes no other characters than ASCII's as text.
    if not hmac.compare_digest(given.encode("utf-8"), site.key.encode("utf-8")):
        raise RefusalError(
            401, "Unauthorized", "wanted the API key, as  Authorization: Bearer KEY",
            {"www-authenticate": "Bearer"},
        )  # fmt: skip


class _Door:
    """What every request passes, and every answer on its way back."""

    def __init__(self, site: Site, inside: ASGIApp) -> None:
        self._site, self._inside = site, inside

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        begun = time.perf_counter()
        headers = Headers(scope=scope)
        extra = self._extra_headers(headers.get("origin"))
        status, whole = 0, False

        async def answer(message: Message) -> None:
            nonlocal status, whole
            whole = message["type"] == "http.response.body" and not message.get("more_body")
            if message["type"] == "http.response.start":
                status = message["status"]
                names = {name for name, _ in message["headers"]}
                more = [pair for pair in extra if pair[0] not in names]
                message["headers"] = [*message["headers"], *more]
            await send(message)

        try:
            refusal = await self._enter(scope, receive, answer, headers)
        except ClientDisconnect:
            status, refusal = 499, None  # nginx's number for it.
        # A table is answered row by row: when that fails, its beginning has been sent as a success.
        cut = refusal is not None and status > 0 and not whole
        if refusal is not None and (cut or not status):
            self._site.instruments.errors.labels(refusal.kind).inc()
            if cut:
                status = refusal.status
                log.warning("an answer was cut short: %s", refusal)
            else:
                body = protocols.ErrorBody(str(refusal), refusal.kind)
                response = to_json(body, refusal.status, refusal.headers)
                await response(scope, receive, answer)
        self._count(scope, status, time.perf_counter() - begun, cut=cut)

    async def _enter(
        self, scope: Scope, receive: Receive, send: Send, headers: Headers
    ) -> RefusalError | None:
        """Let a request in; what is raised comes back as a refusal."""
        try:
            self._check_host(headers.get("host", ""))
            preflight = self._preflight(scope, headers)
            await (preflight or self._inside)(scope, receive, send)
        except RefusalError as refusal:
            return refusal
        except asyncio.CancelledError:
            return RefusalError(503, "Unhealthy", "the server is about to end")
        except ClientDisconnect:
            raise
        except Exception as error:
            log.exception("an internal error")
            return RefusalError(500, "Backend", f"an internal error: {type(error).__name__}")
        return None

    def _check_host(self, given: str) -> None:
        # A page elsewhere can have its own name point here, and so read what only this machine
        # should: DNS rebinding. Its requests still carry that name.
        hosts = self._site.hosts
        name = given.rsplit(":", 1)[0] if not given.endswith("]") else given
        name = name.strip("[]").lower()
        if not hosts or name in hosts or is_local(name):
            return
        raise RefusalError(
            403, "Forbidden", "this server is called by another name: see --allow-host"
        )

    def _preflight(self, scope: Scope, headers: Headers) -> Response | None:
        if scope["method"] != "OPTIONS" or "access-control-request-method" not in headers:
            return None
        if headers.get("origin") not in self._site.origins:
            raise RefusalError(
                403, "Forbidden", "pages of this origin may not call: see --allow-origin"
            )
        return Response(
            status_code=204,
            headers={
                "access-control-allow-methods": "GET, POST",
                "access-control-allow-headers": "authorization, content-type, x-api-key",
                "access-control-max-age": "600",
            },
        )

    def _extra_headers(self, origin: str | None) -> list[tuple[bytes, bytes]]:
        listed = [
            (b"content-security-policy", _DATA_POLICY.encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"x-frame-options", b"DENY"),
            (b"referrer-policy", b"no-referrer"),
            (b"cache-control", b"no-store"),
        ]
        if self._site.draining:
            listed.append((b"connection", b"close"))
        if origin in self._site.origins and origin:
            listed.append((b"access-control-allow-origin", origin.encode()))
            listed.append((b"vary", b"origin"))
        else:
            listed.append((b"cross-origin-resource-policy", b"same-origin"))
        return listed

    def _count(self, scope: Scope, status: int, seconds: float, *, cut: bool) -> None:
        method, route = scope.get("asked", ("", "unknown"))
        # What a client makes up must not become a name of a counter: there would be no end of them.
        method = method if method in _METHODS else "unknown"
        self._site.instruments.requests.labels(route, method, str(status)).inc()
        self._site.instruments.duration.labels(route).observe(seconds)
        if cut:
            self._site.instruments.cut.labels(route).inc()
        short = " cut short" if cut else ""
        access.info("%s %s %d%s %.1f ms", method, route, status, short, 1000 * seconds)


def is_local(name: str) -> bool:
    """Whether a name or address is this machine's own, which no other can reach."""
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
