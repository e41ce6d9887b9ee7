"""Workers that train tiny encoders together, each a process of its own, on this machine's loopback.

python tests/support/team.py ENCODER FOLDER WORKERS INDEX PORTS JOB...
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from ktrain_sentiment.workflow.several_workers import free_ports
from support.process import ROOT

FAST = {"accelerate": True, "adversarial_epsilon": 1.0, "class_weight": "balanced"}
PLAIN = {"accelerate": False, "accumulate": 2, "policy": "triangular"}
JOBS: dict[str, dict[str, Any]] = {
    "fast": FAST,
    "begun": {**FAST, "stop_at": (1, 4)},
    "gone on": {**FAST, "resume": "begun"},
    "plain": PLAIN,
    "killed": {**PLAIN, "kill_at": (1, 4)},
    "gone on alone": {**PLAIN, "resume": "killed"},
}
"""What is trained, by name: `stop_at` ends it on all workers before that step, `kill_at` kills the
last worker there, `resume` goes on from what the other job left."""
ROWS = 139
"""Batches of 16: the last one has 11, which two workers cannot share evenly."""


class StoppedError(Exception):
    """Stands for the end of all workers."""


def start(encoder: Path, folder: Path, workers: int, *jobs: str) -> list[subprocess.Popen[str]]:
    """Start all workers on some jobs, one after the other; each leaves `JOB-WORKERS-INDEX.npz`."""
    ports = ",".join(map(str, free_ports(workers)))
    return [
        subprocess.Popen(
            [sys.executable, "-m", "support.team", str(encoder), str(folder), str(workers),
             str(index), ports, *jobs],
            env={**os.environ, "PYTHONPATH": f"{ROOT}/tests{os.pathsep}{ROOT}"},
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for index in range(workers)
    ]  # fmt: skip


def finish(processes: list[subprocess.Popen[str]], seconds: float = 500) -> list[str]:
    """What each said on standard error when it ended."""
    try:
        return [one.communicate(timeout=seconds)[1] for one in processes]
    finally:
        for one in processes:
            one.kill()


class _EndAt:
    def __init__(self, epoch: int, step: int, *, kill: bool) -> None:
        super().__init__()
        self.when, self.kill, self.epoch = (epoch, step), kill, 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.epoch = epoch

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        if (self.epoch, batch) != self.when:
            return
        if self.kill:
            os.kill(os.getpid(), signal.SIGKILL)
        raise StoppedError


def _work(
    encoder: Path, folder: Path, workers: int, index: int, ports: str, jobs: list[str]
) -> None:
    from ktrain_sentiment.config import ComputeConfig, EncoderConfig, TrainConfig
    from ktrain_sentiment.data.labelled import Splits
    from ktrain_sentiment.training.backend import join_cluster
    from ktrain_sentiment.training.callbacks import as_callback
    from ktrain_sentiment.training.checkpoints import Checkpoints
    from ktrain_sentiment.training.cluster import Cluster
    from ktrain_sentiment.training.encoder_trainer import open_encoder_trainer
    from support.reviews import make_reviews
    from training.conftest import frame_of

    rows = make_reviews(ROWS + 60)
    labels = tuple(sorted({label for _, label in rows}))
    splits = Splits(frame_of(rows[:ROWS]), frame_of(rows[ROWS:]), frame_of([]), labels)
    if workers > 1:
        addresses = tuple(f"127.0.0.1:{port}" for port in ports.split(","))
        join_cluster(Cluster(addresses, index, threads=1))
    for name in jobs:
        job = {"epochs": 2, "batch_size": 16, "adversarial_epsilon": 0.0, **JOBS[name]}
        stop_at, kill_at = job.pop("stop_at", None), job.pop("kill_at", None)
        resume = job.pop("resume", "")
        compute = ComputeConfig(
            accelerate=job.pop("accelerate"), precision="float32", device="cpu", threads=1
        )
        trainer = open_encoder_trainer(
            encoder, splits, EncoderConfig(maxlen=32), TrainConfig(**job), compute
        )
        more = []
        if stop_at or (kill_at and index == workers - 1):
            when = stop_at or kill_at
            more = [as_callback(trainer.backend, _EndAt, *when, kill=stop_at is None)]
        place = folder / "checkpoints" / (resume or name)
        kept = Checkpoints(place) if index == 0 else None
        try:
            fitted = trainer.fit(
                1e-3, kept, 3, resume=bool(resume), quiet=True, extra_callbacks=tuple(more)
            )
        except StoppedError:
            continue
        weights = {f"{k:03d}": w for k, w in enumerate(trainer.model.get_weights())}
        target = folder / f"{name}-{workers}-{index}"
        np.savez(target.with_suffix(".npz"), **weights)
        target.with_suffix(".json").write_text(json.dumps(fitted.history.to_dict("records")))


if __name__ == "__main__":
    place, target, count, mine, addresses, *names = sys.argv[1:]
    _work(Path(place), Path(target), int(count), int(mine), addresses, names)
