"""What an evaluation and an error inspection found, as the report and the commands show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ktrain_sentiment.evaluation.baselines import Baseline
from ktrain_sentiment.evaluation.calibration import Abstention
from ktrain_sentiment.evaluation.comparison import Comparison
from ktrain_sentiment.evaluation.metrics import Metrics
from ktrain_sentiment.evaluation.predictions import LabelledPredictions
from ktrain_sentiment.evaluation.review import Review, Slice
from ktrain_sentiment.prediction import Classifier


@dataclass(frozen=True)
class EvalSet:
    """Rows, and what was said of them by whom.

    Attributes:
        name: What it is called.
        source: Where the rows come from.
        predictions: The rows with their probabilities.
        classifier: Who said it, when a model was opened for it.
        predictor: The predictor folder; None when there is none.
        train: The rows it was trained on, when they are known.
        split: The split of the run that the rows are; empty for other rows.
        notes: Remarks to show, a line each.
    """

    name: str
    source: str
    predictions: LabelledPredictions
    classifier: Classifier | None = None
    predictor: Path | None = None
    train: pd.DataFrame | None = None
    split: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class EvalResult:
    """How good a classifier is on some rows.

    Attributes:
        eval_set: What was judged.
        metrics: Its figures.
        baselines: Baselines on the same rows, by key.
        slices: Accuracy on parts of the rows.
        comparison: Against another classifier; None when none was named.
        abstention: What a threshold does; None when none was named.
    """

    eval_set: EvalSet
    metrics: Metrics
    baselines: Mapping[str, Baseline]
    slices: tuple[Slice, ...]
    comparison: Comparison | None = None
    abstention: Abstention | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain numbers and strings."""
        return {
            "name": self.eval_set.name,
            "source": self.eval_set.source,
            **self.metrics.to_json(),
            "baselines": {k: b.metrics.to_json() for k, b in self.baselines.items()},
            "slices": [one.to_json() for one in self.slices],
            "comparison": None if self.comparison is None else self.comparison.to_json(),
            "abstention": None if self.abstention is None else self.abstention.to_json(),
            "notes": list(self.eval_set.notes),
        }


@dataclass(frozen=True)
class Inspection:
    """What a classifier gets wrong, in lists.

    Attributes:
        eval_set: What was inspected.
        review: The mistakes.
        top_losses: The model's mistakes, the surest first.
        label_errors: Doubted labels with an empty column to correct them in; first those that are
            more likely wrong than the model.
    """

    eval_set: EvalSet
    review: Review
    top_losses: pd.DataFrame
    label_errors: pd.DataFrame

    def to_json(self) -> dict[str, Any]:
        """Counts, and the pairs that are confused."""
        return {
            "name": self.eval_set.name,
            "source": self.eval_set.source,
            "rows": len(self.eval_set.predictions),
            "model_errors": len(self.top_losses),
            "label_errors": self.review.noise.to_json(),
            "confusions": [
                {"true": c.true, "predicted": c.predicted, "rows": c.count, "words": dict(c.words)}
                for c in self.review.confusions
            ],
            "notes": list(self.eval_set.notes),
        }
