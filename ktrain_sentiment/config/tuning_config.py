"""Which settings `search` tries, between which bounds, and where its trials are kept."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ktrain_sentiment.config.flat import Config, Group
from ktrain_sentiment.config.renamed import SYNONYMS
from ktrain_sentiment.config.settings import TrainingSettings
from ktrain_sentiment.errors import ConfigError

USUAL = ("learning_rate=1e-5:3e-4", "epochs=2:4", "batch_size=16,32")
USUAL_OF_LINEAR = ("learning_rate=0.05:5.0", "ngrams=1:3")
USUAL_OF_KTRAIN_MODELS = ("learning_rate=1e-4:2e-2", "epochs=2:10", "batch_size=32,64")
"""What is tried where no ranges are named."""


@dataclass(frozen=True)
class Range:
    """The values that a setting may take.

    Attributes:
        name: Of the setting.
        low: The least value, of a range between bounds.
        high: The greatest.
        choices: The values themselves, as they were written; empty between bounds.
    """

    name: str
    low: float = 0.0
    high: float = 0.0
    choices: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether the bounds are whole numbers, and so what lies between."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    @property
    def logarithmic(self) -> bool:
        """Whether values are drawn by their logarithm: where bounds are tenfold apart."""
        return self.low > 0 and self.high >= 10 * self.low

    @classmethod
    def parse(cls, text: str) -> Range:
        """Read `name=low:high` or `name=value,value`; `lr` and its like are taken for names.

        Raises:
            ConfigError: It is neither.
        """
        name, equals, values = text.partition("=")
        name = name.strip().lstrip("-").replace("-", "_")
        name = SYNONYMS.get(name, name)
        low, colon, high = values.partition(":")
        if name and equals and colon:
            bounds = [_number(low), _number(high)]
            if None not in bounds and bounds[0] < bounds[1]:  # type: ignore[operator]
                return cls(name, *bounds)  # type: ignore[arg-type]
        elif name and equals:
            choices = tuple(filter(None, map(str.strip, values.split(","))))
            if len(choices) > 1 and len(set(choices)) == len(choices):
                return cls(name, choices=choices)
        raise ConfigError(
            f"--range {text}: wanted a setting with bounds or with two or more values, such as "
            "learning_rate=1e-5:3e-4 or batch_size=16,32"
        )


def _number(text: str) -> float | int | None:
    text = text.strip()
    try:
        return int(text) if re.fullmatch(r"[+-]?\d+", text) else float(text)
    except ValueError:
        return None


@dataclass(frozen=True, kw_only=True)
class TuneConfig(Config):
    """What is tried, how often, and who takes part."""

    study: str = ""
    """Where trials are kept, for all processes and machines that share the work: a folder that all
    of them see, or a database (sqlite:///trials.db, postgresql://...); runs/<name of the
    data>-search when not given. The same command again goes on, or joins in."""

    range: tuple[str, ...] = ()
    """Settings to try: name=low:high (whole numbers stay whole) or name=value,value; any flag of
    model, encoder or training. When not given learning_rate=1e-5:3e-4 epochs=2:4 batch_size=16,32,
    of nbsvm and logreg learning_rate=0.05:5.0 ngrams=1:3."""

    trials: int = 20
    """Trainings in all: those of earlier starts and of other processes count."""

    minutes: float | None = None
    """Begin no training that would not end within this time; no limit when not given."""

    prune: bool = True
    """Give a training up after an epoch in which its validation loss is above the median of others
    at the same share of their epochs, once five are done."""

    def check(self) -> None:
        """Refuse ranges that cannot be read, or are of one setting."""
        self.at_least(1, "trials")
        if self.minutes is not None and not self.minutes > 0:
            raise ConfigError(f"--minutes {self.minutes}: must be above 0")
        names = [Range.parse(one).name for one in self.range]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice:
            raise ConfigError(f"--range names {twice} twice: give each setting once")


@dataclass(frozen=True, kw_only=True)
class SearchSettings(TrainingSettings):
    """Everything that a search of settings needs to know."""

    tuning: Group[TuneConfig] = field(default_factory=TuneConfig)
