"""What can be configured: frozen dataclasses, one doc line a field, contradictions refused.

Command lines are made from these (see `cli.py`). `settings.py` reads them from YAML or JSON and
writes them back, flat, so that a run can be run again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar, get_args

from tyro.conf import OmitArgPrefixes, Positional

from ktrain_sentiment.errors import ConfigError

T = TypeVar("T")

if TYPE_CHECKING:
    Group = Annotated[T, None]
else:
    Group = OmitArgPrefixes
"""Marks a field that is itself a configuration, whose flags take no prefix."""

VARIED = ("encoder", "batch_size", "freeze", "maxlen", "weight_decay")
"""Settings that find_lr.py can vary."""

Policy = Literal["onecycle", "triangular", "sgdr", "constant", "linear"]
Split = Literal["train", "validation", "test"]
CleaningStep = Literal["html", "urls", "mentions", "unicode", "spaces"]


@dataclass(frozen=True, kw_only=True)
class ScriptFlags:
    """Flags that every script has."""

    config: Path | None = None
    """Read flags from this YAML or JSON file first; flags on the command line win."""

    json: bool = False
    """End standard output with one JSON line that holds the figures."""

    quiet: bool = False
    """Show warnings and errors only."""


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Which texts and labels to read."""

    data: Positional[str] = ""
    """A file (CSV, TSV, JSON, JSONL, Parquet, Excel), a quoted pattern such as "exports/*.csv", a
    folder with a subfolder of text files for each class, a folder that prepare_data.py made,
    a named corpus such as movie-reviews, or hub:<dataset>[:<split>]."""

    train: str = ""
    """Another way to name the data, beside --validation FILE and --test FILE."""

    text_column: str | None = None
    """Column that holds the texts; found by itself when there is one sensible choice."""

    label_column: str | None = None
    """Column that holds the labels; found by itself when there is one sensible choice."""

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

    map: str = ""
    """New names for labels: "1,2=negative 3=neutral 4,5=positive" (or with ; between)."""

    fold_labels: bool = False
    """Treat labels that differ only in case or spacing as one, in lower case."""

    drop_labels: tuple[str, ...] = ()
    """Leave out the rows with these labels (as they are called after --map)."""

    multi_label: Literal["keep", "drop", "split"] = "keep"
    """Rows with several labels (happy|sad): keep as a class of its own, drop, or one row each."""

    neutral: bool = False
    """Keep the middle band of the named corpora as a third class, neutral."""

    cleaning: tuple[CleaningStep, ...] = ()
    """Steps that change each text, in this order; the predictor records and repeats them."""

    duplicates: Literal["drop", "drop-near", "keep"] = "drop"
    """Rows that repeat an earlier row's text and label: drop, drop also where only case, spacing,
    links or mentions differ, or keep."""

    contradictions: Literal["majority", "drop", "keep"] = "majority"
    """Equal texts with different labels: keep the commonest label, drop all of them, or keep."""

    min_class_size: int = 0
    """Leave out classes with fewer rows than this."""

    def __post_init__(self) -> None:
        """Refuse data named twice; make tuples of the lists that a YAML file holds."""
        if self.train and self.data not in ("", self.train):
            raise ConfigError(f"--train {self.train}: the data is named already: {self.data}")
        object.__setattr__(self, "data", self.data or self.train)
        for name in ("columns", "drop_labels", "cleaning"):
            value = getattr(self, name)
            object.__setattr__(self, name, (value,) if isinstance(value, str) else tuple(value))
        _refuse_unknown_cleaning(self.cleaning)
        if self.min_class_size < 0:
            raise ConfigError(f"--min-class-size {self.min_class_size}: must not be negative")


def _refuse_unknown_cleaning(steps: tuple[str, ...]) -> None:
    for step in steps:
        if step not in get_args(CleaningStep):
            known = ", ".join(get_args(CleaningStep))
            raise ConfigError(f"--cleaning {step}: unknown step; wanted some of {known}")


@dataclass(frozen=True, kw_only=True)
class SplitConfig:
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
    """Cross-validation: divide what is not test into this many folds."""

    fold: int = 1
    """Which of the folds to validate on, from 1."""

    def __post_init__(self) -> None:
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
            flags = " and ".join(f"--{name.replace('_', '-')}" for name in named)
            raise ConfigError(f"{flags} each decide the split: choose one of them")
        if self.folds and (self.time or isinstance(self.validation, str)):
            raise ConfigError("--folds chooses the validation rows itself: leave out --time and "
                              "a file for --validation")  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class EncoderConfig:
    """Which pre-trained encoder, and how much of a text it reads."""

    encoder: str = "distilbert-base-uncased"
    """A Hugging Face hub name, a local folder, or minilm (no hub needed)."""

    maxlen: int = 128
    """Longest text in tokens, special tokens included; the rest is cut off."""

    def __post_init__(self) -> None:
        """Refuse a length that leaves no room for text."""
        if self.maxlen < 4:
            raise ConfigError(f"--maxlen {self.maxlen}: must be at least 4 tokens")


@dataclass(frozen=True, kw_only=True)
class ClassicConfig:
    """Which of ktrain's own text classifiers, and what it sees of a text."""

    classic: Literal["nbsvm", "fasttext", "logreg", "bigru", "standard_gru"] = "nbsvm"
    """The model, by ktrain's name."""

    words: int = 20_000
    """How many of the commonest words are kept."""

    ngrams: int | None = None
    """Longest sequence of words that is a feature of its own; nbsvm 3, the others 1."""

    features: int = 2_000
    """Features of a text that are used; of longer texts the last ones."""

    vectors: Path | None = None
    """Word vectors for bigru: a text file in word2vec's or GloVe's format, gzipped or not."""

    def __post_init__(self) -> None:
        """Refuse what the models cannot take, and say which file bigru needs."""
        for name in ("words", "features"):
            if getattr(self, name) < 2:
                raise ConfigError(f"--{name} {getattr(self, name)}: must be at least 2")
        if self.ngrams is not None and self.ngrams < 1:
            raise ConfigError(f"--ngrams {self.ngrams}: must be at least 1")
        if self.classic == "bigru":
            self._check_bigru()

    def _check_bigru(self) -> None:
        if self.vectors is None:
            raise ConfigError(
                "--classic bigru needs --vectors FILE (word vectors as GloVe or fastText publish "
                "them); standard_gru learns its own"
            )
        if self.ngrams not in (None, 1):
            raise ConfigError(f"--ngrams {self.ngrams}: bigru reads single words, leave it out")


@dataclass(frozen=True, kw_only=True)
class ComputeConfig:
    """What to compute on, and how exactly."""

    device: Literal["auto", "cpu", "gpu"] = "auto"
    """Where to train; auto takes a GPU when TensorFlow sees one."""

    precision: Literal["auto", "float32", "bfloat16", "mixed_float16"] = "auto"
    """Number format of matrix products; auto takes the fastest that is safe on this machine."""

    threads: int | None = None
    """Threads TensorFlow may use; all cores when not given."""

    deterministic: bool = True
    """Make the same seed give the same weights, byte for byte."""

    accelerate: bool = True
    """Train with this package's faster kernels where the encoder's family has them."""

    def __post_init__(self) -> None:
        """Refuse a number of threads that cannot be."""
        if self.threads is not None and self.threads < 1:
            raise ConfigError(f"--threads {self.threads}: must be at least 1")


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How to train."""

    policy: Policy = "onecycle"
    """Learning-rate policy: ktrain's onecycle, triangular or sgdr, or constant or linear."""

    learning_rate: float | None = None
    """Maximum learning rate; found by a short search when not given."""

    epochs: int = 3
    """Passes over the training rows."""

    batch_size: int = 32
    """Texts a step."""

    seed: int = 0
    """Seed of everything random in training."""

    class_weight: str = "none"
    """none, balanced, or a weight a class: "negative=1,positive=3"."""

    keep_best: Literal["macro_f1", "accuracy", "loss"] = "macro_f1"
    """Which figure on validation data decides the epoch whose weights are kept."""

    early_stopping: int | None = None
    """Stop after this many epochs in which the kept figure did not improve."""

    cycle_length: int = 1
    """Epochs of the first cycle of sgdr."""

    cycle_multiplier: int = 2
    """How much longer each further cycle of sgdr is."""

    warmup: float = 0.1
    """Share of the steps over which the linear policy warms up."""

    weight_decay: float = 0.01
    """Decoupled weight decay (AdamW) of all weights but biases and normalisation."""

    clip_norm: float | None = 1.0
    """Largest global norm of a step's gradient; longer ones are scaled down."""

    accumulate: int = 1
    """Batches whose gradients are added up before the weights change."""

    freeze: str = "none"
    """Parts not trained: none, embeddings, or a number of first layers (and embeddings)."""

    stratified_batches: bool = False
    """Give every batch the classes in the proportions of the training rows."""

    def __post_init__(self) -> None:
        """Refuse values that cannot train."""
        for name in ("epochs", "batch_size", "cycle_length", "cycle_multiplier", "accumulate"):
            if getattr(self, name) < 1:
                flag = name.replace("_", "-")
                raise ConfigError(f"--{flag} {getattr(self, name)}: must be at least 1")
        if self.learning_rate is not None and not 0 < self.learning_rate < 10:
            raise ConfigError(
                f"--learning-rate {self.learning_rate}: must lie between 0 and 10, "
                "usually between 1e-6 and 1e-3"
            )
        if self.freeze not in {"none", "embeddings"} and not self.freeze.isdigit():
            raise ConfigError(
                f"--freeze {self.freeze}: wanted none, embeddings or a number of layers"
            )


@dataclass(frozen=True, kw_only=True)
class SearchConfig:
    """How a learning rate is searched."""

    search_start: float = 1e-6
    """First learning rate of the search."""

    search_end: float = 1e-1
    """Last learning rate of the search."""

    search_steps: int = 100
    """Batches to train on while the learning rate grows."""

    search_stop_factor: float = 2.0
    """Stop the search when the smoothed loss exceeds its best by this factor."""

    search_minutes: float = 30.0
    """Stop the search after this time, whatever it has seen."""

    def __post_init__(self) -> None:
        """Refuse a range that does not grow."""
        if not 0 < self.search_start < self.search_end:
            raise ConfigError(
                f"--search-start {self.search_start} --search-end {self.search_end}: "
                "wanted two numbers above 0, the first one smaller"
            )
        if self.search_steps < 2:
            raise ConfigError(f"--search-steps {self.search_steps}: must be at least 2")


@dataclass(frozen=True, kw_only=True)
class ExploreConfig:
    """What to compare when exploring learning rates."""

    vary: str = ""
    """Search once for each value of a setting and overlay the curves: "batch_size=16,32,64";
    encoder, batch_size, freeze, maxlen and weight_decay can be varied."""

    verify: bool = False
    """Train shortly at each suggestion and at a grid around it; show which won on validation."""

    verify_rows: int = 2000
    """Training rows of each short training."""

    verify_epochs: int = 1
    """Epochs of each short training, with the chosen policy."""

    def __post_init__(self) -> None:
        """Refuse a setting that cannot be varied."""
        name, equals, values = self.vary.partition("=")
        if self.vary and (name.replace("-", "_") not in VARIED or not equals or not values):
            raise ConfigError(
                f"--vary {self.vary}: wanted one of {', '.join(VARIED)} with its values, "
                "such as batch_size=16,32"
            )
        if self.verify_rows < 1 or self.verify_epochs < 1:
            raise ConfigError("--verify-rows and --verify-epochs: must be at least 1")


@dataclass(frozen=True, kw_only=True)
class OutputConfig:
    """Where a run's files go."""

    run: Path | None = None
    """Folder of the run; runs/<name of the data> when not given."""

    overwrite: bool = False
    """Replace a run folder that exists."""

    resume: bool = False
    """Go on with a run that was stopped; give the same flags as then."""

    checkpoint_every: int = 500
    """Steps between checkpoints inside an epoch; each epoch's end has one too."""

    def __post_init__(self) -> None:
        """Refuse contradictions."""
        if self.overwrite and self.resume:
            raise ConfigError("--overwrite and --resume contradict each other: choose one")
        if self.checkpoint_every < 1:
            raise ConfigError(f"--checkpoint-every {self.checkpoint_every}: must be at least 1")


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """Everything that a training run needs to know."""

    source: Group[DataConfig] = field(default_factory=DataConfig)
    division: Group[SplitConfig] = field(default_factory=SplitConfig)
    text: Group[EncoderConfig] = field(default_factory=EncoderConfig)
    training: Group[TrainConfig] = field(default_factory=TrainConfig)
    search: Group[SearchConfig] = field(default_factory=SearchConfig)
    compute: Group[ComputeConfig] = field(default_factory=ComputeConfig)
    output: Group[OutputConfig] = field(default_factory=OutputConfig)
