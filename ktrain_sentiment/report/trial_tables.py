"""The tables of what was tried: models side by side, learning rates, few labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from ktrain_sentiment.evaluation.comparison import SIGNIFICANT, chance
from ktrain_sentiment.evaluation.mistake_costs import CostOfModel
from ktrain_sentiment.evaluation.ranking import Entry, FewShot, deciding_figure
from ktrain_sentiment.messages import count
from ktrain_sentiment.report.figures import (
    NAMES,
    Column,
    FigureTable,
    duration,
    interval,
    plain,
    share,
)
from ktrain_sentiment.tasks import Kind

if TYPE_CHECKING:
    from ktrain_sentiment.evaluation.record import (
        EncoderRace,
        FewLabelsRecord,
        FewLabelsTrial,
    )


def _latency(entry: Entry) -> str:
    alone = entry.costs.latency_ms
    return f"{alone:.2g} ms" if alone < 10 else f"{alone:.0f} ms"


def against_best(entry: Entry) -> str:
    """Whether a model is worse than the best one, or cannot be told from it."""
    if entry.p_value is None:
        return "best"
    verdict = "worse" if entry.p_value < SIGNIFICANT else "tie"
    return f"{verdict}, {chance(entry.p_value)}"


COSTS = (
    Column("trained in", lambda one: duration(one.costs.train_seconds), "training", drop=2),
    Column("texts a second", lambda one: f"{one.costs.texts_per_second:,.0f}", "texts/s", drop=5),
    Column("one text", _latency, drop=1),
    Column("memory", lambda one: f"{one.costs.memory_mb:,.0f} MB", drop=6),
    Column(
        "on disk",
        lambda one: f"{one.costs.disk_mb:,.1f} MB" if one.costs.disk_mb else "none",
        "disk",
        drop=4,
    ),
)


def _column(name: str, short: str = "", drop: int = 0) -> Column:
    """A figure of each model."""
    return Column(
        NAMES[name], lambda one: plain(name, one.metrics.headline[name].value), short, drop=drop
    )


def _interval(name: str) -> Column:
    return Column("95 % interval", lambda one: interval(name, one.metrics.headline[name]))


_COMPARED: Mapping[Kind, tuple[Column, ...]] = {
    "classes": (_column("accuracy"), _interval("accuracy"), _column("macro_f1")),
    "stars": (
        _column("mae", "stars off"), _interval("mae"), _column("kappa", "kappa", 3),
        _column("accuracy", drop=3),
    ),
    "score": (
        _column("score_mae", "error"), _interval("score_mae"), _column("spearman", "Spearman"),
        _column("rmse", "RMSE", 3),
    ),
    "multi": (
        _column("macro_f1"), _interval("macro_f1"), _column("micro_f1", drop=3),
        _column("subset_accuracy", "all right", 3),
    ),
}  # fmt: skip
"""The figures of models side by side, what they are ranked by first."""


def leaderboard(entries: Sequence[Entry]) -> FigureTable:
    """Models side by side, best first."""
    by = NAMES[deciding_figure(entries[0].metrics)]
    title = f"On {entries[0].metrics.n:,} test rows, by {by}"
    columns = (
        Column("model", lambda one: one.name, words=True),
        *_COMPARED[entries[0].metrics.kind],
        Column("against the best", against_best, "vs best", words=True),
        *COSTS,
    )
    return FigureTable.of(title, columns, entries, strong=lambda one: one.p_value is None)


def mistake_costs(found: Sequence[CostOfModel]) -> FigureTable:
    """Models by what their mistakes cost, the cheapest first."""
    columns = (
        Column("model", lambda one: one.name, words=True),
        Column("cost a row", lambda one: f"{one.cost.value:.3g}", "cost"),
        Column("95 % interval", lambda one: f"{one.cost.low:.3g} to {one.cost.high:.3g}"),
        Column("dearer than the cheapest", _dearer, "dearer by"),
    )
    title = "What mistakes cost (--costs), the cheapest first"
    return FigureTable.of(title, columns, found, strong=lambda one: one.dearer is None)


def _dearer(one: CostOfModel) -> str:
    by = one.dearer
    return "" if by is None else f"{by.value:.3g} ({by.low:.3g} to {by.high:.3g})"


def few_shot(found: Sequence[FewShot]) -> FigureTable:
    """Mean accuracy and its range for each model and number of examples."""
    by_name: dict[str, dict[int, tuple[float, ...]]] = {}
    for one in found:
        by_name.setdefault(one.name, {})[one.examples] = one.accuracies
    columns = [Column("model", lambda one: one[0], words=True)]
    sizes = sorted({one.examples for one in found})
    columns += [Column(str(examples), partial(_range, examples)) for examples in sizes]
    title = "Accuracy by examples a class: mean (range)"
    return FigureTable.of(title, columns, by_name.items())


def _range(examples: int, model: tuple[str, Mapping[int, Sequence[float]]]) -> str:
    accuracies = model[1].get(examples, ())
    if not accuracies:
        return "none"
    low, high = min(accuracies), max(accuracies)
    return f"{share(fmean(accuracies))} ({100 * low:.1f} to {100 * high:.1f})"


TRIALS = (
    Column("learning rate", lambda one: f"{one.learning_rate:.2e}"),
    Column("from", lambda one: one.origin, words=True),
    Column("loss", lambda one: f"{one.loss:.3f}"),
    Column("macro F1", lambda one: "" if one.macro_f1 is None else share(one.macro_f1)),
    Column("seconds", lambda one: f"{one.seconds:.0f}", drop=1),
)


def trials(found: Sequence[Any]) -> FigureTable:
    """Short trainings at candidate learning rates, best first."""
    return FigureTable.of("Short trainings, evaluated on validation rows", TRIALS, found)


def search_trials(found: Sequence[Any]) -> FigureTable:
    """Trainings with other settings, best first; each has `values`, by the settings' names."""
    names = list(dict.fromkeys(name for one in found for name in one.values))
    columns = [
        Column("trial", lambda one: str(one.number)),
        *(Column(name.replace("_", " "), partial(_tried, name)) for name in names),
        Column("loss", lambda one: "" if one.loss is None else f"{one.loss:.4f}"),
        Column("accuracy", lambda one: "" if one.accuracy is None else share(one.accuracy)),
        Column("seconds", lambda one: f"{one.seconds:.0f}" if one.seconds else "", drop=1),
        Column("", lambda one: one.reason or one.state, words=True, wraps=True),
    ]
    return FigureTable.of("Trials, by their loss on validation rows", columns, found)


def _tried(name: str, trial: Any) -> str:  # noqa: ANN401
    value = trial.values.get(name, "")
    return f"{value:.2e}" if isinstance(value, float) else str(value)


def encoders(race: EncoderRace) -> FigureTable:
    """Encoders that learned from a part of the training rows, one of which was taken."""
    taken = race.taken
    columns = (
        Column(
            "encoder", lambda one: one.encoder + " (taken)" * (one.encoder == taken), words=True
        ),
        Column("learned from", lambda one: f"{one.rows:,}" if one.rows else "", short="rows"),
        Column("accuracy", lambda one: share(one.accuracy.value) if one.accuracy else ""),
        Column(
            "95 % interval",
            lambda one: interval("accuracy", one.accuracy) if one.accuracy else "",
            drop=2,
        ),
        Column("ms a text", lambda one: f"{one.milliseconds:.1f}" if one.rows else ""),
        Column("seconds", lambda one: f"{one.seconds:.0f}" if one.rows else "", drop=3),
        Column(
            "training (estimate)",
            lambda one: duration(one.training_seconds) if one.training_seconds else "",
            short="training",
        ),
        Column("left out", lambda one: one.left_out, words=True, wraps=True, drop=1),
    )
    title = f"Encoders on {count(race.validation, 'validation row')}, as they would be shipped"
    return FigureTable.of(title, columns, race.trials, strong=lambda one: one.encoder == taken)


WAYS = {
    "probe": "probe: the encoder as it comes",
    "contrastive": "contrastive: the encoder tuned on pairs",
    "full": "full: the whole net trained",
}


def few_labels(found: FewLabelsRecord) -> FigureTable:
    """Ways of learning from few labels, tried by cross-validation on the training rows."""
    columns = (
        Column(
            "way", lambda one: WAYS[one.way] + " (taken)" * (one.way == found.taken), words=True
        ),
        Column("accuracy", _over_folds),
        Column("folds", lambda one: str(len(one.accuracies)) if one.accuracies else ""),
        Column("seconds", lambda one: f"{one.seconds:.0f}" if one.accuracies else "", drop=2),
        Column("left out", lambda one: one.left_out, words=True, wraps=True, drop=1),
    )
    title = "Cross-validation on the training rows: mean (standard error)"
    taken = found.taken
    return FigureTable.of(title, columns, found.trials, strong=lambda one: one.way == taken)


def _over_folds(trial: FewLabelsTrial) -> str:
    found = trial.accuracies
    if len(found) < 2:
        return ", ".join(map(share, found))
    return f"{share(fmean(found))} (±{100 * stdev(found) / len(found) ** 0.5:.1f})"


def suggestions(name: str, found: Mapping[str, Any]) -> FigureTable:
    """The suggestions of one learning-rate search, from what `lr_find.json` holds.

    Args:
        name: What was searched for.
        found: Keys `rule` and `suggestions`.
    """
    taken = found["rule"]
    columns = (
        Column(
            "rule",
            lambda one: f"{one['rule']} (taken)" if one["rule"] == taken else one["rule"],
            words=True,
        ),
        Column("rate", lambda one: f"{one['learning_rate']:.2e}"),
        Column("how it is derived", lambda one: one["why"], words=True, wraps=True),
    )
    return FigureTable.of(
        f"Learning rates for {name}",
        columns,
        found["suggestions"],
        strong=lambda one: one["rule"] == taken,
    )
