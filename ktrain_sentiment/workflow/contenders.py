"""One model of a comparison, trained and asked: lexicon, linear model, classic or transformer.

Each kind is a function from training rows to a `Contender`. `judge_contender` does the whole of it
in a process of its own, so that memory is that model's and frameworks do not meet.
"""

from __future__ import annotations

import pickle
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ktrain_sentiment.config import (
    BASELINES,
    KTRAIN_MODELS,
    CompareConfig,
    TrainConfig,
    TrainingSettings,
)
from ktrain_sentiment.data import LabelledTexts, Splits
from ktrain_sentiment.encoders import resolve
from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.evaluation.baselines import majority, polar_columns, tfidf_pipeline, vader
from ktrain_sentiment.evaluation.comparison import Costs
from ktrain_sentiment.inference import load
from ktrain_sentiment.inference.embedding import open_encoder_embedder
from ktrain_sentiment.predictor.layout import PredictorFolder
from ktrain_sentiment.training.checkpoints import Checkpoints
from ktrain_sentiment.training.dataset import class_indices
from ktrain_sentiment.training.policies import USUAL_EPOCHS, epochs_for
from ktrain_sentiment.training.probe import fit_probe
from ktrain_sentiment.workflow.kinds import kind_of
from ktrain_sentiment.workflow.training import train

Table = NDArray[Any]
Predict = Callable[[Sequence[str]], Table]

TIMED_TEXTS, TIMED_CALLS = 256, 20


@dataclass(frozen=True)
class Contender:
    """A trained model.

    Attributes:
        predict: Texts to probabilities, shape (texts, classes).
        disk: Bytes of the files that prediction needs; 0 when it needs none.
        learning_rate: The maximum learning rate, where there is one.
    """

    predict: Predict
    disk: int = 0
    learning_rate: float | None = None


@dataclass(frozen=True)
class Job:
    """What to train and on what.

    Attributes:
        model: One of `CompareConfig.models`.
        settings: What is trained and how.
        comparing: What is compared.
        splits: The rows; `train` may be a few of them.
        folder: The run of what leaves one.
        few: Whether `train` is a few examples a class.
        texts: What the rows were divided from; read again for a whole run when None.
    """

    model: str
    settings: TrainingSettings
    comparing: CompareConfig
    splits: Splits
    folder: Path
    few: bool = False
    texts: LabelledTexts | None = None


@dataclass(frozen=True)
class Answers:
    """What a model came to.

    Attributes:
        probabilities: Of the test rows, shape (rows, classes).
        costs: Its times, memory and size.
        learning_rate: The maximum learning rate, where there is one.
    """

    probabilities: Table
    costs: Costs
    learning_rate: float | None


def check_models(
    settings: TrainingSettings, comparing: CompareConfig, labels: Sequence[str]
) -> None:
    """Refuse what cannot be compared on this data, before anything is trained.

    Raises:
        ConfigError: VADER, and the labels are not negative and positive; bigru without vectors; a
            single model.
    """
    if settings.model.is_ktrain_model:
        raise ConfigError(f"--model {settings.model.model}: name what is compared with --models")
    for classic in KTRAIN_MODELS:
        if classic in comparing.models:
            replace(settings.model, model=classic)
    if "vader" in comparing.models and polar_columns(labels) is None:
        raise ConfigError(
            f"vader knows negative, positive and neutral, not {', '.join(labels)}: leave it out "
            "of --models, or rename the labels with --map"
        )


def judge_contender(job: Job) -> Answers:
    """Train a model, let it predict the test rows, and take its times.

    Raises:
        InputError: The model cannot be trained on these rows.
    """
    begun = time.perf_counter()
    contender = _train(job)
    seconds = time.perf_counter() - begun
    texts = job.splits.test["text"].tolist()
    table = contender.predict(texts)
    rate, latency = speed_of(contender.predict, texts)
    return Answers(
        probabilities=np.asarray(table, np.float64),
        costs=Costs(
            train_seconds=seconds,
            texts_per_second=rate,
            latency_ms=latency,
            memory_mb=peak_memory_mb(),
            disk_mb=contender.disk / 1e6,
        ),
        learning_rate=contender.learning_rate,
    )


def peak_memory_mb() -> float:
    """Most memory that this process ever held.

    On Linux from /proc: getrusage's figure begins with the memory of the process that started
    this one.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        lines = status.read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def speed_of(predict: Predict, texts: Sequence[str]) -> tuple[float, float]:
    """Texts a second on many texts, and milliseconds of one alone (median)."""
    many = texts[:TIMED_TEXTS]
    begun = time.perf_counter()
    predict(many)
    rate = len(many) / (time.perf_counter() - begun)
    calls = []
    for text in many[:TIMED_CALLS]:
        begun = time.perf_counter()
        predict([text])
        calls.append(1000 * (time.perf_counter() - begun))
    return rate, statistics.median(calls)


def _train(job: Job) -> Contender:
    if job.model in BASELINES:
        return _baseline(job)
    if job.model == "probe":
        return _probe(job)
    return _few_examples(job) if job.few else _whole_run(job)


def _train_classes(splits: Splits) -> NDArray[np.int64]:
    return class_indices(splits.train["label"], splits.labels)


def _baseline(job: Job) -> Contender:
    splits, count = job.splits, len(job.splits.labels)
    if job.model == "majority":
        classes = _train_classes(splits)
        return Contender(lambda texts: majority(classes, len(texts), count))
    if job.model == "vader":
        return Contender(lambda texts: _known(vader(texts, splits.labels)))
    pipeline = tfidf_pipeline().fit(splits.train["text"], _train_classes(splits))

    def predict(texts: Sequence[str]) -> Table:
        table = np.zeros((len(texts), count))
        table[:, pipeline.classes_] = pipeline.predict_proba(texts)
        return table

    return Contender(predict, len(pickle.dumps(pipeline)))


def _known(table: Table | None) -> Table:
    if table is None:
        raise ConfigError("vader: vaderSentiment is not installed; leave it out of --models")
    return table


def _probe(job: Job) -> Contender:
    folder = resolve(job.settings.encoder.encoder)
    embed = open_encoder_embedder(folder, job.settings.encoder.maxlen)
    vectors = np.asarray(embed(job.splits.train["text"].tolist()), np.float32)
    classes = _train_classes(job.splits)
    probe = fit_probe(vectors, classes, len(job.splits.labels), job.settings.training.seed)
    place = PredictorFolder(folder)
    size = place.torch_weights.stat().st_size + place.tokenizer.stat().st_size
    return Contender(
        lambda texts: probe.predict_proba(np.asarray(embed(texts), np.float32)),
        size + probe.weights.nbytes,
    )


def few_shot_epochs(given: TrainConfig, texts: int) -> int:
    """The epochs that were asked for, or more where those are too few steps to learn anything."""
    asked = given.epochs or USUAL_EPOCHS
    return epochs_for(replace(given, epochs=None), texts, usual=asked)


def _few_examples(job: Job) -> Contender:
    """Train on a few rows: a fixed rate, enough steps, and no choice on validation rows."""
    kind, given = kind_of(job.settings), job.settings.training
    epochs = few_shot_epochs(given, len(job.splits.train))
    training = replace(given, epochs=epochs, keep_best="last", early_stopping=None)
    trainer = kind.open(job.splits, training, None)
    rate = given.learning_rate or kind.usual_rate
    with tempfile.TemporaryDirectory() as place:
        trainer.fit(rate, Checkpoints(Path(place)), quiet=True)
    return Contender(
        lambda texts: trainer.predict_proba(pd.DataFrame({"text": list(texts)})),
        learning_rate=rate,
    )


def _whole_run(job: Job) -> Contender:
    """A run with its report and its predictor; asked through the predictor's engine."""
    result = train(job.settings, job.texts, folder=job.folder, overwrite=True, quiet=True)
    place = PredictorFolder(result.folder.predictor)
    classifier = load(place.path)
    graph = place.onnx_int8 if classifier.engine == "int8" else place.onnx
    index = place.features if place.features.is_file() else place.tokenizer
    size = graph.stat().st_size + index.stat().st_size
    return Contender(classifier.predict_proba, size, float(result.figures["learning_rate"]))
