"""What is evaluated: which rows of a table tell something about a predictor."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from ktrain_sentiment.config import DataConfig
from ktrain_sentiment.data import LabelledTexts, read_frame, read_labelled
from ktrain_sentiment.errors import ConfigError, DataError, MissingExtraError
from ktrain_sentiment.inference import load
from ktrain_sentiment.predictor.manifest import trained_table
from ktrain_sentiment.report import screen
from ktrain_sentiment.workflow.eval_sets import (
    find_eval_set,
    from_predictor,
    predict_same_rows,
    refuse_costs,
)
from ktrain_sentiment.workflow.evaluating import evaluate, out_of_fold
from ktrain_sentiment.workflow.inspecting import inspect
from support.reviews import make_reviews, write_csv


@pytest.fixture
def rows(tmp_path: Path) -> LabelledTexts:
    path = write_csv(tmp_path / "rows.csv", make_reviews(40, seed=8))
    return read_labelled(DataConfig(data=str(path)))


def run_that_learned(frame: pd.DataFrame, predictor: Path, tmp_path: Path) -> Path:
    run = tmp_path / "run"
    shutil.copytree(predictor, run / "predictor")
    (run / "splits").mkdir()
    frame.to_parquet(run / "splits" / "train.parquet")
    return run


def test_rows_that_were_learned_from_are_left_out_and_counted(predictor, rows, tmp_path) -> None:
    run = run_that_learned(rows.frame.head(30), predictor, tmp_path)
    found = from_predictor(run, rows)
    rest = rows.frame[~rows.frame["text"].isin(set(rows.frame["text"].head(30)))]
    assert found.predictions.texts == rest["text"].tolist()
    assert found.predictions.frame["row"].tolist() == rest["row"].tolist()
    assert found.notes[0].startswith(f"{40 - len(rest)} of 40 rows were learned from and are left")


def test_an_inspection_takes_all_rows(predictor, rows, tmp_path) -> None:
    run = run_that_learned(rows.frame.head(30), predictor, tmp_path)
    assert len(from_predictor(run, rows, all_rows=True).predictions.texts) == 40


def test_figures_on_learned_rows_alone_are_called_too_good(predictor, rows, tmp_path) -> None:
    found = from_predictor(run_that_learned(rows.frame, predictor, tmp_path), rows)
    assert len(found.predictions.texts) == 40
    assert any("40 of these 40 texts were trained on: figures" in note for note in found.notes)


def test_rows_that_nothing_learned_from_are_judged_without_a_word(
    predictor, rows, tmp_path
) -> None:
    found = from_predictor(run_that_learned(rows.frame.head(0), predictor, tmp_path), rows)
    assert (len(found.predictions.texts), found.notes) == (40, ())


def test_rows_that_are_not_judged_are_said_and_repeats_are_counted(predictor, tmp_path) -> None:
    reviews = [*make_reviews(12, seed=8), ("what a film", "positive"), ("what a film", "negative")]
    path = write_csv(tmp_path / "often.csv", [*reviews, *reviews[:7]])
    found = from_predictor(predictor, read_labelled(DataConfig(data=str(path))))
    repeats, contradicting = found.notes[1], found.notes[0]
    assert contradicting.startswith("left out 2 rows whose text stands more often under another")
    assert repeats.startswith("left out 7 rows repeating an earlier row (unless --duplicates keep)")
    figures = evaluate(found).to_json()
    assert (figures["n"], figures["repeats_left_out"], figures["notes"][1]) == (12, 7, repeats)
    kept = read_labelled(DataConfig(data=str(path), duplicates="keep"))
    figures = evaluate(from_predictor(predictor, kept)).to_json()
    assert (figures["n"], figures["repeats_left_out"]) == (19, 0)


@pytest.mark.parametrize("kind", ["from elsewhere", "opened"])
def test_costs_of_no_label_are_refused_before_anything_is_read_or_predicted(
    predictor, tmp_path, kind
) -> None:
    folder = tmp_path / "elsewhere"
    shutil.copytree(predictor, folder, ignore=shutil.ignore_patterns("manifest.json"))
    place = folder if kind == "from elsewhere" else load(predictor)
    with pytest.raises(ConfigError, match="did you mean negative"):
        refuse_costs(["negativ:=5"], place)
    refuse_costs(["negative:=5"], place)


def test_a_column_to_judge_by_that_is_not_there_is_refused_before_anything_is_predicted(
    rows, predictor, caplog
) -> None:
    caplog.set_level("INFO")
    source, lacking = DataConfig(data=rows.config.data), "--slice-by sorce: no such column"
    eval_set, _ = find_eval_set(source, predictor=predictor, compare=())
    assert "predicting" in caplog.text
    with pytest.raises(ConfigError, match=lacking):
        evaluate(eval_set, slice_by=["sorce"])
    caplog.clear()
    with pytest.raises(ConfigError, match=lacking):
        find_eval_set(source, predictor=predictor, compare=(), slice_by=["label", "sorce"])
    assert not caplog.text


def test_costs_are_refused_only_when_it_answers_where_nobody_knows_the_labels_before(
    ktrain_folder, tmp_path
) -> None:
    for place in (ktrain_folder, tmp_path, tmp_path / "nowhere", None):
        refuse_costs(["no label:=5"], place)


@pytest.fixture
def priced(rows) -> LabelledTexts:
    """The rows with what `columns_predictor` reads beside the texts, and a title each."""
    beside = {"price": range(40), "category": "food", "title": rows.frame["text"] + " indeed"}
    frame = rows.frame[["text", "label"]].assign(**beside)
    frame.loc[:2, "title"] = " "
    return read_frame(frame, DataConfig(text_column="text"), "priced.csv")


def test_models_that_read_different_columns_are_compared_on_the_same_rows(
    predictor, columns_predictor, priced
) -> None:
    one = from_predictor(predictor, priced)
    other = predict_same_rows(columns_predictor, one)
    joined = f"price 7, category food | {one.predictions.texts[7]}"
    classifier = load(columns_predictor)
    assert other.predictions.probabilities[7] == pytest.approx(
        classifier.predict_proba([joined])[0]
    )
    assert (other.notes, other.predictions.texts) == ((), one.predictions.texts)
    back = predict_same_rows(predictor, replace(one, predictions=other.predictions))
    assert back.predictions.probabilities == pytest.approx(one.predictions.probabilities)


def test_a_model_of_texts_alone_is_asked_the_texts_that_another_joined(
    predictor, columns_predictor, priced
) -> None:
    trained = trained_table(columns_predictor)
    frame = priced.frame.drop(columns="row")
    joined = read_frame(frame, DataConfig(text_column="text"), "priced.csv", trained)
    found = predict_same_rows(predictor, from_predictor(columns_predictor, joined))
    alone = from_predictor(predictor, priced).predictions.probabilities
    assert found.predictions.probabilities == pytest.approx(alone)


def test_rows_that_the_other_cannot_read_or_has_learned_from_are_compared_for_neither(
    predictor, priced, tmp_path
) -> None:
    learned = pd.DataFrame({"text": priced.frame["title"].iloc[5:15]})
    run = run_that_learned(learned, predictor, tmp_path)
    manifest = json.loads((run / "predictor" / "manifest.json").read_text())
    manifest["table"] = {"text_column": "title"}
    (run / "predictor" / "manifest.json").write_text(json.dumps(manifest))
    one = from_predictor(predictor, priced)
    other = predict_same_rows(run, one)
    assert other.places.tolist() == [3, 4, *range(15, 40)]
    found = evaluate(one, other)
    assert found.comparison.n == 27
    assert found.metrics.n == 40
    assert found.eval_set.notes[-2:] == (
        "run: 3 of 40 rows have no text for it and are not compared",
        "run: 10 of 40 rows were learned from and are not compared",
    )


def test_a_column_that_only_the_other_reads_and_nobody_has_is_named(
    predictor, columns_predictor, rows
) -> None:
    said = "rows.csv, for columns: there is no column 'price', and the model reads texts and"
    with pytest.raises(DataError, match=said):
        predict_same_rows(columns_predictor, from_predictor(predictor, rows))


def test_a_table_of_slices_is_shown_where_there_are_some_and_every_column_has_a_name(
    predictor, rows
) -> None:
    found = evaluate(from_predictor(predictor, rows), slice_by=["label"])
    titled = {part.title: part for part in screen.evaluation(found) if hasattr(part, "title")}
    title = "By kind of text: accuracy on parts of the rows"
    assert all(column.title for column in titled[title].columns)
    none = replace(found, slices=())
    assert title not in {getattr(part, "title", "") for part in screen.evaluation(none)}


def test_what_a_lean_install_cannot_tell_is_named(predictor, rows, tmp_path, monkeypatch) -> None:
    run = run_that_learned(rows.frame.head(30), predictor, tmp_path)
    for name in [one for one in sys.modules if one.partition(".")[0] == "sklearn"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    found = evaluate(from_predictor(run, rows))
    assert "tfidf" not in found.baselines
    assert "TF-IDF + logistic regression (needs scikit-learn)" in found.eval_set.notes[-1]
    doubts = inspect(from_predictor(run, rows, all_rows=True))
    assert "a second opinion needs scikit-learn" in doubts.eval_set.notes[-1]
    with pytest.raises(MissingExtraError, match="sklearn is not installed"):
        out_of_fold(rows)
