"""What all configurations share: their types are checked, and flat files hold them.

YAML or JSON on one side, frozen dataclasses on the other. A file knows no paths and no tuples;
what it gives is turned into the types that the fields declare, or refused in one line. Values from
Python are held to the same types.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import logging
import re
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, Union, get_args, get_origin
from typing import get_type_hints as _hints_of

import msgspec
import yaml
from tyro.conf import OmitArgPrefixes

from ktrain_sentiment.config.renamed import RENAMED, nearest_names
from ktrain_sentiment.errors import ConfigError, one_line
from ktrain_sentiment.messages import flag_of

log = logging.getLogger(__name__)

T = TypeVar("T")

if TYPE_CHECKING:
    Group = Annotated[T, None]
else:
    Group = OmitArgPrefixes
"""Marks a field that is itself a configuration, whose flags take no prefix."""

_MOST_LISTED = 15
MOST_BYTES = 1_000_000
"""Settings files are a hundred lines; a larger file is something else."""


@functools.cache
def declared_types(config_type: type) -> dict[str, Any]:
    """The declared type of each field of a configuration."""
    hints = _hints_of(config_type)
    return {entry.name: hints[entry.name] for entry in dataclasses.fields(config_type)}


class Config:
    """Base of the configurations: whoever makes one, every field has its declared type."""

    def __post_init__(self) -> None:
        """Hold each field to its type, then refuse values that cannot work together.

        Raises:
            ConfigError: A field has another type; the message names it.
        """
        for name, declared in declared_types(type(self)).items():  # type: ignore[arg-type]
            value = getattr(self, name)
            if dataclasses.is_dataclass(declared):
                converted = value
                if not isinstance(value, declared):  # type: ignore[arg-type]
                    raise ConfigError(f"{name}: wanted {_in_words(declared)}, got {value!r}")
            else:
                converted = held(name, value, declared)
            if type(value) is not int or type(converted) is not float:  # 500 rows stay 500
                object.__setattr__(self, name, converted)
        self.check()

    def check(self) -> None:
        """Refuse values that cannot work; the types are right."""

    def at_least(self, least: int, *names: str) -> None:
        """Refuse a number of these fields that is too low; None is none.

        Raises:
            ConfigError: One is; the message names its flag.
        """
        for name in names:
            given = getattr(self, name)
            if given is not None and given < least:
                raise ConfigError(f"{flag_of(name)} {given}: must be at least {least}")


def held(name: str, value: object, declared: Any) -> Any:  # noqa: ANN401
    """A value as a field of the declared type holds it; a single one makes a tuple.

    Raises:
        ConfigError: It has another type; the message names the field.
    """
    right, converted = _converted(value, declared, from_text=False)
    if not right:
        raise ConfigError(f"{name}: wanted {_in_words(declared)}, got {value!r}")
    return converted


def _converted(value: object, declared: Any, *, from_text: bool) -> tuple[bool, object]:  # noqa: ANN401
    """Whether a value can be had in the declared type, and it."""
    if get_origin(declared) is tuple:
        parts = value if isinstance(value, list | tuple) else [value]
        found = [_converted(part, get_args(declared)[0], from_text=from_text) for part in parts]
        return all(right for right, _ in found), tuple(part for _, part in found)
    for reading in _readings(value, declared, from_text=from_text):
        lax = from_text and isinstance(reading, str)
        try:
            return True, msgspec.convert(reading, declared, strict=not lax, dec_hook=_as_path)
        except msgspec.ValidationError:
            continue
    return False, value


def _readings(value: Any, declared: Any, *, from_text: bool) -> Iterator[object]:  # noqa: ANN401
    """What a value may stand for: itself first, then what loses nothing of it."""
    if hasattr(value, "item") and getattr(value, "shape", None) == ():  # a number of NumPy's
        value = value.item()
    yield str(value) if isinstance(value, Path) else value
    # YAML reads 1e3 as 1000.0 and a label 1 as a number; both mean what the field declares.
    if from_text and isinstance(value, int | float) and not isinstance(value, bool):
        if isinstance(value, float) and value.is_integer():
            yield int(value)
        if str in (declared, *get_args(declared)):
            yield str(value)


def _as_path(declared: type, value: object) -> object:
    if declared is Path and isinstance(value, str):
        return Path(value)
    raise ValueError(value)


_WORDS = {
    bool: "true or false", float: "a number", int: "a whole number", str: "text",
    Path: "a path", types.NoneType: "null",
}  # fmt: skip


def _in_words(declared: Any) -> str:  # noqa: ANN401
    origin, inside = get_origin(declared), get_args(declared)
    if origin in (Union, types.UnionType):
        return " or ".join(_in_words(kind) for kind in inside)
    if origin is Literal:
        return "one of " + ", ".join(map(str, inside))
    if origin is tuple:
        return f"a list, each {_in_words(inside[0])}"
    return _WORDS.get(declared) or str(declared.__name__)


class _Loader(yaml.SafeLoader):
    """YAML without aliases, a few of which can stand for billions of values."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:  # noqa: ANN401
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError(f"aliases are not taken, got *{self.peek_event().anchor}")  # type: ignore[no-untyped-call]
        return super().compose_node(parent, index)


# YAML 1.1 wants a point and a sign in 5.0e-5, and reads 5e-5 as text.
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)


def read_settings(path: Path) -> dict[str, Any]:
    """Read a flat YAML or JSON file of settings.

    Raises:
        ConfigError: The file cannot be read or is not a mapping.
    """
    try:
        with path.open("rb") as stream:
            raw = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"--config {path}: cannot be read: {error.strerror}") from error
    if len(raw) > MOST_BYTES:
        raise ConfigError(f"--config {path}: wanted a file of settings, got more than 1 MB")
    try:
        text = raw.decode("utf-8-sig")
        values = json.loads(text) if path.suffix == ".json" else parse_yaml(text)
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        reason = one_line(error)
        raise ConfigError(f"--config {path}: cannot be read as YAML or JSON: {reason}") from error
    if not isinstance(values, dict):
        raise ConfigError(
            f"--config {path}: wanted 'name: value' lines, got {type(values).__name__}"
        )
    return {str(name): value for name, value in values.items()}


def parse_yaml(text: str) -> Any:  # noqa: ANN401
    """What a YAML text holds, as plain values.

    Raises:
        yaml.YAMLError: It is no YAML, or uses aliases.
    """
    return yaml.load(text, _Loader)


def from_flat(config_type: type[T], values: Mapping[str, Any], source: str) -> T:
    """Build a configuration from flat names and values, as a YAML file holds them.

    Args:
        config_type: A configuration dataclass; fields that are dataclasses are its groups.
        values: Field names (hyphens allowed) and their values; old names are taken, see `RENAMED`.
        source: Where the values come from, for the error message.

    Raises:
        ConfigError: A name is unknown, a value has the wrong type, or values contradict each other.
    """
    known = field_names(config_type)
    clean = {}
    for given, value in values.items():
        name = given.replace("-", "_")
        new = RENAMED.get(name)
        if new in known and name not in known:
            log.warning("%s: the setting %s is called %s now", source, name, new)
            name = new
        if name not in known:
            near = nearest_names(name, known)
            # Dozens of names in a message hide what it says.
            listed = " or ".join(near) if near else ", ".join(sorted(known))
            hint = f"; did you mean {listed}?" if near else f"; known: {listed}"
            if not near and len(known) > _MOST_LISTED:
                hint = "; each flag that ktrain-sentiment train -h lists is one, with underscores"
            raise ConfigError(f"{source}: unknown setting {name}{hint}")
        clean[name] = value
    return _build(config_type, clean, source)


def field_names(config_type: Any) -> set[str]:  # noqa: ANN401
    """Flat names of all fields of a configuration, those of its groups included."""
    names: set[str] = set()
    for name, declared in declared_types(config_type).items():
        names |= field_names(declared) if dataclasses.is_dataclass(declared) else {name}
    return names


def list_names(config_type: Any) -> set[str]:  # noqa: ANN401
    """Flat names of the fields that take several values."""
    names: set[str] = set()
    for name, declared in declared_types(config_type).items():
        if dataclasses.is_dataclass(declared):
            names |= list_names(declared)
        elif get_origin(declared) in (tuple, dict, Mapping):
            names.add(name)
    return names


def _build(config_type: type[T], values: Mapping[str, Any], source: str) -> T:
    arguments: dict[str, Any] = {}
    for name, declared in declared_types(config_type).items():  # type: ignore[arg-type]
        if dataclasses.is_dataclass(declared):
            arguments[name] = _build(declared, values, source)  # type: ignore[arg-type]
        elif name in values:
            right, arguments[name] = _converted(values[name], declared, from_text=True)
            if not right:
                wanted = _in_words(declared)
                raise ConfigError(f"{source}: {name}: wanted {wanted}, got {values[name]!r}")
    return config_type(**arguments)


def to_flat(config: object, as_type: type | None = None) -> dict[str, Any]:
    """The fields of a configuration and of its groups under flat names, ready for YAML.

    Args:
        config: A configuration.
        as_type: Leave out what a class derived from this one adds, as commands do.
    """
    flat: dict[str, Any] = {}
    for name in declared_types(as_type or type(config)):
        value = msgspec.to_builtins(getattr(config, name), enc_hook=str)
        flat.update(value if isinstance(value, dict) else {name: value})
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in flat.items()
    }


def to_yaml(flat: Mapping[str, Any]) -> str:
    """Flat settings (see `to_flat`) as the YAML that `--config` takes."""
    return str(yaml.safe_dump(dict(flat), sort_keys=False, allow_unicode=True))
