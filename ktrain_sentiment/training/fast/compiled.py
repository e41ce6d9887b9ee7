"""Keep what XLA compiled, so that a machine compiles each shape once and not once a process."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from ktrain_sentiment.encoders.encoder_folder import cache_folder

FLAG = "--tf_xla_persistent_cache_directory"


def compiled_folder(cpu_flags: Iterable[str]) -> Path:
    """Where compiled chains are kept: apart for each TensorFlow and each kind of CPU.

    Args:
        cpu_flags: The CPU's features; code compiled for others might not run.
    """
    kind = hashlib.sha256(" ".join(sorted(cpu_flags)).encode()).hexdigest()[:12]
    return cache_folder() / "compiled" / f"tensorflow-{_tensorflow()}-{kind}"


def _tensorflow() -> str:
    try:
        return metadata.version("tensorflow")
    except metadata.PackageNotFoundError:
        return "none"  # What imports it next says how to install it.


def with_cache_flag(flags: str, folder: Path) -> str:
    """The value of `TF_XLA_FLAGS` that keeps compiled code in a folder, unless it has one."""
    return flags if FLAG in flags else f"{flags} {FLAG}={folder}".strip()
