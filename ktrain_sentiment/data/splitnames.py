"""The names of splits, in the spellings that people use."""

from __future__ import annotations

SPLIT_NAMES = ("train", "validation", "test")
_SPELLINGS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "development": "validation",
    "test": "test",
    "testing": "test",
    "eval": "test",
}


def split_name(name: str) -> str | None:
    """The split that a folder, a file or a cell names; None when it names none."""
    return _SPELLINGS.get(name.strip().casefold())
