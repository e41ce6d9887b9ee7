"""Cross-validation: every row that is not test, predicted by a model that did not see it."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ktrain_sentiment.config import TrainingSettings
from ktrain_sentiment.data import LabelledTexts, Splits, k_fold
from ktrain_sentiment.evaluation.calibration import apply_temperature, fit_temperature
from ktrain_sentiment.evaluation.predictions import (
    CrossValidation,
    LabelledPredictions,
    evaluate_folds,
)
from ktrain_sentiment.evaluation.record import CrossValidationRecord
from ktrain_sentiment.runs import RunFolder
from ktrain_sentiment.tables.writing import write_table
from ktrain_sentiment.training.checkpoints import Checkpoints
from ktrain_sentiment.workflow.models import ModelSpec

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FoldPlan:
    """What all folds have in common.

    Attributes:
        spec: What is trained.
        learning_rate: The maximum learning rate, the same for every fold.
        epochs: Passes over each fold's training rows.
        resume: Take what an earlier start of the run left of its folds.
        quiet: Show no progress.
    """

    spec: ModelSpec
    learning_rate: float
    epochs: int
    resume: bool = False
    quiet: bool = False


def cross_validate(
    texts: LabelledTexts, settings: TrainingSettings, plan: FoldPlan, folder: RunFolder
) -> CrossValidation:
    """Train once a fold and judge the held-out rows of all folds together.

    A fold's model is that of its last epoch: nothing is chosen on the rows it is judged on. One
    temperature is fitted for all folds together. A teacher is not asked: it may have seen the rows
    that are held out. Each fold's predictions are kept in the run folder as soon as they are made,
    and with `resume` folds that are done are not trained again.

    Args:
        texts: The rows, as they were read.
        settings: The run's settings, with `split.folds` set.
        plan: What all folds have in common.
        folder: The run; gets `predictions_out_of_fold.parquet`.

    Raises:
        InputError: The rows cannot be divided so.
        TrainingError: The loss diverged, or the disk is full.
    """
    held_out = [
        _fold(splits, number, settings, plan, folder)
        for number, splits in enumerate(k_fold(texts, settings.split), start=1)
    ]
    pooled = LabelledPredictions.from_frame(pd.concat(held_out, ignore_index=True))
    fold_of_row = np.repeat(np.arange(len(held_out)), [len(frame) for frame in held_out])
    # One for all: fitted on each fold alone it would be fitted on the rows it is judged on.
    temperature = fit_temperature(pooled.y_true, pooled.probabilities)
    table = apply_temperature(pooled.probabilities, temperature)
    calibrated = replace(pooled, probabilities=table)
    write_table(folder.predictions("out_of_fold"), calibrated.to_frame())
    return evaluate_folds(fold_of_row, pooled.y_true, table, pooled.labels)


def _fold(
    splits: Splits, number: int, settings: TrainingSettings, plan: FoldPlan, folder: RunFolder
) -> pd.DataFrame:
    """The held-out rows of one fold with their raw probabilities, trained unless they are there."""
    path = folder.fold(number)
    if path.is_file():
        return pd.read_parquet(path)
    log.info(
        "cross-validation, fold %d of %d: a model of %s rows to predict %s others; it is not kept",
        number, settings.split.folds, f"{len(splits.train):,}", f"{len(splits.validation):,}",
    )  # fmt: skip
    if number == settings.split.fold:
        log.info(
            "this one learns the rows of the predictor's model again: what it predicts may not "
            "come from an epoch that was chosen on these very rows"
        )
    config = replace(settings.training, epochs=plan.epochs, keep_best="last", early_stopping=None)
    trainer = plan.spec.open(replace(settings, training=config), splits)
    trainer.fit(
        plan.learning_rate,
        Checkpoints(folder.checkpoints / f"fold_{number}"),
        settings.training.checkpoint_every,
        resume=plan.resume,
        quiet=plan.quiet,
    )
    table = trainer.predict_proba(splits.validation)
    frame = LabelledPredictions.join(splits.validation, table, splits.labels).to_frame()
    write_table(path, frame)
    return frame


def cross_validation_record(found: CrossValidation) -> CrossValidationRecord:
    """What `metrics.json` holds of a cross-validation."""
    return CrossValidationRecord(folds=len(found.folds), pooled=found.pooled, spread=found.spread)
