"""Run Python in a process of its own, as a user would; or a script here, without its imports."""

import contextlib
import hashlib
import logging
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[2]
"""The repository."""


def run_python(
    *arguments: str | Path,
    environment: Mapping[str, str] | None = None,
    cwd: Path = ROOT,
    stdin: str | None = None,
    timeout: float = 300,
) -> subprocess.CompletedProcess[str]:
    """Run `python *arguments` and return what it said; never raises for its exit code.

    The process has the tests' own empty home and caches, and cannot reach the network.

    Args:
        arguments: A script and its arguments, or "-c" and code.
        environment: Variables on top of the tests' own.
        cwd: Working folder.
        stdin: Text for standard input.
        timeout: Seconds until it counts as hung.
    """
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        env={**os.environ, **(environment or {})},
        cwd=cwd, input=stdin, capture_output=True, text=True, timeout=timeout, check=False,
    )  # fmt: skip


def run_here(
    script: str | Path, *arguments: str | Path, cwd: Path = ROOT, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a script as `run_python` does, but in this process, whose imports are made already.

    For what a command answers and writes. How well it learns depends on what else this process
    has trained, and what its own process is (how it starts, its signals, what it imports) can be
    seen there alone.

    Args:
        script: Path of the script, from `cwd` if it is relative.
        arguments: Its arguments.
        cwd: Working folder.
        stdin: Text for standard input.
    """
    command = [str(script), *map(str, arguments)]
    with _own_streams(stdin) as (out, err), _as_found(), contextlib.chdir(cwd):
        sys.argv = command[:]
        try:
            runpy.run_path(str(script), run_name="__main__")
            code: object = 0
        except SystemExit as end:
            code = end.code or 0
        except BaseException:  # noqa: BLE001 - what Python itself does with it
            traceback.print_exc()
            code = 1
    said = [_all_of(stream) for stream in (out, err)]
    return subprocess.CompletedProcess(command, int(str(code)), *said)


@contextlib.contextmanager
def _own_streams(stdin: str) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """Files in the places of the standard streams, also for what libraries write to 1 and 2."""
    before = sys.stdin, sys.stdout, sys.stderr
    with contextlib.ExitStack() as opened:
        files = [tempfile.TemporaryFile() for _ in range(3)]  # noqa: SIM115 - closed by `_all_of`
        opened.callback(files[0].close)
        files[0].write(stdin.encode())
        files[0].seek(0)
        for number, file in enumerate(files):
            kept = os.dup(number)
            opened.callback(os.close, kept)
            opened.callback(os.dup2, kept, number)
            os.dup2(file.fileno(), number)
        streams = []
        for number, (mode, name) in enumerate([("r", "in"), ("w", "out"), ("w", "err")]):
            stream = open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115
            stream.buffer.raw.name = f"<std{name}>"  # as Python's own, by which messages know it
            streams.append(stream)
        try:
            sys.stdin, sys.stdout, sys.stderr = streams
            yield files[1], files[2]
        finally:
            sys.stdin, sys.stdout, sys.stderr = before
            for stream in streams:
                stream.close()


def _all_of(file: IO[bytes]) -> str:
    with file:
        file.seek(0)
        return file.read().decode("utf-8").replace("\r\n", "\n")


@contextlib.contextmanager
def _as_found() -> Iterator[None]:
    """Put back what a command sets for its process: arguments, environment, and who logs where."""
    logger = logging.getLogger("ktrain_sentiment")
    state = logger.handlers, logger.propagate, logger.level
    arguments, environment = sys.argv, dict(os.environ)
    try:
        yield
    finally:
        logger.handlers, logger.propagate = state[:2]
        logger.setLevel(state[2])
        sys.argv = arguments
        os.environ.clear()
        os.environ.update(environment)


def complaint_of(*arguments: str | Path) -> str:
    """Run a script that must refuse its input, without a traceback, and return its last line.

    It runs here: that a process ends alike is shown for every command in `commands/test_dispatch`.
    """
    done = run_here(*arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr.strip().splitlines()[-1]


def run_code(
    code: str, environment: Mapping[str, str] | None = None, timeout: float = 300
) -> subprocess.CompletedProcess[str]:
    """Run a piece of Python in a process of its own."""
    return run_python("-c", textwrap.dedent(code), environment=environment, timeout=timeout)


def call_outside(
    *command: str | Path, cwd: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command as someone who has no clone: the tree and the fence are not on its path."""
    inside = {"PYTHONPATH", "PIP_NO_INDEX", "PYTHONHOME", "VIRTUAL_ENV"}
    outside = {name: value for name, value in os.environ.items() if name not in inside}
    return subprocess.run(
        list(map(str, command)),
        env={**outside, "PIP_DISABLE_PIP_VERSION_CHECK": "1", **environment},
        cwd=cwd, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip


def sha256(path: Path) -> str:
    """Digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def wait_for(path: Path, process: "subprocess.Popen[bytes]", seconds: float = 900) -> None:
    """Wait until a running process has made a file."""
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert process.poll() is None, process.stderr and process.stderr.read()
        assert time.monotonic() < deadline, f"{path} never appeared"
        time.sleep(0.05)


def kill_a_worker(wanted: Callable[[str], bool], timeout: float = 60) -> int:
    """Wait until a process of a cluster has opened a predictor, and kill it with -9.

    Args:
        wanted: Tells from a command line whether a process is one of the cluster's.
        timeout: Seconds.

    Returns:
        Its id.
    """
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        for place in Path("/proc").glob("[0-9]*"):
            try:
                name = (place / "cmdline").read_text(errors="replace").replace("\0", " ")
                ours = int(place.name) == os.getpid()
                if not ours and wanted(name) and "onnxruntime" in (place / "maps").read_text():
                    os.kill(int(place.name), signal.SIGKILL)
                    return int(place.name)
            except OSError:
                continue
        time.sleep(0.02)
    raise TimeoutError("no worker has opened a predictor")
