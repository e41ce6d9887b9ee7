"""Configurations to and from flat files: YAML or JSON on one side, dataclasses on the other.

A file knows no paths and no tuples, and YAML 1.1 reads 5e-5 as text; what it gives is turned into
the types that the fields declare, or refused in one line.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import logging
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import yaml

from ktrain_sentiment.config.renamed import RENAMED
from ktrain_sentiment.errors import ConfigError

log = logging.getLogger(__name__)

T = TypeVar("T")


def read_settings(path: Path) -> dict[str, Any]:
    """Read a flat YAML or JSON file of settings.

    Raises:
        ConfigError: The file cannot be read or is not a mapping.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        values = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except OSError as error:
        raise ConfigError(f"--config {path}: cannot be read: {error.strerror}") from error
    except (ValueError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"--config {path}: cannot be read as YAML or JSON: {reason}") from error
    if not isinstance(values, dict):
        raise ConfigError(
            f"--config {path}: wanted 'name: value' lines, got {type(values).__name__}"
        )
    return {str(name): value for name, value in values.items()}


def from_flat(config_type: type[T], values: Mapping[str, Any], source: str) -> T:
    """Build a configuration from flat names and values, as a YAML file holds them.

    Args:
        config_type: A configuration dataclass; fields that are dataclasses are its groups.
        values: Field names (hyphens allowed) and their values.
        source: Where the values come from, for the error message.

    Raises:
        ConfigError: A name is unknown, a value has the wrong type, or values contradict each other.
    """
    known = field_names(config_type)
    clean = _with_new_names(values, known, source)
    _refuse_unknown(clean, known, source)
    return _build(config_type, clean, source)


def _with_new_names(values: Mapping[str, Any], known: set[str], source: str) -> dict[str, Any]:
    """The values by the fields' names; an old name gives way to its new one, and that is said."""
    clean = {}
    for given, value in values.items():
        name = given.replace("-", "_")
        new = RENAMED.get(name)
        if new in known and name not in known:
            log.warning("%s: the setting %s is called %s now", source, name, new)
            name = new
        clean[name] = value
    return clean


def _refuse_unknown(values: Mapping[str, Any], known: set[str], source: str) -> None:
    for name in values:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else f"; known: {', '.join(sorted(known))}"
            raise ConfigError(f"{source}: unknown setting {name}{hint}")


def field_names(config_type: Any) -> set[str]:  # noqa: ANN401
    """Flat names of all fields of a configuration, those of its groups included."""
    names: set[str] = set()
    for name, declared in _declared(config_type).items():
        names |= field_names(declared) if dataclasses.is_dataclass(declared) else {name}
    return names


def _declared(config_type: type) -> dict[str, Any]:
    hints = get_type_hints(config_type)
    return {entry.name: hints[entry.name] for entry in dataclasses.fields(config_type)}


def _build(config_type: type[T], values: Mapping[str, Any], source: str) -> T:
    arguments: dict[str, Any] = {}
    for name, declared in _declared(config_type).items():
        if dataclasses.is_dataclass(declared):
            arguments[name] = _build(declared, values, source)  # type: ignore[arg-type]
        elif name in values:
            arguments[name] = _converted(name, values[name], declared, source)
    return config_type(**arguments)


def _converted(name: str, value: object, declared: Any, source: str) -> object:  # noqa: ANN401
    try:
        return _as(declared, value)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"{source}: {name}: wanted {_in_words(declared)}, got {value!r}"
        ) from error


def _as(declared: Any, value: Any) -> object:  # noqa: ANN401
    """The value in the declared type.

    Raises:
        ValueError: It is not of this type and cannot be turned into it without guessing.
    """
    origin = get_origin(declared)
    if origin in (Union, types.UnionType):
        return _as_one_of(get_args(declared), value)
    if origin is Literal:
        return get_args(declared)[get_args(declared).index(value)]
    if origin is tuple:
        parts = value if isinstance(value, list | tuple) else [value]
        return tuple(_as(get_args(declared)[0], part) for part in parts)
    return _as_plain_type(declared, value)


def _as_one_of(kinds: tuple[Any, ...], value: object) -> object:
    """The value in the first of the types that fits; text comes last, as it fits everything."""
    for kind in sorted(kinds, key=lambda kind: kind is str):
        try:
            return _as(kind, value)
        except (TypeError, ValueError):
            continue
    raise ValueError(value)


def _as_plain_type(declared: type, value: Any) -> object:  # noqa: ANN401
    if declared is bool or isinstance(value, bool) or declared is types.NoneType:
        # YAML's yes and no are true and false; as a number or a text they would be a surprise.
        if type(value) is declared:
            return value
        raise ValueError(value)
    if declared is int and not isinstance(value, int):
        if not float(value).is_integer():
            raise ValueError(value)
        return int(float(value))
    if declared is str and not isinstance(value, str | int | float):
        raise ValueError(value)
    return declared(value)


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
    return _WORDS.get(declared, str(declared))


def to_flat(config: object) -> dict[str, Any]:
    """The fields of a configuration and of its groups under flat names, ready for YAML."""
    flat: dict[str, Any] = {}
    for entry in dataclasses.fields(config):  # type: ignore[arg-type]
        value = getattr(config, entry.name)
        if dataclasses.is_dataclass(value):
            flat.update(to_flat(value))
        else:
            flat[entry.name] = _as_plain(value)
    return flat


def to_yaml(flat: Mapping[str, Any]) -> str:
    """Flat settings (see `to_flat`) as the YAML that `--config` takes."""
    return str(yaml.safe_dump(dict(flat), sort_keys=False, allow_unicode=True))


def _as_plain(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, Path):
        return str(value)
    return [_as_plain(part) for part in value] if isinstance(value, tuple) else value
