"""What is evaluated: which rows of a table tell something about a predictor."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from ktrain_sentiment.config import DataConfig
from ktrain_sentiment.data import LabelledTexts, read_labelled
from ktrain_sentiment.workflow.evaluating import from_predictor
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
