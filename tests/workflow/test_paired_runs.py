"""A run on texts with aspects: the pair decides, and every loader reads it alike."""

from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest

import ktrain_sentiment
from ktrain_sentiment.cleaning import apply_cleaning
from ktrain_sentiment.config import (
    CompareConfig,
    DataConfig,
    ExploreConfig,
    ModelConfig,
    TrainingSettings,
)
from ktrain_sentiment.config.data_config import CleaningStep
from ktrain_sentiment.config.flat import from_flat
from ktrain_sentiment.config.tuning_config import SearchSettings
from ktrain_sentiment.data import read_labelled
from ktrain_sentiment.errors import ConfigError, InputError
from ktrain_sentiment.evaluation.explanation import explain
from ktrain_sentiment.evaluation.record import TrainingRecord
from ktrain_sentiment.inputs import Inputs, text_and_second
from ktrain_sentiment.predictor.manifest import read_manifest
from ktrain_sentiment.runs import RunFolder
from ktrain_sentiment.workflow.comparing import compare_models
from ktrain_sentiment.workflow.exploring import explore
from ktrain_sentiment.workflow.models import MODELS
from ktrain_sentiment.workflow.training import train
from ktrain_sentiment.workflow.tuning import search_settings
from support.process import run_here
from support.reviews import COLUMNS, make_aspects, write_csv

TEXT = "the plot was brilliant but the cast was boring all evening"
BOTH = [
    (TEXT, "plot"), (TEXT, "cast"), ("the plot was dreary and the cast was awful", "plot"),
]  # fmt: skip


@pytest.fixture(scope="module")
def run(paired_run):
    return RunFolder(paired_run)


@pytest.fixture(scope="module")
def classifier(run):
    return ktrain_sentiment.load(run.predictor)


def test_it_tells_what_the_text_alone_cannot(run):
    test = pd.read_parquet(run.predictions("test"))
    right = test["predicted"] == test["label"]
    sentence = test["text"].str.partition(" \u241e ")[0]
    at_best = test.groupby(sentence)["label"].transform(lambda own: own.value_counts(True).max())
    assert right[test["text"].str.contains(" but ")].mean() > 0.9
    assert right.mean() > 0.9 > 0.8 > at_best.mean()
    assert TrainingRecord.read(run.metrics).baselines["tfidf"].accuracy.value < 0.85


def test_no_sentence_stands_in_two_splits(run):
    alone = {
        name: set(pd.read_parquet(run.split(name))["text"].str.partition(" \u241e ")[0])
        for name in ("train", "validation", "test")
    }
    assert not alone["train"] & (alone["validation"] | alone["test"])


def test_aspects_are_slices(run):
    found = {one.value for one in TrainingRecord.read(run.metrics).slices if one.column == "aspect"}
    assert found == {"plot", "cast"}


def test_the_aspect_turns_the_answer(classifier):
    said = [one.label for one in classifier.predict(BOTH)]
    assert said == ["positive", "negative", "negative"]


def test_pairs_may_come_in_any_shape(classifier):
    wanted = classifier.predict_proba(BOTH)
    texts, aspects = zip(*BOTH, strict=True)
    frame = pd.DataFrame({"text": texts, "aspect": aspects})
    named = [{"text": text, "text_pair": aspect} for text, aspect in BOTH]
    for given in (frame, named, frame.to_dict("records"), [list(pair) for pair in BOTH]):
        assert np.array_equal(classifier.predict_proba(given), wanted)
    assert np.array_equal(classifier.predict_proba(texts, aspects), wanted)


@pytest.mark.parametrize("empty", ["", " ", None, float("nan")])
def test_an_empty_aspect_gets_no_answer(classifier, empty):
    (answer,) = classifier.predict([(TEXT, empty)])
    assert answer.label == ""
    assert np.isnan(answer.probability)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([TEXT], "is a text, and the predictor reads pairs of a text and column 'aspect'"),
        ([(TEXT, "plot", "x")], r"has 3 parts, wanted \('text', 'aspect'\)"),
        ([{"text": TEXT}], "has no 'aspect'"),
        ((TEXT, "plot"), "got a single tuple, wanted rows"),
    ],
)
def test_what_is_no_pair_is_refused(classifier, rows, said):
    with pytest.raises(InputError, match=said):
        classifier.predict(rows)


def test_as_many_seconds_as_texts_are_wanted(classifier):
    with pytest.raises(InputError, match="got 2 texts and 1 pair: wanted one each"):
        classifier.predict([TEXT, TEXT], ["plot"])


def test_a_predictor_of_texts_refuses_pairs(predictor):
    single = ktrain_sentiment.load(predictor)
    with pytest.raises(InputError, match="of type tuple, and the predictor reads texts alone"):
        single.predict([(TEXT, "plot")])
    with pytest.raises(InputError, match="of type tuple"):
        single.predict([TEXT], ["plot"])


def test_every_loader_gives_the_same_probabilities(backend, run, classifier):
    from ktrain_sentiment.training.keras_classifier import load_keras, load_with_ktrain

    folder = run.predictor
    exact = ktrain_sentiment.load(folder, "fp32").predict_proba(BOTH)
    assert classifier.engine == "int8"
    assert np.abs(classifier.predict_proba(BOTH) - exact).max() < 0.02
    loader = backend.transformers
    tokens = loader.AutoTokenizer.from_pretrained(folder)
    given = tokens(*map(list, zip(*BOTH, strict=True)), padding=True, return_tensors="tf")
    model = loader.TFAutoModelForSequenceClassification.from_pretrained(folder)
    answers = {
        "transformers": backend.tf.nn.softmax(model(given).logits).numpy(),
        "keras": load_keras(folder).predict_proba(BOTH),
        "ktrain": load_with_ktrain(folder).predict_proba(BOTH),
    }
    for name, found in answers.items():
        assert np.abs(found - exact).max() < 1e-3, name


def test_words_are_weighed_without_losing_the_border(classifier):
    joined = classifier.inputs.join(TEXT, ["cast"])
    (found,) = explain(classifier, [joined])
    assert found.label == "negative"
    weights = {
        joined[slice(*span)]: own for span, own in zip(found.spans, found.importance, strict=True)
    }
    assert weights["boring"] > 0
    assert weights["\u241e"] == pytest.approx(0, abs=1e-6)


def test_every_cleaning_leaves_the_border(classifier):
    joined = classifier.inputs.join("<b>Fine</b>  plot", ["cast"])
    steps = get_args(CleaningStep)
    assert text_and_second(apply_cleaning([joined], steps)[0]) == ("Fine plot", "cast")


def test_the_command_line_takes_the_second_text_or_a_table(run, tmp_path):
    place = tmp_path / "pairs.csv"
    pd.DataFrame([*BOTH, (TEXT, "")], columns=["text", "aspect"]).to_csv(place, index=False)
    scored = tmp_path / "scored.csv"
    done = run_here(
        "scripts/predict.py", "--predictor", run.path, "--file", place, "--output", scored
    )
    assert done.returncode == 0, done.stderr
    assert "pairs.csv: row 5 has no text in column 'aspect'" in done.stderr.replace("line", "row")
    said = pd.read_csv(scored)["predicted"].fillna("").tolist()
    assert said == ["positive", "negative", "negative", ""]
    done = run_here("scripts/predict.py", "--predictor", run.path, "--pair", "cast", TEXT)
    assert done.stdout.startswith("negative\t")
    done = run_here("scripts/predict.py", "--predictor", run.path, TEXT)
    assert done.returncode == 2
    assert "name the second text with --pair" in done.stderr


def test_the_manifest_and_the_card_say_it(run):
    assert read_manifest(run.predictor).inputs == Inputs("text", pair="aspect")
    card = (run.predictor / "README.md").read_text("utf-8")
    assert '"text_pair": "its aspect"}, truncation="only_first")' in card


def test_the_task_of_pairs_is_one_of_classes_and_wants_the_column():
    assert DataConfig(data="x.csv", task="pairs", pair_column="aspect").task == "classes"
    with pytest.raises(ConfigError, match="--task pairs: name the column of the second texts"):
        DataConfig(data="x.csv", task="pairs")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"model": "nbsvm"}, "--model nbsvm reads one text and tells no pair apart"),
        ({"few_labels": "contrastive"}, "--few-labels contrastive embeds single texts"),
        ({"augment": True}, "--augment learns from texts alone, and the rows are pairs of a text"),
    ],
)
def test_what_knows_no_pairs_is_refused_before_anything_is_read(given, said):
    asked = {"data": "nothing.csv", "pair_column": "aspect", **given}
    settings = from_flat(TrainingSettings, asked, "a test")
    with pytest.raises(ConfigError, match=said):
        MODELS[settings.model.model].refuse_foreign(settings)


@pytest.mark.parametrize(
    ("model", "said"),
    [("nbsvm", "--model nbsvm reads one text"), ("contrastive", "embeds single texts")],
)
def test_a_comparison_refuses_such_models_before_any_other_is_trained(model, said):
    settings = from_flat(
        TrainingSettings, {"data": "nothing.csv", "pair_column": "aspect"}, "a test"
    )
    with pytest.raises(ConfigError, match=said):
        compare_models(settings, CompareConfig(models=("tfidf", model)))


@pytest.mark.parametrize("command", ["train", "find_lr", "search"])
def test_what_knows_no_pairs_is_refused_too_where_the_rows_say_it(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = DataConfig(data=str(write_csv(Path("aspects.csv"), make_aspects(60), COLUMNS)))
    texts = read_labelled(replace(source, pair_column="aspect"))
    settings = SearchSettings(source=source, model=ModelConfig(model="nbsvm"))
    work = {
        "train": lambda: train(settings, texts),
        "find_lr": lambda: explore(settings, ExploreConfig(), texts),
        "search": lambda: search_settings(settings, texts),
    }
    with pytest.raises(ConfigError, match="--model nbsvm reads one text and tells no pair apart"):
        work[command]()


def test_lines_for_people_show_both_texts(run):
    done = run_here(
        "scripts/predict.py", TEXT, "--pair", "plot", "--predictor", run.predictor
    )  # fmt: skip
    assert done.stdout.rstrip().split("\t")[2:] == [TEXT, "plot"]
