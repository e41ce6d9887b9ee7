"""Several labels a text are read from lists, separators and columns of 0 and 1, and guessed."""

import json

import numpy as np
import pandas as pd
import pytest

from ktrain_sentiment.config import DataConfig, SplitConfig
from ktrain_sentiment.data import read_labelled, split
from ktrain_sentiment.data.checks import check_rows
from ktrain_sentiment.data.labelled import read_prepared, write_splits
from ktrain_sentiment.data.profile import profile
from ktrain_sentiment.data.reading import read_frame, read_rows
from ktrain_sentiment.errors import ConfigError, DataError
from ktrain_sentiment.tasks import indicators

SETS = [["joy"], ["joy", "sad"], [], ["sad"]] * 6
TEXTS = [f"what a day this is, number {k} of many" for k in range(len(SETS))]
COUNTS = {"joy": 12, "sad": 12}


def frame_of(labels, **others):
    return pd.DataFrame({"text": TEXTS, "label": labels, **others})


def read(frame, **settings):
    return read_frame(frame, DataConfig(**settings), "rows")


def flags(names=("joy", "sad")):
    return pd.DataFrame({"text": TEXTS, **{n: [int(n in one) for one in SETS] for n in names}})


@pytest.mark.parametrize(
    "spell",
    [
        list, tuple, np.array, json.dumps, str, "|".join, ";".join, ", ".join,
        lambda one: {"choices": one}, lambda one: json.dumps({"choices": one}),
    ],
    ids=["list", "tuple", "array", "JSON", "Python", "bar", "semicolon", "comma",
         "choices", "JSON choices"],
)  # fmt: skip
def test_labels_are_read_in_every_common_spelling(spell):
    texts = read(frame_of([spell(one) for one in SETS]), task="multi")
    assert texts.config.task == "multi"
    assert texts.counts == COUNTS
    assert texts.frame["label"].tolist()[:4] == ["joy", "joy|sad", "", "sad"]


@pytest.mark.parametrize("task", ["multi", "auto"])
def test_a_slip_in_a_column_of_labels_is_refused_and_a_blank_read_as_0(task):
    table = flags(("joy", "sad", "calm")).astype(object)
    table.loc[2, "calm"] = 1
    table.loc[3, "sad"] = None
    texts = read(table, task=task)
    assert texts.counts == {"joy": 12, "sad": 11, "calm": 1}
    assert any("1 blank cell" in note for note in texts.notes)
    table.loc[3, "sad"] = "2"
    with pytest.raises(DataError, match="column 'sad' holds '2'; wanted 1 for a text that has"):
        read(table, task=task)


def test_a_model_of_several_labels_is_not_judged_on_some_of_them():
    trained = {"text_column": "text", "label_column": "joy,sad,calm", "task": "multi"}
    with pytest.raises(DataError, match="there is no column 'calm', and the model gives"):
        read_frame(flags(), DataConfig(), "rows", trained)


def test_a_column_of_labels_that_is_named_twice_is_refused():
    with pytest.raises(DataError, match="rows: label column 'joy' is named twice; name each once"):
        read(flags(), label_column="joy, sad,joy")


def test_lists_are_taken_for_several_labels_and_it_is_said():
    texts = read(frame_of(SETS))
    assert texts.config.task == "multi"
    assert any("6 have more than one, 6 none" in note for note in texts.notes)


def test_lists_of_one_label_each_stay_classes():
    assert read(frame_of([["joy"], ["sad"]] * 12)).config.task == "classes"


def test_a_separator_in_plain_labels_is_not_certain_and_they_stay_classes():
    assert read(frame_of(["joy", "joy|sad", "sad", "joy"] * 6)).config.task == "classes"


def test_a_doccano_export_is_read_as_it_is(tmp_path):
    rows = [
        {"id": k, "text": text, "label": own, "Comments": []}
        for k, (text, own) in enumerate(zip(TEXTS, SETS, strict=True))
    ]
    (tmp_path / "all.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert read_labelled(DataConfig(data=str(tmp_path / "all.jsonl"))).counts == COUNTS


def test_a_label_studio_export_is_read_as_it_is(tmp_path):
    # JSON-MIN has a plain string for one choice, and an object for several.
    rows = [
        {"id": k, "text": text, "sentiment": own[0] if len(own) == 1 else {"choices": own}}
        for k, (text, own) in enumerate(zip(TEXTS, SETS, strict=True))
    ]
    (tmp_path / "all.json").write_text(json.dumps(rows))
    config = DataConfig(data=str(tmp_path / "all.json"), label_column="sentiment")
    assert read_labelled(config).counts == COUNTS


def test_columns_of_0_and_1_are_named_with_commas_between():
    texts = read(flags(), label_column="joy, sad")
    assert (texts.config.task, texts.counts) == ("multi", COUNTS)
    assert texts.table["label_column"] == "joy,sad"


def test_two_such_columns_are_found_where_several_labels_are_asked_for():
    assert read(flags(), task="multi").counts == COUNTS


def test_three_of_which_rows_have_any_number_are_certain():
    texts = read(flags(("joy", "sad")).assign(calm=[k % 2 for k in range(len(SETS))]))
    assert texts.config.task == "multi"
    assert set(texts.labels) == {"calm", "joy", "sad"}


def test_exactly_one_in_each_row_makes_classes():
    one = [k % 3 for k in range(len(SETS))]
    frame = pd.DataFrame(
        {"text": TEXTS, **{n: [int(k == own) for own in one] for k, n in enumerate("abc")}}
    )
    assert read(frame).config.task == "classes"


def test_data_of_a_trained_model_is_read_like_its_own():
    trained = {"task": "multi", "text_column": "text", "label_column": "joy,sad"}
    assert read_frame(flags(), DataConfig(), "rows", trained).counts == COUNTS


@pytest.mark.parametrize("cell", [2, "maybe", 0.5])
def test_a_column_of_labels_that_holds_something_else_is_refused(cell):
    frame = flags().astype(object)
    frame.loc[3, "joy"] = cell
    with pytest.raises(DataError, match=f"row 4: column 'joy' holds '{cell}'; wanted 1"):
        read(frame, label_column="joy,sad")


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["joy", " "], "row 3: a blank label among 'joy', ' '"),
        (["joy", None], "row 3: 'None' among labels"),
        (["joy|sad"], "row 3: the label 'joy|sad' has | in it"),
        ([["joy"]], "among labels; wanted names"),
    ],
)
def test_a_list_with_something_that_is_no_label_is_refused(labels, said):
    sets = [*SETS[:2], labels, *SETS[3:]]
    with pytest.raises(DataError) as refused:
        read(frame_of(sets))
    assert said in str(refused.value)


def test_labels_are_renamed_left_out_and_folded_one_by_one():
    texts = read(frame_of([["Joy"], ["joy", "sad"], [], ["sad"]] * 6), fold_labels=True)
    assert texts.counts == COUNTS
    assert read(frame_of(SETS), map="joy=glad").labels == ("glad", "sad")
    without = read(frame_of([*SETS[:-1], ["calm"]]), drop_labels=("sad",))
    assert (len(without), without.labels) == (13, ("calm", "joy"))
    rare = [*SETS[:-1], ["rare"]]
    assert read(frame_of(rare), min_class_size=2).labels == ("joy", "sad")


def test_one_label_alone_is_not_enough():
    with pytest.raises(DataError, match="wanted two labels or more"):
        read(frame_of([["joy"], []] * 12), task="multi")


def test_what_makes_one_label_of_several_contradicts_the_task():
    with pytest.raises(ConfigError, match="--multi-label split"):
        DataConfig(task="multi", multi_label="split")


def test_rows_are_divided_label_by_label_and_kept_as_they_were(tmp_path):
    texts = read(frame_of(SETS * 10, text=[f"{k} {t}" for k, t in enumerate(TEXTS * 10)]))
    splits = split(texts, SplitConfig(validation=0.25, test=0.25))
    assert splits.labels == ("joy", "sad")
    for name, frame in splits.frames().items():
        found = indicators(frame["label"], splits.labels).sum(axis=0) / len(frame)
        assert np.abs(found - 0.5).max() < 0.05, name
    write_splits(splits, tmp_path)
    again = split(read_prepared(tmp_path, DataConfig()), SplitConfig())
    assert (again.kind, again.fingerprint) == ("multi", splits.fingerprint)


def test_a_label_with_fewer_texts_than_parts_is_refused():
    with pytest.raises(DataError, match="too few different texts"):
        split(read(frame_of([*SETS[:-1], ["rare"]])), SplitConfig())


def test_checks_count_labels_one_by_one_and_know_rows_without_any():
    rows = read_rows_of(frame_of(SETS))
    found = {one.check: one.summary for one in check_rows(rows)}
    assert "joy (12), sad (12)" in found["rare classes"]
    assert "6 rows without any" in found["no label of several"]
    assert "no label" not in found
    shown = {one.label: (one.rows, one.share) for one in profile(rows, rows).classes}
    assert shown == {"joy": (12, 0.5), "sad": (12, 0.5), "(none)": (6, 0.25)}


def read_rows_of(frame):
    return read_frame(frame, DataConfig(), "rows")


def test_a_csv_that_prediction_wrote_is_read_back(tmp_path):
    joined = ["|".join(one) for one in SETS]
    pd.DataFrame({"text": TEXTS, "labels": joined}).to_csv(tmp_path / "said.csv", index=False)
    texts = read_rows(DataConfig(data=str(tmp_path / "said.csv"), task="multi"))
    assert texts.counts == COUNTS
