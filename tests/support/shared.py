"""What is made once for all workers of a test run, however many there are."""

import fcntl
from collections.abc import Callable
from pathlib import Path

import pytest


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """The folder or file that `make` makes at the path it is given; the first worker makes it.

    Args:
        factory: pytest's; its base folder is a worker's own, and the folder above it the run's.
        name: What to call it: one name, one way to make it.
        make: Makes it. If it fails, the next worker tries again.
    """
    base = factory.getbasetemp()
    run = base.parent if base.name.startswith("popen-") else base
    place = run / "shared" / name
    place.mkdir(parents=True, exist_ok=True)
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made, whole = place / name, place / "whole"
        if not whole.exists():
            make(made)
            whole.touch()
        return made
