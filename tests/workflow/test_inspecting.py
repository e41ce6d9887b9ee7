"""Lists for people: safe to open in a spreadsheet, and read back as they were."""

from types import SimpleNamespace

import pandas as pd
import pytest

from ktrain_sentiment.evaluation.label_noise import apply_corrections
from ktrain_sentiment.workflow.inspecting import read_corrections, write_lists

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
