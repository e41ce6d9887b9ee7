"""One model of a comparison: trained, asked, and its costs taken.

`evaluate_candidate` does the whole of it in a process of its own, so that memory is that model's
and frameworks do not meet.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.config import CompareConfig, TrainingSettings
from ktrain_sentiment.data import LabelledTexts, Splits
from ktrain_sentiment.evaluation.predictions import class_indices
from ktrain_sentiment.evaluation.ranking import Costs, Outcome
from ktrain_sentiment.inference import load
from ktrain_sentiment.inference.embedding import remembering
from ktrain_sentiment.predictor.layout import PredictorFolder
from ktrain_sentiment.workflow.few_labels import fit_full
from ktrain_sentiment.workflow.models import Candidate, find_model, open_embedder_of
from ktrain_sentiment.workflow.recording import speed_of
from ktrain_sentiment.workflow.training import train


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


def evaluate_candidate(job: Job) -> Outcome:
    """Train a model, let it predict the test rows, and take its times.

    Raises:
        InputError: The model cannot be trained on these rows.
    """
    begun = time.perf_counter()
    candidate = _learned(job)
    seconds = time.perf_counter() - begun
    texts = job.splits.test["text"].tolist()
    table = candidate.predict(texts)
    # The call before has opened graphs and warmed caches.
    rate, latency = speed_of(candidate.predict, texts)
    return Outcome(
        probabilities=np.asarray(table, np.float64),
        costs=Costs(
            train_seconds=seconds,
            texts_per_second=rate,
            latency_ms=latency,
            memory_mb=peak_memory_mb(),
            disk_mb=candidate.disk / 1e6,
        ),
        learning_rate=candidate.learning_rate,
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


def few_accuracies(jobs: Sequence[Job]) -> list[float]:
    """The accuracy of one model on the test rows, trained on each of several small draws.

    A model that only reads an encoder's vectors has those of each text made once for all draws.

    Args:
        jobs: Of one model, with `few` set and the same test rows.
    """
    spec, accuracies = find_model(jobs[0].model), []
    embed = remembering(open_embedder_of(jobs[0].settings, jobs[0].splits)) if spec.fit_on else None
    for job in jobs:
        if spec.fit_on and embed:
            candidate = spec.fit_on(job.settings, job.splits, embed)
        else:
            candidate = _learned(job)
        said = np.asarray(candidate.predict(job.splits.test["text"].tolist()))
        truth = class_indices(job.splits.test["label"], job.splits.labels)
        accuracies.append(float((said.argmax(axis=1) == truth).mean()))
    return accuracies


def _learned(job: Job) -> Candidate:
    spec = find_model(job.model)
    if spec.fit is not None:
        return spec.fit(job.settings, job.splits)
    return fit_full(job.settings, job.splits, spec.name) if job.few else _whole_run(job)


def _whole_run(job: Job) -> Candidate:
    """A run with its report and its predictor; asked through the predictor's engine."""
    result = train(job.settings, job.texts, folder=job.folder, overwrite=True, quiet=True)
    place = PredictorFolder(result.folder.predictor)
    classifier = load(place.path)
    graph = place.onnx_int8 if classifier.engine == "int8" else place.onnx
    index = place.features if place.features.is_file() else place.tokenizer
    size = graph.stat().st_size + index.stat().st_size

    def predict(texts: Sequence[str]) -> NDArray[Any]:
        # Thresholds of several labels are each model's own: compared are decisions.
        said = np.asarray(classifier.predict_proba(list(texts)), np.float64)
        return classifier.task.centred(said)

    return Candidate(predict, size, float(result.figures["learning_rate"]))
