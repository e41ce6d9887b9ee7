"""Flags that every command has, whatever it does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.reading_rules import BY_ORDER


@dataclass(frozen=True, kw_only=True)
class ScriptFlags:
    """Flags that every command has."""

    config: Path | None = None
    """Read flags from this YAML or JSON file first; flags on the command line win."""

    json: bool = False
    """End standard output with one JSON line that holds the figures."""

    quiet: bool = False
    """Show warnings and errors only."""


def refuse_other_than_costs(costs: Sequence[str]) -> None:
    """Refuse what stands behind `--costs` and was meant for something else, such as a folder.

    Raises:
        ConfigError: There is such.
    """
    for one in costs:
        if "=" not in one and one not in BY_ORDER:
            raise ConfigError(
                f"--costs {one}: wanted a cost such as negative:positive=5; all that stands behind "
                "--costs is taken for one: put texts, files and folders before it"
            )
