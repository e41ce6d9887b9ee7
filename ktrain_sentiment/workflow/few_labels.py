"""Few labels: which way of learning suits the rows at hand, by cross-validation on these.

All are tried on the same folds. One that falls behind is given up, and where the folds have told
the ways apart, or a time budget is over, no more are tried.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import fmean, stdev

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.config import TrainConfig, TrainingSettings
from ktrain_sentiment.config.train_config import FewLabels
from ktrain_sentiment.data import Splits
from ktrain_sentiment.errors import require
from ktrain_sentiment.evaluation.predictions import class_indices
from ktrain_sentiment.evaluation.record import FewLabelsRecord, FewLabelsTrial
from ktrain_sentiment.training.contrastive import (
    PROBE,
    SentenceTuner,
    Tuning,
    probe_of,
    tuning_of,
)
from ktrain_sentiment.training.policies import USUAL_EPOCHS, epochs_for
from ktrain_sentiment.training.trainer import FitResult, Trainer
from ktrain_sentiment.workflow.lessons import taught
from ktrain_sentiment.workflow.models import MODELS, Candidate, asks

log = logging.getLogger(__name__)

FOLDS, REPEATS = 4, 5
FULL_FROM = 64
"""Texts of the rarest label from which training the whole net is tried: on fewer it is behind
(Tunstall et al. 2022, table 2), and it takes longer than everything else together."""
FAVOURITE: FewLabels = "contrastive"
"""What is taken where the folds cannot tell: the best on sentences of SST-2 (docs/train.md)."""

Indices = NDArray[np.int64]
Fold = tuple[Indices, Indices]
"""Rows to learn from and rows held out."""


Judge = Callable[[Fold], NDArray[np.bool_]]
"""Learns from a fold's rows, and says of each that is held out whether it was right."""


class _Attempt:
    """A way of learning, tried on fold after fold."""

    def __init__(self, way: FewLabels, judge: Judge) -> None:
        self.way = way
        self.judge = judge
        self.rights: list[NDArray[np.bool_]] = []
        self.seconds = 0.0
        self.left_out = ""

    @property
    def each(self) -> float:
        """Seconds of a fold, so far."""
        return self.seconds / max(1, len(self.rights))

    def take(self, folds: Sequence[Fold], end: float, rival: _Attempt | None = None) -> None:
        """Try some folds, the first in any case.

        Args:
            folds: They follow those that were taken.
            end: When the time is over (`time.monotonic`).
            rival: Stop where this way is worse than that one by more than chance.
        """
        for fold in folds:
            begun = time.monotonic()
            if self.rights and begun + self.each > end:
                break
            self.rights.append(self.judge(fold))
            self.seconds += time.monotonic() - begun
            if rival is not None and is_behind(self.rights, rival.rights):
                self.left_out = f"worse than {rival.way} by more than chance on these folds"
                break

    def trial(self) -> FewLabelsTrial:
        """What it came to."""
        said = ", ".join(f"{100 * one.mean():.0f}" for one in self.rights)
        if said:
            log.info("%s: %.1f s, right in %% of each fold: %s", self.way, self.seconds, said)
        else:
            log.info("%s: not tried: %s", self.way, self.left_out)
        return FewLabelsTrial(
            way=self.way,
            accuracies=tuple(float(one.mean()) for one in self.rights),
            seconds=round(self.seconds, 2),
            left_out=self.left_out,
        )


def choose_way(
    settings: TrainingSettings, splits: Splits
) -> tuple[FewLabelsRecord, SentenceTuner | None]:
    """Try the ways of learning on the training rows alone, and say which one to take.

    Args:
        settings: What is trained, with `training.few_labels` set to auto.
        splits: The rows; validation and test rows are not looked at.

    Returns:
        What was found; and the encoder, opened and put back to where it began, unless another one
        has to be opened for the way that is taken.

    Raises:
        InputError: The encoder cannot be used, or the rows are of one class.
    """
    minutes = settings.training.few_labels_minutes
    classes = class_indices(splits.train["label"], splits.labels)
    fewest = int(np.unique(classes, return_counts=True)[1].min())
    if fewest < 2:
        why = "a label has a single text to learn from, so nothing can be held out to choose by"
        return FewLabelsRecord(asked="auto", taken=FAVOURITE, why=f"{FAVOURITE}: {why}"), None
    log.info(
        "trying ways to learn from %d texts for up to %g minutes (--few-labels-minutes)",
        len(classes), minutes,
    )  # fmt: skip
    of_mean = replace(settings, training=replace(settings.training, few_labels=FAVOURITE))
    tuner = SentenceTuner(MODELS["encoder"].open(of_mean, splits))
    full = replace(settings, training=replace(settings.training, few_labels="full"))
    tuned = _Attempt(FAVOURITE, _tunings(tuner, classes, splits, of_mean))
    probe = _Attempt("probe", _probes(tuner, classes, splits))
    whole = _Attempt("full", _full(full, splits, classes))
    # A hundred steps, each text taken twice (adversarial training), where tuning takes its own of
    # all texts that there are.
    steps = 200 * full.training.batch_size / (Tuning.steps * min(len(classes), Tuning.texts))
    end = time.monotonic() + 60 * minutes  # Opening the encoder is no part of trying.
    for folds in _passes(classes, min(FOLDS, fewest), settings.training.seed):
        due = len(folds) * (tuned.each + whole.each * (not whole.left_out))
        if tuned.rights and (is_settled([tuned, probe, whole]) or time.monotonic() + due > end):
            break
        done = len(tuned.rights)
        tuned.take(folds, end)
        # More folds of the probe, which costs next to nothing, could not change the choice.
        probe.take(folds[: len(tuned.rights) - done], math.inf)
        due = len(folds) * (whole.each or tuned.each * steps)
        if fewest < FULL_FROM:
            whole.left_out = f"on fewer than {FULL_FROM} texts of a label it is behind"
        elif not whole.rights and time.monotonic() + due > end:
            left = max(0.0, end - time.monotonic())
            said = f"{len(folds)} folds would take about {due / 60:.1f} minutes"
            whole.left_out = f"{said}; {left / 60:.1f} were left"
        if not whole.left_out:
            whole.take(folds, end, rival=tuned)
    if (over := time.monotonic() - end) > minutes * 60:
        log.info(
            "that took %.1f minutes: each way is tried on one fold whatever the time",
            over / 60 + minutes,
        )
    trials = [probe.trial(), tuned.trial(), whole.trial()]
    taken, why = weigh(trials)
    record = FewLabelsRecord(
        asked="auto", taken=taken, why=why, minutes=minutes, trials=tuple(trials)
    )
    return record, None if taken == "full" else tuner


def _passes(classes: Indices, count: int, seed: int) -> list[list[Fold]]:
    """Folds of all rows, and of all rows again, divided in another way."""
    selection = require("sklearn.model_selection", "train")
    repeated = selection.RepeatedStratifiedKFold(
        n_splits=count, n_repeats=REPEATS, random_state=seed
    )
    found = [
        (np.asarray(learned), np.asarray(held))
        for learned, held in repeated.split(np.zeros((len(classes), 1)), classes)
    ]
    return [found[start : start + count] for start in range(0, len(found), count)]


def is_behind(own: Sequence[NDArray[np.bool_]], others: Sequence[NDArray[np.bool_]]) -> bool:
    """Whether a way was wrong on more texts than another by more than a standard error.

    Args:
        own: Of each fold, whether each held-out text was right.
        others: The same of the other way; may have more folds.
    """
    gains = [int(a) - int(b) for one, other in zip(own, others, strict=False)
             for a, b in zip(one, other, strict=True)]  # fmt: skip
    # Texts on which both are right, or both wrong, say nothing (McNemar 1947).
    return -sum(gains) > math.sqrt(sum(map(abs, gains)))


def is_settled(attempts: Sequence[_Attempt]) -> bool:
    """Whether more folds would hardly change the choice.

    Args:
        attempts: The favourite, then the others.
    """
    favourite, *others = attempts
    known = [float(one.mean()) for one in favourite.rights]
    for one in others:
        gain, error = _gain([float(right.mean()) for right in one.rights], known)
        if not one.left_out and 0 < gain <= error:
            return False
    return True


def _gain(own: Sequence[float], others: Sequence[float]) -> tuple[float, float]:
    """How much better a way was on the same folds, and its standard error."""
    gains = [one - other for one, other in zip(own, others, strict=False)]
    if len(gains) < 2:
        return 0.0, 0.0
    return fmean(gains), stdev(gains) / math.sqrt(len(gains))


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
        gain, error = _gain(one.accuracies, favourite.accuracies)
        if one is not favourite and gain > max(error, best):
            taken, best = one, gain
            why = f"{100 * gain:.1f} points (±{100 * error:.1f}) more than {FAVOURITE} on its folds"
    return taken.way, f"{taken.way}: {why}"


def _probes(tuner: SentenceTuner, classes: Indices, splits: Splits) -> Judge:
    vectors = tuner.embed(tuner.trainer.learner.train_data.rows)
    return lambda fold: _head(vectors, classes, fold, splits, PROBE)


def _head(
    vectors: NDArray[np.float32], classes: Indices, fold: Fold, splits: Splits, tuning: Tuning
) -> NDArray[np.bool_]:
    learned, held = fold
    probe = probe_of(vectors[learned], classes[learned], len(splits.labels), tuning, 0)
    return np.asarray(probe.predict_proba(vectors[held]).argmax(axis=1) == classes[held])


def _tunings(
    tuner: SentenceTuner, classes: Indices, splits: Splits, settings: TrainingSettings
) -> Judge:
    rows, tuning = tuner.trainer.learner.train_data.rows, tuning_of(settings.training)

    def judge(fold: Fold) -> NDArray[np.bool_]:
        tuner.tune(rows, classes, tuning, settings.training.seed, among=fold[0])
        found = _head(tuner.embed(rows), classes, fold, splits, tuning)
        tuner.restore()
        return found

    return judge


def _full(settings: TrainingSettings, splits: Splits, classes: Indices) -> Judge:
    def judge(fold: Fold) -> NDArray[np.bool_]:
        learned, held = fold
        some = splits.train.iloc[learned].reset_index(drop=True)
        candidate = fit_full(settings, replace(splits, train=some))
        said = np.asarray(candidate.predict(splits.train["text"].iloc[held].tolist()))
        return np.asarray(said.argmax(axis=1) == classes[held])

    return judge


def few_shot_epochs(given: TrainConfig, texts: int) -> int:
    """The epochs that were asked for, or more where those are too few steps to learn anything."""
    asked = given.epochs or USUAL_EPOCHS
    return epochs_for(replace(given, epochs=None), texts, usual=asked)


def fit_few(
    settings: TrainingSettings, splits: Splits, model: str = "encoder"
) -> tuple[Trainer, float, FitResult]:
    """Train on a few rows: a fixed rate, enough steps, and no choice on validation rows.

    Args:
        settings: What is trained and how.
        splits: The rows.
        model: Its name among `MODELS`.

    Returns:
        The trained model, its maximum learning rate, and what training came to.
    """
    # A search needs a hundred batches of its own, and hundreds of validation rows would be a
    # luxury that someone with sixteen examples does not have.
    spec, given = MODELS[model], settings.training
    epochs = few_shot_epochs(given, len(splits.train))
    training = replace(
        given, epochs=epochs, keep_best="last", early_stopping=None, few_labels="full"
    )
    short = replace(settings, training=training)
    trainer: Trainer = spec.open(short, splits, taught(training, splits))
    rate = given.learning_rate or spec.usual_rate
    return trainer, rate, trainer.fit(rate, None, quiet=True, judged=False)


def fit_full(settings: TrainingSettings, splits: Splits, model: str = "encoder") -> Candidate:
    """What `fit_few` trains, to be asked."""
    trainer, rate, _ = fit_few(settings, splits, model)
    return Candidate(asks(trainer), learning_rate=rate)
