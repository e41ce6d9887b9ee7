"""Named data sets: the corpora that a package index carries, and those of the Hugging Face hub.

The corpora come out of the source archive of vaderSentiment 3.3.2 (MIT licence), fetched by pip,
checked against a known digest and parsed once. See data/README.md for their origin and counts, and
Hutto & Gilbert, "VADER: A Parsimonious Rule-based Model for Sentiment Analysis of Social Media
Text", ICWSM 2014.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ktrain_sentiment.data.frames import Collected, with_class_names
from ktrain_sentiment.errors import DataError, InputError, one_line, require, why_pip_failed
from ktrain_sentiment.tables.folders import split_name
from ktrain_sentiment.tables.frame_writing import write_table

PACKAGE = "vaderSentiment"
VERSION = "3.3.2"
SHA256 = "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9"
_INNER = "additional_resources/hutto_ICWSM_2014.tar.gz"
NEUTRAL = "neutral"
_NEUTRAL_BAND = 0.5
_ENVIRONMENT = "KTRAIN_SENTIMENT_DATA"
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Corpus:
    """One of the named corpora.

    Attributes:
        name: What the user calls it.
        member: The file inside the archive.
        rows: How many rows that file has.
        group: What several rows come from one of (and the column that says which), or empty.
    """

    name: str
    member: str
    rows: int
    group: str = ""


CORPORA = {
    corpus.name: corpus
    for corpus in (
        Corpus("movie-reviews", "movieReviewSnippets_GroundTruth.txt", 10605),
        Corpus("product-reviews", "amazonReviewSnippets_GroundTruth.txt", 3708, "review"),
        Corpus("tweets", "tweets_GroundTruth.txt", 4200),
        Corpus("editorials", "nytEditorialSnippets_GroundTruth.txt", 5190, "article"),
    )
}


def data_folder() -> Path:
    """Where named corpora are kept.

    `KTRAIN_SENTIMENT_DATA` where it is set; else `data/` of the checkout this package runs from;
    else (installed by pip) the user's cache folder.
    """
    if given := os.environ.get(_ENVIRONMENT):
        return Path(given).expanduser()
    checkout = Path(__file__).resolve().parents[2]
    if (checkout / "pyproject.toml").is_file() and (checkout / "data").is_dir():
        return checkout / "data"
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "ktrain_sentiment" / "data"


def corpus_path(name: str) -> Path:
    """The Parquet file of a named corpus, made on first use.

    Columns: `text`, `label` (negative, neutral or positive), `rating` (mean of about twenty
    people, -4 to 4), `id`, and `review` or `article` where rows belong together.

    Raises:
        DataError: The archive cannot be fetched, or is not what it should be.
    """
    path = data_folder() / name / f"{name}.parquet"
    if not path.is_file():
        _logger.info("fetching the named corpora: %s %s from the package index", PACKAGE, VERSION)
        unpack(_fetch(), data_folder())
    return path


def unpack(archive: bytes, folder: Path) -> None:
    """Parse all named corpora out of the source archive into `folder`/<name>/<name>.parquet."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as outer:
        inner = _content(outer, f"{PACKAGE}-{VERSION}/{_INNER}")
    with tarfile.open(fileobj=io.BytesIO(inner)) as tar:
        for name, corpus in CORPORA.items():
            frame = parse(corpus, _content(tar, f"hutto_ICWSM_2014/{corpus.member}"))
            _write(frame, folder / name / f"{name}.parquet")


def _write(frame: pd.DataFrame, path: Path) -> None:
    try:
        write_table(path, frame)
    except InputError as error:
        raise DataError(f"{error}; set {_ENVIRONMENT} to a folder of yours") from error


def _fetch() -> bytes:
    """The bytes of the source archive, downloaded by pip and checked."""
    with tempfile.TemporaryDirectory(prefix="ktrain-sentiment-") as folder:
        wanted = Path(folder, "wanted.txt")
        wanted.write_text(f"{PACKAGE}=={VERSION} --hash=sha256:{SHA256}\n", encoding="utf-8")
        # With a hash given, pip checks the archive before it runs anything that is inside.
        command = [
            sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", PACKAGE,
            "--require-hashes", "--disable-pip-version-check", "--progress-bar", "off",
            "--dest", folder, "--requirement", str(wanted),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        archives = sorted(Path(folder).glob("*.tar.gz"))
        if done.returncode != 0 or not archives:
            raise DataError(_pip_failed(done.stderr))
        return checked(archives[0].read_bytes(), str(archives[0].name))


def _pip_failed(stderr: str) -> str:
    reason = why_pip_failed(stderr)
    if "No module named pip" in stderr:
        reason = "this Python has no pip; run  python -m ensurepip"
    return (
        f"cannot fetch the named corpora ({PACKAGE} {VERSION} from the package index): {reason}; "
        "check the network and pip's index, or train on a file of your own"
    )


def checked(content: bytes, name: str) -> bytes:
    """The content itself, when its digest is the known one.

    Raises:
        DataError: It is another.
    """
    digest = hashlib.sha256(content).hexdigest()
    if digest != SHA256:
        raise DataError(
            f"{name}: SHA-256 is {digest}, wanted {SHA256}; the archive is damaged or another one"
        )
    return content


def _content(tar: tarfile.TarFile, name: str) -> bytes:
    stream = tar.extractfile(name)
    if stream is None:
        raise DataError(f"{name} is not a file in the archive of {PACKAGE} {VERSION}")
    return stream.read()


def parse(corpus: Corpus, content: bytes) -> pd.DataFrame:
    """Turn a file of `id <tab> mean rating <tab> text` lines into a frame.

    Raises:
        DataError: A line does not have three values, or their number is not the known one.
    """
    lines = content.decode("utf-8").split("\n")
    records = [line.rstrip("\r").split("\t") for line in lines if line.strip()]
    if len(records) != corpus.rows or any(len(record) != 3 for record in records):
        raise DataError(f"{corpus.member}: wanted {corpus.rows} lines of id, rating and text")
    ids, ratings, texts = zip(*records, strict=True)
    rating = pd.Series(ratings).astype(float).round(6)
    frame = pd.DataFrame({"text": texts, "label": label_of(rating), "rating": rating, "id": ids})
    if corpus.group:
        frame[corpus.group] = [identity.partition("_")[0] for identity in ids]
    return frame


def label_of(rating: pd.Series[float]) -> pd.Series[str]:
    """Negative below -0.5, positive above 0.5, neutral between."""
    label = pd.Series(NEUTRAL, index=rating.index)
    label[rating < -_NEUTRAL_BAND] = "negative"
    label[rating > _NEUTRAL_BAND] = "positive"
    return label


_EXTRA = "datasets"


def read_hub(name: str, config: str | None = None) -> Collected:
    """Read a dataset of the hub; numbered classes get their names.

    Args:
        name: `<dataset>` for all its splits (train, validation, test), or `<dataset>:<split>`.
        config: The dataset's configuration, where it has several.

    Raises:
        DataError: It cannot be fetched, or has no such split.
        MissingExtraError: The `datasets` library is not installed.
    """
    datasets = require("datasets", _EXTRA)
    dataset, _, split = name.partition(":")
    if not dataset:
        raise DataError("hub: names no dataset; wanted hub:<dataset> or hub:<dataset>:<split>")
    source = f"hub:{name}"
    try:
        loaded = datasets.load_dataset(dataset, config, split=split or None)
    except Exception as error:
        # The library raises whatever its many parts raise; all of it is about what was asked for.
        raise DataError(f"{source}: cannot be fetched: {one_line(error)}") from error
    if split:
        return _table(_frame(loaded), source)
    return _all_splits(loaded, source)


def _all_splits(loaded: Any, source: str) -> Collected:  # noqa: ANN401
    named = {str(name): split_name(str(name)) for name in loaded}
    frames = [_frame(loaded[name]).assign(split=wanted) for name, wanted in named.items() if wanted]
    if not frames:
        listed = ", ".join(named)
        raise DataError(f"{source}: none of its splits is for training; add one of :{listed}")
    table = _table(pd.concat(frames, ignore_index=True), source)
    left = [name for name, wanted in named.items() if not wanted]
    note = f"left out the splits {', '.join(left)}" if left else ""
    made = {"split": "split"} if len(frames) > 1 else {}
    return replace(table.with_notes(note), made=made)


def _frame(dataset: Any) -> pd.DataFrame:  # noqa: ANN401
    """A split as a frame, with the names of classes for their numbers; -1 is no label there."""
    frame: pd.DataFrame = dataset.to_pandas()
    named = {name: getattr(feature, "names", None) for name, feature in dataset.features.items()}
    return with_class_names(frame, {name: names for name, names in named.items() if names})


def _table(frame: pd.DataFrame, source: str) -> Collected:
    return Collected(frame, np.arange(1, len(frame) + 1, dtype=np.int64), source)
