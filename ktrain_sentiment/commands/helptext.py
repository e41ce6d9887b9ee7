"""What `--help` shows: purpose and examples, the flags that most people need, then the rest."""

from __future__ import annotations

import dataclasses
import inspect
import shutil
import textwrap
import types
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

import docstring_parser
from tyro.conf import Positional

from ktrain_sentiment.commands.flags import ScriptFlags
from ktrain_sentiment.messages import flag_of

_MARK = get_args(Positional[int])[1]
_NAMES = {int: "N", float: "X", str: "TEXT", Path: "PATH"}
_INDENT = 28
_WIDEST = 100


class Flag(NamedTuple):
    """One line of the help."""

    name: str
    """Name of the field."""

    call: str
    """How it is written on the command line, with what follows it."""

    about: str
    """What it does, and its default."""

    positional: bool
    """Whether it is given by its place, without a name."""


class Shape(NamedTuple):
    """What a command says about its help besides its flags."""

    common: Sequence[str] = ()
    """Fields to show first, in this order."""

    sections: Mapping[str, Sequence[str]] = types.MappingProxyType({})
    """Titles, and the fields of the command's own that stand under them."""

    about: Mapping[str, str] = types.MappingProxyType({})
    """What a field means to this command, where that is more than its group says."""


PLAIN = Shape()

_SHARED = {field.name for field in dataclasses.fields(ScriptFlags)}
_HELP = Flag("help", "-h, --help", "Show this help.", positional=False)


def flags_by_group(flags_type: type, title: str = "Options") -> Iterator[tuple[str, list[Flag]]]:
    """The flags of a command, group by group: what belongs to no group comes first."""
    hints = get_type_hints(flags_type, include_extras=True)
    docs = _field_docs(flags_type)
    own: list[Flag] = []
    shared: list[Flag] = []
    groups: list[tuple[Any, str]] = []
    for field in dataclasses.fields(flags_type):
        declared, marks = _unwrapped(hints[field.name])
        if dataclasses.is_dataclass(declared):
            groups.append((declared, docs.get(field.name) or inspect.getdoc(declared) or ""))
        else:
            flag = _flag(field, declared, docs.get(field.name, ""), positional=_MARK in marks)
            (shared if field.name in _SHARED else own).append(flag)
    if own:
        yield title, own
    for declared, about in groups:
        yield from flags_by_group(declared, about.split("\n\n")[0].rstrip("."))
    if shared:
        yield "Of every command", [*shared, _HELP]


def render_help(
    flags_type: type, description: str, prog: str, shape: Shape, width: int | None = None
) -> str:
    """The help of a command.

    Args:
        flags_type: The dataclass of its flags; its groups become sections.
        description: Purpose, examples and remarks; indented lines are broken at flags alone.
        prog: What the user calls it.
        shape: Which flags stand first and under which titles.
        width: Columns; those of the terminal when None, a hundred at most.
    """
    width = width or min(shutil.get_terminal_size().columns, _WIDEST)
    groups = list(flags_by_group(flags_type, "More options" if shape.common else "Options"))
    every = {flag.name: flag for _, flags in groups for flag in flags}
    for name, about in shape.about.items():
        every[name] = every[name]._replace(about=about)
    first = [flag for flag in every.values() if flag.positional]
    first += [every[name] for name in shape.common]
    sections = [("Most used", first)] if first else []
    sections += [
        (title, [every[name] for name in names]) for title, names in shape.sections.items()
    ]
    taken = {flag.name for _, flags in sections for flag in flags}
    usage = ["usage:", prog, *(f"[{flag.call}]" for flag in first if flag.positional), "[OPTIONS]"]
    parts = [" ".join(usage), *_paragraphs(description, width)]
    sections += [
        (title, [every[flag.name] for flag in flags if flag.name not in taken])
        for title, flags in groups
    ]
    for title, flags in sections:
        lines = [line for flag in flags for line in _lines(flag.call, flag.about, width)]
        if lines:
            parts.append("\n".join([f"{title}:", *lines]))
    return "\n\n".join(parts) + "\n"


def _unwrapped(hint: Any) -> tuple[Any, tuple[object, ...]]:  # noqa: ANN401
    """A type without the marks that `Annotated` adds, and the marks."""
    if get_origin(hint) is Annotated:
        return get_args(hint)[0], get_args(hint)[1:]
    return hint, ()


def _field_docs(flags_type: type) -> dict[str, str]:
    """The docstring under each field, also of those that a base class declares."""
    docs: dict[str, str] = {}
    for declared in reversed(flags_type.__mro__):
        if dataclasses.is_dataclass(declared):
            for field in docstring_parser.parse_from_object(declared).params:
                docs[field.arg_name] = " ".join((field.description or "").split())
    return docs


def _flag(field: dataclasses.Field[Any], declared: Any, about: str, *, positional: bool) -> Flag:  # noqa: ANN401
    made = field.default_factory
    default = field.default if made is dataclasses.MISSING else made()
    name = flag_of(field.name)
    if positional:
        many = get_origin(declared) is tuple
        call = field.name.upper().removesuffix("S" if many else "") + (" ..." if many else "")
    elif declared is bool:
        call = f"{name}, --no-{name[2:]}" if default else name
    else:
        call = f"{name} {_in_short(declared)}"
    if default is True:
        default = "on"
    elif isinstance(default, tuple):
        default = " ".join(map(str, default))
    if default is not False and default not in (None, "", Path(), dataclasses.MISSING):
        about = f"{about} (default: {default})"
    return Flag(field.name, call, about, positional)


def _in_short(declared: Any) -> str:  # noqa: ANN401
    """What stands for a value of this type."""
    origin, inside = get_origin(declared), get_args(declared)
    if origin is Literal:
        return "{" + ",".join(map(str, inside)) + "}"
    if origin is tuple:
        return f"{_in_short(inside[0])} ..."
    if origin in (Union, types.UnionType):
        kinds = [kind for kind in inside if kind is not types.NoneType]
        return "|".join(dict.fromkeys(map(_in_short, kinds)))
    return _NAMES.get(declared, "VALUE")


def _paragraphs(text: str, width: int) -> Iterator[str]:
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        if paragraph.startswith(" "):
            yield "\n".join(_example(line, width) for line in paragraph.splitlines())
        else:
            yield textwrap.fill(paragraph, width)


def _example(line: str, width: int) -> str:
    """A command line that a shell still takes, continued before a flag where it is too long."""
    cut = line.rfind(" --", 0, width - 1)
    if len(line) <= width or cut <= len(line) - len(line.lstrip()):
        return line
    return f"{line[:cut]} \\\n" + _example(f"        {line[cut + 1 :]}", width)


def _lines(call: str, about: str, width: int) -> list[str]:
    start = f"  {call}"
    margin = " " * _INDENT
    beside = len(start) + 2 <= _INDENT
    lines = textwrap.wrap(
        about, width, break_long_words=False, break_on_hyphens=False,
        initial_indent=start.ljust(_INDENT) if beside else margin, subsequent_indent=margin,
    )  # fmt: skip
    return lines if beside else [start, *lines]
