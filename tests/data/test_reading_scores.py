"""Scores are told from classes, read in one spelling, and divided in proportion."""

import numpy as np
import pandas as pd
import pytest

from ktrain_sentiment.config import DataConfig, SplitConfig
from ktrain_sentiment.data import split
from ktrain_sentiment.data.checks import check_rows
from ktrain_sentiment.data.labelled import read_prepared, write_splits
from ktrain_sentiment.data.profile import profile
from ktrain_sentiment.data.reading import read_frame
from ktrain_sentiment.errors import ConfigError, DataError
from support.reviews import make_scores

ROWS = make_scores(200)
TEXTS = [text for text, _ in ROWS]


def read(labels, column="label", **settings):
    frame = pd.DataFrame({"text": TEXTS[: len(labels)], column: labels})
    return read_frame(frame, DataConfig(**settings), "here")


def test_many_numbers_with_fractions_are_scores_and_that_is_said():
    found = read([score for _, score in ROWS])
    assert found.config.task == "score"
    assert found.labels == ("score",)
    assert any("labels are taken for scores, -3 to 3" in note for note in found.notes)


@pytest.mark.parametrize(("sign", "settings"), [("%", {}), (" %", {"task": "score"})])
def test_percentages_are_numbers(sign, settings):
    found = read([f"{k + 0.5}{sign}" for k in range(40)], **settings)
    assert found.config.task == "score"
    assert found.frame["label"].iloc[-1] == "39.5"
    assert any("percent signs are left out" in note for note in found.notes)


@pytest.mark.parametrize("odd", ["0.4", "good"])
def test_what_is_none_among_percentages_is_refused(odd):
    with pytest.raises(DataError, match=f"row 41: the label '{odd}' is no percentage"):
        read([*(f"{k}%" for k in range(40)), odd], task="score")


@pytest.mark.parametrize(
    ("labels", "kind"),
    [(["good", "bad"] * 20, "classes"), ([1, 2, 3, 4, 5] * 8, "stars"), ([0, 1] * 20, "classes"),
     ([0.5, 1.0, 1.5] * 12, "classes")],
)  # fmt: skip
def test_what_was_read_as_classes_or_stars_stays_so(labels, kind):
    assert read(labels).config.task == kind


def test_many_whole_numbers_are_still_refused_and_the_task_is_named():
    with pytest.raises(DataError, match="--task score learns the number"):
        read(list(range(100)))
    assert read(list(range(100)), task="score").config.task == "score"


@pytest.mark.parametrize(
    ("odd", "said"),
    [("inf", "row 41: the score 'inf' is infinite"), ("good", "row 41: the label 'good' is no num"),
     ("2,5", "'2,5' has a decimal comma and '-?[0-9.]+' in row 1 a point")],
)  # fmt: skip
def test_a_score_that_is_none_is_refused_in_one_line_with_its_row(odd, said):
    with pytest.raises(DataError, match=said) as refusal:
        read([*(score for _, score in ROWS[:40]), odd], task="score")
    assert "\n" not in str(refusal.value)


def test_labels_of_which_none_is_a_number_are_no_scores():
    with pytest.raises(DataError, match="no label is one: leave --task score out"):
        read(["good", "bad"] * 20, task="score")


@pytest.mark.parametrize(
    ("trained", "labels", "said"),
    [
        ("score", ["good", "bad"], "no label is a number, such as 'good', and the model answers "
         "with scores: "),
        ("stars", ["good", "bad"], "no label is a star, such as 'good', and the model answers with "
         "stars: "),
        ("stars", [score for _, score in ROWS], f"labels are scores, such as {ROWS[0][1]!r}, and "
         "the model answers with stars: "),
        ("classes", [score for _, score in ROWS], f"labels are scores, such as {ROWS[0][1]!r}, and "
         "the model answers with classes: "),
    ],
)  # fmt: skip
def test_labels_of_another_task_than_the_models_are_refused_as_such(trained, labels, said):
    """Whoever judges a model named no task, so none is to be left out."""
    frame = pd.DataFrame({"text": TEXTS[:60], "label": (labels * 60)[:60]})
    with pytest.raises(DataError) as refusal:
        read_frame(frame, DataConfig(), "here", {"task": trained})
    assert said in str(refusal.value)
    assert "--task" not in str(refusal.value)
    assert str(refusal.value).endswith(
        "name the --label-column that has such, or judge a model on these labels that learned them"
    )


def test_a_minus_sign_that_no_keyboard_has_makes_a_number_all_the_same():
    found = read([score.replace("-", "\u2212") for _, score in ROWS])
    assert found.config.task == "score"
    assert (
        found.frame["label"].tolist() == read([score for _, score in ROWS]).frame["label"].tolist()
    )
    assert any("another minus sign" in note for note in found.notes)


@pytest.mark.parametrize("error", ["#NAME?", "#REF!", "#DIV/0!", "#VALUE!"])
def test_an_error_of_a_spreadsheet_is_no_score(error):
    found = read([error, *(score for _, score in ROWS[1:])], task="score")
    assert len(found.frame) == len(ROWS) - 1


def test_one_score_for_all_is_refused():
    with pytest.raises(DataError, match="all 20 rows have the score 3; wanted at least two"):
        read(["3", "3.0"] * 10, task="score")


def test_what_stands_for_no_score_is_missing_and_counted():
    found = read([*(score for _, score in ROWS[:40]), "nan", "N/A"], task="score")
    assert len(found) == 40
    assert any("2 labels 'N/A', 'nan' counted as missing" in note for note in found.notes)


def test_decimal_commas_are_read_and_said_and_doubtful_ones_refused():
    found = read([score.replace(".", ",") for _, score in ROWS], task="score")
    assert found.frame["label"].tolist() == read([s for _, s in ROWS]).frame["label"].tolist()
    assert any("decimal commas" in note for note in found.notes)
    with pytest.raises(DataError, match="'1,234' may be a fraction or thousands"):
        read(["1,234", "2,345"] * 20, task="score")


def test_decimal_commas_are_taken_for_scores_without_being_asked():
    found = read([score.replace(".", ",") for _, score in ROWS])
    assert found.config.task == "score"
    assert (
        found.frame["label"].tolist() == read([score for _, score in ROWS]).frame["label"].tolist()
    )


def test_one_label_that_keeps_many_numbers_from_being_scores_is_named_with_its_row():
    said = r"are numbers, and 'bad' \(row 6\) is none: mend it, .* --task score learns the number"
    labels = [f"{k / 7:.2f}" for k in range(100)]
    with pytest.raises(DataError, match=said):
        read([*labels[:5], "bad", *labels[5:]])


def test_a_column_of_labels_without_numbers_is_not_passed_over_for_another():
    frame = pd.DataFrame({"text": [f"a text, number {k}" for k in range(40)],
                          "label": ["good", "bad"] * 20, "price": np.arange(40) / 3})  # fmt: skip
    with pytest.raises(DataError, match=r"'label' holds no numbers; .*--label-column price"):
        read_frame(frame, DataConfig(task="score"), "here")
    named = read_frame(frame, DataConfig(task="score", label_column="price"), "here")
    assert named.label_column == "price"


def test_equal_texts_have_the_mean_of_their_scores():
    frame = pd.DataFrame({"text": ["a film"] * 2 + TEXTS[:30], "label": [1.0, 2.0] + [0.5, 3] * 15})
    found = read_frame(frame, DataConfig(task="score"), "here")
    assert found.frame.set_index("text")["label"]["a film"] == "1.5"
    kept = read_frame(frame, DataConfig(task="score", contradictions="keep"), "here")
    assert len(kept) == 32


def test_a_column_of_numbers_is_found_where_scores_are_wanted():
    frame = pd.DataFrame({"text": TEXTS, "label": ["good", "bad"] * 100, "rating": np.arange(200)})
    assert read_frame(frame, DataConfig(), "here").label_column == "label"
    assert read_frame(frame, DataConfig(task="score"), "here").label_column == "rating"


@pytest.mark.parametrize("given", [{"map": "1=2"}, {"stars": "1-5"}, {"min_class_size": 5}])
def test_settings_for_classes_are_refused_for_scores(given):
    with pytest.raises(ConfigError, match="score"):
        DataConfig(task="score", **given)


def test_each_split_has_scores_from_low_to_high():
    splits = split(read([score for _, score in ROWS]), SplitConfig(validation=0.2, test=0.2))
    assert splits.labels == ("score",)
    assert splits.task.is_score
    means = [frame["label"].astype(float).mean() for frame in splits.frames().values()]
    assert max(means) - min(means) < 0.25


def test_a_prepared_folder_knows_that_its_labels_are_scores(tmp_path):
    splits = split(read([score for _, score in ROWS]), SplitConfig())
    write_splits(splits, tmp_path)
    again = read_prepared(tmp_path, DataConfig())
    assert again.config.task == "score"
    assert split(again, SplitConfig()).fingerprint == splits.fingerprint


def test_no_check_takes_scores_for_classes():
    found = read([score for _, score in ROWS])
    assert not {"rare classes", "imbalance"} & {one.check for one in check_rows(found)}
    shown = profile(found, found, split(found, SplitConfig()))
    assert len(shown.classes) <= 4
    assert sum(one.rows for one in shown.classes) == len(found)
