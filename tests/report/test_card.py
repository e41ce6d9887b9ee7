from __future__ import annotations

import dataclasses

import pytest
import yaml

from ktrain_sentiment.report.card import base_model, card_header, model_card
from ktrain_sentiment.report.figures import share


def test_the_header_is_what_the_hub_reads(facts):
    card = model_card(facts)
    assert card.startswith("---\n")
    header = yaml.safe_load(card.split("---\n")[1])
    assert header["pipeline_tag"] == "text-classification"
    assert header["base_model"] == "sentence-transformers/all-MiniLM-L6-v2"
    assert header["license"] == "apache-2.0"
    (result,) = header["model-index"][0]["results"]
    assert result["dataset"] == {"name": "reviews.csv", "type": "reviews.csv", "split": "test"}
    values = {metric["name"]: metric["value"] for metric in result["metrics"]}
    assert values["Accuracy"] == pytest.approx(facts.metrics.accuracy.value, abs=1e-4)


def test_the_hubs_own_library_reads_the_header(facts):
    cards = pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed")
    data = cards.ModelCard(model_card(facts)).data
    assert data.model_name == "reviews"
    assert {result.metric_type for result in data.eval_results} >= {"accuracy", "f1"}


def test_the_limits_are_those_of_this_run(facts):
    card = model_card(facts)
    assert "It learned from 120 texts of reviews.csv" in card
    assert "first 64 tokens" in card
    assert f"{facts.metrics.n} test rows" in card


def test_the_card_says_what_other_loaders_read_of_long_texts(facts):
    training = dataclasses.replace(facts.training, long_texts="windows")
    card = model_card(dataclasses.replace(facts, training=training))
    assert "in windows of up to 64 tokens" in card
    assert "transformers, ktrain and transformers.js read the beginning alone" in card


def test_the_engine_that_answers_stands_beside_the_others(facts):
    card = model_card(facts)
    assert "`int8` is what answers by default" in card
    other = facts.training.other_engines["fp32"]
    assert f"| fp32 | {share(other.accuracy.value)} |" in card
    assert "the temperature is in the weights" in card


def test_a_local_encoder_is_not_named_as_a_model_of_the_hub(facts):
    training = dataclasses.replace(facts.training, encoder="./models/mine")
    local = dataclasses.replace(facts, training=training)
    assert base_model(local) is None
    assert "base_model" not in card_header(local)
    assert card_header(local)["license"] == "other"


def test_a_classifier_of_ktrains_own_promises_no_encoder(facts):
    training = dataclasses.replace(
        facts.training, encoder="nbsvm", model="nbsvm", longest_text=2000
    )
    card = model_card(dataclasses.replace(facts, training=training))
    header = yaml.safe_load(card.split("---\n")[1])
    assert header["library_name"] == "keras"
    assert "base_model" not in header
    assert "from transformers" not in card
    assert "tokens" not in card
    assert "It reads the last 2,000 words and sequences of words of a text" in card
    assert "Model: ktrain's own `nbsvm`, policy" in card


def test_data_of_the_hub_is_named_as_such(facts):
    data = dataclasses.replace(facts.data, source="hub:stanfordnlp/sst2:train")
    header = card_header(dataclasses.replace(facts, data=data))
    assert header["datasets"] == ["stanfordnlp/sst2"]
    assert header["model-index"][0]["results"][0]["dataset"]["name"] == "stanfordnlp/sst2"


def test_labels_with_bars_do_not_break_the_tables(facts):
    first, second = facts.metrics.per_class
    renamed = dataclasses.replace(first, label="happy|sad")
    evaluation = dataclasses.replace(facts.metrics, per_class=(renamed, second))
    assert "| happy\\|sad |" in model_card(dataclasses.replace(facts, metrics=evaluation))


def test_labels_that_are_markup_or_control_a_terminal_are_harmless(facts):
    label = "<script>alert(1)</script>`\x1b[31m"
    first, second = facts.metrics.per_class
    renamed = dataclasses.replace(first, label=label)
    evaluation = dataclasses.replace(
        facts.metrics, per_class=(renamed, second), labels=(label, second.label)
    )
    card = model_card(
        dataclasses.replace(facts, metrics=evaluation, warnings=(f"{label} is never predicted",))
    )
    assert "| &lt;script>alert(1)&lt;/script>`\\x1b[31m |" in card
    assert "- &lt;script>alert(1)&lt;/script>`\\x1b[31m is never predicted" in card
    assert "Labels: `<script>alert(1)</script>'\\x1b[31m`, " in card
    assert "\x1b" not in card


def test_a_pupil_with_fewer_layers_says_so(facts):
    training = dataclasses.replace(facts.training, kept_layers=(0, 2, 5), teacher={"share": 0.5})
    card = model_card(dataclasses.replace(facts, training=training))
    assert (
        "Model: encoder `minilm` cut to 3 of its layers, taught by another predictor, policy"
        in card
    )
    assert "taught" not in model_card(facts)


def test_adversarial_training_is_named(facts):
    training = dataclasses.replace(facts.training, adversarial=1.0)
    card = model_card(dataclasses.replace(facts, training=training))
    assert "Model: encoder `minilm`, trained adversarially (Miyato et al. 2017), policy" in card
    assert "adversarially" not in model_card(facts)


def test_rows_that_were_made_to_learn_from_are_counted(facts):
    training = dataclasses.replace(facts.training, augmented={"rows": 1868, "lessons": {}})
    card = model_card(dataclasses.replace(facts, training=training))
    assert "besides its rows on 1,868 made from templates" in card
    assert "made from templates" not in model_card(facts)
