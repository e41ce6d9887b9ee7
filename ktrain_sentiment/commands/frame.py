"""The common frame of every command: flags, logging, progress, errors, exit codes, `--json`.

A command defines a dataclass of flags and a function that takes it, and calls `run`. Exit codes:
0 done, 1 an internal error (with a traceback) or a full disk (one line), 2 the input or the flags
are wrong (one line), 128 plus a signal's number when one stopped it: 130 for Ctrl-C, 143 SIGTERM.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import logging
import re
import signal
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import docstring_parser
import tyro

from ktrain_sentiment.commands.process import (
    give_up_broken_output,
    occupy_standard_streams,
    stopping_signals,
)
from ktrain_sentiment.config import RENAMED, ScriptFlags
from ktrain_sentiment.config.flat import field_names, from_flat, read_settings
from ktrain_sentiment.errors import ConfigError, InputError, SentimentError, explain, printable

log = logging.getLogger(__name__)

Flags = TypeVar("Flags", bound=ScriptFlags)
Figures = Mapping[str, Any]

_NOT_A_NUMBER = re.compile(
    r"Error parsing (?P<flag>--[\w-]+): .*"
    r"(?P<kind>invalid literal for int\(\) with base 10|could not convert string to float): "
    r"'(?P<given>.*)'"
)
"""Of tyro's complaint: Python's own words for an int or a float."""


def run(
    flags_type: type[Flags],
    task: Callable[[Flags], Figures | None],
    description: str | None,
    arguments: Sequence[str] | None = None,
    prog: str | None = None,
) -> None:
    """Parse the command line, do the task, and exit with the right code.

    Args:
        flags_type: A dataclass derived from `ScriptFlags`.
        task: Does the work and returns the figures that `--json` prints.
        description: The text at the top of `--help`; a command passes its docstring.
        arguments: Command-line arguments; those of the process when None.
        prog: What help and errors call the program; the script's name when None.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    sys.exit(_run(flags_type, task, description, given, prog or Path(sys.argv[0]).name))


def _run(
    flags_type: type[Flags],
    task: Callable[[Flags], Figures | None],
    description: str | None,
    arguments: Sequence[str],
    prog: str,
) -> int:
    occupy_standard_streams()
    start_logging(quiet=True)
    with stopping_signals() as received:
        try:
            flags = parse(flags_type, arguments, description, prog)
            start_logging(quiet=flags.quiet)
            if flags.json and sys.stdout is None:
                raise ConfigError("--json: standard output is closed, and was to take the figures")
            figures = task(flags)
            if flags.json:
                sys.stdout.write(to_json_line(figures or {}) + "\n")
            if sys.stdout is not None:
                sys.stdout.flush()
        except KeyboardInterrupt as stop:
            return _complain(prog, str(stop) or "interrupted", 128 + (*received, signal.SIGINT)[0])
        except BrokenPipeError:
            return 141  # The reader (head, less) went away; say nothing, as other tools do.
        except (SentimentError, OSError) as error:
            known = error if isinstance(error, SentimentError) else explain(error, _place(error))
            if known is None:
                raise
            return _complain(prog, known, 2 if isinstance(known, InputError) else 1)
        finally:
            give_up_broken_output()
    return 0


def _place(error: OSError) -> str:
    return str(error.filename or "standard output")


def _complain(prog: str, problem: object, code: int) -> int:
    line = printable(" ".join(str(problem).split()))
    with contextlib.suppress(OSError):  # Standard error may be full or gone, too.
        sys.stderr.write(f"{prog}: {line}\n")
        sys.stderr.flush()
    return code


def parse(
    flags_type: type[Flags], arguments: Sequence[str], description: str | None, prog: str
) -> Flags:
    """Turn command-line arguments into a configuration; `--config` gives the defaults.

    Raises:
        ConfigError: The flags are wrong; the message is one line.
        SystemExit: `--help` was asked for (code 0).
    """
    arguments = _with_new_names(arguments, field_names(flags_type))
    default = _defaults(flags_type, arguments)
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint), _joined_docstrings():
            if default is None:
                return tyro.cli(
                    flags_type, prog=prog, args=list(arguments), description=description
                )
            return tyro.cli(
                flags_type,
                prog=prog,
                args=list(arguments),
                description=description,
                default=default,
            )
    except SystemExit as stop:
        if stop.code in (0, None):
            raise
        raise ConfigError(_as_one_line(complaint.getvalue())) from None


@contextlib.contextmanager
def _joined_docstrings() -> Iterator[None]:
    """Let the help of a field whose docstring has several lines run on, as its type's own does.

    tyro joins the lines before it takes their indentation off, and keeps each break for that
    reason. Can go when it does these the other way round.
    """
    original = docstring_parser.parse_from_object

    def parse_from_object(
        obj: object, style: docstring_parser.DocstringStyle = docstring_parser.DocstringStyle.AUTO
    ) -> docstring_parser.Docstring:
        found = original(obj, style)
        for field in found.params:
            if field.description:
                field.description = " ".join(field.description.split())
        return found

    docstring_parser.parse_from_object = parse_from_object
    try:
        yield
    finally:
        docstring_parser.parse_from_object = original


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


def _defaults(flags_type: type[Flags], arguments: Sequence[str]) -> Flags | None:
    path = _config_path(arguments)
    if path is None:
        return None
    return from_flat(flags_type, read_settings(path), str(path))


def _config_path(arguments: Sequence[str]) -> Path | None:
    for position, argument in enumerate(arguments):
        if argument.startswith("--config="):
            return Path(argument.removeprefix("--config="))
        if argument == "--config" and position + 1 < len(arguments):
            return Path(arguments[position + 1])
    return None


def _as_one_line(box: str) -> str:
    """The parser's complaint without its box, its title and the help text it repeats."""
    complaint, *rest = re.split(r"│\s*─{3,}\s*│", box)
    lines = [line.strip(" │") for line in complaint.splitlines() if line.startswith("│")]
    meant = [part for part in rest if "Perhaps you meant" in part]
    flags = list(dict.fromkeys(re.findall(r"--[\w-]+", "".join(meant))))
    hint = f" Did you mean {' or '.join(flags)}?" if flags else ""
    said = " ".join(lines).rstrip(".")
    if wrong := _NOT_A_NUMBER.search(said):
        kind = "a whole number" if wrong["kind"].startswith("invalid") else "a number"
        said = f"{wrong['flag']} {wrong['given']}: wanted {kind}"
    return f"{said}.{hint} See --help."


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
        return str(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"cannot write {type(value).__name__} as JSON")
