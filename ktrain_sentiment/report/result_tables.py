"""The tables of results: which figures each shows, once for screen, page and card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from ktrain_sentiment.messages import count
from ktrain_sentiment.reading_rules import BETWEEN_LABELS
from ktrain_sentiment.report.figures import (
    LOWER_IS_BETTER,
    NAMES,
    SHOWN,
    Cell,
    Column,
    FigureTable,
    MarkedText,
    excerpt,
    interval,
    plain,
    share,
)

if TYPE_CHECKING:
    from ktrain_sentiment.evaluation.behaviour import Behaviour
    from ktrain_sentiment.evaluation.calibration import Abstention
    from ktrain_sentiment.evaluation.confusion import Counts
    from ktrain_sentiment.evaluation.explanation import Explanation
    from ktrain_sentiment.evaluation.metrics import Metrics
    from ktrain_sentiment.evaluation.multi_figures import MultiFigures
    from ktrain_sentiment.evaluation.record import (
        BaselineRecord,
        CrossValidationRecord,
        TrainingRecord,
    )
    from ktrain_sentiment.evaluation.review import (
        ConfusedPair,
        Mistake,
        ScoreMistake,
        SetMistake,
        Slice,
    )

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

    Where columns must go the worst baseline goes first: the best is what the model has to beat.

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
    beside = baselines or {}
    best_first = sorted(beside, key=lambda key: -SHOWN[beside[key].kind].merit(beside[key]))
    columns += [
        Column(
            other.name or key,
            partial(_figure_of, other),
            short=SHORT_BASELINES.get(key, key),
            drop=1 + best_first.index(key),
        )
        for key, other in beside.items()
    ]
    title = f"Figures on {metrics.n:,} {rows + ' ' if rows else ''}rows; ↓ lower is better"
    return FigureTable.of(title, columns, metrics.headline)


def _figure_of_one(found: Mapping[str, Metrics], name: str, key: str) -> str:
    return _figure_of(found[key], name)


def engines(training: TrainingRecord) -> FigureTable | None:
    """The engine that answers by default beside the predictor's others; None without others."""
    if not training.other_engines:
        return None
    found = {training.engine: training.metrics, **training.other_engines}
    shown = SHOWN[training.metrics.kind]
    first, *others = shown.engines
    changed, meaning = shown.changed
    columns = [
        Column("engine", lambda one: one, words=True),
        Column(NAMES[first], partial(_figure_of_one, found, first), short=shown.engines[first]),
        Column("95 % interval", lambda one: interval(first, found[one].headline[first]), drop=1),
        *(
            Column(
                NAMES[name],
                partial(_figure_of_one, found, name),
                short=shown.engines[name],
                drop=number,
            )
            for number, name in enumerate(others, start=2)
        ),
        Column(changed, lambda one: f"{getattr(found[one], 'changed', 0):,}", help=meaning),
    ]
    title = f"{training.engine} answers by default, and all other figures are its own"
    return FigureTable.of(title, columns, found, strong=lambda one: one == training.engine)


def farthest(found: Sequence[ScoreMistake]) -> FigureTable:
    """The texts whose score is farthest off."""
    columns = (
        Column("row", lambda one: str(one.row)),
        Column("text", lambda one: excerpt(one.text), words=True, wraps=True),
        Column("given", lambda one: f"{one.label:.3g}"),
        Column("score", lambda one: f"{one.score:.3g}"),
        Column("off by", lambda one: f"{one.score - one.label:+.3g}", strong=True),
    )
    return FigureTable.of("What it is farthest off", columns, found, lines=True)


def missed_labels(found: Sequence[SetMistake]) -> FigureTable:
    """The texts whose labels are most wrong."""
    columns = (
        Column("row", lambda one: str(one.row)),
        Column("text", lambda one: excerpt(one.text), words=True, wraps=True),
        Column("labels", lambda one: _in_a_row(one.label), words=True),
        Column("predicted", lambda one: _in_a_row(one.predicted), words=True, strong=True),
        *_priced(found),
        Column("loss", lambda one: f"{one.loss:.2f}", drop=1),
    )
    return FigureTable.of(_wrong(found), columns, found, lines=True)


def _priced(found: Sequence[Mistake] | Sequence[SetMistake]) -> tuple[Column, ...]:
    """What a mistake costs, where mistakes are weighed."""
    if not any(one.cost is not None for one in found):
        return ()
    return (Column("cost", lambda one: f"{one.cost:.3g}", strong=True),)


def _wrong(found: Sequence[Mistake] | Sequence[SetMistake]) -> str:
    return "Its dearest mistakes" if _priced(found) else "What it gets most wrong"


def _in_a_row(joined: str) -> str:
    return joined.replace(BETWEEN_LABELS, ", ") or "none"


PER_LABEL = (
    Column("label", lambda one: one.label, words=True),
    Column("precision", lambda one: share(one.precision), drop=2),
    Column("recall", lambda one: share(one.recall), drop=1),
    Column("F1", lambda one: share(one.f1.value), strong=True),
    Column("95 % interval", lambda one: interval("macro_f1", one.f1)),
    Column("from", lambda one: f"{one.threshold:.2f}", drop=3, help="Given from this on"),
    Column("rows", lambda one: f"{one.support:,}"),
)


def per_label(found: MultiFigures) -> FigureTable:
    """Precision, recall, F1 with its interval, threshold and support of each label."""
    return FigureTable.of("By label; a text may have several", PER_LABEL, found.per_label)


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
        f"{count(found.pooled.n, 'row')}, each predicted by one of {found.folds} models that did "
        "not see it; spread is one standard deviation"
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


BEHAVIOUR = (
    Column("capability", lambda one: one.capability, words=True),
    Column("test", lambda one: one.name or "all of them", words=True, wraps=True),
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
    Column("answered", lambda one: share(one.covered.value)),
    Column("accuracy of the answers", lambda one: share(one.accuracy.value), "accuracy"),
    Column("95 % interval", lambda one: interval("accuracy", one.accuracy)),
)


def abstentions(found: Sequence[Abstention]) -> FigureTable:
    """What thresholds gain."""
    answered = [one for one in found if one.accuracy is not None]
    kinds = {one.below for one in answered}
    digits = next((n for n in (3, 4, 5) if len({round(one, n) for one in kinds}) == len(kinds)), 6)

    def below(one: Abstention) -> str:
        return f"{one.below:.{digits}f}" if one.below else "none"

    title = "What is gained by not answering (--abstain-below)"
    columns = (Column("leave to a person below", below, "below"), *ABSTENTIONS)
    return FigureTable.of(title, columns, answered)


def _marked(one: Mistake, explanations: Mapping[str, Explanation]) -> Cell:
    found = explanations.get(one.text)
    return excerpt(one.text if found is None else MarkedText(found.shares))


def top_losses(
    found: Sequence[Mistake], explanations: Mapping[str, Explanation] | None = None
) -> FigureTable:
    """The model's surest mistakes with their texts."""
    columns = (
        Column("row", lambda one: str(one.row)),
        Column("text", lambda one: _marked(one, explanations or {}), words=True, wraps=True),
        Column("label", lambda one: one.label, words=True),
        Column("predicted", lambda one: f"{one.other}\n{share(one.p_other)}", words=True),
        *_priced(found),
        Column("loss", lambda one: f"{one.loss:.2f}", drop=1),
    )
    return FigureTable.of(_wrong(found), columns, found, lines=True)


def doubtful_labels(
    found: Sequence[Mistake], explanations: Mapping[str, Explanation] | None = None
) -> FigureTable:
    """Rows whose label is doubted, with their texts and how likely their label is wrong."""
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


def word_importance(found: Explanation) -> FigureTable:
    """The ten words that drive one prediction most, the strongest first."""
    words = [
        (found.text[slice(*span)], weight)
        for span, weight in zip(found.spans, found.importance, strict=True)
    ]
    columns = (
        Column("left out", lambda one: one[0], words=True),
        Column("log-odds fall by (nats)", lambda one: f"{one[1]:+.2f}"),
    )
    strongest = sorted(words, key=lambda one: -abs(one[1]))[:10]
    return FigureTable.of("Which words drive the prediction", columns, strongest)
