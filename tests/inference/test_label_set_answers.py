"""A predictor of several labels answers with those of each text, wherever it is asked."""

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

from ktrain_sentiment.config import DataConfig
from ktrain_sentiment.data.reading import read_rows
from ktrain_sentiment.errors import PredictorError
from ktrain_sentiment.inference import load
from ktrain_sentiment.inference.scoring import (
    ScoreOptions,
    added_columns,
    new_columns,
    open_text_table,
    output_schema,
    score_batch,
)
from ktrain_sentiment.predictor.manifest import read_manifest, update_predictor
from ktrain_sentiment.scale.worker import Scoring
from ktrain_sentiment.tables.table import Batch
from support.process import run_python

TEXTS = ["i saw the plot and it is superb", "on the whole the acting", "as my sister said"]
LABELS = ("about acting", "about plot", "praise")


@pytest.fixture(scope="module")
def folder(multi_run: Path) -> Path:
    return multi_run / "predictor"


def test_each_prediction_has_its_labels_and_a_probability_for_each(folder):
    plot, acting, neither = load(folder).predict(TEXTS)
    assert plot.labels == ("about plot", "praise")
    assert acting.labels == ("about acting",)
    assert neither.probability < min(plot.probability, acting.probability)
    assert plot.label == "|".join(plot.labels)
    assert tuple(plot.probabilities) == LABELS
    assert plot.probability == max(plot.probabilities.values())


def test_labels_are_those_whose_probability_reaches_their_threshold(folder):
    classifier, manifest = load(folder), read_manifest(folder)
    table = classifier.predict_proba(TEXTS)
    assert not np.allclose(table.sum(axis=1), 1)
    for row, one in zip(table, classifier.predict(TEXTS), strict=True):
        reached = row >= np.asarray(manifest.thresholds, np.float32)
        assert one.labels == tuple(n for n, has in zip(LABELS, reached, strict=True) if has)


def test_a_text_that_is_not_there_has_no_labels(folder):
    (missing,) = load(folder).predict([None])
    assert (missing.label, missing.labels) == ("", ())
    assert np.isnan(missing.probability)


def test_a_table_gets_labels_as_the_reader_reads_them_back(folder, tmp_path):
    (tmp_path / "a.csv").write_text("text\n" + "\n".join(TEXTS) + '\n" "\n')
    source, classifier = open_text_table(tmp_path / "a.csv"), load(folder)
    names = new_columns(source.table, classifier.labels, ScoreOptions(), classifier.task)
    assert names == ("labels", "confidence", *(f"probability_{label}" for label in LABELS))
    assert output_schema(source, names, classifier.task).shown == ("labels", "text")
    (batch,) = source.table.batches(10)
    rows = score_batch(batch, "text", classifier, names).rows
    for row, one in zip(rows, classifier.predict(TEXTS), strict=False):
        assert row["labels"] == "|".join(one.labels)
        assert row["probability_praise"] == pytest.approx(one.probabilities["praise"], abs=1e-5)
    assert rows[-1]["labels"] is None


def test_the_command_writes_what_training_reads(folder, tmp_path):
    (tmp_path / "a.csv").write_text("text\n" + "\n".join(TEXTS) + "\n")
    done = run_python(
        "scripts/predict.py", "--predictor", folder, "--file", tmp_path / "a.csv",
        "--output", tmp_path / "b.csv", "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["labels"]["about plot"] == 1
    again = read_rows(DataConfig(data=str(tmp_path / "b.csv"), task="multi"))
    assert again.frame["label"].tolist() == [one.label for one in load(folder).predict(TEXTS)]


def test_a_text_is_left_out_where_one_of_its_labels_is_unsure(folder):
    classifier = load(folder)
    sure = classifier.task.confidence(classifier.predict_proba(TEXTS))
    threshold = float(np.sort(sure)[1])
    names = added_columns(classifier.labels, task=classifier.task)
    batch = Batch(range(1, 4), [{"text": text} for text in TEXTS])
    scored = score_batch(batch, "text", classifier, names, threshold)
    assert [row["labels"] is None for row in scored.rows] == (sure < threshold).tolist()
    assert [row["confidence"] for row in scored.rows] == pytest.approx(sure, abs=1e-4)
    assert len(scored.abstained) == 1


def test_labels_that_must_not_be_missed_are_given_sooner(folder):
    costs = ["missed=99"]
    plain, careful = load(folder), load(folder).weighing(costs)
    assert careful.task.thresholds == (0.01,) * 3
    for one, other in zip(plain.predict(TEXTS), careful.predict(TEXTS), strict=True):
        assert set(one.labels) <= set(other.labels)
        assert one.probabilities == other.probabilities
    assert pickle.loads(pickle.dumps(careful)).predict(TEXTS) == careful.predict(TEXTS)


def test_with_costs_what_an_answer_may_cost_stands_beside_it_and_decides_what_is_left_out(folder):
    classifier = load(folder).weighing(["missed=9", "wrong=2"])
    table = classifier.predict_proba(TEXTS)
    costs, sure = classifier.task.answer_costs(table), classifier.task.confidence(table)
    assert sure == pytest.approx(1 - costs / 6)  # three labels, given wrongly
    names = added_columns(classifier.labels, task=classifier.task)
    assert names[:4] == ("labels", "confidence", "expected_cost", "probability_about acting")
    batch = Batch(range(1, 4), [{"text": text} for text in TEXTS])
    scored = score_batch(batch, "text", classifier, names, float(np.sort(sure)[1]))
    assert [row["expected_cost"] for row in scored.rows] == pytest.approx(costs, abs=1e-4)
    assert [row["labels"] is None for row in scored.rows] == (costs == costs.max()).tolist()
    probabilities = [row["probability_praise"] for row in scored.rows]
    place = classifier.labels.index("praise")
    assert probabilities == pytest.approx(table[:, place], abs=1e-4)


def test_workers_of_a_cluster_score_arrow_rows(folder):
    import pyarrow as pa

    classifier = load(folder)
    rows = Scoring.by(classifier, "text").score(pa.table({"text": [*TEXTS, None]}), classifier)
    assert rows.column_names[1:4] == ["labels", "confidence", "probability_about acting"]
    assert rows.schema.field("labels").type == pa.string()
    assert rows.schema.field("probability_praise").type == pa.float64()
    assert rows["labels"].to_pylist()[3] is None


def test_a_pickled_classifier_keeps_its_thresholds(folder):
    again = pickle.loads(pickle.dumps(load(folder)))
    assert again.predict(TEXTS) == load(folder).predict(TEXTS)


def test_a_manifest_with_other_thresholds_than_labels_is_refused(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "p")
    for wrong in ({"thresholds": (0.5,)}, {"thresholds": (0.5, 0.5, 2.0)}, {"task": "classes"}):
        with pytest.raises(PredictorError):
            update_predictor(tmp_path / "p", **wrong)


def test_such_a_model_from_elsewhere_gives_labels_from_a_half_on(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "p")
    (tmp_path / "p" / "manifest.json").unlink()
    classifier = load(tmp_path / "p", unchecked=True)
    for one in classifier.predict(TEXTS):
        assert one.labels == tuple(n for n, p in one.probabilities.items() if p >= 0.5)
