"""Everything that the page about a model and its card say, gathered before a word is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ktrain_sentiment.evaluation.behaviour import Behaviour
from ktrain_sentiment.evaluation.calibration import Abstention, ProbabilityCurves
from ktrain_sentiment.evaluation.comparison import Comparison
from ktrain_sentiment.evaluation.metrics import Calibration, Metrics
from ktrain_sentiment.evaluation.mistake_costs import CostFigures
from ktrain_sentiment.evaluation.record import (
    BaselineRecord,
    DataSummary,
    SpeedRecord,
    TrainingRecord,
)
from ktrain_sentiment.evaluation.review import ErrorSummary, ScoreMistake, SetMistake, Slice
from ktrain_sentiment.inputs import TEXTS, Inputs
from ktrain_sentiment.report.figures import SHOWN

USUAL = "usual"
"""The rule that takes a model's usual rate, where a search gives none."""


@dataclass(frozen=True, kw_only=True)
class SearchFacts:
    """A learning-rate search.

    Attributes:
        curve: Columns `learning_rate`, `loss` and `smoothed`, one row a step.
        suggestions: Rules and their rates.
        rule: The rule whose rate was taken; None when none was.
        problem: Why the curve could not be read; empty when it could.
    """

    curve: pd.DataFrame
    suggestions: tuple[tuple[str, float], ...]
    rule: str | None
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class ScoreFacts:
    """Scores beside the true ones.

    Attributes:
        truth: True scores, shape (n,).
        said: The model's, shape (n,).
        farthest: The texts that it is farthest off of, the worst first.
    """

    truth: NDArray[np.float64]
    said: NDArray[np.float64]
    farthest: tuple[ScoreMistake, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ReportFacts:
    """Everything that the report and the model card say.

    Attributes:
        title: Name of the run.
        split: Name of the split that the figures are on: `test`, or `validation` without one;
            empty for rows from elsewhere.
        metrics: The model's figures on it.
        baselines: Baselines on the same rows, by key.
        data: What it was trained and evaluated on.
        training: The record of its training; None when only a predictor is known.
        history: One row an epoch, columns as Keras names them; None without a training.
        schedule: One row a step, `learning_rate` and perhaps `momentum`; None when not kept.
        search: The search for the learning rate; None when it was given.
        comparison: The model against the TF-IDF baseline, or whatever it was compared with.
        calibration: What temperature scaling did on these rows; None when it is not known.
        curves: What its probabilities are worth; None when the predictions were not kept.
        scores: Scores beside the true ones; None for classes and stars.
        worst: Texts whose several labels are most wrong; empty for others.
        slices: Accuracy by length, repetition and columns of the data.
        errors: Mistakes on validation rows, or on the rows from elsewhere; None without such.
        checklist: What it can do with language; None when it was not asked.
        abstention: What a threshold does that was named; None when none was.
        costs: What its mistakes cost; None when no costs were named.
        cost_advice: Whether to take it or another model for that; empty without another.
        speed: Speed and size; None when the predictor was not run.
        warnings: What a reader should be told before the figures.
        settings: The run's configuration, by name.
        predictor: The predictor folder as commands should name it.
        inputs: What of a row the predictor reads.
    """

    title: str
    split: str
    metrics: Metrics
    baselines: Mapping[str, BaselineRecord]
    data: DataSummary
    training: TrainingRecord | None = None
    history: pd.DataFrame | None = None
    schedule: pd.DataFrame | None = None
    search: SearchFacts | None = None
    comparison: Comparison | None = None
    calibration: Calibration | None = None
    curves: ProbabilityCurves | None = None
    scores: ScoreFacts | None = None
    worst: Sequence[SetMistake] = ()
    slices: Sequence[Slice] = ()
    errors: ErrorSummary | None = None
    checklist: Behaviour | None = None
    abstention: Abstention | None = None
    costs: CostFigures | None = None
    cost_advice: str = ""
    speed: SpeedRecord | None = None
    warnings: Sequence[str] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    predictor: str = "predictor"
    inputs: Inputs = TEXTS

    @property
    def has_encoder(self) -> bool:
        """Whether the model is a fine-tuned encoder, as far as is known."""
        return self.training is None or self.training.has_encoder

    @property
    def best_baseline(self) -> BaselineRecord | None:
        """The baseline with the highest accuracy; of stars the nearest, of scores by rank."""
        return max(
            self.baselines.values(), key=lambda one: SHOWN[one.kind].merit(one), default=None
        )
