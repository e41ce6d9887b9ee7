"""What the surroundings do to a command: closed streams, signals, refusals of the system."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from support.process import ROOT

EXAMPLE = """
import os, sys, time
from dataclasses import dataclass
from pathlib import Path
from ktrain_sentiment.commands.frame import run
from ktrain_sentiment.commands.flags import ScriptFlags

@dataclass(frozen=True, kw_only=True)
class Flags(ScriptFlags):
    what: str = ""
    file: Path = Path("x")

def task(flags):
    if flags.what == "wait":
        try:
            print("waiting", flush=True)
            time.sleep(60)
        finally:
            flags.file.write_text("put in order")
    if flags.what == "write":
        flags.file.write_text("content")
    if flags.what == "read":
        flags.file.read_text()
    if flags.what == "open":
        with flags.file.open("w") as file:
            os.write(1, b"from a library")
            print("a note", file=sys.stderr)
    if flags.what == "print":
        print("data")
    if flags.what == "show":
        from ktrain_sentiment.commands.process import open_console
        from rich.table import Table
        table = Table("text", title="a \x1b[2Jtitle")
        table.add_row("one \x1b]0;name\x07")
        console = open_console()
        console.print(table, "two \x9b1m", style="bold red")
    if flags.what == "complain":
        from ktrain_sentiment.errors import InputError
        raise InputError("a label \\x1b[31mred\\x07")
    return {"rows": 1}

run(Flags, task, None)
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scripts") / "example.py"
    path.write_text(EXAMPLE)
    return path


def shell(command: str, script: Path) -> subprocess.CompletedProcess[str]:
    """Run a shell command in which {example} stands for the script."""
    whole = command.format(example=f"{sys.executable} {script}")
    return subprocess.run(
        whole, shell=True, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_command_in_order_with_its_own_exit_code(script, tmp_path, number):
    arguments = ["--what", "wait", "--file", tmp_path / "state"]
    with subprocess.Popen(
        [sys.executable, script, *arguments], cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as child:  # fmt: skip
        child.stdout.readline()
        child.send_signal(number)
        _, complaint = child.communicate(timeout=20)
    assert child.returncode == 128 + number
    assert complaint == "example.py: interrupted\n"
    assert (tmp_path / "state").read_text() == "put in order"


def test_a_signal_that_the_caller_ignores_stays_ignored(script, tmp_path):
    command = f"trap '' HUP; exec {{example}} --what wait --file {tmp_path / 'state'}"
    with subprocess.Popen(
        command.format(example=f"{sys.executable} {script}"), shell=True, cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as child:  # fmt: skip
        child.stdout.readline()
        child.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(0.5)
        child.terminate()
        child.communicate(timeout=20)
    assert child.returncode == 128 + signal.SIGTERM


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("{example} --what print --quiet > /dev/full", 1, "standard output: the disk is full"),
        ("{example} --json > /dev/full", 1, "standard output: the disk is full"),
        ("{example} --json >&-", 2, "standard output is closed"),
        ("{example} --what write --file /dev/null/x", 2, "/dev/null/x cannot be used"),
        ("ulimit -f 0; {example} --what write --file big", 1, "may not grow further"),
    ],
)
def test_what_the_system_refuses_is_one_line(script, tmp_path, command, code, said):
    done = shell(f"cd {tmp_path} && PYTHONPATH={ROOT} && {command}", script)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_file_that_is_missing_without_a_word_of_ours_is_an_internal_error(script, tmp_path):
    done = shell(f"{{example}} --what read --file {tmp_path / 'missing'}", script)
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_what_is_printed_to_closed_streams_never_ends_up_in_a_file(script, tmp_path):
    done = shell(f"{{example}} --what open --file {tmp_path / 'x'} 0<&- 1>&- 2>&-", script)
    assert (tmp_path / "x").read_bytes() == b""
    assert done.returncode == 2  # Nothing took what was written to standard output.
    done = shell(f"{{example}} --what open --file {tmp_path / 'x'} 0<&- 2>&-", script)
    assert (done.returncode, done.stdout) == (0, "from a library")
    assert (tmp_path / "x").read_bytes() == b""


def test_a_message_does_not_control_the_terminal(script):
    done = shell("{example} --what complain", script)
    assert done.stderr == "example.py: a label \\x1b[31mred\\x07\n"


def test_a_table_does_not_control_the_terminal_and_keeps_its_own_colours(script):
    done = shell("FORCE_COLOR=1 NO_COLOR= TERM=xterm {example} --what show", script)
    assert done.returncode == 0, done.stderr
    assert r"one \x1b]0;name" in done.stdout
    assert r"two \x9b1m" in done.stdout
    for raw in ("\x1b[2J", "\x1b]", "\x07", "\x9b"):
        assert raw not in done.stdout
    assert "\x1b[1;31m" in done.stdout
