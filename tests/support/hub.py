"""A model hub on this machine: real HTTP, and as much of the hub's interface as a download needs.

Large files (weights) are answered as the hub answers files in LFS: a redirect to another address,
with the sha256 as etag. Small files carry their git digest. `huggingface_hub` finds the server
through HF_ENDPOINT, which it reads when it is imported: use it from a process of its own.
"""

import hashlib
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from urllib.parse import unquote, urlsplit

LARGE = (".safetensors", ".h5", ".bin")


@dataclass
class Repository:
    """A model or data set on the hub.

    `content` maps file names to bytes. `gated`: its list of files is public, its files are not.
    `damaged` names files that arrive with one byte changed.
    """

    content: dict[str, bytes]
    branches: tuple[str, ...] = ("main",)
    gated: bool = False
    damaged: set[str] = field(default_factory=set)

    @property
    def commit(self) -> str:
        digest = hashlib.sha1()
        for name in sorted(self.content):
            digest.update(name.encode() + self.content[name])
        return digest.hexdigest()

    def etag(self, name: str) -> str:
        content = self.content[name]
        if name.endswith(LARGE):
            return hashlib.sha256(content).hexdigest()
        return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()

    def sent(self, name: str) -> bytes:
        content = self.content[name]
        return content[:-1] + bytes([content[-1] ^ 1]) if name in self.damaged else content


class Hub:
    """The server; `with Hub() as hub` starts and stops it.

    Attributes:
        repositories: What it has, by name, a data set's beginning with datasets/; changes take
            effect at once.
        status: Answer every request with this status instead, when set.
        token: Gated repositories open to this token.
        requests: "METHOD path" of every request so far.
    """

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.status: int | None = None
        self.token = "hf_letmein"
        self.requests: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def add(self, name: str, folder: Path, **options: object) -> Repository:
        """Put a folder's files on the hub under a name."""
        paths = [path for path in folder.rglob("*") if path.is_file()]
        content = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
        self.repositories[name] = Repository(content, **options)
        return self.repositories[name]

    def fetched(self) -> list[str]:
        """Names of the files whose bytes were asked for."""
        return [
            line.rsplit("/", 1)[1] for line in self.requests if line.startswith("GET") and
            ("/resolve/" in line or "/large/" in line)
        ]  # fmt: skip

    def __enter__(self) -> "Hub":
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler_of(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        pass

    Handler.hub = hub
    return Handler


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as in the base
        """Say nothing; `Hub.requests` has it."""

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append(f"{self.command} {path}")
        if self.hub.status is not None:
            self._send(self.hub.status, b"busy")
        elif path.startswith("/api/"):
            self._list(path.removeprefix("/api/").removeprefix("models/"))
        elif path.startswith("/large/"):
            repository, name = path.removeprefix("/large/").rsplit("/", 1)
            self._send_content(self.hub.repositories[repository].sent(name))
        else:
            self._resolve(path.removeprefix("/"))

    def _list(self, path: str) -> None:
        name, _, place = path.partition("/tree/")
        name, _, revision = name.partition("/revision/")
        revision, _, folder = place.partition("/") if place else (revision, "", "")
        repository = self._find(name, revision or "main")
        if repository is None:
            return
        siblings = [{"rfilename": file} for file in sorted(repository.content)]
        facts = {"private": False, "disabled": False, "downloads": 0, "likes": 0, "tags": []}
        answer = {"id": name.removeprefix("datasets/"), "sha": repository.commit, **facts}
        answer = self._tree(repository, folder) if place else {**answer, "siblings": siblings}
        self._send(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def _tree(self, repository: Repository, folder: str) -> list[dict[str, object]]:
        """What lies in a folder itself, as the hub's file system is told."""
        base = f"{folder}/" if folder else ""
        below = [name for name in repository.content if name.startswith(base)]
        here = {name for name in below if "/" not in name.removeprefix(base)}
        folders = {base + name.removeprefix(base).split("/")[0] for name in {*below} - here}
        files = [
            {"type": "file", "path": name, "size": len(repository.content[name]),
             "oid": repository.etag(name)[:40]}
            for name in sorted(here)
        ]  # fmt: skip
        return files + [{"type": "directory", "path": one, "oid": ""} for one in sorted(folders)]

    def _find(self, name: str, revision: str) -> Repository | None:
        repository = self.hub.repositories.get(name)
        if repository is None:
            # What the hub says to someone who is not logged in, so as not to give names away.
            self._refuse(401, "RepoNotFound", "Invalid username or password.")
        elif revision not in (*repository.branches, repository.commit):
            self._refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        else:
            return repository
        return None

    def _resolve(self, path: str) -> None:
        name, _, rest = path.partition("/resolve/")
        revision, _, file = rest.partition("/")
        repository = self._find(name, revision)
        if repository is None:
            return
        allowed = self.headers.get("Authorization") == f"Bearer {self.hub.token}"
        if repository.gated and not allowed:
            self._refuse(401, "GatedRepo", f"Access to model {name} is restricted.")
        elif file not in repository.content:
            self._refuse(404, "EntryNotFound", "Entry not found")
        else:
            self._send_file(name, repository, file)

    def _send_file(self, name: str, repository: Repository, file: str) -> None:
        etag = f'"{repository.etag(file)}"'
        common = {"X-Repo-Commit": repository.commit, "Accept-Ranges": "bytes"}
        if not file.endswith(LARGE):
            self._send_content(repository.sent(file), {**common, "ETag": etag})
            return
        size = str(len(repository.content[file]))
        place = f"{self.hub.url}/large/{name}/{file}"
        linked = {"X-Linked-Etag": etag, "X-Linked-Size": size, "Location": place}
        self._send(302, b"", {**common, **linked})

    def _send_content(self, content: bytes, headers: dict[str, str] | None = None) -> None:
        wanted = self.headers.get("Range")
        if wanted is None:
            self._send(200, content, headers)
            return
        start = int(wanted.removeprefix("bytes=").split("-")[0])
        span = f"bytes {start}-{len(content) - 1}/{len(content)}"
        self._send(206, content[start:], {**(headers or {}), "Content-Range": span})

    def _refuse(self, status: int, code: str, message: str) -> None:
        self._send(status, b"", {"X-Error-Code": code, "X-Error-Message": message})

    def _send(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in {**(headers or {}), "Content-Length": str(len(content))}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
