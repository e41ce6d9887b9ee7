"""One of several workers that train an encoder together, or the only one; it says what a step took.

python benchmarks/workers/train_together.py INDEX PORTS THREADS TEXTS ENCODER EPOCHS WEIGHTS
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from answers import say

from ktrain_sentiment.config import (
    ComputeConfig,
    DataConfig,
    EncoderConfig,
    SplitConfig,
    TrainConfig,
)
from ktrain_sentiment.data import read_labelled, split
from ktrain_sentiment.encoders import resolve
from ktrain_sentiment.training.backend import join_cluster
from ktrain_sentiment.training.callbacks import as_callback
from ktrain_sentiment.training.cluster import Cluster
from ktrain_sentiment.training.encoder_trainer import open_encoder_trainer


class Clock:
    """Notes, from the second epoch on, when and at what cost each step ended."""

    def __init__(self) -> None:
        """Note nothing yet."""
        super().__init__()
        self.epoch = 0
        self.ends: list[tuple[float, float]] = []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ANN401
        """Remember the epoch."""
        del logs
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ANN401
        """Note the time."""
        del batch, logs
        if self.epoch:
            self.ends.append((time.monotonic(), time.process_time()))


def main() -> None:
    """Train, and say what the steps took."""
    index, ports, threads, texts, encoder, epochs, weights = sys.argv[1:]
    addresses = tuple(f"127.0.0.1:{port}" for port in ports.split(","))
    if len(addresses) > 1:
        join_cluster(Cluster(addresses, int(index)))
    splits = split(read_labelled(DataConfig(data=texts)), SplitConfig(validation=0.1, test=0))
    config = TrainConfig(
        epochs=int(epochs), adversarial_epsilon=0.0, ema_decay=0.0, keep_best="last"
    )
    trainer = open_encoder_trainer(
        resolve(encoder),
        splits,
        EncoderConfig(maxlen=64),
        config,
        ComputeConfig(device="cpu", threads=int(threads)),
    )
    clock = as_callback(trainer.backend, Clock)
    trainer.fit(5e-5, None, quiet=True, judged=False, extra_callbacks=(clock,))
    wall, processor = np.diff(np.array(clock.ends), axis=0).T
    np.savez(Path(weights), *trainer.model.get_weights())
    say(
        step_ms=round(1000 * float(np.median(wall))),
        processor_ms=round(1000 * float(np.mean(processor))),
        steps=len(wall),
        precision=trainer.backend.precision,
        done=True,
    )


if __name__ == "__main__":
    main()
