"""Which predictor is meant: a predictor folder, a run folder, or the newest run."""

from __future__ import annotations

from pathlib import Path

from ktrain_sentiment.errors import PredictorError
from ktrain_sentiment.predictor.layout import PredictorFolder
from ktrain_sentiment.runs import RUNS, RunFolder


def find_predictor(given: Path | None, runs: Path = RUNS) -> Path:
    """The folder to load.

    Args:
        given: A predictor folder or a run folder; None: the newest run's.
        runs: Where the runs are.

    Raises:
        PredictorError: None is given, and there is no run with a predictor.
    """
    if given is not None:
        inside = RunFolder(given).predictor
        return inside if PredictorFolder(inside).manifest.is_file() else given
    manifests = list(runs.glob("*/predictor/manifest.json"))
    if not manifests:
        raise PredictorError(
            f"there is no predictor in {runs}/: train one with ktrain-sentiment train, or "
            "name a folder with --predictor"
        )
    return max(manifests, key=lambda path: path.stat().st_mtime).parent
