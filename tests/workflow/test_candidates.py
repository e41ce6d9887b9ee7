"""What a model of a comparison comes to, and what it cost."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ktrain_sentiment.config import (
    CompareConfig,
    DataConfig,
    EncoderConfig,
    ModelConfig,
    TrainConfig,
    TrainingSettings,
)
from ktrain_sentiment.data import read_labelled, split
from ktrain_sentiment.runs import RunFolder
from ktrain_sentiment.workflow import candidates
from ktrain_sentiment.workflow.candidates import Job, evaluate_candidate, few_accuracies
from ktrain_sentiment.workflow.comparing import draw
from ktrain_sentiment.workflow.few_labels import few_shot_epochs


@pytest.mark.parametrize(("asked", "epochs"), [(None, 10), (2, 10), (50, 50)])
def test_a_few_examples_are_learned_as_often_as_asked_and_often_enough(
    asked: int | None, epochs: int
) -> None:
    assert few_shot_epochs(TrainConfig(epochs=asked), texts=320) == epochs


def test_a_run_that_was_finished_before_a_kill_is_made_again_so_that_its_costs_are_true(
    reviews_csv: Path, tmp_path: Path
) -> None:
    settings = TrainingSettings(
        source=DataConfig(data=str(reviews_csv)),
        model=ModelConfig(model="logreg", vocab_size=200),
        training=TrainConfig(epochs=2, learning_rate=0.2),
    )
    splits = split(read_labelled(settings.source), settings.split)
    job = Job("logreg", settings, CompareConfig(models=("logreg",)), splits, tmp_path / "run")
    evaluate_candidate(job)
    again = evaluate_candidate(job)
    learning = json.loads(RunFolder(tmp_path / "run").metrics.read_text("utf-8"))["train_seconds"]
    assert again.costs.train_seconds > learning


def test_each_text_is_embedded_once_for_all_sizes_and_draws(
    reviews_csv: Path, tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def embed(texts: Sequence[str]) -> np.ndarray:
        asked.extend(texts)
        return np.array([[len(text), text.count("e"), 1.0] for text in texts])

    settings = TrainingSettings(
        source=DataConfig(data=str(reviews_csv)), encoder=EncoderConfig(encoder=str(tiny_bert))
    )
    splits, comparing = split(read_labelled(settings.source), settings.split), CompareConfig()
    job = Job("probe", settings, comparing, splits, tmp_path, few=True)
    jobs = [
        replace(job, splits=replace(splits, train=draw(splits.train, size, seed)))
        for size in (4, 8)
        for seed in range(3)
    ]
    monkeypatch.setattr(candidates, "open_embedder_of", lambda settings, splits: embed)
    assert len(few_accuracies(jobs)) == 6
    assert len(asked) == len(set(asked))
    assert set(splits.test["text"]) < set(asked)
