"""Of very many training rows some are looked at, and it is said of how many."""

import numpy as np
import pandas as pd
import pytest

from ktrain_sentiment.data import Splits, at_rest
from ktrain_sentiment.evaluation.predictions import LabelledPredictions
from ktrain_sentiment.workflow.recording import evaluate_fit, summarize_data

LABELS = ("negative", "positive")


def frame(rows: int, first: int) -> pd.DataFrame:
    words = {"negative": "dull <br> film", "positive": "fine <br> film"}
    labels = [LABELS[number % 2] for number in range(rows)]
    texts = [f"{words[label]} {first + number}" for number, label in enumerate(labels)]
    return pd.DataFrame({"text": texts, "label": labels, "row": np.arange(first, first + rows)})


@pytest.fixture
def splits(monkeypatch: pytest.MonkeyPatch) -> Splits:
    """More training rows than are looked at."""
    monkeypatch.setattr(at_rest, "MOST_LOOKED_AT", 20)
    return Splits(frame(95, 0), frame(10, 100), frame(10, 200), LABELS)


def test_the_checks_say_how_many_rows_they_looked_at(splits: Splits) -> None:
    found = summarize_data("reviews.csv", splits)
    assert found.rows == {"train": 95, "validation": 10, "test": 10}
    html = next(one.summary for one in found.findings if "tags" in one.summary)
    assert html == "39 texts with tags (of 39 rows that were looked at)"


def test_baselines_say_of_how_many_rows_they_learned(splits: Splits) -> None:
    sure = np.tile([[0.9, 0.1], [0.1, 0.9]], (5, 1)).astype(np.float32)
    said = {
        name: LabelledPredictions.join(rows, sure, LABELS)
        for name, rows in (("validation", splits.validation), ("test", splits.test))
    }
    names = {key: one.name for key, one in evaluate_fit(said, splits.train, 1.0).baselines.items()}
    assert names["tfidf"] == "TF-IDF + logistic regression on 19 rows"
    assert names["majority"] == "majority class"
