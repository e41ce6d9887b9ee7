"""Learning from a teacher: targets that mix its probabilities with the labels."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ktrain_sentiment.config import TrainConfig
from ktrain_sentiment.data import Splits
from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.workflow.distilling import Teacher, open_teacher
from support.process import run_python

FRAME = pd.DataFrame({"text": ["a", "b"], "label": ["negative", "positive"], "row": [0, 1]})


class Sure:
    """A classifier that is always as sure, with its labels the other way round."""

    labels = ("positive", "negative")

    def predict_proba(self, texts):
        return np.tile(np.array([[0.2, 0.8]], np.float32), (len(texts), 1))


def test_targets_lie_between_the_labels_and_what_the_teacher_says():
    teacher = Teacher(Sure(), ("negative", "positive"), 0.5)
    np.testing.assert_allclose(teacher.targets(FRAME), [[0.9, 0.1], [0.4, 0.6]], atol=1e-6)


def test_a_share_of_one_learns_from_the_teacher_alone():
    teacher = Teacher(Sure(), ("negative", "positive"), 1.0)
    np.testing.assert_allclose(teacher.targets(FRAME), [[0.8, 0.2]] * 2, atol=1e-6)


def test_a_teacher_of_other_labels_is_refused(trained_run: Path):
    splits = Splits(train=FRAME, validation=FRAME, test=FRAME[:0], labels=("bad", "good"))
    with pytest.raises(ConfigError, match="knows the labels negative, positive, the data has bad"):
        open_teacher(TrainConfig(teacher=trained_run / "predictor"), splits)


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_is_a_share(share):
    with pytest.raises(ConfigError, match="--teacher-share"):
        TrainConfig(teacher_share=share)


def test_a_pupil_comes_to_agree_with_its_teacher(
    trained_run: Path, tiny_encoder: Path, reviews_csv: Path, tmp_path: Path
):
    done = run_python(
        "scripts/train.py", reviews_csv, "--encoder", tiny_encoder, "--run", tmp_path / "pupil",
        "--teacher", trained_run / "predictor", "--teacher-share", "1", "--test", "0.25",
        "--maxlen", "32", "--epochs", "5", "--batch-size", "16", "--learning-rate", "2e-3",
        "--no-accelerate",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "pupil" / "metrics.json").read_text())["teacher"]
    assert found["rows"] == 150
    assert found["agreement"] > 0.7
    assert re.search(r"the teacher has [\d.]+ % of 150 rows right", done.stdout)
