"""The process: sockets, slow clients, signals, and an end without loss.

uvicorn speaks HTTP. What it leaves open is closed here: a client that never ends its headers, or
sends endless ones, keeps a connection for ever; a request that the kernel has accepted when the
process is told to end is reset.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import logging
import os
import signal
import socket
import struct
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from ktrain_sentiment.errors import ConfigError, InputError, explain
from ktrain_sentiment.reading_rules import Engine
from ktrain_sentiment.serve import protocols
from ktrain_sentiment.serve.answering import JSON, Site
from ktrain_sentiment.serve.app import is_local, make_app
from ktrain_sentiment.serve.batching import BatchWorker
from ktrain_sentiment.serve.hosting import Hosting
from ktrain_sentiment.serve.instruments import Instruments
from ktrain_sentiment.serve.limits import Limits

log = logging.getLogger(__name__)

_LONGEST_HEAD = 1 << 16
"""Bytes of a request's headers."""

_LAST_REQUESTS = 2.0
"""Seconds for which a connection that was just made may still send its request at the end."""

_ATTACH_FILTER = 26
"""Linux's SO_ATTACH_FILTER, which Python's socket does not name."""

_DROP_ALL = struct.pack("HBBI", 6, 0, 0, 0)
"""A packet filter of one instruction: return 0, the bytes to keep (`struct sock_filter`)."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """What to serve, where, and to whom.

    Attributes:
        places: Predictor folders by name.
        host: Address to listen on.
        port: Port; 0: any that is free.
        engine: As for `load`.
        threads: As for `load`.
        limits: How much is taken.
        blank: What becomes of a text without a word.
        key: What requests must carry; empty: nothing.
        hosts: Further names by which a server on loopback may be called.
        origins: Pages of other origins that may call.
        drain: Seconds for which requests are still taken after SIGTERM, while /ready says no.
        log_texts: Log each text with its label.
        costs: As for `Hosting`.
    """

    places: Mapping[str, Path]
    host: str = "127.0.0.1"
    port: int = 8080
    engine: Engine = "auto"
    threads: int = 0
    limits: Limits = field(default_factory=Limits)
    blank: Literal["refuse", "abstain"] = "refuse"
    key: str = ""
    hosts: frozenset[str] = frozenset()
    origins: frozenset[str] = frozenset()
    drain: float = 1.0
    log_texts: bool = False
    costs: tuple[str, ...] = ()


def open_site(service: Service) -> Site:
    """Load the models of a service, and start what computes.

    Raises:
        PredictorError: A model cannot be loaded.
        ConfigError: A cost makes no sense for one.
    """
    instruments = Instruments()
    hosting = Hosting(service.places, service.engine, service.threads, service.costs)
    for name in hosting.names:
        instruments.version.labels(name).set(1)
    notify = (lambda text, label: log.info("%s: %r", label, text)) if service.log_texts else None
    private = is_local(service.host) and not service.key
    return Site(
        hosting=hosting,
        limits=service.limits,
        instruments=instruments,
        worker=BatchWorker(service.limits, instruments.batch),
        blank=service.blank,
        key=service.key,
        hosts=service.hosts | {"localhost"} if private else frozenset(),
        origins=service.origins,
        notify=notify,
    )


def run(service: Service, say: Callable[[str], None]) -> dict[str, Any]:
    """Serve until a signal ends it.

    Args:
        service: What to serve.
        say: Told the address when requests are taken.

    Returns:
        What was done, for `--json`.

    Raises:
        InputError: The address cannot be had, or a model not be loaded.
    """
    listener = _listen(service.host, service.port)
    with contextlib.closing(listener):
        site = open_site(service)
        # What is there now stays: no collection need look through it again.
        gc.collect()
        gc.freeze()
        config = uvicorn.Config(
            make_app(site), http=_Protocol, ws="none", lifespan="off", log_config=None,
            access_log=False, server_header=False, date_header=True, proxy_headers=False,
            backlog=2048, timeout_graceful_shutdown=int(service.limits.shutdown_timeout) or 1,
            timeout_keep_alive=int(service.limits.idle_timeout) or 1,
        )  # fmt: skip
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        _Protocol.limits = service.limits
        host, port = listener.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        line = f"serving {', '.join(site.hosting.names)} at http://{shown}:{port}"
        server = _Server(config, site, service.drain, listener, lambda: say(line))
        server.run([listener])
        site.worker.close()
    return {"host": host, "port": port, "requests": server.server_state.total_requests}


def _listen(host: str, port: int) -> socket.socket:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        listener = socket.socket(family, kind, protocol)
    except (OSError, OverflowError, UnicodeError) as error:
        raise ConfigError(f"--host {host} --port {port}: no such address: {error}") from error
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        # From here on the kernel takes connections; they wait until the models are loaded.
        listener.listen(2048)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        reason = explain(error, f"--port {port}", "used") or (error.strerror or "").lower()
        raise InputError(f"{host}:{port} cannot be listened on: {reason}") from error
    return listener


class _Server(uvicorn.Server):
    """uvicorn's server with another end: no request that has arrived is lost.

    Args:
        config: uvicorn's.
        site: Told when the end is near.
        drain: Seconds for which requests are still taken.
        listener: Where they come in.
        begun: Called when requests are answered and signals obeyed.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        site: Site,
        drain: float,
        listener: socket.socket,
        begun: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._site, self._drain, self._listener, self._begun = site, drain, listener, begun
        self._reloading: set[asyncio.Task[None]] = set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle signals in the event loop; uvicorn would raise them again in the end."""
        loop = asyncio.get_running_loop()
        handlers: dict[str, Callable[[], object]] = {
            "SIGTERM": lambda: self._end(self._drain),
            "SIGINT": lambda: self._end(0),
            "SIGHUP": self._reload,
        }
        numbers = {
            getattr(signal, name): call for name, call in handlers.items() if hasattr(signal, name)
        }
        try:
            for number, call in numbers.items():
                loop.add_signal_handler(number, call)
        except NotImplementedError:  # Windows' loop handles none.
            with super().capture_signals():
                yield
            return
        try:
            yield
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)

    def _end(self, drain: float) -> None:
        if self._site.draining:  # Asked twice: now.
            self.should_exit = self.force_exit = True
            return
        self._site.draining = True
        log.info("ending: requests that have begun are answered")
        asyncio.get_running_loop().call_later(drain, self._stop)

    def _stop(self) -> None:
        self.should_exit = True

    def _reload(self) -> None:
        task = asyncio.ensure_future(self._reload_all())
        self._reloading.add(task)
        task.add_done_callback(self._reloading.discard)

    async def _reload_all(self) -> None:
        for name in self._site.hosting.names:
            try:
                model = await self._site.hosting.reload(name)
                self._site.instruments.version.labels(name).set(model.version)
            except InputError as error:
                log.warning("%s: not loaded again, the old one stays: %s", name, error)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin, and say so."""
        await super().startup(sockets)
        self._begun()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take what the kernel has accepted already, then end as uvicorn does."""
        loop = asyncio.get_running_loop()
        _drop_handshakes(self._listener)
        taken = self._take_all()
        for server in self.servers:
            server.close()
        for accepted in taken:
            await loop.connect_accepted_socket(
                lambda: _Protocol(self.config, self.server_state, {}), accepted
            )
        # uvicorn closes a connection without a request at once; what it was about to send is on
        # its way, and on a busy machine so for a while.
        waited = loop.time() + _LAST_REQUESTS
        while (
            loop.time() < waited
            and not self.force_exit
            and any(getattr(one, "cycle", None) is None for one in self.server_state.connections)
        ):
            await asyncio.sleep(0.01)
        await super().shutdown(sockets)

    def _take_all(self) -> list[socket.socket]:
        """Every connection that waits at the listener."""
        taken: list[socket.socket] = []
        with contextlib.suppress(OSError):
            while True:
                accepted, _ = self._listener.accept()
                accepted.setblocking(False)
                taken.append(accepted)
        return taken


def _drop_handshakes(listener: socket.socket) -> None:
    """Let the kernel complete no more connections: who comes now tries again, and is refused.

    One that came between the last `accept` and `close` would be reset. Elsewhere than on Linux
    that moment stays.
    """
    if sys.platform == "linux":
        program = ctypes.create_string_buffer(_DROP_ALL)
        with contextlib.suppress(OSError):  # Sandboxes without packet filters.
            listener.setsockopt(
                socket.SOL_SOCKET,
                _ATTACH_FILTER,
                struct.pack("HP", 1, ctypes.addressof(program)),  # `struct sock_fprog`
            )


class _Protocol(HttpToolsProtocol):
    """uvicorn's HTTP with an end to patience.

    Attributes:
        limits: Of the server.
    """

    limits = Limits()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for headers, unless there are too many connections."""
        super().connection_made(transport)
        self._timer: asyncio.TimerHandle | None = None
        self._head, self._in_body = 0, False
        self._await_head()
        if len(self.connections) > self.limits.max_connections:
            self._refuse(503, "Overloaded", "there are too many connections: try again later")

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what comes while headers are awaited: they may not be endless."""
        super().data_received(data)
        # What still comes of a body that was refused is no head: whoever sends it reads the answer
        # in the end, and would lose it with the connection.
        if self._timer is not None and not self._in_body:
            self._head += len(data)
            if self._head > _LONGEST_HEAD:
                self._refuse(431, "Validation", f"headers of more than {_LONGEST_HEAD:,} bytes")

    def on_headers_complete(self) -> None:
        """The headers are there: the body has a time of its own."""
        self._stop_timer()
        self._in_body = True
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The body is there too."""
        self._in_body = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Wait for the headers of the next request, unless it was sent ahead."""
        super().on_response_complete()
        if self.cycle.response_complete:
            self._await_head()

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP in the shape of all refusals."""
        self._refuse(400, "Validation", msg)

    def _await_head(self) -> None:
        self._stop_timer()
        self._head = 0
        self._timer = self.loop.call_later(self.limits.idle_timeout, self._give_up)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()

    def _refuse(self, status: int, kind: str, message: str) -> None:
        if self.transport.is_closing():
            return
        body = protocols.encode(protocols.ErrorBody(message, kind))
        self.transport.write(
            STATUS_LINE[status] + f"content-type: {JSON}\r\ncontent-length: {len(body)}\r\n"
            "connection: close\r\n\r\n".encode() + body
        )  # fmt: skip
        self.transport.close()
