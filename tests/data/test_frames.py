"""A data frame goes through the same checks as a file."""

import numpy as np
import pandas as pd
import pytest

from ktrain_sentiment.config import DataConfig
from ktrain_sentiment.data import read_frame, read_labelled
from ktrain_sentiment.errors import DataError

ROWS = {
    "review": ["good", "bad", None, "fine", "good", "  "],
    "stars": [1.0, 0.0, 1.0, np.nan, 1.0, 0.0],
    "shop": ["a", "b", "c", "a", "b", "c"],
}


def test_columns_are_found_and_rows_left_out_as_those_of_a_file(tmp_path) -> None:
    frame = pd.DataFrame(ROWS)
    frame.to_parquet(tmp_path / "reviews.parquet")
    config = DataConfig(data=str(tmp_path / "reviews.parquet"))
    ours, of_file = read_frame(frame, DataConfig(), "a DataFrame"), read_labelled(config)
    pd.testing.assert_frame_equal(ours.frame, of_file.frame)
    assert ours.notes == of_file.notes
    assert ours.frame["row"].tolist() == [1, 2]


def test_labels_are_strings_whatever_they_were() -> None:
    for labels in ([1, 0], [True, False], pd.Categorical(["yes", "no"]), [1.0, 0.0]):
        found = read_frame(pd.DataFrame({"text": ["a", "b"], "label": labels}), DataConfig(), "it")
        assert all(type(label) is str for label in found.labels)


def test_an_index_with_repeats_disturbs_nothing() -> None:
    frame = pd.DataFrame({"text": ["a", "b"], "label": [1, 0]}, index=[7, 7])
    assert read_frame(frame, DataConfig(), "it").frame["label"].tolist() == ["1", "0"]


def test_columns_of_one_name_are_refused_as_those_of_a_file() -> None:
    frame = pd.DataFrame([["a", 1, 5], ["b", 0, 6]], columns=["text", "label", "label"])
    with pytest.raises(DataError, match="it: several columns are called 'label'"):
        read_frame(frame, DataConfig(label_column="label"), "it")


def test_messages_name_the_frame() -> None:
    with pytest.raises(DataError, match="it: there are no rows"):
        read_frame(pd.DataFrame({"text": [], "label": []}), DataConfig(), "it")
    with pytest.raises(DataError, match="wanted two classes or more"):
        read_frame(pd.DataFrame({"text": ["a", "b"], "label": [1, 1]}), DataConfig(), "it")


def test_the_frame_itself_is_not_changed() -> None:
    frame = pd.DataFrame(ROWS)
    read_frame(frame, DataConfig(), "it")
    pd.testing.assert_frame_equal(frame, pd.DataFrame(ROWS))
