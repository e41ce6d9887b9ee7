"""A predictor of stars gives the mean star beside the likeliest, wherever it answers."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from ktrain_sentiment.errors import PredictorError
from ktrain_sentiment.inference import load
from ktrain_sentiment.inference.scoring import (
    ScoreOptions,
    new_columns,
    open_text_table,
    output_schema,
    score_batch,
)
from ktrain_sentiment.predictor.manifest import read_manifest, trained_table, update_predictor
from ktrain_sentiment.serve.kserve import InferRequest, Table, infer_answer

TEXTS = ["the plot is never dull", "the acting is awful"]


@pytest.fixture(scope="module")
def of_stars(predictor: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The session's predictor, whose two labels are said to be one star and five."""
    folder = tmp_path_factory.mktemp("stars") / "predictor"
    shutil.copytree(predictor, folder)
    update_predictor(folder, task="stars", stars=(1.0, 5.0))
    return folder


def test_each_prediction_has_its_expected_star(of_stars, predictor):
    for one in load(of_stars).predict(TEXTS):
        assert one.expected_star == pytest.approx(1 + 4 * one.probabilities["positive"], abs=1e-5)
    missing = load(of_stars).predict([None])[0]
    assert np.isnan(missing.expected_star)
    assert load(predictor).predict(TEXTS)[0].expected_star is None


def test_a_table_gets_a_column_of_expected_stars(of_stars, tmp_path):
    (tmp_path / "a.csv").write_text("text\n" + "\n".join(TEXTS) + "\n")
    source, classifier = open_text_table(tmp_path / "a.csv"), load(of_stars)
    names = new_columns(source.table, classifier.labels, ScoreOptions(), classifier.task)
    assert names[:3] == ("predicted", "probability", "expected_star")
    assert output_schema(source, names, classifier.task).shown == (*names[:3], "text")
    (batch,) = source.table.batches(10)
    rows = score_batch(batch, "text", classifier, names).rows
    assert [row["expected_star"] for row in rows] == [
        pytest.approx(1 + 4 * row["p_positive"], abs=1e-5) for row in rows
    ]


def test_the_manifest_keeps_task_and_order_and_refuses_halves(of_stars):
    assert read_manifest(of_stars).answers.stars == (1, 5)
    assert trained_table(of_stars)["task"] == "stars"
    with pytest.raises(PredictorError, match="task 'stars' with 1 stars"):
        update_predictor(of_stars, stars=(1.0,))


def test_a_pickled_classifier_still_knows_its_stars(of_stars):
    import pickle

    assert pickle.loads(pickle.dumps(load(of_stars))).task.stars == (1, 5)


def test_kserve_has_a_tensor_of_expected_stars_for_stars_alone():
    score, probabilities = np.array([0.75], np.float32), np.array([[0.75, 0.25]], np.float32)
    table = Table(["1"], score, probabilities, np.array([2.0], np.float32))
    outputs = {one.name: one for one in infer_answer(InferRequest([]), "m", "1", table)[0].outputs}
    assert outputs["expected_star"].data == [2.0]
    plain = infer_answer(InferRequest([]), "m", "1", Table(["1"], score, probabilities))[0]
    assert "expected_star" not in {one.name for one in plain.outputs}
