"""How a worker talks to the benchmark that started it, and how much memory it holds.

Standard library alone, because each worker runs in an environment of its own.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

# Libraries print to standard output as they like; the parent hears what goes to this copy.
_ANSWERS = os.dup(1)
os.dup2(2, 1)


def say(**values: object) -> None:
    """One line to the parent."""
    os.write(_ANSWERS, (json.dumps(values) + "\n").encode())


def take_steps(step: Callable[[], object]) -> None:
    """Warm up, say so, and take as many steps as each line asks for: their seconds are said."""
    for _ in range(3):
        step()
    say(ready=True)
    for line in sys.stdin:
        walls, cpu = [], time.process_time()
        for _ in range(int(line)):
            start = time.perf_counter()
            step()
            walls.append(time.perf_counter() - start)
        say(walls=walls, cpu=time.process_time() - cpu)


def held_mb() -> float:
    """Memory that the process holds now, from where `peak_mb` counts (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status_mb("VmRSS")


def peak_mb() -> float:
    """Most memory that the process held, since `held_mb` if that was asked (Linux).

    Not getrusage's figure, which begins with the memory of the process that started this one.
    """
    return _status_mb("VmHWM")


def _status_mb(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024
