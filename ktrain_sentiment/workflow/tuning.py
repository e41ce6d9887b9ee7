"""Search settings that train well: each trial is a training, in a process of its own.

A trial is judged by its loss on validation rows. Test rows are not touched: `train` judges on them
what the search has chosen.
"""

from __future__ import annotations

import hashlib
import json
import logging
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from ktrain_sentiment.atomic import explained, write_json, write_text
from ktrain_sentiment.config import ComputeConfig, TrainingSettings
from ktrain_sentiment.config.flat import field_names, from_flat, to_flat, to_yaml
from ktrain_sentiment.config.tuning_config import (
    USUAL,
    USUAL_OF_KTRAIN_MODELS,
    USUAL_OF_LINEAR,
    Range,
    SearchSettings,
    TuneConfig,
)
from ktrain_sentiment.data import LabelledTexts, Splits, read_and_split
from ktrain_sentiment.errors import ConfigError, DataError, TrainingError, one_line
from ktrain_sentiment.messages import count
from ktrain_sentiment.runs import default_run
from ktrain_sentiment.training.backend import Logs
from ktrain_sentiment.training.callbacks import as_callback
from ktrain_sentiment.training.policies import planned_epochs
from ktrain_sentiment.training.trainer import FitResult
from ktrain_sentiment.workflow.lessons import taught
from ktrain_sentiment.workflow.models import MODELS, refuse_unlearnable, resolve_model
from ktrain_sentiment.workflow.processes import in_own_process
from ktrain_sentiment.workflow.run_places import SEARCH, differences, work_of
from ktrain_sentiment.workflow.studies import (
    ACCURACY,
    REASON,
    TRIALS,
    SharedStudy,
    is_database,
    this_process,
)

log = logging.getLogger(__name__)

SETTINGS, RESULT, BEST = "config.yaml", "search.json", "best.yaml"
"""Files of the folder; `train --config` takes the last."""

FAILURES = 3
"""Trials that may fail before one has come to its end."""

TRIED_GROUPS = ("model", "encoder", "training")
"""Groups of settings that trials may differ in: they learn from and are judged on the same rows."""

NOT_DECIDING = frozenset(
    {"trials", "minutes", "study", "data", "train", "checkpoint_every", *to_flat(ComputeConfig())}
)
"""Settings that machines which share a study need not have alike."""

_STATES = {
    TrialState.COMPLETE: "done", TrialState.PRUNED: "given up", TrialState.FAIL: "failed",
    TrialState.RUNNING: "in training",
}  # fmt: skip


@dataclass(frozen=True)
class TunedTrial:
    """A training that was tried.

    Attributes:
        number: Its number, from 0.
        values: The settings tried.
        loss: Loss on validation rows of its best epoch, in nats (of scores squared spreads); where
            it was given up, of its last epoch; None where there is none.
        accuracy: Accuracy on validation rows in that epoch; None where there is none.
        state: `done`, `given up`, `failed` or `in training`.
        seconds: How long it took.
        reason: Why it failed; empty otherwise.
    """

    number: int
    values: Mapping[str, Any]
    loss: float | None
    accuracy: float | None
    state: str
    seconds: float
    reason: str = ""


@dataclass(frozen=True)
class TuningResult:
    """A search, as far as it has come.

    Attributes:
        folder: Where its files are.
        trials: All of them, the best first.
        best: The settings of the best, for `train`.
        rows: Rows of each split.
    """

    folder: Path
    trials: tuple[TunedTrial, ...]
    best: TrainingSettings
    rows: Mapping[str, int]

    @property
    def best_values(self) -> dict[str, Any]:
        """The settings of the best that were tried."""
        flat = to_flat(self.best, TrainingSettings)
        return {name: flat[name] for name in self.trials[0].values}

    @property
    def conclusion(self) -> str:
        """Which settings are best, how far to believe it, and what to do with them."""
        first = self.trials[0]
        tried = ", ".join(f"{name} {shown(value)}" for name, value in self.best_values.items())
        right = "" if first.accuracy is None else f" (accuracy {100 * first.accuracy:.1f} %)"
        chosen, test = self.rows["validation"], self.rows["test"]
        working = sum(one.state == _STATES[TrialState.RUNNING] for one in self.trials)
        trials = count(len(self.trials) - working, "trial")
        if working:
            trials += f" ({working} more in training)"
        return (
            f"The best of {trials}: {tried}; loss {first.loss:.4f}{right} on {chosen:,} validation "
            f"rows. These rows chose it, so what they say of it is too good; "
            f"the {test:,} test rows were not touched. To train with it and be judged on them: "
            f"ktrain-sentiment train --config {self.folder / BEST}"
        )

    @property
    def figures(self) -> dict[str, Any]:
        """What `search.json` holds."""
        first = self.trials[0]
        return {
            "best": self.best_values,
            "validation_loss": first.loss,
            "validation_accuracy": first.accuracy,
            "rows": dict(self.rows),
            "config": str(self.folder / BEST),
            "trials": [vars(trial) for trial in self.trials],
        }


@dataclass(frozen=True)
class _Job:
    """What a process needs to take one trial."""

    settings: TrainingSettings
    splits: Splits
    study: SharedStudy
    wanted: int


def search_settings(settings: SearchSettings, texts: LabelledTexts | None = None) -> TuningResult:
    """Try settings until there are as many trials as asked for, or the time is over.

    Called again it goes on; called by several processes at once they share the work. The best
    settings are written after each trial.

    Args:
        settings: What stays the same, and what is tried, how often, and where trials are kept.
        texts: The rows, where they are read already by `settings.source`.

    Raises:
        InputError: The data, the settings, the ranges or the study cannot be used.
        TrainingError: No trial came to its end.
        KeyboardInterrupt: Ctrl-C; what was tried is kept.
    """
    tuning, place = settings.tuning, settings.tuning.study
    ranges = chosen_ranges(settings, tuning)
    refuse_unlearnable(settings)
    _, splits = read_and_split(settings.source, settings.split, texts)
    if not len(splits.validation):
        raise DataError("a search needs validation rows to judge by: leave --validation 0 out")
    refuse_unlearnable(settings, splits)
    if settings.training.learning_rate is None and "learning_rate" not in {r.name for r in ranges}:
        log.info("all at the usual learning rate (--learning-rate, or lr=low:high in --range)")
    shared = is_database(place)
    folder = Path(place) if place and not shared else default_run(settings.source.data, "search")
    study = SharedStudy(
        place if shared else str(folder),
        _study_name(settings, splits),
        ranges,
        settings.training.seed,
        tuning.prune,
        this_process(),
    )
    _begin(study, folder, settings)
    study.begin_with(usual_values(settings, ranges, len(splits.train)))
    job = _Job(settings, splits, study, tuning.trials)
    _take_trials(job, tuning.minutes, folder)
    if len(study.counted()) < tuning.trials and study.untried() == []:
        log.info("all settings within --range were tried: there are no others")
    found = _result(job, folder)
    _write(found)
    return found


def chosen_ranges(settings: TrainingSettings, tuning: TuneConfig) -> tuple[Range, ...]:
    """What is tried; each value is held to its setting before anything is trained.

    Raises:
        ConfigError: There is no such setting, it has no such value, or it is not one of training.
        EncoderError: An encoder among the values cannot be used.
    """
    if settings.training.few_labels != "full":
        raise ConfigError(
            f"--few-labels {settings.training.few_labels}: search is for training the whole net; "
            "leave it out (--few-labels auto chooses by itself)"
        )
    ktrain_usual = USUAL_OF_LINEAR if settings.model.is_linear else USUAL_OF_KTRAIN_MODELS
    usual = ktrain_usual if settings.model.is_ktrain_model else USUAL
    given = tuning.range or usual
    ranges = tuple(map(Range.parse, given))
    allowed = {name for group in TRIED_GROUPS for name in to_flat(getattr(settings, group))}
    for said, one in zip(given, ranges, strict=True):
        if one.name in field_names(TrainingSettings) - allowed | {"few_labels"}:
            raise ConfigError(
                f"--range {one.name}: trials must learn from the same rows in the same way; wanted "
                "a setting of the model, the encoder or the training"
            )
        for value in one.choices or (one.low, one.high):
            try:
                resolve_model(trial_settings(settings, {one.name: value}))
            except ConfigError as error:
                told = str(error).removeprefix("--range: ")
                raise ConfigError(f"--range {said}: {told}") from error
    return ranges


def trial_settings(settings: TrainingSettings, values: Mapping[str, Any]) -> TrainingSettings:
    """What a trial is trained by; nothing in it is left to be found in training.

    Raises:
        ConfigError: There is no such setting, it has no such value, or the model has no use for it.
    """
    made = from_flat(TrainingSettings, {**to_flat(settings, TrainingSettings), **values}, "--range")
    spec, training = MODELS[made.model.model], made.training
    spec.refuse_foreign(made)
    # The loss tells epochs apart, as it does trials, where accuracy on a few rows cannot.
    training = replace(
        training,
        learning_rate=training.learning_rate or spec.usual_rate,
        keep_best=training.keep_best or "loss",
    )
    return replace(made, training=training)


def usual_values(settings: TrainingSettings, ranges: Sequence[Range], texts: int) -> dict[str, Any]:
    """What would be trained without a search, of the settings that are tried, within their ranges.

    Args:
        settings: What stays the same.
        ranges: What is tried.
        texts: How many there are to learn from.
    """
    training = settings.training
    usual = to_flat(trial_settings(settings, {}))
    usual["epochs"] = planned_epochs(training, texts)
    usual["ngrams"] = settings.model.longest_ngram
    found = {}
    for one in ranges:
        value = usual[one.name]
        if one.choices and str(value) in one.choices:
            found[one.name] = str(value)
        elif not one.choices and value is not None and one.low <= value <= one.high:
            found[one.name] = value
    return found


def _study_name(settings: SearchSettings, splits: Splits) -> str:
    """Trials of other rows or settings are never mixed, even in one database."""
    flat = to_flat(settings, SearchSettings)
    decided = {name: value for name, value in flat.items() if name not in NOT_DECIDING}
    text = json.dumps([splits.fingerprint, decided], sort_keys=True, default=str)
    return f"ktrain-sentiment-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _is_of_a_search(folder: Path) -> bool:
    """Whether a folder is a search's own, or holds nothing yet."""
    if not folder.is_dir():
        return False
    if (config := folder / SETTINGS).is_file():  # Runs and prepared data have one as well.
        return work_of(config) == SEARCH
    # Another process may have just begun: its files are no strangers.
    return all(place.name.startswith((".", TRIALS)) for place in folder.iterdir())


def _begin(study: SharedStudy, folder: Path, settings: SearchSettings) -> None:
    """Take the folder for this study, and none besides it.

    Raises:
        ConfigError: It holds a study of other rows or settings, or something else.
    """
    config = folder / SETTINGS
    if is_database(study.place):
        study.open()  # Before a folder is made for one that cannot be used.
    if folder.exists() and not _is_of_a_search(folder):
        raise ConfigError(
            f"--study {folder} is no folder of a search: wanted one of a search, or a new one"
        )
    with explained(config):
        folder.mkdir(parents=True, exist_ok=True)
    if not is_database(study.place) and study.others():
        changed = []
        if config.is_file():
            changed = differences(config, settings, SearchSettings, NOT_DECIDING)
        raise ConfigError(
            f"--study {folder} was begun with {', '.join(changed) or 'other rows'}: give the same "
            "to go on, or another --study"
        )
    if not config.is_file():
        write_text(config, to_yaml(to_flat(settings, SearchSettings)))


def _take_trials(job: _Job, minutes: float | None, folder: Path) -> None:
    study, failures, took = job.study, 0, list[float]()
    end = time.monotonic() + 60 * (minutes or float("inf"))
    while True:
        study.put_back(own=False)
        if len(study.counted()) >= job.wanted:
            return
        if time.monotonic() + statistics.median(took or [0.0]) > end:
            log.info("the time is over: another trial would not end within --minutes")
            return
        began = time.monotonic()
        try:
            trial: TunedTrial | None = in_own_process(take_trial, job, quiet=True)
        except TrainingError as error:
            study.fail(one_line(error))
            log.warning("a trial failed: %s", one_line(error))
            failures += 1
            if failures == FAILURES and not _done(job):
                raise
            continue
        except BaseException as error:
            study.put_back(own=True)
            if isinstance(error, KeyboardInterrupt):
                said = "stopped; what was tried is kept: the same command goes on"
                raise KeyboardInterrupt(said) from None
            raise
        if trial is None:
            return
        took.append(time.monotonic() - began)
        tried = ", ".join(f"{name} {shown(value)}" for name, value in trial.values.items())
        came = "no result" if trial.loss is None else f"validation loss {trial.loss:.4f}"
        said = came if trial.state == "done" else f"{trial.state} at {came}"
        log.info("trial %d (%s): %s, %.0f s", trial.number, tried, said, trial.seconds)
        if _done(job):
            _write(_result(job, folder))


def take_trial(job: _Job) -> TunedTrial | None:
    """Take one trial and tell the study what it came to; None where there are enough.

    Raises:
        TrainingError: The loss diverged, or the disk is full.
    """
    trial = job.study.ask(job.wanted)
    if trial is None:
        return None
    try:
        fitted = _fit(job, trial)
    except optuna.TrialPruned:
        return _told(trial.study.tell(trial, state=TrialState.PRUNED))
    best = fitted.history.iloc[fitted.best_epoch - 1]
    if "val_accuracy" in best:
        trial.set_user_attr(ACCURACY, float(best["val_accuracy"]))
    return _told(trial.study.tell(trial, float(best["val_loss"])))


def _fit(job: _Job, trial: optuna.Trial) -> FitResult:
    settings = trial_settings(job.settings, trial.params)
    training, splits = settings.training, job.splits
    learned = taught(training, splits, settings.source)
    trainer = resolve_model(settings).open(settings, splits, learned)
    epochs = planned_epochs(trainer.config, trainer.learner.train_data.nsamples())
    watch = as_callback(trainer.backend, Report, trial, epochs)
    assert training.learning_rate is not None, "trial_settings gives one"
    return trainer.fit(training.learning_rate, None, quiet=True, extra_callbacks=(watch,))


class Report:
    """Tells each epoch's validation loss, and ends a training that is not worth going on with.

    Its place is told as the share of all epochs, in percent: halfway through a schedule a loss can
    be compared with those of others halfway through theirs, however long these are.
    """

    def __init__(self, trial: optuna.Trial, epochs: int) -> None:
        """Tell of this trial, which takes so many epochs."""
        super().__init__()
        self._trial = trial
        self._epochs = epochs
        self._told = 0

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Tell the loss.

        Raises:
            TrialPruned: Others had a lower loss at this place.
        """
        share = 100 * (epoch + 1) // self._epochs
        if share > self._told:  # Of more than a hundred epochs some end at the same.
            self._trial.report(float((logs or {})["val_loss"]), share)
            self._told = share
        if epoch + 1 < self._epochs and self._trial.should_prune():
            raise optuna.TrialPruned


def _done(job: _Job) -> bool:
    return any(one.state == TrialState.COMPLETE for one in job.study.counted())


def _result(job: _Job, folder: Path) -> TuningResult:
    trials = [_told(one) for one in job.study.counted()]
    order = {state: place for place, state in enumerate(_STATES.values())}
    trials.sort(key=lambda one: (order[one.state], one.loss or 0.0, one.number))
    if not trials or trials[0].state != "done":
        working = any(one.state == _STATES[TrialState.RUNNING] for one in trials)
        raise TrainingError(
            "no trial has come to its end yet, and others are in training: wait for these"
            if working
            else "no trial came to its end: try lower learning rates (--range)"
        )
    best = trial_settings(job.settings, trials[0].values)
    return TuningResult(folder, tuple(trials), best, job.splits.sizes())


def _write(found: TuningResult) -> None:
    write_text(found.folder / BEST, to_yaml(to_flat(found.best, TrainingSettings)))
    write_json(found.folder / RESULT, found.figures)


def _told(trial: FrozenTrial) -> TunedTrial:
    return TunedTrial(
        trial.number,
        trial.params,
        trial.value if trial.state.is_finished() else None,
        trial.user_attrs.get(ACCURACY),
        _STATES[trial.state],
        trial.duration.total_seconds() if trial.duration else 0.0,
        trial.user_attrs.get(REASON, ""),
    )


def shown(value: object) -> str:
    """A value that was tried, for people."""
    return f"{value:.2g}" if isinstance(value, float) else str(value)
