"""How many labels that were flipped on purpose does the label-error list bring to the top?

    python benchmarks/label_errors.py sst2_train_sentences.parquet
    python benchmarks/label_errors.py sst2_train_sentences.parquet --fine-tune

Flips a share of the labels, gets out-of-fold probabilities from models that see the flipped labels
only, ranks the rows by how badly their label fits, and counts the flips among the first rows.
`words` is TF-IDF with logistic regression, `encoder` logistic regression on the frozen encoder's
mean-pooled states. Fine-tuning trains one model a fold: minutes. `words + fine-tuned` is what
inspect_errors.py does for a run: two models that doubt a label together.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from frame import BenchmarkFlags
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from tyro.conf import Positional

from ktrain_sentiment.commands.frame import run

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Settings(BenchmarkFlags):
    """What to flip, and what to look for the flips with."""

    data: Positional[Path]
    """A file with texts and labels."""

    flips: float = 0.05
    """Share of the labels to flip."""

    looked_at: float = 0.08
    """Share of the rows that a person looks through."""

    folds: int = 5
    """Folds of the cross-validation."""

    seed: int = 0
    """Seed of the flips and the folds."""

    encoder: str = "minilm"
    """Encoder whose states are used, or that is fine-tuned."""

    fine_tune: bool = False
    """Fine-tune the encoder on each fold too."""

    epochs: int = 2
    """Epochs of fine-tuning."""

    learning_rate: float = 8e-5
    """Learning rate of fine-tuning."""

    keep: Path | None = None
    """Folder for each fold's probabilities, so that a stopped benchmark goes on from there."""


@dataclass(frozen=True)
class Flipped:
    """Rows some of whose labels were flipped."""

    texts: list[str]
    labels: tuple[str, ...]
    truth: Ints
    given: Ints
    flipped: NDArray[np.bool_]
    fold: Ints


def flip(settings: Settings) -> Flipped:
    """Read the rows and flip labels, evenly over the other classes."""
    from ktrain_sentiment.config import DataConfig
    from ktrain_sentiment.data import read_labelled
    from ktrain_sentiment.evaluation.predictions import class_indices

    texts = read_labelled(DataConfig(data=str(settings.data)))
    truth, rows = class_indices(texts.frame["label"], texts.labels), len(texts)
    rng = np.random.default_rng(settings.seed)
    flipped = np.zeros(rows, dtype=bool)
    flipped[rng.choice(rows, round(settings.flips * rows), replace=False)] = True
    moved = (truth + rng.integers(1, len(texts.labels), rows)) % len(texts.labels)
    fold = rng.permutation(rows) % settings.folds
    given = np.where(flipped, moved, truth)
    return Flipped(texts.frame["text"].tolist(), texts.labels, truth, given, flipped, fold)


def on_folds(rows: Flipped, predict: Callable[[Ints, Ints], Floats]) -> Floats:
    """Out-of-fold probabilities of a function of (known rows, asked rows)."""
    from ktrain_sentiment.evaluation.predictions import gather

    parts = []
    for k in np.unique(rows.fold):
        asked = np.flatnonzero(rows.fold == k)
        start = time.perf_counter()
        parts.append((asked, predict(np.flatnonzero(rows.fold != k), asked)))
        print(f"fold {k + 1}: {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
    return gather(parts, len(rows.texts))


def words(rows: Flipped) -> Floats:
    """TF-IDF and logistic regression."""
    from ktrain_sentiment.evaluation.baselines import tfidf_logistic

    def predict(known: Ints, asked: Ints) -> Floats:
        texts = [[rows.texts[i] for i in part] for part in (known, asked)]
        table = tfidf_logistic(texts[0], rows.given[known], texts[1], len(rows.labels))
        assert table is not None
        return table

    return on_folds(rows, predict)


def frozen(rows: Flipped, encoder: str) -> Floats:
    """Logistic regression on the states of the encoder as it was pre-trained."""
    from sklearn.linear_model import LogisticRegression

    states = mean_states(rows.texts, encoder)
    states = (states - states.mean(axis=0)) / (states.std(axis=0) + 1e-6)

    def predict(known: Ints, asked: Ints) -> Floats:
        model = LogisticRegression(C=0.003, max_iter=1000).fit(states[known], rows.given[known])
        return np.asarray(model.predict_proba(states[asked]))

    return on_folds(rows, predict)


def mean_states(texts: list[str], encoder: str) -> Floats:
    """Mean of the encoder's last states over the tokens of each text, (texts, width)."""
    os.environ.update(TF_USE_LEGACY_KERAS="1", TF_CPP_MIN_LOG_LEVEL="3")
    from transformers import AutoTokenizer, TFAutoModel

    from ktrain_sentiment.encoders import resolve

    folder = str(resolve(encoder))
    tokenizer, model = AutoTokenizer.from_pretrained(folder), TFAutoModel.from_pretrained(folder)
    order = np.argsort([len(text) for text in texts])
    states: list[Any] = [None] * len(texts)
    for start in range(0, len(order), 64):
        batch = order[start : start + 64]
        tokens = tokenizer(
            [texts[i] for i in batch],
            padding=True,
            truncation=True,
            max_length=128,
            return_tensors="np",
        )
        hidden, mask = model(dict(tokens)).last_hidden_state.numpy(), tokens["attention_mask"]
        means = (hidden * mask[..., None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
        for i, mean in zip(batch, means, strict=True):
            states[i] = mean
    return np.asarray(states, dtype=np.float64)


def fine_tuned(rows: Flipped, settings: Settings) -> Floats:
    """One fine-tuned model a fold, trained for a fixed number of epochs on the other folds."""
    from ktrain_sentiment.config import ComputeConfig, EncoderConfig, TrainConfig
    from ktrain_sentiment.data import Splits
    from ktrain_sentiment.encoders import resolve
    from ktrain_sentiment.training.checkpoints import Checkpoints
    from ktrain_sentiment.training.encoder_trainer import open_encoder_trainer

    names = np.asarray(rows.labels, dtype=object)
    frame = pd.DataFrame({"text": rows.texts, "label": names[rows.given]})
    frame["row"] = np.arange(1, len(frame) + 1)
    text = EncoderConfig(encoder=settings.encoder, maxlen=64)
    config = TrainConfig(epochs=settings.epochs, seed=settings.seed)

    def predict(known: Ints, asked: Ints) -> Floats:
        kept = settings.keep and settings.keep / f"fine-tuned-{settings.seed}-{asked[0]}.npy"
        if kept and kept.is_file():
            return np.asarray(np.load(kept))
        # The best epoch is chosen on rows that are neither learned nor asked about.
        chosen_on, learned = known[: len(known) // 20], known[len(known) // 20 :]
        train, validation, test = (
            frame.iloc[part].reset_index(drop=True) for part in (learned, chosen_on, asked)
        )
        splits = Splits(train, validation, test, labels=rows.labels)
        folder = resolve(settings.encoder)
        trainer = open_encoder_trainer(folder, splits, text, config, ComputeConfig())
        with tempfile.TemporaryDirectory() as scratch:
            trainer.fit(settings.learning_rate, Checkpoints(Path(scratch) / "c"), quiet=True)
        table = np.asarray(trainer.predict_proba(splits.test), dtype=np.float64)
        if kept:
            kept.parent.mkdir(parents=True, exist_ok=True)
            np.save(kept, table)
        return table

    return on_folds(rows, predict)


def judge(rows: Flipped, table: Floats, looked_at: float) -> dict[str, float]:
    """How many flips the first rows of the list hold, and how good the model is."""
    from ktrain_sentiment.evaluation.label_noise import find_label_errors

    noise = find_label_errors(rows.given, table, rows.labels)
    first = np.argsort(noise.quality, kind="stable")[: round(looked_at * len(rows.texts))]
    return {
        "accuracy": float((table.argmax(axis=1) == rows.truth).mean()),
        "found": float(rows.flipped[first].sum() / rows.flipped.sum()),
        "of_the_first": float(rows.flipped[first].mean()),
        "doubted": int(noise.doubted.sum()),
        "likely": int(noise.likely.sum()),
        "likely_are_flips": float(rows.flipped[noise.likely].mean()) if noise.likely.any() else 0.0,
    }


def task(settings: Settings) -> dict[str, Any]:
    """Run what was asked for, show a table, and return the figures."""
    from ktrain_sentiment.evaluation.label_noise import pooled

    rows = flip(settings)
    results: dict[str, dict[str, float]] = {}
    tables: dict[str, Floats] = {}
    makers: dict[str, Callable[[], Floats]] = {
        "words": lambda: words(rows),
        "encoder": lambda: frozen(rows, settings.encoder),
        "words + encoder": lambda: pooled(rows.given, tables["encoder"], tables["words"]),
    }
    if settings.fine_tune:
        makers["fine-tuned"] = lambda: fine_tuned(rows, settings)
        makers["words + fine-tuned"] = lambda: pooled(
            rows.given, tables["fine-tuned"], tables["words"]
        )
    for name, make in makers.items():
        start = time.perf_counter()
        tables[name] = make()
        seconds = time.perf_counter() - start
        results[name] = {**judge(rows, tables[name], settings.looked_at), "seconds": seconds}
    show(rows, settings, results)
    return {"flips": settings.flips, "looked_at": settings.looked_at, **results}


def show(rows: Flipped, settings: Settings, results: dict[str, dict[str, float]]) -> None:
    """Print the figures."""
    title = (
        f"{rows.flipped.sum():,} of {len(rows.texts):,} labels flipped, "
        f"first {settings.looked_at:.0%} of the list looked at"
    )
    table = Table(title=title)
    for column in ("judged by", "accuracy", "flips found", "of the first", "likely", "are flips"):
        table.add_column(column, justify="left" if column == "judged by" else "right")
    for name, one in results.items():
        shares = [f"{one[key]:.1%}" for key in ("accuracy", "found", "of_the_first")]
        table.add_row(name, *shares, f"{one['likely']:.0f}", f"{one['likely_are_flips']:.1%}")
    Console().print(table)


if __name__ == "__main__":
    run(Settings, task, __doc__)
