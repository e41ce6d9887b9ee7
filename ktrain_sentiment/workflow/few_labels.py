"""Few labels: which way of learning suits the rows at hand, by cross-validation on these.

A probe costs next to nothing and is tried on many folds. Tuning the encoder and training the whole
net are tried on as many of the same folds as a time budget allows, and left out where not even one
pass over the rows would fit.
"""

from __future__ import annotations

import logging
import math
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, stdev

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.config import TrainConfig, TrainingSettings
from ktrain_sentiment.config.train_config import FewLabels
from ktrain_sentiment.data import Splits
from ktrain_sentiment.errors import require
from ktrain_sentiment.evaluation.record import FewLabelsRecord, FewLabelsTrial
from ktrain_sentiment.training.checkpoints import Checkpoints
from ktrain_sentiment.training.contrastive import (
    PROBE,
    SentenceTuner,
    Tuning,
    probe_of,
    tuning_of,
)
from ktrain_sentiment.training.dataset import class_indices
from ktrain_sentiment.training.policies import USUAL_EPOCHS, epochs_for
from ktrain_sentiment.training.trainer import Trainer
from ktrain_sentiment.workflow.lessons import draw_lessons, with_lessons
from ktrain_sentiment.workflow.models import MODELS, Candidate, asks

log = logging.getLogger(__name__)

FOLDS, REPEATS = 4, 5
FAVOURITE: FewLabels = "contrastive"
"""What is taken where the folds cannot tell: the best on sentences of SST-2 (docs/train.md)."""

Indices = NDArray[np.int64]
Fold = tuple[Indices, Indices]
"""Rows to learn from and rows held out."""


@dataclass
class _Clock:
    """The time that trying is allowed."""

    minutes: float

    def __post_init__(self) -> None:
        self.end = time.monotonic() + 60 * self.minutes

    @property
    def left(self) -> float:
        """Seconds."""
        return self.end - time.monotonic()


def choose_way(settings: TrainingSettings, splits: Splits) -> FewLabelsRecord:
    """Try the ways of learning on the training rows alone, and say which one to take.

    Args:
        settings: What is trained, with `training.few_labels` set to auto.
        splits: The rows; validation and test rows are not looked at.

    Raises:
        InputError: The encoder cannot be used, or the rows are of one class.
    """
    minutes = settings.training.few_labels_minutes
    classes = class_indices(splits.train["label"], splits.labels)
    fewest = int(np.unique(classes, return_counts=True)[1].min())
    if fewest < 2:
        why = "a label has a single text to learn from, so nothing can be held out to choose by"
        return FewLabelsRecord(asked="auto", taken=FAVOURITE, why=f"{FAVOURITE}: {why}")
    folds = _folds(classes, min(FOLDS, fewest), settings.training.seed)
    log.info(
        "trying ways to learn from %d texts for up to %g minutes (--few-labels-minutes)",
        len(classes), minutes,
    )  # fmt: skip
    read_by_mean = replace(settings.training, few_labels=FAVOURITE)
    of_mean = replace(settings, training=read_by_mean)
    tuner = SentenceTuner(MODELS["encoder"].open(of_mean, splits))
    clock = _Clock(minutes)  # Opening the encoder is no part of trying.
    trials = [
        _tried("probe", _probes(tuner, classes, splits), folds, _Clock(math.inf)),
        _tried("contrastive", _tunings(tuner, classes, splits, of_mean), folds, clock),
    ]
    full = replace(settings, training=replace(settings.training, few_labels="full"))
    each = trials[-1].seconds / max(1, len(trials[-1].accuracies))
    # A hundred steps of 32 texts, each taken twice (adversarial training), where tuning took forty
    # of what there are.
    texts = min(len(classes), Tuning.texts)
    trials.append(
        _tried(
            "full", _full(full, splits, classes), folds, clock,
            expected=each * 200 * settings.training.batch_size / (Tuning.steps * texts),
        )
    )  # fmt: skip
    taken, why = weigh(trials)
    return FewLabelsRecord(
        asked="auto", taken=taken, why=why, minutes=minutes, trials=tuple(trials)
    )


def _folds(classes: Indices, count: int, seed: int) -> list[Fold]:
    selection = require("sklearn.model_selection", "train")
    repeated = selection.RepeatedStratifiedKFold(
        n_splits=count, n_repeats=REPEATS, random_state=seed
    )
    found = list(repeated.split(np.zeros((len(classes), 1)), classes))
    return [(np.asarray(learned), np.asarray(held)) for learned, held in found]


def _tried(
    way: FewLabels,
    judge: Callable[[Fold], float],
    folds: Sequence[Fold],
    clock: _Clock,
    expected: float = 0.0,
) -> FewLabelsTrial:
    """One way on as many folds as there is time for; whole passes over the rows where possible."""
    whole, accuracies, begun = len(folds) // REPEATS, [], time.monotonic()
    if expected and expected * whole > clock.left:
        said = f"{whole} folds would take about {expected * whole / 60:.1f} minutes"
        return FewLabelsTrial(way=way, left_out=f"{said}; {max(0, clock.left) / 60:.1f} were left")
    for number, fold in enumerate(folds):
        each = (time.monotonic() - begun) / max(1, number)
        # A second pass is begun only if it can be ended, and half of the time is for others.
        due = each * (whole if number % whole == 0 else 1)
        if number and due > (clock.left if number < whole else clock.left / 2):
            break
        accuracies.append(judge(fold))
    seconds = time.monotonic() - begun
    said = ", ".join(f"{100 * one:.0f}" for one in accuracies[:whole])
    log.info("%s: %.1f s, right in %% of each fold: %s", way, seconds, said)
    return FewLabelsTrial(way=way, accuracies=tuple(accuracies), seconds=round(seconds, 2))


def weigh(trials: Sequence[FewLabelsTrial]) -> tuple[FewLabels, str]:
    """Which way to take, and a sentence that says why.

    The favourite is left only for a way that was better on the same folds by more than a standard
    error: a few held-out texts are little to choose by.

    Args:
        trials: What was tried; the favourite among them.
    """
    favourite = next(one for one in trials if one.way == FAVOURITE)
    taken, why = favourite, "no other way was better on the same folds by more than chance"
    best = 0.0
    for one in trials:
        pairs = list(zip(one.accuracies, favourite.accuracies, strict=False))
        gains = [own - other for own, other in pairs]
        if one is favourite or len(gains) < 2:
            continue
        gain, error = fmean(gains), stdev(gains) / math.sqrt(len(gains))
        if gain > max(error, best):
            taken, best = one, gain
            why = f"{100 * gain:.1f} points (±{100 * error:.1f}) more than {FAVOURITE} on its folds"
    return taken.way, f"{taken.way}: {why}"


def _right(said: NDArray[np.float32], known: Indices) -> float:
    return float((said.argmax(axis=1) == known).mean())


def _probes(tuner: SentenceTuner, classes: Indices, splits: Splits) -> Callable[[Fold], float]:
    vectors = tuner.embed(tuner.trainer.learner.train_data.rows)
    return lambda fold: _head(vectors, classes, fold, splits, PROBE)


def _head(
    vectors: NDArray[np.float32], classes: Indices, fold: Fold, splits: Splits, tuning: Tuning
) -> float:
    learned, held = fold
    probe = probe_of(vectors[learned], classes[learned], len(splits.labels), tuning, 0)
    return _right(probe.predict_proba(vectors[held]), classes[held])


def _tunings(
    tuner: SentenceTuner, classes: Indices, splits: Splits, settings: TrainingSettings
) -> Callable[[Fold], float]:
    rows, tuning = tuner.trainer.learner.train_data.rows, tuning_of(settings.training)

    def judge(fold: Fold) -> float:
        tuner.tune(rows, classes, tuning, settings.training.seed, among=fold[0])
        found = _head(tuner.embed(rows), classes, fold, splits, tuning)
        tuner.restore()
        return found

    return judge


def _full(settings: TrainingSettings, splits: Splits, classes: Indices) -> Callable[[Fold], float]:
    def judge(fold: Fold) -> float:
        learned, held = fold
        some = splits.train.iloc[learned].reset_index(drop=True)
        candidate = fit_full(settings, replace(splits, train=some))
        texts = splits.train["text"].iloc[held].tolist()
        return _right(np.asarray(candidate.predict(texts)), classes[held])

    return judge


def few_shot_epochs(given: TrainConfig, texts: int) -> int:
    """The epochs that were asked for, or more where those are too few steps to learn anything."""
    asked = given.epochs or USUAL_EPOCHS
    return epochs_for(replace(given, epochs=None), texts, usual=asked)


def fit_full(settings: TrainingSettings, splits: Splits, model: str = "encoder") -> Candidate:
    """Train on a few rows: a fixed rate, enough steps, and no choice on validation rows.

    Args:
        settings: What is trained and how.
        splits: The rows.
        model: Its name among `MODELS`.
    """
    # A search needs a hundred batches of its own, and hundreds of validation rows would be a
    # luxury that someone with sixteen examples does not have.
    spec, given = MODELS[model], settings.training
    epochs = few_shot_epochs(given, len(splits.train))
    training = replace(
        given, epochs=epochs, keep_best="last", early_stopping=None, few_labels="full"
    )
    lessons = with_lessons(splits, None, draw_lessons(training, splits))
    trainer: Trainer = spec.open(replace(settings, training=training), splits, lessons)
    rate = given.learning_rate or spec.usual_rate
    with tempfile.TemporaryDirectory() as place:
        trainer.fit(rate, Checkpoints(Path(place)), quiet=True)
    return Candidate(asks(trainer), learning_rate=rate)
