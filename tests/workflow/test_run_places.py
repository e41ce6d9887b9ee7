"""Where a run grows: one writer, the old run kept until the new one is whole."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from ktrain_sentiment.config import ComputeConfig, DataConfig, TrainConfig, TrainingSettings
from ktrain_sentiment.config.flat import to_flat, to_yaml
from ktrain_sentiment.data import Splits
from ktrain_sentiment.errors import ConfigError, InputError
from ktrain_sentiment.runs import RunFolder
from ktrain_sentiment.workflow import run_places
from ktrain_sentiment.workflow.run_places import (
    begin_run,
    claim_run,
    is_finished,
    is_stopped,
    is_whole,
)
from support.process import run_python

SETTINGS = TrainingSettings(source=DataConfig(data="reviews.csv"))


@pytest.fixture
def splits() -> Splits:
    rows = pd.DataFrame({"text": ["good", "bad"], "label": ["yes", "no"], "row": [1, 2]})
    return Splits(rows, rows, rows, ("no", "yes"))


def finish(run: RunFolder, page: str = "") -> RunFolder:
    run.predictor.mkdir(parents=True)
    (run.predictor / "manifest.json").write_text("{}")
    run.metrics.write_text("{}")
    run.config.write_text(to_yaml(to_flat(SETTINGS)))
    run.report.write_text(page)
    return run


@pytest.fixture
def finished(tmp_path: Path) -> RunFolder:
    return finish(RunFolder(tmp_path / "run"), "old")


@pytest.fixture
def claim(tmp_path: Path) -> Callable[..., object]:
    def made(*, overwrite: bool = False, resume: bool = False) -> object:
        return claim_run(tmp_path / "run", SETTINGS, overwrite=overwrite, resume=resume)

    return made


def begin_and_fail(claimed, splits: Splits, error: Exception | None = None) -> None:
    with claimed as run:
        begin_run(run, SETTINGS, splits, resume=False)
        raise error or RuntimeError


# When a run is finished


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


@pytest.mark.parametrize("missing", ["metrics.json", "report.html", "predictor/manifest.json"])
def test_a_run_without_its_last_files_is_not_finished(finished: RunFolder, missing: str) -> None:
    (finished.path / missing).unlink()
    assert not is_whole(finished)


def test_a_run_of_the_release_before_is_known_by_its_settings_old_names(
    finished: RunFolder, caplog: pytest.LogCaptureFixture
) -> None:
    now = to_flat(SETTINGS)
    old = {**now, "average": now["ema_decay"], "run": "runs/x", "overwrite": True, "resume": False}
    del old["ema_decay"]
    finished.config.write_text(to_yaml(old))
    assert is_finished(finished, SETTINGS)
    assert caplog.messages == []


# Beginning


def test_a_first_run_grows_where_it_will_stand(claim, splits: Splits, tmp_path: Path) -> None:
    with claim() as run:
        assert run.path == tmp_path / "run"
        begin_run(run, SETTINGS, splits, resume=False)
    assert run.split("train").is_file()
    assert run.config.is_file()


def test_a_beginning_that_is_cut_short_leaves_nothing_in_the_way(
    claim, splits: Splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(run_places, "write_text", killed)  # the splits are written by then
        with pytest.raises(KeyboardInterrupt):
            begin_and_fail(claim(), splits)
    assert not (tmp_path / "run").exists()
    with claim() as run:
        begin_run(run, SETTINGS, splits, resume=False)
    assert run.config.is_file()


def test_other_rows_are_not_gone_on_with(claim, splits: Splits) -> None:
    with claim() as run:
        begin_run(run, SETTINGS, splits, resume=False)
    other = Splits(splits.train.head(1), splits.validation, splits.test, splits.labels)
    with claim(resume=True) as run, pytest.raises(ConfigError, match="are not those that"):
        begin_run(run, SETTINGS, other, resume=True)


# Two at once


@pytest.mark.parametrize("second", [{}, {"overwrite": True}, {"resume": True}], ids=str)
def test_a_second_training_into_the_same_folder_is_refused(
    claim, splits: Splits, second: dict[str, bool]
) -> None:
    with claim() as run:
        begin_run(run, SETTINGS, splits, resume=False)
        with pytest.raises(InputError, match="is being written by process"):
            claim(**second).__enter__()
        assert run.config.is_file()


# Overwriting


def test_a_run_is_not_replaced_unasked(finished: RunFolder, claim) -> None:
    with pytest.raises(InputError, match="exists: choose another place, or add --overwrite"):
        claim().__enter__()
    assert finished.report.read_text() == "old"


def test_a_file_is_no_place_for_a_run_and_none_that_overwrite_would_make(claim, tmp_path) -> None:
    (tmp_path / "run").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(InputError, match="run is a file, and a folder is to be written"):
            claim(overwrite=overwrite).__enter__()
    assert (tmp_path / "run").read_text() == "mine"


@pytest.mark.parametrize(
    ("stored", "what"),
    [("trials: 20\nepochs: 3\n", "a search"), ("validation: 0.1\n", "data that")],
)
@pytest.mark.parametrize("how", ["overwrite", "resume", ""])
def test_a_folder_of_other_work_is_no_run(claim, tmp_path: Path, stored, what, how) -> None:
    place = tmp_path / "run" / "config.yaml"
    place.parent.mkdir()
    place.write_text(stored, "utf-8")
    with pytest.raises(ConfigError, match=f"run holds {what}.*, and no run: choose another --run"):
        claim(**{how: True} if how else {}).__enter__()
    assert place.read_text("utf-8") == stored


def test_the_old_run_stays_until_the_new_one_is_whole(finished: RunFolder, claim) -> None:
    with claim(overwrite=True) as run:
        assert run.path.name == finished.path.name
        finish(run, "new")
        assert finished.report.read_text() == "old"
    assert finished.report.read_text() == "new"
    assert [path.name for path in finished.path.parent.iterdir()] == ["run"]


def test_a_new_run_that_fails_leaves_the_old_one_and_can_be_gone_on_with(
    finished: RunFolder, claim, splits: Splits
) -> None:
    with pytest.raises(RuntimeError):
        begin_and_fail(claim(overwrite=True), splits)
    assert is_whole(finished)
    assert finished.report.read_text() == "old"
    with claim(resume=True) as run:
        begin_run(run, SETTINGS, splits, resume=True)
        run.report.write_text("new")
    assert finished.report.read_text() == "new"


def test_a_new_run_that_was_given_up_is_begun_anew(
    finished: RunFolder, claim, splits: Splits
) -> None:
    with pytest.raises(RuntimeError):
        begin_and_fail(claim(overwrite=True), splits)
    with claim(overwrite=True) as run:
        assert not run.config.exists()
        finish(run, "newest")
    assert finished.report.read_text() == "newest"


def test_a_list_that_was_corrected_by_hand_outlives_the_run_it_was_made_of(
    finished: RunFolder, claim
) -> None:
    (finished.path / "label_errors.csv").write_text("corrected")
    with claim(overwrite=True) as run:
        finish(run, "new")
    assert (finished.path / "label_errors.csv").read_text() == "corrected"
    assert finished.report.read_text() == "new"


# Resuming


def test_a_run_that_was_stopped_is_known_by_its_settings_wherever_it_grows(
    finished: RunFolder, claim, splits: Splits
) -> None:
    assert not is_stopped(finished, SETTINGS)
    with pytest.raises(RuntimeError):
        begin_and_fail(claim(overwrite=True), splits)
    assert is_stopped(finished, SETTINGS)
    assert not is_stopped(finished, TrainingSettings(source=DataConfig(data="other.csv")))
    shutil.rmtree(finished.path.with_name(".run.next"))
    assert not is_stopped(finished, SETTINGS)
    finished.report.unlink()
    assert is_stopped(finished, SETTINGS)


def test_there_must_be_a_run_to_go_on_with(claim) -> None:
    with pytest.raises(ConfigError, match="holds nothing to go on with"):
        claim(resume=True).__enter__()


def test_a_finished_run_is_not_gone_on_with(finished: RunFolder, claim) -> None:
    with pytest.raises(ConfigError, match=r"is finished; its figures are in metrics\.json"):
        claim(resume=True).__enter__()


def test_a_run_whose_page_is_missing_is_gone_on_with(finished: RunFolder, claim) -> None:
    finished.report.unlink()
    with claim(resume=True) as run:
        assert run == finished


def test_a_run_is_gone_on_with_by_the_settings_that_it_was_begun_with(
    finished: RunFolder, tmp_path: Path
) -> None:
    finished.report.unlink()
    other = TrainingSettings(source=SETTINGS.source, training=TrainConfig(epochs=7))
    run = tmp_path / "run"
    with pytest.raises(ConfigError) as caught:
        claim_run(run, other, overwrite=False, resume=True).__enter__()
    assert str(caught.value) == (
        f"--resume: {run} was begun with no --epochs (now --epochs 7); go on with  "
        f"ktrain-sentiment train --config {run / 'config.yaml'} --run {run} --resume"
    )


def test_settings_that_differ_are_written_as_flags(finished: RunFolder, tmp_path: Path) -> None:
    finished.report.unlink()
    source = DataConfig(data="other.csv", columns=("text", "label"))
    training = TrainConfig(ema_decay=0.5, stratified_batches=True)
    compute = ComputeConfig(deterministic=False)
    other = TrainingSettings(source=source, training=training, compute=compute)
    with pytest.raises(ConfigError) as caught:
        claim_run(tmp_path / "run", other, overwrite=False, resume=True).__enter__()
    for part in (
        "reviews.csv (now other.csv)",
        "no --columns (now --columns text label)",
        "--ema-decay 0.99 (now --ema-decay 0.5)",
        "--no-stratified-batches (now --stratified-batches)",
        "--deterministic (now --no-deterministic)",
    ):
        assert part in str(caught.value)


def test_a_stopped_run_is_not_to_be_thrown_away_by_advice(finished: RunFolder, claim) -> None:
    finished.report.unlink()
    with pytest.raises(InputError, match="was stopped: add --resume to go on with it"):
        claim().__enter__()


def test_a_run_that_cannot_be_trained_as_asked_leaves_a_free_place(
    claim, splits: Splits, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError):
        begin_and_fail(claim(), splits, ConfigError("--class-weight heavy"))
    assert not (tmp_path / "run").exists()


def test_a_new_run_that_was_stopped_is_pointed_to(
    finished: RunFolder, claim, splits: Splits
) -> None:
    with pytest.raises(RuntimeError):
        begin_and_fail(claim(overwrite=True), splits)
    with pytest.raises(InputError, match="was stopped: add --resume"):
        claim().__enter__()


# Killed processes

BEGIN = """
import os, signal, sys
from pathlib import Path
import pandas as pd
from ktrain_sentiment.config import DataConfig, TrainingSettings
from ktrain_sentiment.data import Splits
from ktrain_sentiment.workflow import run_places

rows = pd.DataFrame({"text": ["good", "bad"], "label": ["yes", "no"], "row": [1, 2]})
splits = Splits(rows, rows, rows, ("no", "yes"))
settings = TrainingSettings(source=DataConfig(data="reviews.csv"))

def killed(*_):
    os.kill(os.getpid(), signal.SIGKILL)

if sys.argv[2] == "in-splits":
    run_places.write_text = killed
with run_places.claim_run(Path(sys.argv[1]), settings, overwrite=True, resume=False) as run:
    run_places.begin_run(run, settings, splits, resume=False)
    killed()
"""


@pytest.mark.parametrize("flags", [{}, {"overwrite": True}])
def test_a_process_killed_while_it_writes_the_rows_leaves_a_free_place(
    claim, splits: Splits, tmp_path: Path, flags: dict[str, bool]
) -> None:
    assert run_python("-c", BEGIN, tmp_path / "run", "in-splits").returncode == -9
    with claim(**flags) as run:
        begin_run(run, SETTINGS, splits, resume=False)
    assert (tmp_path / "run" / "config.yaml").is_file()


@pytest.mark.parametrize("flags", [{"resume": True}, {"overwrite": True}])
def test_a_process_killed_in_training_over_an_old_run_leaves_it_and_can_be_followed(
    finished: RunFolder, claim, flags: dict[str, bool]
) -> None:
    assert run_python("-c", BEGIN, finished.path, "in-training").returncode == -9
    assert is_whole(finished)
    assert finished.report.read_text() == "old"
    with claim(**flags) as run:
        assert run.config.is_file() == flags.get("resume", False)
        if not run.config.is_file():
            finish(run)
        run.report.write_text("new")
    assert finished.report.read_text() == "new"
