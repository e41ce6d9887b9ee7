"""Opening what the user named: plain and compressed files, with messages instead of tracebacks."""

from __future__ import annotations

import contextlib
import difflib
import gzip
from collections.abc import Iterator
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
    check_exists(path)
    if path.is_dir():
        raise DataError(f"{path}: is a folder, wanted a file")
    try:
        with _open(path) as stream:
            yield stream
    except PermissionError as error:
        raise DataError(f"{path}: no permission to read it; check its access rights") from error
    except (OSError, EOFError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: cannot be read, the file may be damaged: {reason}") from error


def _open(path: Path) -> contextlib.AbstractContextManager[BinaryIO]:
    suffix = path.suffix.lower()
    if suffix == ".gz":
        return cast("contextlib.AbstractContextManager[BinaryIO]", gzip.open(path, "rb"))
    if suffix in COMPRESSED:
        return _open_other(path, suffix)
    return path.open("rb")


def _open_other(path: Path, suffix: str) -> contextlib.AbstractContextManager[BinaryIO]:
    import bz2
    import io
    import lzma

    if suffix == ".bz2":
        return cast("contextlib.AbstractContextManager[BinaryIO]", bz2.open(path, "rb"))
    if suffix == ".xz":
        return cast("contextlib.AbstractContextManager[BinaryIO]", lzma.open(path, "rb"))
    import pyarrow as pa

    # Python has no zstd before 3.14; pyarrow, which is needed for Parquet anyway, does.
    return io.BufferedReader(pa.CompressedInputStream(pa.OSFile(str(path)), "zstd"))


def check_exists(path: Path) -> None:
    """Refuse a missing path, with the name that was perhaps meant.

    Raises:
        DataError: Nothing is there.
    """
    if path.exists():
        return
    folder = path.parent
    names = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
    near = difflib.get_close_matches(path.name, names, n=1)
    hint = f"; did you mean {folder / near[0]}?" if near else ""
    place = "" if folder.is_dir() else f" (there is no folder {folder})"
    raise DataError(f"{path}: no such file{place}{hint}")
