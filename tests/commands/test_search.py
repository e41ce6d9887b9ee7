"""search.py as a user runs it: two processes at once, one study."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.process import ROOT, complaint_of, run_code, run_here

pytest.importorskip("optuna", reason="optuna is not installed: pip install '.[search]'")


def command(data: Path, study: Path, trials: int) -> list[str | Path]:
    return [
        "scripts/search.py", data, "--model", "nbsvm", "--study", study, "--trials", str(trials),
        "--range", "lr=0.1:1.0", "ngrams=1,2", "--epochs", "2", "--test", "0.25", "--threads", "1",
        "--json",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, reviews_csv: Path) -> tuple[Path, list[str]]:
    """The folder of a search that two processes took part in, and what each printed."""
    study = tmp_path_factory.mktemp("runs") / "search"
    both = [
        subprocess.Popen(
            [sys.executable, *map(str, command(reviews_csv, study, 2))],
            cwd=ROOT, env=dict(os.environ), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]  # fmt: skip
    told = [process.communicate(timeout=500) for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    return study, [out for out, _ in told]


def test_two_processes_share_the_trials_of_a_study(shared: tuple[Path, list[str]]) -> None:
    folder, _ = shared
    found = json.loads((folder / "search.json").read_text("utf-8"))
    assert [one["state"] for one in found["trials"]] == ["done"] * 2
    assert found["validation_loss"] == min(one["loss"] for one in found["trials"])
    assert 0 <= found["validation_accuracy"] <= 1
    log = [json.loads(line) for line in (folder / "trials.log").read_text().splitlines()]
    owners = {one["user_attr"]["owner"] for one in log if "owner" in one.get("user_attr", {})}
    assert len(owners) == 2


def test_the_table_says_that_validation_figures_flatter(shared: tuple[Path, list[str]]) -> None:
    _, printed = shared
    for said in printed:
        assert "Trials, by their loss on validation rows" in said
        assert "150 test rows were not touched" in said
        assert json.loads(said.splitlines()[-1])["rows"]["test"] == 150


def test_the_name_that_training_has_for_its_folder_gets_a_suggestion() -> None:
    said = complaint_of("scripts/search.py", "x.csv", "--run", "runs/x")
    assert "--run: no such flag; did you mean --study?" in said


def test_a_search_that_is_done_trains_nothing_and_another_file_is_refused(
    shared: tuple[Path, list[str]], tmp_path: Path
) -> None:
    folder, _ = shared
    before = (folder / "trials.log").read_bytes()
    done = run_here(*command(Path(from_config(folder)), folder, 2))
    assert done.returncode == 0, done.stderr
    assert (folder / "trials.log").read_bytes() == before
    other = tmp_path / "other.csv"
    other.write_text("text,label\n" + "".join(f"so {k},{'ab'[k % 2]}\n" for k in range(80)))
    assert complaint_of(*command(other, folder, 2)).endswith(
        "was begun with other rows: give the same to go on, or another --study"
    )


def from_config(folder: Path) -> str:
    lines = (folder / "config.yaml").read_text("utf-8").splitlines()
    return next(line for line in lines if line.startswith("data:")).partition(": ")[2]


def test_without_optuna_one_line_names_what_to_install() -> None:
    done = run_code(
        """
        import sys, importlib.util
        real = importlib.util.find_spec
        importlib.util.find_spec = lambda name: None if name == "optuna" else real(name)
        sys.argv = ["ktrain-sentiment", "search", "a.csv"]
        from ktrain_sentiment.commands.dispatch import main
        main()
        """
    )
    assert done.returncode == 2
    assert done.stderr == (
        "ktrain-sentiment search: optuna is not installed, and this needs it: "
        'run pip install "ktrain-sentiment[search]"\n'
    )
