"""Models side by side: how they are ranked, tested against the best, and which one is advised."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ktrain_sentiment.evaluation.ranking import (
    Costs,
    Entry,
    Outcome,
    beside_baseline,
    randomization_test,
    rank,
    recommend,
)
from ktrain_sentiment.tasks import SCORES, SEVERAL, Task

LABELS = ("negative", "positive")
ROWS = 1000
TRUTH = np.arange(ROWS) % 2
Answers = tuple[NDArray[np.float64], float]


def answers(wrong: range, latency: float, truth: NDArray[np.int64] = TRUTH) -> Answers:
    """A model that has these rows wrong, and its time for one text."""
    table = np.eye(2)[truth] * 0.8 + 0.1
    table[list(wrong)] = table[list(wrong), ::-1]
    return table, latency


def costs(latency: float) -> Costs:
    return Costs(
        train_seconds=1.0, texts_per_second=100.0, latency_ms=latency, memory_mb=50.0, disk_mb=10.0
    )


def ranked(models: Mapping[str, Answers], truth: NDArray[np.int64] = TRUTH) -> tuple[Entry, ...]:
    found = {name: Outcome(table, costs(latency)) for name, (table, latency) in models.items()}
    return rank(truth, found, LABELS)


def test_models_are_ranked_by_accuracy_and_tested_against_the_best() -> None:
    judged = {
        "poor": answers(range(300), 1.0),
        "best": answers(range(100), 9.0),
        "near": answers(range(50, 155), 2.0),
    }
    entries = ranked(judged)
    assert [entry.name for entry in entries] == ["best", "near", "poor"]
    assert entries[0].p_value is None
    assert entries[1].p_value is not None
    assert entries[1].p_value > 0.5
    assert entries[2].p_value is not None
    assert entries[2].p_value < 1e-6
    assert entries[2].metrics.accuracy.value == pytest.approx(0.7)


def test_p_values_are_corrected_for_the_number_of_models() -> None:
    best, near = answers(range(100), 1.0), answers(range(88, 203), 1.0)
    alone = ranked({"a": best, "b": near})[1].p_value
    among = ranked({"a": best, "b": near, "c": near})[1].p_value
    assert alone is not None
    assert among == pytest.approx(2 * alone)


def test_a_model_that_is_clearly_worse_does_not_make_the_others_harder_to_tell_apart() -> None:
    two = {"a": answers(range(100), 1.0), "b": answers(range(88, 203), 1.0)}
    alone = ranked(two)[1].p_value
    among = ranked({**two, "c": answers(range(400), 1.0)})[1].p_value
    assert alone is not None
    assert among == pytest.approx(alone)


def test_the_faster_of_two_that_chance_cannot_tell_apart_is_advised() -> None:
    entries = ranked({"large": answers(range(100), 20.0), "small": answers(range(50, 155), 2.0)})
    advice = recommend(entries)
    assert advice.startswith("Take small: large is 0.5 points of accuracy ahead")
    assert "10.0 times as fast" in advice


def test_of_two_that_are_as_good_the_faster_is_advised() -> None:
    entries = ranked({"large": answers(range(100), 20.0), "small": answers(range(100), 2.0)})
    assert recommend(entries) == (
        "Take small: large is no better on 1,000 rows, and small answers 10.0 times as fast."
    )


def test_a_clear_winner_is_advised_whatever_it_costs() -> None:
    judged = {"large": answers(range(100), 20.0), "small": answers(range(300), 2.0)}
    assert recommend(ranked(judged)).startswith("Take large: 90.0 % accuracy on 1,000 rows")


def test_a_model_compared_with_none_is_not_said_to_beat_the_others() -> None:
    advice = recommend(ranked({"only": answers(range(100), 20.0)}))
    assert advice.startswith("Take only: 90.0 % accuracy")
    assert advice.endswith("no other model was compared.")


def test_the_best_that_is_also_the_fastest_is_advised_with_its_rivals() -> None:
    judged = {"quick": answers(range(100), 1.0), "slow": answers(range(50, 155), 9.0)}
    assert recommend(ranked(judged)).endswith("cannot tell from it (slow).")


def test_where_one_class_has_most_rows_macro_f1_decides() -> None:
    truth = np.array([0] * 900 + [1] * 100)
    models = {
        "careful": answers(range(800, 900), 1.0, truth),
        "lazy": answers(range(900, 980), 1.0, truth),
    }
    entries = ranked(models, truth)
    assert [entry.name for entry in entries] == ["careful", "lazy"]
    assert entries[1].metrics.accuracy.value > entries[0].metrics.accuracy.value
    assert entries[1].p_value is not None
    assert entries[1].p_value < 0.001
    assert "macro F1" in recommend(entries)


def test_always_answering_with_the_most_frequent_label_is_never_advised() -> None:
    majority = (np.tile([0.6, 0.4], (ROWS, 1)), 0.01)
    same = ranked({"majority": majority, "encoder": answers(range(495), 9.0)})
    advice = recommend(same)
    assert advice.startswith("No model is worth taking yet: on 1,000 rows")
    assert "encoder comes closest: 50.5 % accuracy" in advice
    good = ranked({"majority": majority, "encoder": answers(range(100), 9.0)})
    assert recommend(good).startswith("Take encoder")


def test_a_randomization_test_says_nothing_more_often_than_it_should() -> None:
    rng = np.random.default_rng(0)
    said = 0
    for seed in range(200):
        truth = rng.integers(2, size=100)
        right = rng.random((2, 100)) < 0.8
        first, second = np.where(right, truth, 1 - truth)
        said += randomization_test(truth, first, second, 2, seed=seed) < 0.05
    assert said / 200 < 0.09


def test_a_randomization_test_of_equal_answers_is_one() -> None:
    assert randomization_test(TRUTH, TRUTH, TRUTH, 2) == pytest.approx(1.0)


def of_task(task: Task, truth: NDArray[Any], tables: dict[str, NDArray[Any]]) -> tuple[Entry, ...]:
    labels = LABELS if task.is_multi else ("score",)
    found = {name: Outcome(table, costs(2.0)) for name, table in tables.items()}
    return rank(truth, found, labels, task)


def test_scores_are_ranked_by_how_far_off_they_are_and_set_against_the_best_baseline() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=ROWS)
    off = {"mean": 0.0 * truth, "ridge": truth + rng.normal(size=ROWS),
           "encoder": truth + 0.3 * rng.normal(size=ROWS)}  # fmt: skip
    entries = of_task(SCORES, truth, {name: said[:, None] for name, said in off.items()})
    assert entries[0].name == "encoder"
    beside = entries[0].against_baseline
    assert beside is not None
    assert beside.names == (entries[1].name, "encoder")
    assert beside.mae_difference is not None
    assert beside.mae_difference.high < 0
    assert beside.spearman_difference is not None
    assert beside.spearman_difference.low > 0.05
    assert entries[1].against_baseline is None
    assert list(entries[0].to_json())[1:4] == ["score_mae", "rmse", "spearman"]
    said = recommend(entries)
    assert said.startswith("Take encoder: 0.2")
    assert "off on 1,000 rows, and every other model is worse by more than chance" in said
    assert beside_baseline(entries).startswith(f"Beside {entries[1].name}: encoder is better: ")


def test_scores_that_are_no_nearer_than_their_mean_are_not_advised() -> None:
    truth = np.random.default_rng(0).normal(size=ROWS)
    tables = {"mean": np.zeros((ROWS, 1)), "encoder": np.full((ROWS, 1), 0.001)}
    assert "always answering with the mean score" in recommend(of_task(SCORES, truth, tables))


def test_several_labels_are_ranked_by_macro_f1() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(2, size=(ROWS, 2))

    def answers(wrong: float) -> NDArray[np.float64]:
        turned = rng.random(truth.shape) < wrong
        return np.where(turned, 1 - truth, truth) * 0.8 + 0.1

    tables = {"majority": np.tile([1.0, 0.0], (ROWS, 1)), "tfidf": answers(0.3),
              "encoder": answers(0.1)}  # fmt: skip
    entries = of_task(SEVERAL, truth, tables)
    assert [entry.name for entry in entries] == ["encoder", "tfidf", "majority"]
    assert entries[1].p_value is not None
    assert entries[1].p_value < 0.01
    assert list(entries[0].to_json())[1:4] == ["macro_f1", "micro_f1", "subset_accuracy"]
    assert recommend(entries).startswith("Take encoder: 90.0 % macro F1")
    assert "points of macro F1" in beside_baseline(entries)
