"""Which way of learning from few labels is taken, and a run that asks for the choice."""

import json
import math
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ktrain_sentiment.commands.frame import parse
from ktrain_sentiment.commands.train import Flags
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
from ktrain_sentiment.workflow.few_labels import Fold, _Attempt, is_behind, is_settled, weigh
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


FOLDS: list[Fold] = [(np.arange(8), np.arange(4))] * 4


def attempt(way: FewLabels, *right: int) -> _Attempt:
    """A way that was right on so many of four texts in each fold."""
    told = iter(right)
    made = _Attempt(way, lambda fold: np.arange(4) < next(told))
    made.take(FOLDS[: len(right)], math.inf)
    return made


@pytest.mark.parametrize(
    ("other", "settled"),
    [
        ((1, 2, 1, 2), True),  # worse
        ((3, 2, 3, 2), True),  # the same
        ((4, 3, 4, 3), True),  # better in each fold
        ((4, 2, 3, 2), False),  # better in one
    ],
)
def test_more_folds_are_tried_only_while_another_way_leads_by_no_more_than_chance(
    other: tuple[int, ...], settled: bool
) -> None:
    assert is_settled([attempt("contrastive", 3, 2, 3, 2), attempt("probe", *other)]) == settled


def test_a_way_that_falls_behind_is_given_up_after_the_fold_that_shows_it() -> None:
    favourite = attempt("contrastive", 4, 4, 4, 4)
    told = iter((4, 3, 2, 4))
    slow = _Attempt("full", lambda fold: np.arange(4) < next(told))
    slow.take(FOLDS, math.inf, rival=favourite)
    assert [float(one.mean()) for one in slow.rights] == [1.0, 0.75, 0.5]
    assert slow.left_out == "worse than contrastive by more than chance on these folds"
    assert not is_behind([np.array([True, False])], [np.array([False, True])])


def test_a_way_takes_the_folds_that_end_in_time_and_one_in_any_case() -> None:
    late = _Attempt("full", lambda fold: np.ones(4, bool))
    late.take(FOLDS, time.monotonic() - 1)
    assert len(late.rights) == 1


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
    assert tried == [1, 1, 0]
    assert "fewer than 64 texts of a label" in record.few_labels.trials[2].left_out
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
    with pytest.raises(ConfigError, match="--few-labels auto cross-validates by itself"):
        parse(Flags, ["reviews.csv", "--folds", "3", "--few-labels", "probe"], "train")
