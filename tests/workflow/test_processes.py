"""Work in a process of its own: result, words and errors arrive here, its settings do not."""

import contextlib
import io
import operator
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from ktrain_sentiment.api.calls import _in_python
from ktrain_sentiment.atomic import refuse_existing
from ktrain_sentiment.errors import InputError, TrainingError
from ktrain_sentiment.workflow.processes import in_own_process
from support.process import ROOT, run_python


def said_by(code: str, *, quiet: bool = False) -> str:
    """What a piece of Python in a process of its own says on our standard error."""
    with contextlib.redirect_stderr(io.StringIO()) as heard:
        in_own_process(exec, code, {}, quiet=quiet)
    return heard.getvalue()


def test_the_result_comes_back_from_another_process() -> None:
    assert in_own_process(operator.add, [1], [2]) == [1, 2]
    assert in_own_process(os.getpid) != os.getpid()


def test_what_is_said_there_is_worded_for_whoever_called(capfd) -> None:
    code = "import logging; logging.getLogger('ktrain_sentiment').warning('raise --search-end')"
    in_own_process(exec, code, {}, worded=_in_python)
    assert capfd.readouterr().err == "raise search_end\n"


def test_what_it_sets_stays_there() -> None:
    in_own_process(exec, "import os; os.environ['LEFT_BEHIND'] = '1'; os.chdir('/')", {})
    assert "LEFT_BEHIND" not in os.environ
    assert Path.cwd() != Path("/")


def test_what_it_says_on_either_stream_is_heard_on_standard_error(capsys) -> None:
    heard = said_by("import sys; print('out', flush=True); print('grün', file=sys.stderr)")
    assert heard.splitlines() == ["out", "grün"]
    assert capsys.readouterr().out == ""


def test_its_messages_are_heard_unless_it_is_to_be_quiet() -> None:
    code = "import logging; logging.getLogger('ktrain_sentiment.x').info('on its way')"
    assert said_by(code) == "on its way\n"
    assert said_by(code, quiet=True) == ""


def test_an_error_made_for_the_user_comes_back_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="exists") as caught:
        in_own_process(partial(refuse_existing, tmp_path, overwrite=False))
    assert not getattr(caught.value, "__notes__", ())


def test_another_error_brings_its_traceback_along() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        in_own_process(operator.truediv, 1, 0)
    assert "in serve" in caught.value.__notes__[0]


def test_an_error_of_a_library_comes_as_words_and_does_not_import_the_library() -> None:
    code = "import zipfile; raise zipfile.BadZipFile('half a file')"
    with pytest.raises(RuntimeError, match="BadZipFile: half a file"):
        in_own_process(exec, code, {})


def test_a_process_that_is_killed_says_what_may_help() -> None:
    with pytest.raises(TrainingError, match=r"want of memory.*--batch-size"):
        in_own_process(exec, "import os; os.kill(os.getpid(), 9)", {})


def test_a_process_that_ends_itself_is_an_error() -> None:
    with pytest.raises(TrainingError, match="exit code 3"):
        in_own_process(os._exit, 3)


def test_a_file_in_the_working_folder_is_no_module(tmp_path, monkeypatch) -> None:
    (tmp_path / "json.py").write_text("raise SystemError")
    monkeypatch.chdir(tmp_path)
    assert in_own_process(exec, "import json", {}) is None


def test_a_script_needs_no_guard_around_its_main_part(tmp_path: Path) -> None:
    script = tmp_path / "plain.py"
    script.write_text(
        "import os\n"
        "from ktrain_sentiment.workflow.processes import in_own_process\n"
        "print('once')\n"
        "in_own_process(os.getpid)\n"
    )
    done = run_python(script)
    assert (done.stdout, done.stderr) == ("once\n", "")


STOPPED = """
import pathlib, time
try:
    pathlib.Path({place!r}).touch()
    time.sleep(60)
except KeyboardInterrupt:
    raise KeyboardInterrupt("stopped at step 7") from None
"""


def interrupt_when(ready: Callable[[], bool]) -> None:
    """Press Ctrl-C on this process as soon as it is time."""

    def wait() -> None:
        while not ready():
            time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=wait, daemon=True).start()


def test_ctrl_c_is_passed_on_and_its_word_comes_back(tmp_path: Path) -> None:
    place = tmp_path / "at work"
    interrupt_when(place.is_file)
    with pytest.raises(KeyboardInterrupt, match="stopped at step 7"):
        in_own_process(exec, STOPPED.format(place=str(place)), {})


def test_ctrl_c_before_the_work_has_begun_stops_it_too() -> None:
    begun = time.monotonic()
    interrupt_when(lambda: time.monotonic() > begun + 0.3)
    with pytest.raises(KeyboardInterrupt):
        in_own_process(time.sleep, 60)
    assert time.monotonic() - begun < 50


ABANDONED = """
from ktrain_sentiment.workflow.processes import in_own_process
in_own_process(exec, "import os, time; print(os.getpid(), flush=True); time.sleep(60)", {})
"""


def test_it_does_not_outlive_the_one_who_started_it() -> None:
    command = [sys.executable, "-c", ABANDONED]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as parent:
        assert parent.stderr is not None
        child = int(parent.stderr.readline())
        parent.kill()
    deadline = time.monotonic() + 20
    while Path(f"/proc/{child}").exists() and time.monotonic() < deadline:
        time.sleep(0.2)
    alive = Path(f"/proc/{child}").exists()
    if alive:
        os.kill(child, signal.SIGKILL)
    assert not alive
