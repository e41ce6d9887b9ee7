"""Files and folders at URLs: s3://, gs://, az://, hf://, https:// and whatever else fsspec opens.

fsspec finds credentials where their users keep them: the environment, ~/.aws, gcloud, `hf auth
login`. It and the library of a kind of place are imported when a URL is met, not before. What is
added here: an answer within bounded time, and one line instead of each library's own traceback.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from ktrain_sentiment.errors import (
    DataError,
    InputError,
    MissingExtraError,
    explain,
    one_line,
    require,
)

STORES = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "hf", "memory")
"""Schemes of places that have folders, and in which a file appears when its upload is complete."""

LOOKUP_SECONDS = 30.0
"""How long a place may take to say whether something is there, name look-up included."""

_LIBRARIES = {
    "http": ("aiohttp", "remote"), "https": ("aiohttp", "remote"),
    "s3": ("s3fs", "s3"), "s3a": ("s3fs", "s3"),
    "gs": ("gcsfs", "gs"), "gcs": ("gcsfs", "gs"),
    "az": ("adlfs", "az"), "abfs": ("adlfs", "az"), "abfss": ("adlfs", "az"),
    "hf": ("huggingface_hub", "hf"),
}  # fmt: skip
"""Which library opens URLs of a scheme, and which extra of this package installs it."""

_LOG_IN = {
    "s3fs": "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run  aws configure"
    "  (FSSPEC_S3_ANON=true for a public bucket)",
    "gcsfs": "run  gcloud auth application-default login",
    "adlfs": "set AZURE_STORAGE_ACCOUNT_NAME and log in with  az login , or set "
    "AZURE_STORAGE_CONNECTION_STRING",
    "huggingface_hub": "log in with  hf auth login , or set HF_TOKEN",
}
_TALKATIVE = ("adlfs", "azure", "gcsfs")
"""Loggers of libraries that write twenty lines about what they then raise."""

_NO_CREDENTIALS = (
    "NoCredentials", "PartialCredentials", "ProfileNotFound", "DefaultCredentials",
    "ClientAuthentication", "TokenRetrieval", "SSOToken",
)  # fmt: skip
_UNREACHABLE = (
    "EndpointConnection", "ConnectTimeout", "ReadTimeout", "ClientConnect", "ConnectionError",
    "ConnectionRefused", "ConnectionClosed", "ServerDisconnected", "ServiceRequestError",
    "gaierror", "TimeoutError",
)  # fmt: skip
"""Parts of the names of libraries' errors: to import their classes would be to import them all."""

_TELLING = (
    "etag", "md5", "sha256", "blob_id", "lastmodified", "last_modified", "updated", "created",
    "mtime", "size",
)  # fmt: skip
"""Beginnings of the names, in lower case, under which stores say what tells two contents apart."""

_URL = re.compile(r"[A-Za-z][\w+.-]+:(?:[\w+.:-]+:)?//")
_SHORTENED = re.compile(r"([A-Za-z][\w+.-]+):/(?=[^/])")

T = TypeVar("T")


def url_of(place: object) -> str:
    """The URL that was named; empty where a place on this machine was, or no place at all.

    Args:
        place: A URL as text or as a `Path`, which takes one of two slashes out of it: here it has
            both again.
    """
    if isinstance(place, Path):
        found = _SHORTENED.match(place.as_posix())
        return f"{found[1]}://{place.as_posix()[found.end() :]}" if found else ""
    return place if isinstance(place, str) and _URL.match(place) else ""


def within(seconds: float, task: Callable[[], T]) -> T:
    """The result of a task, or `TimeoutError`: looking up a host's name knows no timeout."""
    future: Future[T] = Future()

    def work() -> None:
        try:
            future.set_result(task())
        except BaseException as error:  # noqa: BLE001 - handed to the caller, who raises it
            future.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return future.result(timeout=seconds)


@dataclass(frozen=True)
class Remote:
    """What is at a URL.

    Attributes:
        url: As the user wrote it.
        system: fsspec's file system.
        path: The place in it.
        error: What is raised where it cannot be used.
    """

    url: str
    system: Any
    path: str
    error: type[InputError] = DataError

    def info(self) -> Mapping[str, Any]:
        """What the place says of what is there, asked anew.

        Raises:
            InputError: Nothing is there, or it cannot be asked; of the class `error`.
        """
        with explained(self.url, self.error):
            return within(LOOKUP_SECONDS, self._info)

    def _info(self) -> Mapping[str, Any]:
        self.system.invalidate_cache()
        found: Mapping[str, Any] = self.system.info(self.path)
        return found

    def fetch(self, path: Path) -> None:
        """Copy the file that is there to a path on this machine.

        Raises:
            InputError: It cannot be fetched; of the class `error`.
            SentimentError: The disk is full.
        """
        found = self.info()
        if found.get("type") == "directory":
            raise self.error(f"{self.url}: is a folder, wanted a file")
        with explained(self.url, self.error, path):
            self.system.get_file(self.path, str(path))
        size, wanted = path.stat().st_size, found.get("size")
        # Servers of https:// count the bytes before they compress them, or after, or not at all.
        if _is_store(self.url) and size != wanted:
            raise self.error(
                f"{self.url}: {size:,} of {wanted:,} bytes arrived, or it was replaced meanwhile; "
                "try again"
            )

    def is_folder(self) -> bool:
        """Whether a folder of a store is there.

        Raises:
            InputError: Nothing is there, or it cannot be asked; of the class `error`.
        """
        return _is_store(self.url) and self.info().get("type") == "directory"

    def exists(self) -> bool:
        """Whether a file or folder is there.

        Raises:
            InputError: The place cannot be asked; of the class `error`.
        """
        try:
            self.info()
        except self.error as refused:
            # In a bucket or repository that is missing nothing can be made.
            gone = refused.__cause__
            if not isinstance(gone, FileNotFoundError):
                raise
            if is_unreachable(gone) or _is_no_bucket(gone) or "RepositoryNotFound" in _kinds(gone):
                raise
            return False
        return True

    def below(self, name: str) -> Remote:
        """The place of a name in this folder."""
        return replace(
            self, url=f"{self.url.rstrip('/')}/{name}", path=f"{self.path.rstrip('/')}/{name}"
        )

    def files(self) -> dict[str, Mapping[str, Any]]:
        """What the place says of each file in the folder that is there, by relative POSIX path.

        Raises:
            InputError: Nothing is there, or it cannot be asked; of the class `error`.
        """
        base = self.path.rstrip("/") + "/"
        with explained(self.url, self.error):
            self.system.invalidate_cache()
            found = within(LOOKUP_SECONDS, lambda: self.system.find(self.path, detail=True))
            if not found:
                raise FileNotFoundError(self.path)
        return {
            path.removeprefix(base): info
            for path, info in found.items()
            # Whoever fills a bucket chooses its names, and must not choose where files go here.
            if path.startswith(base) and not {"..", ".", ""} & set(path[len(base) :].split("/"))
        }

    @contextlib.contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """The file that is there, to look at its end or its beginning without fetching all of it.

        Raises:
            InputError: It cannot be read; of the class `error`.
        """
        with explained(self.url, self.error):
            stream = within(LOOKUP_SECONDS, lambda: self.system.open(self.path, block_size=1 << 16))
        with stream:
            yield stream

    def read(self) -> bytes:
        """The content of a small file.

        Raises:
            InputError: It cannot be read; of the class `error`.
        """
        with explained(self.url, self.error):
            content: bytes = within(LOOKUP_SECONDS, lambda: self.system.cat_file(self.path))
            return content

    def fetch_files(self, names: Iterable[str], folder: Path) -> None:
        """Copy files of the folder that is there; each appears when it is whole.

        Raises:
            InputError: One cannot be fetched; of the class `error`.
            SentimentError: The disk is full.
        """
        for name in names:
            path = folder / name
            part = path.with_name(f".{path.name}.{os.urandom(4).hex()}.part")
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                self.below(name).fetch(part)
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)

    def send(self, path: Path) -> None:
        """Make a file of this machine the one that is there; it appears when it is all there.

        Raises:
            InputError: It cannot be sent; of the class `error`.
        """
        with explained(self.url, self.error):
            self.system.put_file(str(path), self.path)

    def send_folder(self, folder: Path, last: str | None = None) -> None:
        """Make a folder of this machine the one that is there.

        Args:
            folder: It may hold folders.
            last: Name of the file without which the folder is not used: it is sent last.

        Raises:
            InputError: It cannot be sent; of the class `error`.
        """
        paths = [path for path in folder.rglob("*") if path.is_file()]
        names = [path.relative_to(folder).as_posix() for path in paths]
        before = self.files() if self.exists() else {}
        for name in sorted(names, key=lambda one: (one == last, one)):
            self.below(name).send(folder / name)
        with explained(self.url, self.error):
            for name in before.keys() - set(names):
                self.system.rm_file(self.below(name).path)

    def matches(self) -> list[str]:
        """URLs of the files that a pattern such as `s3://bucket/exports/*.csv` matches, in order.

        Raises:
            InputError: The place cannot be asked; of the class `error`.
        """
        with explained(self.url, self.error):
            self.system.invalidate_cache()
            found = within(LOOKUP_SECONDS, lambda: self.system.glob(self.path, detail=True))
        files = sorted(path for path, info in found.items() if info["type"] == "file")
        return [str(self.system.unstrip_protocol(path)) for path in files]


def _is_store(url: str) -> bool:
    return url.partition("://")[0].lower() in STORES


def fingerprint(files: Mapping[str, Mapping[str, Any]]) -> str:
    """Tells the files of a folder, as `Remote.files` lists them, from others: 16 hex digits."""
    lines = [f"{name} {_telling(info)}" for name, info in sorted(files.items())]
    return hashlib.sha256("\n".join(lines).encode(errors="surrogateescape")).hexdigest()[:16]


def _telling(info: Mapping[str, Any]) -> list[tuple[str, str]]:
    told = ((str(name).lower(), str(value)) for name, value in info.items())
    return sorted(one for one in told if one[0].startswith(_TELLING))


def store(url: str, error: type[InputError] = InputError) -> Remote:
    """A place in a store, which has folders and can be written to.

    Raises:
        InputError: The URL is of another kind; of the class `error`.
        MissingExtraError: The library for such URLs is not installed.
    """
    if not _is_store(url):
        raise error(f"{url}: wanted a place in a store: s3://, gs://, az:// or hf://")
    return at(url, error)


def at(url: str, error: type[InputError] = DataError) -> Remote:
    """The place that a URL names; nothing is asked for yet.

    Args:
        url: As `places.url_of` recognises it.
        error: What is raised where it cannot be used.

    Raises:
        MissingExtraError: The library for such URLs is not installed.
        InputError: There is no library for such URLs; of the class `error`.
    """
    scheme = url.partition("://")[0].lower()
    library, extra = _LIBRARIES.get(scheme, ("fsspec", "remote"))
    try:
        for module in ("fsspec", library):
            require(module, extra)
    except MissingExtraError as missing:
        raise MissingExtraError(f"{url}: {missing}") from missing
    from fsspec.core import url_to_fs

    for name in _TALKATIVE:
        if not logging.getLogger(name).level:
            logging.getLogger(name).setLevel(logging.CRITICAL)
    with explained(url, error):
        system, path = within(LOOKUP_SECONDS, lambda: url_to_fs(url, **_limits(scheme)))
    return Remote(url, system, path, error)


def _limits(scheme: str) -> Mapping[str, Any]:
    """Settings by which a host that is silent is given up; the user's own settings come first."""
    if scheme in {"http", "https"}:
        import aiohttp

        # fsspec gives a whole download five minutes, however large it is.
        limit = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=60)
        return {"client_kwargs": {"timeout": limit}}
    if scheme in {"s3", "s3a"}:
        from fsspec.config import conf

        own = conf.get("s3", {}).get("config_kwargs", {})
        usual: dict[str, Any] = {"connect_timeout": 10, "read_timeout": 60}
        if not {"AWS_MAX_ATTEMPTS", "AWS_RETRY_MODE"} & os.environ.keys():
            usual["retries"] = {"mode": "standard", "total_max_attempts": 3}
        return {"config_kwargs": {**usual, **own}}
    return {}


@contextlib.contextmanager
def explained(url: str, error: type[InputError], local: Path | None = None) -> Iterator[None]:
    """Turn whatever a library raises about a URL into one line.

    Args:
        url: What was named.
        error: The class of what is raised.
        local: What is written on this machine meanwhile.
    """
    try:
        yield
    except InputError:
        raise
    except ImportError as missing:
        # fsspec says which library opens that kind of place: "Install paramiko to ...".
        raise MissingExtraError(f"{url}: {one_line(missing)}") from missing
    except Exception as found:
        # A file system of any kind raises whatever it likes; all of it is about what was named.
        full = explain(found, local) if local is not None else None
        raise full or error(f"{url}: {_reason(url, found)}") from found


def _reason(url: str, found: BaseException) -> str:
    scheme = url.partition("://")[0].lower()
    library = _LIBRARIES.get(scheme, ("", ""))[0]
    kinds = _kinds(found)
    said = one_line(found)
    bare = any(name in kinds for name in _NO_CREDENTIALS) or "account_name" in said
    if bare and library in _LOG_IN:
        return (
            f"no credentials for {scheme}:// were found ({said}); {_LOG_IN.get(library, 'log in')}"
        )
    if is_unreachable(found):
        # Where there are none, these two ask a host that only machines of their clouds have.
        advice = f"; without credentials, {_LOG_IN[library]}" if library in _TALKATIVE else ""
        return f"{_host(url)} cannot be reached; check the network, the proxy and the name{advice}"
    if isinstance(found, FileNotFoundError):
        return _nothing_there(url, found)
    if isinstance(found, PermissionError) or "GatedRepo" in kinds:
        advice = f"; {_LOG_IN[library]}" if library in _LOG_IN else ""
        return f"access is refused ({said}){advice}"
    if isinstance(found, IsADirectoryError):
        return "is a folder, wanted a file"
    return f"cannot be used: {said}"


def _chain(found: BaseException) -> list[BaseException]:
    chain = [found]
    while (further := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(further)
    return chain


def _kinds(found: BaseException) -> str:
    return " ".join(base.__name__ for one in _chain(found) for base in type(one).__mro__)


def is_unreachable(found: BaseException) -> bool:
    """Whether an error, or one behind it, says that a host did not answer."""
    kinds = _kinds(found)
    return any(name in kinds for name in _UNREACHABLE)


def _is_no_bucket(found: BaseException) -> bool:
    said = " ".join(map(one_line, _chain(found))).lower()
    return "bucket does not exist" in said or "nosuchbucket" in said


def _host(url: str) -> str:
    scheme, _, rest = url.partition("://")
    variable = {"s3": "AWS_ENDPOINT_URL", "s3a": "AWS_ENDPOINT_URL", "hf": "HF_ENDPOINT"}
    own = os.environ.get(variable.get(scheme.lower(), ""), "")
    return own or (rest.partition("/")[0] if scheme.startswith("http") else f"{scheme}://")


def _nothing_there(url: str, found: BaseException) -> str:
    codes = (getattr(one, "status", 404) for one in _chain(found))
    status = next((code for code in codes if code != 404), None)
    if status is not None:
        return f"{_host(url)} answers with status {status}"
    if "RepositoryNotFound" in _kinds(found):
        return f"{_host(url)} has none of this name, or it is private; {_LOG_IN['huggingface_hub']}"
    if _is_no_bucket(found):
        return f"there is no bucket {url.partition('://')[2].partition('/')[0]}; check its name"
    return "no such file; check the name, capitals included"
