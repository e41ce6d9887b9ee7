"""Every command is found by its name, answers alike both ways, and only its module is imported."""

import ast
import dataclasses
import importlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ktrain_sentiment import __version__
from ktrain_sentiment.commands.dispatch import COMMANDS, help_of
from ktrain_sentiment.commands.helptext import flags_by_group
from support.process import ROOT, run_code, run_python

HEAVY = [
    "ktrain", "keras", "matplotlib", "numpy", "onnx", "onnxruntime", "pandas", "pyarrow", "sklearn",
    "tensorflow", "tf_keras", "tokenizers", "torch", "transformers",
]  # fmt: skip
SCRIPTS = {name: name.replace("-", "_") for name in COMMANDS} | {"prepare": "prepare_data"}


def ask(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program as a module."""
    return run_python("-m", "ktrain_sentiment", *arguments)


def fields_of(name: str) -> list[str]:
    """Flags of a command, as its help lists them."""
    module = importlib.import_module(f"ktrain_sentiment.commands.{name.replace('-', '_')}")
    return [flag.name for _, flags in flags_by_group(module.Flags) for flag in flags]


# The program


def test_help_lists_every_command_the_most_common_first() -> None:
    done = ask("--help")
    assert done.returncode == 0
    assert re.findall(r"^  ([a-z-]+)  +\w", done.stdout, re.MULTILINE) == list(COMMANDS)
    assert list(COMMANDS)[:2] == ["train", "predict"]


def test_no_command_shows_the_help_and_is_an_error() -> None:
    done = ask()
    assert done.returncode == 2
    assert done.stdout == ask("--help").stdout


def test_the_version_is_said() -> None:
    assert ask("--version").stdout == f"ktrain-sentiment {__version__}\n"


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ("trian", "did you mean train?"),
        ("find_lr", "did you mean find-lr?"),
        ("--quiet", "wanted one of train, predict, "),
    ],
)
def test_an_unknown_command_is_one_line_with_the_nearest_name(given: str, hint: str) -> None:
    done = ask(given)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"python -m ktrain_sentiment: {given}: no such command; {hint}")


def test_every_module_of_a_command_is_listed() -> None:
    shared = {"__init__", "dispatch", "flags", "frame", "helptext", "process"}
    modules = {path.stem for path in (ROOT / "ktrain_sentiment" / "commands").glob("*.py")}
    assert modules - shared == {name.replace("-", "_") for name in COMMANDS}


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        (["pre"], {"predict", "prepare"}),
        (["train", "--early"], {"--early-stopping"}),
        (["find-lr", "a.csv", "--verify-r"], {"--verify-rows"}),
        (["train", "reviews"], set()),
        (["train", "--dat"], set()),
    ],
)
def test_bash_completes_commands_and_flags(typed: list[str], wanted: set[str]) -> None:
    words = " ".join(["ktrain-sentiment", *typed])
    script = (
        f"{ask('--completion').stdout}\nCOMP_WORDS=({words}) COMP_CWORD={len(typed)}\n"
        '_ktrain_sentiment; echo "${COMPREPLY[*]}"'
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == wanted
    assert done.stderr == ""


# The scripts


@pytest.mark.parametrize("name", COMMANDS)
def test_a_script_is_a_door_and_nothing_else(name: str) -> None:
    tree = ast.parse((ROOT / "scripts" / f"{SCRIPTS[name]}.py").read_text())
    docstring, door, start = tree.body
    assert isinstance(docstring, ast.Expr)
    assert ast.unparse(door) == "from ktrain_sentiment.commands.dispatch import main"
    assert ast.unparse(start) == f"if __name__ == '__main__':\n    main('{name}')"


def test_every_command_has_a_script_and_every_script_a_command() -> None:
    assert {path.stem for path in (ROOT / "scripts").glob("*.py")} == set(SCRIPTS.values())


# Each command, both ways


def test_help_is_the_same_both_ways_but_for_the_call() -> None:
    for name in COMMANDS:
        script = f"scripts/{SCRIPTS[name]}.py"
        by_script = run_python(script, "--help").stdout
        installed = ask(name, "--help").stdout
        call = f"python -m ktrain_sentiment {name}"
        assert installed.startswith(f"usage: {call} ")
        assert by_script.startswith(f"usage: {SCRIPTS[name]}.py ")
        assert f"\n    {call}" in installed, "an example in the help"
        assert f"\n    python {script}" in by_script, "an example in the help"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_wrong_flag_is_one_line_both_ways(name: str) -> None:
    for call, prog in (
        (["-m", "ktrain_sentiment", name], f"python -m ktrain_sentiment {name}"),
        ([f"scripts/{SCRIPTS[name]}.py"], f"{SCRIPTS[name]}.py"),
    ):
        done = run_python(*call, "--surely-not-a-flag")
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == (f"{prog}: --surely-not-a-flag: no such flag. See --help.\n")


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_each_flag_once_and_loads_nothing_heavy(name: str) -> None:
    done = run_code(
        f"""
        import sys
        from ktrain_sentiment.commands.dispatch import main
        sys.argv = ["/usr/bin/ktrain-sentiment", {name!r}, "--help"]
        try:
            main()
        except SystemExit as stop:
            loaded = [name for name in {HEAVY!r} if name in sys.modules]
            print("stopped with", stop.code, "and", loaded, file=sys.stderr)
        """
    )
    assert done.stderr.strip() == "stopped with 0 and []"
    assert f"    ktrain-sentiment {name}" in done.stdout
    shown = re.findall(r"^  (?:-h, )?--([a-z-]+)", done.stdout, re.MULTILINE)
    assert len(shown) == len(set(shown))
    flags = {field.replace("_", "-") for field in fields_of(name)}
    assert flags - set(shown) <= {"data", "texts", "teacher", "predictor", "predictors"}, (
        "those that need no name"
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_what_help_shows_first_are_flags_of_the_command(name: str) -> None:
    module = importlib.import_module(f"ktrain_sentiment.commands.{name.replace('-', '_')}")
    assert set(module.COMMON) <= set(fields_of(name))
    named = [*module.COMMON, *(f for fs in getattr(module, "SECTIONS", {}).values() for f in fs)]
    assert len(set(named)) == len(named)
    assert {*named, *getattr(module, "ABOUT", {})} <= set(fields_of(name))
    assert dataclasses.is_dataclass(module.Flags)


def test_examples_in_help_go_on_in_the_next_line_at_a_flag():
    shown = help_of("predict", "python -m ktrain_sentiment predict", width=80)
    assert "--file reviews.parquet \\\n        --output scored.xlsx" in shown


@pytest.mark.parametrize("name", COMMANDS)
def test_help_fits_a_terminal_of_80_columns(name):
    text = help_of(name, f"ktrain-sentiment {name}", width=80)
    assert max(map(len, text.splitlines())) <= 80


def test_help_answers_within_half_a_second() -> None:
    # Seconds of the processor: what it takes where nothing else runs, as other tests do now.
    def seconds() -> float:
        before = os.times()
        ask("train", "--help")
        after = os.times()
        return sum(after[2:4]) - sum(before[2:4])

    assert min(seconds() for _ in range(5)) < 0.5


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["--version"]])
def test_what_standard_output_cannot_take_is_one_line(arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "ktrain_sentiment", *arguments], cwd=ROOT, stdout=full,
            stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "the disk is full" in line
