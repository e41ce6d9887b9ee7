"""The server under load: how much it takes, how fast it answers, what it does beyond its limits.

    python benchmarks/serving.py --predictor runs/reviews
    python benchmarks/serving.py --predictor runs/reviews --peers pipeline_fp32 pipeline_bf16
    python benchmarks/serving.py --predictor runs/reviews --seconds 5 --soak 10

Texts are the run's test rows, one a request and 32 a request. What the server can take (closed
loop, 64 clients of one text, 16 of 32) is set beside the engine's own batch prediction in a process
of its own, and beside the same model behind FastAPI and a Hugging Face pipeline, all on the same
cores as the client. Then requests of one text come in an open loop at shares of that, and at twice
as much. --soak keeps it at full load for some minutes beside a stream of malformed requests.
Prints tables, then one JSON line.
"""

from __future__ import annotations

import asyncio
import re
import socket
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from frame import BenchmarkFlags
from http_load import Client, Outcome, closed_loop, open_loop, request_bytes
from processes import HOME, ROOT, WORKERS, interpreter, refuse_unknown

from ktrain_sentiment.commands.frame import run

SHARES = (0.25, 0.5, 0.75, 0.9)
CLIENTS, BATCH_CLIENTS = 64, 16
TEXTS = 32
PEERS = {"pipeline_fp32": "fp32", "pipeline_bf16": "bf16"}

Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class Flags(BenchmarkFlags):
    """What to measure."""

    predictor: Path = Path("runs/reviews")
    """A run folder, with its test rows, that holds a predictor."""

    seconds: float = 20.0
    """How long each load lasts."""

    rounds: int = 3
    """How often capacity is measured, engine and servers in turn."""

    peers: tuple[str, ...] = ()
    """Who else serves: any of pipeline_fp32, pipeline_bf16."""

    soak: float = 0.0
    """Minutes at full load beside malformed requests."""

    environments: Path = HOME
    """Where the peers' environment is made."""


def task(flags: Flags) -> dict[str, Any]:
    """Measure, and show tables."""
    refuse_unknown("--peers", flags.peers, PEERS)
    folder = flags.predictor / "predictor"
    texts = _texts(flags.predictor)
    single = [request_bytes("/predict", {"inputs": text}) for text in texts]
    batches = [
        request_bytes("/predict", {"inputs": [[text] for text in texts[k : k + TEXTS]]})
        for k in range(0, len(texts) - TEXTS, TEXTS)
    ]
    figures: dict[str, Any] = {}
    with _ours(folder) as (process, port):
        others = [_peer(name, folder, flags) for name in flags.peers]
        try:
            capacity = _capacity(flags, folder, port, [peer[1] for peer in others], single, batches)
        finally:
            for peer, _ in others:
                peer.kill()
                peer.wait()
        figures["capacity"] = capacity
        _show("texts a second, medians", capacity)
        figures["latency"] = _latency(flags, port, single, capacity["served, 1 a request"])
        figures["alone"] = _alone(folder, port, texts)
        _show("one client, one text, ms", figures["alone"])
        if flags.soak:
            figures["soak"] = _soak(flags, process.pid, port, single)
            _show("soak", figures["soak"])
    return figures


def _texts(run_folder: Path) -> list[str]:
    import pandas as pd

    frame = pd.read_parquet(run_folder / "splits" / "test.parquet")
    return [str(text) for text in frame["text"].sample(frac=1, random_state=0)][:1024]


@contextmanager
def _ours(folder: Path, *more: str) -> Any:  # noqa: ANN401
    """Our server, its process and its port."""
    command = [
        sys.executable,
        "-m",
        "ktrain_sentiment",
        "serve",
        f"x={folder}",
        "--port",
        "0",
        *more,
    ]
    begun = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert process.stderr
    found = re.search(r":(\d+)$", process.stderr.readline().strip())
    if found is None:
        raise RuntimeError("the server did not start")
    port = int(found[1])
    asyncio.run(_once(port, request_bytes("/predict", {"inputs": "A fine film."})))
    print(f"first answer {time.perf_counter() - begun:.2f} s after the start", file=sys.stderr)
    try:
        yield process, port
    finally:
        process.terminate()
        process.wait(30)


def _peer(name: str, folder: Path, flags: Flags) -> tuple[subprocess.Popen[bytes], int]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    python = interpreter("torch-server", flags.environments)
    command = [python, WORKERS / "serve_pipeline.py", folder, str(port), PEERS[name]]
    process = subprocess.Popen(list(map(str, command)))
    request = request_bytes("/predict", {"inputs": "A fine film."})
    for _ in range(300):
        if process.poll() is None and asyncio.run(_once(port, request)) == 200:
            return process, port
        time.sleep(0.5)
    process.kill()
    raise RuntimeError(f"{name}: did not answer")


async def _once(port: int, request: bytes) -> int:
    client = Client(port)
    status = await client.ask(request)
    client.close()
    return status


def _loop(work: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
    import uvloop

    result: Result = uvloop.run(work())
    return result


def _loaded(port: int, load: Callable[[Client], Coroutine[Any, Any, Outcome]]) -> Outcome:
    async def work() -> Outcome:
        client = Client(port)
        outcome = await load(client)
        client.close()
        return outcome

    return _loop(work)


def _closed(port: int, requests: Sequence[bytes], seconds: float, clients: int) -> Outcome:
    return _loaded(port, lambda client: closed_loop(client, requests, seconds, clients))


def _open(port: int, requests: Sequence[bytes], rate: float, seconds: float) -> Outcome:
    return _loaded(port, lambda client: open_loop(client, requests, rate, seconds))


def _capacity(
    flags: Flags,
    folder: Path,
    port: int,
    peers: Sequence[int],
    single: list[bytes],
    batches: list[bytes],
) -> dict[str, float]:
    """Texts a second of engine and servers, in turn: what else the machine does strikes all."""
    found: dict[str, list[float]] = {}
    for _ in range(flags.rounds):
        found.setdefault("engine, in batch", []).append(_engine(folder, flags))
        ports = {"served": port} | dict(zip(flags.peers, peers, strict=True))
        for name, where in ports.items():
            for requests, texts in ((single, 1), (batches, TEXTS)):
                clients = CLIENTS if texts == 1 else BATCH_CLIENTS
                outcome = _closed(where, requests, flags.seconds / 2, clients)
                found.setdefault(f"{name}, {texts} a request", []).append(outcome.rate * texts)
    return {name: statistics.median(values) for name, values in found.items()}


_ENGINE = """
import sys, time
import pandas as pd
import ktrain_sentiment
texts = pd.read_parquet(sys.argv[2])["text"].astype(str).tolist()[:1024]
engine = ktrain_sentiment.load(sys.argv[1])
engine.predict(texts[:64])
begun, done = time.perf_counter(), 0
while time.perf_counter() - begun < float(sys.argv[3]):
    engine.predict(texts)
    done += len(texts)
print(done / (time.perf_counter() - begun))
"""


def _engine(folder: Path, flags: Flags) -> float:
    rows = flags.predictor / "splits" / "test.parquet"
    command = [sys.executable, "-c", _ENGINE, folder, rows, str(flags.seconds / 2)]
    done = subprocess.run(
        list(map(str, command)), cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    return float(done.stdout)


def _latency(
    flags: Flags, port: int, single: list[bytes], capacity: float
) -> dict[str, dict[str, float]]:
    """Latencies at shares of the capacity, and beyond it."""
    found = {}
    print("\nof capacity  asked/s  answered/s   p50 ms   p99 ms  statuses")
    for share in (*SHARES, 2.0):
        outcome = _open(port, single, share * capacity, flags.seconds)
        row = {
            "asked": share * capacity, "answered": outcome.rate,
            "p50_ms": outcome.percentile(50), "p99_ms": outcome.percentile(99),
            **{f"status {status}": count for status, count in outcome.statuses.items()},
        }  # fmt: skip
        found[f"{share:.0%}"] = row
        print(
            f"{share:>11.0%} {row['asked']:8.0f} {row['answered']:11.0f} {row['p50_ms']:8.1f} "
            f"{row['p99_ms']:8.1f}  {dict(outcome.statuses)}"
        )
    return found


def _alone(folder: Path, port: int, texts: list[str]) -> dict[str, float]:
    """One client that waits for each answer, in turn with the engine without a server."""
    import ktrain_sentiment

    engine = ktrain_sentiment.load(folder)
    served: list[float] = []
    direct: list[float] = []

    async def work() -> None:
        client = Client(port)
        for start in range(0, 500, 50):
            for text in texts[start : start + 50]:
                begun = time.perf_counter()
                await client.ask(request_bytes("/predict", {"inputs": text}))
                served.append(time.perf_counter() - begun)
            # ONNX Runtime's threads look for work a while before they sleep: not in another's turn.
            await asyncio.sleep(0.2)
            for text in texts[start : start + 50]:
                begun = time.perf_counter()
                engine.predict([text])
                direct.append(time.perf_counter() - begun)
            await asyncio.sleep(0.2)
        client.close()

    _loop(work)
    return {
        "served, median": 1000 * statistics.median(served[50:]),
        "engine, median": 1000 * statistics.median(direct[50:]),
    }


_MALFORMED = (
    request_bytes("/predict", b"{"), request_bytes("/predict", {"inputs": 3}),
    request_bytes("/predict", b'{"inputs": "\xff"}'), request_bytes("/predict", {"inputs": ""}),
    request_bytes("/predict", b"x", "text/html"), request_bytes("/nowhere", {}),
    request_bytes("/", {"inputs": ["x"] * 40}),
    request_bytes("/predict", {"inputs": "x" * 200_000}),
    request_bytes("/v2/models/x/infer", {"inputs": []}), request_bytes("/invocations", {}),
    request_bytes("/table", b"\x00\x01", "text/csv"), request_bytes("/table", b"", "text/csv"),
    request_bytes("/explain", {"inputs": "x", "label": "?"}),
    b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\r\n\r\n",
    b"POST /predict HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
)  # fmt: skip


def _soak(flags: Flags, pid: int, port: int, single: list[bytes]) -> dict[str, Any]:
    """Full load beside malformed requests and clients that go away; memory on the way."""
    memory: list[float] = []
    wrong: Counter[int] = Counter()
    seconds = 60 * flags.soak

    async def spoil(until: float) -> None:
        client, turn = Client(port), 0
        while time.perf_counter() < until:
            wrong[await client.ask(_MALFORMED[turn % len(_MALFORMED)])] += 1
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(single[turn % len(single)][: 60 + turn % 200])
            writer.close()
            turn += 1
            await asyncio.sleep(0.01)

    async def watch(until: float) -> None:
        while time.perf_counter() < until:
            status = Path(f"/proc/{pid}/status").read_text()
            memory.append(int(status.partition("VmRSS:")[2].split()[0]) / 1024)
            await asyncio.sleep(1)

    async def work() -> Outcome:
        until = time.perf_counter() + seconds
        load = closed_loop(Client(port), single, seconds, CLIENTS)
        outcome, _, _ = await asyncio.gather(load, spoil(until), watch(until))
        return outcome

    outcome = _loop(work)
    tenth = max(len(memory) // 10, 1)
    return {
        "minutes": flags.soak, "answered": outcome.statuses[200], "texts a second": outcome.rate,
        "p99 ms": outcome.percentile(99),
        "other statuses under load": {k: n for k, n in outcome.statuses.items() if k != 200},
        "malformed, by status": dict(sorted(wrong.items())),
        "MB in the second tenth": statistics.median(memory[tenth : 2 * tenth + 1]),
        "MB in the last tenth": statistics.median(memory[-tenth:]),
    }  # fmt: skip


def _show(title: str, rows: dict[str, Any]) -> None:
    print(f"\n{title}")
    for name, value in rows.items():
        shown = f"{value:,.1f}" if isinstance(value, float) else str(value)
        print(f"  {name:<28} {shown}")


if __name__ == "__main__":
    run(Flags, task, __doc__)
