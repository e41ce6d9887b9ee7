"""The record of a training: to JSON and back, of this version and of those before."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from ktrain_sentiment.errors import DataError
from ktrain_sentiment.evaluation import compute_metrics
from ktrain_sentiment.evaluation.comparison import compare
from ktrain_sentiment.evaluation.record import (
    VERSION,
    BaselineRecord,
    DataSummary,
    TrainingRecord,
)


@pytest.fixture
def record(two_classes):
    one = two_classes
    metrics = compute_metrics(one.y_true, one.probabilities, one.labels)
    other = compare(one.y_true, one.probabilities[:, ::-1], one.probabilities, one.labels)
    return TrainingRecord(
        version=VERSION,
        headline="test",
        validation=metrics,
        test=metrics,
        before_temperature=metrics,
        temperature=1.25,
        baselines={"tfidf": BaselineRecord(**vars(metrics), name="TF-IDF", seconds=0.5)},
        comparison=other,
        data=DataSummary(source="reviews.csv", labels=one.labels, rows={"train": 10}),
        encoder="minilm",
        kept_layers=(0, 2),
        policy="onecycle",
        learning_rate=8.123e-05,
        best_epoch=2,
        train_seconds=3.0,
    )


def test_a_record_survives_the_way_to_disk_and_back(record, tmp_path):
    path = tmp_path / "metrics.json"
    path.write_text(json.dumps(record.to_json(), allow_nan=False))
    again = TrainingRecord.read(path)
    assert again.to_json() == record.to_json()
    assert again.version == VERSION
    assert again.learning_rate == record.learning_rate
    assert again.kept_layers == (0, 2)
    assert again.metrics.confusion.dtype == np.int64
    assert again.metrics.confusion.tolist() == record.metrics.confusion.tolist()
    assert again.calibration.sentence == record.calibration.sentence
    assert again.comparison.better == "B"


def test_what_there_is_none_of_is_left_out(record):
    alone = dataclasses.replace(record, headline="validation", test=None)
    assert "test" not in alone.to_json()
    assert "teacher" not in alone.to_json()
    assert alone.calibration is None


def test_a_file_from_before_there_were_versions_is_read(record, tmp_path):
    found = record.to_json()
    new = {"version", "comparison", "slices", "warnings", "created", "engines"}
    old = {key: value for key, value in found.items() if key not in new}
    old["data"] = {"source": "reviews.csv", "fingerprint": "0" * 64}
    for figures in (old["test"], old["validation"], old["before_temperature"]):
        del figures["reliability"]
    path = tmp_path / "metrics.json"
    path.write_text(json.dumps(old))
    again = TrainingRecord.read(path)
    assert again.version == 0
    assert again.metrics.accuracy.value == pytest.approx(record.metrics.accuracy.value)
    assert again.slices == ()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "not JSON"),
        ("{}", "not a TrainingRecord: .* missing required field"),
        ('{"version": 99}', "missing required field"),
    ],
)
def test_a_file_that_is_no_record_is_refused_in_one_line(tmp_path, content, words):
    path = tmp_path / "metrics.json"
    path.write_text(content)
    with pytest.raises(DataError, match=words) as caught:
        TrainingRecord.read(path)
    assert "\n" not in str(caught.value)


def test_a_record_of_a_later_version_is_refused(record, tmp_path):
    path = tmp_path / "metrics.json"
    path.write_text(json.dumps({**record.to_json(), "version": VERSION + 1}))
    with pytest.raises(DataError, match="install the version that wrote it"):
        TrainingRecord.read(path)
