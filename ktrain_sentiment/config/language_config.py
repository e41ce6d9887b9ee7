"""How encoders learn from texts without labels: `adapt`, and `distil-encoder`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tyro.conf import Positional

from ktrain_sentiment.config.flat import Config, Group
from ktrain_sentiment.config.train_config import ComputeConfig
from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.reading_rules import LongTexts


@dataclass(frozen=True, kw_only=True)
class MaskedWordsConfig(Config):
    """How words are hidden and guessed."""

    text_column: str | None = None
    """Column that holds the texts; found by itself when there is one sensible choice."""

    maxlen: int = 128
    """Most tokens read at once, special tokens included."""

    long_texts: LongTexts = "windows"
    """What is read of longer texts: everything, in pieces (windows), or only head, tail or
    head+tail, which takes less time."""

    masked: float = 0.15
    """Share of the tokens that are hidden, in whole words, others each time a text is read."""

    epochs: int = 3
    """Passes over the texts."""

    learning_rate: float | None = None
    """Maximum learning rate, after a warm-up over a tenth of the steps; when not given 1e-4 for
    adapt and 5e-4 for distil-encoder."""

    batch_size: int = 32
    """Rows a step: a text, or a piece of a long one."""

    weight_decay: float = 0.01
    """Decoupled weight decay (AdamW) of all weights but biases and normalisation."""

    seed: int = 0
    """Seed of everything random in training."""

    checkpoint_every: int = 500
    """Steps between checkpoints inside an epoch; each epoch's end has one too."""

    def check(self) -> None:
        """Refuse values that cannot train."""
        self.at_least(4, "maxlen")
        self.at_least(1, "epochs", "batch_size", "checkpoint_every")
        self.at_least(0, "weight_decay")
        if not 0 < self.masked < 1:
            raise ConfigError(f"--masked {self.masked}: must lie between 0 and 1, usually 0.15")
        if self.learning_rate is not None and not 0 < self.learning_rate < 10:
            raise ConfigError(
                f"--learning-rate {self.learning_rate}: must be above 0 and below 10, "
                "usually between 1e-5 and 1e-3"
            )


@dataclass(frozen=True, kw_only=True)
class AdaptSettings(Config):
    """Everything that adapting an encoder needs to know."""

    texts: Positional[str] = ""
    """Texts without labels: a file in any format that is read (labels in it are not looked at), a
    text file with one on each line, a named corpus, or hub:<dataset>[:<split>]."""

    encoder: str = "distilbert-base-uncased"
    """A Hugging Face hub name, a local folder, or minilm or mpnet (no hub needed)."""

    masking: Group[MaskedWordsConfig] = field(default_factory=MaskedWordsConfig)
    compute: Group[ComputeConfig] = field(default_factory=ComputeConfig)


@dataclass(frozen=True, kw_only=True)
class DistilEncoderSettings(Config):
    """Everything that distilling an encoder needs to know."""

    teacher: Positional[str] = ""
    """The encoder to learn from: a Hugging Face hub name, a local folder, or minilm or mpnet."""

    texts: Positional[str] = ""
    """Texts without labels: a file in any format that is read (labels in it are not looked at), a
    text file with one on each line, a named corpus, or hub:<dataset>[:<split>]."""

    layers: Literal["half"] | int = "half"
    """How many of the teacher's layers the student begins with, evenly spaced: half, or a
    number."""

    masking: Group[MaskedWordsConfig] = field(default_factory=MaskedWordsConfig)
    compute: Group[ComputeConfig] = field(default_factory=ComputeConfig)

    def check(self) -> None:
        """Refuse a student without layers."""
        if self.layers != "half" and self.layers < 1:
            raise ConfigError(f"--layers {self.layers}: wanted half, or a number from 1 on")
