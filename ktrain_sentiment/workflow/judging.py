"""A trained trainer judged on validation and test rows, beside baselines of the same run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from ktrain_sentiment.data import Splits
from ktrain_sentiment.evaluation import (
    Baseline,
    Metrics,
    compute_metrics,
    run_baselines,
    top_losses,
)
from ktrain_sentiment.evaluation.calibration import apply_temperature, fit_temperature
from ktrain_sentiment.evaluation.predictions import LabelledPredictions
from ktrain_sentiment.training.dataset import class_indices
from ktrain_sentiment.training.trainer import Trainer


@dataclass(frozen=True)
class Judged:
    """Figures and predictions of one trained model.

    Attributes:
        headline: `test`, or `validation` when no rows were kept for a test.
        evaluations: Figures by split name, after temperature scaling.
        raw: Figures of the headline split before temperature scaling.
        baselines: Baselines on the headline split, by key.
        temperature: FitResult on the validation rows.
        predictions: Frames by split name: row, text, label, predicted, `p_<label>`.
        losses: Validation rows by falling loss.
    """

    headline: str
    evaluations: dict[str, Metrics]
    raw: Metrics
    baselines: dict[str, Baseline]
    temperature: float
    predictions: dict[str, pd.DataFrame]
    losses: pd.DataFrame

    @property
    def main(self) -> Metrics:
        """The figures to quote."""
        return self.evaluations[self.headline]

    def to_json(self) -> dict[str, Any]:
        """What `metrics.json` holds of it."""
        return {
            "headline": self.headline,
            **{name: figures.to_json() for name, figures in self.evaluations.items()},
            "before_temperature": self.raw.to_json(),
            "temperature": self.temperature,
            "baselines": {
                key: {
                    "name": baseline.name,
                    "seconds": round(baseline.seconds, 3),
                    **baseline.metrics.to_json(),
                }
                for key, baseline in self.baselines.items()
            },
        }


def judge(trainer: Trainer, splits: Splits) -> Judged:
    """Predict validation and test rows, calibrate on validation, and compare with baselines."""
    frames = {"validation": splits.validation, "test": splits.test}
    frames = {name: frame for name, frame in frames.items() if len(frame)}
    labels = trainer.preprocessor.labels
    truth = {name: class_indices(frame["label"], labels) for name, frame in frames.items()}
    raw = {name: trainer.predict_proba(frame) for name, frame in frames.items()}
    temperature = fit_temperature(truth["validation"], raw["validation"])
    scaled = {name: apply_temperature(table, temperature) for name, table in raw.items()}
    headline = "test" if "test" in frames else "validation"
    train_y = class_indices(splits.train["label"], labels)
    return Judged(
        headline=headline,
        evaluations={name: compute_metrics(truth[name], scaled[name], labels) for name in frames},
        raw=compute_metrics(truth[headline], raw[headline], labels),
        baselines=run_baselines(
            splits.train["text"].tolist(),
            train_y,
            frames[headline]["text"].tolist(),
            truth[headline],
            labels,
        ),
        temperature=temperature,
        predictions={
            name: LabelledPredictions.join(frame, scaled[name], labels).to_frame()
            for name, frame in frames.items()
        },
        losses=top_losses(
            frames["validation"]["text"].tolist(),
            truth["validation"],
            scaled["validation"],
            labels,
            rows=frames["validation"]["row"].tolist(),
        ),
    )
