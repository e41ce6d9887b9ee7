"""Learning rates: a search and its files, several side by side, what short trainings say."""

from __future__ import annotations

import dataclasses
import json
import logging
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from ktrain_sentiment.atomic import hold, refuse_existing, write_json
from ktrain_sentiment.config import ExploreConfig, SearchConfig, TrainingSettings
from ktrain_sentiment.config.flat import from_flat, to_flat
from ktrain_sentiment.data import LabelledTexts, Splits, read_and_split
from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.report import plots, trial_tables
from ktrain_sentiment.runs import RunFolder, default_run
from ktrain_sentiment.tables.frame_writing import write_table
from ktrain_sentiment.tasks import Task
from ktrain_sentiment.training.callbacks import Pace
from ktrain_sentiment.training.dataset import steps_per_epoch
from ktrain_sentiment.training.learning_rate import LearningRateCurve, SearchBounds
from ktrain_sentiment.training.trainer import Trainer
from ktrain_sentiment.workflow.lessons import taught
from ktrain_sentiment.workflow.models import (
    MODELS,
    ModelSpec,
    model_name,
    refuse_unlearnable,
    resolve_model,
)

log = logging.getLogger(__name__)

GRID = (1 / 3, 3.0)
"""Factors around the chosen rate at which `verify` trains besides the suggestions."""
TRIAL_STEPS = 50
"""Steps below which a short training is too short to tell a good rate from a high one."""


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
    no_bar = quiet or not sys.stderr.isatty()
    pace = Pace(bounds.steps, quiet=quiet)
    with tqdm(
        total=bounds.steps, desc="learning rate", unit="step", file=sys.stderr, disable=no_bar
    ) as bar:

        def step(count: int = 1) -> None:
            bar.update(count)
            pace.step(count)

        return trainer.find_learning_rate(bounds, step)


def search_figures(curve: LearningRateCurve, usual: float | None = None) -> dict[str, Any]:
    """What a search found, ready for JSON.

    Args:
        curve: The search.
        usual: The rate that is taken where the curve gives none.
    """
    reading = curve.reading
    return {
        "taken": usual if reading.chosen is None else reading.chosen.learning_rate,
        "chosen": None if reading.chosen is None else reading.chosen.learning_rate,
        "rule": None if reading.chosen is None else reading.chosen.rule,
        "problem": reading.problem,
        "suggestions": [dict(vars(one)) for one in reading.suggestions],
        "stopped": curve.stopped,
        "steps": len(curve.rates),
        "seconds": curve.seconds,
    }


def save_search(
    curve: LearningRateCurve, folder: RunFolder, usual: float | None = None
) -> dict[str, Any]:
    """Write `lr_find.csv`, `lr_find.json` and `lr_find.png`, each atomically.

    Args:
        curve: The search.
        folder: The run.
        usual: The rate that is taken where the curve gives none; it is marked then.

    Returns:
        The `search_figures`.
    """
    smoothed = np.full(len(curve.losses), np.nan)
    smoothed[: len(curve.reading.smoothed)] = curve.reading.smoothed
    table = pd.DataFrame({"learning_rate": curve.rates, "loss": curve.losses, "smoothed": smoothed})
    write_table(folder.lr_find("csv"), table)
    plots.save_png(draw_search(curve, usual), folder.lr_find("png"))
    found = search_figures(curve, usual)
    write_json(folder.lr_find("json"), found)
    return found


def draw_search(curve: LearningRateCurve, usual: float | None = None) -> Any:  # noqa: ANN401 - matplotlib publishes no types
    """Draw the curve with its suggestions, the rate that is taken marked."""
    reading = curve.reading
    marks = [
        plots.Suggestion(s.rule, s.learning_rate, chosen=s is reading.chosen)
        for s in reading.suggestions
    ]
    if reading.chosen is None and usual is not None:
        marks.append(plots.Suggestion("usual", usual, chosen=True))
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


def rate_without_search(spec: ModelSpec, settings: TrainingSettings, task: Task) -> float | None:
    """The rate that is given, or usual where a search tells too little; None: it is searched."""
    given = settings.training.learning_rate
    # Squared errors of single batches scatter so much that the steepest fall is found at the
    # beginning of the search, a tenth too low or less (benchmarks/LOG.md).
    if given is None and task.is_score:
        said = "taking the usual learning rate, %g: a search reads too little off scores' errors"
        log.info(f"{said} (--learning-rate decides)", spec.usual_rate)
        return spec.usual_rate
    return given


def searched_rate(
    trainer: Trainer,
    spec: ModelSpec,
    settings: TrainingSettings,
    folder: RunFolder,
    *,
    resume: bool,
    quiet: bool,
) -> float:
    """The rate that a search finds, or the usual one where it finds none; both are said.

    Args:
        trainer: What is about to be trained.
        spec: Its model.
        settings: How to search.
        folder: The run, which keeps the search.
        resume: Take what an earlier start of the run has found.
        quiet: Show no progress.

    Raises:
        TrainingError: The loss was not a number from the start.
    """
    if resume and folder.lr_find("json").is_file():
        found = read_search(folder)
    else:
        curve = run_search(trainer, spec.searches(settings), quiet=quiet)
        found = save_search(curve, folder, spec.usual_rate)
    if found["chosen"] is None:
        log.warning(
            "%s: no learning rate found (%s); taking the usual %g, or give one with "
            "--learning-rate",
            model_name(settings), found["problem"], spec.usual_rate,
        )  # fmt: skip
        return spec.usual_rate
    log.info("%s", explain_choice(found))
    return float(found["chosen"])


@dataclass(frozen=True)
class Trial:
    """A short training at one learning rate.

    Attributes:
        learning_rate: The maximum learning rate.
        origin: The rule that suggested it, or its place in the grid.
        loss: Loss on validation rows, at the best epoch.
        macro_f1: Macro F1 on validation rows, at the best epoch; None of scores.
        seconds: Time of the training.
    """

    learning_rate: float
    origin: str
    loss: float
    macro_f1: float | None
    seconds: float


@dataclass(frozen=True)
class Exploration:
    """What an exploration found.

    Attributes:
        folder: Where it was written.
        curves: Curves by name; the first one is that of the settings as given.
        trials: Short trainings, best first; empty without `verify`.
        conclusion: What to take, in a sentence.
        figures: All of it, ready for JSON.
    """

    folder: RunFolder
    curves: dict[str, LearningRateCurve]
    trials: tuple[Trial, ...]
    conclusion: str
    figures: dict[str, Any]


def explore(
    settings: TrainingSettings,
    exploring: ExploreConfig,
    texts: LabelledTexts | None = None,
    *,
    folder: Path | None = None,
    overwrite: bool = False,
    quiet: bool = False,
) -> Exploration:
    """Search a learning rate for each variant, and verify the suggestions when asked.

    Args:
        settings: Data, model, how to search.
        exploring: Variants and short trainings.
        texts: The rows, where they are read already by `settings.source`.
        folder: Where the result goes; runs/<name of the data>-lr when not given.
        overwrite: Replace a search that is there.
        quiet: Show no progress.

    Raises:
        InputError: The data, the encoder or the settings cannot be used, or another process writes
            into the folder.
        TrainingError: The loss was not a number from the start.
    """
    varied = list(variants(settings, exploring.vary))
    run = RunFolder(folder or default_run(settings.source.data, "lr"))
    for _, variant in varied:
        refuse_unlearnable(variant)
    with hold(run.path):
        refuse_existing(run.lr_find("json"), overwrite=overwrite)
        specs = [resolve_model(variant) for _, variant in varied]
        _, splits = read_and_split(settings.source, settings.split, texts)
        curves = {}
        for (name, variant), spec in zip(varied, specs, strict=True):
            log.info("%s", name)
            refuse_unlearnable(variant, splits)
            learned = taught(variant.training, splits, variant.source)
            trainer = spec.open(variant, splits, learned)
            curves[name] = run_search(trainer, spec.searches(variant), quiet=quiet)
        trials: tuple[Trial, ...] = ()
        if exploring.verify:
            trials = verify(settings, exploring, splits, next(iter(curves.values())))
        return _write(run, curves, trials, len(splits.validation))


def variants(settings: TrainingSettings, vary: str) -> Iterator[tuple[str, TrainingSettings]]:
    """The settings for each value of the varied setting; the settings themselves without one.

    Args:
        settings: The settings as given.
        vary: `name=value,value`, or empty.

    Raises:
        ConfigError: The setting has no such value, or changes nothing about this model.
    """
    name, _, values = vary.partition("=")
    key = name.replace("-", "_")
    if not vary:
        yield model_name(settings), settings
        return
    if settings.model.is_ktrain_model and key in ("encoder", "maxlen"):
        raise ConfigError(f"--vary {vary}: {name} means nothing to {settings.model.model}")
    flat = to_flat(settings, TrainingSettings)
    for value in values.split(","):
        varied = from_flat(TrainingSettings, {**flat, key: value}, "--vary")
        # Of several models, each takes what is meant for it.
        own = MODELS[varied.model.model].without_foreign(varied) if key == "model" else varied
        yield f"{name} {value}", own


def verify(
    settings: TrainingSettings, exploring: ExploreConfig, splits: Splits, curve: LearningRateCurve
) -> tuple[Trial, ...]:
    """Train shortly at each candidate rate on the same rows with the same seed; best first.

    A teacher's unlabelled texts are left out: they would make it long.
    """
    small = dataclasses.replace(splits, train=splits.train.head(exploring.verify_rows))
    epochs = trial_epochs(exploring, len(small.train), settings.training.batch_size)
    # By the loss: a few hundred validation rows cannot tell rates apart by accuracy.
    training = dataclasses.replace(
        settings.training, epochs=epochs, keep_best="loss", unlabelled=""
    )
    learned = taught(training, small, settings.source)
    short = dataclasses.replace(settings, training=training)
    trials = []
    for origin, rate in candidates(curve):
        log.info("training shortly at %.1e (%s)", rate, origin)
        trainer = resolve_model(short).open(short, small, learned)
        fitted = trainer.fit(rate, None)
        best = fitted.history.to_dict("records")[fitted.best_epoch - 1]
        trials.append(
            Trial(rate, origin, float(best["val_loss"]), best.get("val_macro_f1"), fitted.seconds)
        )
    return tuple(sorted(trials, key=lambda trial: trial.loss))


def trial_epochs(exploring: ExploreConfig, rows: int, batch_size: int) -> int:
    """Passes over the rows of a short training: those asked for, otherwise enough for 50 steps."""
    return exploring.verify_epochs or math.ceil(TRIAL_STEPS / steps_per_epoch(rows, batch_size))


def candidates(curve: LearningRateCurve) -> list[tuple[str, float]]:
    """Rates to try: each suggestion, and a grid around the chosen one; near-equal ones once."""
    reading = curve.reading
    if reading.chosen is None:
        return []
    found = [(s.rule, s.learning_rate) for s in reading.suggestions]
    chosen = reading.chosen.learning_rate
    found += [(f"{factor:.2g} x {reading.chosen.rule}", chosen * factor) for factor in GRID]
    kept: list[tuple[str, float]] = []
    for origin, rate in found:
        # Rates a fifth apart train alike; each costs a training.
        if all(abs(math.log(rate / other)) > math.log(1.2) for _, other in kept):
            kept.append((origin, rate))
    return kept


def conclude(curves: dict[str, LearningRateCurve], trials: tuple[Trial, ...], rows: int) -> str:
    """What to take and why, in words."""
    if not trials:
        return "; ".join(
            f"{name}: {explain_choice(search_figures(curve))}" for name, curve in curves.items()
        )
    best = trials[0]
    if best.macro_f1 is None:
        return (
            f"{best.learning_rate:.2e} ({best.origin}) won the short trainings, with a validation "
            f"loss of {best.loss:.3f} squared spreads"
        )
    # One standard error of a share near the best one, with this many rows.
    error = math.sqrt(max(best.macro_f1 * (1 - best.macro_f1), 1e-9) / max(rows, 1))
    equals = [t for t in trials[1:] if abs((t.macro_f1 or 0) - best.macro_f1) < 2 * error]
    tail = (
        f"; with {rows} rows it cannot be told from "
        + ", ".join(f"{t.learning_rate:.1e}" for t in equals)
        if equals
        else ""
    )
    return (
        f"{best.learning_rate:.2e} ({best.origin}) won the short trainings, with a validation "
        f"loss of {best.loss:.3f} and a macro F1 of {100 * best.macro_f1:.1f} %{tail}"
    )


def _write(
    folder: RunFolder, curves: dict[str, LearningRateCurve], trials: tuple[Trial, ...], rows: int
) -> Exploration:
    save_search(next(iter(curves.values())), folder)
    conclusion = conclude(curves, trials, rows)
    figures = {
        **search_figures(next(iter(curves.values()))),
        "curves": {name: search_figures(curve) for name, curve in curves.items()},
        "trials": [dataclasses.asdict(trial) for trial in trials],
        "conclusion": conclusion,
        "run": str(folder.path),
    }
    write_json(folder.lr_find("json"), figures)
    if len(curves) > 1:
        plots.save_png(plots.learning_rate_overlay(_lines(curves)), folder.lr_find("png"))
    return Exploration(folder, curves, trials, conclusion, figures)


def _lines(curves: dict[str, LearningRateCurve]) -> dict[str, plots.Line]:
    return {
        name: plots.Line(
            curve.rates[: len(curve.reading.smoothed)],
            curve.reading.smoothed,
            None if curve.reading.chosen is None else curve.reading.chosen.learning_rate,
        )
        for name, curve in curves.items()
    }


def exploration_tables(found: Exploration) -> list[Any]:
    """Tables for the screen: the suggestions of each search, and the short trainings."""
    tables = [
        trial_tables.suggestions(name, search_figures(curve))
        for name, curve in found.curves.items()
        if curve.reading.suggestions
    ]
    if found.trials:
        tables.append(trial_tables.trials(found.trials))
    return tables
