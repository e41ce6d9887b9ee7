from __future__ import annotations

import dataclasses
import json
import re
import shutil
from collections import Counter
from html.parser import HTMLParser

import pandas as pd
import pytest
from markupsafe import Markup

from ktrain_sentiment.errors import InputError
from ktrain_sentiment.evaluation.intervals import Estimate
from ktrain_sentiment.evaluation.metrics import Calibration
from ktrain_sentiment.evaluation.predictions import LabelledPredictions
from ktrain_sentiment.evaluation.record import EvalSet, TrainingRecord
from ktrain_sentiment.report.card import model_card
from ktrain_sentiment.report.page import environment, render, write_report
from ktrain_sentiment.report.sentences import verdict
from ktrain_sentiment.runs import RunFolder
from ktrain_sentiment.workflow.eval_sets import from_run
from ktrain_sentiment.workflow.evaluating import evaluate
from ktrain_sentiment.workflow.recording import facts_of, facts_of_run

VOID = {"meta", "br", "col", "link", "img", "input"}


class Outline(HTMLParser):
    """Every element with its attributes, and whether the tags close as they opened."""

    def __init__(self, page):
        super().__init__()
        self.open, self.elements, self.words = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def outline(page):
    return Outline(page)


def test_the_page_is_well_formed_and_no_identifier_stands_twice(outline):
    assert outline.open == []
    ids = Counter(a["id"] for _, a in outline.elements if "id" in a)
    assert [name for name, times in ids.items() if times > 1] == []


def test_the_page_asks_for_nothing_from_outside_and_runs_no_script(page, outline):
    assert outline.all("script") == []
    assert outline.all("link") == []
    assert outline.all("img") == []
    addresses = [v for _, a in outline.elements for k, v in a.items() if k in {"src", "href"}]
    addresses += [v for _, a in outline.elements for k, v in a.items() if k == "xlink:href"]
    assert [address for address in addresses if not address.startswith("#")] == []
    assert [url for url in re.findall(r"url\(([^)]*)\)", page) if not url.startswith("#")] == []
    assert "@import" not in page


def test_every_link_and_reference_leads_somewhere_on_the_page(page, outline):
    ids = {a["id"] for _, a in outline.elements if "id" in a}
    targets = re.findall(r'href="#([^"]+)"', page) + re.findall(r"url\(#([^)]+)\)", page)
    targets += [a["aria-labelledby"] for _, a in outline.elements if "aria-labelledby" in a]
    assert set(targets) <= ids


def test_the_page_has_landmarks_a_title_a_language_and_one_main_heading(outline):
    assert outline.all("html")[0]["lang"] == "en"
    for tag in ("title", "h1", "main", "header", "nav", "footer"):
        assert len(outline.all(tag)) == 1, tag
    assert all("aria-labelledby" in attributes for attributes in outline.all("section"))


def test_every_drawing_says_what_it_shows_and_every_table_names_its_cells(outline):
    drawings = outline.all("svg")
    assert len(drawings) >= 7
    assert all(a["role"] == "img" and len(a["aria-label"]) > 20 for a in drawings)
    tables = len(outline.all("table"))
    assert tables >= 6
    assert len(outline.all("caption")) == tables
    assert all(a.get("scope") in {"row", "col"} for a in outline.all("th"))


def test_whatever_scrolls_can_be_scrolled_by_keyboard(outline):
    regions = [a for tag, a in outline.elements if tag == "div" and a.get("class") == "scroll"]
    assert regions
    for tag, attributes in outline.elements:
        if attributes.get("role") == "region":
            assert attributes["tabindex"] == "0", tag
            assert attributes["aria-label"], tag


def test_texts_of_the_data_cannot_bring_markup_in(page):
    assert "<script>" not in page
    assert "</li> grand" not in page
    assert "&lt;script&gt;alert" in page


def test_control_characters_of_texts_are_written_out():
    page = environment().from_string("<p>{{ text }}</p>{{ drawing }}")
    shown = page.render(text="a\x1b[31m <b>\n5 %", drawing=Markup("<svg>\x07</svg>"))
    assert shown == "<p>a\\x1b[31m &lt;b&gt;\n5\u00a0%</p><svg>\\x07</svg>"


def test_the_figures_on_the_page_are_those_of_the_run(page, facts):
    accuracy = facts.metrics.accuracy
    for value in (accuracy.value, accuracy.low, accuracy.high):
        assert f"{100 * value:.1f}" in page
    assert f"Of {accuracy.n} texts that training never saw" in page
    assert facts.calibration.sentence.split(":")[0] in page
    assert "TF-IDF + logistic regression" in page


def test_mistakes_stand_there_with_their_words_marked(page, facts):
    first = facts.errors.losses[0]
    assert f"Row {first.row}: " in page
    assert '<mark class="for"' in page
    assert '<mark class="against"' in page
    assert facts.errors.faithfulness.sentence.split("(")[0].strip() in page.replace("&#39;", "'")


def test_without_test_rows_the_page_says_that_its_figures_are_too_good(run_without_test):
    page = render(facts_of_run(run_without_test.path))
    assert "No rows were kept for a test" in page
    assert "texts of the validation split" in page
    Outline(page)


def test_without_a_predictor_the_page_leaves_speed_and_marked_words_out(facts):
    errors = dataclasses.replace(facts.errors, explanations=(), faithfulness=None)
    page = render(dataclasses.replace(facts, speed=None, errors=errors))
    assert 'id="speed"' not in page
    assert "<mark" not in page


def test_a_baseline_that_gets_as_many_right_is_named_in_a_whole_sentence(facts):
    same = dataclasses.replace(facts.baselines["majority"], accuracy=facts.metrics.accuracy)
    lead = verdict(dataclasses.replace(facts, baselines={"majority": same}))
    assert lead.endswith(". The majority class gets as many right.")


def test_a_temperature_of_1_is_not_drawn_as_a_change(facts):
    metrics = facts.metrics
    page = render(dataclasses.replace(facts, calibration=Calibration(1.0, metrics, metrics)))
    assert "calibration error model" in page
    assert "calibration error before" not in page
    changed = dataclasses.replace(facts, calibration=Calibration(1.5, metrics, metrics))
    assert "calibration error before" in render(changed)


def test_which_intervals_these_are_stands_below_the_figures(facts):
    said = facts.metrics.intervals.split(";")[0]
    assert said.startswith("95 % intervals: BCa bootstrap")
    assert said.replace(" %", "\u00a0%") in render(facts)
    assert f"\n\n{said}" in model_card(facts)


def test_warnings_stand_first(facts):
    said = "Against TF-IDF: No difference can be shown"
    top = render(dataclasses.replace(facts, warnings=(said,))).split("<nav")[0]
    assert "Read this first" in top
    assert said in top


def test_the_page_is_written_whole_over_an_earlier_one(facts, tmp_path):
    path = tmp_path / "report.html"
    path.write_text("old")
    write_report(facts, path)
    assert path.read_text("utf-8").startswith("<!doctype html>")
    assert path.read_text("utf-8").endswith("</html>\n")
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.html"]


def test_a_folder_that_holds_no_finished_run_is_refused(tmp_path):
    with pytest.raises(InputError, match="finished run"):
        facts_of_run(tmp_path)


def test_a_small_pupils_page_names_its_layers_and_its_teacher(facts):
    teacher = {
        "share": 0.5, "accuracy": 0.9, "agreement": 0.85, "rows": 80, "unlabelled": 1200,
    }  # fmt: skip
    training = dataclasses.replace(facts.training, kept_layers=(0, 2, 5), teacher=teacher)
    said = " ".join(Outline(render(dataclasses.replace(facts, training=training))).words)
    said = said.replace("\xa0", " ")
    assert "3 kept, by number 1, 3, 6" in said
    assert "50 % of a target; right in 90.0 % of 80 rows" in said
    assert "labelled 1,200 more texts" in said


def test_a_page_says_how_far_adversarial_training_moved_embeddings(facts):
    training = dataclasses.replace(facts.training, adversarial=0.5)
    moved = dataclasses.replace(facts, training=training)
    said = "word embeddings moved by 0.5 times their mean length"
    assert said in " ".join(Outline(render(moved)).words)
    assert said not in " ".join(Outline(render(facts)).words)


def test_a_run_from_before_there_were_versions_still_has_a_page_and_a_card(run_folder, tmp_path):
    folder = shutil.copytree(run_folder.path, tmp_path / "old")
    run = RunFolder(folder)
    found = json.loads(run.metrics.read_text("utf-8"))
    new = ("version", "comparison", "slices", "errors", "warnings", "speed", "created", "engines")
    old = {key: value for key, value in found.items() if key not in new}
    old["data"] = {"source": "reviews.csv", "fingerprint": "0" * 64}
    for figures in (old["test"], old["validation"], old["before_temperature"]):
        del figures["reliability"]
    run.metrics.write_text(json.dumps(old))
    facts = facts_of_run(folder)
    page = render(facts)
    Outline(page)
    assert f"{100 * facts.metrics.accuracy.value:.1f}" in page
    assert "## Figures" in model_card(facts)


def test_an_evaluation_of_other_rows_has_a_page_without_a_training(words, run_folder):
    frame = pd.read_parquet(run_folder.split("test"))
    table = words.predict_proba(frame["text"])
    rows = LabelledPredictions.join(frame, table, words.labels)
    found = evaluate(EvalSet("mine", "more.csv", rows, words, run_folder.predictor))
    page = render(facts_of(found))
    Outline(page)
    assert "evaluated on more.csv" in page
    assert 'id="training"' not in page
    assert found.to_json()["accuracy"]["n"] == len(frame)


def test_labels_to_look_at_are_counted_with_what_the_count_can_tell(facts):
    errors = dataclasses.replace(
        facts.errors, doubted_labels=17, likely_label_errors=15, possible_label_errors=1,
        expected_label_errors=Estimate(14.9, 12, 17, 17),
    )  # fmt: skip
    page = render(dataclasses.replace(facts, errors=errors)).replace("\u00a0", " ")
    assert "Of 17 labels to look at, 15 are more likely wrong than the model and 1 possibly" in page
    assert "about 15 are expected to be wrong (95 % interval 12 to 17)" in page
    assert "only reading the rows can tell" in page


def test_a_runs_own_rows_are_evaluated_beside_the_baselines_it_recorded(run_folder, monkeypatch):
    def fit_again(*_):
        raise AssertionError("a baseline was fitted again")

    monkeypatch.setattr("ktrain_sentiment.workflow.evaluating.run_baselines", fit_again)
    found = evaluate(from_run(run_folder.path))
    record = TrainingRecord.read(run_folder.metrics)
    assert found.metrics.accuracy == record.metrics.accuracy
    assert found.baselines["tfidf"].accuracy == record.baselines["tfidf"].accuracy
    assert render(facts_of(found)) == render(facts_of_run(run_folder.path))


def test_long_names_of_rows_have_room_on_a_narrow_page_and_short_ones_take_none(facts):
    shown = render(facts)
    assert '<th scope="row" class="name">balanced accuracy</th>' in shown
    assert '<th scope="row">accuracy</th>' in shown
