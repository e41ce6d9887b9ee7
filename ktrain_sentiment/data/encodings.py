"""Which encoding a text file has: proved by its bytes where possible, said when it is not UTF-8.

UTF-8 proves itself: text in another encoding is almost never valid UTF-8. A byte order mark proves
UTF-16 and UTF-32. What is left is taken as Windows-1252 or Latin-1 only where it looks like a
Western language; anything else is refused with a guess, because a wrong guess changes every row.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from dataclasses import dataclass

from ktrain_sentiment.errors import DataError

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLED_LINES = 2000
_WESTERN_SHARE = 0.25
"""Accented letters make up less than this of all letters in every Western European language."""
_UTF8_SEQUENCE = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)
_ONLY_1252 = re.compile(rb"[\x80-\x9f]")
_NOT_1252 = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")


@dataclass(frozen=True)
class Encoding:
    """An encoding and what to tell the user about it (empty when there is nothing to tell)."""

    name: str
    note: str = ""


def detect(lines: Iterable[bytes], source: str) -> Encoding:
    """Find the encoding of a text file.

    Args:
        lines: The file's lines as bytes (a file opened for binary reading), from its beginning.
        source: What is being read, for the messages.

    Raises:
        DataError: The bytes mix encodings, or could be one of several that differ.
    """
    foreign: list[bytes] = []
    first_foreign = utf8_lines = 0
    for number, line in enumerate(lines, start=1):
        if number == 1 and (marked := _by_mark(line)):
            return marked
        if line.isascii():
            continue
        if _is_utf8(line):
            utf8_lines += 1
            continue
        first_foreign = first_foreign or number
        if len(foreign) < _SAMPLED_LINES:
            foreign.append(line)
    if not foreign:
        return Encoding("utf-8")
    return _not_utf8(foreign, first_foreign, utf8_lines, source)


def _by_mark(first_line: bytes) -> Encoding | None:
    for mark, name in _BOMS:
        if first_line.startswith(mark):
            return Encoding(name, "" if name == "utf-8-sig" else f"encoding {name.upper()}")
    head = first_line[:64]
    if len(head) >= 4 and head.count(0) >= len(head) // 3:
        name = "utf-16-be" if head[0] == 0 else "utf-16-le"
        return Encoding(name, f"encoding {name.upper()} (no byte order mark)")
    return None


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _not_utf8(foreign: list[bytes], first: int, utf8_lines: int, source: str) -> Encoding:
    sample = b"".join(foreign)
    if utf8_lines or _looks_like_broken_utf8(sample):
        raise DataError(
            f"{source}: line {first} is not valid UTF-8, though other text in the file is; "
            "mend that line, or name the encoding with --encoding"
        )
    if not _looks_western(sample):
        raise DataError(
            f"{source}: line {first} is not UTF-8 and could be one of several encodings"
            f"{_guess(sample)}; name it with --encoding, or save the file as UTF-8"
        )
    name = "windows-1252" if _ONLY_1252.search(sample) else "latin-1"
    shown = _snippet(foreign[0].decode(name))
    return Encoding(
        name, f"not UTF-8: read as {name.title()} (line {first} has {shown}); --encoding changes it"
    )


def _looks_like_broken_utf8(sample: bytes) -> bool:
    """Most of the non-ASCII bytes form UTF-8 sequences: the rest is damage, not an encoding."""
    inside = sum(map(len, _UTF8_SEQUENCE.findall(sample)))
    return inside * 2 > sum(byte > 127 for byte in sample)


def _looks_western(sample: bytes) -> bool:
    if _NOT_1252.search(sample):
        return False
    text = sample.decode("windows-1252")
    letters = [letter for letter in text if letter.isalpha()]
    accented = sum(not letter.isascii() for letter in letters)
    return accented <= _WESTERN_SHARE * max(len(letters), 1)


def _guess(sample: bytes) -> str:
    """What it may be, where the library that guesses is installed."""
    try:
        from charset_normalizer import from_bytes
    except ModuleNotFoundError:
        return ""
    best = from_bytes(sample).best()
    if best is None:
        return ""
    return f" (perhaps {best.encoding}: {_snippet(str(best))})"


def _snippet(text: str) -> str:
    """The first word that is not ASCII, in quotes, short enough for a message."""
    word = next((word for word in text.split() if not word.isascii()), text.strip())
    return f"“{word[:24]}”"
