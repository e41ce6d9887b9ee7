"""Several workers train the model that one trains, and a killed one costs the steps since then."""

import json
from pathlib import Path

import numpy as np
import pytest

from ktrain_sentiment.training.dataset import BATCH, PLACES, ResumableDataset
from support.team import finish, start

ROUNDING = 1e-6
"""What float32 weights of a tiny encoder may differ by; one epoch moves them by a thousandth."""


@pytest.fixture(scope="session")
def team(tmp_path_factory: pytest.TempPathFactory, tiny_bert: Path) -> tuple[Path, str]:
    """What two workers and one made of the same jobs, and what was left of a pair said."""
    folder = tmp_path_factory.mktemp("team")
    survivor, _ = finish(start(tiny_bert, folder, 2, "begun", "gone on", "killed"))
    finish(start(tiny_bert, folder, 1, "fast", "plain", "gone on alone"))
    return folder, survivor


def weights_of(folder: Path, job: str, workers: int) -> list[np.ndarray]:
    with np.load(folder / f"{job}-{workers}-0.npz") as kept:
        return [kept[name] for name in sorted(kept)]


def history_of(folder: Path, job: str, workers: int) -> list[dict[str, float]]:
    return json.loads((folder / f"{job}-{workers}-0.json").read_text())  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("job", "workers", "by_one"),
    [
        pytest.param("gone on", 2, "fast", id="fast kernels, adversarial, stopped, gone on with"),
        pytest.param("gone on alone", 1, "plain", id="Keras's dropout, a worker killed, gone on"),
    ],
)
def test_workers_train_the_model_that_one_trains(
    team: tuple[Path, str], job: str, workers: int, by_one: str
) -> None:
    folder, _ = team
    alone, together = weights_of(folder, by_one, 1), weights_of(folder, job, workers)
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_allclose(other, one, atol=ROUNDING)
    figures = history_of(folder, by_one, 1), history_of(folder, job, workers)
    for before, after in zip(*figures, strict=True):
        assert after == pytest.approx(before, abs=1e-5)


def test_a_killed_worker_ends_the_other_in_a_line_that_says_how_to_go_on(
    team: tuple[Path, str],
) -> None:
    folder, said = team
    assert not (folder / "killed-2-0.npz").exists()
    last = said.strip().splitlines()[-1]
    assert "TrainingError: worker 0" in last
    assert "--resume" in last


class Numbers:
    """Rows that are their own numbers."""

    targets = np.arange(11, dtype=np.float32)[:, None]
    lengths = np.ones(11, np.int64)

    def batch(self, rows: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
        return {"input_ids": rows[:, None]}, self.targets[rows]


@pytest.mark.parametrize("workers", [2, 3, 4])
def test_workers_share_a_batch_evenly_and_mark_what_is_given_twice(workers: int) -> None:
    chosen, seen = np.array([4, 2, 9, 7, 1]), []
    for index in range(workers):
        data = ResumableDataset(None, Numbers(), 5, 0)  # type: ignore[arg-type]
        data.share = (workers, index)
        inputs, targets = data._shared(chosen)
        assert len(targets) == -(-5 // workers)
        assert inputs[BATCH].tolist() == [5]
        np.testing.assert_array_equal(inputs["input_ids"], targets)
        counts = inputs[PLACES] < 5
        seen += targets[counts, 0].tolist()
    assert seen == chosen.tolist()
