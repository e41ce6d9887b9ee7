"""This package with its defaults, but for how far embeddings are moved: the second argument.

0 trains as the others do; 1 is the default where there are so few texts.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import train_loop

if __name__ == "__main__":
    clock, task = train_loop.Clock(), train_loop.task()
    import pandas as pd

    from ktrain_sentiment.config import ComputeConfig, EncoderConfig, TrainConfig
    from ktrain_sentiment.data import Splits
    from ktrain_sentiment.training.callbacks import as_callback
    from ktrain_sentiment.training.checkpoints import Checkpoints
    from ktrain_sentiment.training.encoder_trainer import open_encoder_trainer

    def frame(name: str) -> pd.DataFrame:
        """The rows of a split."""
        named = [task["labels"][k] for k in task[f"{name}_y"]]
        return pd.DataFrame({"text": task[name], "label": named, "row": range(len(named))})

    dev = frame("dev")
    splits = Splits(
        train=frame("train"), validation=dev, test=dev[:0], labels=tuple(task["labels"])
    )
    config = TrainConfig(
        epochs=task["epochs"],
        batch_size=task["batch_size"],
        seed=task["seed"],
        keep_best="last",
        adversarial_epsilon=float(sys.argv[2]),
    )
    text = EncoderConfig(encoder=task["encoder"], maxlen=task["maxlen"])
    compute = ComputeConfig(precision=task["precision"])
    trainer = open_encoder_trainer(Path(task["encoder"]), splits, text, config, compute)

    def right() -> float:
        """Accuracy on the judged rows."""
        winners = trainer.predict_proba(dev).argmax(axis=1)
        return train_loop.share_right(winners.tolist(), task["dev_y"])

    steps = task["epochs"] * -(-len(task["train"]) // task["batch_size"])
    judge = train_loop.Judge(clock, steps, task["judgements"], right)

    class Judging:
        """Judges between steps; the validation that ends an epoch is left out as well."""

        step = 0

        def on_train_batch_end(self, batch: int, logs: object = None) -> None:
            """Count."""
            del batch, logs
            self.step += 1
            judge.after(self.step)

        def on_test_begin(self, logs: object = None) -> None:
            """The package validates of itself after each epoch: stop the clock."""
            del logs
            self.validation = clock.paused()
            self.validation.__enter__()

        def on_test_end(self, logs: object = None) -> None:
            """Let the clock go on."""
            del logs
            self.validation.__exit__(None, None, None)

    begun = clock.now()
    trainer.fit(
        task["learning_rate"],
        Checkpoints(Path(tempfile.mkdtemp())),
        quiet=True,
        extra_callbacks=(as_callback(trainer.backend, Judging),),
    )
    ended = clock.now()
    train_loop.finish(begun, ended, right())
