"""Any list of models on one data set: the same rows, one table, and which differences are real."""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ktrain_sentiment.atomic import write_json, write_text
from ktrain_sentiment.config import CompareConfig, TrainingSettings
from ktrain_sentiment.config.flat import to_flat, to_yaml
from ktrain_sentiment.data import LabelledTexts, read_and_split
from ktrain_sentiment.errors import ConfigError, DataError
from ktrain_sentiment.evaluation.codec import to_plain
from ktrain_sentiment.evaluation.mistake_costs import (
    CostOfModel,
    MistakeCosts,
    advise_by_cost,
    rank_by_cost,
)
from ktrain_sentiment.evaluation.predictions import LabelledPredictions, truth_of
from ktrain_sentiment.evaluation.ranking import (
    Costs,
    Entry,
    FewShot,
    Outcome,
    beside_baseline,
    deciding_figure,
    equals,
    rank,
    recommend,
)
from ktrain_sentiment.inputs import Inputs
from ktrain_sentiment.refusals import refuse_flags
from ktrain_sentiment.report import plots, trial_tables
from ktrain_sentiment.runs import default_run
from ktrain_sentiment.tables.frame_writing import write_table
from ktrain_sentiment.training.policies import epochs_for
from ktrain_sentiment.workflow.candidates import (
    Job,
    evaluate_candidate,
    few_accuracies,
)
from ktrain_sentiment.workflow.models import (
    check_models,
    check_names,
    find_model,
    refuse_for_rows,
    usual_models,
)
from ktrain_sentiment.workflow.processes import in_own_process
from ktrain_sentiment.workflow.run_places import claim_folder, refuse_taken

log = logging.getLogger(__name__)

RESULT, SETTINGS = "comparison.json", "config.yaml"
NOT_DECIDING = frozenset({"models", "few_shot", "few_shot_seeds", "costs"})
"""Settings of a comparison that change nothing about a single model's result."""


@dataclass(frozen=True)
class CompareResult:
    """A finished comparison.

    Attributes:
        folder: Where its files are.
        entries: The models, best first.
        few_shot: Accuracy by number of examples a class; empty unless asked for.
        figures: All of it, ready for JSON.
        beside: How the best that is no baseline does beside the best that is one; may be empty.
        by_cost: The models by what their mistakes cost, the cheapest first; empty unless asked for.
    """

    folder: Path
    entries: tuple[Entry, ...]
    few_shot: tuple[FewShot, ...]
    figures: dict[str, Any]
    beside: str = ""
    by_cost: tuple[CostOfModel, ...] = ()

    @property
    def advice(self) -> str:
        """Which one to take, and why."""
        return str(self.figures["advice"])


def compare_models(
    settings: TrainingSettings,
    comparing: CompareConfig,
    texts: LabelledTexts | None = None,
    *,
    folder: Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
) -> CompareResult:
    """Train every model on the same rows and judge it on the same test rows.

    Each model is trained in a process of its own, and what it came to is kept as soon as it is
    there: with `resume`, models that are done are not trained again.

    Args:
        settings: Data and models' settings.
        comparing: Which models.
        texts: The rows, where they are read already by `settings.source`.
        folder: Where the result goes; runs/<name of the data>-compared when not given.
        overwrite: Replace a comparison that is there.
        resume: Train only the models that an earlier start did not come to.

    Raises:
        InputError: The data, an encoder or the settings cannot be used.
        TrainingError: A loss diverged.
    """
    check_names(comparing.models)
    refuse_flags(
        settings.source.task, {"--few-shot": comparing.few_shot, "--costs": comparing.costs}
    )
    source = settings.source
    _refuse_for_rows(settings, comparing, Inputs(also=source.also, pair=source.pair_column or ""))
    target = folder or default_run(settings.source.data, "compared")
    if not resume:
        refuse_taken(target, marker=SETTINGS, is_whole=_is_whole, overwrite=overwrite)
    texts, splits = read_and_split(settings.source, settings.split, texts)
    if not len(splits.test):
        raise DataError("a comparison needs test rows: leave --test 0 out")
    refuse_flags(splits.kind, {"--few-shot": comparing.few_shot})
    comparing = replace(comparing, models=comparing.models or usual_models(splits))
    _refuse_for_rows(settings, comparing, Inputs.of(splits.table))
    check_models(settings, comparing.models, splits.labels, splits.task)
    weighed = None
    if comparing.costs:
        weighed = MistakeCosts.parse(comparing.costs, splits.task, splits.labels)
    flat = {**to_flat(settings, TrainingSettings), **to_flat(comparing)}
    with claim_folder(
        target,
        marker=SETTINGS,
        is_whole=_is_whole,
        overwrite=overwrite,
        resume=resume,
    ) as growing:
        write_text(growing / SETTINGS, to_yaml(flat))
        jobs = [
            Job(
                model, settings_of(model, settings, comparing, len(splits.train)), comparing,
                splits, growing / "models" / _slug(model), texts=texts,
            )
            for model in comparing.models
        ]  # fmt: skip
        learning = [replace(job, few=True) for job in jobs if find_model(job.model).learns]
        results = {job.model: _result_of(job, growing) for job in jobs}
        sizes = comparing.few_shot
        few = tuple(one for job in learning for one in _few_shot(job, sizes, growing))
        truth = truth_of(splits.test["label"], splits.labels, splits.task)
        tables = {name: result.probabilities for name, result in results.items()}
        by_cost = () if weighed is None else rank_by_cost(weighed, truth, tables)
        entries = rank(truth, results, splits.labels, splits.task)
        alone = len(equals(entries)) == 1
        figures = {
            "data": {
                "source": settings.source.data or texts.source,
                "rows": splits.sizes(),
                "fingerprint": splits.fingerprint,
            },
            "models": [entry.to_json() for entry in entries],
            "few_shot": [one.to_json() for one in few],
            "by_cost": to_plain(by_cost),
            "cost_advice": advise_by_cost(by_cost, entries[0].name if alone else None),
            "decided_by": deciding_figure(entries[0].metrics),
            "advice": recommend(entries),
            "beside_baseline": {
                entry.name: to_plain(entry.against_baseline)
                for entry in entries
                if entry.against_baseline is not None
            },
        }
        found = CompareResult(target, entries, few, figures, beside_baseline(entries), by_cost)
        _write(growing, found)
    return found


def _is_whole(place: Path) -> bool:
    return (place / RESULT).is_file()


def _refuse_for_rows(
    settings: TrainingSettings, comparing: CompareConfig, inputs: Inputs
) -> None:  # fmt: skip
    """Refuse models that know texts alone, before any of the others is trained."""
    for model in comparing.models:
        if model == "contrastive" and inputs.pair:
            raise ConfigError(
                f"--models contrastive embeds single texts, and the rows are {inputs.told}: leave "
                "it out"
            )
        refuse_for_rows(settings_of(model, settings, comparing, 1000), inputs)


def settings_of(
    model: str, settings: TrainingSettings, comparing: CompareConfig, texts: int
) -> TrainingSettings:
    """What a candidate is trained by: the settings without what is for other models alone.

    Args:
        model: One of `CompareConfig.models`.
        settings: What the comparison was given.
        comparing: What is compared.
        texts: How many there are to learn from.
    """
    spec = find_model(model)
    settings = spec.without_foreign(settings)
    if spec.name == "encoder" and model != spec.name:
        return replace(settings, encoder=replace(settings.encoder, encoder=model))
    if not spec.is_ktrain_model:
        return settings
    training = replace(
        settings.training, epochs=comparing.ktrain_epochs, learning_rate=comparing.ktrain_rate
    )
    chosen = replace(settings.model, model=spec.name)  # type: ignore[arg-type]
    if not chosen.is_linear:  # Those know themselves how long they take.
        epochs = epochs_for(training, texts, usual=spec.usual_epochs)
        training = replace(training, epochs=epochs)
    return replace(settings, model=chosen, training=training)


def _slug(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", name).strip("-") or "model"


def _stamp(job: Job) -> str:
    """What decides the result of a model: the rows, and every setting but where files go."""
    flat = {**to_flat(job.settings, TrainingSettings), **to_flat(job.comparing)}
    flat = {name: value for name, value in flat.items() if name not in NOT_DECIDING}
    decided = json.dumps([job.model, job.splits.fingerprint, flat], sort_keys=True, default=str)
    return hashlib.sha256(decided.encode()).hexdigest()


def _result_of(job: Job, folder: Path) -> Outcome:
    """What a model came to, from an earlier start if it is there and of the same rows."""
    stamp = _stamp(job)
    place = folder / "result" / f"{_slug(job.model)}.json"
    table = place.with_suffix(".parquet")
    found = _read_result(place, table, stamp)
    if found is not None:
        log.info("%s: done before", job.model)
        return found
    log.info("training %s on %d rows", job.model, len(job.splits.train))
    result = in_own_process(evaluate_candidate, job, quiet=True)
    frame = LabelledPredictions.join(
        job.splits.test, result.probabilities, job.splits.labels, job.splits.task
    ).to_frame()
    write_table(table, frame)
    values = {**vars(result.costs), "learning_rate": result.learning_rate}
    write_json(place, {**values, "stamp": stamp})
    return result


def _read_result(place: Path, table: Path, stamp: str) -> Outcome | None:
    if not (place.is_file() and table.is_file()):
        return None
    values = json.loads(place.read_text("utf-8"))
    if values.pop("stamp") != stamp:
        return None
    rate = values.pop("learning_rate")
    return Outcome(
        LabelledPredictions.from_frame(pd.read_parquet(table)).probabilities, Costs(**values), rate
    )


def _few_shot(job: Job, sizes: Sequence[int], folder: Path) -> list[FewShot]:
    """Accuracy of a model trained on so many rows a class, for several draws of each size."""
    places, jobs = [], []
    for size in sizes:
        for seed in range(job.comparing.few_shot_seeds):
            train = draw(job.splits.train, size, seed)
            jobs.append(replace(job, splits=replace(job.splits, train=train)))
            places.append(folder / "few_shot" / f"{_slug(job.model)}-{size}-{seed}.json")
    missing = [k for k, one in enumerate(jobs) if _few_accuracy(places[k], _stamp(one)) is None]
    # Vectors of an encoder that stays as it is are made once, for which its draws share a process.
    together = len(missing) if find_model(job.model).fit_on else 1
    for start in range(0, len(missing), max(1, together)):
        these = missing[start : start + together]
        log.info("training %s on %s", job.model, ", ".join(places[k].stem for k in these))
        found = in_own_process(few_accuracies, [jobs[k] for k in these], quiet=True)
        for k, accuracy in zip(these, found, strict=True):
            write_json(places[k], {"accuracy": accuracy, "stamp": _stamp(jobs[k])})
    kept = [float(json.loads(place.read_text("utf-8"))["accuracy"]) for place in places]
    draws = job.comparing.few_shot_seeds
    return [
        FewShot(job.model, size, tuple(kept[k * draws : (k + 1) * draws]))
        for k, size in enumerate(sizes)
    ]


def _few_accuracy(place: Path, stamp: str) -> float | None:
    """What an earlier start found of the same rows and settings."""
    if not place.is_file():
        return None
    found = json.loads(place.read_text("utf-8"))
    return float(found["accuracy"]) if found["stamp"] == stamp else None


def draw(train: pd.DataFrame, size: int, seed: int) -> pd.DataFrame:
    """So many rows of each class, all of a class that has fewer; the same for the same seed."""
    generator = np.random.default_rng(seed)
    chosen: list[NDArray[np.int64]] = []
    for _, rows in train.groupby("label", sort=True):
        places = rows.index.to_numpy()
        chosen.append(generator.permutation(places)[:size])
    return train.loc[np.sort(np.concatenate(chosen))].reset_index(drop=True)


def _write(folder: Path, found: CompareResult) -> None:
    """The picture, the curve and, last, the figures, whose file says that it is finished."""
    plots.save_png(plots.figure_against_latency(found.entries), folder / "comparison.png")
    if found.few_shot:
        curve = plots.learning_curve(found.few_shot, found.entries)
        plots.save_png(curve, folder / "few_shot.png")
    said = [trial_tables.leaderboard(found.entries).to_markdown(), found.advice, found.beside]
    if found.by_cost:
        said += [trial_tables.mistake_costs(found.by_cost).to_markdown()]
        said += [found.figures["cost_advice"]]
    write_text(folder / "comparison.md", "\n".join([*filter(None, said), ""]))
    write_json(folder / RESULT, found.figures)
