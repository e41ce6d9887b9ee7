"""Which settings a search tries, and what its trials come to."""

import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("optuna", reason="optuna is not installed: pip install '.[search]'")

import optuna

from ktrain_sentiment.api import SettingsSearch
from ktrain_sentiment.commands import train as train_command
from ktrain_sentiment.config import (
    DataConfig,
    EncoderConfig,
    ModelConfig,
    SplitConfig,
    TrainConfig,
    TrainingSettings,
)
from ktrain_sentiment.config.flat import from_flat, read_settings
from ktrain_sentiment.config.tuning_config import Range, SearchSettings, TuneConfig
from ktrain_sentiment.errors import ConfigError, TrainingError
from ktrain_sentiment.workflow import tuning as tuning_module
from ktrain_sentiment.workflow.tuning import (
    Report,
    TunedTrial,
    TuningResult,
    chosen_ranges,
    search_settings,
    trial_settings,
    usual_values,
)

NBSVM = TrainingSettings(model=ModelConfig(model="nbsvm"))


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("learning_rate=1e-5:3e-4", Range("learning_rate", 1e-5, 3e-4)),
        ("lr=1e-5:3e-4", Range("learning_rate", 1e-5, 3e-4)),
        ("--batch-size=16,32", Range("batch_size", choices=("16", "32"))),
        ("epochs=2:4", Range("epochs", 2, 4)),
    ],
)
def test_a_range_is_read_as_people_write_it(text: str, meant: Range) -> None:
    found = Range.parse(text)
    assert found == meant
    assert found.whole == (meant.name == "epochs")
    assert found.logarithmic == (meant.name == "learning_rate")


@pytest.mark.parametrize("text", ["epochs", "epochs=", "=1:2", "epochs=4:2", "epochs=3", "x=a:b",
                                  "batch_size=16,16"])  # fmt: skip
def test_what_is_no_range_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ConfigError, match=f"--range {re.escape(text)}: wanted .*16,32"):
        TuneConfig(range=(text,))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"range": ("epochs=2:3", "epochs=4,5")}, "--range names epochs twice"),
        ({"trials": 0}, "--trials 0"),
        ({"minutes": 0.0}, "--minutes 0.0"),
    ],
)
def test_contradictions_are_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        TuneConfig(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("epoch=2:4", "--range epoch=2:4: unknown setting epoch; did you mean epochs?"),
        ("lr=0:5", "--range lr=0:5: --learning-rate 0.0: must be above 0 and below 10"),
        ("test=0.1,0.2", "--range test: trials must learn from the same rows in the same way"),
        ("threads=1,2", "--range threads: trials must learn from the same rows"),
        ("few_labels=full,probe", "--range few_labels: trials must learn"),
        ("maxlen=32,64", "--maxlen 32: nbsvm has no encoder"),
        ("batch_size=0:8", "--batch-size 0: must be at least 1"),
        ("ngrams=a,b", "--range ngrams=a,b: ngrams: wanted a whole number or null, got"),
    ],
)
def test_what_cannot_be_tried_is_refused_before_anything_is_trained(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        chosen_ranges(NBSVM, TuneConfig(range=(text,)))


def test_trials_in_training_are_not_among_those_that_one_is_the_best_of() -> None:
    done, running = (
        TunedTrial(number, {"ngrams": 2}, loss, None, state, 1.0)
        for number, loss, state in ((0, 0.5, "done"), (1, None, "in training"))
    )
    best = trial_settings(NBSVM, {"ngrams": 2})
    rows = {"validation": 10, "test": 5}
    found = TuningResult(Path("found"), (done, replace(done, number=2), running), best, rows)
    assert found.conclusion.startswith("The best of 2 trials (1 more in training): ngrams 2;")


def test_few_labels_choose_their_way_without_a_search() -> None:
    settings = TrainingSettings(training=TrainConfig(few_labels="auto"))
    with pytest.raises(ConfigError, match="--few-labels auto: search is for"):
        chosen_ranges(settings, TuneConfig())


def test_each_kind_of_model_has_its_usual_ranges(tiny_bert: Path) -> None:
    encoder = TrainingSettings(encoder=EncoderConfig(encoder=str(tiny_bert), maxlen=32))
    grown = TrainingSettings(model=ModelConfig(model="fasttext"))
    names = [[one.name for one in chosen_ranges(s, TuneConfig())] for s in (encoder, NBSVM, grown)]
    assert names[0] == names[2] == ["learning_rate", "epochs", "batch_size"]
    assert names[1] == ["learning_rate", "ngrams"]


def test_nothing_of_a_trial_is_left_to_be_found_in_training() -> None:
    made = trial_settings(NBSVM, {"ngrams": 3, "batch_size": "16"})
    assert (made.model.ngrams, made.training.batch_size) == (3, 16)
    assert made.training.learning_rate == 1.0
    assert made.training.keep_best == "loss"
    kept = TrainingSettings(training=TrainConfig(keep_best="last", learning_rate=2e-5))
    assert trial_settings(kept, {}).training == kept.training


def test_what_would_be_trained_anyway_is_tried_first_where_the_ranges_hold_it() -> None:
    ranges = (
        Range("learning_rate", 1e-5, 1e-4), Range("epochs", 2, 4),
        Range("batch_size", choices=("16", "32")), Range("weight_decay", 0.05, 0.1),
    )  # fmt: skip
    found = usual_values(TrainingSettings(), ranges, 5000)
    assert found == {"learning_rate": 5e-5, "epochs": 3, "batch_size": "32"}
    assert "epochs" not in usual_values(TrainingSettings(), ranges, 100)


def test_a_training_is_given_up_for_a_loss_above_others_at_the_same_share_of_its_epochs() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(pruner=optuna.pruners.MedianPruner(2))

    def train(losses: list[float]) -> int:
        trial = study.ask()
        watch = Report(trial, len(losses))
        for epoch, loss in enumerate(losses):
            try:
                watch.on_epoch_end(epoch, {"val_loss": loss})
            except optuna.TrialPruned:
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                return epoch + 1
        study.tell(trial, losses[-1])
        return len(losses)

    assert train([0.5, 0.3]) == 2
    assert train([0.6, 0.3]) == 2
    assert train([0.7, 0.65, 0.3, 0.2]) == 2
    assert train([0.7, 0.5, 0.4, 0.2]) == 4
    assert train([0.1] * 250) == 250


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch, reviews_csv: Path, tmp_path: Path):
    """A search whose trials are made here and now; each fit is a function of its settings."""
    monkeypatch.setattr(
        tuning_module, "in_own_process", lambda function, job, *, quiet: function(job)
    )

    def fit(job: object, trial: optuna.Trial) -> object:
        import pandas as pd

        rate = trial.params["learning_rate"]
        if rate > 4:
            raise TrainingError("the loss was not a number any more")
        rows = pd.DataFrame({"val_loss": [1.0, rate], "val_accuracy": [0.5, 0.75]})
        return SimpleNamespace(history=rows, best_epoch=2)

    monkeypatch.setattr(tuning_module, "_fit", fit)

    def search(*, data: Path = reviews_csv, seed: int = 0, **tuning: object) -> object:
        return search_settings(
            SearchSettings(
                source=DataConfig(data=str(data)),
                split=SplitConfig(test=0.25),
                model=ModelConfig(model="nbsvm"),
                training=TrainConfig(seed=seed),
                tuning=TuneConfig(**{"study": str(tmp_path / "study"), **tuning}),  # type: ignore[arg-type]
            )
        )

    return search


def test_the_best_goes_to_a_file_that_train_takes(searched, tmp_path: Path) -> None:
    found = searched(trials=4)
    assert [one.state for one in found.trials] == ["done"] * 4
    assert found.trials[0].loss == min(one.loss for one in found.trials)
    assert found.trials[0].accuracy == 0.75
    place = tmp_path / "study" / "best.yaml"
    flags = from_flat(train_command.Flags, read_settings(place), str(place))
    assert flags.training.learning_rate == found.best_values["learning_rate"]
    assert flags.model.ngrams == found.best_values["ngrams"]
    assert f"--config {place}" in found.conclusion
    said = SettingsSearch(found)
    assert said.best == {**found.best_values, "keep_best": "loss"}
    assert said.table["loss"].tolist() == [one.loss for one in found.trials]
    assert {"learning_rate", "ngrams", "accuracy"} <= set(said.table)
    assert "too good; the 150 test rows were not touched" in found.conclusion


def test_the_same_call_goes_on_and_other_rows_or_settings_are_refused(
    searched, tmp_path: Path, reviews_csv: Path
) -> None:
    first = searched(trials=2)
    assert len(searched(trials=2).trials) == 2
    again = searched(trials=3, minutes=60.0)
    assert len(again.trials) == 3
    assert {one.number: one.values for one in first.trials}.items() <= {
        one.number: one.values for one in again.trials
    }.items()
    with pytest.raises(ConfigError, match=r"was begun with --seed 0 \(now --seed 1\)"):
        searched(trials=3, seed=1)
    other = tmp_path / "other.csv"
    other.write_text("\n".join(reviews_csv.read_text("utf-8").splitlines()[:-1]), "utf-8")
    with pytest.raises(ConfigError, match="was begun with other rows: give the same"):
        searched(trials=3, data=other)


def test_a_folder_of_something_else_is_left_alone(searched, tmp_path: Path) -> None:
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "thesis.tex").touch()
    with pytest.raises(ConfigError, match="is no folder of a search"):
        searched(trials=1)


def test_a_run_is_left_alone(searched, tmp_path: Path) -> None:
    (tmp_path / "study").mkdir()
    config = tmp_path / "study" / "config.yaml"
    config.write_text("epochs: 3\n", "utf-8")
    with pytest.raises(ConfigError, match="is no folder of a search"):
        searched(trials=1)
    assert config.read_text("utf-8") == "epochs: 3\n"


def test_a_database_that_cannot_be_used_leaves_no_folder(
    searched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        ConfigError, match=r"--study nosuch://x: cannot be used: .*; wanted a folder"
    ):
        searched(trials=1, study="nosuch://x")
    assert not (tmp_path / "runs").exists()


def test_trials_that_fail_are_listed_and_the_search_goes_on(searched) -> None:
    found = searched(trials=12, range=("learning_rate=1.0:9.0",))
    states = [one.state for one in found.trials]
    assert len(states) == 12
    assert states == sorted(states)
    assert found.trials[-1].reason == "the loss was not a number any more"


def test_where_every_trial_fails_the_search_ends(searched) -> None:
    with pytest.raises(TrainingError, match="not a number"):
        searched(trials=12, range=("learning_rate=5.0:9.0",))


def test_no_trial_is_begun_that_would_not_end_in_time(searched, caplog) -> None:
    found = searched(trials=500, minutes=0.01)
    assert 0 < len(found.trials) < 500
