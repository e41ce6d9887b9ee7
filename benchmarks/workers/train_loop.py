"""What the training workers share: what to train on, a clock that leaves out judging, answers.

Standard library alone, because each worker runs in an environment of its own. Argument: a JSON
file with what to train on. Standard output: one JSON object a line; the last one has `done`.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from answers import peak_mb, say

STARTED = time.perf_counter()


class Clock:
    """Seconds since the worker began, without those spent on judging the model."""

    def __init__(self) -> None:
        """Start with nothing left out."""
        self._left_out = 0.0

    def now(self) -> float:
        """Seconds."""
        return time.perf_counter() - STARTED - self._left_out

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Leave out what is done inside."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            self._left_out += time.perf_counter() - begun


class Judge:
    """Asks for the accuracy at even distances while training, and says it with its time."""

    def __init__(self, clock: Clock, steps: int, times: int, right: Callable[[], float]) -> None:
        """Keep what is needed.

        Args:
            clock: Stands still while judging.
            steps: Steps of the whole training.
            times: How often to judge.
            right: Gives the accuracy of the model as it is.
        """
        self._clock, self._right = clock, right
        self._at = {round(steps * k / times) for k in range(1, times + 1)}

    def after(self, step: int) -> None:
        """Judge if it is time to, after so many steps."""
        if step in self._at:
            seconds = self._clock.now()
            with self._clock.paused():
                say(step=step, seconds=seconds, accuracy=self._right())


def task() -> dict[str, Any]:
    """What to train on and how: the keys that `training.py` writes."""
    read: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    return read


def share_right(winners: Sequence[int], truth: Sequence[int]) -> float:
    """Accuracy."""
    return sum(int(a) == b for a, b in zip(winners, truth, strict=True)) / len(truth)


def finish(begun: float, ended: float, accuracy: float) -> None:
    """Say what it came to: when training began and ended, and the accuracy at its end."""
    say(done=True, begun=begun, ended=ended, accuracy=accuracy, peak_mb=peak_mb())
