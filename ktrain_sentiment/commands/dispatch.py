"""Find a command by its name and run it; only that command's module is imported.

There are three doors:

    ktrain-sentiment train reviews.csv
    python -m ktrain_sentiment train reviews.csv
    python scripts/train.py reviews.csv

The last one is for those who have a clone.
"""

from __future__ import annotations

import difflib
import importlib
import shlex
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from ktrain_sentiment.commands.process import guard
from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.messages import flag_of
from ktrain_sentiment.version import __version__

if TYPE_CHECKING:
    from ktrain_sentiment.commands.helptext import Shape

PROGRAM = "ktrain-sentiment"

COMMANDS = {
    "train": "Train a classifier on labelled texts and save it as a predictor",
    "predict": "Predict the labels of texts, of a file, or of standard input",
    "serve": "Answer requests over HTTP",
    "evaluate": "Say how good a classifier is, how sure that is, and where it is weak",
    "find-lr": "Explore learning rates: loss against rate, with suggestions",
    "search": "Search settings that train well; processes and machines can share the work",
    "prepare": "Look at a data set, check it, clean it and split it",
    "inspect-errors": "Tell the model's mistakes from labels that are probably wrong",
    "compare": "Train several models on the same rows and say which one is worth it",
    "adapt": "Adapt an encoder to texts without labels, before it is trained",
    "distil-encoder": "Make an encoder with fewer layers that has learned from a whole one",
    "export": "Make a predictor's other formats again, or check its files",
    "demo": "Everything once, on real data; says after some steps how long it takes",
}
"""What each command does, the most common first."""


def main(command: str | None = None) -> None:
    """Run a command with the arguments of this process, and exit with its code.

    Args:
        command: Name of the command; the first argument when None.
    """
    program, arguments = Path(sys.argv[0]), sys.argv[1:]
    if command is not None:
        call = f"python {shlex.quote(str(program))}"
        sys.exit(guard(program.name, lambda: _run(command, arguments, program.name, call)))
    # python -m puts the path of the module there.
    prog = f"python -m {__package__.partition('.')[0]}" if program.suffix == ".py" else PROGRAM
    if arguments and arguments[0] in COMMANDS:
        name = arguments.pop(0)
        call = f"{prog} {name}"
        sys.exit(guard(call, lambda: _run(name, arguments, call, call)))
    sys.exit(guard(prog, lambda: _answer(arguments, prog)))


def _run(command: str, arguments: list[str], prog: str, call: str) -> None:
    """Import the module of one command, and that alone, and run it.

    Args:
        command: One of `COMMANDS`.
        arguments: What follows the command on the command line.
        prog: What its help and errors call it.
        call: How its user calls it; the examples of its help are spelled this way.
    """
    from ktrain_sentiment.commands.frame import perform

    module = _module(command)
    about = _described(module, command, call)
    perform(module.Flags, module.task, arguments, prog, about, _shape(module))


def _answer(arguments: list[str], prog: str) -> None:
    """What the program says without a command, or to one that there is not."""
    if not arguments or arguments[0] in {"-h", "--help"}:
        print(overview(prog), end="")
        if not arguments:
            sys.exit(2)
    elif arguments[0] == "--version":
        print(f"{PROGRAM} {__version__}")
    elif arguments[0] == "--completion":
        print(completion())
    else:
        raise ConfigError(f"{unknown(arguments[0])} See {prog} --help.")


def help_of(command: str, prog: str, width: int) -> str:
    """What a command prints for `--help` when its user calls it `prog`."""
    from ktrain_sentiment.commands.helptext import render_help

    module = _module(command)
    about = _described(module, command, prog)
    return render_help(module.Flags, about, prog, _shape(module), width)


def _module(command: str) -> ModuleType:
    return importlib.import_module(f"{__package__}.{command.replace('-', '_')}")


def _shape(module: ModuleType) -> Shape:
    from ktrain_sentiment.commands.helptext import Shape

    return Shape(module.COMMON, getattr(module, "SECTIONS", {}), getattr(module, "ABOUT", {}))


def _described(module: ModuleType, command: str, call: str) -> str:
    return (module.__doc__ or "").replace(f"{PROGRAM} {command}", call)


def overview(prog: str) -> str:
    """The help of the program itself: its commands, a line each."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {what}" for name, what in COMMANDS.items()]
    return "\n".join([
        f"usage: {prog} COMMAND ...", "",
        "Train a sentiment classifier of your own, know how far to trust it, and take it anywhere.",
        "", "commands:", *lines, "",
        f"{prog} COMMAND --help says what a command takes.",
        'eval "$(ktrain-sentiment --completion)" lets the Tab key complete commands and flags.',
        "",
    ])  # fmt: skip


def completion() -> str:
    """A script for bash, and for zsh, that completes commands, flags and names of files."""
    from ktrain_sentiment.commands.helptext import flags_by_group

    cases = []
    for name in COMMANDS:
        groups = flags_by_group(_module(name).Flags)
        named = [flag.name for _, group in groups for flag in group if not flag.positional]
        flags = map(flag_of, named)
        cases.append(f"    {name}) words='{' '.join(flags)}' ;;")
    return "\n".join([
        "if [ -n \"$ZSH_VERSION\" ]; then autoload -U +X bashcompinit && bashcompinit; fi",
        "_ktrain_sentiment() {",
        "  local words=''",
        "  case ${COMP_WORDS[1]} in",
        *cases,
        "  esac",
        f"  [ \"$COMP_CWORD\" -eq 1 ] && words='{' '.join(COMMANDS)}'",
        '  COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))',
        "}",
        f"complete -o default -F _ktrain_sentiment {PROGRAM}",
    ])  # fmt: skip


def unknown(given: str) -> str:
    """What to say of a command that there is not."""
    near = difflib.get_close_matches(given, COMMANDS, n=1)
    hint = f"did you mean {near[0]}?" if near else f"wanted one of {', '.join(COMMANDS)}."
    return f"{given}: no such command; {hint}"
