"""Workers of benchmarks, which answer in lines of JSON, and the Python environments of peers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import venv
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


HOME = Path("~/.cache/ktrain-sentiment")
"""Where environments are made unless a script is told otherwise."""

PACKAGES = {
    "torch": ("torch==2.13.0", "transformers==5.23.0", "accelerate==1.15.0"),
    "torch-server": (
        "torch==2.13.0",
        "transformers==5.23.0",
        "fastapi==0.165.0",
        "uvicorn[standard]==0.54.0",
    ),
    "openvino": ("openvino==2026.4.1", "nncf==3.4.0", "tokenizers==0.21.4"),
    "transformers4": ("tensorflow==2.21.0", "tf_keras==2.21.0", "transformers==4.54.1"),
    "ktrain": ("ktrain==0.41.4", "tensorflow==2.21.0", "tf_keras==2.21.0", "transformers==4.54.1"),
    "setfit": ("setfit==1.2.0", "torch==2.13.0"),
    "onnxruntime": ("onnxruntime==1.31.1", "onnx==1.23.1", "tokenizers==0.21.4"),
}
"""What each environment has."""


def interpreter(name: str, home: Path = HOME) -> Path:
    """The Python of an environment, which is made when it is missing or has other packages.

    Args:
        name: One of `PACKAGES`.
        home: Folder that holds the environments.
    """
    place = home.expanduser() / f"{name}-environment"
    python, stamp, packages = place / "bin" / "python", place / "complete", PACKAGES[name]
    wanted = "\n".join(packages)
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"making an environment with {', '.join(packages)} in {place}", file=sys.stderr)
        venv.create(place, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "-qq", *packages], check=True)
        stamp.write_text(wanted)
    return python
