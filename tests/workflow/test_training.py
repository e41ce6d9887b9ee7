"""What a training says of itself, whatever its figures."""

import pandas as pd

from ktrain_sentiment.config import EncoderConfig, ModelConfig, TrainConfig, TrainingSettings
from ktrain_sentiment.data import Splits
from ktrain_sentiment.workflow.recording import summarize_data
from ktrain_sentiment.workflow.training import training_doubts

ENGLISH = "I thought the plot was rather kind in the last of these films"
GERMAN = "Dieser Film hat mir überhaupt nicht gefallen, denn er war langweilig"


def rows(text: str) -> Splits:
    frame = pd.DataFrame({"text": [text] * 320, "label": ["bad", "good"] * 160})
    return Splits(frame, frame.head(0), frame.head(0), ("bad", "good"))


def settings(encoder: str = "minilm", accumulate: int = 1) -> TrainingSettings:
    training = TrainConfig(batch_size=32, accumulate=accumulate)
    return TrainingSettings(encoder=EncoderConfig(encoder=encoder), training=training)


def test_a_training_of_few_steps_is_doubted_with_what_to_try() -> None:
    (said,) = training_doubts(settings(), rows(ENGLISH), epochs=9)
    assert said.startswith("It was trained for 90 steps, and an encoder learns little in fewer")
    assert "more --epochs" in said
    assert training_doubts(settings(), rows(ENGLISH), epochs=10) == []
    assert "25 steps" in training_doubts(settings(accumulate=4), rows(ENGLISH), epochs=10)[0]


def test_an_encoder_that_does_not_know_the_language_is_doubted_with_one_that_does() -> None:
    (said,) = training_doubts(settings(), rows(GERMAN), epochs=10)
    assert "another language (de)" in said
    assert "--encoder distilbert-base-multilingual-cased" in said
    assert training_doubts(settings("xlm-roberta-base"), rows(GERMAN), epochs=10) == []


def test_findings_of_one_kind_are_one_warning_and_leave_room_for_the_others() -> None:
    words = ["alpha", "beta", "gamma", "delta", "epsilon"]
    texts = [f"{words[k % 5]} as it stands in row {k} of them" for k in range(100)]
    other = [f"one of the others, {k} of a hundred" for k in range(100)]
    frame = pd.DataFrame(
        {"text": texts + other, "label": ["good"] * 100 + ["bad"] * 100, "row": range(200)}
    )
    found = summarize_data("mine", Splits(frame, frame.head(5), frame.head(0), ("bad", "good")))
    of_words = [one for one in found.warnings if "stands in" in one]
    assert len(of_words) == 1
    assert of_words[0].endswith(" more such findings, under Data.")
    assert len([one for one in found.findings if "stands in" in one.summary]) > 3
    assert "Of good and bad" in found.warnings[-1] or "Of bad and good" in found.warnings[-1]


def test_ktrains_own_classifiers_need_no_language_and_nbsvm_no_steps() -> None:
    nbsvm, logreg = (
        TrainingSettings(model=ModelConfig(model=name)) for name in ("nbsvm", "logreg")
    )
    assert training_doubts(nbsvm, rows(GERMAN), epochs=1) == []
    assert training_doubts(logreg, rows(GERMAN), epochs=10) == []
    (said,) = training_doubts(logreg, rows(GERMAN), epochs=2)
    assert said.startswith("It was trained for 20 steps, and logreg learns little in fewer than")
