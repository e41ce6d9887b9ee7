"""The process a command runs in: exit codes, standard streams that may be closed, signals.

Exit codes: 0 done, 1 an internal error (with a traceback) or a full disk (one line), 2 the input or
the flags are wrong (one line), 141 whoever read the output went away, 128 plus a signal's number
when one stopped it: 130 for Ctrl-C, 143 for SIGTERM.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from ktrain_sentiment.errors import (
    InputError,
    SentimentError,
    explain,
    missing_extra,
    printable,
)

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

_STOPPING = [
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)
]  # Windows knows no SIGHUP.


def guard(prog: str, work: Callable[[], None]) -> int:
    """Do the work of a program, and return its exit code; what stops it is said in one line.

    Args:
        prog: What the line begins with.
        work: Prints and raises; a `SystemExit` goes through.
    """
    occupy_standard_streams()
    with stopping_signals() as received:
        try:
            work()
            if sys.stdout is not None:
                sys.stdout.flush()
        except SystemExit:
            raise
        except BaseException as error:  # noqa: BLE001 - panics of Rust libraries are no Exception
            return _end(prog, error, received)
        finally:
            give_up_broken_output()
    return 0


def _end(prog: str, error: BaseException, received: Sequence[int]) -> int:
    """Say in one line what stopped the command, and return its exit code."""
    if isinstance(error, KeyboardInterrupt):
        return _complain(prog, str(error) or "interrupted", 128 + (*received, signal.SIGINT)[0])
    if isinstance(error, BrokenPipeError):
        return 141  # The reader (head, less) went away; say nothing, as other tools do.
    known: SentimentError | None = None
    if isinstance(error, SentimentError):
        known = error
    elif isinstance(error, OSError):
        known = explain(error, error.filename or "standard output", "used")
    elif isinstance(error, ModuleNotFoundError):
        known = missing_extra(error)
    elif isinstance(error, MemoryError):
        known = SentimentError("not enough memory: try a smaller --batch-size, or fewer rows")
    if known is not None:
        return _complain(prog, known, 2 if isinstance(known, InputError) else 1)
    with contextlib.suppress(OSError):
        traceback.print_exception(error)
    what = traceback.format_exception_only(error)[-1]
    return _complain(prog, f"an internal error, please report it with the lines above: {what}", 1)


def _complain(prog: str, problem: object, code: int) -> int:
    line = printable(" ".join(str(problem).split()))
    with contextlib.suppress(OSError):  # Standard error may be full or gone, too.
        sys.stderr.write(f"{prog}: {line}\n")
        sys.stderr.flush()
    return code


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


def open_console() -> Console:
    """Standard output for tables and texts, whose control characters never reach the terminal."""
    from rich.console import Console, ConsoleRenderable, RenderHook
    from rich.segment import Segment

    class Harmless:
        def __init__(self, content: ConsoleRenderable) -> None:
            self.content = content

        def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
            for part in console.render(self.content, options):
                shown = printable(part.text)
                yield part if part.control or shown == part.text else Segment(shown, part.style)

    class AllHarmless(RenderHook):
        def process_renderables(
            self, renderables: list[ConsoleRenderable]
        ) -> list[ConsoleRenderable]:
            return [Harmless(content) for content in renderables]

    class Piped(Console):
        def on_broken_pipe(self) -> None:
            # Rich would end the process as if the command had failed.
            raise BrokenPipeError

    console = Piped()
    console.push_render_hook(AllHarmless())
    return console
