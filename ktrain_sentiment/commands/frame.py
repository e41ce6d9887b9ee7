"""The common frame of every command: flags, settings files, logging, `--json`.

A command defines a dataclass of flags and a function that takes it. How it ends, whatever happens,
is said in `process.py`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import itertools
import json
import logging
import re
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import tyro

from ktrain_sentiment.commands.flags import ScriptFlags
from ktrain_sentiment.commands.helptext import PLAIN, Shape, flags_by_group, render_help
from ktrain_sentiment.commands.process import guard
from ktrain_sentiment.config import RENAMED
from ktrain_sentiment.config.flat import field_names, from_flat, list_names, read_settings, to_flat
from ktrain_sentiment.config.renamed import SYNONYMS, nearest_names
from ktrain_sentiment.errors import ConfigError, printable
from ktrain_sentiment.messages import flag_of
from ktrain_sentiment.reading_rules import BY_ORDER
from ktrain_sentiment.remote import url_of

log = logging.getLogger(__name__)

Flags = TypeVar("Flags", bound=ScriptFlags)
Figures = Mapping[str, Any]

_COMPLAINTS = [
    (r"Unrecognized options: (--?[a-zA-Z][\w-]*).*", "{0}: no such flag"),
    (r"Unrecognized options: (.*)", "{0}: is more than is wanted here"),
    (r"Missing value for argument '(\S+)'.*", "{0}: its value is missing"),
    (
        r"invalid choice '(.*)' for argument '(\S+)'\. Expected one of \((.*?),?\)",
        "{1} {0}: wanted one of {2}",
    ),
    (r"Error parsing (\S+): .*invalid literal for int.*: '(.*)'", "{0} {1}: wanted a whole number"),
    (r"Error parsing (\S+): .*could not convert .* float: '(.*)'", "{0} {1}: wanted a number"),
]
"""What tyro says, and what a user is told."""


def run(
    flags_type: type[Flags], task: Callable[[Flags], Figures | None], description: str | None
) -> None:
    """Be a program of one command: what a script calls that is not in this package.

    Args:
        flags_type: A dataclass derived from `ScriptFlags`.
        task: Does the work and returns the figures that `--json` prints.
        description: The text at the top of `--help`; a script passes its docstring.
    """
    prog = Path(sys.argv[0]).name
    given = sys.argv[1:]
    sys.exit(guard(prog, lambda: perform(flags_type, task, given, prog, description or "")))


def perform(
    flags_type: type[Flags],
    task: Callable[[Flags], Figures | None],
    arguments: Sequence[str],
    prog: str,
    description: str,
    shape: Shape = PLAIN,
) -> None:
    """Parse the command line, do the task, and print its figures where they are asked for.

    Args:
        flags_type: A dataclass derived from `ScriptFlags`.
        task: Does the work and returns the figures that `--json` prints.
        arguments: Command-line arguments.
        prog: What help and errors call the program.
        description: The text at the top of `--help`.
        shape: How help orders the flags.

    Raises:
        ConfigError: The flags are wrong; the message is one line.
    """
    if {"-h", "--help"} & {*itertools.takewhile(lambda argument: argument != "--", arguments)}:
        print(render_help(flags_type, description, prog, shape), end="")
        return
    start_logging(quiet=True)
    flags = parse(flags_type, arguments, prog)
    start_logging(quiet=flags.quiet)
    if flags.json and sys.stdout is None:
        raise ConfigError("--json: standard output is closed, and was to take the figures")
    figures = task(flags)
    if flags.json:
        print(to_json_line(figures or {}))


def parse(flags_type: type[Flags], arguments: Sequence[str], prog: str) -> Flags:
    """Turn command-line arguments into a configuration; `--config` gives the defaults.

    Raises:
        ConfigError: The flags are wrong; the message is one line.
    """
    arguments = _with_new_names(arguments, field_names(flags_type))
    arguments = _gathered(arguments, list_names(flags_type))
    config = _config_path(arguments)
    default: Any = tyro.MISSING_NONPROP
    if config is not None:
        default = from_flat(flags_type, read_settings(config), str(config))
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            flags: Flags = tyro.cli(
                flags_type, prog=prog, args=arguments, default=default, add_help=False
            )
    except SystemExit:
        every = [flag for _, group in flags_by_group(flags_type) for flag in group]
        bare = {flag.name: flag.call for flag in every if flag.positional}
        said = _as_one_line(complaint.getvalue(), field_names(flags_type), bare)
        raise ConfigError(said) from None
    for one in to_flat(flags).get("costs", ()):
        if "=" not in one and one not in BY_ORDER:  # a folder, say, that was given behind them
            raise ConfigError(
                f"--costs {one}: wanted a cost such as negative:positive=5; all that stands behind "
                "--costs is taken for one: put texts, files and folders before it"
            )
    return flags


def _with_new_names(arguments: Sequence[str], known: Collection[str]) -> list[str]:
    """The command line by the flags of now; an old flag of `RENAMED` gives way, and that is said.

    A flag of this command that has the old name of another command's keeps its meaning.
    """
    current = []
    for argument in arguments:
        given, equals, value = argument.partition("=")
        start = next(start for start in ("--no-", "--", "") if given.startswith(start))
        name = given.removeprefix(start)
        old = name.replace("-", "_")
        new = RENAMED.get(old)
        if start and new and new in known and old not in known:
            flag = start + new.replace("_", "-")
            log.warning("%s is called %s now", start + name, flag)
            argument = flag + equals + value
        current.append(argument)
    return current


def _gathered(arguments: Sequence[str], lists: Collection[str]) -> list[str]:
    """The command line with each list's flag once; tyro would take its last values alone."""
    groups: list[list[str]] = [[]]
    given: dict[str, list[str]] = {}
    once: set[str] = set()
    current, rest = groups[0], iter(arguments)
    for argument in rest:
        flag, equals, value = argument.partition("=")
        name = flag.removeprefix("--").replace("-", "_")
        if argument == "--":
            groups.append([argument, *rest])
        elif flag.startswith("--") and name in lists:
            if name not in given:
                groups.append(given.setdefault(name, [flag]))
            current = given[name]
            current += [value] if equals else []
        elif re.match("--?[A-Za-z]", argument):
            if flag in once:
                log.warning("%s is given twice: the last one counts", flag)
            once.add(flag)
            current = [argument]
            groups.append(current)
        else:
            current.append(argument)
    return [argument for group in groups for argument in group]


def _config_path(arguments: Sequence[str]) -> Path | None:
    for position, argument in enumerate(arguments):
        if argument.startswith("--config="):
            return Path(argument.removeprefix("--config="))
        if argument == "--config" and position + 1 < len(arguments):
            return Path(arguments[position + 1])
    return None


def _as_one_line(box: str, known: Collection[str], bare: Mapping[str, str]) -> str:
    """The parser's complaint without its box, its title and the help text it repeats.

    Args:
        box: What it wrote.
        known: Names of all settings.
        bare: What is given without a flag, as help calls it, by the name of the setting.
    """
    complaint, *rest = re.split(r"│\s*─{3,}\s*│", box)
    lines = [line.strip(" │") for line in complaint.splitlines() if line.startswith("│")]
    meant = [part for part in rest if "Perhaps you meant" in part]
    flags = list(dict.fromkeys(re.findall(r"--[\w-]+", "".join(meant))))
    said = " ".join(lines).rstrip(".")
    for pattern, told in _COMPLAINTS:
        if found := re.fullmatch(pattern, said):
            parts = [part.replace("'", "").removeprefix("None, ") for part in found.groups()]
            said = told.format(*parts)
            break
    if given := re.fullmatch(r"--([\w-]+): no such flag", said):
        name = given[1].replace("-", "_")
        near = nearest_names(name, known)
        # What is known to be meant counts more than which names look alike.
        if not flags or SYNONYMS.get(name.casefold()) in near:
            flags = [*map(flag_of, near)]
        if call := next((bare[name] for name in (given[1], *near[:1]) if name in bare), ""):
            return f"{said}: {call.removesuffix(' ...')} is given without one. See --help."
    hint = f"; did you mean {' or '.join(flags)}?" if flags else "."
    return f"{said}{hint} See --help."


class _OneLine(logging.Formatter):
    """Messages quote cells of tables, which may hold anything."""

    def format(self, record: logging.LogRecord) -> str:
        """The message without control characters."""
        return printable(super().format(record))


def start_logging(*, quiet: bool) -> None:
    """Send this package's messages to standard error, one line each."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OneLine("%(message)s"))
    logger = logging.getLogger("ktrain_sentiment")
    logger.handlers = [handler]
    logger.propagate = False
    logger.setLevel(logging.WARNING if quiet else logging.INFO)


def to_json_line(figures: Figures) -> str:
    """One line of JSON; paths become strings, numpy numbers plain ones, NaN and infinity null."""
    plain = json.loads(json.dumps(figures, default=_plain), parse_constant=lambda _: None)
    return json.dumps(plain, ensure_ascii=False)


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, Path):
        return url_of(value) or str(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"cannot write {type(value).__name__} as JSON")
