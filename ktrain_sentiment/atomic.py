"""Write folders and files atomically, by one process at a time; digests of what is in a file.

Output is written beside its place under a staging name and moved in at the end, so a killed
process, an exception or a full disk leaves what was there before. Staging names carry the machine
and the process that made them; the next run for the same target removes those whose process is
gone. What is no regular file (a pipe, a device, standard output) is written to, never replaced.

    with staged_folder(Path("runs/reviews/predictor"), overwrite=False) as folder:
        (folder / "manifest.json").write_text("{}")

    with hold(Path("scores.parquet")), staged_file(Path("scores.parquet"), overwrite=True) as path:
        pq.write_table(table, path)
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
import stat
import tempfile
import time
import uuid
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ktrain_sentiment.errors import InputError, SentimentError, explain
from ktrain_sentiment.remote import store, url_of
from ktrain_sentiment.runs import cache_folder

try:
    import fcntl
except ImportError:  # Windows has none: there, nothing is locked.
    fcntl = None  # type: ignore[assignment]

_STAGED = ".staged-"
_RETIRED = ".retired-"
_NAME = re.compile(r"\.(staged|retired)-(?P<host>[0-9a-f]{8})-(?P<pid>\d+)-[0-9a-f]{8}-")
_LOCK = b"ktrain-sentiment: "
_DESCRIPTOR = re.compile(rf"/(?:dev/fd|proc/(?:self|{os.getpid()})/fd)/(\d+)")
_ours: set[str] = set()
"""Staging names that this process has in use: a process id alone can be one of a former boot."""


def refuse_existing(
    target: Path, *, overwrite: bool, marker: str | None = None, remote: bool = False
) -> None:
    """Complain about an existing target; call it before hours of work, not after.

    An empty folder counts as absent; what is no file or folder is written to, not replaced.

    Args:
        target: The folder or file that will be written.
        overwrite: Whether the user allowed it to be replaced.
        marker: Name of a file that an existing folder must hold to be replaced, so that
            `--overwrite` on a mistyped path cannot delete something else.
        remote: Whether the target may be a URL.

    Raises:
        InputError: The target exists and may not be replaced, or nothing may be written there.
    """
    if url := url_of(target):
        if not remote:
            raise _no_url(url)
        _refuse_remote(url, overwrite=overwrite, marker=marker)
        return
    if is_stream(target):
        return
    if os.path.ismount(target):
        raise InputError(
            f"{target} is a mount point, and a folder is put in place as a whole: name one in it, "
            f"such as {target / 'new'}"
        )
    _refuse_barred(target)
    if not target.exists():
        return
    if target.is_dir() and not any(target.iterdir()):
        return
    if marker is not None:
        _refuse_file(target)
    if not overwrite:
        raise InputError(f"{target} exists: choose another place, or add --overwrite")
    if marker is not None and target.is_dir() and not (target / marker).is_file():
        raise InputError(
            f"{target} exists and holds no {marker}, so --overwrite will not delete it: "
            "choose another place, or remove it by hand"
        )


def _no_url(url: str) -> InputError:
    return InputError(
        f"{url}: is a URL, and this is written on this machine: name a place here (to URLs write "
        "predict --output, prepare --output, and export --onnx-only --output)"
    )


def _refuse_remote(url: str, *, overwrite: bool, marker: str | None) -> None:
    place = store(url)
    if not place.exists():
        return
    if not overwrite:
        raise InputError(f"{url} exists: choose another place, or add --overwrite")
    if marker is not None and not place.below(marker).exists():
        raise InputError(
            f"{url} exists and holds no {marker}, so --overwrite will not replace it: choose "
            "another place, or remove it by hand"
        )


def _refuse_barred(target: Path) -> None:
    """Complain about a place in which this user may make nothing."""
    above = real_path(target).parent
    while not os.path.lexists(above) and above != above.parent:
        above = above.parent
    if not above.is_dir():
        raise InputError(f"{target} cannot be written: {above} is a file; choose another place")
    if not os.access(above, os.W_OK | os.X_OK):
        read_only = os.statvfs(above).f_flag & os.ST_RDONLY if hasattr(os, "statvfs") else 0
        refusal = OSError(errno.EROFS if read_only else errno.EACCES, "")
        raise explain(refusal, target) or refusal


def _refuse_file(target: Path) -> None:
    """Complain about a file where a folder is to be written; --overwrite will not replace it."""
    if target.exists() and not target.is_dir():
        raise InputError(f"{target} is a file, and a folder is to be written: choose another place")


def spool_of(url: str) -> Path:
    """Where on this machine a file grows that is sent to a URL when it is whole."""
    key = hashlib.sha256(url.encode()).hexdigest()[:16]
    return cache_folder() / "outputs" / key / Path(url).name


@contextlib.contextmanager
def _spooled(url: str, overwrite: bool, marker: str | None = None) -> Iterator[Path]:
    """A free name on this machine; what is there when the block ends well is sent to the URL."""
    _refuse_remote(url, overwrite=overwrite, marker=marker)
    spool = spool_of(url).parent
    spool.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=spool) as folder:
        path = Path(folder) / Path(url).name
        yield path
        _refuse_remote(url, overwrite=overwrite, marker=marker)
        if path.is_dir():
            store(url).send_folder(path, marker)
        else:
            store(url).send(path)


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
        target: Where the folder will stand; parents are made. A link is followed. To a URL the
            folder is sent in the end, file by file, that of the name `marker` last.
        overwrite: Replace an existing folder, as a whole, at the end.
        marker: See `refuse_existing`.

    Yields:
        The folder to write to, on the same file system as `target`.

    Raises:
        InputError: The target exists and may not be replaced, or cannot be written.
        SentimentError: The disk is full.
    """
    if url := url_of(target):
        with _spooled(url, overwrite, marker) as folder:
            folder.mkdir()
            yield folder
        return
    place = real_path(target)
    _refuse_file(target)
    if Path.cwd().is_relative_to(place):
        raise InputError(f"{target} holds the working folder: choose a folder below it")
    clear_leftovers(place)
    refuse_existing(place, overwrite=overwrite, marker=marker)
    with explained(target), _staging_name(place) as staged:
        # No wider than what it replaces, and open to its owner.
        staged.mkdir(0o700 | (place.stat().st_mode & 0o777 if place.exists() else 0o777))
        yield staged
        _sync(staged)
        refuse_existing(place, overwrite=overwrite, marker=marker)
        swap_in(staged, place)


@contextlib.contextmanager
def staged_file(target: Path, overwrite: bool = False) -> Iterator[Path]:
    """Give a path to write to, which becomes `target` when the block ends well.

    The path has the suffix of `target`, for writers that look at it. Where a file is replaced, the
    path is an empty file of the same owner and mode. For what is no regular file and for a URL, the
    path is a file elsewhere whose content is sent there in the end.

    Args:
        target: Where the file will stand; parents are made. A link is followed.
        overwrite: Replace an existing file at the end.

    Yields:
        The path to write to, on the same file system as `target`.

    Raises:
        InputError: The target exists and may not be replaced, or cannot be written.
        SentimentError: The disk is full.
    """
    if url := url_of(target):
        with _spooled(url, overwrite) as path:
            yield path
        return
    if is_stream(target):
        with tempfile.TemporaryDirectory() as folder, explained(target):
            path = Path(folder) / target.name
            yield path
            with path.open("rb") as content, open_stream(target) as stream:
                shutil.copyfileobj(content, stream)
        return
    place = real_path(target)
    if place.is_dir():
        raise InputError(f"{target} is a folder, and a file is to be written: name a file in it")
    clear_leftovers(place)
    refuse_existing(place, overwrite=overwrite)
    with explained(target), _staging_name(place) as staged:
        create_like(staged, place)
        yield staged
        _sync(staged)
        refuse_existing(place, overwrite=overwrite)
        if place.exists():
            shutil.copymode(place, staged)
        staged.replace(place)
        sync_entry(place.parent)


def create_like(path: Path, model: Path) -> None:
    """Create an empty file that only those may read who may read `model`; none without a model."""
    try:
        kept = model.stat()
    except FileNotFoundError:
        return
    # Narrow first: a file that is made wide can be opened by others before its mode is changed.
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        # Only the superuser may give a file away, and Windows has no owners of this kind.
        with contextlib.suppress(OSError, AttributeError):
            os.chown(descriptor, kept.st_uid, kept.st_gid)
        path.chmod(stat.S_IMODE(kept.st_mode) | stat.S_IWUSR)
    finally:
        os.close(descriptor)


def real_path(target: Path) -> Path:
    """Where a path leads through all links; a link that leads to itself stays as it is.

    Raises:
        InputError: It is a URL.
    """
    if url := url_of(target):
        raise _no_url(url)
    return Path(os.path.realpath(target))


def is_stream(target: Path) -> bool:
    """Whether a path names no regular file or folder: a pipe, a device, an open descriptor."""
    if _descriptor(target) is not None:
        return True
    return target.exists() and not target.is_file() and not target.is_dir()


def open_stream(target: Path) -> BinaryIO:
    """Open what `is_stream` recognised, to write to it; nothing is created or cut off.

    Raises:
        OSError: It is closed, or may not be written.
    """
    number = _descriptor(target)
    if number is None:
        return os.fdopen(os.open(target, os.O_WRONLY), "wb")
    # A second opening of /dev/stdout would cut off the file behind it, and start at its beginning.
    return os.fdopen(os.dup(number), "wb")


def _descriptor(target: Path) -> int | None:
    """The number in a name such as /dev/stdout, which may lead to a regular file all the same."""
    path = Path.cwd() / target
    for _ in range(40):  # As many links as Linux follows.
        if found := _DESCRIPTOR.fullmatch(os.path.normpath(path)):
            return int(found[1])
        if not path.is_symlink():
            break
        path = path.parent / path.readlink()
    return None


class HeldError(InputError):
    """Another process writes there now; the message names it."""


@contextlib.contextmanager
def hold(target: Path) -> Iterator[None]:
    """Be the only process that writes a file or folder while the block runs.

    The lock is a file `.NAME.lock` beside the target, held through the operating system: that of a
    killed process is free at once. Parents of the target are made.

    Args:
        target: The file or folder; two names that lead to one place have one lock. That of a URL
            holds on this machine alone.

    Raises:
        HeldError: Another process holds it.
        InputError: The place cannot be written.
    """
    url = url_of(target)
    place = spool_of(url) if url else real_path(target)
    path = _lock_of(place)
    with explained(target):
        make_parent(place)
        try:
            descriptor = _lock(path, target)
        except FileNotFoundError as error:  # Such as /proc, where nobody can make a file.
            raise InputError(
                f"{target} cannot be written: {place.parent} takes no files"
            ) from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink()
        os.close(descriptor)


def _lock(path: Path, target: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
        try:
            held = os.read(descriptor, 200)
            if held and not held.startswith(_LOCK):
                raise InputError(f"{path} is in the way: it is no lock of ours; move it elsewhere")
            if fcntl is not None:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_same(descriptor, path):
                break
        except BlockingIOError as error:
            os.close(descriptor)
            holder = held.removeprefix(_LOCK).decode("utf-8", "replace") or "another process"
            raise HeldError(
                f"{target} is being written by {holder}: wait until it ends, or stop it"
            ) from error
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # Its holder has just removed it; another may have made a new one.
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    holder = f"process {os.getpid()} on {platform.node()} since {since}"
    try:
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, _LOCK + holder.encode())
    except OSError:  # A full disk has room for a name, and none for what is in it.
        path.unlink()
        os.close(descriptor)
        raise
    return descriptor


def _is_same(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def write_text(target: Path, text: str, *, overwrite: bool = True) -> None:
    """Write a text file in UTF-8, atomically.

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
    return name in _ours if pid == os.getpid() else is_alive(pid)


def is_alive(pid: int) -> bool:
    """Whether there is a process of this number on this machine, as far as can be told."""
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
    make_parent(place)
    staged = place.with_name(_beside(_STAGED, place))
    _ours.add(staged.name)
    try:
        yield staged
    finally:
        _remove(staged)
        _ours.discard(staged.name)


def make_parent(place: Path) -> None:
    """Make the folder in which something will stand.

    Raises:
        InputError: A part of it is a file.
    """
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise InputError(
            f"{place} cannot be written: {error.filename} is a file; choose another place"
        ) from error


def _beside(kind: str, place: Path) -> str:
    return f"{kind}{_host()}-{os.getpid()}-{uuid.uuid4().hex[:8]}-{place.name}"


def swap_in(staged: Path, place: Path) -> None:
    """Put the staged folder in place; the old one is set aside first and put back on failure."""
    if not place.exists():
        staged.rename(place)
        return sync_entry(place.parent)
    shutil.copymode(place, staged)
    retired = place.with_name(_beside(_RETIRED, place))
    _ours.add(retired.name)
    place.rename(retired)
    try:
        staged.rename(place)
    except OSError:
        retired.rename(place)
        raise
    sync_entry(place.parent)
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
    # The innermost first: a folder is whole once what it names is.
    inside = sorted(path.rglob("*"), reverse=True) if path.is_dir() else []
    for place in [*(p for p in inside if p.is_file()), *(p for p in inside if p.is_dir()), path]:
        if place.is_dir():
            sync_entry(place)
            continue
        with place.open("rb") as stream:
            os.fsync(stream.fileno())


def sync_entry(folder: Path) -> None:
    """Have the names in a folder on the disk."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def explained(target: Path) -> Iterator[None]:
    """Turn a full disk and a place that may not be written into one line."""
    try:
        yield
    except SentimentError:
        raise
    except Exception as error:
        file = getattr(error, "filename", None)
        near = file is None or str(file).startswith(str(real_path(target).parent))
        known = explain(error, target)
        if isinstance(error, FileNotFoundError) and _is_made(Path(str(file)), real_path(target)):
            # So /proc and its like refuse: what was to be made, they say, is not there.
            known = InputError(
                f"{target} cannot be written: nothing can be made there; choose another place"
            )
        # Something else may be missing or barred than what is written, such as what is read.
        if known is None or (isinstance(known, InputError) and not near):
            raise
        raise known from error


def _is_made(file: Path, place: Path) -> bool:
    """Whether a file is one that writing `place` makes: a folder above, its lock or its stage."""
    return (
        file in place.parents or file.name == _lock_of(place).name or bool(_NAME.match(file.name))
    )


def _lock_of(place: Path) -> Path:
    return place.with_name(f".{place.name}.lock")
