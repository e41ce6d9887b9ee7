"""Which way of learning from few labels is taken, and a run that asks for the choice."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ktrain_sentiment.config import (
    ComputeConfig,
    DataConfig,
    EncoderConfig,
    SplitConfig,
    TrainConfig,
    TrainingSettings,
)
from ktrain_sentiment.config.train_config import FewLabels
from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.evaluation.record import FewLabelsTrial, TrainingRecord
from ktrain_sentiment.inference import load
from ktrain_sentiment.report import screen
from ktrain_sentiment.workflow.few_labels import weigh
from ktrain_sentiment.workflow.training import train


def trial(way: FewLabels, *accuracies: float) -> FewLabelsTrial:
    return FewLabelsTrial(way=way, accuracies=accuracies)


TUNED = trial("contrastive", 0.75, 0.5, 0.75, 0.5)


@pytest.mark.parametrize(
    ("others", "taken"),
    [
        ([trial("probe", 0.5, 0.5, 0.5, 0.5)], "contrastive"),
        ([trial("probe", 0.75, 0.75, 0.75, 0.25)], "contrastive"),
        ([trial("probe", 1.0, 0.75, 0.75, 0.75)], "probe"),
        ([trial("probe", 1.0, 0.75, 0.75, 0.75), trial("full", 1.0, 1.0, 1.0, 1.0)], "full"),
        ([trial("probe", 0.5, 0.5, 0.5, 0.5), FewLabelsTrial(way="full")], "contrastive"),
    ],
)
def test_the_favourite_is_left_only_for_what_is_better_by_more_than_chance(
    others: list[FewLabelsTrial], taken: str
) -> None:
    assert weigh([TUNED, *others])[0] == taken


def test_a_run_with_few_labels_says_what_it_tried_and_leaves_a_predictor_like_any_other(
    reviews_csv: Path, tiny_bert: Path, tmp_path: Path
) -> None:
    few = pd.read_csv(reviews_csv).groupby("label").head(30)
    few.to_csv(tmp_path / "few.csv", index=False)
    settings = TrainingSettings(
        source=DataConfig(data=str(tmp_path / "few.csv")),
        split=SplitConfig(validation=0.2, test=0.2),
        encoder=EncoderConfig(encoder=str(tiny_bert), maxlen=32),
        training=TrainConfig(few_labels="auto", few_labels_minutes=0.001),
        compute=ComputeConfig(accelerate=False),
    )
    result = train(settings, folder=tmp_path / "run", quiet=True)
    record = TrainingRecord.read(result.folder.metrics)
    assert record.few_labels is not None
    assert [one.way for one in record.few_labels.trials] == ["probe", "contrastive", "full"]
    tried = [len(one.accuracies) for one in record.few_labels.trials]
    assert tried == [20, 1, 0]
    assert "folds would take about" in record.few_labels.trials[2].left_out
    taken = record.few_labels.taken
    assert json.loads(result.folder.few_labels.read_text("utf-8"))["taken"] == taken
    assert record.few_labels.why in [str(part) for part in screen.training(record)]
    assert record.few_labels.why.split(":")[0] in result.folder.report.read_text("utf-8")
    texts = few["text"].tolist()
    engines = [
        load(result.folder.predictor, name).predict_proba(texts) for name in ("fp32", "int8")
    ]
    assert np.abs(engines[0] - engines[1]).max() < 0.1


def test_folds_of_the_whole_run_are_for_full_training_alone() -> None:
    with pytest.raises(ConfigError, match="--few-labels auto cross-validates by itself"):
        TrainingSettings(split=SplitConfig(folds=3), training=TrainConfig(few_labels="probe"))
