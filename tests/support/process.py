"""Run Python in a process of its own, as a user would."""

import hashlib
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Mapping
from pathlib import Path

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


def complaint_of(*arguments: str | Path) -> str:
    """Run a script that must refuse its input, without a traceback, and return its last line."""
    done = run_python(*arguments)
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
