"""Configurations refuse what contradicts itself, and say which flag is meant."""

import dataclasses
import re
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from ktrain_sentiment import config
from ktrain_sentiment.commands.flags import ScriptFlags
from ktrain_sentiment.config import (
    ComputeConfig,
    DataConfig,
    EncoderConfig,
    RunPlace,
    SearchConfig,
    SplitConfig,
    TrainConfig,
    TrainingSettings,
    WorkersConfig,
)
from ktrain_sentiment.errors import ConfigError

CONFIGURATIONS = [kind for kind in vars(config).values() if dataclasses.is_dataclass(kind)]


@pytest.mark.parametrize("kind", CONFIGURATIONS, ids=lambda kind: kind.__name__)
def test_every_configuration_is_frozen_and_has_usable_defaults(kind: type) -> None:
    made = kind()
    for entry in dataclasses.fields(kind):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(made, entry.name, None)


@pytest.mark.parametrize(
    ("kind", "values", "named"),
    [
        (DataConfig, {"data": "a.csv", "train": "b.csv"}, "--train b.csv"),
        (DataConfig, {"cleaning": ("htlm",)}, "cleaning: wanted a list"),
        (DataConfig, {"min_class_size": -1}, "--min-class-size -1"),
        (SplitConfig, {"validation": 0.6, "test": 0.4}, "--validation 0.6 and --test 0.4"),
        (SplitConfig, {"test": -1}, "--test -1"),
        (SplitConfig, {"group": "user", "time": "day"}, "--group and --time"),
        (SplitConfig, {"folds": 1}, "--folds 1"),
        (SplitConfig, {"folds": 5, "fold": 6}, "--fold 6"),
        (SplitConfig, {"folds": 5, "validation": "dev.csv"}, "--folds"),
        (EncoderConfig, {"maxlen": 3}, "--maxlen 3"),
        (EncoderConfig, {"layers": 0}, "--layers 0"),
        (ComputeConfig, {"threads": 0}, "--threads 0"),
        (TrainConfig, {"epochs": 0}, "--epochs 0"),
        (TrainConfig, {"batch_size": 0}, "--batch-size 0"),
        (TrainConfig, {"learning_rate": 0.0}, "--learning-rate 0.0"),
        (TrainConfig, {"freeze": "half"}, "--freeze half"),
        (TrainConfig, {"unlabelled": "more.txt"}, "--unlabelled more.txt"),
        (SearchConfig, {"search_start": 0.1, "search_end": 0.01}, "--search-end 0.01"),
        (SearchConfig, {"search_steps": 1}, "--search-steps 1"),
        (RunPlace, {"overwrite": True, "resume": True}, "--overwrite and --resume"),
        (WorkersConfig, {"workers": 0}, "--workers 0"),
        (TrainConfig, {"checkpoint_every": 0}, "--checkpoint-every 0"),
    ],
)
def test_values_that_cannot_work_are_refused_by_flag(
    kind: type, values: dict[str, Any], named: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        kind(**values)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (SplitConfig, {"validation": 500, "test": 0.9}),
        (SplitConfig, {"validation": 0, "test": 0}),
        (SplitConfig, {"validation": "dev.csv", "test": "test.csv"}),
        (TrainConfig, {"freeze": "3"}),
        (DataConfig, {"data": "a.csv", "train": "a.csv"}),
    ],
)
def test_values_at_the_edge_are_taken(kind: type, values: dict[str, Any]) -> None:
    made = kind(**values)
    assert {name: getattr(made, name) for name in values} == values


def test_data_may_be_named_by_train() -> None:
    assert DataConfig(train="a.csv").data == "a.csv"


def test_every_field_has_a_documented_flag_of_its_own() -> None:
    """Two groups with the same field would share one flag."""
    groups = get_type_hints(TrainingSettings).values()
    names = [
        entry.name
        for kind in (*groups, ScriptFlags, RunPlace, WorkersConfig)
        for entry in dataclasses.fields(kind)
    ]
    assert sorted(names) == sorted(set(names))


def test_messages_speak_of_flags_that_exist() -> None:
    groups = [kind for kind in CONFIGURATIONS if kind is not TrainingSettings]
    known = {entry.name for kind in groups for entry in dataclasses.fields(kind)}
    source = Path(config.__file__ or "").read_text(encoding="utf-8")
    flags = set(re.findall(r"--([a-z][a-z-]+[a-z])", source))
    assert {flag for flag in flags if flag.replace("-", "_") not in known} == set()
