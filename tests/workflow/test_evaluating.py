"""What is evaluated: which rows of a table tell something about a predictor."""

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from ktrain_sentiment.config import DataConfig
from ktrain_sentiment.data import LabelledTexts, read_labelled
from ktrain_sentiment.errors import MissingExtraError
from ktrain_sentiment.report import screen
from ktrain_sentiment.workflow.eval_sets import from_predictor
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
