"""Run a function in a process of its own, and have its result, its messages and its errors here.

Training sets environment variables, threads, log levels and warning filters that TensorFlow and
ktrain need, and none of them can be taken back; TensorFlow never returns its memory either. In a
process of its own all of that ends with the training.
"""

from __future__ import annotations

import codecs
import logging
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, TypeVar

from ktrain_sentiment.errors import SentimentError, TrainingError, one_line

T = TypeVar("T")

_SERVE = "import sys; from ktrain_sentiment.workflow.processes import serve; serve(sys.argv[1])"
_PACKAGE_HOME = Path(__file__).resolve().parents[2]
_PATIENCE = 60.0
"""Seconds that a process has to put its things in order after Ctrl-C: a step, a checkpoint."""


def in_own_process(
    function: Callable[..., T],
    *arguments: object,
    quiet: bool = False,
    worded: Callable[[str], str] = str,
) -> T:
    """Call a function in a fresh process and return what it returns.

    Not by `multiprocessing`, which runs the caller's main module again: a script would need a
    guard around its main part, and a notebook's or a pipe's cannot be run again at all.

    Args:
        function: Something that a fresh process can import; nothing of the caller's main module.
        arguments: Its arguments; these and the result are pickled.
        quiet: Let the process say warnings and errors only.
        worded: Words a message of the process for whoever called; importable as well.

    Raises:
        Exception: What the function raised, as it raised it.
        TrainingError: The process died.
        KeyboardInterrupt: Ctrl-C, passed on; the message is that of the function.
    """
    with tempfile.TemporaryDirectory(prefix="ktrain-sentiment-") as scratch:
        job = (os.getpid(), quiet, worded, function, arguments)
        Path(scratch, "job").write_bytes(pickle.dumps(job))
        with _start(scratch) as process:
            try:
                _relay(process.stdout)
                process.wait()
            except BaseException:
                _stop(process)
                if Path(scratch, "answer").is_file():
                    _answer(scratch, process.returncode)
                raise
        return _answer(scratch, process.returncode)  # type: ignore[no-any-return]


def begin_process(
    place: Path, said: Path, function: Callable[..., object], *arguments: object
) -> subprocess.Popen[bytes]:
    """Start a function in a fresh process, as `in_own_process` does, and wait for nothing.

    Args:
        place: An empty folder, where the process finds its job and leaves its answer.
        said: A file for its warnings and errors.
        function: Something that a fresh process can import.
        arguments: Its arguments, which are pickled.
    """
    (place / "job").write_bytes(pickle.dumps((os.getpid(), True, str, function, arguments)))
    with said.open("wb") as output:
        return _open(str(place), output, subprocess.STDOUT)


def how_it_ended(place: Path, code: int | None) -> str:
    """Why a process of `begin_process` is of no use any more; empty while it runs or is done.

    Args:
        place: Its folder.
        code: What it returned.
    """
    if code is None:
        return ""
    try:
        _answer(str(place), code)
    except Exception as error:  # noqa: BLE001 - whatever it raised there is told here
        return one_line(error)
    return ""


def _start(scratch: str) -> subprocess.Popen[bytes]:
    # A terminal is handed over, so that progress bars are drawn on it. What stands in its place in
    # a notebook or under a redirection is no file that a process could write to.
    terminal = sys.stderr is sys.__stderr__ and sys.stderr is not None and sys.stderr.isatty()
    output = sys.stderr.fileno() if terminal else subprocess.PIPE
    return _open(scratch, output, output if terminal else subprocess.STDOUT)


def _open(scratch: str, output: int | IO[bytes], errors: int) -> subprocess.Popen[bytes]:
    home = os.environ.get("PYTHONPATH", "")
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, (home, str(_PACKAGE_HOME)))),
        # A notebook names a backend that draws into its cells, which ktrain would import.
        "MPLBACKEND": "Agg",
    }
    return subprocess.Popen(
        # -P: files in the working folder are not modules, whatever their names.
        [sys.executable, "-P", "-c", _SERVE, scratch],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=errors,
        env=environment,
        # Ctrl-C reaches the caller alone, who passes it on once.
        start_new_session=True,
    )


def _relay(output: IO[bytes] | None) -> None:
    """Write what the process says to whatever `sys.stderr` is now, as soon as it is said."""
    if output is None:
        return
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    while chunk := os.read(output.fileno(), 65536):
        if sys.stderr is not None:
            sys.stderr.write(decoder.decode(chunk))
            sys.stderr.flush()


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.communicate(timeout=_PATIENCE)
    finally:
        process.kill()
        process.wait()


def _answer(scratch: str, code: int | None) -> Any:  # noqa: ANN401
    """What the function returned, or what it raised."""
    answer = Path(scratch, "answer")
    if not answer.is_file():
        raise TrainingError(_how_it_died(code or 0))
    failure, result = pickle.loads(answer.read_bytes())  # noqa: S301 - our own child's, mode 700
    if failure is not None:
        raise failure
    return result


def _how_it_died(code: int) -> str:
    if code == -signal.SIGKILL:
        return (
            "the training process was killed, most likely for want of memory: smaller batches "
            "(--batch-size) or shorter texts (--maxlen) need less"
        )
    how = f"was ended by signal {-code}" if code < 0 else f"failed with exit code {code}"
    return f"the training process {how}; what it said before stands above"


def serve(scratch: str) -> None:
    """Do the job that lies in a folder, and leave the answer there."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    job = Path(scratch, "job").read_bytes()
    parent, quiet, worded, function, arguments = pickle.loads(job)  # noqa: S301 - our own parent's
    init_worker(parent, quiet=quiet, worded=worded)
    answer: tuple[BaseException | None, object]
    try:
        answer = (None, function(*arguments))
    except BaseException as error:  # noqa: BLE001 - also Ctrl-C: it is raised again by the caller
        answer = (_portable(error), None)
    part = Path(scratch, "answer.part")
    part.write_bytes(pickle.dumps(answer))
    part.rename(part.with_name("answer"))


def _portable(error: BaseException) -> BaseException:
    """The error with its traceback as a note, and its words alone where it is a library's.

    To unpickle TensorFlow's error would import TensorFlow into the caller.
    """
    home = type(error).__module__.partition(".")[0]
    meant = isinstance(error, SentimentError | KeyboardInterrupt)
    said = f"In the training process:\n{traceback.format_exc()}"
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301
    except Exception:  # noqa: BLE001 - an error's own pickling may do anything
        home = ""
    if home not in {"builtins", "ktrain_sentiment"}:
        error = RuntimeError(f"{type(error).__name__}: {error}")
    if not meant:
        error.add_note(said)
    return error


class _Worded(logging.Formatter):
    """Messages in the words of whoever called."""

    def __init__(self, worded: Callable[[str], str]) -> None:
        super().__init__("%(message)s")
        self.worded = worded

    def format(self, record: logging.LogRecord) -> str:
        """The message, worded."""
        return self.worded(super().format(record))


def init_worker(parent: int, *, quiet: bool, worded: Callable[[str], str] = str) -> None:
    """Let this process log to standard error, and end when the one that started it is gone."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Worded(worded))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("ktrain_sentiment").setLevel(logging.WARNING if quiet else logging.INFO)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """A killed process takes nobody along by itself, and a model can train for hours."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
