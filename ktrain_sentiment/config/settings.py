"""What a training run needs to know, and how rates are searched and models compared."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from ktrain_sentiment.config.data_config import DataConfig, SplitConfig
from ktrain_sentiment.config.flat import Config, Group
from ktrain_sentiment.config.train_config import (
    ComputeConfig,
    EncoderConfig,
    ModelConfig,
    TrainConfig,
)
from ktrain_sentiment.errors import ConfigError

BASELINES = ("majority", "tfidf", "vader")

VARIED = ("model", "encoder", "batch_size", "freeze", "maxlen", "weight_decay")
"""Settings that `find-lr` can vary."""


@dataclass(frozen=True, kw_only=True)
class SearchConfig(Config):
    """How a learning rate is searched."""

    search_start: float | None = None
    """First learning rate of the search; when not given 1e-6, ktrain's own classifiers 1e-5,
    of these nbsvm and logreg 1e-3."""

    search_end: float | None = None
    """Last learning rate of the search; when not given 0.1, ktrain's own classifiers 10."""

    search_steps: int | None = None
    """Batches to train on while the learning rate grows; when not given 100, then, for an encoder
    whose loss did not clearly fall in these, 200."""

    search_stop_factor: float = 2.0
    """Stop the search when the smoothed loss exceeds its best by this factor."""

    search_minutes: float = 30.0
    """Stop the search after this time, whatever it has seen."""

    def check(self) -> None:
        """Refuse a range that does not grow."""
        rates = [0.0, *(r for r in (self.search_start, self.search_end) if r is not None)]
        if any(low >= high for low, high in pairwise(rates)):
            raise ConfigError(
                f"--search-start {self.search_start} --search-end {self.search_end}: "
                "wanted two numbers above 0, the first one smaller"
            )
        self.at_least(2, "search_steps")


@dataclass(frozen=True, kw_only=True)
class ExploreConfig(Config):
    """What to compare when exploring learning rates."""

    vary: str = ""
    """Search once for each value of a setting and overlay the curves: "batch_size=16,32,64";
    model, encoder, batch_size, freeze, maxlen and weight_decay can be varied."""

    verify: bool = False
    """Train shortly at each suggestion and at a grid around it; show which won on validation."""

    verify_rows: int = 2000
    """Training rows of each short training."""

    verify_epochs: int | None = None
    """Epochs of each short training, with the chosen policy; when not given 1, and more where that
    is under 50 steps."""

    def check(self) -> None:
        """Refuse a setting that cannot be varied."""
        name, equals, values = self.vary.partition("=")
        if self.vary and (name.replace("-", "_") not in VARIED or not equals or not values):
            raise ConfigError(
                f"--vary {self.vary}: wanted one of {', '.join(VARIED)} with its values, "
                "such as batch_size=16,32"
            )
        self.at_least(1, "verify_rows", "verify_epochs")


@dataclass(frozen=True, kw_only=True)
class CompareConfig(Config):
    """Which models are compared, and on how many examples."""

    models: tuple[str, ...] = ()
    """Any of majority, tfidf, vader; median and ridge, for stars; mean and ridge, for scores; probe
    (a linear model on the frozen --encoder) and contrastive (the same, tuned on pairs);
    ktrain's nbsvm, fasttext, logreg, bigru, standard_gru; encoder (--encoder fine-tuned); and names
    of further encoders to fine-tune. When left out: those that are usual for such labels."""

    few_shot: tuple[int, ...] = ()
    """Also train each model on so many examples a class, and draw accuracy against them."""

    few_shot_seeds: int = 3
    """Draws of examples at each of these sizes."""

    costs: tuple[str, ...] = ()
    """Also rank by what mistakes cost, such as negative:positive=5; as for evaluate."""

    ktrain_epochs: int | None = None
    """Passes over the training rows for ktrain's own classifiers; when not given 6, and more where
    that is under 100 steps."""

    ktrain_rate: float | None = None
    """Maximum learning rate of ktrain's own classifiers; found by a short search when not given."""

    def check(self) -> None:
        """Take models apart that commas join; refuse sizes that leave nothing to train on."""
        parts = [part.strip() for one in self.models for part in one.split(",")]
        object.__setattr__(self, "models", tuple(filter(None, parts)))
        if any(size < 1 for size in self.few_shot):
            raise ConfigError(f"--few-shot {min(self.few_shot)}: must be at least 1")
        self.at_least(1, "few_shot_seeds", "ktrain_epochs")


@dataclass(frozen=True, kw_only=True)
class ChecklistConfig(Config):
    """How it is checked what a classifier can do with language."""

    checklist: bool = False
    """Ask it sentences made for one ability each (negation, roles, names, fairness, ...; after
    CheckList, Ribeiro et al. 2020), and say how many it fails. A run keeps the outcome."""

    templates: Path | None = None
    """Your own sentences (YAML) for --checklist in place of those of this package; see
    docs/evaluate.md."""

    cases: int = 250
    """Cases of each test of --checklist at most."""

    positive: tuple[str, ...] = ()
    """Labels that mean something positive, for --checklist, where their names do not tell."""

    negative: tuple[str, ...] = ()
    """Labels that mean something negative; labels that are neither are neutral."""

    @property
    def asked_for(self) -> bool:
        """Whether a checklist is wanted; templates are named for nothing else."""
        return self.checklist or self.templates is not None

    def check(self) -> None:
        """Refuse what would be asked and not used."""
        self.at_least(1, "cases")
        for name in ("positive", "negative"):
            if getattr(self, name) and not self.asked_for:
                raise ConfigError(f"--{name} says what labels mean to --checklist: add that")


@dataclass(frozen=True, kw_only=True)
class TrainingSettings(Config):
    """Everything that a training run needs to know."""

    source: Group[DataConfig] = field(default_factory=DataConfig)
    split: Group[SplitConfig] = field(default_factory=SplitConfig)
    model: Group[ModelConfig] = field(default_factory=ModelConfig)
    encoder: Group[EncoderConfig] = field(default_factory=EncoderConfig)
    training: Group[TrainConfig] = field(default_factory=TrainConfig)
    search: Group[SearchConfig] = field(default_factory=SearchConfig)
    compute: Group[ComputeConfig] = field(default_factory=ComputeConfig)

    def check(self) -> None:
        """Refuse what a cross-validation of the whole run cannot do."""
        if self.split.folds and self.training.few_labels != "full":
            raise ConfigError(
                f"--folds {self.split.folds}: cross-validates --few-labels full alone; leave it "
                "out (--few-labels auto cross-validates by itself)"
            )


@dataclass(frozen=True, kw_only=True)
class WorkersConfig(Config):
    """How many processes train: not a setting of the run, which comes out the same."""

    workers: int = 1
    """Processes of this machine that train together, each on its part of every batch, with its part
    of the cores or a GPU of its own. On several machines TF_CONFIG says who they are."""

    def check(self) -> None:
        """Refuse a number of workers that cannot be."""
        self.at_least(1, "workers")


@dataclass(frozen=True, kw_only=True)
class _Place(Config):
    """What becomes of the files that are there: no setting of a training, but of a call or command.

    It stands before the settings among the bases of a command's flags, and checks them too.
    """

    overwrite: bool = False
    """Replace what this command made there before, once the new one is whole."""

    resume: bool = False
    """Go on from where it was stopped; give the same flags as then."""

    def check(self) -> None:
        """Refuse contradictions."""
        super().check()
        if self.overwrite and self.resume:
            raise ConfigError("--overwrite and --resume contradict each other: choose one")


@dataclass(frozen=True, kw_only=True)
class RunPlace(_Place):
    """Where a run's files go."""

    run: Path | None = None
    """Folder of the run; runs/<name of the data> when not given."""


@dataclass(frozen=True, kw_only=True)
class EncoderPlace(_Place):
    """Where an encoder's files go."""

    output: Path | None = None
    """Folder of the new encoder; encoders/<name of the texts>-adapted, or -distilled, when not
    given."""
