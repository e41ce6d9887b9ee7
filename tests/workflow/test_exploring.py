"""Exploration: which searches and trials are made, and what is concluded from them."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from ktrain_sentiment.atomic import hold
from ktrain_sentiment.config import (
    DataConfig,
    EncoderConfig,
    ExploreConfig,
    ModelConfig,
    SearchConfig,
    TrainConfig,
    TrainingSettings,
)
from ktrain_sentiment.errors import ConfigError, InputError
from ktrain_sentiment.training.learning_rate import (
    LearningRateCurve,
    Reading,
    SearchBounds,
    Suggestion,
)
from ktrain_sentiment.workflow import exploring


def curve_with(*rates: float) -> LearningRateCurve:
    suggestions = tuple(Suggestion(f"rule {i}", rate, 0.5, "") for i, rate in enumerate(rates))
    reading = Reading(np.array([0.5]), suggestions, suggestions[1] if suggestions else None, "p")
    return LearningRateCurve(np.array([1e-5]), np.array([0.5]), reading, "", 1.0)


def trial(rate: float, loss: float, macro_f1: float) -> exploring.Trial:
    return exploring.Trial(rate, "valley", loss, macro_f1, 10.0)


def test_without_a_varied_setting_there_is_one_search() -> None:
    settings = TrainingSettings(encoder=EncoderConfig(encoder="minilm"))
    assert list(exploring.variants(settings, "")) == [("minilm", settings)]


def test_each_value_of_a_varied_setting_keeps_its_type_and_all_else() -> None:
    settings = TrainingSettings(training=TrainConfig(epochs=7, class_weight="balanced"))
    made = dict(exploring.variants(settings, "batch-size=16,64"))
    assert [variant.training.batch_size for variant in made.values()] == [16, 64]
    assert {variant.training.epochs for variant in made.values()} == {7}
    assert {variant.training.class_weight for variant in made.values()} == {"balanced"}


def test_a_value_that_is_none_is_refused_in_one_line() -> None:
    with pytest.raises(ConfigError, match="--vary: batch_size: wanted a whole number, got 'many'"):
        list(exploring.variants(TrainingSettings(), "batch_size=16,many"))


def test_every_varied_value_is_checked_before_data_is_read(tmp_path: Path) -> None:
    settings = TrainingSettings(source=DataConfig(data="nowhere.csv"))
    with pytest.raises(ConfigError, match="batch_size: wanted a whole number, got 'x'"):
        exploring.explore(settings, ExploreConfig(vary="batch_size=16,x"), folder=tmp_path / "lr")


def test_two_searches_never_write_into_one_folder(tmp_path: Path) -> None:
    with hold(tmp_path / "found"), pytest.raises(InputError, match="is being written by process"):
        exploring.explore(TrainingSettings(), ExploreConfig(), folder=tmp_path / "found")


def test_models_can_be_varied() -> None:
    made = dict(exploring.variants(TrainingSettings(), "model=nbsvm,logreg"))
    assert [variant.model.model for variant in made.values()] == ["nbsvm", "logreg"]


@pytest.mark.parametrize("setting", ["encoder=a,b", "maxlen=16,32"])
def test_a_setting_that_changes_nothing_about_a_model_is_refused(setting: str) -> None:
    settings = TrainingSettings(model=ModelConfig(model="nbsvm"))
    with pytest.raises(ConfigError, match="means nothing to nbsvm"):
        list(exploring.variants(settings, setting))


def test_trials_are_the_suggestions_and_a_grid_without_near_repeats() -> None:
    rates = [rate for _, rate in exploring.candidates(curve_with(1e-5, 3e-5, 3.1e-5))]
    assert rates == pytest.approx([1e-5, 3e-5, 9e-5])


def test_an_unreadable_curve_has_no_trials() -> None:
    assert exploring.candidates(curve_with()) == []


def test_the_conclusion_names_rates_that_the_rows_cannot_tell_apart() -> None:
    trials = (trial(5e-5, 0.4, 0.84), trial(1e-4, 0.41, 0.83), trial(1e-3, 0.7, 0.5))
    said = exploring.conclude({}, trials, rows=200)
    assert said.startswith("5.00e-05 (valley) won")
    assert "1.0e-04" in said
    assert "1.0e-03" not in said


def test_a_search_learns_what_training_would_learn(
    monkeypatch: pytest.MonkeyPatch, reviews_csv: Path, tmp_path: Path
) -> None:
    given = []

    def open_trainer(settings: object, splits: object, soft_targets: object) -> None:
        given.append(soft_targets)
        raise InputError("far enough")

    monkeypatch.setattr(exploring, "taught", lambda *_: "what the teacher says")
    spec = SimpleNamespace(open=open_trainer)
    monkeypatch.setattr(exploring, "resolve_model", lambda _: spec)
    settings = TrainingSettings(source=DataConfig(data=str(reviews_csv)))
    with pytest.raises(InputError, match="far enough"):
        exploring.explore(settings, ExploreConfig(), folder=tmp_path)
    assert given == ["what the teacher says"]


@pytest.mark.parametrize(
    ("asked", "rows", "epochs"), [(None, 2000, 1), (None, 320, 5), (2, 320, 2), (None, 5, 50)]
)
def test_a_short_training_of_few_rows_takes_more_epochs_unless_told(
    asked: int | None, rows: int, epochs: int
) -> None:
    exploring_few = ExploreConfig(verify_epochs=asked)
    assert exploring.trial_epochs(exploring_few, rows, batch_size=32) == epochs


SEARCHES = tuple(
    SearchConfig(search_start=1e-6, search_end=0.1, search_steps=steps) for steps in (100, 200)
)


@pytest.fixture
def steps_searched():
    """A trainer whose searches of fewer steps cannot be read, and the steps of each search."""

    def prepare(readable_from: int) -> tuple[SimpleNamespace, list[int]]:
        made: list[int] = []

        def find(bounds: SearchBounds, on_step: object) -> LearningRateCurve:
            del on_step
            made.append(bounds.steps)
            rate = Suggestion("between", 1e-4, 0.5, "")
            found = rate if bounds.steps >= readable_from else None
            problem = "" if found else "the loss never fell clearly: raise --search-steps"
            reading = Reading(np.array([0.5]), (), found, problem)
            return LearningRateCurve(np.array([1e-5]), np.array([0.5]), reading, "", 1.0)

        return SimpleNamespace(find_learning_rate=find), made

    return prepare


def test_a_curve_that_can_be_read_is_the_only_one(steps_searched) -> None:
    trainer, made = steps_searched(readable_from=100)
    curve = exploring.run_search(trainer, SEARCHES, quiet=True)
    assert made == [100]
    assert curve.reading.chosen is not None


def test_a_curve_that_cannot_be_read_is_followed_by_a_longer_one(steps_searched, caplog) -> None:
    caplog.set_level("INFO")
    trainer, made = steps_searched(readable_from=200)
    curve = exploring.run_search(trainer, SEARCHES, quiet=True)
    assert made == [100, 200]
    assert curve.reading.chosen is not None
    assert "100 steps show too little: the loss never fell clearly" in caplog.messages


def test_the_last_curve_is_given_where_none_can_be_read(steps_searched) -> None:
    trainer, made = steps_searched(readable_from=300)
    curve = exploring.run_search(trainer, SEARCHES, quiet=True)
    assert made == [100, 200]
    assert curve.reading.chosen is None
