"""Every script answers alike: exit codes, one line for a mistake, one JSON line at the end."""

import json
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from ktrain_sentiment.commands.frame import parse
from ktrain_sentiment.commands.train import Flags as TrainFlags
from ktrain_sentiment.errors import ConfigError
from support.process import ROOT, run_here, run_python

EXAMPLE = '''
"""Try the frame.

    python example.py reviews.csv
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from ktrain_sentiment.commands.frame import run
from ktrain_sentiment.commands.flags import ScriptFlags
from ktrain_sentiment.config import DataConfig, Group, TrainConfig
from ktrain_sentiment.errors import DataError, TrainingError


@dataclass(frozen=True, kw_only=True)
class Flags(ScriptFlags):
    """Flags."""

    source: Group[DataConfig] = DataConfig()
    training: Group[TrainConfig] = TrainConfig()
    out: Path | None = None
    """Somewhere."""


def task(flags):
    if flags.source.data == "bad.csv":
        raise DataError("bad.csv: line 3 has\\n  two values")
    if flags.source.data == "diverged":
        raise TrainingError("the loss diverged")
    if flags.source.data == "bug":
        raise ZeroDivisionError("ours")
    if flags.source.data == "panic":
        raise type("PanicException", (BaseException,), {})("of a library")
    if flags.source.data == "extra":
        raise ModuleNotFoundError("No module named 'tf_keras'", name="tf_keras.layers")
    if flags.source.data == "module":
        import surely_not_there
    if flags.source.data == "memory":
        raise MemoryError
    if flags.source.data == "stop":
        raise KeyboardInterrupt("stopped; go on with --resume")
    if flags.source.data == "much":
        for number in range(100_000):
            print(number)
    if flags.source.data == "tables":
        from ktrain_sentiment.commands.process import open_console
        for number in range(100_000):
            open_console().print(number)
    if flags.source.data == "wait":
        import time
        print("waiting", flush=True)
        time.sleep(60)
    import logging
    logging.getLogger("ktrain_sentiment.x").info("working")
    logging.getLogger("ktrain_sentiment.x").warning("careful")
    print("data", flags.source.data, "epochs", flags.training.epochs)
    import numpy as np
    return {"accuracy": np.float32(0.5), "rows": np.int64(3), "p": np.arange(2), "out": flags.out,
            "word": "déjà", "flags": flags.training if flags.out else None,
            "none": [float("nan"), np.float32("inf")]}


if __name__ == "__main__":
    run(Flags, task, __doc__)
'''


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scripts") / "example.py"
    path.write_text(EXAMPLE, encoding="utf-8")
    return path


def complaint(done: subprocess.CompletedProcess[str], code: int = 2) -> str:
    """The one line on standard error, without the script's name."""
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    name, _, rest = line.partition(": ")
    assert name == "example.py"
    return rest


def test_a_task_that_ends_well_exits_with_0(script: Path) -> None:
    done = run_python(script, "reviews.csv", "--epochs", "5")
    assert (done.returncode, done.stdout) == (0, "data reviews.csv epochs 5\n")
    assert done.stderr.splitlines() == ["working", "careful"]


def test_quiet_leaves_warnings(script: Path) -> None:
    assert run_here(script, "--quiet").stderr.splitlines() == ["careful"]


def test_the_last_line_is_json_when_asked_for(script: Path) -> None:
    done = run_here(script, "a.csv", "--json", "--out", "runs/x")
    assert done.returncode == 0, done.stderr
    first, last = done.stdout.splitlines()
    assert first.startswith("data a.csv")
    figures = json.loads(last)
    assert figures.pop("flags")["batch_size"] == 32
    assert figures == {
        "accuracy": 0.5,
        "rows": 3,
        "p": [0, 1],
        "out": "runs/x",
        "word": "déjà",
        "none": [None, None],
    }


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--epoch", "3"], "--epoch: no such flag; did you mean --epochs? See --help."),
        (["--lr", "3"], "--lr: no such flag; did you mean --learning-rate? See --help."),
        (["--num-epochs=3"], "--num-epochs: no such flag; did you mean --epochs? See --help."),
        (["--data", "a.csv"], "--data: no such flag: DATA is given without one. See --help."),
        (["--dat", "a.csv"], "--dat: no such flag: DATA is given without one. See --help."),
        (["--zzz"], "--zzz: no such flag. See --help."),
        (["-p", "run"], "-p: no such flag. See --help."),
        (
            ["--epochs", "two"],
            "--epochs two: wanted a whole number. See --help.",
        ),
        (
            ["--batch-size", "1.5"],
            "--batch-size 1.5: wanted a whole number. See --help.",
        ),
        (
            ["--learning-rate", "small"],
            "--learning-rate small: wanted a number. See --help.",
        ),
        (["--epochs"], "--epochs: its value is missing. See --help."),
        (["--epochs", "0"], "--epochs 0: must be at least 1"),
        (["a.csv", "../b.csv"], "../b.csv: is more than is wanted here. See --help."),
    ],
)
def test_wrong_flags_get_one_line_and_exit_with_2(
    script: Path, arguments: list[str], line: str
) -> None:
    assert complaint(run_here(script, *arguments)) == line


def test_a_wrong_choice_names_the_right_ones(script: Path) -> None:
    line = complaint(run_here(script, "--policy", "onecycel"))
    assert line.startswith("--policy onecycel: wanted one of onecycle, triangular, ")


def test_bad_input_gets_one_line_and_exits_with_2(script: Path) -> None:
    assert complaint(run_python(script, "bad.csv")) == "bad.csv: line 3 has two values"


def test_a_fault_of_training_gets_one_line_and_exits_with_1(script: Path) -> None:
    assert complaint(run_here(script, "diverged"), code=1) == "the loss diverged"


def test_an_internal_error_exits_with_1_a_traceback_and_a_last_line(script: Path) -> None:
    done = run_python(script, "bug")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert done.stderr.splitlines()[-1] == (
        "example.py: an internal error, please report it with the lines above: "
        "ZeroDivisionError: ours"
    )


def test_what_is_no_exception_is_an_internal_error_too(script: Path) -> None:
    done = run_here(script, "panic")
    assert done.returncode == 1
    assert "an internal error, please report it" in done.stderr.splitlines()[-1]


def test_a_missing_extra_is_one_line_with_the_command_that_installs_it(script: Path) -> None:
    line = complaint(run_here(script, "extra"))
    assert line.startswith("tf_keras is not installed, and this needs it")
    assert line.endswith('pip install "ktrain-sentiment[train]"')


def test_a_module_that_no_extra_has_is_an_internal_error(script: Path) -> None:
    done = run_here(script, "module")
    assert done.returncode == 1
    assert "No module named 'surely_not_there'" in done.stderr.splitlines()[-1]


def test_too_little_memory_is_one_line(script: Path) -> None:
    assert complaint(run_here(script, "memory"), code=1).startswith("not enough memory")


def test_an_interruption_exits_with_130_and_says_how_to_go_on(script: Path) -> None:
    assert complaint(run_here(script, "stop"), code=130) == "stopped; go on with --resume"


def test_ctrl_c_exits_with_130_and_no_traceback(script: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, script, "wait"], cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert child.stdout is not None
    child.stdout.readline()
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=30)
    assert (child.returncode, said) == (130, "example.py: interrupted\n")


@pytest.mark.parametrize("printed", ["much", "tables"])
def test_a_reader_that_goes_away_is_no_fault(script: Path, printed: str) -> None:
    child = subprocess.Popen(
        [sys.executable, script, printed], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert child.stdout is not None
    child.stdout.readline()
    child.stdout.close()
    assert child.stderr is not None
    assert b"Traceback" not in child.stderr.read()
    child.stderr.close()
    assert child.wait(timeout=30) == 141


# Settings from a file


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "settings.yaml"
    path.write_text("data: file.csv\nepochs: 7\nlearning-rate: 5e-5\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("joined", [True, False])
def test_a_file_gives_the_defaults(script: Path, settings: Path, joined: bool) -> None:
    given = [f"--config={settings}"] if joined else ["--config", settings]
    assert run_here(script, *given).stdout == "data file.csv epochs 7\n"


@pytest.mark.parametrize(
    "given",
    [
        "--also price --epochs 2 --also size", "--also=price --epochs 2 --also=size",
        "--also price,size --epochs 2", "--also price --epochs 2 --also size --",
    ],
)  # fmt: skip
def test_a_list_may_be_given_in_parts(given: str) -> None:
    flags = parse(TrainFlags, ["x.csv", *given.split()], "train")
    assert (flags.source.data, flags.source.also) == ("x.csv", ("price", "size"))
    assert flags.training.epochs == 2


@pytest.mark.parametrize("command", ["compare", "evaluate", "inspect_errors", "predict", "serve"])
def test_a_folder_behind_costs_is_not_taken_for_one(command: str) -> None:
    flags = import_module(f"ktrain_sentiment.commands.{command}").Flags
    assert parse(flags, ["x", "--costs", "negative:positive=5", "distance"], command)
    with pytest.raises(ConfigError, match="--costs runs/x: wanted a cost such as"):
        parse(flags, ["x", "--costs", "negative:positive=5", "runs/x"], command)


def test_flags_on_the_command_line_win_over_the_file(script: Path, settings: Path) -> None:
    done = run_here(script, "other.csv", "--epochs", "2", "--config", settings)
    assert done.stdout == "data other.csv epochs 2\n"


def test_a_mistyped_setting_gets_a_suggestion(script: Path, settings: Path) -> None:
    settings.write_text("epoch: 3")
    line = complaint(run_here(script, "--config", settings))
    assert line == f"{settings}: unknown setting epoch; did you mean epochs?"


def test_a_file_that_is_not_there_is_said(script: Path) -> None:
    line = complaint(run_here(script, "--config", "none.yaml"))
    assert line == "--config none.yaml: cannot be read: No such file or directory"


# Help


def test_help_opens_with_the_purpose_and_documents_each_flag(script: Path) -> None:
    done = run_python(script, "--help")
    assert done.returncode == 0
    assert "Try the frame." in done.stdout
    assert "python example.py reviews.csv" in done.stdout
    assert "Passes over the training rows; 3 when not given" in " ".join(done.stdout.split())


def test_help_is_shown_whatever_else_is_wrong(script: Path) -> None:
    done = run_here(script, "--epochs", "two", "--config", "none.yaml", "-h")
    assert done.returncode == 0
    assert done.stdout.startswith("usage: example.py")


def test_a_text_after_two_dashes_is_no_request_for_help(script: Path) -> None:
    assert run_here(script, "--", "--help").stdout == "data --help epochs None\n"
