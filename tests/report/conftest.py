from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from ktrain_sentiment.data import Splits
from ktrain_sentiment.evaluation.calibration import apply_temperature, fit_temperature
from ktrain_sentiment.evaluation.predictions import LabelledPredictions
from ktrain_sentiment.evaluation.record import EngineRecord
from ktrain_sentiment.prediction import to_predictions
from ktrain_sentiment.report.page import render
from ktrain_sentiment.runs import RunFolder
from ktrain_sentiment.workflow.recording import (
    ask_predictor,
    evaluate_fit,
    facts_of_run,
    record_training,
)

LABELS = ("negative", "positive")
GOOD = ["good", "warm", "funny", "grand"]
BAD = ["bad", "dull", "cold", "slow"]
HOSTILE = "<script>alert('x')</script> good & \"warm\" funny </li> grand"


class Words:
    """Counts good and bad words: a real classifier that is often right."""

    labels = LABELS

    def predict_proba(self, texts):
        odds = [sum((w in GOOD) - (w in BAD) for w in text.lower().split()) for text in texts]
        positive = 1 / (1 + np.exp(-1.5 * np.asarray(odds, dtype=float)))
        return np.stack([1 - positive, positive], axis=1).astype(np.float32)

    def predict(self, texts):
        return to_predictions(self.predict_proba(texts), self.labels)


def rows(count, seed, start):
    """Short reviews; one in ten is labelled against its words, one in five says both."""
    rng = np.random.default_rng(seed)
    texts, labels = [], []
    for k in range(count):
        good = bool(rng.integers(2))
        both = rng.random() < 0.2
        said = [rng.choice(GOOD), rng.choice(BAD)] if both else rng.choice(GOOD if good else BAD, 2)
        words = [*said, *rng.choice(["a", "film", "and", "so"], 3)]
        texts.append(" ".join(rng.permutation(words)) + f" {start + k}")
        labels.append(LABELS[good if rng.random() > 0.1 else not good])
    texts[0], labels[0] = HOSTILE, "negative"
    source = ["web" if k % 3 else "shop" for k in range(count)]
    return pd.DataFrame(
        {"text": texts, "label": labels, "row": np.arange(start, start + count), "source": source}
    )


def make_run(folder: Path, *, with_test: bool = True) -> RunFolder:
    """Write a run folder as training leaves it, a word counter in the model's place."""
    run, words = RunFolder(folder), Words()
    run.split("train").parent.mkdir(parents=True)
    run.predictor.mkdir()
    (run.predictor / "model.bin").write_bytes(b"0" * 2_000_000)
    frames = {"train": rows(120, 0, 2), "validation": rows(60, 1, 200), "test": rows(80, 2, 300)}
    if not with_test:
        frames["test"] = frames["test"].head(0)
    for name, frame in frames.items():
        frame.to_parquet(run.split(name))
    splits = Splits(**frames, labels=LABELS)
    raw = {
        name: LabelledPredictions.join(frame, words.predict_proba(frame["text"]), LABELS)
        for name, frame in frames.items()
        if name != "train" and len(frame)
    }
    temperature = fit_temperature(raw["validation"].y_true, raw["validation"].probabilities)
    said = {
        name: replace(each, probabilities=apply_temperature(each.probabilities, temperature))
        for name, each in raw.items()
    }
    found = evaluate_fit(said, splits.train, temperature)
    for name, predicted in found.predictions.items():
        predicted.to_frame().to_parquet(run.predictions(name))
    found.losses.to_csv(run.top_losses, index=False)
    record = record_training(
        found,
        splits,
        "reviews.csv",
        encoder="minilm",
        longest_text=64,
        policy="onecycle",
        learning_rate=8.1e-05,
        best_epoch=2,
        epochs=2,
        train_seconds=200.0,
        texts_per_second=90.0,
        device="CPU",
        precision="bfloat16",
        versions={"ktrain": "0.41.4"},
    )
    exact = EngineRecord(**vars(record.metrics), changed=3)
    record = replace(record, engine="int8", other_engines={"fp32": exact})
    record = ask_predictor(record, found, splits.train, words, run.predictor)
    run.metrics.write_text(json.dumps(record.to_json(), allow_nan=False))
    _write_curves(run)
    return run


def _write_curves(run):
    settings = {"data": "reviews.csv", "encoder": "minilm", "maxlen": 64, "seed": 0}
    run.config.write_text(yaml.safe_dump(settings))
    epochs = {"epoch": [1, 2], "loss": [0.5, 0.3], "accuracy": [0.8, 0.9]}
    history = pd.DataFrame({**epochs, "val_loss": [0.4, 0.3], "val_accuracy": [0.8, 0.85]})
    history.to_csv(run.history, index=False)
    pd.DataFrame({"learning_rate": [1e-5, 8e-5, 1e-6]}).to_csv(run.schedule, index=False)
    rates = np.geomspace(1e-6, 1e-1, 40)
    losses = 0.7 - 0.3 / (1 + np.exp(-3 * (np.log10(rates) + 4)))
    curve = pd.DataFrame({"learning_rate": rates, "loss": losses, "smoothed": losses})
    curve.to_csv(run.lr_find("csv"), index=False)
    suggestions = [{"rule": "valley", "learning_rate": 8.1e-5, "loss": 0.5, "why": "fall"}]
    found = {"chosen": 8.1e-5, "rule": "valley", "problem": "", "suggestions": suggestions}
    run.lr_find("json").write_text(json.dumps(found))


@pytest.fixture(scope="session")
def words():
    return Words()


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("runs") / "reviews")


@pytest.fixture(scope="session")
def run_without_test(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("runs") / "no-test", with_test=False)


@pytest.fixture(scope="session")
def facts(run_folder):
    return facts_of_run(run_folder.path)


@pytest.fixture(scope="session")
def page(facts):
    return render(facts)
