"""The tables of results: which figures each shows, once for screen, page and card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from ktrain_sentiment.evaluation.comparison import (
    SIGNIFICANT,
    Entry,
    FewShot,
    chance,
    deciding_figure,
)
from ktrain_sentiment.report.figures import (
    LOWER_IS_BETTER,
    NAMES,
    Cell,
    Column,
    FigureTable,
    MarkedText,
    counted,
    duration,
    full,
    interval,
    plain,
    share,
    size,
)

if TYPE_CHECKING:
    from ktrain_sentiment.data.lengths import LengthSummary
    from ktrain_sentiment.data.profile import ClassProfile, Profile
    from ktrain_sentiment.evaluation.behaviour import Ability, Behaviour
    from ktrain_sentiment.evaluation.calibration import Abstention
    from ktrain_sentiment.evaluation.confusion import Counts
    from ktrain_sentiment.evaluation.explanation import Explanation
    from ktrain_sentiment.evaluation.metrics import Metrics
    from ktrain_sentiment.evaluation.record import (
        BaselineRecord,
        CrossValidationRecord,
        DataSummary,
        FewLabelsRecord,
        FewLabelsTrial,
        SpeedRecord,
        TrainingRecord,
    )
    from ktrain_sentiment.evaluation.review import ConfusedPair, Mistake, ScoreMistake, Slice

SHORT_BASELINES = {
    "majority": "majority", "median": "median", "mean": "mean", "tfidf": "TF-IDF", "ridge": "ridge",
    "vader": "VADER",
}  # fmt: skip
MOST_HEADS = 56
"""Characters that the labels over a confusion matrix may take; longer ones become numbers."""


def _figure_of(metrics: Metrics, name: str) -> str:
    # A baseline of scores has no interval, and so none that could hold anything.
    found = metrics.headline.get(name)
    return "" if found is None else plain(name, found.value)


def headline(
    metrics: Metrics,
    baselines: Mapping[str, BaselineRecord] | None = None,
    *,
    name: str = "model",
    rows: str = "",
) -> FigureTable:
    """The headline figures with their intervals, beside the baselines'.

    Args:
        metrics: The model's.
        baselines: By key, on the same rows.
        name: What the model is called.
        rows: Which rows these are, such as `test`.
    """
    columns = [
        Column("", lambda one: NAMES[one] + (" ↓" if one in LOWER_IS_BETTER else ""), words=True),
        Column(
            name,
            partial(_figure_of, metrics),
            short=name if len(name) <= 12 else "model",
            strong=True,
        ),
        Column("95 % interval", lambda one: interval(one, metrics.headline[one])),
    ]
    for number, (key, other) in enumerate((baselines or {}).items(), start=1):
        columns.append(
            Column(
                other.name or key,
                partial(_figure_of, other),
                short=SHORT_BASELINES.get(key, key),
                drop=number,
            )
        )
    title = f"Figures on {metrics.n:,} {rows + ' ' if rows else ''}rows; ↓ lower is better"
    return FigureTable.of(title, columns, metrics.headline)


def _figure_of_one(found: Mapping[str, Metrics], name: str, key: str) -> str:
    return _figure_of(found[key], name)


def engines(training: TrainingRecord) -> FigureTable | None:
    """The engine that answers by default beside the predictor's others; None without others."""
    if not training.other_engines:
        return None
    found = {training.engine: training.metrics, **training.other_engines}
    if training.metrics.score is not None:
        return _score_engines(training, found)
    columns = [
        Column("engine", lambda one: one, words=True),
        Column("accuracy", lambda one: share(found[one].accuracy.value)),
        Column("95 % interval", lambda one: interval("accuracy", found[one].accuracy), drop=1),
        *(
            Column(NAMES[name], partial(_figure_of_one, found, name), drop=number)
            for number, name in enumerate(("log_loss", "ece"), start=2)
        ),
        Column(
            "other labels",
            lambda one: f"{getattr(found[one], 'changed', 0):,}",
            help="Rows whose label is another than that of the engine that answers by default",
        ),
    ]
    title = f"{training.engine} answers by default, and all other figures are its own"
    return FigureTable.of(title, columns, found, strong=lambda one: one == training.engine)


def _score_engines(training: TrainingRecord, found: Mapping[str, Metrics]) -> FigureTable:
    columns = [
        Column("engine", lambda one: one, words=True),
        *(
            Column(NAMES[name], partial(_figure_of_one, found, name), short=short, drop=number)
            for number, (name, short) in enumerate((("rmse", "RMSE"), ("spearman", "Spearman")))
        ),
        Column(
            "other scores",
            lambda one: f"{getattr(found[one], 'changed', 0):,}",
            help="Rows whose score is more than a tenth of the spread from the default engine's",
        ),
    ]
    title = f"{training.engine} answers by default, and all other figures are its own"
    return FigureTable.of(title, columns, found, strong=lambda one: one == training.engine)


def farthest(found: Sequence[ScoreMistake]) -> FigureTable:
    """The texts whose score is farthest off, whole."""
    columns = (
        Column("row", lambda one: str(one.row)),
        Column("text", lambda one: one.text, words=True, wraps=True),
        Column("given", lambda one: f"{one.label:.3g}"),
        Column("score", lambda one: f"{one.score:.3g}"),
        Column("off by", lambda one: f"{one.score - one.label:+.3g}", strong=True),
    )
    return FigureTable.of("What it is farthest off", columns, found, lines=True)


PER_CLASS = (
    Column("label", lambda one: one.label, words=True),
    Column("precision", lambda one: share(one.precision), drop=2),
    Column("recall", lambda one: share(one.recall), drop=1),
    Column("F1", lambda one: share(one.f1.value), strong=True),
    Column("95 % interval", lambda one: interval("macro_f1", one.f1)),
    Column("ROC AUC", lambda one: "none" if one.roc_auc is None else f"{one.roc_auc:.3f}", drop=3),
    Column("rows", lambda one: f"{one.support:,}"),
)


def per_class(metrics: Metrics) -> FigureTable:
    """Precision, recall, F1 with its interval, and support of each class."""
    order = metrics.task.order(metrics.labels)
    classes = [metrics.per_class[k] for k in order]
    return FigureTable.of("By class, each against the rest", PER_CLASS, classes)


def confusion(metrics: Metrics) -> FigureTable:
    """The confusion matrix: true labels down, predicted ones across."""
    labels, counts = metrics.in_order()
    numbered = sum(len(label) + 3 for label in labels) > MOST_HEADS
    columns = [Column("", lambda k: f"{k + 1} {labels[k]}" if numbered else labels[k], words=True)]
    columns += [
        Column(str(j + 1) if numbered else label, partial(_cell_of, counts, j))
        for j, label in enumerate(labels)
    ]
    return FigureTable.of("True label down, predicted across", columns, range(len(labels)))


def _cell_of(counts: Counts, predicted: int, true: int) -> str:
    return f"{counts[true, predicted]:,}"


def cross_validation(found: CrossValidationRecord) -> FigureTable:
    """The figures over the folds."""
    pooled, spread = found.pooled.headline, found.spread
    columns = (
        Column("", lambda name: NAMES[name], words=True),
        Column(
            "all rows together",
            lambda name: plain(name, pooled[name].value),
            short="all rows",
            strong=True,
        ),
        Column("95 % interval", lambda name: interval(name, pooled[name])),
        Column("mean of folds", lambda name: plain(name, spread[name].mean), "mean", drop=3),
        Column("spread", lambda name: plain(name, spread[name].deviation)),
        Column("from", lambda name: plain(name, spread[name].lowest), drop=2),
        Column("to", lambda name: plain(name, spread[name].highest), drop=1),
    )
    title = (
        f"{found.pooled.n:,} rows, each predicted by one of {found.folds} models that did not see "
        "it; spread is one standard deviation"
    )
    return FigureTable.of(title, columns, spread)


SLICES = (
    Column("rows where", lambda one: f"{one.column}: {one.value}", words=True),
    Column("rows", lambda one: f"{one.n:,}"),
    Column("accuracy", lambda one: share(one.accuracy.value)),
    Column("95 % interval", lambda one: interval("accuracy", one.accuracy)),
    Column(
        "the others",
        lambda one: "none" if one.rest is None else share(one.rest),
        short="others",
        drop=1,
    ),
    Column("judged", lambda one: "weak" if one.weak else "", words=True),
)


def slices(found: Sequence[Slice]) -> FigureTable:
    """Accuracy on parts of the rows, the weak ones marked."""
    title = "By kind of text: accuracy on parts of the rows"
    columns = SLICES if any(one.weak for one in found) else SLICES[:-1]
    return FigureTable.of(title, columns, found, strong=lambda one: one.weak)


def _tested(one: Ability) -> str:
    return one.name or "all of them"


BEHAVIOUR = (
    Column("capability", lambda one: one.capability, words=True),
    Column("test", _tested, words=True, wraps=True),
    Column("kind", lambda one: one.kind, words=True, drop=3, help="Of test, as CheckList has it"),
    Column("fails", lambda one: share(one.failures.value), strong=True),
    Column("95 % interval", lambda one: interval("accuracy", one.failures), drop=1),
    Column("cases", lambda one: f"{one.failures.n:,}", drop=2),
)


def behaviour(found: Behaviour) -> FigureTable:
    """Failure rates by capability and test."""
    rows = [
        one
        for whole in found.capabilities
        for one in (whole, *(t for t in found.tests if t.capability == whole.capability))
    ]
    title = f"What it can do with language ({found.source}): cases that it fails"
    return FigureTable.of(title, BEHAVIOUR, rows, strong=lambda one: not one.name)


ABSTENTIONS = (
    Column(
        "leave to a person below", lambda one: f"{one.below:.3f}" if one.below else "none", "below"
    ),
    Column("answered", lambda one: share(one.covered.value)),
    Column("accuracy of the answers", lambda one: share(one.accuracy.value), "accuracy"),
    Column("95 % interval", lambda one: interval("accuracy", one.accuracy)),
)


def abstentions(found: Sequence[Abstention]) -> FigureTable:
    """What thresholds gain."""
    answered = [one for one in found if one.accuracy is not None]
    title = "What is gained by not answering (--abstain-below)"
    return FigureTable.of(title, ABSTENTIONS, answered)


def _marked(one: Mistake, explanations: Mapping[str, Explanation]) -> Cell:
    found = explanations.get(one.text)
    return one.text if found is None else MarkedText(found.shares)


def top_losses(
    found: Sequence[Mistake], explanations: Mapping[str, Explanation] | None = None
) -> FigureTable:
    """The model's surest mistakes with their whole texts."""
    columns = (
        Column("row", lambda one: str(one.row)),
        Column("text", lambda one: _marked(one, explanations or {}), words=True, wraps=True),
        Column("label", lambda one: one.label, words=True),
        Column("predicted", lambda one: f"{one.other}\n{share(one.p_other)}", words=True),
        Column("loss", lambda one: f"{one.loss:.2f}", drop=1),
    )
    return FigureTable.of("What it gets most wrong", columns, found, lines=True)


def doubtful_labels(
    found: Sequence[Mistake], explanations: Mapping[str, Explanation] | None = None
) -> FigureTable:
    """Rows whose label is doubted, with their whole texts and how likely their label is wrong."""
    columns = (
        Column("row", lambda one: str(one.row)),
        Column("text", lambda one: _marked(one, explanations or {}), words=True, wraps=True),
        Column("label", lambda one: one.label, words=True),
        Column("more likely", lambda one: f"{one.other}\n{share(one.p_other)}", words=True),
        Column("label wrong", lambda one: share(one.p_wrong), short="wrong"),
    )
    return FigureTable.of("Labels to look at", columns, found, lines=True)


CONFUSED = (
    Column("", lambda one: f"{one.true} taken for {one.predicted}", words=True),
    Column("rows", lambda one: f"{one.count:,}"),
    Column("of the label", lambda one: share(one.share), short="share"),
    Column(
        "telling words",
        lambda one: ", ".join(word for word, _ in one.words) or "none",
        words=True,
        wraps=True,
    ),
)


def confused_pairs(found: Sequence[ConfusedPair], limit: int = 6) -> FigureTable:
    """Mistakes by pair of labels, with words more frequent in them than in correct rows."""
    return FigureTable.of("What is taken for what", CONFUSED, found[:limit])


def word_importance(found: Explanation, limit: int = 10) -> FigureTable:
    """The words that drive one prediction, the strongest first."""
    words = [
        (found.text[slice(*span)], weight)
        for span, weight in zip(found.spans, found.importance, strict=True)
    ]
    columns = (
        Column("left out", lambda one: one[0], words=True),
        Column("log-odds fall by (nats)", lambda one: f"{one[1]:+.2f}"),
    )
    strongest = sorted(words, key=lambda one: -abs(one[1]))[:limit]
    return FigureTable.of("Which words drive the prediction", columns, strongest)


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
LEADERBOARD = (
    Column("model", lambda one: one.name, words=True),
    Column("accuracy", lambda one: share(one.metrics.accuracy.value)),
    Column("95 % interval", lambda one: interval("accuracy", one.metrics.accuracy)),
    Column("macro F1", lambda one: share(one.metrics.macro_f1.value)),
    Column("against the best", against_best, "vs best", words=True),
    *COSTS,
)
STAR_LEADERBOARD = (
    LEADERBOARD[0],
    Column(NAMES["mae"], lambda one: plain("mae", one.metrics.stars.mae.value), "stars off"),
    Column("95 % interval", lambda one: interval("mae", one.metrics.stars.mae)),
    Column(
        NAMES["kappa"], lambda one: plain("kappa", one.metrics.stars.kappa.value), "kappa", drop=3
    ),
    Column("accuracy", lambda one: share(one.metrics.accuracy.value), drop=3),
    *LEADERBOARD[4:],
)


def leaderboard(entries: Sequence[Entry]) -> FigureTable:
    """Models side by side, best first."""
    by = NAMES[deciding_figure(entries[0].metrics)]
    title = f"On {entries[0].metrics.n:,} test rows, by {by}"
    columns = LEADERBOARD if entries[0].metrics.stars is None else STAR_LEADERBOARD
    return FigureTable.of(title, columns, entries, strong=lambda one: one.p_value is None)


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


def label_counts(data: DataSummary) -> FigureTable:
    """Texts by label and split, with the words that tell each label from the others."""
    splits = list(dict.fromkeys(name for row in data.counts.values() for name in row))
    everything = sum(sum(row.values()) for row in data.counts.values())
    total = {name: sum(row[name] for row in data.counts.values()) for name in splits}
    columns = [Column("label", lambda one: one[0], words=True)]
    columns += [Column(name, partial(_rows_in, name)) for name in splits]
    columns += [
        Column("share", lambda one: share(sum(one[1].values()) / max(everything, 1))),
        Column(
            "telling words",
            lambda one: ", ".join(data.telling.get(one[0], ())) or "",
            words=True,
            wraps=True,
        ),
    ]
    title = "Texts by label and split, with the words that tell each label from the others"
    return FigureTable.of(title, columns, [*data.counts.items(), ("all", total)])


def _rows_in(split: str, label: tuple[str, Mapping[str, int]]) -> str:
    return f"{label[1][split]:,}"


def predictor_files(speed: SpeedRecord) -> FigureTable:
    """Files of a predictor with their sizes."""
    columns = (
        Column("file", lambda one: one[0], words=True),
        Column("size", lambda one: size(one[1])),
    )
    rows = [*speed.files.items(), ("all", sum(speed.files.values()))]
    return FigureTable.of("Files of the predictor", columns, rows)


def profile_classes(profile: Profile, words: int = 6) -> FigureTable:
    """Rows of each class by split, with its telling words.

    Args:
        profile: The profile of the data.
        words: How many telling words to show.
    """
    columns = [
        Column("label", lambda one: one.label, words=True),
        Column("rows", lambda one: f"{one.rows:,}"),
        Column("share", lambda one: share(one.share)),
    ]
    columns += [
        Column(name, partial(_class_rows_in, name), drop=3 - number)
        for number, name in enumerate(profile.sizes)
    ]
    columns.append(
        Column(
            "telling words",
            lambda one: ", ".join(word for word, _ in one.words[:words]),
            words=True,
            wraps=True,
        )
    )
    title = f"{counted(profile.rows_used, 'row')} by class"
    return FigureTable.of(title, columns, profile.classes)


def _class_rows_in(split: str, one: ClassProfile) -> str:
    return f"{one.by_split[split]:,}"


def profile_lengths(lengths: LengthSummary) -> FigureTable:
    """What each maxlen would cut, where tokens were counted; else the percentiles in words."""
    if lengths.suggested is None:
        found = {f"{n} %": length for n, length in lengths.percentiles.items()}
        found["longest"] = lengths.longest
        cells = tuple(f"{length:,}" for length in found.values())
        heads = tuple(Column(name, str) for name in found)
        return FigureTable(f"Length in {lengths.unit}", heads, (cells,))
    columns = [
        Column(
            "maxlen",
            lambda one: f"{one.maxlen}" + (" (suggested)" * (one.maxlen == lengths.suggested)),
        ),
        Column("texts cut", lambda one: share(one.cut)),
        Column("tokens not read", lambda one: share(one.lost)),
        Column("time", lambda one: f"{one.cost:.2f}", help="beside the suggested maxlen"),
    ]
    title = (
        f"Length in tokens: half up to {lengths.percentiles[50]}, 95 % up to "
        f"{lengths.percentiles[95]}, longest {lengths.longest:,}"
    )
    chosen = lengths.suggested
    return FigureTable.of(title, columns, lengths.choices, strong=lambda one: one.maxlen == chosen)


def accuracy_cell(entry: Entry) -> str:
    """Accuracy with its interval: '90.1 % (88.4 to 91.6)'."""
    return full("accuracy", entry.metrics.accuracy)
