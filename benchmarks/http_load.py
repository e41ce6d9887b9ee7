"""A client that loads an HTTP server: closed loop to find what it can take, open loop to see how.

In an open loop requests come when they come, whether or not earlier ones are answered, and a
latency begins when a request was due; a closed loop's clients wait for a slow server, and so hide
how slow it is ("coordinated omission").
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np


@dataclass
class Outcome:
    """What became of some requests.

    Attributes:
        seconds: How long they were sent for.
        statuses: How many got which status; 0: the connection broke.
        latencies: Seconds of each answer with status 200, from when it was due.
    """

    seconds: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Requests a second that were answered with 200."""
        return self.statuses[200] / self.seconds if self.seconds else 0.0

    def percentile(self, share: float) -> float:
        """A percentile of the latencies in milliseconds."""
        return (
            1000 * float(np.percentile(self.latencies, share)) if self.latencies else float("nan")
        )


def request_bytes(path: str, body: object, media: str = "application/json") -> bytes:
    """A POST request as it goes over the wire."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {media}\r\n"
    return f"{head}content-length: {len(data)}\r\n\r\n".encode() + data


class _Connection(asyncio.Protocol):
    """One request at a time; the answer's body is counted, not read."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[int] | None = None
        self._data = b""
        self.open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports derive from no class of asyncio's.
        self._transport, self.open = cast("asyncio.Transport", transport), True

    def connection_lost(self, _exc: Exception | None) -> None:
        self.open = False
        self._settle(0)

    def ask(self, request: bytes) -> asyncio.Future[int]:
        """Send a request; the status of its answer."""
        assert self._transport is not None
        self._data = b""
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answer

    def data_received(self, data: bytes) -> None:
        self._data += data
        end = self._data.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._data[:end].lower()
        _, _, length = head.partition(b"content-length: ")
        if b"transfer-encoding: chunked" in head:
            whole = self._data.endswith(b"0\r\n\r\n")
        else:
            whole = len(self._data) >= end + 4 + int(length.partition(b"\r\n")[0] or 0)
        if whole:
            if b"connection: close" in head:
                self.open = False
            self._settle(int(head[9:12]))

    def _settle(self, status: int) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(status)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class Client:
    """Connections to a server on this machine, opened when they are needed."""

    def __init__(self, port: int) -> None:
        self._address = "127.0.0.1", port
        self._idle: deque[_Connection] = deque()

    async def ask(self, request: bytes) -> int:
        """Send a request over a connection that is free; the status, or 0 where it broke."""
        connection = await self._free()
        if connection is None:
            return 0
        status = await connection.ask(request)
        if connection.open:
            self._idle.append(connection)
        else:
            connection.close()
        return status

    async def _free(self) -> _Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.open:
                return connection
        try:
            loop = asyncio.get_running_loop()
            _, made = await loop.create_connection(_Connection, *self._address)
        except OSError:
            return None
        return made

    def close(self) -> None:
        """Close what is idle."""
        for connection in self._idle:
            connection.close()


async def closed_loop(
    client: Client, requests: Sequence[bytes], seconds: float, clients: int
) -> Outcome:
    """Some clients that each send their next request when the last one is answered."""
    outcome = Outcome()
    begun = time.perf_counter()

    async def work(start: int) -> None:
        turn = start
        while (due := time.perf_counter()) - begun < seconds:
            status = await client.ask(requests[turn % len(requests)])
            outcome.statuses[status] += 1
            if status == 200:
                outcome.latencies.append(time.perf_counter() - due)
            turn += clients

    await asyncio.gather(*map(work, range(clients)))
    outcome.seconds = time.perf_counter() - begun
    return outcome


async def open_loop(
    client: Client, requests: Sequence[bytes], rate: float, seconds: float
) -> Outcome:
    """Requests that come at random, so many a second on average (a Poisson process)."""
    outcome, chance = Outcome(), np.random.default_rng(0)
    running: set[asyncio.Task[None]] = set()
    begun = time.perf_counter()

    async def work(request: bytes, due: float) -> None:
        status = await client.ask(request)
        outcome.statuses[status] += 1
        if status == 200:
            outcome.latencies.append(time.perf_counter() - due)

    due, turn = begun, 0
    while (due := due + chance.exponential(1 / rate)) - begun < seconds:
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        task = asyncio.ensure_future(work(requests[turn % len(requests)], due))
        running.add(task)
        task.add_done_callback(running.discard)
        turn += 1
    if running:
        await asyncio.wait(running)
    outcome.seconds = time.perf_counter() - begun
    return outcome
