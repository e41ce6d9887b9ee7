"""Lines of a text file or pipe with their numbers; a line in a wrong encoding spoils no other."""

from __future__ import annotations

import io
import os
import select
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_BLOCK = 1 << 16
_WIDE = ("utf-16", "utf-32")


@dataclass(frozen=True)
class Line:
    """One line.

    Attributes:
        number: Its number, from 1.
        text: Its text with its line ending; what could not be decoded is replaced.
        problem: What was wrong with its bytes; empty when nothing was.
        end: How many bytes of the input have been read up to its end (0: not known).
    """

    number: int
    text: str
    problem: str = ""
    end: int = 0


def file_lines(path: Path, encoding: str | None = None) -> Iterator[Line]:
    """Lines of a file, uncompressed on the way.

    Args:
        path: The file.
        encoding: A Python codec name; None: found from the bytes.

    Raises:
        DataError: It cannot be opened, or there is no telling its encoding.
    """
    # These bring in pandas, which lines from a pipe do without.
    from ktrain_sentiment.tables.encodings import survey
    from ktrain_sentiment.tables.sources import opened

    with opened(path) as stream:
        name = survey(stream.read, encoding, str(path)).name.replace("utf-8", "utf-8-sig")
    with opened(path) as stream:
        if name.startswith(_WIDE):
            yield from _wide_lines(stream, name)
        else:
            yield from _lines(stream, name)


def pipe_lines(stream: BinaryIO, encoding: str | None = None) -> Iterator[Line | None]:
    """Lines of a pipe as they arrive.

    Yields:
        Each line; and None whenever the writer pauses, so that what has come can be answered.
    """
    name = encoding or "utf-8-sig"
    number, rest = 0, b""
    while block := os.read(stream.fileno(), _BLOCK):
        *whole, rest = (rest + block).split(b"\n")
        for raw in whole:
            number += 1
            yield _decode(number, raw + b"\n", name)
        if not select.select([stream], [], [], 0)[0]:
            yield None
    if rest:
        yield _decode(number + 1, rest, name)


def _lines(stream: BinaryIO, encoding: str) -> Iterator[Line]:
    end = 0
    for number, raw in enumerate(stream, start=1):
        end += len(raw)
        yield _decode(number, raw, encoding, end)


def _wide_lines(stream: BinaryIO, encoding: str) -> Iterator[Line]:
    text = io.TextIOWrapper(stream, encoding=encoding, errors="replace", newline="\n")
    try:
        for number, line in enumerate(text, start=1):
            yield Line(number, line)
    finally:
        text.detach()


def _decode(number: int, raw: bytes, encoding: str, end: int = 0) -> Line:
    # A byte order mark can only stand at the beginning.
    name = encoding.removesuffix("-sig") if number > 1 else encoding
    try:
        return Line(number, raw.decode(name), "", end)
    except UnicodeDecodeError:
        return Line(number, raw.decode(name, "replace"), f"not valid {name}", end)
