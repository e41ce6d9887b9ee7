"""Which texts and labels to read, and how to divide them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from tyro.conf import Positional

from ktrain_sentiment.config.flat import Config
from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.messages import flag_of

_SCALE = re.compile(r"(\d+(?:\.\d+)?)\s*-\s*(\d+(?:\.\d+)?)")

Split = Literal["train", "validation", "test"]
CleaningStep = Literal["html", "urls", "mentions", "unicode", "spaces"]


@dataclass(frozen=True, kw_only=True)
class DataConfig(Config):
    """Which texts and labels to read."""

    data: Positional[str] = ""
    """A file (CSV, TSV, JSON, JSONL, Parquet, Excel), a quoted pattern such as "exports/*.csv", a
    folder with a subfolder of text files for each class, a folder that `prepare` made, the URL of
    one of these (s3://, gs://, az://, hf://; https:// for a file), a named corpus such as
    movie-reviews, or hub:<dataset>[:<split>]."""

    train: str = ""
    """Another way to name the data, beside --validation FILE and --test FILE."""

    text_column: str | None = None
    """Column that holds the texts; found by itself when there is one sensible choice."""

    label_column: str | None = None
    """Column that holds the labels; found by itself when there is one sensible choice. Several with
    commas between (anger,joy): one a label, each 0 or 1."""

    pair_column: str | None = None
    """Column of a second text, such as the aspect that is judged: both are read as a pair, the way
    the encoder was made for; for every --task."""

    also: tuple[str, ...] = ()
    """Further columns that the model reads before the text, such as price,category; without it they
    are slices of the figures alone."""

    columns: tuple[str, ...] = ()
    """Names for the columns of a text file that has no header line, in order."""

    delimiter: str | None = None
    """What stands between two values: a character, or tab; found by itself."""

    quoting: Literal["auto", "yes", "no"] = "auto"
    """Whether values may stand in double quotes (yes), or quotes are plain text (no)."""

    encoding: str | None = None
    """Encoding of text files, such as utf-8 or cp1252; found by itself."""

    sheet: str | None = None
    """Sheet of an Excel workbook; found by itself when one sheet has texts and labels."""

    hub_config: str | None = None
    """Configuration of a hub dataset that has several, such as sst2 of hub:nyu-mll/glue."""

    task: Literal["auto", "classes", "stars", "score", "multi", "pairs"] = "auto"
    """What labels are: classes without order, stars, whose order is learned and judged, a score, a
    number with fractions, or several labels a text (multi); auto looks and says what it took. pairs
    are classes of --pair-column."""

    stars: str = ""
    """The lowest and the highest star, such as 1-5: a row with another is refused."""

    map: str = ""
    """New names for labels: "1,2=negative 3=neutral 4,5=positive" (or with ; between)."""

    fold_labels: bool = False
    """Treat labels that differ only in case or spacing as one, in lower case."""

    drop_labels: tuple[str, ...] = ()
    """Leave out the rows with these labels (as they are called after --map)."""

    multi_label: Literal["keep", "drop", "split"] = "keep"
    """Rows with several labels (happy|sad): keep as a class of its own, drop, or one row each."""

    neutral: bool = False
    """Keep the middle band of the named corpora as a third class, neutral; of scores it stays."""

    cleaning: tuple[CleaningStep, ...] = ()
    """Steps that change each text, in this order; the predictor records and repeats them."""

    duplicates: Literal["drop", "drop-near", "keep"] = "drop"
    """Rows that repeat an earlier row's text and label: drop, drop also where only case, spacing,
    links or mentions differ, or keep."""

    contradictions: Literal["majority", "drop", "keep"] = "majority"
    """Equal texts with different labels: keep the commonest label, drop all of them, or keep."""

    min_class_size: int = 0
    """Leave out classes with fewer rows than this."""

    @property
    def scale(self) -> tuple[float, float] | None:
        """The lowest and the highest star, where they are declared."""
        found = _SCALE.fullmatch(self.stars)
        return (float(found[1]), float(found[2])) if found else None

    def _refuse_classes(self) -> None:
        """Refuse what is about labels that are no numbers."""
        given = {
            "map": self.map, "min_class_size": self.min_class_size, "fold_labels": self.fold_labels,
            "multi_label": self.multi_label != "keep",
        }  # fmt: skip
        for name, value in given.items():
            if value:
                raise ConfigError(
                    f"{flag_of(name)} is for classes, and --task score has none; leave it out"
                )

    def _refuse_columns_twice(self) -> None:
        """Refuse a column that is named for two things: a label that is read decides alone."""
        besides = [*self.also, *filter(None, [self.pair_column])]
        for name in besides:
            if [*besides, self.text_column, self.label_column].count(name) > 1:
                raise ConfigError(f"the column {name!r} is named twice: it can be one thing alone")
        if self.task == "pairs":
            if not self.pair_column:
                raise ConfigError(
                    "--task pairs: name the column of the second texts, such as --pair-column "
                    "aspect"
                )
            # What a pair is given is a label as ever.
            object.__setattr__(self, "task", "classes")

    def check(self) -> None:
        """Refuse data named twice, and a number of rows that cannot be."""
        if self.train and self.data not in ("", self.train):
            raise ConfigError(f"--train {self.train}: the data is named already: {self.data}")
        object.__setattr__(self, "data", self.data or self.train)
        also = [name.strip() for one in self.also for name in one.split(",")]
        if self.also and not any(also):
            raise ConfigError("--also: names no column; wanted some, such as --also price,category")
        object.__setattr__(self, "also", tuple(filter(None, also)))
        self._refuse_columns_twice()
        if self.stars and not _SCALE.fullmatch(self.stars):
            raise ConfigError(
                f"--stars {self.stars}: wanted the lowest and the highest star, such as 1-5"
            )
        if self.scale and self.scale[0] >= self.scale[1]:
            raise ConfigError(
                f"--stars {self.stars}: wanted the lowest star first and the highest last, such as "
                "1-5"
            )
        if self.stars and self.task in ("classes", "score", "multi"):
            raise ConfigError(
                f"--stars {self.stars}: contradicts --task {self.task}; leave one out"
            )
        if self.task == "score":
            self._refuse_classes()
        if self.task == "multi" and self.multi_label != "keep":
            raise ConfigError(
                f"--multi-label {self.multi_label}: makes one label of several, and --task multi "
                "learns them all; leave one out"
            )
        self.at_least(0, "min_class_size")


@dataclass(frozen=True, kw_only=True)
class SplitConfig(Config):
    """How rows are divided into train, validation and test."""

    validation: float | str = 0.1
    """Share of the rows (below 1), number of rows, or file to validate on."""

    test: float | str = 0.1
    """Share of the rows (below 1), number of rows, or file kept untouched for the final figures."""

    split_seed: int = 0
    """Seed of the split, apart from the seed of training so that seeds can be compared."""

    group: str | None = None
    """Column whose equal values (a user, a document) must not lie in two splits."""

    time: str | None = None
    """Column of dates: train on the earliest rows, validate on later ones, test on the latest."""

    split_column: str | None = None
    """Column that says which split each row belongs to: train, validation or test."""

    leaks: Literal["report", "drop"] = "report"
    """Texts that stand in two splits, where files, columns, groups or time divide: say how many,
    or leave them out of the split that is learned from."""

    folds: int = 0
    """Cross-validation: divide what is not test into this many folds; `train` then also predicts
    each of these rows with a model that did not see it."""

    fold: int = 1
    """Which of the folds the predictor itself is validated on, from 1."""

    def check(self) -> None:
        """Refuse what contradicts itself or leaves nothing to train on."""
        shares = [share for share in (self.validation, self.test) if isinstance(share, float | int)]
        if any(share < 0 for share in shares):
            raise ConfigError(
                f"--validation {self.validation} --test {self.test}: must not be negative"
            )
        self._refuse_two_ways()
        if self.folds and not (self.folds >= 2 and 1 <= self.fold <= self.folds):
            raise ConfigError(
                f"--folds {self.folds} --fold {self.fold}: wanted at least 2 folds, and one of them"
            )
        if sum(share for share in shares if share < 1) >= 1:
            raise ConfigError(
                f"--validation {self.validation} and --test {self.test} leave nothing to train "
                "on: their sum must stay below 1"
            )

    def _refuse_two_ways(self) -> None:
        named = [name for name in ("group", "time", "split_column") if getattr(self, name)]
        if len(named) > 1:
            flags = " and ".join(map(flag_of, named))
            raise ConfigError(f"{flags} each decide the split: choose one of them")
        if self.folds and (self.time or isinstance(self.validation, str)):
            raise ConfigError("--folds chooses the validation rows itself: leave out --time and "
                              "a file for --validation")  # fmt: skip
