"""Where the bytes of a table come from: a file, an archive, a pipe, a remote URL.

Messages instead of tracebacks: nothing here lets an OSError out.
"""

from __future__ import annotations

import bz2
import contextlib
import difflib
import gzip
import io
import lzma
import os
import select
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, cast

from ktrain_sentiment.errors import DataError, one_line
from ktrain_sentiment.messages import quoted
from ktrain_sentiment.reading_rules import Format
from ktrain_sentiment.remote import at, fingerprint, url_of
from ktrain_sentiment.tables.formats import (
    ARCHIVE,
    COMPRESSED,
    FORMATS,
    MEDIA,
    bare_suffix,
)
from ktrain_sentiment.tables.table import ReadOptions

Opener = Callable[[], contextlib.AbstractContextManager[BinaryIO]]


@dataclass(frozen=True)
class Source:
    """Bytes that can be read from their beginning as often as wanted, or a pipe.

    Attributes:
        name: As the user named it, for messages.
        suffix: That of the data itself, in lower case: neither of a compression nor an archive.
        open: Opens the bytes, uncompressed on the way, as a context manager.
        path: The file, where the bytes lie in one as they are.
        file: The file that is opened, however they lie in it.
        member: Of an archive.
        pipe: What is read as it comes, once; `open` is not to be used.
    """

    name: str
    suffix: str
    open: Opener
    path: Path | None = None
    file: Path | None = None
    member: str = ""
    pipe: BinaryIO | None = None


def locate(source: str | Path | BinaryIO) -> Source:
    """Find what was named.

    Raises:
        DataError: It does not exist, is a folder, may not be read, or holds several tables.
        MissingExtraError: The library that fetches remote files is not installed.
    """
    if url := url_of(source):
        return _remote(url)
    if isinstance(source, str | Path):
        return _file(Path(source).expanduser(), str(source))
    name = "standard input" if getattr(source, "name", "") == "<stdin>" else "the given stream"
    if _is_pipe(source):
        return Source(name, "", lambda: opened(Path(os.devnull)), pipe=source)
    content = source.read()
    return Source(name, "", lambda: contextlib.closing(cast("BinaryIO", io.BytesIO(content))))


def _is_pipe(stream: BinaryIO) -> bool:
    try:
        return stream.fileno() >= 0
    except (OSError, AttributeError):
        return False


def _file(path: Path, name: str) -> Source:
    if path.is_fifo() or path.is_char_device():
        with _explained(path), path.open("rb") as pipe:  # As a shell's <(...) makes them.
            return stored(Source(name, bare_suffix(path), lambda: opened(path), pipe=pipe))
    check_file(path)
    if bare_suffix(path) == ARCHIVE:
        return _member(path, name)
    plain = None if path.suffix.lower() in COMPRESSED else path
    return Source(name, bare_suffix(path), lambda: opened(path), path=plain, file=path)


def _member(path: Path, name: str) -> Source:
    """The one table in a ZIP archive; what macOS adds does not count."""
    with _explained(path), zipfile.ZipFile(path) as archive:
        names = [
            item.filename
            for item in archive.infolist()
            if not item.is_dir() and not item.filename.startswith("__MACOSX/")
        ]
    tables = [name for name in names if bare_suffix(name) in FORMATS and Path(name).name[0] != "."]
    if len(tables) != 1:
        what = "several tables" if tables else "no table"
        raise DataError(
            f"{path}: holds {what}: {quoted(tables or names)}; unpack it, and name the one to read"
        )

    @contextlib.contextmanager
    def open_member() -> Iterator[BinaryIO]:
        with _explained(path), zipfile.ZipFile(path) as archive, archive.open(tables[0]) as stream:
            opener = _OPENERS.get(Path(tables[0]).suffix.lower())
            yield cast("BinaryIO", opener(cast("BinaryIO", stream)) if opener else stream)

    return Source(name, bare_suffix(tables[0]), open_member, file=path, member=tables[0])


def _remote(url: str) -> Source:
    """A remote file, fetched once into a temporary one: it is read more than once."""
    # Its name ends like that of the original: suffixes say format and compression.
    name = Path(url.partition("?")[0].partition("://")[2])
    copy = tempfile.NamedTemporaryFile(suffix="".join(name.suffixes[-2:]))  # noqa: SIM115
    try:
        at(url).fetch(Path(copy.name))
        found = _file(Path(copy.name), url)
    except BaseException:
        copy.close()
        raise
    # The temporary file lives as long as what opens it.
    held = (copy, found.open)
    return replace(found, name=url, open=lambda: held[1]())


_folders: dict[tuple[str, str], tempfile.TemporaryDirectory[str]] = {}
"""Remote folders that were fetched, by URL and fingerprint; they go when the process ends."""


def fetched_folder(url: str) -> Path | None:
    """A remote folder as one on this machine, for as long as this process runs.

    Returns:
        None where a file is there.

    Raises:
        DataError: Nothing is there, or it cannot be fetched.
    """
    place = at(url)
    if not place.is_folder():
        return None
    listed = place.files()
    key = (url, fingerprint(listed))
    if key not in _folders:
        copy = tempfile.TemporaryDirectory()
        place.fetch_files(listed, Path(copy.name))
        _folders[key] = copy
    return Path(_folders[key].name)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file for binary reading, uncompressed on the way.

    Raises:
        DataError: It does not exist, is a folder, may not be read, or is damaged.
    """
    check_file(path)
    opener = _OPENERS.get(path.suffix.lower())
    with _explained(path), path.open("rb") as raw:
        if opener is None:
            yield raw
        else:
            with cast("contextlib.AbstractContextManager[BinaryIO]", opener(raw)) as stream:
                yield stream


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except PermissionError as error:
        raise DataError(f"{path}: no permission to read it; check its access rights") from error
    except (
        OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, NotImplementedError,
    ) as error:  # fmt: skip
        raise DataError(
            f"{path}: cannot be read, it may be damaged or cut off: {one_line(error)}"
        ) from error
    except RuntimeError as error:
        if "encrypted" not in str(error) and "password" not in str(error):
            raise
        raise DataError(f"{path}: is encrypted; unpack it with its password first") from error


def _open_zst(stream: BinaryIO) -> BinaryIO:
    import pyarrow as pa

    # Python has no zstd before 3.14; pyarrow, which is needed for Parquet anyway, does.
    return io.BufferedReader(pa.CompressedInputStream(pa.PythonFile(stream, "r"), "zstd"))


_OPENERS: dict[str, Callable[[BinaryIO], object]] = {
    ".gz": lambda stream: gzip.GzipFile(fileobj=stream),
    ".bz2": bz2.BZ2File,
    ".xz": lzma.LZMAFile,
    ".zst": _open_zst,
}


@contextlib.contextmanager
def as_file(source: Source) -> Iterator[Path]:
    """A source as a file for libraries that seek: unpacked beside nothing, gone afterwards."""
    if source.path is not None:
        yield source.path
        return
    with tempfile.NamedTemporaryFile(suffix=source.suffix) as copy:
        with source.open() as stream:
            shutil.copyfileobj(stream, copy)
        copy.flush()
        yield Path(copy.name)


def stored(source: Source) -> Source:
    """A pipe read to its end into a temporary file, for whoever needs all of it."""
    if source.pipe is None:
        return source
    copy = tempfile.NamedTemporaryFile()  # noqa: SIM115
    shutil.copyfileobj(source.pipe, copy)
    copy.flush()
    held = (copy, Path(copy.name))
    return Source(source.name, source.suffix, lambda: opened(held[1]), held[1])


def paused(stream: BinaryIO) -> bool:
    """Whether a pipe has nothing to read at the moment."""
    return not select.select([stream], [], [], 0)[0]


def check_file(path: Path) -> None:
    """Refuse what is no file, with the name that was perhaps meant.

    Raises:
        DataError: Nothing is there, or a folder.
    """
    if path.is_file():
        return
    if path.is_dir():
        raise DataError(f"{path}: is a folder, wanted a file")
    if path.exists():
        raise DataError(f"{path}: is neither a file nor a folder; save the data to a file first")
    raise DataError(f"{path}: no such file{near_name(path)}")


def near_name(path: Path) -> str:
    """What was perhaps meant by a path where nothing is, as the end of a message."""
    folder = path.parent
    if not folder.is_dir():
        return f" (there is no folder {folder})"
    near = difflib.get_close_matches(path.name, [entry.name for entry in folder.iterdir()], n=9)
    # Two names are not alike for their suffix alone.
    alike = [name for name in near if difflib.get_close_matches(path.stem, [Path(name).stem])]
    return f"; did you mean {folder / alike[0]}?" if alike else ""


_SIGNATURES = {
    b"PK\x03\x04": "a ZIP archive",
    b"PAR1": "a Parquet file",
    b"\x1f\x8b": "compressed with gzip",
    b"BZh": "compressed with bzip2",
    b"\xfd7zXZ": "compressed with xz",
    b"\x28\xb5\x2f\xfd": "compressed with zstd",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"%PDF": "a PDF document",
}
_SUFFIXES = {
    "an Excel workbook": ".xlsx", "an OpenDocument sheet": ".ods", "an old Excel workbook": ".xls",
    "a Parquet file": ".parquet", "a ZIP archive": ".zip", "text": ".csv",
}  # fmt: skip
_ADDED = {
    f"compressed with {name}": suffix
    for name, suffix in {"gzip": ".gz", "bzip2": ".bz2", "xz": ".xz", "zstd": ".zst"}.items()
}
_HTML = (b"<html", b"<!doctype html", b"<table", b"<head", b"<meta")

_FITTING: dict[Format, tuple[str, ...]] = {
    "parquet": ("a Parquet file",),
    "excel": ("an Excel workbook", "an OpenDocument sheet", "an old Excel workbook",
              "a ZIP archive"),
    "txt": ("text", "an HTML page", "an XML document"),
}  # fmt: skip
"""What may be read as a format, where that is not text alone."""


def refuse_other_kind(start: bytes, source: Source, form: Format, options: ReadOptions) -> None:
    """Refuse what is not what it is to be read as, before a library has its own words for it.

    Args:
        start: The first 256 bytes of it, or more.
        source: What is spoken of.
        form: What it is to be read as.
        options: Whether a name, a user or a request says so.

    Raises:
        DataError: It is something else.
    """
    what = _really(start)
    if not what or what in _FITTING.get(form, ("text",)):
        return
    if options.media:
        said, advice = f"and came as {options.media}", _right_media(what)
    elif options.format or source.file is None:
        said, advice = f"and was to be read as {form}", _right_format(what)
    else:
        said, advice = "whatever its name says", _right_name(source.name, what)
    raise DataError(f"{source.name}: is {what}, {said}; {advice}")


def _really(start: bytes) -> str:
    """What a file is by its first bytes; empty where they say nothing."""
    found = next((what for sign, what in _SIGNATURES.items() if start.startswith(sign)), "")
    if found == "a ZIP archive":
        # Workbooks are archives, too; what lies first in them tells which.
        if any(sign in start for sign in (b"[Content_Types]", b"xl/", b"docProps/", b"_rels/")):
            return "an Excel workbook"
        return "an OpenDocument sheet" if b"opendocument.spreadsheet" in start else found
    if found:
        return found
    head = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith(_HTML):
        return "an HTML page"
    if head.startswith(b"<?xml"):
        return "an XML document"
    return "text" if start and b"\0" not in start else ""


def _right_name(name: str, what: str) -> str:
    path = Path(name)
    if what in _SUFFIXES:
        return f"rename it to {path.with_suffix(_SUFFIXES[what]).name}"
    return f"rename it to {path.name}{_ADDED[what]}" if what in _ADDED else "save its table as CSV"


def _right_format(what: str) -> str:
    if form := FORMATS.get(_SUFFIXES.get(what, "")):
        return f"read it with --input-format {form}"
    return "unpack it" if what in {*_ADDED, "a ZIP archive"} else "save its table as CSV"


def _right_media(what: str) -> str:
    if what in _ADDED:
        return "send it unpacked"
    form = FORMATS.get(_SUFFIXES.get(what, ""))
    if form is None:
        return "send its table as text/csv"
    media = next(media for media, taken in MEDIA.items() if taken == form)
    return f"send it as {media}" + (", or what it is" if what == "text" else "")
