"""Cross-validation: every row that is not test, predicted by a model that did not see it."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ktrain_sentiment.config import TrainingSettings
from ktrain_sentiment.data import LabelledTexts, Splits, k_fold
from ktrain_sentiment.evaluation.calibration import apply_temperature, fit_temperature
from ktrain_sentiment.evaluation.multi_figures import choose_thresholds
from ktrain_sentiment.evaluation.predictions import LabelledPredictions, evaluate_folds
from ktrain_sentiment.evaluation.record import CrossValidationRecord
from ktrain_sentiment.runs import RunFolder
from ktrain_sentiment.tables.frame_writing import write_table
from ktrain_sentiment.tasks import SEVERAL
from ktrain_sentiment.training.checkpoints import Checkpoints
from ktrain_sentiment.workflow.lessons import taught
from ktrain_sentiment.workflow.models import resolve_model

log = logging.getLogger(__name__)


def cross_validate(
    texts: LabelledTexts,
    settings: TrainingSettings,
    run: RunFolder,
    *,
    learning_rate: float,
    epochs: int,
    resume: bool = False,
    quiet: bool = False,
) -> CrossValidationRecord:
    """Train once a fold and judge the held-out rows of all folds together.

    A fold's model is that of its last epoch: nothing is chosen on the rows it is judged on. Its
    temperature, or the thresholds of its labels, are chosen on the rows of the other folds; kept
    probabilities of several labels are such that each threshold is a half. A teacher is not asked:
    it may have seen the rows that are held out. Each fold's predictions are kept in the run folder
    as soon as they are made, and with `resume` folds that are done are not trained again.

    Args:
        texts: The rows, as they were read.
        settings: The run's settings, with `split.folds` set.
        run: Gets `predictions_out_of_fold.parquet`.
        learning_rate: The maximum learning rate, the same for every fold.
        epochs: Passes over each fold's training rows.
        resume: Go on with the fold in which an earlier start of the run was stopped.
        quiet: Show no progress.

    Raises:
        InputError: The rows cannot be divided so.
        TrainingError: The loss diverged, or the disk is full.
    """
    last_epoch = replace(settings.training, epochs=epochs, keep_best="last", early_stopping=None)
    of_folds = replace(settings, training=last_epoch)
    held_out = []
    for number, splits in enumerate(k_fold(texts, settings.split), start=1):
        if not run.fold(number).is_file():
            _say(number, splits, settings)
            trainer = resolve_model(of_folds).open(of_folds, splits, taught(last_epoch, splits))
            trainer.fit(
                learning_rate,
                Checkpoints(run.checkpoints / f"fold_{number}"),
                settings.training.checkpoint_every,
                resume=resume,
                quiet=quiet,
            )
            raw = trainer.predict_proba(splits.validation)
            rows = LabelledPredictions.join(splits.validation, raw, splits.labels, splits.task)
            write_table(run.fold(number), rows.to_frame())
        held_out.append(pd.read_parquet(run.fold(number)))
    pooled = LabelledPredictions.from_frame(pd.concat(held_out, ignore_index=True))
    fold_of_row = np.repeat(np.arange(len(held_out)), [len(frame) for frame in held_out])
    settled = by_other_folds(pooled, fold_of_row)
    write_table(run.predictions("out_of_fold"), settled.to_frame())
    found = evaluate_folds(
        fold_of_row, settled.y_true, settled.probabilities, settled.labels, settled.task
    )
    return CrossValidationRecord(folds=len(found.folds), pooled=found.pooled, spread=found.spread)


def by_other_folds(rows: LabelledPredictions, fold: NDArray[np.int64]) -> LabelledPredictions:
    """The answers of each fold with what is chosen on rows, chosen on those of the other folds.

    Chosen on its own, or on all, it would be chosen on the rows that it is judged on.

    Args:
        rows: Of all folds, as their models answer.
        fold: The fold of each, shape (n,).
    """
    table = rows.probabilities.copy()
    for k in np.unique(fold):
        own = fold == k
        truth, others = rows.y_true[~own], rows.probabilities[~own]
        if rows.task.chooses:
            table[own] = apply_temperature(table[own], fit_temperature(truth, others))
        elif rows.task.is_multi:
            table[own] = SEVERAL.cut_at(choose_thresholds(truth, others)).centred(table[own])
    return replace(rows, probabilities=table)


def _say(number: int, splits: Splits, settings: TrainingSettings) -> None:
    log.info(
        "cross-validation, fold %d of %d: a model of %s rows to predict %s others; it is not kept",
        number, settings.split.folds, f"{len(splits.train):,}", f"{len(splits.validation):,}",
    )  # fmt: skip
    if number == settings.split.fold:
        log.info(
            "this one learns the rows of the predictor's model again: what it predicts may not "
            "come from an epoch that was chosen on these very rows"
        )
