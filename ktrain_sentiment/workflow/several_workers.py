"""Training by several workers: who takes part, what they cannot do, the part of all but the first.

The first worker is the training run of any other day (`training.py`); the others read the same
rows, open the same model, and take its steps with it. They write nothing.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from ktrain_sentiment.config import TrainingSettings
from ktrain_sentiment.config.flat import to_flat
from ktrain_sentiment.data import LabelledTexts, Splits, read_and_split
from ktrain_sentiment.errors import ConfigError, TrainingError
from ktrain_sentiment.inference.runners import usable_cores
from ktrain_sentiment.refusals import refuse
from ktrain_sentiment.training.backend import join_cluster
from ktrain_sentiment.training.cluster import VARIABLE, Cluster, cluster_from, disagreements
from ktrain_sentiment.training.trainer import Trainer
from ktrain_sentiment.version import __version__
from ktrain_sentiment.workflow.encoder_race import is_open
from ktrain_sentiment.workflow.lessons import taught
from ktrain_sentiment.workflow.models import refuse_unlearnable, resolve_model
from ktrain_sentiment.workflow.processes import begin_process, how_it_ended

WITH_THEM = "workers"
"""What `refusals.py` calls training by several workers."""

_OWN = frozenset({"data", "threads", "checkpoint_every", "device"})
"""Settings in which workers may differ: the rows are compared instead of their place."""


def refuse_with_workers(settings: TrainingSettings, count: int) -> None:
    """Refuse what several workers cannot train.

    Args:
        settings: What to train.
        count: How many workers.

    Raises:
        ConfigError: They cannot.
    """
    training, model = settings.training, settings.model
    if model.is_ktrain_model:
        refuse(WITH_THEM, "--model", given=f"--model {model.model}")
    if is_open(settings):
        refuse(WITH_THEM, "--encoder", given="--encoder auto")
    given = {
        "--few-labels": training.few_labels != "full",
        "--teacher": training.teacher is not None,
        "--folds": bool(settings.split.folds),
    }
    for flag, is_given in given.items():
        if is_given:
            refuse(WITH_THEM, flag, given=flag)
    if training.batch_size < count:
        raise ConfigError(
            f"--batch-size {training.batch_size}: {count} workers share a batch, and each needs a "
            "row of it: take a larger batch, or fewer workers"
        )


def cluster_of(workers: int, environment: Mapping[str, str] = os.environ) -> Cluster | None:
    """Who trains together: by `TF_CONFIG`, or so many on this machine; None: this process alone.

    Args:
        workers: `--workers`.
        environment: The process's variables.

    Raises:
        ConfigError: `TF_CONFIG` cannot be understood, or `--workers` is given as well.
    """
    cluster = cluster_from(environment)
    if workers == 1:
        return cluster
    if cluster is not None:
        raise ConfigError(
            f"--workers {workers}: {VARIABLE} names {len(cluster.addresses)} workers already; "
            "leave one of them out"
        )
    addresses = tuple(f"127.0.0.1:{port}" for port in free_ports(workers))
    return Cluster(addresses, 0, here=True, threads=max(1, usable_cores() // workers))


def free_ports(count: int) -> list[int]:
    """Ports of this machine at which nobody listens, all different.

    Args:
        count: How many.
    """
    with contextlib.ExitStack() as held:
        taken = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in taken:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in taken]


@contextlib.contextmanager
def others_here(
    settings: TrainingSettings, texts: LabelledTexts | None, cluster: Cluster | None
) -> Iterator[None]:
    """Have the other workers of this machine run meanwhile, and end with this one.

    Args:
        settings: What to train.
        texts: The rows, where they are read already.
        cluster: Who takes part; nobody is started where they are elsewhere.

    Raises:
        TrainingError: The training failed, and what another worker said of it is known.
    """
    if cluster is None or not cluster.here:
        yield
        return
    started: dict[Path, subprocess.Popen[bytes]] = {}
    with tempfile.TemporaryDirectory(prefix="ktrain-sentiment-") as scratch:
        try:
            for index in range(1, len(cluster.addresses)):
                place = Path(scratch, str(index))
                place.mkdir()
                part = replace(cluster, index=index)
                started[place] = begin_process(place, place / "log", follow, settings, part, texts)
            yield
        except TrainingError as error:
            ends = {place: how_it_ended(place, one.poll()) for place, one in started.items()}
            said = "".join(f"; worker {place.name}: {end}" for place, end in ends.items() if end)
            raise TrainingError(f"{error}{said}") from error
        finally:
            for one in started.values():
                one.kill()
                one.wait()


def follow(
    settings: TrainingSettings, cluster: Cluster, texts: LabelledTexts | None = None
) -> None:
    """Train as one of the workers that are not the first; nothing is written.

    Args:
        settings: As the first worker has them.
        cluster: Who takes part.
        texts: The rows, where they are read already.

    Raises:
        InputError: The data, the encoder or the settings cannot be used, or are not the first's.
        TrainingError: The loss diverged, or another worker is gone.
    """
    join_cluster(cluster)
    refuse_with_workers(settings, len(cluster.addresses))
    refuse_unlearnable(settings)
    _, splits = read_and_split(settings.source, settings.split, texts)
    refuse_unlearnable(settings, splits)
    learned = taught(settings.training, splits)
    trainer = resolve_model(settings).open(settings, splits, learned)
    agree(trainer, settings, splits)
    trainer.fit(common_rate(trainer), None, quiet=True)


def agree(trainer: Trainer, settings: TrainingSettings, splits: Splits) -> None:
    """Refuse to train with workers of another version, other settings or other rows.

    Raises:
        ConfigError: One is such; each worker says the same of it.
    """
    workers = trainer.backend.workers
    if workers is None:
        return
    flat = to_flat(settings, TrainingSettings)
    tensorflow = trainer.backend.versions["tensorflow"]
    words = workers.all_words(
        {
            "version": f"{__version__} (TensorFlow {tensorflow})",
            "settings": {name: value for name, value in flat.items() if name not in _OWN},
            "rows": f"with the fingerprint {splits.fingerprint}",
        }
    )
    if said := disagreements(words):
        raise ConfigError(said)


def common_rate(trainer: Trainer, rate: float | None = None) -> float:
    """The learning rate of the first worker, which alone searches it."""
    workers = trainer.backend.workers
    return float(rate if workers is None else workers.chiefs_word(rate))  # type: ignore[arg-type]
