"""sha256 of the files of a predictor folder, made when it is saved and checked when it is used."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ktrain_sentiment.atomic import sha256_of
from ktrain_sentiment.errors import PredictorError
from ktrain_sentiment.predictor.layout import PredictorFolder

_EXPORT = "make it again with ktrain-sentiment export, or fetch the folder again"


@dataclass(frozen=True)
class FileDigest:
    """What a file must be.

    Attributes:
        sha256: Its sha256, 64 lower-case hex digits.
        size: Its length in bytes.
    """

    sha256: str
    size: int


def digest(path: Path) -> FileDigest:
    """Measure a file."""
    return FileDigest(sha256_of(path), path.stat().st_size)


def digest_files(folder: PredictorFolder) -> dict[str, FileDigest]:
    """The digest of each file in the folder but the manifest, by relative path."""
    return {name: digest(folder.path / name) for name in folder.files()}


def read_checked(folder: PredictorFolder, expected: Mapping[str, FileDigest], name: str) -> bytes:
    """Read a file whole and compare what was read with the manifest's digest.

    What is returned is what was checked: nobody can exchange the file in between.

    Args:
        folder: The predictor folder.
        expected: The manifest's digests, by relative path.
        name: The file's relative path.

    Raises:
        PredictorError: The file is missing, changed, or not in the manifest; the message names it.
    """
    path = folder.path / name
    _check_presence(folder, expected, name)
    if path.stat().st_size == expected[name].size:
        contents = path.read_bytes()
        if hashlib.sha256(contents).hexdigest() == expected[name].sha256:
            return contents
    raise PredictorError(_changed(folder, name))


def check_files(
    folder: PredictorFolder, expected: Mapping[str, FileDigest], names: Iterable[str]
) -> None:
    """Compare files with the manifest's digests without keeping them.

    Args:
        folder: The predictor folder.
        expected: The manifest's digests, by relative path.
        names: The relative paths to check.

    Raises:
        PredictorError: A file is missing, changed, or not in the manifest; the message names it.
    """
    for name in names:
        _check_presence(folder, expected, name)
        path = folder.path / name
        if path.stat().st_size != expected[name].size or digest(path) != expected[name]:
            raise PredictorError(_changed(folder, name))


def _check_presence(folder: PredictorFolder, expected: Mapping[str, FileDigest], name: str) -> None:
    if not (folder.path / name).is_file():
        raise PredictorError(f"{folder.path}: {name} is missing; {_EXPORT}")
    if name not in expected:
        raise PredictorError(
            f"{folder.path}: {name} is not in manifest.json, so it was added later and is not "
            f"trusted; {_EXPORT}"
        )


def _changed(folder: PredictorFolder, name: str) -> str:
    return (
        f"{folder.path}: {name} is not the file that was saved (it differs from the sha256 in "
        f"manifest.json); {_EXPORT}"
    )
