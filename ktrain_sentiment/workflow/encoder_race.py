"""Which encoder suits the rows at hand: several learn from a part of them, and more of it if close.

By successive halving (Jamieson and Talwalkar 2016, arXiv:1502.07943): all learn from a few hundred
rows; those that are behind on the validation rows by more than chance are given up, and the others
begin anew on four times as many, as long as that fits the time. What is judged is what would be
shipped, int8 where its gate lets it pass, and so is what is timed.
"""

from __future__ import annotations

import logging
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from ktrain_sentiment.config import EncoderConfig, TrainingSettings
from ktrain_sentiment.config.train_config import AUTO
from ktrain_sentiment.data import Splits
from ktrain_sentiment.encoders import resolve
from ktrain_sentiment.errors import EncoderError, InputError, MissingExtraError
from ktrain_sentiment.evaluation.predictions import truth_of
from ktrain_sentiment.evaluation.ranking import (
    Costs,
    Entry,
    Outcome,
    cheapest_of_best,
    equals,
    rank,
    recommend,
)
from ktrain_sentiment.evaluation.record import EncoderRace, EncoderTrial
from ktrain_sentiment.training.adversarial import adversarial_distance
from ktrain_sentiment.training.policies import planned_steps
from ktrain_sentiment.workflow.classifiers import open_shipped, save_trained
from ktrain_sentiment.workflow.few_labels import fit_few
from ktrain_sentiment.workflow.models import MODELS
from ktrain_sentiment.workflow.processes import in_own_process
from ktrain_sentiment.workflow.recording import measure

log = logging.getLogger(__name__)

FIRST_ROWS, GROWTH = 500, 4
"""Rows of the first heat, and how many times as many each further one has."""


@dataclass(frozen=True, kw_only=True)
class Lap(Outcome):
    """An encoder that learned from some rows, and was asked for the validation rows.

    Attributes:
        rows: How many.
        step_seconds: Time of a step, once its shapes are compiled.
        other_seconds: Time before the first step and after the last, for which more rows are no
            reason to take longer.
    """

    rows: int
    step_seconds: float
    other_seconds: float


def is_open(settings: TrainingSettings) -> bool:
    """Whether the encoder is still to be chosen."""
    return not settings.model.is_ktrain_model and settings.encoder.encoder == AUTO


def with_encoder(settings: TrainingSettings, name: str) -> TrainingSettings:
    """The settings with another encoder, and nothing left to choose."""
    usual = EncoderConfig.encoders
    return replace(settings, encoder=replace(settings.encoder, encoder=name, encoders=usual))


def choose_encoder(
    settings: TrainingSettings, splits: Splits, texts: int | None = None
) -> EncoderRace:
    """Let encoders learn from a part of the training rows, and say which one to take.

    Args:
        settings: What is trained, with `encoder.encoder` left to choose.
        splits: The rows; test rows are not looked at.
        texts: How many the training behind learns from; the training rows when None.

    Raises:
        EncoderError: None of the encoders can be used.
        InputError: The rows cannot be learned from.
    """
    names, minutes = settings.encoder.encoders, settings.encoder.encoder_minutes
    log.info(
        "choosing among %s for up to %g minutes (--encoder-minutes)", ", ".join(names), minutes
    )
    places, left_out = _places(settings, names)
    end = time.monotonic() + 60 * minutes  # What had to be fetched is no part of it.
    laps: dict[str, Lap] = {}
    entries: dict[str, Entry] = {}
    truth = truth_of(splits.validation["label"], splits.labels, splits.task)
    total = len(splits.train)
    steps = _steps_behind(settings, texts or total)
    rows, running = min(FIRST_ROWS, total), sorted(places, key=lambda name: _size(places[name]))
    while True:
        these: dict[str, Lap] = {}
        for name in running:
            known = laps.get(name)
            due = _expected(known, rows) if known else _like_the_last(these, places, name)
            if these and time.monotonic() + due > end:
                left_out[name] = f"{rows:,} rows would take about {due / 60:.1f} minutes"
                continue
            log.info("%s learns from %s rows", name, f"{rows:,}")
            some = replace(splits, train=_part(splits, rows, settings.training.seed))
            these[name] = in_own_process(run_lap, with_encoder(settings, name), some, quiet=True)
            if due := _due_behind(these[name], steps):
                log.info(
                    "%s: the whole training would take about %.1f minutes, by the pace of these "
                    "steps", name, due / 60,
                )  # fmt: skip
        laps |= these
        ranked = rank(truth, these, splits.labels, splits.task)
        entries |= {one.name: one for one in ranked}
        running = [one.name for one in equals(ranked)]
        worse = f"worse than {ranked[0].name} by more than chance"
        left_out |= dict.fromkeys(these.keys() - set(running), worse)
        more = min(GROWTH * rows, total)
        due = sum(_expected(laps[name], more) for name in running)
        if len(running) < 2 or rows == total or time.monotonic() + due > end:
            break
        rows = more
    taken = cheapest_of_best(ranked)
    trials = [
        _trial(name, laps.get(name), entries.get(name), left_out.get(name, ""), steps)
        for name in names
    ]
    return EncoderRace(
        taken=taken.name, why=recommend(ranked), minutes=minutes, validation=len(splits.validation),
        trials=tuple(trials),
    )  # fmt: skip


def _places(
    settings: TrainingSettings, names: tuple[str, ...]
) -> tuple[dict[str, Path], dict[str, str]]:
    """The folders of the encoders that can be used, and why the others cannot."""
    places: dict[str, Path] = {}
    left_out: dict[str, str] = {}
    for name in names:
        try:
            MODELS["encoder"].check(with_encoder(settings, name))
            places[name] = resolve(name)
        except (InputError, MissingExtraError) as error:
            left_out[name] = str(error)
            log.warning("%s: left out: %s", name, error)
    if not places:
        raise EncoderError(
            f"--encoder auto: none of {', '.join(names)} can be used; the messages above say why"
        )
    return places, left_out


def _size(place: Path) -> int:
    return sum(file.stat().st_size for file in place.glob("*.safetensors")) or sum(
        file.stat().st_size for file in place.iterdir() if file.is_file()
    )


def _expected(lap: Lap, rows: int) -> float:
    """Seconds that so many rows would take; too many, as starting takes no longer for more."""
    return lap.costs.train_seconds * rows / lap.rows


def _steps_behind(settings: TrainingSettings, texts: int) -> int:
    """How often the race's step is taken in the training behind; 0 where its steps are others."""
    config = settings.training
    if config.few_labels != "full":
        return 0
    steps = planned_steps(config, texts)
    # Each batch is learned twice then, which the race does without.
    steps *= 2 if adversarial_distance(config, texts) else 1
    steps *= 1 + settings.split.folds
    if config.learning_rate is None:
        steps += MODELS["encoder"].searches(settings)[0].search_steps or 0
    return steps


def _due_behind(lap: Lap, steps: int) -> float:
    """Seconds that the training behind would take, estimated; 0 where its steps are others."""
    return steps * lap.step_seconds + lap.other_seconds if steps else 0.0


def _like_the_last(laps: dict[str, Lap], places: dict[str, Path], name: str) -> float:
    """Seconds that an encoder will take, by its size and the time of the one before."""
    if not laps:
        return 0.0
    last = list(laps)[-1]
    return laps[last].costs.train_seconds * _size(places[name]) / max(_size(places[last]), 1)


def _part(splits: Splits, rows: int, seed: int) -> pd.DataFrame:
    """Some of the training rows, the same for each encoder; each label has some."""
    train = splits.train
    if rows >= len(train):
        return train
    order = np.random.default_rng(seed).permutation(len(train))
    first = train["label"].iloc[order].drop_duplicates().index
    chosen = [*first, *train.index[order].difference(first, sort=False)][: max(rows, len(first))]
    return train.loc[sorted(chosen)].reset_index(drop=True)


def run_lap(settings: TrainingSettings, splits: Splits) -> Lap:
    """Train an encoder on some rows, export it, and ask it for the validation rows.

    For a process of its own: frameworks never give their memory back.

    Raises:
        InputError: The encoder cannot be trained on these rows.
    """
    begun = time.perf_counter()
    # What helps one encoder helps the others: the race does without what takes as long again.
    training = replace(
        settings.training, adversarial_epsilon=0.0, teacher=None, unlabelled="", augment=False
    )
    settings = replace(settings, training=training)
    trainer, _, fitted = fit_few(settings, splits)
    texts = splits.validation["text"].tolist()
    with tempfile.TemporaryDirectory(prefix="ktrain-sentiment-") as scratch:
        folder = Path(scratch, "predictor")
        save_trained(trainer, MODELS["encoder"], splits, folder, settings)
        seconds = time.perf_counter() - begun
        shipped = open_shipped(folder, trainer)
        speed = measure(shipped, texts, folder)
        return Lap(
            np.asarray(shipped.predict_proba(texts), np.float64),
            Costs(
                train_seconds=seconds,
                texts_per_second=speed.texts_per_second,
                latency_ms=speed.milliseconds,
                memory_mb=0.0,
                disk_mb=sum(speed.files.values()) / 1e6,
            ),
            rows=len(splits.train),
            step_seconds=fitted.step_seconds,
            other_seconds=seconds - fitted.seconds,
        )


def _trial(
    name: str, lap: Lap | None, entry: Entry | None, left_out: str, steps: int
) -> EncoderTrial:
    """What an encoder came to in the last heat that it took part in."""
    if lap is None or entry is None:
        return EncoderTrial(encoder=name, left_out=left_out)
    return EncoderTrial(
        encoder=name,
        rows=lap.rows,
        accuracy=entry.metrics.accuracy,
        milliseconds=lap.costs.latency_ms,
        seconds=lap.costs.train_seconds,
        training_seconds=round(_due_behind(lap, steps), 1),
        left_out=left_out,
    )
