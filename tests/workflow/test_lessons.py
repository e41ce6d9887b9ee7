"""What is learned besides labels: a teacher's probabilities, and rows made from templates."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ktrain_sentiment.config import DataConfig, TrainConfig
from ktrain_sentiment.data import Splits, UnlabelledTexts
from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.training.backend import Backend
from ktrain_sentiment.training.trainer import SoftTargets
from ktrain_sentiment.workflow.lessons import (
    Teacher,
    draw_lessons,
    kept_lessons,
    lesson_figures,
    open_teacher,
    taught,
    with_lessons,
)
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
        open_teacher(TrainConfig(teacher=trained_run / "predictor"), splits, DataConfig())


def test_unlabelled_texts_follow_the_rows_and_are_learned_from_the_teacher_alone():
    more = UnlabelledTexts(pd.DataFrame({"text": ["c"]}), "more.txt", 0)
    soft_targets = Teacher(Sure(), ("negative", "positive"), 0.5, more).soft_targets(FRAME)
    assert soft_targets.texts["text"].tolist() == ["a", "b", "c"]
    wanted = [[0.9, 0.1], [0.4, 0.6], [0.8, 0.2]]
    np.testing.assert_allclose(soft_targets.targets, wanted, atol=1e-6)


def test_a_run_that_goes_on_learns_what_it_began_with(tmp_path: Path):
    path, labels = tmp_path / "soft_targets.parquet", ("negative", "positive")
    begun = Teacher(Sure(), labels, 0.3).kept_soft_targets(FRAME, path, resume=False)
    changed = Teacher(Sure(), labels, 0.9)
    resumed = changed.kept_soft_targets(FRAME, path, resume=True)
    np.testing.assert_array_equal(resumed.targets, begun.targets)
    assert resumed.texts["text"].tolist() == ["a", "b"]
    anew = changed.kept_soft_targets(FRAME, path, resume=False)
    np.testing.assert_array_equal(anew.targets, changed.targets(FRAME))


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_is_a_share(share):
    with pytest.raises(ConfigError, match="--teacher-share"):
        TrainConfig(teacher_share=share)


def test_a_small_pupil_comes_to_agree_with_its_teacher(
    backend: Backend, trained_run: Path, deeper_bert: Path, reviews_csv: Path, tmp_path: Path
):
    held_out = pd.read_parquet(trained_run / "splits" / "test.parquet")["text"].tolist()
    more = [f"{text} {text}" for text in held_out[:40]]
    (tmp_path / "more.txt").write_text("\n".join([*more, *held_out[:5]]) + "\n")
    done = run_python(
        "scripts/train.py", reviews_csv, "--encoder", deeper_bert, "--run", tmp_path / "pupil",
        "--teacher", trained_run / "predictor", "--teacher-share", "1", "--test", "0.25",
        "--unlabelled", tmp_path / "more.txt", "--layers", "1", "--stratified-batches",
        "--class-weight", "balanced", "--maxlen", "32", "--epochs", "5", "--batch-size", "16",
        "--learning-rate", "2e-3", "--no-accelerate", "--adversarial-epsilon", "0",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    figures = json.loads((tmp_path / "pupil" / "metrics.json").read_text())
    found = figures["teacher"]
    assert found["rows"] == 150
    assert found["agreement"] > 0.7
    assert found["unlabelled"] == len(set(more))
    assert found["unlabelled_left_out"] == 45 - len(set(more))
    assert figures["kept_layers"] == [0]
    config = json.loads((tmp_path / "pupil" / "predictor" / "config.json").read_text())
    assert config["num_hidden_layers"] == 1
    assert re.search(r"the teacher has [\d.]+ % of 150 rows right", done.stdout)
    assert re.search(r"it labelled \d+ more texts to learn from", done.stdout)
    predictor = backend.ktrain.load_predictor(str(tmp_path / "pupil" / "predictor"))
    assert predictor.predict(["fine"])[0] in {"negative", "positive"}


# Rows made from templates

AUGMENT = TrainConfig(augment=True)


def splits_of(
    labels=("negative", "positive"), text="I have seen the film with my friends"
) -> Splits:
    rows = [(f"{text}, number {k}", labels[k % 2]) for k in range(200)]
    frame = pd.DataFrame(rows, columns=["text", "label"])
    return Splits(frame[:150], frame[150:180], frame[180:], tuple(labels))


def test_nothing_is_added_unless_it_is_asked_for() -> None:
    assert draw_lessons(TrainConfig(), splits_of()) is None
    assert taught(TrainConfig(), splits_of(), DataConfig()) is None


def test_lessons_follow_the_rows_with_their_labels() -> None:
    splits = splits_of()
    lessons = draw_lessons(AUGMENT, splits)
    learned = taught(AUGMENT, splits)
    assert learned.texts["text"][:150].tolist() == splits.train["text"].tolist()
    assert learned.targets[:2].tolist() == [[1, 0], [0, 1]]
    assert len(learned.texts) == len(learned.targets) == 150 + len(lessons.texts)
    held_out = {*splits.validation["text"], *splits.test["text"]}
    assert not held_out & set(learned.texts["text"])
    figures = lesson_figures(lessons)
    assert figures["rows"] == sum(figures["lessons"].values()) == len(lessons.texts)


def test_what_a_teacher_says_is_kept_before_them() -> None:
    splits = splits_of()
    soft = SoftTargets(splits.train[["text"]], np.full((150, 2), 0.5, np.float32))
    learned = with_lessons(splits, soft, draw_lessons(AUGMENT, splits))
    assert (learned.targets[:150] == 0.5).all()


def test_a_run_that_goes_on_learns_the_rows_that_it_began_with(tmp_path: Path) -> None:
    path = tmp_path / "augmented.parquet"
    splits = splits_of()
    first = kept_lessons(draw_lessons(AUGMENT, splits), splits.labels, path, resume=False)
    other = draw_lessons(TrainConfig(augment=True, seed=3), splits)
    resumed = kept_lessons(other, splits.labels, path, resume=True)
    pd.testing.assert_frame_equal(resumed.texts, first.texts)
    np.testing.assert_array_equal(resumed.targets, first.targets)


def test_labels_whose_meaning_is_unclear_are_refused_with_what_to_do() -> None:
    with pytest.raises(ConfigError, match=r"the labels 0, 1 do not tell .* --map"):
        draw_lessons(AUGMENT, splits_of(("0", "1")))


def test_texts_in_another_language_are_refused() -> None:
    german = "Wir haben diesen Film gestern mit unseren Freunden gesehen"
    with pytest.raises(ConfigError, match="English alone, and most texts are in de"):
        draw_lessons(AUGMENT, splits_of(text=german))
