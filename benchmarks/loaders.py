"""Load one predictor folder in every tool that it promises to load in, and compare.

    python benchmarks/loaders.py
    python benchmarks/loaders.py --predictor runs/mine --texts reviews.csv

transformers 5 with PyTorch, transformers 4 with TensorFlow, plain ktrain and ONNX Runtime each have
an environment of their own without this package; they are made once, with pip. The probabilities
that each gives to the same texts must agree with this package's to 1e-4. Prints a table, then one
JSON line; exit code 1 if one of them disagrees.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from frame import BenchmarkFlags
from numpy.typing import NDArray
from processes import HOME, ROOT, WORKERS, interpreter, refuse_unknown

from ktrain_sentiment.commands.frame import run
from ktrain_sentiment.config import DataConfig
from ktrain_sentiment.data import read_labelled
from ktrain_sentiment.errors import PredictorError
from ktrain_sentiment.inference.loading import find_predictor

WORKER = WORKERS / "load_predictor.py"
ENVIRONMENTS = {
    "transformers": "torch",
    "tensorflow": "transformers4",
    "ktrain": "ktrain",
    "onnxruntime": "onnxruntime",
    "ours": "",
}
LARGEST_DIFFERENCE = 1e-4


@dataclass(frozen=True, kw_only=True)
class Flags(BenchmarkFlags):
    """What to load."""

    predictor: Path | None = None
    """A predictor or run folder; the newest run's when left out."""

    texts: str = "movie-reviews"
    """Data whose texts are predicted."""

    rows: int = 200
    """How many of them."""

    loaders: tuple[str, ...] = tuple(ENVIRONMENTS)
    """Which: any of transformers, tensorflow, ktrain, onnxruntime, ours."""

    environments: Path = HOME
    """Where the environments are made."""


def task(flags: Flags) -> dict[str, Any]:
    """Load everywhere, compare everything with this package."""
    refuse_unknown("--loaders", flags.loaders, ENVIRONMENTS)
    folder = find_predictor(flags.predictor)
    texts = read_labelled(DataConfig(data=flags.texts)).frame["text"].tolist()[: flags.rows]
    answers: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as place:
        written = Path(place) / "texts.json"
        written.write_text(json.dumps(texts), encoding="utf-8")
        for name in dict.fromkeys(("ours", *flags.loaders)):
            answers[name] = _load(name, folder, written, flags)
    reference = np.array(answers["ours"]["table"])
    figures = {name: _compare(answer, reference) for name, answer in answers.items()}
    print(f"{folder}: {len(texts)} texts")
    for name, found in figures.items():
        apart, versions = found["largest_difference"], ", ".join(found["versions"])
        print(f"  {name:14s} largest difference {apart:.1e}  {versions}")
    wrong = [n for n, found in figures.items() if found["largest_difference"] > LARGEST_DIFFERENCE]
    if wrong:
        raise PredictorError(f"{folder}: {', '.join(wrong)} disagree by more than 1e-4")
    return figures


def _load(name: str, folder: Path, written: Path, flags: Flags) -> dict[str, Any]:
    environment = ENVIRONMENTS[name]
    python = interpreter(environment, flags.environments) if environment else Path(sys.executable)
    command = [str(python), str(WORKER), name, str(folder.resolve()), str(written)]
    path = "" if environment else str(ROOT)
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=written.parent,
        env={**os.environ, "PYTHONPATH": path}, check=False,
    )  # fmt: skip
    if done.returncode:
        raise PredictorError(f"{folder}: {name} cannot load it: {done.stderr.strip()[-1500:]}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _compare(answer: dict[str, Any], reference: NDArray[np.float64]) -> dict[str, Any]:
    apart = float(np.abs(np.array(answer["table"]) - reference).max())
    return {"largest_difference": apart, "versions": answer["versions"]}


if __name__ == "__main__":
    run(Flags, task, __doc__)
