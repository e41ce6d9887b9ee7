"""Trials that several processes and machines share, kept by Optuna in a file or a database.

Optuna keeps the trials and proposes the next (Akiba et al. 2019, arXiv:1907.10902), by a
tree-structured Parzen estimator (Bergstra et al. 2011). A trial belongs to the process that asked
for it; whoever finds that this process is gone puts its settings back, to be tried again.
"""

from __future__ import annotations

import datetime
import itertools
import math
import os
import platform
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import BaseStorage, JournalStorage, get_storage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from ktrain_sentiment.atomic import is_alive
from ktrain_sentiment.config.tuning_config import Range
from ktrain_sentiment.errors import ConfigError, one_line
from ktrain_sentiment.remote import url_of

TRIALS = "trials.log"
"""The file that keeps the trials of a study in a folder."""

STARTUP = 5
"""Trials before any is given up, and before proposals follow what was seen."""

FORSAKEN = datetime.timedelta(days=1)
"""After this time a trial of another machine, which cannot be asked, counts as stopped."""

REASON, ACCURACY = "reason", "accuracy"
"""Attributes of a trial: why it failed, and its accuracy on validation rows."""
_OWNER, _VOID = "owner", "void"
"""Attributes of a trial: who trains it, and why it does not count as one."""


_MANY = 10_000
"""Settings from which on a search is not likely to come to its end."""


def is_database(place: str) -> bool:
    """Whether trials are kept in a database, and not in a folder."""
    return bool(url_of(place))


def this_process() -> str:
    """Host, number and start of this process: numbers alone are given again."""
    return f"{platform.node()}:{os.getpid()}:{_start_of(os.getpid())}"


def _start_of(pid: int) -> str:
    """When a process was started, in ticks since the machine was; empty where nobody tells."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace")
    except OSError:
        return ""
    # Its name stands before, which may hold spaces and brackets. Z: it has ended already.
    state, *fields = told.rpartition(")")[2].split()
    return "" if state == "Z" else fields[18]


def _is_at_work(trial: FrozenTrial) -> bool:
    host, _, rest = trial.user_attrs.get(_OWNER, "").partition(":")
    pid, _, start = rest.partition(":")
    if host != platform.node():
        now = datetime.datetime.now()  # noqa: DTZ005 - as Optuna has it
        return now - (trial.datetime_start or now) < FORSAKEN
    return is_alive(int(pid)) and _start_of(int(pid)) == start


@dataclass(frozen=True)
class SharedStudy:
    """A study, for one process of many.

    Attributes:
        place: A folder, or the URL of a database.
        name: What the study is called there; trials of other rows or settings are never mixed.
        ranges: What is tried.
        seed: Decides what is proposed, with the number of the trial.
        prune: Whether trainings that look hopeless are given up.
        owner: The process that answers for the trials.
    """

    place: str
    name: str
    ranges: tuple[Range, ...]
    seed: int
    prune: bool
    owner: str

    def storage(self) -> BaseStorage:
        """Where the trials are.

        Raises:
            ConfigError: It cannot be used.
        """
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        try:
            if is_database(self.place):
                return get_storage(self.place)
            return JournalStorage(JournalFileBackend(str(Path(self.place, TRIALS))))
        except Exception as error:
            # What a driver of a database raises is its own affair.
            raise ConfigError(
                f"--study {self.place}: cannot be used: {_plainly(error)}; wanted a folder, or a "
                "database such as sqlite:///trials.db"
            ) from error

    def others(self) -> list[str]:
        """Names of other studies that are kept in the same place."""
        return [name for name in optuna.get_all_study_names(self.storage()) if name != self.name]

    def open(self) -> optuna.Study:
        """The study; it is made where there is none."""
        pruner: optuna.pruners.BasePruner = optuna.pruners.NopPruner()
        if self.prune:
            pruner = optuna.pruners.MedianPruner(STARTUP)
        storage = self.storage()
        # Not merely created where there is none: each attempt would be a line of the file.
        if self.name not in optuna.get_all_study_names(storage):
            optuna.create_study(storage=storage, study_name=self.name, load_if_exists=True)
        return optuna.load_study(storage=storage, study_name=self.name, pruner=pruner)

    def begin_with(self, values: Mapping[str, Any]) -> None:
        """Try these settings first, where nothing was tried yet."""
        study = self.open()
        if not study.trials:
            study.enqueue_trial(dict(values), skip_if_exists=True)

    def ask(self, wanted: int) -> optuna.Trial | None:
        """The next trial, its settings chosen; None where there are enough, or no others to try.

        Args:
            wanted: Trials in all. Two processes may ask at once, and the later gives way.
        """
        study = self.open()
        while len(self.counted()) < wanted and (left := self.untried()) != []:
            trial = study.ask()
            trial.set_user_attr(_OWNER, self.owner)
            earlier = [one for one in self.counted() if one.number < trial.number]
            if len(earlier) >= wanted:
                self._end(trial.number, _VOID, "enough")
                break
            # By the trial's place, so that processes which ask at once try different settings, and
            # a search that was stopped goes on as if it had not been.
            seed = self.seed * 1000 + len(earlier)
            study.sampler = optuna.samplers.TPESampler(
                seed=seed, n_startup_trials=STARTUP, constant_liar=True
            )
            for one in self.ranges:
                _suggest(trial, one)
            if left is None or all(one.params != trial.params for one in earlier):
                return trial
            # The same settings come to the same loss, and few are proposed again and again.
            self._end(trial.number, _VOID, "repeated")
            study.enqueue_trial(random.Random(seed).choice(left))  # noqa: S311 - no secret
        return None

    def untried(self) -> list[dict[str, Any]] | None:
        """The settings within the ranges that no trial has; None where they are many."""
        values = [
            one.choices or (range(int(one.low), int(one.high) + 1) if one.whole else range(_MANY))
            for one in self.ranges
        ]
        if math.prod(map(len, values)) >= _MANY:
            return None
        names = [one.name for one in self.ranges]
        tried = [one.params for one in self.counted()]
        there = [dict(zip(names, one, strict=True)) for one in itertools.product(*values)]
        return [one for one in there if one not in tried]

    def counted(self) -> list[FrozenTrial]:
        """The trials that were made or are being made."""
        return [
            one
            for one in self.open().get_trials(deepcopy=False)
            if one.state != TrialState.WAITING and _VOID not in one.user_attrs
        ]

    def put_back(self, *, own: bool) -> None:
        """Stop trials of processes that are gone, and let others try their settings.

        Args:
            own: The same of this process's own trials.
        """
        study = self.open()
        for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            mine = trial.user_attrs.get(_OWNER) == self.owner
            gone = own if mine else not _is_at_work(trial)
            if gone and self._end(trial.number, _VOID, "stopped"):
                study.enqueue_trial(trial.params)

    def fail(self, reason: str) -> None:
        """Say of this process's own trials that they failed; they are not tried again."""
        for trial in self.open().get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if trial.user_attrs.get(_OWNER) == self.owner:
                self._end(trial.number, REASON, reason)

    def _end(self, number: int, name: str, value: str) -> bool:
        """End a trial without a result; False where another process has just done so."""
        storage = self.storage()
        study = storage.get_study_id_from_name(self.name)
        trial = storage.get_trial_id_from_study_id_trial_number(study, number)
        try:
            storage.set_trial_user_attr(trial, name, value)
            return storage.set_trial_state_values(trial, TrialState.FAIL)
        except UpdateFinishedTrialError:
            return False


_FRAME = re.compile(r"^\([\w.]+\) |\s*\(Background on this error at: [^)]*\)")
"""What SQLAlchemy puts around the message of a database's driver."""
_NO_DIALECT = re.compile(r"Can't load plugin: sqlalchemy\.dialects:(.*)")


def _plainly(error: Exception) -> str:
    """What a database, or what talks to it, has against a place."""
    for one in (error, error.__cause__, error.__context__):
        if isinstance(one, ModuleNotFoundError) and one.name:
            return f"its driver is not installed (pip install {one.name})"
    said = _FRAME.sub("", one_line(error))
    return _NO_DIALECT.sub(r"there is no kind of database called \1", said)


def _suggest(trial: optuna.Trial, one: Range) -> None:
    if one.choices:
        trial.suggest_categorical(one.name, one.choices)
    elif one.whole:
        trial.suggest_int(one.name, int(one.low), int(one.high), log=one.logarithmic)
    else:
        trial.suggest_float(one.name, one.low, one.high, log=one.logarithmic)
