"""A run that learned several labels a text: what it says and leaves behind, and what is refused."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from rich.text import Text

from ktrain_sentiment.config import CompareConfig, DataConfig, ExploreConfig, TrainingSettings
from ktrain_sentiment.config.train_config import ModelConfig, TrainConfig
from ktrain_sentiment.data import read_labelled
from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.evaluation.record import TrainingRecord
from ktrain_sentiment.inference import load
from ktrain_sentiment.predictor.manifest import read_manifest, trained_table
from ktrain_sentiment.report import screen
from ktrain_sentiment.report.figures import FigureTable
from ktrain_sentiment.runs import RunFolder
from ktrain_sentiment.workflow import compare_models, explore, train
from ktrain_sentiment.workflow.eval_sets import from_predictor, from_run
from ktrain_sentiment.workflow.evaluating import evaluate, out_of_fold
from ktrain_sentiment.workflow.inspecting import correct, inspect, write_lists
from ktrain_sentiment.workflow.models import refuse_unlearnable
from support.reviews import make_label_sets

NOT_OF_SETS = ('"accuracy_interval', "log loss", "onfusion matrix", "A temperature", "ROC")
LABELS = ("about acting", "about plot", "praise")
TEXTS = [text for text, _ in make_label_sets(12, seed=4)]


def test_it_learns_which_labels_texts_have(multi_run):
    found = TrainingRecord.read(RunFolder(multi_run).metrics)
    assert found.metrics.labels == LABELS
    assert found.metrics.multi.macro_f1.low > 0.7
    assert set(found.baselines) == {"majority", "tfidf"}


def test_nobody_speaks_of_one_class_a_text(multi_run):
    run = RunFolder(multi_run)
    said = (multi_run / "said.txt").read_text("utf-8")
    page = run.report.read_text("utf-8").partition('id="settings"')[0]
    card = (run.predictor / "README.md").read_text("utf-8")
    metrics = run.metrics.read_text("utf-8")
    for name, text in {"screen": said, "card": card, "metrics": metrics, "page": page}.items():
        assert [word for word in NOT_OF_SETS if word in text] == [], name
    assert "macro F1 of 3 labels" in page
    assert "A text may have several labels" in card
    figures = json.loads(said.splitlines()[-1])
    assert figures["task"] == "multi"
    assert figures["macro_f1_interval"][0] < figures["macro_f1"] < figures["macro_f1_interval"][1]
    assert set(figures["thresholds"]) == set(LABELS)


def test_the_predictor_says_what_it_is(multi_run):
    folder = RunFolder(multi_run).predictor
    manifest = read_manifest(folder)
    assert (manifest.task, manifest.labels) == ("multi", LABELS)
    assert len(manifest.thresholds) == 3
    assert all(report["kept"] for report in manifest.engines.values())
    config = json.loads((folder / "config.json").read_text())
    assert config["problem_type"] == "multi_label_classification"


def test_saved_answers_are_judged_again_as_they_were(multi_run):
    found, record = evaluate(from_run(multi_run)), TrainingRecord.read(RunFolder(multi_run).metrics)
    assert found.metrics.multi.macro_f1.value == pytest.approx(record.metrics.multi.macro_f1.value)
    assert found.metrics.task.thresholds == pytest.approx(record.metrics.task.thresholds)


def test_a_predictor_is_judged_on_other_rows_and_out_of_the_data_alone_nothing_is(
    multi_run, tmp_path
):
    rows = pd.DataFrame(make_label_sets(60, seed=9), columns=["text", "label"])
    rows.to_csv(tmp_path / "more.csv", index=False)
    folder = RunFolder(multi_run).predictor
    texts = read_labelled(DataConfig(data=str(tmp_path / "more.csv")), trained_table(folder))
    assert texts.config.task == "multi"
    assert evaluate(from_predictor(folder, texts)).metrics.multi.micro_f1.value > 0.8
    with pytest.raises(ConfigError, match="name one with --predictor"):
        out_of_fold(texts)


def test_the_most_wrong_rows_are_listed(multi_run, tmp_path):
    found = inspect(from_run(multi_run, "validation"))
    assert list(write_lists(found, tmp_path)) == ["top_losses"]
    assert pd.read_csv(tmp_path / "top_losses.csv")["loss"].is_monotonic_decreasing
    costs = ("missed=9",)
    priced = inspect(from_run(multi_run, "validation"), costs=costs)
    assert priced.top_losses["cost"].is_monotonic_decreasing
    assert "Its dearest mistakes" in [
        part.title for part in screen.inspection(priced, 3) if isinstance(part, FigureTable)
    ]
    with pytest.raises(ConfigError, match="--explain is for classes"):
        inspect(from_run(multi_run, "validation"), explained=3)


def test_unsure_texts_are_left_out_and_mistakes_weighed_by_label(multi_run):
    rows = from_run(multi_run).predictions
    middle = float(np.median(rows.task.confidence(rows.probabilities)))
    found = evaluate(from_run(multi_run), abstain_below=middle)
    left = found.abstention
    assert 0 < left.covered.value < 1
    assert left.accuracy.n == round(left.covered.value * found.metrics.n)
    assert set(left.figures) == {"micro_f1"}
    assert "have all their labels right; micro F1" in _shown(found)
    found = evaluate(from_run(multi_run), abstain_below=0.0, costs=("missed=9", ":praise=2"))
    assert found.costs.rows == found.metrics.n
    assert found.abstention.figures["cost"] == found.costs.weighed
    assert "micro_f1" in found.abstention.figures
    assert "where labels are given from their thresholds on" in _shown(found)
    assert "mean cost of an answer" in _shown(found)


def _shown(found):
    return " ".join(str(part) for part in screen.evaluation(found) if isinstance(part, Text))


def test_two_runs_are_compared(multi_run, tmp_path):
    shutil.copytree(multi_run, tmp_path / "other")
    found = evaluate(from_run(multi_run), from_run(tmp_path / "other")).comparison
    assert found.better is None
    assert found.macro_f1_difference.value == 0


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (TrainingSettings(model=ModelConfig(model="nbsvm")), "--model nbsvm learns one label"),
        (TrainingSettings(training=TrainConfig(class_weight="balanced")), "--class-weight"),
        (TrainingSettings(training=TrainConfig(few_labels="auto")), "--few-labels"),
        (TrainingSettings(training=TrainConfig(keep_best="macro_f1")), "--keep-best macro_f1"),
    ],
)
def test_what_knows_classes_alone_is_refused(settings, said):
    with pytest.raises(ConfigError, match=said):
        refuse_unlearnable(replace(settings, source=DataConfig(task="multi")))


def test_it_is_refused_before_a_byte_is_read(tmp_path):
    source = DataConfig(data=str(tmp_path / "not there.csv"), task="multi")
    with pytest.raises(ConfigError, match="--few-shot is for classes, and a text may have several"):
        compare_models(TrainingSettings(source=source), CompareConfig(few_shot=(8,)))
    with pytest.raises(ConfigError, match="--corrections is for classes"):
        correct(source, tmp_path / "none.csv")
    nbsvm = TrainingSettings(source=source, model=ModelConfig(model="nbsvm"))
    with pytest.raises(ConfigError, match="--model nbsvm"):
        train(nbsvm, folder=tmp_path / "run")
    with pytest.raises(ConfigError, match="--model nbsvm"):
        explore(nbsvm, ExploreConfig(), folder=tmp_path / "lr")


def test_every_loader_gives_the_same_probabilities(multi_run):
    from ktrain_sentiment.training.keras_classifier import load_keras, load_with_ktrain

    folder = RunFolder(multi_run).predictor
    exact = load(folder, "fp32").predict_proba(TEXTS)
    assert np.allclose(load_keras(folder).predict_proba(TEXTS), exact, atol=1e-4)
    said = load_with_ktrain(folder).predict(TEXTS)
    assert [label for label, _ in said[0]] == list(LABELS)
    # ktrain asks a graph, whose products are bfloat16 where the processor has it.
    plain = np.array([[probability for _, probability in one] for one in said])
    assert np.allclose(plain, exact, atol=0.02)
