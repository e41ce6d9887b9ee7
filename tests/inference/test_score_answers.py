"""A predictor of scores answers with numbers and their intervals, wherever it is asked."""

import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

from ktrain_sentiment.errors import ConfigError, PredictorError
from ktrain_sentiment.inference import load
from ktrain_sentiment.inference.scoring import (
    ScoreOptions,
    new_columns,
    open_text_table,
    output_schema,
    score_batch,
)
from ktrain_sentiment.predictor.manifest import read_manifest, update_predictor
from ktrain_sentiment.scale.worker import Scoring

TEXTS = ["the plot is superb and wise", "the acting was awful"]


@pytest.fixture(scope="module")
def folder(scored_run: Path) -> Path:
    return scored_run / "predictor"


def test_each_prediction_has_its_score_and_the_interval_around_it(folder):
    good, bad = load(folder).predict(TEXTS)
    width = read_manifest(folder).half_width
    assert good.score > bad.score
    assert good.score_high - good.score == pytest.approx(width)
    assert good.score - good.score_low == pytest.approx(width)
    assert good.label == "score"
    assert np.isnan(good.probability)


def test_a_text_that_is_not_there_has_no_score(folder):
    (missing,) = load(folder).predict([None])
    assert missing.label == ""
    assert np.isnan(missing.score)


def test_int8_scores_are_near_the_exact_ones(folder):
    exact, fast = (load(folder, engine).predict_proba(TEXTS) for engine in ("fp32", "int8"))
    assert exact.shape == (2, 1)
    assert np.abs(exact - fast).max() < 0.5


def test_a_table_gets_three_columns_and_no_probability(folder, tmp_path):
    (tmp_path / "a.csv").write_text("text\n" + "\n".join(TEXTS) + '\n" "\n')
    source, classifier = open_text_table(tmp_path / "a.csv"), load(folder)
    names = new_columns(source.table, classifier.labels, ScoreOptions(), classifier.task)
    assert names == ("score", "score_low", "score_high")
    assert output_schema(source, names, classifier.task).shown == (*names, "text")
    (batch,) = source.table.batches(10)
    rows = score_batch(batch, "text", classifier, names).rows
    for row, one in zip(rows, classifier.predict(TEXTS), strict=False):
        assert row["score"] == pytest.approx(one.score, abs=1e-5)
        assert row["score_low"] < row["score"] < row["score_high"]
    assert rows[-1]["score"] is None


def test_abstaining_by_probability_is_refused(folder, tmp_path):
    (tmp_path / "a.csv").write_text("text\na b\n")
    source, classifier = open_text_table(tmp_path / "a.csv"), load(folder)
    options = ScoreOptions(abstain_below=0.5)
    with pytest.raises(ConfigError, match="all of whose intervals are equally wide"):
        new_columns(source.table, classifier.labels, options, classifier.task)


def test_workers_of_a_cluster_score_arrow_rows(folder):
    import pyarrow as pa

    classifier = load(folder)
    rows = Scoring.by(classifier, "text").score(pa.table({"text": [*TEXTS, None]}), classifier)
    assert rows.column_names == ["text", "score", "score_low", "score_high", "problem"]
    assert rows.schema.field("score").type == pa.float64()
    assert rows["score"].to_pylist()[2] is None


def test_a_pickled_classifier_keeps_its_interval(folder):
    again = pickle.loads(pickle.dumps(load(folder)))
    assert again.predict(TEXTS)[0].score_high == load(folder).predict(TEXTS)[0].score_high


def test_a_manifest_with_half_of_it_is_refused(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "p")
    for wrong in ({"half_width": -1.0}, {"task": "classes"}, {"labels": ("a", "b")}):
        with pytest.raises(PredictorError):
            update_predictor(tmp_path / "p", **wrong)


def test_a_regression_model_from_elsewhere_answers_with_scores(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "p")
    (tmp_path / "p" / "manifest.json").unlink()
    (one,) = load(tmp_path / "p", unchecked=True).predict(TEXTS[:1])
    assert one.score is not None
    assert one.score_low is None
