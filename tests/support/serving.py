"""A server to ask: in this process, without sockets, or in one of its own, on loopback."""

import asyncio
import contextlib
import copy
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from ktrain_sentiment.serve.app import make_app
from ktrain_sentiment.serve.server import Service, open_site
from support.process import ROOT


@dataclass(frozen=True)
class Reply:
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        return self.json["error"]


class InProcess:
    """A site that is asked without sockets. Close it."""

    def __init__(self, service: Service) -> None:
        self.site = open_site(service)
        self.app = make_app(self.site)
        self.loop = asyncio.new_event_loop()

    def behind(self, **changes: Any) -> "InProcess":
        """The same models behind another door; nothing to close."""
        other = copy.copy(self)
        other.site = replace(self.site, **changes)
        other.app = make_app(other.site)
        return other

    def close(self) -> None:
        self.site.worker.close()
        self.loop.close()

    def get(self, path: str, **headers: str) -> Reply:
        return self.ask("GET", path, headers=headers)

    def post(self, path: str, body: Any = b"", **headers: str) -> Reply:
        """Post bytes, or anything else as JSON."""
        headers.setdefault("content_type", "application/json")
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.ask("POST", path, data, headers)

    def ask(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Reply:
        return self.loop.run_until_complete(self.send(method, path, body, headers))

    async def send(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        gone: asyncio.Event | None = None,
    ) -> Reply:
        """Send a request; the client closes the connection when `gone` is set."""
        gone = gone or asyncio.Event()
        address, _, query = path.partition("?")
        named = {"host": "localhost", **(headers or {})}
        scope = {
            "type": "http", "http_version": "1.1", "method": method, "path": address,
            "raw_path": address.encode(), "query_string": query.encode(), "scheme": "http",
            "headers": [
                (name.replace("_", "-").encode(), value.encode()) for name, value in named.items()
            ],
            "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "root_path": "",
        }  # fmt: skip
        parts = [{"type": "http.request", "body": body, "more_body": False}]
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            if parts:
                return parts.pop()
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        if not sent:
            return Reply(0, {}, b"")
        start, *rest = sent
        found = {name.decode(): value.decode() for name, value in start["headers"]}
        return Reply(start["status"], found, b"".join(part.get("body", b"") for part in rest))


class Running:
    """`ktrain-sentiment serve` in a process of its own.

    Attributes:
        host: Where it listens.
        port: Where it listens.
        url: The same as an address.
        said: What it wrote to standard error, line by line.
        process: The process.
    """

    def __init__(self, *arguments: str | Path, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ktrain_sentiment", "serve", *map(str, arguments),
             "--port", "0", "--json"],
            cwd=ROOT, env={**os.environ, **environment}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.said: list[str] = []
        assert self.process.stderr
        for line in self.process.stderr:
            self.said.append(line.rstrip())
            if found := re.search(r"at (http://(.+):(\d+))$", line):
                self.url, self.host, self.port = found[1], found[2], int(found[3])
                break
        else:
            raise AssertionError("\n".join(self.said))
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self.said.append(line.rstrip())

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        """Ask over a connection of its own; anything but bytes is sent as JSON."""
        connection = HTTPConnection(self.host, self.port, timeout=30)
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        if data is not None:
            headers.setdefault("content_type", "application/json")
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with contextlib.closing(connection):
            connection.request(method, path, data, named)
            answer = connection.getresponse()
            return Reply(answer.status, dict(answer.getheaders()), answer.read())

    def hears(self, start: str, seconds: float = 10) -> bool:
        """Whether it says a line that begins so; a request is logged after it is answered."""
        deadline = time.monotonic() + seconds
        while not any(line.startswith(start) for line in self.said):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True

    def signal(self, name: str) -> None:
        self.process.send_signal(getattr(signal, name))

    def end(self, name: str = "SIGTERM") -> int:
        """Send a signal, and return the exit code."""
        self.signal(name)
        return self.process.wait(30)

    def close(self) -> None:
        """End it by force, if it runs still."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(30)
        self._listener.join()
        for stream in (self.process.stdout, self.process.stderr):
            assert stream
            stream.close()


@contextlib.contextmanager
def running(*arguments: str | Path, **environment: str) -> Iterator[Running]:
    """A server in a process of its own, ended in the end."""
    server = Running(*arguments, **environment)
    try:
        yield server
    finally:
        server.close()
