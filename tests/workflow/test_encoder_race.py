"""Which encoder is taken where that is left to choose."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ktrain_sentiment.config import (
    ComputeConfig,
    DataConfig,
    EncoderConfig,
    TrainConfig,
    TrainingSettings,
)
from ktrain_sentiment.data import Splits, read_labelled, split
from ktrain_sentiment.encoders import resolve
from ktrain_sentiment.errors import ConfigError, EncoderError
from ktrain_sentiment.evaluation.ranking import Costs
from ktrain_sentiment.runs import RunFolder
from ktrain_sentiment.workflow import encoder_race
from ktrain_sentiment.workflow.encoder_race import Lap, choose_encoder
from ktrain_sentiment.workflow.training import train
from support.reviews import make_reviews, write_csv


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Splits:
    """Three thousand rows, divided."""
    place = tmp_path_factory.mktemp("race") / "many.csv"
    write_csv(place, make_reviews(3000))
    return split(read_labelled(DataConfig(data=str(place))), TrainingSettings().split)


@pytest.fixture
def asked(tiny_bert: Path, tiny_encoder: Path) -> TrainingSettings:
    """An encoder to be chosen among two that are there and one that is not."""
    names = (str(tiny_bert), str(tiny_encoder), "./nowhere")
    return TrainingSettings(
        encoder=EncoderConfig(encoder="auto", encoders=names, maxlen=16, encoder_minutes=5),
        training=TrainConfig(learning_rate=2e-3),
        # The fused kernels compile for every batch shape, which a tiny model does not repay.
        compute=ComputeConfig(accelerate=False),
    )


Runs = list[tuple[str, int]]


@pytest.fixture
def laps(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Runs]:
    """Let encoders come to given accuracies, milliseconds and seconds; says who ran."""

    def prepare(**told: tuple[float, float, float]) -> Runs:
        ran: Runs = []

        def run(_: Any, settings: TrainingSettings, splits: Splits, *, quiet: bool) -> Lap:
            assert quiet
            name = Path(settings.encoder.encoder).name
            right, milliseconds, seconds = told[name.replace("tiny-", "")]
            ran.append((name, len(splits.train)))
            truth = (splits.validation["label"] == splits.labels[1]).to_numpy().astype(int)
            wrong = np.arange(len(truth)) >= right * len(truth)
            table = np.eye(2)[np.where(wrong, 1 - truth, truth)] * 0.8 + 0.1
            costs = Costs(
                train_seconds=seconds, texts_per_second=1, latency_ms=milliseconds,
                memory_mb=0, disk_mb=1,
            )  # fmt: skip
            return Lap(
                table, costs, rows=len(splits.train), step_seconds=seconds / 100, other_seconds=7.0
            )

        monkeypatch.setattr(encoder_race, "in_own_process", run)
        return ran

    return prepare


def names(asked: TrainingSettings) -> tuple[str, str]:
    return asked.encoder.encoders[0], asked.encoder.encoders[1]


def test_one_that_is_behind_by_more_than_chance_is_given_up(asked, many, laps):
    bert, distilbert = names(asked)
    ran = laps(bert=(0.95, 3.0, 10.0), distilbert=(0.70, 1.0, 10.0))
    race = choose_encoder(asked, many)
    assert race.taken == bert
    assert len(ran) == 2  # Alone, nobody has to run again.
    tried = {one.encoder: one for one in race.trials}
    assert "by more than chance" in tried[distilbert].left_out
    assert "no such folder" in tried["./nowhere"].left_out
    assert race.why.startswith(f"Take {bert}: 95.0 % accuracy on 300 rows")


def test_where_chance_explains_the_difference_more_rows_are_learned_and_the_faster_is_taken(
    asked, many, laps
):
    _, distilbert = names(asked)
    ran = laps(bert=(0.95, 3.0, 10.0), distilbert=(0.94, 1.0, 10.0))
    race = choose_encoder(asked, many)
    assert [rows for _, rows in ran] == [500, 500, 2000, 2000, 2400, 2400]
    assert race.taken == distilbert
    assert "cannot tell from chance" in race.why
    assert {one.rows for one in race.trials} == {2400, 0}


def test_more_rows_are_left_out_that_would_not_fit_the_time(asked, many, laps):
    ran = laps(bert=(0.95, 3.0, 60.0), distilbert=(0.94, 1.0, 60.0))
    choose_encoder(asked, many)
    assert {rows for _, rows in ran} == {500}


def test_how_long_the_training_behind_takes_is_said_of_each_encoder_before_it_begins(
    asked, many, laps, caplog
):
    bert, distilbert = names(asked)
    laps(bert=(0.95, 3.0, 60.0), distilbert=(0.94, 1.0, 120.0))
    with caplog.at_level("INFO"):
        race = choose_encoder(asked, many)
    # Three epochs of 75 batches, each learned twice as it is adversarial; opening and export.
    due = {one.encoder: one.training_seconds for one in race.trials}
    assert due == {bert: 450 * 0.6 + 7, distilbert: 450 * 1.2 + 7, "./nowhere": 0}
    assert f"{bert}: the whole training would take about 4.6 minutes, by the pace" in caplog.text


@pytest.mark.parametrize(
    ("changed", "texts", "steps"),
    [
        ({"adversarial_epsilon": 0.0}, 2400, 225),
        ({"epochs": 1, "batch_size": 16}, 2400, 300),
        ({}, 12_000, 1125),  # of so many, adversarial training is left out
        ({"learning_rate": None}, 2400, 550),  # a search takes a hundred, and plain ones
        ({"few_labels": "probe"}, 2400, 0),
    ],
)
def test_the_training_behind_is_counted_in_steps_of_the_race(asked, changed, texts, steps):
    asked = replace(asked, training=replace(asked.training, **changed))
    assert encoder_race._steps_behind(asked, texts) == steps


def test_each_fold_is_a_training_more(asked):
    alone = encoder_race._steps_behind(asked, 2400)
    folds = replace(asked, split=replace(asked.split, folds=5))
    assert encoder_race._steps_behind(folds, 2400) == 6 * alone


def test_all_learn_from_the_same_rows_with_every_label(asked, many):
    first, second = (encoder_race._part(many, 500, 0) for _ in range(2))
    assert first.equals(second)
    assert len(first) == 500
    assert set(first["label"]) == set(many.labels)
    assert len(encoder_race._part(many, 1, 0)) == len(many.labels)


def test_without_any_that_can_be_used_it_says_so(asked, many):
    alone = replace(asked, encoder=replace(asked.encoder, encoders=("./nowhere",)))
    with pytest.raises(EncoderError, match=r"none of \./nowhere can be used"):
        choose_encoder(alone, many)


def test_other_commands_ask_for_a_name():
    with pytest.raises(EncoderError, match="train alone chooses an encoder"):
        resolve("auto")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"encoders": ("minilm",)}, "--encoders is for --encoder auto"),
        ({"encoder": "auto", "encoders": ()}, "wanted the names of encoders"),
        ({"encoder": "auto", "encoders": ("auto",)}, "wanted the names of encoders"),
        ({"encoder": "auto", "encoder_minutes": 0}, "--encoder-minutes 0: must be above 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, said):
    with pytest.raises(ConfigError, match=said):
        EncoderConfig(**settings)


def test_a_run_trains_what_was_taken_and_says_why_wherever_it_is_read(
    asked, reviews_csv: Path, tmp_path: Path
):
    settings = replace(asked, source=DataConfig(data=str(reviews_csv)))
    settings = replace(
        settings,
        training=replace(settings.training, epochs=1, adversarial_epsilon=0.0),
        encoder=replace(settings.encoder, encoder_minutes=60),  # for both, also on a busy machine
    )
    result = train(settings, folder=tmp_path / "run", quiet=True)
    kept = json.loads(RunFolder(tmp_path / "run").encoder_race.read_text("utf-8"))
    assert kept["taken"] in names(asked)
    assert result.record.encoder == kept["taken"]
    assert result.record.encoder_race is not None
    assert result.record.encoder_race.why == kept["why"]
    judged = [one for one in kept["trials"] if one["rows"]]
    assert len(judged) == 2
    assert all(one["training_seconds"] > 0 for one in judged)
    assert all(one["milliseconds"] > 0 and one["accuracy"]["n"] == 60 for one in judged)
    page = RunFolder(tmp_path / "run").report.read_text("utf-8")
    assert "as they would be shipped" in page
    assert "training (estimate)" in page
    assert "encoder: auto" in RunFolder(tmp_path / "run").config.read_text("utf-8")
