"""A run that learned scores: what it says, what it leaves behind, and what is refused of it."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ktrain_sentiment.config import DataConfig, TrainingSettings
from ktrain_sentiment.config.train_config import ModelConfig, TrainConfig
from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.evaluation.record import TrainingRecord
from ktrain_sentiment.predictor.manifest import read_manifest
from ktrain_sentiment.runs import RunFolder
from ktrain_sentiment.tasks import CLASSES, SCORES
from ktrain_sentiment.workflow.eval_sets import from_predictor, from_run
from ktrain_sentiment.workflow.evaluating import evaluate, out_of_fold
from ktrain_sentiment.workflow.exploring import rate_without_search
from ktrain_sentiment.workflow.inspecting import inspect, write_lists
from ktrain_sentiment.workflow.models import MODELS, refuse_unlearnable
from support.reviews import make_scores

NOT_OF_SCORES = ("accuracy", "log loss", "log_loss", "onfusion matrix", "macro_f1", "macro F1")


def test_it_learns_the_order_of_texts(scored_run):
    found = TrainingRecord.read(RunFolder(scored_run).metrics).metrics
    assert found.score.spearman.low > 0.3
    assert found.score.coverage.high > 0.85


def test_nobody_speaks_of_accuracy(scored_run):
    run = RunFolder(scored_run)
    said = (scored_run / "said.txt").read_text("utf-8")
    card = (run.predictor / "README.md").read_text("utf-8")
    for name, text in {
        "screen": said, "card": card, "metrics": run.metrics.read_text("utf-8"),
        "page": run.report.read_text("utf-8").partition('id="settings"')[0],
    }.items():  # fmt: skip
        assert [word for word in NOT_OF_SCORES if word in text] == [], name
    figures = json.loads(said.splitlines()[-1])
    assert figures["task"] == "score"
    assert figures["spearman_interval"][0] < figures["spearman"] < figures["spearman_interval"][1]
    assert figures["ridge_spearman"] < 1


def test_the_predictor_says_what_it_is(scored_run):
    folder = RunFolder(scored_run).predictor
    manifest = read_manifest(folder)
    assert (manifest.task, manifest.labels) == ("score", ("score",))
    assert manifest.half_width > 0
    assert all(report["kept"] for report in manifest.engines.values())
    config = json.loads((folder / "config.json").read_text())
    assert config["problem_type"] == "regression"
    assert config["id2label"] == {"0": "score"}


def test_saved_scores_are_judged_again_as_they_were(scored_run):
    eval_set = from_run(scored_run)
    found, record = evaluate(eval_set), TrainingRecord.read(RunFolder(scored_run).metrics)
    assert found.metrics.score.rmse.value == pytest.approx(record.metrics.score.rmse.value)
    assert set(found.baselines) >= {"mean", "ridge"}
    assert "accuracy" not in json.dumps(found.to_json())


def test_a_predictor_is_judged_on_other_rows_and_out_of_the_data_alone_nothing_is(
    scored_run, tmp_path
):
    from ktrain_sentiment.data import read_labelled
    from ktrain_sentiment.predictor.manifest import trained_table

    rows = pd.DataFrame(make_scores(60, seed=9), columns=["text", "label"])
    rows.to_csv(tmp_path / "more.csv", index=False)
    folder = RunFolder(scored_run).predictor
    texts = read_labelled(DataConfig(data=str(tmp_path / "more.csv")), trained_table(folder))
    assert texts.config.task == "score"
    assert evaluate(from_predictor(folder, texts)).metrics.score.spearman.value > 0.3
    with pytest.raises(ConfigError, match="name one with --predictor"):
        out_of_fold(texts)


@pytest.mark.parametrize(
    "given", [{"abstain_below": 0.5}, {"slice_by": ("row",)}, {"costs": ("squared",)}]
)
def test_what_counts_right_answers_is_refused(scored_run, given):
    with pytest.raises(ConfigError, match="leave it out"):
        evaluate(from_run(scored_run), **given)


def test_the_farthest_rows_are_listed(scored_run, tmp_path):
    found = inspect(from_run(scored_run, "validation"))
    assert list(write_lists(found, tmp_path)) == ["top_losses"]
    off = pd.read_csv(tmp_path / "top_losses.csv")["error"].abs()
    assert off.is_monotonic_decreasing
    assert found.to_json()["rows"] == len(off)
    with pytest.raises(ConfigError, match="--explain is for classes"):
        inspect(from_run(scored_run, "validation"), explained=3)


def test_two_runs_of_scores_are_compared(scored_run, tmp_path):
    shutil.copytree(scored_run, tmp_path / "other")
    found = evaluate(from_run(scored_run), from_run(tmp_path / "other")).comparison
    assert found.better is None
    assert found.spearman_difference.value == 0


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (TrainingSettings(model=ModelConfig(model="nbsvm")), "--model nbsvm learns classes"),
        (TrainingSettings(training=TrainConfig(class_weight="balanced")), "--class-weight"),
        (TrainingSettings(training=TrainConfig(augment=True)), "--augment"),
        (TrainingSettings(training=TrainConfig(keep_best="accuracy")), "--keep-best accuracy"),
    ],
)
def test_what_knows_classes_alone_is_refused_before_training(settings, said):
    with pytest.raises(ConfigError, match=said):
        refuse_unlearnable(replace(settings, source=DataConfig(task="score")))


def test_the_usual_rate_is_taken_where_a_search_would_tell_too_little():
    spec, usual = MODELS["encoder"], TrainingSettings()
    assert rate_without_search(spec, usual, SCORES) == spec.usual_rate
    assert rate_without_search(spec, usual, CLASSES) is None
    given = TrainingSettings(training=TrainConfig(learning_rate=1e-4))
    assert rate_without_search(spec, given, SCORES) == 1e-4


def test_every_loader_gives_the_score_in_its_own_unit(scored_run):
    from ktrain_sentiment.inference import load
    from ktrain_sentiment.training.keras_classifier import load_keras, load_with_ktrain

    folder = RunFolder(scored_run).predictor
    texts = [text for text, _ in make_scores(12, seed=4)]
    exact = load(folder, "fp32").predict_proba(texts)
    assert exact.std() > 0.5  # Standardised, they would spread by 1 around 0 as well.
    assert np.allclose(load_keras(folder).predict_proba(texts), exact, atol=1e-3)
    # ktrain asks a graph, whose products are bfloat16 where the processor has it.
    plain = np.asarray(load_with_ktrain(folder).predict(texts))
    assert np.allclose(plain, exact[:, 0], atol=0.05)
