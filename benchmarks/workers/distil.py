"""One training of `distillation.py`: a teacher, or a student with fewer layers, alone or taught.

Argument: a JSON file with what to train on. Standard output: one JSON line with the accuracy on
the judged rows, the seconds in training and the number of texts trained on. The predictor is
saved where the task says.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import pandas as pd
from answers import say

from ktrain_sentiment.config import ComputeConfig, DataConfig, EncoderConfig, TrainConfig
from ktrain_sentiment.data import Splits
from ktrain_sentiment.export.saving import TrainingFacts, ValidationTexts, save_predictor
from ktrain_sentiment.training.checkpoints import Checkpoints
from ktrain_sentiment.training.encoder_trainer import open_encoder_trainer
from ktrain_sentiment.workflow.lessons import taught


def main() -> None:
    """Train, judge, save."""
    task = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    judged = pd.read_parquet(task["judged"])
    # The weights of the last epoch are kept, so the judged rows decide nothing.
    splits = Splits(
        train=pd.read_parquet(task["train"]),
        validation=judged,
        test=judged[:0],
        labels=tuple(task["labels"]),
    )
    config = TrainConfig(**task["training"], keep_best="last")
    text = EncoderConfig(**task["text"])
    soft_targets = taught(config, splits, DataConfig())
    trainer = open_encoder_trainer(
        Path(text.encoder), splits, text, config, ComputeConfig(), soft_targets
    )
    with tempfile.TemporaryDirectory() as place:
        fitted = trainer.fit(task["learning_rate"], Checkpoints(Path(place)), quiet=True)
    predicted = trainer.predict_proba(judged).argmax(axis=1)
    right = [splits.labels[k] == label for k, label in zip(predicted, judged["label"], strict=True)]
    if task["predictor"]:
        save_predictor(
            trainer.model,
            trainer.preprocessor.ktrain_preprocessor,
            Path(task["predictor"]),
            TrainingFacts(encoder=text.encoder),
            # For the comparison of engines and the ranges of int8; they need no unseen texts.
            ValidationTexts(texts=splits.train["text"].head(1000).tolist()),
            overwrite=True,
        )
    say(
        done=True,
        accuracy=sum(right) / len(right),
        seconds=round(fitted.seconds, 1),
        steps=fitted.steps,
        texts=len(splits.train) if soft_targets is None else len(soft_targets.texts),
    )


if __name__ == "__main__":
    main()
