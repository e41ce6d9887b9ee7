"""Flags that every command has, whatever it does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class ScriptFlags:
    """Flags that every command has."""

    config: Path | None = None
    """Read flags from this YAML or JSON file first; flags on the command line win."""

    json: bool = False
    """End standard output with one JSON line that holds the figures."""

    quiet: bool = False
    """Show warnings and errors only."""
