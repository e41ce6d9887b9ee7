"""Models side by side: which examples are drawn, how models are ranked, and what is advised."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ktrain_sentiment.config import (
    CompareConfig,
    EncoderConfig,
    ModelConfig,
    TrainConfig,
    TrainingSettings,
)
from ktrain_sentiment.data import Splits
from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.evaluation.comparison import Costs
from ktrain_sentiment.workflow.candidates import CandidateResult
from ktrain_sentiment.workflow.comparing import draw, rank, recommend, settings_of
from ktrain_sentiment.workflow.models import check_models, resolve_model

LABELS = ("negative", "positive")
ROWS = 1000


def some_rows(count: int) -> pd.DataFrame:
    labels = [LABELS[k % 2] for k in range(count)]
    return pd.DataFrame({"text": [f"text {k}" for k in range(count)], "label": labels,
                         "row": range(count)})  # fmt: skip


SPLITS = Splits(train=some_rows(60), validation=some_rows(10), test=some_rows(ROWS), labels=LABELS)


def answers(wrong: range, latency: float) -> CandidateResult:
    """A model that has these rows wrong."""
    table = np.tile([0.9, 0.1], (ROWS, 1))
    table[1::2] = [0.1, 0.9]
    table[list(wrong)] = table[list(wrong), ::-1]
    costs = Costs(
        train_seconds=1.0, texts_per_second=100.0, latency_ms=latency, memory_mb=50.0, disk_mb=10.0
    )
    return CandidateResult(table, costs, learning_rate=None)


def test_what_is_for_encoders_alone_is_kept_from_ktrains_own_classifiers() -> None:
    settings = TrainingSettings(
        encoder=EncoderConfig(layers=2),
        training=TrainConfig(freeze="embeddings", adversarial_epsilon=0.5),
    )
    own = settings_of("nbsvm", settings, CompareConfig(models=("nbsvm",)), 900)
    assert resolve_model(own).name == "nbsvm"
    assert settings_of("encoder", settings, CompareConfig(models=("encoder",)), 900) == settings


def test_word_vectors_decide_nothing_about_models_that_do_not_read_them() -> None:
    settings = TrainingSettings(model=ModelConfig(vectors=Path("vectors.txt")))
    comparing = CompareConfig(models=("bigru", "nbsvm", "encoder"))
    kept = {name: settings_of(name, settings, comparing, 900).model for name in comparing.models}
    assert kept["bigru"].vectors == Path("vectors.txt")
    assert kept["nbsvm"].vectors is None
    assert kept["encoder"].vectors is None


@pytest.mark.parametrize(
    ("asked", "texts", "epochs"), [(None, 900, 6), (None, 300, 10), (2, 300, 2)]
)
def test_ktrains_own_classifiers_learn_few_texts_more_often_unless_told(
    asked: int | None, texts: int, epochs: int
) -> None:
    comparing = CompareConfig(models=("fasttext",), ktrain_epochs=asked)
    own = settings_of("fasttext", TrainingSettings(), comparing, texts)
    assert own.training.epochs == epochs


def test_models_are_ranked_by_accuracy_and_tested_against_the_best() -> None:
    judged = {
        "poor": answers(range(300), 1.0),
        "best": answers(range(100), 9.0),
        "near": answers(range(50, 155), 2.0),
    }
    entries = rank(judged, SPLITS)
    assert [entry.name for entry in entries] == ["best", "near", "poor"]
    assert entries[0].p_value is None
    assert entries[1].p_value is not None
    assert entries[1].p_value > 0.5
    assert entries[2].p_value is not None
    assert entries[2].p_value < 1e-6
    assert entries[2].metrics.accuracy.value == pytest.approx(0.7)


def test_p_values_are_corrected_for_the_number_of_models() -> None:
    best, near = answers(range(100), 1.0), answers(range(88, 203), 1.0)
    alone = rank({"a": best, "b": near}, SPLITS)[1].p_value
    among = rank({"a": best, "b": near, "c": near}, SPLITS)[1].p_value
    assert alone is not None
    assert among == pytest.approx(2 * alone)


def test_a_model_that_is_clearly_worse_does_not_make_the_others_harder_to_tell_apart() -> None:
    two = {"a": answers(range(100), 1.0), "b": answers(range(88, 203), 1.0)}
    alone = rank(two, SPLITS)[1].p_value
    among = rank({**two, "c": answers(range(400), 1.0)}, SPLITS)[1].p_value
    assert alone is not None
    assert among == pytest.approx(alone)


def test_the_faster_of_two_that_chance_cannot_tell_apart_is_advised() -> None:
    entries = rank(
        {"large": answers(range(100), 20.0), "small": answers(range(50, 155), 2.0)}, SPLITS
    )
    advice = recommend(entries, ROWS)
    assert advice.startswith("Take small: large is 0.5 points ahead")
    assert "10.0 times as fast" in advice


def test_a_clear_winner_is_advised_whatever_it_costs() -> None:
    judged = {"large": answers(range(100), 20.0), "small": answers(range(300), 2.0)}
    assert recommend(rank(judged, SPLITS), ROWS).startswith("Take large: 90.0 % of 1,000 rows")


def test_the_best_that_is_also_the_fastest_is_advised_with_its_rivals() -> None:
    judged = {"quick": answers(range(100), 1.0), "slow": answers(range(50, 155), 9.0)}
    assert recommend(rank(judged, SPLITS), ROWS).endswith("cannot tell from it (slow).")


def test_a_draw_has_so_many_of_each_class_and_repeats_itself() -> None:
    few = draw(SPLITS.train, 8, seed=1)
    assert few["label"].value_counts().to_dict() == {"negative": 8, "positive": 8}
    pd.testing.assert_frame_equal(few, draw(SPLITS.train, 8, seed=1))
    assert set(few["text"]) != set(draw(SPLITS.train, 8, seed=2)["text"])


def test_a_class_with_fewer_rows_gives_all_it_has() -> None:
    assert len(draw(SPLITS.train.iloc[:5], 4, seed=0)) == 5


def test_vader_is_refused_where_labels_are_not_polar() -> None:
    with pytest.raises(ConfigError, match="vader knows negative, positive and neutral, not"):
        check_models(TrainingSettings(), ("vader",), ("cats", "dogs"))


def test_bigru_is_refused_without_vectors() -> None:
    with pytest.raises(ConfigError, match="bigru needs --vectors"):
        check_models(TrainingSettings(), ("tfidf", "bigru"), LABELS)


def test_a_single_model_is_refused() -> None:
    with pytest.raises(ConfigError, match="--model nbsvm: name what is compared with --models"):
        check_models(TrainingSettings(model=ModelConfig(model="nbsvm")), ("tfidf",), LABELS)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"models": ()}, "name at least one model"),
        ({"few_shot": (0,)}, "must be at least 1"),
        ({"ktrain_epochs": 0}, "--ktrain-epochs 0"),
    ],
)
def test_contradictions_are_refused(change: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        dataclasses.replace(CompareConfig(), **change)
