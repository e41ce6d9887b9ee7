"""A learning-rate search on disk: curve as CSV, suggestions as JSON, picture as PNG."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from ktrain_sentiment.atomic import write_json
from ktrain_sentiment.config import SearchConfig
from ktrain_sentiment.report import plots
from ktrain_sentiment.runs import RunFolder
from ktrain_sentiment.tables.writing import write_table
from ktrain_sentiment.training.learning_rate import LearningRateCurve, SearchBounds
from ktrain_sentiment.training.trainer import Trainer

log = logging.getLogger(__name__)


def run_search(
    trainer: Trainer, searches: Sequence[SearchConfig], *, quiet: bool = False
) -> LearningRateCurve:
    """Search with a progress bar on standard error, until a curve can be read.

    Args:
        trainer: What to train on for some steps.
        searches: How to search, and how again if that shows nothing; ranges and steps are given.
        quiet: Show no progress.

    Returns:
        The first curve that can be read, or the last one.
    """
    for config in searches:
        log.info("searching the learning rate over up to %d steps", config.search_steps)
        curve = _search(trainer, config, quiet=quiet)
        if curve.reading.chosen is not None:
            break
        if config is not searches[-1]:
            problem = curve.reading.problem.partition(":")[0]
            log.info("%d steps show too little: %s", config.search_steps, problem)
    return curve


def _search(trainer: Trainer, config: SearchConfig, *, quiet: bool) -> LearningRateCurve:
    assert config.search_start is not None
    assert config.search_end is not None
    assert config.search_steps is not None
    bounds = SearchBounds(
        config.search_start,
        config.search_end,
        config.search_steps,
        config.search_stop_factor,
        60 * config.search_minutes,
    )
    hidden = quiet or not sys.stderr.isatty()
    with tqdm(
        total=bounds.steps, desc="learning rate", unit="step", file=sys.stderr, disable=hidden
    ) as bar:
        return trainer.find_learning_rate(bounds, bar.update)


def search_figures(curve: LearningRateCurve) -> dict[str, Any]:
    """What a search found, ready for JSON."""
    reading = curve.reading
    return {
        "chosen": None if reading.chosen is None else reading.chosen.learning_rate,
        "rule": None if reading.chosen is None else reading.chosen.rule,
        "problem": reading.problem,
        "suggestions": [
            {
                "rule": suggestion.rule,
                "learning_rate": suggestion.learning_rate,
                "loss": suggestion.loss,
                "why": suggestion.why,
            }
            for suggestion in reading.suggestions
        ],
        "stopped": curve.stopped,
        "steps": len(curve.rates),
        "seconds": curve.seconds,
    }


def save_search(curve: LearningRateCurve, folder: RunFolder) -> None:
    """Write `lr_find.csv`, `lr_find.json` and `lr_find.png`, each whole or not at all."""
    smoothed = np.full(len(curve.losses), np.nan)
    smoothed[: len(curve.reading.smoothed)] = curve.reading.smoothed
    table = pd.DataFrame({"learning_rate": curve.rates, "loss": curve.losses, "smoothed": smoothed})
    write_table(folder.lr_find("csv"), table)
    plots.save_png(draw_search(curve), folder.lr_find("png"))
    write_json(folder.lr_find("json"), search_figures(curve))


def draw_search(curve: LearningRateCurve) -> Any:  # noqa: ANN401 - matplotlib publishes no types
    """Draw the curve with its suggestions, the chosen one marked."""
    reading = curve.reading
    marks = [
        plots.Suggestion(s.rule, s.learning_rate, chosen=s is reading.chosen)
        for s in reading.suggestions
    ]
    return plots.learning_rate_curve(
        curve.rates[: len(reading.smoothed)],
        curve.losses[: len(reading.smoothed)],
        reading.smoothed,
        marks,
    )


def read_search(folder: RunFolder) -> dict[str, Any]:
    """What an earlier search of this run found: its `search_figures`."""
    return dict(json.loads(folder.lr_find("json").read_text(encoding="utf-8")))


def explain_choice(figures: dict[str, Any]) -> str:
    """One sentence: which rate is taken and why."""
    if figures["chosen"] is None:
        return f"no learning rate can be read off this curve: {figures['problem']}"
    others = ", ".join(
        f"{s['rule']} {s['learning_rate']:.1e}"
        for s in figures["suggestions"]
        if s["rule"] != figures["rule"]
    )
    return (
        f"taking {figures['chosen']:.2e}, halfway between valley and steepest; "
        f"the rules say {others}"
    )
