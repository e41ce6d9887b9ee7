"""Which names of places are URLs: the one function that says so."""

from __future__ import annotations

import re
from pathlib import Path

_URL = re.compile(r"[A-Za-z][\w+.-]+:(?:[\w+.:-]+:)?//")
_SHORTENED = re.compile(r"([A-Za-z][\w+.-]+):/(?=[^/])")


def url_of(place: object) -> str:
    """The URL that was named; empty where a place on this machine was, or no place at all.

    Args:
        place: A URL as text or as a `Path`, which takes one of two slashes out of it: here it has
            both again.
    """
    if isinstance(place, Path):
        return _SHORTENED.sub(r"\1://", place.as_posix(), count=1) if _is_short(place) else ""
    return place if isinstance(place, str) and _URL.match(place) else ""


def _is_short(place: Path) -> bool:
    return _SHORTENED.match(place.as_posix()) is not None
