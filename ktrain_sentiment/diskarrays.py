"""Arrays that lie on disk and are read where they lie, so that data may be larger than memory.

What grows with the rows of a data set is appended to a file as it comes, and then seen as one array
through a memory map: the system reads the pages that are touched and takes them back when memory is
wanted elsewhere.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import mmap
import sys
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ktrain_sentiment.errors import InputError
from ktrain_sentiment.runs import cache_folder

_maps: weakref.WeakSet[mmap.mmap] = weakref.WeakSet()


@contextlib.contextmanager
def scratch_file() -> Iterator[IO[bytes]]:
    """A file without a name, which is gone when the last map of it is, however the process ends.

    It lies in the cache folder and not among the system's temporary files, which are often kept in
    memory; `TMPDIR` decides where the cache folder cannot be written.

    Raises:
        InputError: The disk is full.
    """
    folder = cache_folder() / "scratch"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
    except OSError:
        file = tempfile.TemporaryFile()  # noqa: SIM115
    with file:
        try:
            yield file
        except OSError as error:
            raise InputError(
                f"{folder}: {error.strerror or error}, and the rows are put there while they are "
                "learned from: make room, or name another place in KTRAIN_SENTIMENT_CACHE"
            ) from error


def mapped(file: IO[bytes]) -> mmap.mmap | bytes:
    """All bytes of a file, read where they lie; the file may be closed."""
    file.flush()
    if not file.seek(0, 2):
        return b""  # Nothing cannot be mapped.
    found = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    _maps.add(found)
    return found


def let_go() -> None:
    """Take the pages of all mapped files out of this process; they come back when touched.

    The system would do it when memory is short, and until then counts them as this process's own.
    """
    if hasattr(mmap, "MADV_DONTNEED"):
        for found in list(_maps):
            if not found.closed:
                found.madvise(mmap.MADV_DONTNEED)


class Appended:
    """An array that grows by appending to a file.

    Args:
        dtype: Of its numbers.
        file: Where they are written, from its beginning.
    """

    def __init__(self, dtype: DTypeLike, file: IO[bytes]) -> None:
        """Begin with none."""
        self.dtype, self._file = np.dtype(dtype), file

    def add(self, numbers: NDArray[Any]) -> None:
        """Append numbers, which must fit the type."""
        self._file.write(np.ascontiguousarray(numbers, self.dtype).data)

    def whole(self) -> NDArray[Any]:
        """All that was appended, of shape (numbers,), mapped and read-only."""
        return np.frombuffer(mapped(self._file), self.dtype)


LEAST = 32 << 20
"""Bytes of an array, or of a column, from which on it is put on disk."""


def settled(array: NDArray[Any]) -> NDArray[Any]:
    """The same array, on disk if it is long; of numbers, any shape."""
    if array.nbytes <= LEAST:
        return array
    with scratch_file() as file:
        numbers = Appended(array.dtype, file)
        numbers.add(array)
        return numbers.whole().reshape(array.shape)


def give_back() -> None:
    """Return to the system what was freed here, and what allocators keep for later.

    Worth a call where much was in passing and little stays, as between dividing rows and learning.
    """
    let_go()
    gc.collect()
    if "pyarrow" in sys.modules:
        sys.modules["pyarrow"].default_memory_pool().release_unused()
    with contextlib.suppress(OSError, AttributeError, TypeError):  # Only Linux's C library has it.
        ctypes.CDLL(None).malloc_trim(0)


def opened(path: Path, dtype: DTypeLike) -> NDArray[Any]:
    """The numbers that a file holds, mapped and read-only."""
    with path.open("rb") as file:
        return np.frombuffer(mapped(file), dtype)
