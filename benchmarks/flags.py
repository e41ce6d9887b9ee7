"""What the command lines of all benchmarks have in common."""

from __future__ import annotations

from dataclasses import dataclass

from ktrain_sentiment.commands.flags import ScriptFlags


@dataclass(frozen=True, kw_only=True)
class BenchmarkFlags(ScriptFlags):
    """Flags that every benchmark has."""

    json: bool = True
    """End standard output with one JSON line that holds the figures."""
