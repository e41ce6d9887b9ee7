"""Models side by side: which examples are drawn, and what each model is trained by."""

import dataclasses
import re
from pathlib import Path

import pandas as pd
import pytest

from ktrain_sentiment.config import (
    CompareConfig,
    DataConfig,
    EncoderConfig,
    ModelConfig,
    SplitConfig,
    TrainConfig,
    TrainingSettings,
)
from ktrain_sentiment.data import Splits
from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.tasks import Kind, Task
from ktrain_sentiment.workflow import comparing as comparing_module
from ktrain_sentiment.workflow.candidates import Job, evaluate_candidate
from ktrain_sentiment.workflow.comparing import compare_models, draw, settings_of
from ktrain_sentiment.workflow.models import (
    check_models,
    check_names,
    resolve_model,
    usual_models,
)
from support.reviews import make_label_sets, make_scores, write_csv

LABELS = ("negative", "positive")
ROWS = 1000


def some_rows(count: int) -> pd.DataFrame:
    labels = [LABELS[k % 2] for k in range(count)]
    return pd.DataFrame({"text": [f"text {k}" for k in range(count)], "label": labels,
                         "row": range(count)})  # fmt: skip


SPLITS = Splits(train=some_rows(60), validation=some_rows(10), test=some_rows(ROWS), labels=LABELS)


def test_what_is_for_encoders_alone_is_kept_from_ktrains_own_classifiers() -> None:
    settings = TrainingSettings(
        encoder=EncoderConfig(layers=2),
        training=TrainConfig(freeze="embeddings", adversarial_epsilon=0.5),
    )
    own = settings_of("nbsvm", settings, CompareConfig(models=("nbsvm",)), 900)
    assert resolve_model(own).name == "nbsvm"
    assert settings_of("encoder", settings, CompareConfig(models=("encoder",)), 900) == settings


def test_word_vectors_decide_nothing_about_models_that_do_not_read_them() -> None:
    settings = TrainingSettings(model=ModelConfig(vectors=Path("vectors.txt")))
    comparing = CompareConfig(models=("bigru", "nbsvm", "encoder"))
    kept = {name: settings_of(name, settings, comparing, 900).model for name in comparing.models}
    assert kept["bigru"].vectors == Path("vectors.txt")
    assert kept["nbsvm"].vectors is None
    assert kept["encoder"].vectors is None


@pytest.mark.parametrize(
    ("asked", "texts", "epochs"), [(None, 900, 6), (None, 300, 10), (2, 300, 2)]
)
def test_ktrains_own_classifiers_learn_few_texts_more_often_unless_told(
    asked: int | None, texts: int, epochs: int
) -> None:
    comparing = CompareConfig(models=("fasttext",), ktrain_epochs=asked)
    own = settings_of("fasttext", TrainingSettings(), comparing, texts)
    assert own.training.epochs == epochs


def test_a_draw_has_so_many_of_each_class_and_repeats_itself() -> None:
    few = draw(SPLITS.train, 8, seed=1)
    assert few["label"].value_counts().to_dict() == {"negative": 8, "positive": 8}
    pd.testing.assert_frame_equal(few, draw(SPLITS.train, 8, seed=1))
    assert set(few["text"]) != set(draw(SPLITS.train, 8, seed=2)["text"])


def test_a_class_with_fewer_rows_gives_all_it_has() -> None:
    assert len(draw(SPLITS.train.iloc[:5], 4, seed=0)) == 5


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("svm", "--models svm: no such model (did you mean nbsvm?); wanted majority, tfidf, vader"),
        ("tfidf nbsvm", "--models tfidf nbsvm: no such model"),
        ("zzz", "--models zzz: no such model; wanted majority, tfidf, vader"),
    ],
)
def test_what_is_no_model_is_refused_before_data_is_read_with_the_list_of_them(
    name: str, said: str
) -> None:
    settings = TrainingSettings(source=DataConfig(data="nowhere.csv"))
    with pytest.raises(ConfigError, match=re.escape(said)):
        compare_models(settings, CompareConfig(models=("tfidf", name)))


def test_names_of_encoders_are_no_unknown_models() -> None:
    check_names(("minilm", "gpt2", "roberta-base", "org/name", "nbsvm"))


def test_models_may_be_joined_by_commas() -> None:
    assert CompareConfig(models=("tfidf,nbsvm", "probe,")).models == ("tfidf", "nbsvm", "probe")


def test_vader_is_refused_where_labels_are_not_polar() -> None:
    with pytest.raises(ConfigError, match="vader knows negative, positive and neutral, not"):
        check_models(TrainingSettings(), ("vader",), ("cats", "dogs"))


def test_bigru_is_refused_without_vectors() -> None:
    with pytest.raises(ConfigError, match="bigru needs --vectors"):
        check_models(TrainingSettings(), ("tfidf", "bigru"), LABELS)


def test_a_single_model_is_refused() -> None:
    with pytest.raises(ConfigError, match="--model nbsvm: name what is compared with --models"):
        check_models(TrainingSettings(model=ModelConfig(model="nbsvm")), ("tfidf",), LABELS)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"few_shot": (0,)}, "must be at least 1"),
        ({"ktrain_epochs": 0}, "--ktrain-epochs 0"),
    ],
)
def test_contradictions_are_refused(change: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        dataclasses.replace(CompareConfig(), **change)


def test_a_stopped_comparison_begun_again_is_told_how_to_go_on_before_rows_are_read(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "compared"
    folder.mkdir()
    (folder / "config.yaml").write_text("")
    settings = TrainingSettings(source=DataConfig(data=str(tmp_path / "none.csv")))
    with pytest.raises(ConfigError, match="was stopped: add --resume to go on with it"):
        compare_models(settings, CompareConfig(models=("majority",)), folder=folder)


def test_an_old_comparison_stays_until_the_new_one_is_whole(
    reviews_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    done: list[str] = []

    def here(function: object, job: Job, *, quiet: bool) -> object:
        if len(done) == stop_after:
            raise KeyboardInterrupt
        done.append(job.model)
        return evaluate_candidate(job)

    def compare(seed: int, **how: bool) -> None:
        settings = TrainingSettings(
            source=DataConfig(data=str(reviews_csv)), split=SplitConfig(test=0.25, split_seed=seed)
        )
        models = CompareConfig(models=("majority", "tfidf"))
        compare_models(settings, models, folder=tmp_path / "compared", **how)

    monkeypatch.setattr(comparing_module, "in_own_process", here)
    stop_after = 2
    compare(seed=1)
    before = (tmp_path / "compared" / "comparison.json").read_text()
    stop_after = 3
    with pytest.raises(KeyboardInterrupt):
        compare(seed=2, overwrite=True)
    assert (tmp_path / "compared" / "comparison.json").read_text() == before
    stop_after = 4
    compare(seed=2, resume=True)
    assert done == ["majority", "tfidf", "majority", "tfidf"]
    assert (tmp_path / "compared" / "comparison.json").read_text() != before
    assert [path.name for path in tmp_path.iterdir()] == ["compared"]


@pytest.mark.parametrize(
    ("kind", "labels", "inputs", "usual"),
    [
        ("classes", LABELS, {}, ("majority", "tfidf", "vader", "probe", "nbsvm", "encoder")),
        ("classes", ("cats", "dogs"), {}, ("majority", "tfidf", "probe", "nbsvm", "encoder")),
        ("stars", ("1", "2", "3"), {"pair_column": "aspect"},
         ("median", "tfidf", "ridge", "probe", "encoder")),
        ("score", ("score",), {}, ("mean", "ridge", "vader", "probe", "encoder")),
        ("multi", ("dull", "long"), {}, ("majority", "tfidf", "probe", "encoder")),
    ],
)  # fmt: skip
def test_models_that_are_usual_for_the_labels_are_compared_where_none_are_named(
    kind: Kind, labels: tuple[str, ...], inputs: dict[str, str], usual: tuple[str, ...]
) -> None:
    splits = dataclasses.replace(SPLITS, labels=labels, kind=kind, table=inputs)
    assert usual_models(splits) == usual
    without_encoder = [name for name in usual if name not in ("probe", "encoder")]
    check_models(TrainingSettings(), without_encoder, labels, splits.task)


@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        ("median", "classes", "median knows stars alone, and the labels are classes"),
        ("majority", "score", "majority knows classes and stars and several labels a text alone"),
        ("nbsvm", "multi", "nbsvm knows classes and stars alone, and the labels are several"),
        ("ridge", "multi", "ridge knows stars and scores alone"),
    ],
)
def test_a_model_that_cannot_learn_such_labels_is_refused(name: str, kind: Kind, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        check_models(TrainingSettings(), (name,), LABELS, Task(kind))


@pytest.mark.parametrize(
    ("rows", "task", "ranked", "figure"),
    [
        (make_scores(200), "score", ["ridge", "mean"], "score_mae"),
        (make_label_sets(200), "multi", ["tfidf", "majority"], "macro_f1"),
    ],
)
def test_scores_and_several_labels_are_compared_in_their_own_figures(
    rows: list[tuple[str, str]],
    task: Kind,
    ranked: list[str],
    figure: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    monkeypatch.setattr(
        comparing_module, "in_own_process", lambda work, job, quiet: work(job)
    )  # fmt: skip
    source = DataConfig(data=str(write_csv(tmp_path / "rows.csv", rows)), task=task)
    settings = TrainingSettings(source=source, split=SplitConfig(test=0.4))
    models = CompareConfig(models=tuple(ranked))
    found = compare_models(settings, models, folder=tmp_path / "compared")
    assert [entry.name for entry in found.entries] == ranked
    assert found.figures["decided_by"] == figure
    assert ranked[0] in found.advice
    again = compare_models(settings, models, folder=tmp_path / "compared", resume=True)
    assert again.figures == found.figures
    costly = dataclasses.replace(models, costs=("missed=5",))
    if task == "score":
        with pytest.raises(ConfigError, match="--costs weighs one wrong label against another"):
            compare_models(settings, costly, folder=tmp_path / "compared", resume=True)
        return
    again = compare_models(settings, costly, folder=tmp_path / "compared", resume=True)
    by_cost, advice = again.by_cost, again.figures["cost_advice"]
    assert {one.name for one in by_cost} == set(ranked)
    assert by_cost[0].cost.value <= by_cost[1].cost.value
    assert by_cost[1].dearer.value == pytest.approx(by_cost[1].cost.value - by_cost[0].cost.value)
    assert advice.startswith("By cost ")
    written = (tmp_path / "compared" / "comparison.md").read_text()
    assert "dearer than the cheapest" in written
    assert advice in written
