"""Bytes to numbered lines of text: the encoding proved by its bytes where possible.

UTF-8 proves itself: text in another encoding is almost never valid UTF-8. A byte order mark proves
UTF-16 and UTF-32. What is left is taken as Windows-1252 or Latin-1 only where it looks like a
Western language; anything else is refused with a guess, because a wrong guess changes every row.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ktrain_sentiment.errors import ConfigError, DataError
from ktrain_sentiment.tables.table import Problem

Line = tuple[int, str, Problem | None]
"""Number from 1, text with its line end, and what is wrong with its bytes."""

Lines = Callable[[], Iterator[Line | None]]
"""Gives the lines of a source from the first, each time or once; None where the input pauses."""

Read = Callable[[int], bytes]

BLOCK = 1 << 20
LONGEST = 1 << 26
"""Bytes of a line: a longer one (a bomb that unpacks to gigabytes) is refused, not stored."""

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLED_LINES = 2000
_WESTERN_SHARE = 0.45
"""Accented letters make up less than this of all letters in a line of any Western language."""
_UTF8_SEQUENCE = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)
_ONLY_1252 = re.compile(rb"[\x80-\x9f]")
_NOT_1252 = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
_SIGN_IN_WORD = re.compile(r"(?<=[^\W\d_])[¡¢£¤¥¦§¨©«¬®¯°±²³¶¸¹»¼½¾¿](?=[^\W\d_])")  # noqa: RUF001
_ALPHABETS = (
    "àâæçéèêëîïôœùûüÿñ",  # French
    "äöüßéèàáâêô",  # German
    "áéíóúüñçàèòï",  # Spanish, Catalan
    "áâãàçéêíóôõúü",  # Portuguese
    "àèéìíîòóùúç",  # Italian
    "éèêëïóöüç",  # Dutch
    "åäöæøéèüáàêôšž",  # Danish, Finnish, Norwegian, Swedish
    "áðéíóúýþæö",  # Icelandic
)
_NEIGHBOURS = (
    ("cp1250", "ąćęłńóśźż"),  # Polish
    ("cp1250", "áčďéěíňóřšťúůýž"),  # Czech
    ("cp1250", "áäčďéíĺľňóôŕšťúýž"),  # Slovak
    ("cp1250", "áéíóöőúüű"),  # Hungarian
    ("cp1250", "ăâîşţ"),  # Romanian
    ("cp1250", "čćđšž"),  # Croatian, Serbian, Slovene
    ("cp1254", "çğıöşüâîû"),  # Turkish
    ("cp1257", "āčēģīķļņšūž"),  # Latvian
    ("cp1257", "ąčęėįšųūž"),  # Lithuanian
    ("cp1257", "äöõüšž"),  # Estonian
)
_PUNCTUATION = "\u00a0«»‚‘’„“”…–—€"  # noqa: RUF001
_FITTING_SHARE = 0.95
_SPARSE = 0.025
"""Share of accented letters below which a line is likely English with words of other languages."""
_Text = TypeVar("_Text", str, bytes)
_LINE_END = re.compile(r"[\r\n]")
_SURROGATE = re.compile("[\ud800-\udfff]")
HALF_CHARACTER = Problem(
    "holds half a surrogate pair, which is no character (an emoji that was cut in two?)",
    ("remove it",),
    is_row=True,
)


@dataclass(frozen=True)
class Encoding:
    r"""How bytes are lines of text.

    Attributes:
        name: A Python codec.
        newline: What ends a line: \n, or \r in files of old Macs.
        lines: How many there are; None where that was not counted.
        note: What to tell the user; empty when there is nothing to tell.
        mixed: Other lines of the source are valid UTF-8: one that is not is damaged.
    """

    name: str
    newline: str = "\n"
    lines: int | None = None
    note: str = ""
    mixed: bool = False


def codec(given: str, flag: str = "--encoding") -> str:
    """The codec that a user names, in any spelling.

    Raises:
        ConfigError: There is none, or it makes no text of bytes.
    """
    try:
        info = codecs.lookup(given)
        "\n".encode(given)
    except (LookupError, UnicodeError, ValueError) as error:
        raise ConfigError(f"{flag} {given}: no such encoding; try utf-8 or cp1252") from error
    return "utf-8" if info.name == "utf-8-sig" else info.name


def survey(read: Read, given: str | None, source: str) -> Encoding:
    """Read bytes once, to know their encoding, their line ends and how many lines there are.

    Args:
        read: Reads at most so many bytes, from the beginning.
        given: The encoding, where the user names it.
        source: What is being read, for the messages.

    Raises:
        DataError: The bytes could be one of several encodings that differ.
        ConfigError: There is no such encoding.
    """
    start = read(BLOCK)
    marked = _by_mark(start)
    name = codec(given) if given else marked.name if marked else ""
    evidence = _Evidence()
    ends = _LineEnds()
    if name and not _is_narrow(name):
        for text in _decoded(_chain(start, read), name, source):
            ends.add(text)
    else:
        for block in whole_lines(_chain(start, read), b"\n", source, unlimited=True):
            ends.add(block.decode("latin-1") if b"\r" in block else "\n" * block.count(b"\n"))
            if not name:
                evidence.add(block)
    if not name:
        found = evidence.encoding(source)
        name, note, mixed = found.name, found.note, found.mixed
    else:
        note, mixed = "" if given or not marked else marked.note, False
    return Encoding(name, ends.newline, ends.count, note, mixed)


def glance(start: bytes, given: str | None, source: str) -> Encoding:
    """As `survey`, from the first bytes of what can be read once; UTF-8 where they do not tell."""
    marked = _by_mark(start)
    if given:
        return Encoding(codec(given), _newline_of(start))
    if marked:
        return Encoding(marked.name, _newline_of(start), note=marked.note)
    evidence = _Evidence()
    evidence.add(start[: start.rfind(b"\n") + 1])
    try:
        found = evidence.encoding(source)
    except DataError:
        found = Encoding("utf-8")
    return Encoding(found.name, _newline_of(start), note=found.note, mixed=found.mixed)


def _newline_of(start: bytes) -> str:
    ends = _LineEnds()
    ends.add(start.decode("latin-1"))
    return ends.newline if start.count(b"\r") > 1 else "\n"


def _is_narrow(name: str) -> bool:
    """Whether a line feed is one byte, so that lines can be told before they are decoded."""
    return "\n".encode(name) == b"\n"


class _LineEnds:
    """Counts line ends of each kind."""

    def __init__(self) -> None:
        self._feeds = self._returns = self._both = 0
        self._last = "\n"
        self._first = ""

    def add(self, text: str) -> None:
        # Cells may hold any number of the others: what ends the first line is no part of a cell.
        self._first = self._first or _first_end(text)
        self._feeds += text.count("\n")
        self._returns += text.count("\r")
        self._both += text.count("\r\n") + (self._last == "\r" and text[:1] == "\n")
        self._last = text[-1:] or self._last

    @property
    def newline(self) -> str:
        """Old Macs end lines with a carriage return; a line feed then stands inside quotes."""
        old = self._both == 0 and self._returns > self._feeds and self._first != "\n"
        return "\r" if old else "\n"

    @property
    def count(self) -> int:
        ended = self._returns if self.newline == "\r" else self._feeds
        return ended + (self._last not in "\r\n")


def _first_end(text: str) -> str:
    """The first line end outside double quotes; empty where there is none."""
    outside = text.split('"')[::2] if '"' in text[:BLOCK] else [text]
    for part in outside:
        if found := _LINE_END.search(part):
            return found[0]
    return ""


class _Evidence:
    """What the lines of a file without a mark say about its encoding."""

    def __init__(self) -> None:
        self._foreign: list[bytes] = []
        self._first_foreign = self._utf8_lines = self._lines = 0

    def add(self, block: bytes) -> None:
        """Take whole lines."""
        if block.isascii() or _is_utf8(block):
            self._utf8_lines += not block.isascii()
            self._lines += block.count(b"\n")
            return
        for number, line in enumerate(block.split(b"\n"), start=self._lines + 1):
            if line.isascii():
                continue
            if _is_utf8(line):
                self._utf8_lines += 1
                continue
            self._first_foreign = self._first_foreign or number
            if len(self._foreign) < _SAMPLED_LINES:
                self._foreign.append(line)
        self._lines += block.count(b"\n")

    def encoding(self, source: str) -> Encoding:
        """The encoding.

        Raises:
            DataError: It could be one of several that differ.
        """
        if not self._foreign:
            return Encoding("utf-8")
        sample, first = b"\n".join(self._foreign), self._first_foreign
        if self._utf8_lines or _looks_like_broken_utf8(sample):
            return Encoding("utf-8", mixed=True)
        if not _looks_western(sample):
            raise DataError(
                f"{source}: line {first} is not UTF-8 and could be one of several encodings"
                f"{_guess(sample)}",
                "name it with --encoding, or save the file as UTF-8",
                "save it as UTF-8",
            )
        name = "windows-1252" if _ONLY_1252.search(sample) else "latin-1"
        shown = _snippet(self._foreign[0].decode(name))
        note = (
            f"not UTF-8: read as {name.title()} (line {first} has {shown}); --encoding changes it"
        )
        return Encoding(name, note=note)


def _by_mark(start: bytes) -> Encoding | None:
    for mark, name in _BOMS:
        if start.startswith(mark):
            return Encoding(name, note="" if name == "utf-8" else f"encoding {name.upper()}")
    head = start[:64]
    if len(head) >= 4 and head.count(0) >= len(head) // 3:
        name = "utf-16-be" if head[0] == 0 else "utf-16-le"
        return Encoding(name, note=f"encoding {name.upper()} (no byte order mark)")
    return None


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _looks_like_broken_utf8(sample: bytes) -> bool:
    """Most of the non-ASCII bytes form UTF-8 sequences: the rest is damage, not an encoding."""
    inside = sum(map(len, _UTF8_SEQUENCE.findall(sample)))
    return inside * 2 > sum(byte > 127 for byte in sample)


def _looks_western(sample: bytes) -> bool:
    """Whether text reads as a Western European language in Windows-1252.

    Central European, Baltic and Turkish text shares half of its bytes with Western text. Read so,
    it has signs inside words (`mi³y`) or accented letters that no one language has together.
    """
    if _NOT_1252.search(sample):
        return False
    text = sample.decode("windows-1252")
    letters = [letter for letter in text if letter.isalpha()]
    accented = [letter.lower() for letter in letters if letter not in "ªº" and letter > "\x7f"]
    if len(accented) > _WESTERN_SHARE * max(len(letters), 1):
        return False
    if len(_SIGN_IN_WORD.findall(text)) > (1 - _FITTING_SHARE) * len(accented):
        return False
    sparse = len(accented) < _SPARSE * len(letters)
    alphabets = ("".join(_ALPHABETS),) if sparse else _ALPHABETS
    fitting = max(sum(letter in alphabet for letter in accented) for alphabet in alphabets)
    return fitting >= _FITTING_SHARE * len(accented)


def _guess(sample: bytes) -> str:
    """What it may be, by the letters of a language, else where the library that guesses is there.

    The library takes neighbours of Windows-1252 for each other, and the words it shows may read
    well in several: whoever believes it has other letters in every text.
    """
    text = sample.decode("latin-1")
    if sum(map(str.isascii, text)) > (1 - _WESTERN_SHARE) * len(text):
        fit, name = max((_fit(sample, name, letters), name) for name, letters in _NEIGHBOURS)
        if fit >= _FITTING_SHARE:
            return f" (perhaps {name}: {_snippet(sample.decode(name, 'replace'))})"
    try:
        from charset_normalizer import from_bytes
    except ModuleNotFoundError:
        return ""
    best = from_bytes(sample).best()
    if best is None:
        return ""
    return f" (perhaps {best.encoding}: {_snippet(str(best))})"


def _fit(sample: bytes, name: str, letters: str) -> float:
    """Which share of what is beyond ASCII are a language's letters, read in an encoding."""
    text = sample.decode(name, "replace")
    signs = [sign for sign in text if not sign.isascii() and sign not in _PUNCTUATION]
    return sum(sign in letters or sign.lower() in letters for sign in signs) / max(len(signs), 1)


def _snippet(text: str) -> str:
    """The first word that is not ASCII, in quotes, short enough for a message."""
    word = next((word for word in text.split() if not word.isascii()), text.strip())
    return f"“{word[:24]}”"


def _chain(start: bytes, read: Read) -> Iterator[bytes]:
    if start:
        yield start
        while block := read(BLOCK):
            yield block


def whole_lines(
    blocks: Iterator[bytes], newline: bytes, source: str, *, unlimited: bool = False
) -> Iterator[bytes]:
    """Blocks of any size as blocks that end where a line ends.

    Args:
        blocks: The blocks; an empty one is passed on (the input pauses).
        newline: What ends a line.
        source: For the message.
        unlimited: Give a line out in pieces where it is longer than `LONGEST`.

    Raises:
        DataError: A line is longer than `LONGEST`.
    """
    kept: list[bytes] = []
    size = 0
    for block in blocks:
        if not block:
            yield block
            continue
        cut = block.rfind(newline) + 1
        if cut:
            yield b"".join([*kept, block[:cut]])
            kept, size = [block[cut:]], len(block) - cut
            continue
        kept.append(block)
        size += len(block)
        if size > LONGEST and unlimited:
            yield b"".join(kept)
            kept, size = [], 0
        elif size > LONGEST:
            raise _too_long(source)
    if size:
        yield b"".join(kept)


def _too_long(source: str) -> DataError:
    return DataError(
        f"{source}: a line is longer than {LONGEST >> 20} MiB; wanted a row on each line: is this "
        "the right file?"
    )


def _decoded(blocks: Iterator[bytes], name: str, source: str) -> Iterator[str]:
    """Text of an encoding in which bytes do not show where lines end (UTF-16, UTF-32, EBCDIC)."""
    lenient = "surrogatepass" if name.startswith(("utf-16", "utf-32")) else "replace"
    decoder = codecs.getincrementaldecoder(name)(lenient)
    try:
        for block in blocks:
            yield decoder.decode(block)
        yield decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        if error.reason in {"truncated data", "unexpected end of data"}:
            yield "\ufffd"
            return
        raise DataError(
            f"{source}: not valid {name}", "name the right --encoding", "save it as UTF-8"
        ) from error


def lines_of(blocks: Iterator[bytes], encoding: Encoding, source: str) -> Iterator[Line | None]:
    """Bytes as numbered lines; one in a wrong encoding spoils no other.

    Args:
        blocks: The bytes; an empty block means that the input pauses.
        encoding: How they are text.
        source: For messages.

    Yields:
        Each line; and None where the input pauses.

    Raises:
        DataError: A line is longer than `LONGEST`.
    """
    number = 0
    read = _narrow if _is_narrow(encoding.name) else _wide
    for lines in read(blocks, encoding, source):
        if lines is None:
            yield None
            continue
        for text, problem in lines:
            number += 1
            if number == 1:  # Byte order marks are no part of the text; some files have two.
                text = text.lstrip("\ufeff")
            yield number, text, problem


Decoded = Sequence[tuple[str, Problem | None]]
"""The lines of a block, and what is wrong with the bytes of each."""


def _narrow(blocks: Iterator[bytes], encoding: Encoding, source: str) -> Iterator[Decoded | None]:
    name, newline = encoding.name, encoding.newline
    problem = Problem(
        f"is not valid {name.upper()}" + ", though other text in the file is" * encoding.mixed,
        ("mend that line, or name the right --encoding", "mend that line, or send all as UTF-8"),
    )
    for block in whole_lines(blocks, newline.encode(name), source):
        if not block:
            yield None
            continue
        try:
            yield [(line, None) for line in _split(block.decode(name), newline)]
        except UnicodeDecodeError:
            yield [_decode(raw, name, problem) for raw in _split(block, newline.encode(name))]


def _split(text: _Text, newline: _Text) -> list[_Text]:
    pieces = text.split(newline)
    lines = [piece + newline for piece in pieces[:-1]]
    return lines + pieces[-1:] if pieces[-1] else lines


def _decode(raw: bytes, name: str, problem: Problem) -> tuple[str, Problem | None]:
    try:
        return raw.decode(name), None
    except UnicodeDecodeError:
        return raw.decode(name, "replace"), problem


def _wide(blocks: Iterator[bytes], encoding: Encoding, source: str) -> Iterator[Decoded | None]:
    rest = ""
    cut_off = Problem(f"is not valid {encoding.name.upper()}", ("the file may be cut off",))
    for text in _decoded(blocks, encoding.name, source):
        *ended, rest = (rest + text).split(encoding.newline)
        if len(rest) > LONGEST:
            raise _too_long(source)
        yield [(line + encoding.newline, _half(line)) for line in ended]
        if not text:
            yield None
    if rest:
        yield [(rest, cut_off if rest.endswith("\ufffd") else _half(rest))]


def _half(text: str) -> Problem | None:
    return HALF_CHARACTER if _SURROGATE.search(text) else None


def has_half_character(text: str) -> bool:
    """Whether a text holds half a surrogate pair, which no encoding can write."""
    return not text.isascii() and _SURROGATE.search(text) is not None


def without_halves(text: str) -> str:
    """A text that every Unicode encoding can write: `?` for each half of a surrogate pair."""
    return _SURROGATE.sub("?", text)
