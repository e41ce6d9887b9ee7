"""A study that several processes share: nothing is tried twice, nothing is lost with a process."""

import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("optuna", reason="optuna is not installed: pip install '.[search]'")

from ktrain_sentiment.config.tuning_config import Range
from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.workflow import studies
from ktrain_sentiment.workflow.studies import SharedStudy, this_process

RANGES = (Range("learning_rate", 1e-5, 1e-3), Range("epochs", 2, 4), Range("x", choices=("a", "b")))

BUSY = """
import pickle, sys, time
from ktrain_sentiment.workflow.studies import this_process
from dataclasses import replace
study = replace(pickle.loads(bytes.fromhex(sys.argv[1])), owner=this_process())
while (trial := study.ask(int(sys.argv[2]))) is not None:
    print(trial.number, flush=True)
    time.sleep(float(sys.argv[3]))
    trial.study.tell(trial, trial.params["learning_rate"])
"""


def study_in(folder: Path, seed: int = 0) -> SharedStudy:
    return SharedStudy(str(folder), "some rows", RANGES, seed, prune=True, owner=this_process())


def at_work(study: SharedStudy, wanted: int, seconds: float) -> "subprocess.Popen[str]":
    """A process of its own that takes trials, each of which lasts so many seconds."""
    import pickle

    arguments = [pickle.dumps(study).hex(), str(wanted), str(seconds)]
    return subprocess.Popen(
        [sys.executable, "-c", BUSY, *arguments], stdout=subprocess.PIPE, text=True
    )


def take(study: SharedStudy, wanted: int) -> list[dict[str, object]]:
    tried = []
    while (trial := study.ask(wanted)) is not None:
        tried.append(dict(trial.params))
        trial.study.tell(trial, 1e3 * trial.params["learning_rate"] + trial.params["epochs"])
    return tried


@pytest.mark.parametrize("place", ["folder", "sqlite"])
def test_two_processes_at_once_take_as_many_trials_as_are_wanted(
    tmp_path: Path, place: str
) -> None:
    study = study_in(tmp_path)
    if place == "sqlite":
        study = replace(study, place=f"sqlite:///{tmp_path / 'trials.db'}")
    study.open()
    both = [at_work(study, 7, 0.2) for _ in range(2)]
    said = [process.communicate(timeout=120)[0].split() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert all(said)
    assert sorted(map(int, said[0] + said[1]))[:6] == list(range(6))
    trials = study.counted()
    assert len(trials) == 7
    assert Counter(one.state.name for one in trials) == {"COMPLETE": 7}
    assert len({one.params["learning_rate"] for one in trials}) == 7
    assert len({one.user_attrs["owner"] for one in trials}) == 2


def test_what_a_killed_process_was_at_is_tried_again_and_what_another_is_at_is_left(
    tmp_path: Path,
) -> None:
    study = study_in(tmp_path)
    killed, living = at_work(study, 9, 600), at_work(study, 9, 600)
    for process in (killed, living):
        assert process.stdout is not None
        process.stdout.readline()
    killed.kill()
    killed.communicate()
    try:
        lost = next(t for t in study.counted() if f":{killed.pid}:" in t.user_attrs["owner"])
        study.put_back(own=False)
        study.put_back(own=False)
        assert [f":{living.pid}:" in one.user_attrs["owner"] for one in study.counted()] == [True]
        again = study.ask(9)
        assert again is not None
        assert again.params == lost.params
        assert again.number > lost.number
        waiting = [one for one in study.open().trials if one.state.name == "WAITING"]
        assert waiting == []
    finally:
        living.kill()
        living.communicate()


def test_a_search_that_was_stopped_tries_what_it_would_have_tried_anyway(tmp_path: Path) -> None:
    whole, parts, other = (tmp_path / name for name in ("whole", "parts", "other"))
    for folder in (whole, parts, other):
        folder.mkdir()
    tried = take(study_in(whole), 8)
    assert len(tried) == 8
    assert take(study_in(parts), 3) + take(study_in(parts), 8) == tried
    assert take(study_in(other, seed=1), 3) != tried[:3]


def test_settings_of_few_values_are_each_tried_once_and_then_the_search_ends(
    tmp_path: Path,
) -> None:
    few = (Range("learning_rate", choices=("1e-4", "2e-4")), Range("epochs", 2, 4))
    study = replace(study_in(tmp_path), ranges=few)
    tried = []
    while (trial := study.ask(10)) is not None:
        tried.append((trial.params["learning_rate"], trial.params["epochs"]))
        trial.study.tell(trial, float(trial.params["epochs"]))
    assert sorted(tried) == [(rate, epochs) for rate in ("1e-4", "2e-4") for epochs in (2, 3, 4)]
    assert len(study.counted()) == 6


def test_usual_settings_come_first_and_once(tmp_path: Path) -> None:
    study = study_in(tmp_path)
    study.begin_with({"learning_rate": 5e-5, "epochs": 3})
    study.begin_with({"learning_rate": 5e-5, "epochs": 3})
    first, second = take(study, 2)
    assert (first["learning_rate"], first["epochs"]) == (5e-5, 3)
    assert second["learning_rate"] != 5e-5


def test_a_trial_that_failed_counts_and_is_not_tried_again(tmp_path: Path) -> None:
    study = study_in(tmp_path)
    study.ask(5)
    study.fail("the loss was not a number any more")
    (failed,) = study.counted()
    assert failed.user_attrs["reason"] == "the loss was not a number any more"
    assert not [one for one in study.open().trials if one.state.name == "WAITING"]


def test_a_trial_of_another_machine_is_waited_for_as_long_as_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = study_in(tmp_path)
    replace(study, owner="elsewhere:1:2").ask(5)
    study.put_back(own=False)
    assert len(study.counted()) == 1
    monkeypatch.setattr(studies, "FORSAKEN", 0 * studies.FORSAKEN)
    study.put_back(own=False)
    assert study.counted() == []


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("sqlite:////proc/x/trials.db", "cannot be used: unable to open database file; wanted a"),
        ("nosuch://x", "cannot be used: there is no kind of database called nosuch; wanted"),
    ],
)
def test_what_a_database_has_against_a_place_is_said_in_its_own_words(
    place: str, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        replace(study_in(Path()), place=place).open()


def test_studies_of_one_database_do_not_mix(tmp_path: Path) -> None:
    study = replace(study_in(tmp_path), place=f"sqlite:///{tmp_path / 'trials.db'}")
    take(study, 2)
    other = replace(study, name="other rows")
    assert other.open().trials == []
    assert study.others() == ["other rows"]
