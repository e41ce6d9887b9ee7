"""Write folders and files whole or not at all, and tell what is in a file by its digest.

Output is written beside its place under a staging name and moved in at the end, so a killed
process, an exception or a full disk leaves what was there before. Staging names carry the machine
and the process that made them; the next run for the same target removes those whose process is
gone.

    with staged_folder(Path("runs/reviews/predictor"), overwrite=False) as folder:
        (folder / "manifest.json").write_text("{}")

    with staged_file(Path("scores.parquet"), overwrite=True) as path:
        frame.to_parquet(path)
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import platform
import re
import shutil
import uuid
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ktrain_sentiment.errors import InputError, SentimentError

if TYPE_CHECKING:
    import pandas as pd

_STAGED = ".staged-"
_RETIRED = ".retired-"
_NAME = re.compile(r"\.(staged|retired)-(?P<host>[0-9a-f]{8})-(?P<pid>\d+)-[0-9a-f]{8}-")
_FULL = {errno.ENOSPC, errno.EDQUOT}
_BARRED = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR}
_ours: set[str] = set()
"""Staging names that this process has in use: a process id alone can be one of a former boot."""


def refuse_existing(target: Path, *, overwrite: bool, marker: str | None = None) -> None:
    """Complain about an existing target; call it before hours of work, not after.

    An empty folder counts as absent.

    Args:
        target: The folder or file that will be written.
        overwrite: Whether the user allowed it to be replaced.
        marker: Name of a file that an existing folder must hold to be replaced, so that
            `--overwrite` on a mistyped path cannot delete something else.

    Raises:
        InputError: The target exists and may not be replaced.
    """
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    if not overwrite:
        raise InputError(f"{target} exists: choose another place, or add --overwrite")
    if marker is not None and target.is_dir() and not (target / marker).is_file():
        raise InputError(
            f"{target} exists and holds no {marker}, so --overwrite will not delete it: "
            "choose another place, or remove it by hand"
        )


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file; about 1.4 GB a second where the processor helps."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def staged_folder(
    target: Path, overwrite: bool = False, *, marker: str | None = None
) -> Iterator[Path]:
    """Give an empty folder to fill, which becomes `target` when the block ends well.

    Args:
        target: Where the folder will stand; parents are made. A link is followed.
        overwrite: Replace an existing folder, as a whole, at the end.
        marker: See `refuse_existing`.

    Yields:
        The folder to write to, on the same file system as `target`.

    Raises:
        InputError: The target exists and may not be replaced, or cannot be written.
        SentimentError: The disk is full.
    """
    place = target.resolve()
    if place.exists() and not place.is_dir():
        raise InputError(f"{target} is a file, and a folder is to be written: choose another place")
    if Path.cwd().is_relative_to(place):
        raise InputError(f"{target} holds the working folder: choose a folder below it")
    clear_leftovers(place)
    refuse_existing(place, overwrite=overwrite, marker=marker)
    with _explained(target), _staging_name(place) as staged:
        staged.mkdir()
        yield staged
        _sync(staged)
        refuse_existing(place, overwrite=overwrite, marker=marker)
        _swap_in(staged, place)


@contextlib.contextmanager
def staged_file(target: Path, overwrite: bool = False) -> Iterator[Path]:
    """Give a path to write to, which becomes `target` when the block ends well.

    The path has the suffix of `target`, for writers that look at it. A device or pipe, such as
    /dev/stdout, is given as it is.

    Args:
        target: Where the file will stand; parents are made. A link is followed.
        overwrite: Replace an existing file at the end.

    Yields:
        The path to write to, on the same file system as `target`.

    Raises:
        InputError: The target exists and may not be replaced, or cannot be written.
        SentimentError: The disk is full.
    """
    place = target.resolve()
    if place.is_dir():
        raise InputError(f"{target} is a folder, and a file is to be written: name a file in it")
    if place.exists() and not place.is_file():
        yield target
        return
    clear_leftovers(place)
    refuse_existing(place, overwrite=overwrite)
    with _explained(target), _staging_name(place) as staged:
        yield staged
        _sync(staged)
        refuse_existing(place, overwrite=overwrite)
        if place.exists():
            shutil.copymode(place, staged)
        staged.replace(place)
        _sync_entry(place.parent)


def write_text(target: Path, text: str, *, overwrite: bool = True) -> None:
    """Write a text file in UTF-8, whole or not at all.

    Args:
        target: Where the file will stand; parents are made.
        text: Its content.
        overwrite: Replace an existing file.

    Raises:
        InputError: The target exists and may not be replaced, or cannot be written.
        SentimentError: The disk is full.
    """
    with staged_file(target, overwrite) as path:
        path.write_text(text, encoding="utf-8")


def write_json(target: Path, value: object, *, overwrite: bool = True) -> None:
    """Write a value as indented JSON; see `write_text`.

    Raises:
        TypeError: JSON has no form for the value.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False)
    write_text(target, text + "\n", overwrite=overwrite)


def write_table(target: Path, frame: pd.DataFrame, *, overwrite: bool = True) -> None:
    """Write a table without its index, as Parquet for `.parquet`, else as CSV; see `write_text`."""
    with staged_file(target, overwrite) as path:
        if target.suffix == ".parquet":
            frame.to_parquet(path, index=False)
        else:
            frame.to_csv(path, index=False)


def clear_leftovers(target: Path) -> None:
    """Remove what killed processes left beside `target`; put back a folder they had set aside."""
    if not target.parent.is_dir():
        return
    for entry in target.parent.glob(f".*-{_escape(target.name)}"):
        found = _NAME.match(entry.name)
        if found is None or entry.name[found.end() :] != target.name or _in_use(entry.name, found):
            continue
        if entry.name.startswith(_RETIRED) and not target.exists():
            entry.rename(target)
        else:
            _remove(entry)


def _escape(name: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", name)


def _in_use(name: str, found: re.Match[str]) -> bool:
    pid = int(found["pid"])
    if found["host"] != _host():
        return True
    return name in _ours if pid == os.getpid() else _is_alive(pid)


def _is_alive(pid: int) -> bool:
    if os.name == "nt":  # There, os.kill would end the process; keep what cannot be judged.
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _host() -> str:
    return f"{zlib.crc32(platform.node().encode()):08x}"


@contextlib.contextmanager
def _staging_name(place: Path) -> Iterator[Path]:
    """A free name beside `place`; whatever still stands there afterwards is removed."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise InputError(f"{place} cannot be written: {error.filename} is a file") from error
    staged = place.with_name(_beside(_STAGED, place))
    _ours.add(staged.name)
    try:
        yield staged
    finally:
        _remove(staged)
        _ours.discard(staged.name)


def _beside(kind: str, place: Path) -> str:
    return f"{kind}{_host()}-{os.getpid()}-{uuid.uuid4().hex[:8]}-{place.name}"


def _swap_in(staged: Path, place: Path) -> None:
    """Put the staged folder in place; the old one is set aside first and put back on failure."""
    if not place.exists():
        staged.rename(place)
        return _sync_entry(place.parent)
    retired = place.with_name(_beside(_RETIRED, place))
    _ours.add(retired.name)
    place.rename(retired)
    try:
        staged.rename(place)
    except OSError:
        retired.rename(place)
        raise
    _sync_entry(place.parent)
    _remove(retired)
    _ours.discard(retired.name)
    return None


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Have the contents on the disk before the name points to them, against power cuts."""
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    for file in files:
        with file.open("rb") as stream:
            os.fsync(stream.fileno())


def _sync_entry(folder: Path) -> None:
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _explained(target: Path) -> Iterator[None]:
    """Turn a full disk and a place that may not be written into one line."""
    try:
        yield
    except SentimentError:
        raise
    except Exception as error:
        number = getattr(error, "errno", None)
        file = str(getattr(error, "filename", None) or "")
        # Libraries that write through C often keep the reason in the message alone.
        if number in _FULL or "No space left on device" in str(error):
            raise SentimentError(
                f"{target}: the disk is full; free some space or choose another place "
                "(nothing was left half-written)"
            ) from error
        if number in _BARRED and file.startswith(str(target.resolve().parent)):
            reason = os.strerror(number or 0).lower()
            raise InputError(f"{target} cannot be written: {reason}") from error
        raise
