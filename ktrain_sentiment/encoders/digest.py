"""By which name a hub knows a file, and the folder in which fetched files are kept."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


def cache_folder() -> Path:
    """Where fetched encoders are kept.

    `KTRAIN_SENTIMENT_CACHE`, else `XDG_CACHE_HOME/ktrain-sentiment`, else
    `~/.cache/ktrain-sentiment`.
    """
    own = os.environ.get("KTRAIN_SENTIMENT_CACHE")
    if own:
        return Path(own).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "ktrain-sentiment"


def git_blob_sha1_of(path: Path) -> str:
    """Hex digest by which git, and so a hub, names a file that is not kept in LFS."""
    content = path.read_bytes()
    header = b"blob %d\0" % len(content)
    return hashlib.sha1(header + content, usedforsecurity=False).hexdigest()
