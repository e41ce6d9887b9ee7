"""Everything that the report of a run and its model card say, gathered before a word is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from ktrain_sentiment.data.findings import Finding
from ktrain_sentiment.evaluation.calibration import CoverageCurve
from ktrain_sentiment.evaluation.comparison import Comparison
from ktrain_sentiment.evaluation.metrics import Calibration, Metrics
from ktrain_sentiment.evaluation.predictions import LabelledPredictions
from ktrain_sentiment.evaluation.review import Review, Slice


@dataclass(frozen=True, kw_only=True)
class DataFacts:
    """What the model was trained and judged on.

    Attributes:
        source: The data as the user named it.
        counts: Rows by label (index) and split (columns).
        words: Median, 90th and 99th percentile, and most words of a text.
        findings: What the checks of the data found.
        telling: Words that tell each label's texts from the others, strongest first.
        warnings: What a reader of the figures should know about the data, one line each.
    """

    source: str
    counts: pd.DataFrame
    words: tuple[int, int, int, int]
    findings: tuple[Finding, ...] = ()
    telling: Mapping[str, Sequence[str]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """Number of rows in all splits."""
        return int(self.counts.to_numpy().sum())

    @property
    def training_rows(self) -> int:
        """Number of rows trained on; 0 when it is not known."""
        return int(self.counts["train"].sum()) if "train" in self.counts else 0


@dataclass(frozen=True, kw_only=True)
class SearchFacts:
    """A learning-rate search.

    Attributes:
        curve: Columns `learning_rate`, `loss` and `smoothed`, one row a step.
        suggestions: Rules and their rates.
        rule: The rule whose rate was taken; None when none could be.
        problem: Why the curve could not be read; empty when it could.
    """

    curve: pd.DataFrame
    suggestions: tuple[tuple[str, float], ...]
    rule: str | None
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class LearningFacts:
    """How it was trained.

    Attributes:
        encoder: The pre-trained encoder as the user named it, or ktrain's name of its classifier.
        policy: The learning-rate policy.
        learning_rate: The maximum learning rate.
        best_epoch: The epoch whose weights were kept, from 1.
        seconds: Time in training.
        texts_per_second: Speed of training; None when it took no time.
        device: Where it ran.
        precision: In which precision.
        history: One row an epoch, columns as Keras names them.
        schedule: One row a step, `learning_rate` and perhaps `momentum`; None when not kept.
        search: The search for the learning rate; None when it was given.
        longest_text: How many tokens of a text it reads at most, or words and sequences of words
            for ktrain's own classifiers; None when it is not known.
        is_classic: Whether it is one of ktrain's own classifiers, with no encoder in it.
        adversarial: How far adversarial training moved word embeddings, in their mean length; 0
            without it.
        kept_layers: Which of the encoder's layers were kept, from 0; empty when all were.
        teacher: What `metrics.json` says of a teacher; None when there was none.
    """

    encoder: str
    policy: str
    learning_rate: float
    best_epoch: int
    seconds: float
    texts_per_second: float | None
    device: str
    precision: str
    history: pd.DataFrame
    schedule: pd.DataFrame | None = None
    longest_text: int | None = None
    search: SearchFacts | None = None
    adversarial: float = 0
    kept_layers: tuple[int, ...] = ()
    teacher: Mapping[str, Any] | None = None
    is_classic: bool = False

    @property
    def kind(self) -> str:
        """What `encoder` names, in words."""
        return "ktrain's own" if self.is_classic else "encoder"


@dataclass(frozen=True, kw_only=True)
class BaselineFacts:
    """A baseline beside the model.

    Attributes:
        name: What it is, in words.
        figures: Its headline figures by name.
    """

    name: str
    figures: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class SpeedFacts:
    """How fast and how large the predictor is, measured where the report was written.

    Attributes:
        engine: What answered.
        texts_per_second: On many texts at once.
        milliseconds: Median time of one text alone.
        files: Size in bytes by file of the predictor folder.
    """

    engine: str
    texts_per_second: float
    milliseconds: float
    files: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class ReportFacts:
    """Everything that the report and the model card say.

    Attributes:
        title: Name of the run.
        split: Name of the split that the figures are on: `test`, or `validation` without one;
            empty for rows from elsewhere.
        predictions: Its rows and what the model said of them.
        metrics: The model's figures on it.
        baselines: Baselines on the same rows, by key.
        data: What it was trained and judged on.
        folds: What `metrics.json` holds of a cross-validation; None without one.
        learning: How it was trained; None when only a predictor is known.
        comparison: The model against the TF-IDF baseline, or whatever it was compared with.
        calibration: What temperature scaling did on these rows; None when it is not known.
        coverage: Accuracy of the answers by share of texts answered.
        slices: Accuracy by length, repetition and columns of the data.
        errors: Mistakes on validation rows, or on the rows from elsewhere; None without such.
        speed: Speed and size; None when the predictor was not run.
        settings: The run's configuration, by name.
        versions: Versions of the libraries that made it.
        created: When the figures were made, ISO 8601.
        predictor: The predictor folder as commands should name it.
    """

    title: str
    split: str
    predictions: LabelledPredictions
    metrics: Metrics
    baselines: Mapping[str, BaselineFacts]
    data: DataFacts
    learning: LearningFacts | None = None
    folds: Mapping[str, Any] | None = None
    comparison: Comparison | None = None
    calibration: Calibration | None = None
    coverage: CoverageCurve | None = None
    slices: Sequence[Slice] = ()
    errors: Review | None = None
    speed: SpeedFacts | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    created: str = ""
    predictor: str = "predictor"

    @property
    def held_out(self) -> bool:
        """Whether no choice was made on the rows that the figures are on."""
        return self.split != "validation"

    @property
    def has_encoder(self) -> bool:
        """Whether the model is a fine-tuned encoder, as far as is known."""
        return self.learning is None or not self.learning.is_classic

    @property
    def best_baseline(self) -> BaselineFacts | None:
        """The baseline with the highest accuracy."""
        return max(self.baselines.values(), key=lambda b: b.figures["accuracy"], default=None)
