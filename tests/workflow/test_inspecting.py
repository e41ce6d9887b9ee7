"""Lists for people: safe to open in a spreadsheet, and read back as they were."""

from types import SimpleNamespace

import pandas as pd
import pytest

from ktrain_sentiment.config import DataConfig
from ktrain_sentiment.errors import DataError
from ktrain_sentiment.evaluation.label_noise import apply_corrections
from ktrain_sentiment.workflow.inspecting import folder_for_lists, read_corrections, write_lists
from support.workbook import write_workbook

TEXTS = ["=HYPERLINK(1)", "-good", "'=quoted", "plain", "@me, two\nlines", "'mine'"]


@pytest.mark.parametrize("separator", [",", ";"])
def test_a_text_like_a_formula_is_harmless_in_the_list_and_found_in_the_data(tmp_path, separator):
    frame = pd.DataFrame({"row": range(2, 8), "text": TEXTS, "label": "no", "corrected": ""})
    paths = write_lists(SimpleNamespace(top_losses=frame, label_errors=frame), tmp_path)
    listed = pd.read_csv(paths["label_errors"], keep_default_na=False)
    assert not any(text[0] in "=+-@" for text in listed["text"])
    listed["corrected"] = "yes"
    listed.to_csv(paths["label_errors"], index=False, sep=separator)
    back = read_corrections(paths["label_errors"])
    assert back["text"].tolist() == TEXTS
    data = frame.drop(columns="corrected")
    assert len(apply_corrections(data, back, ["no", "yes"]).changes) == len(TEXTS)


def doubts(*rows):
    listed = pd.DataFrame(rows, columns=["row", "text", "label"])
    return listed.assign(p_wrong=0.75, corrected="")


def write(folder, *rows):
    frame = doubts(*rows)
    paths = write_lists(SimpleNamespace(top_losses=frame, label_errors=frame), folder)
    return pd.read_csv(paths["label_errors"], dtype=str, keep_default_na=False)


FIRST, SECOND, THIRD = (2, "=odd", "no"), (3, "fine, really", "no"), (4, "dull", "yes")


def test_what_a_person_filled_in_outlives_the_next_inspection(tmp_path):
    write(tmp_path, FIRST, SECOND, THIRD)
    path = tmp_path / "label_errors.csv"
    listed = pd.read_csv(path, dtype=str, keep_default_na=False)
    listed["corrected"], listed["note"] = ["yes", "drop", ""], ["", "", "ask Ann"]
    listed.to_csv(path, index=False, sep=";", encoding="utf-8-sig")
    # The second row is not doubted any more, and a new one is.
    found = write(tmp_path, THIRD, FIRST, (9, "new", "yes"))
    assert found["text"].tolist() == ["dull", "'=odd", "new", "fine, really"]
    assert found["corrected"].tolist() == ["", "yes", "", "drop"]
    assert found["note"].tolist() == ["ask Ann", "", "", ""]
    assert write(tmp_path, FIRST)["corrected"].tolist() == ["yes", "", "drop"]


def test_a_list_that_was_saved_as_a_workbook_counts_as_well_and_stays(tmp_path):
    write(tmp_path, FIRST, SECOND)
    rows = [["row", "text", "corrected"], [2, "'=odd", "yes"], [3, "fine, really", None]]
    book = write_workbook(tmp_path / "label_errors.xlsx", {"Sheet1": rows})
    before = book.read_bytes()
    assert write(tmp_path, SECOND, FIRST)["corrected"].tolist() == ["", "yes"]
    assert book.read_bytes() == before
    assert read_corrections(book)["corrected"].tolist() == ["yes", ""]


def test_a_file_that_is_no_list_is_never_written_over(tmp_path):
    (tmp_path / "label_errors.csv").write_text("mine\nall of it\n")
    with pytest.raises(DataError, match="has no column row, found 'mine'"):
        folder_for_lists(DataConfig(data="reviews.csv"), tmp_path, overwrite=True)
    with pytest.raises(DataError, match="move what else has this name"):
        write(tmp_path, FIRST)
    assert (tmp_path / "label_errors.csv").read_text() == "mine\nall of it\n"


def test_lists_of_data_go_to_a_folder_of_their_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = DataConfig(data="exports/reviews.csv")
    assert str(folder_for_lists(data, None, overwrite=False)) == "runs/reviews-errors"
