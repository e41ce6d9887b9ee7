"""What all configurations share: groups of flags, and the flags that every script has."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

from tyro.conf import OmitArgPrefixes

T = TypeVar("T")

if TYPE_CHECKING:
    Group = Annotated[T, None]
else:
    Group = OmitArgPrefixes
"""Marks a field that is itself a configuration, whose flags take no prefix."""


@dataclass(frozen=True, kw_only=True)
class ScriptFlags:
    """Flags that every script has."""

    config: Path | None = None
    """Read flags from this YAML or JSON file first; flags on the command line win."""

    json: bool = False
    """End standard output with one JSON line that holds the figures."""

    quiet: bool = False
    """Show warnings and errors only."""
