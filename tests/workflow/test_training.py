"""Whether a run folder holds what was asked for."""

from pathlib import Path

import pytest

from ktrain_sentiment.config import DataConfig, TrainingSettings
from ktrain_sentiment.config.flat import to_flat, to_yaml
from ktrain_sentiment.runs import RunFolder
from ktrain_sentiment.workflow.training import is_finished

SETTINGS = TrainingSettings(source=DataConfig(data="reviews.csv"))


@pytest.fixture
def finished(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path)
    folder.predictor.mkdir()
    (folder.predictor / "manifest.json").write_text("{}")
    folder.metrics.write_text("{}")
    folder.config.write_text(to_yaml(to_flat(SETTINGS)))
    return folder


def test_a_run_with_the_same_settings_is_finished(finished: RunFolder) -> None:
    assert is_finished(finished, SETTINGS)


def test_a_run_with_other_settings_is_not_the_one_that_was_asked_for(finished: RunFolder) -> None:
    assert not is_finished(finished, TrainingSettings(source=DataConfig(data="other.csv")))


@pytest.mark.parametrize("content", ["data: [1", "", "nonsense: 1"])
def test_a_run_whose_settings_cannot_be_read_is_not_taken_for_finished(
    finished: RunFolder, content: str
) -> None:
    finished.config.write_text(content)
    assert not is_finished(finished, SETTINGS)
