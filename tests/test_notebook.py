"""The notebook of the examples runs as it stands, and shows what a run of it showed."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.process import ROOT, run_code

NOTEBOOK = ROOT / "examples" / "quickstart.ipynb"
PICTURE = "image/png"


def outputs(notebook: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What the cells showed, in order."""
    for cell in notebook["cells"]:
        yield from cell.get("outputs", ())


def shown(notebook: dict[str, Any]) -> str:
    """All text that the cells showed."""
    parts = [
        one.get("data", {}).get("text/plain", one.get("text", "")) for one in outputs(notebook)
    ]
    return "\n".join("".join(part) for part in parts)


@pytest.fixture(scope="module")
def committed() -> dict[str, Any]:
    return json.loads(NOTEBOOK.read_text("utf-8"))


@pytest.fixture(scope="module")
def executed(
    tmp_path_factory: pytest.TempPathFactory, tiny_bert: Path, reviews_csv: Path
) -> dict[str, Any]:
    """The notebook after a run with the made-up reviews and the tiny encoder."""
    folder = tmp_path_factory.mktemp("notebook")
    settings = {
        "maxlen": 32, "epochs": 2, "batch_size": 16, "adversarial_epsilon": 0, "accelerate": False,
        "search_steps": 30, "search_end": 1.0,
    }  # fmt: skip
    parameters = f"source, encoder, rows = {str(reviews_csv)!r}, {str(tiny_bert)!r}, 300\n"
    done = run_code(
        f"""
        import nbformat
        from nbclient import NotebookClient

        notebook = nbformat.read({str(NOTEBOOK)!r}, 4)
        cell, = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", ())]
        cell.source = {parameters + f"settings = {settings}"!r}
        where = {{"metadata": {{"path": {str(folder)!r}}}}}
        NotebookClient(notebook, timeout=600, kernel_name="python3", resources=where).execute()
        nbformat.write(notebook, {str(folder / "executed.ipynb")!r})
        """,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((folder / "executed.ipynb").read_text("utf-8"))


def test_it_runs_from_a_table_to_a_predictor_without_network(executed: dict[str, Any]) -> None:
    said = shown(executed)
    for expected in ("<Dataset a DataFrame: 300 rows", "<LearningRateSearch", "<TrainingRun runs/",
                     "<ModelComparison runs/", "<Evaluation of", "'manifest.json'"):  # fmt: skip
        assert expected in said


def test_it_shows_the_same_kinds_of_things_as_the_committed_one(
    executed: dict[str, Any], committed: dict[str, Any]
) -> None:
    # Results alone: of so small a model the training warns, on standard error.
    kinds = [
        [sorted(one["data"]) for one in outputs(notebook) if "data" in one]
        for notebook in (executed, committed)
    ]
    assert kinds[0] == kinds[1]
    assert sum(PICTURE in one for one in kinds[0]) == 3


def test_the_committed_one_was_run_from_top_to_bottom_without_errors(
    committed: dict[str, Any],
) -> None:
    counts = [c["execution_count"] for c in committed["cells"] if c["cell_type"] == "code"]
    assert counts == list(range(1, len(counts) + 1))
    assert {one["output_type"] for one in outputs(committed)} == {"execute_result"}


def test_the_committed_one_is_small_and_names_no_folder_of_whoever_ran_it(
    committed: dict[str, Any],
) -> None:
    assert NOTEBOOK.stat().st_size < 300_000
    assert not re.search(r"(/home|/root|/tmp|/work|/Users)\b", shown(committed))
