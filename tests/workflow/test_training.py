"""What a training says of itself, whatever its figures."""

import pandas as pd

from ktrain_sentiment.config import EncoderConfig, ModelConfig, TrainConfig, TrainingSettings
from ktrain_sentiment.data import Splits
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


def test_ktrains_own_classifiers_need_no_language_and_nbsvm_no_steps() -> None:
    nbsvm, logreg = (
        TrainingSettings(model=ModelConfig(model=name)) for name in ("nbsvm", "logreg")
    )
    assert training_doubts(nbsvm, rows(GERMAN), epochs=1) == []
    assert training_doubts(logreg, rows(GERMAN), epochs=10) == []
    (said,) = training_doubts(logreg, rows(GERMAN), epochs=2)
    assert said.startswith("It was trained for 20 steps, and logreg learns little in fewer than")
