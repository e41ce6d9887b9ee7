"""Opening what the user named: plain and compressed files, with messages instead of tracebacks."""

from __future__ import annotations

import bz2
import contextlib
import difflib
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

from ktrain_sentiment.errors import DataError

COMPRESSED = (".gz", ".zst", ".bz2", ".xz")


def bare_suffix(path: Path) -> str:
    """The suffix that says the format, in lower case, without that of a compression."""
    if path.suffix.lower() in COMPRESSED:
        path = path.with_suffix("")
    return path.suffix.lower()


@contextlib.contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file for binary reading, uncompressed on the way.

    Raises:
        DataError: It does not exist, is a folder, may not be read, or is damaged.
    """
    check_file(path)
    try:
        with _open(path) as stream:
            yield stream
    except PermissionError as error:
        raise DataError(f"{path}: no permission to read it; check its access rights") from error
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        reason = " ".join(str(error).split())
        raise DataError(
            f"{path}: cannot be read, it may be damaged or cut off: {reason}"
        ) from error


def _open(path: Path) -> contextlib.AbstractContextManager[BinaryIO]:
    opener = _OPENERS.get(path.suffix.lower())
    return cast("BinaryIO", opener(path)) if opener else path.open("rb")


def _open_zst(path: Path) -> BinaryIO:
    import pyarrow as pa

    # Python has no zstd before 3.14; pyarrow, which is needed for Parquet anyway, does.
    return io.BufferedReader(pa.CompressedInputStream(pa.OSFile(str(path)), "zstd"))


_OPENERS: dict[str, Callable[[Path], object]] = {
    ".gz": gzip.GzipFile,
    ".bz2": bz2.BZ2File,
    ".xz": lzma.LZMAFile,
    ".zst": _open_zst,
}


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
    near = difflib.get_close_matches(path.name, [entry.name for entry in folder.iterdir()], n=1)
    return f"; did you mean {folder / near[0]}?" if near else ""
