"""The process a command runs in: standard streams that may be closed or break, and signals."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

_STOPPING = [
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)
]  # Windows knows no SIGHUP.


def occupy_standard_streams() -> None:
    """Keep the numbers 0 to 2 from being given to files, where the caller closed the streams.

    Otherwise what a library prints would end up in the next file that is opened. Reading standard
    input and writing standard output fail as they should; what goes to standard error is lost.
    """
    for number, mode in enumerate([os.O_WRONLY, os.O_RDONLY, os.O_WRONLY]):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, mode)
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for good


@contextlib.contextmanager
def stopping_signals() -> Iterator[list[int]]:
    """Let SIGTERM and SIGHUP interrupt as Ctrl-C does, so that what is open is put in order.

    A signal that the caller has ignored, as nohup does, stays ignored.

    Yields:
        The signals that arrived; empty for Ctrl-C.
    """
    received: list[int] = []

    def stop(number: int, _: FrameType | None) -> None:
        received.append(number)
        for other in installed:  # Once is enough: let nothing disturb the tidying up.
            signal.signal(other, signal.SIG_IGN)
        raise KeyboardInterrupt

    in_charge = threading.current_thread() is threading.main_thread()
    installed = [n for n in _STOPPING if in_charge and signal.getsignal(n) is signal.SIG_DFL]
    for number in installed:
        signal.signal(number, stop)
    try:
        yield received
    finally:
        for number in installed:
            signal.signal(number, signal.SIG_DFL)


def give_up_broken_output() -> None:
    """Drop what standard output could not take, about which Python would complain at exit."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
