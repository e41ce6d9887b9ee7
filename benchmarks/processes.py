"""Workers of benchmarks: processes that wait for their turn and answer in lines of JSON."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from ktrain_sentiment.errors import ConfigError

ROOT = Path(__file__).resolve().parents[1]
WORKERS = ROOT / "benchmarks" / "workers"


class Worker:
    """A process that answers each command with one line of JSON (`workers/answers.py`)."""

    def __init__(self, name: str, command: list[str]) -> None:
        """Start it; `ask` without a command waits until it is ready."""
        self.name = name
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip

    @property
    def pid(self) -> int:
        """Of its process."""
        return self._process.pid

    def ask(self, command: str = "") -> dict[str, Any]:
        """Give a command and wait for the answer; without one, wait until it is ready.

        Raises:
            RuntimeError: The process ended.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if command:
            print(command, file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name}: its process ended without an answer")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()


def memory_of(pid: int) -> dict[str, int]:
    """KB that a process holds now (Linux).

    `VmRSS` is all of it; `RssAnon` without the pages of files, which the system can take back; all
    zero where there is no such process any more.
    """
    names = ("RssAnon", "VmRSS")
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        lines = []
    found = {name: value for name, _, value in (line.partition(":") for line in lines)}
    return {name: int(found.get(name, "0 kB").split()[0]) for name in names}


def answers_of(
    name: str, command: list[str], environment: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """Run a worker to its end and return its answers, the last of which says that it is done.

    Args:
        name: Whose worker it is, for messages.
        command: What to run.
        environment: Variables to set besides this process's own.

    Raises:
        RuntimeError: It ended before; with the end of what it complained.
    """
    with tempfile.TemporaryFile("w+") as errors:
        ended = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=errors, text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})}, check=False,
        )  # fmt: skip
        answers = [json.loads(line) for line in ended.stdout.splitlines()]
        if not answers or "done" not in answers[-1]:
            errors.seek(0)
            raise RuntimeError(f"{name}: its process ended too soon: {errors.read()[-2000:]}")
    return answers


def refuse_unknown(flag: str, given: Iterable[str], known: Collection[str]) -> None:
    """Refuse names of contenders that there are not.

    Raises:
        ConfigError: A name is unknown.
    """
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise ConfigError(f"{flag} {' '.join(unknown)}: known are {', '.join(known)}")
