"""How learning rates are searched and compared."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from ktrain_sentiment.errors import ConfigError

VARIED = ("model", "encoder", "batch_size", "freeze", "maxlen", "weight_decay")
"""Settings that `find-lr` can vary."""


@dataclass(frozen=True, kw_only=True)
class SearchConfig:
    """How a learning rate is searched."""

    search_start: float | None = None
    """First learning rate of the search; when not given 1e-6, ktrain's own classifiers 1e-5."""

    search_end: float | None = None
    """Last learning rate of the search; when not given 0.1, ktrain's own classifiers 10."""

    search_steps: int | None = None
    """Batches to train on while the learning rate grows; when not given 100, then, for an encoder
    whose loss did not clearly fall in these, 200."""

    search_stop_factor: float = 2.0
    """Stop the search when the smoothed loss exceeds its best by this factor."""

    search_minutes: float = 30.0
    """Stop the search after this time, whatever it has seen."""

    def __post_init__(self) -> None:
        """Refuse a range that does not grow."""
        rates = [0.0, *(r for r in (self.search_start, self.search_end) if r is not None)]
        if any(low >= high for low, high in pairwise(rates)):
            raise ConfigError(
                f"--search-start {self.search_start} --search-end {self.search_end}: "
                "wanted two numbers above 0, the first one smaller"
            )
        if self.search_steps is not None and self.search_steps < 2:
            raise ConfigError(f"--search-steps {self.search_steps}: must be at least 2")


@dataclass(frozen=True, kw_only=True)
class ExploreConfig:
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

    def __post_init__(self) -> None:
        """Refuse a setting that cannot be varied."""
        name, equals, values = self.vary.partition("=")
        if self.vary and (name.replace("-", "_") not in VARIED or not equals or not values):
            raise ConfigError(
                f"--vary {self.vary}: wanted one of {', '.join(VARIED)} with its values, "
                "such as batch_size=16,32"
            )
        if self.verify_rows < 1 or (self.verify_epochs is not None and self.verify_epochs < 1):
            raise ConfigError("--verify-rows and --verify-epochs: must be at least 1")
