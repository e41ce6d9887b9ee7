"""Where files are kept: those of a training run, and those that later runs use again."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RUNS = Path("runs")
"""Where runs go unless a folder is named."""


def cache_folder() -> Path:
    """Where fetched encoders are kept, and whatever else another run can use.

    `KTRAIN_SENTIMENT_CACHE`, else `XDG_CACHE_HOME/ktrain-sentiment`, else
    `~/.cache/ktrain-sentiment`.
    """
    own = os.environ.get("KTRAIN_SENTIMENT_CACHE")
    if own:
        return Path(own).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "ktrain-sentiment"


def forget_unused(kept: Iterable[Path], most: int) -> None:
    """Remove what nobody used for longest, until so many bytes are left, or what was used last.

    What another process has open it keeps to the end.

    Args:
        kept: Files of a cache, or folders of files.
        most: How many bytes may stay.
    """
    known = []
    for place in kept:
        with contextlib.suppress(OSError):
            seen = [file.stat() for file in ([place] if place.is_file() else place.iterdir())]
            used = max((max(one.st_atime, one.st_mtime) for one in seen), default=0.0)
            known.append((used, sum(one.st_size for one in seen), place))
    left = sum(size for _, size, _ in known)
    for _, size, place in sorted(known)[:-1]:
        if left <= most:
            break
        if place.is_dir():
            shutil.rmtree(place, ignore_errors=True)
        else:
            place.unlink(missing_ok=True)
        left -= size


def default_run(data: str, task: str = "") -> Path:
    """The folder of a run for which none is named: runs/<name of the data>.

    Args:
        data: What is trained on: a file, a folder, a named corpus or `hub:<name>`.
        task: What is done with it, where that is not a training; stands after the name.
    """
    name = data_name(data)
    return RUNS / (f"{name}-{task}" if task else name)


def data_name(data: str) -> str:
    """A folder name for a data set: `reviews` of `exports/reviews.csv.gz`."""
    name = Path(data.rstrip("/")).name.removeprefix("hub:").partition(".")[0]
    plain = "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in name)
    return plain.strip("-") or "data"


class Inside:
    """What lies in a folder, as an attribute of a class whose `path` is the folder.

    Args:
        parts: Its name there, or those of folders in the folder and then its own.
    """

    def __init__(self, *parts: str) -> None:
        self._parts = parts

    def __get__(self, folder: Any, _: type) -> Path:  # noqa: ANN401 - any class with a path
        return Path(folder.path, *self._parts)


@dataclass(frozen=True)
class RunFolder:
    """The files of one run, `runs/<name>/`; nothing is made or read here."""

    path: Path

    config = Inside("config.yaml")
    """The resolved configuration, flat YAML; `--config` takes it."""

    history = Inside("history.csv")
    """One row an epoch."""

    schedule = Inside("schedule.csv")
    """Learning rate and momentum of every step."""

    metrics = Inside("metrics.json")
    """All figures."""

    top_losses = Inside("top_losses.csv")
    """The most wrongly classified validation rows."""

    report = Inside("report.html")
    """The page that shows the run."""

    checklist = Inside("checklist.json")
    """What `evaluate --checklist` found, where it was asked."""

    predictor = Inside("predictor")
    """The predictor folder."""

    checkpoints = Inside("checkpoints")
    """State of a run that is not finished."""

    tensorboard = Inside("tensorboard")
    """Logs for TensorBoard."""

    def split(self, name: str) -> Path:
        """The rows of `train`, `validation` or `test`."""
        return self.path / "splits" / f"{name}.parquet"

    soft_targets = Inside("splits", "lessons.parquet")
    """What a teacher's student learns of each training row and unlabelled text."""

    augmented = Inside("splits", "augmented.parquet")
    """The rows that `train --augment` made, with what is learned of them."""

    encoder_race = Inside("encoder_race.json")
    """Which encoder was taken where that was left to choose, and why."""

    few_labels = Inside("few_labels.json")
    """Which way of learning from few labels was taken, and why."""

    def predictions(self, name: str) -> Path:
        """Probabilities of the rows of `validation`, `test` or `out_of_fold`."""
        return self.path / f"predictions_{name}.parquet"

    def fold(self, number: int) -> Path:
        """Probabilities of the rows that a fold held out, the fold counted from 1."""
        return self.path / "folds" / f"{number}.parquet"

    def lr_find(self, kind: str) -> Path:
        """The learning-rate search as `csv`, `json` or `png`."""
        return self.path / f"lr_find.{kind}"

    def plot(self, name: str) -> Path:
        """A picture: `history`, `schedule` or `confusion`."""
        return self.path / f"{name}.png"
