"""What is chosen on rows is chosen on others than those that it is judged on."""

import numpy as np
import pandas as pd
import pytest

from ktrain_sentiment.evaluation.calibration import apply_temperature, fit_temperature
from ktrain_sentiment.evaluation.multi_figures import choose_thresholds
from ktrain_sentiment.evaluation.predictions import LabelledPredictions
from ktrain_sentiment.tasks import CLASSES, SEVERAL, Task
from ktrain_sentiment.workflow.folding import by_other_folds

ROWS = 90
FOLD = np.repeat([0, 1, 2], 30)


def rows_of(labels: list[str], table: np.ndarray, task: Task) -> LabelledPredictions:
    frame = pd.DataFrame({"text": ["x"] * ROWS, "label": labels, "row": range(ROWS)})
    return LabelledPredictions.join(frame, table, ("a", "b"), task)


def test_thresholds_of_a_fold_are_those_of_the_other_folds() -> None:
    rng = np.random.default_rng(0)
    table = rng.random((ROWS, 2)) * 0.4
    has = rng.random((ROWS, 2)) < table * 2
    names = ["|".join(n for n, one in zip("ab", row, strict=True) if one) for row in has]
    found = by_other_folds(rows_of(names, table, SEVERAL), FOLD)
    for k in range(3):
        own = k == FOLD
        cuts = choose_thresholds(has[~own], table[~own])
        assert ((found.probabilities[own] >= 0.5) == (table[own] >= cuts)).all()
    assert found.task.cuts(2) == (0.5, 0.5)


def test_a_label_that_is_chance_gains_nothing_from_its_threshold() -> None:
    """Chosen on the rows that it is judged on, a threshold finds luck in them."""
    rng = np.random.default_rng(1)
    gains = []
    for _ in range(40):
        table = rng.random((ROWS, 2)) * 0.5
        has = rng.random((ROWS, 2)) < 0.15
        names = ["|".join(n for n, one in zip("ab", row, strict=True) if one) for row in has]
        rows = rows_of(names, table, SEVERAL)
        honest = by_other_folds(rows, FOLD).probabilities >= 0.5
        lucky = table >= choose_thresholds(has, table)
        gains.append(_f1(has, lucky) - _f1(has, honest))
    assert np.mean(gains) > 0.02


def _f1(has: np.ndarray, said: np.ndarray) -> float:
    return float((2 * (has & said).sum(0) / np.maximum((has.astype(int) + said).sum(0), 1)).mean())


def test_the_temperature_of_a_fold_is_that_of_the_other_folds() -> None:
    rng = np.random.default_rng(2)
    first = rng.random(ROWS)
    truth = (rng.random(ROWS) > first).astype(int)
    sharp = apply_temperature(np.stack([first, 1 - first], axis=1), 0.3)
    found = by_other_folds(rows_of(["ab"[k] for k in truth], sharp, CLASSES), FOLD)
    for k in range(3):
        own = k == FOLD
        wanted = apply_temperature(sharp[own], fit_temperature(truth[~own], sharp[~own]))
        assert found.probabilities[own] == pytest.approx(wanted)
