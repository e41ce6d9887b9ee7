"""What a reader should be told before any figure: a sentence each, with what to try."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ktrain_sentiment.evaluation.comparison import Comparison
from ktrain_sentiment.evaluation.metrics import Calibration, Metrics
from ktrain_sentiment.evaluation.review import Slice
from ktrain_sentiment.messages import count, in_words, listed
from ktrain_sentiment.tasks import COVERAGE, Kind

_WORDS: Mapping[Kind, tuple[str, str]] = {
    "classes": ("TF-IDF", "the temperature"),
    "stars": ("TF-IDF", "the temperature"),
    "score": ("ridge", "the interval"),
    "multi": ("TF-IDF", "the thresholds"),
}
"""What the linear model beside the model is called, and what is chosen on validation rows."""
MORE = "another model or settings (ktrain-sentiment compare shows them side by side), more rows"
OTHERS = "another encoder or other settings, more rows"
"""What to try where models are not compared."""


def find_warnings(
    metrics: Metrics,
    baselines: Mapping[str, Metrics] | None = None,
    against_tfidf: Comparison | None = None,
    slices: Sequence[Slice] = (),
    *,
    calibration: Calibration | None = None,
    data: Sequence[str] = (),
    held_out: bool = True,
) -> tuple[str, ...]:
    """Warnings about a model and its figures, what matters most first.

    Args:
        metrics: The model's figures.
        baselines: The baselines' on the same rows, by key.
        against_tfidf: The TF-IDF baseline (A) against the model (B).
        slices: Accuracy on kinds of text.
        calibration: What the temperature did on rows it was not fitted on.
        data: Warnings about the data.
        held_out: Whether no choice was made on the rows that the figures are on.
    """
    found = [*_never_predicted(metrics), *_NO_BETTER[metrics.kind](metrics, baselines or {})]
    against, chosen = _WORDS[metrics.kind]
    more = OTHERS if metrics.kind == "multi" else MORE
    if against_tfidf is not None and against_tfidf.better != against_tfidf.names[1]:
        found.append(
            f"Against {against}: {against_tfidf.sentence} Try {more}; else {against} "
            "does the same for less."
        )
    found += _interval_misses(metrics)
    if not held_out:
        found.append(
            f"No rows were kept for a test. The best epoch and {chosen} were chosen on the "
            "rows that these figures are on, so they are somewhat too good: train with --test 0.1."
        )
    found += data
    if calibration is not None and calibration.harmed:
        found.append(calibration.sentence)
    found += [
        f"Weak where {one.column} is {one.value}: {100 * one.accuracy.value:.1f} % of "
        f"{count(one.n, 'row')} {'is' if one.n == 1 else 'are'} labelled correctly, "
        f"{100 * one.rest:.1f} % of the others."
        for one in slices
        if one.weak and one.rest is not None
    ]
    return tuple(found)


def _interval_misses(metrics: Metrics) -> list[str]:
    """Whether intervals of scores hold the truth less often than they say, beyond chance."""
    coverage = None if metrics.score is None else metrics.score.coverage
    if coverage is None or coverage.high >= COVERAGE:
        return []
    return [
        f"The intervals around scores hold the true one in {100 * coverage.value:.1f} % of "
        f"{count(metrics.n, 'row')} ({100 * coverage.low:.1f} to {100 * coverage.high:.1f}), and "
        f"should in {100 * COVERAGE:.0f} %: these rows are not like those that the intervals were "
        "made on."
    ]


def _never_predicted(metrics: Metrics) -> list[str]:
    if metrics.multi is not None:
        never = [one.label for one in metrics.multi.per_label if one.support and not one.recall]
        if not never:
            return []
        return [
            f"The model finds no row with {listed(never, ' or ')}, of {count(metrics.n, 'row')}: "
            f"try {OTHERS} of that label."
        ]
    predicted = metrics.confusion.sum(axis=0)
    missing = [one for k, one in enumerate(metrics.per_class) if one.support and not predicted[k]]
    if not missing:
        return []
    names = in_words(one.label for one in missing)
    rows = sum(one.support for one in missing)
    return [
        f"The model never predicts {names}, which {rows:,} of {count(metrics.n, 'row')} "
        f"{'is' if rows == 1 else 'are'}: try --class-weight balanced, {MORE} of that label."
    ]


def _beside(*, better: bool) -> str:
    """How a model stands to an answer that it is not better than by more than chance."""
    return "is not better by more than chance than" if better else "is no better than"


def _no_better_than_median(metrics: Metrics, baselines: Mapping[str, Metrics]) -> list[str]:
    other = baselines.get("median")
    if metrics.stars is None or other is None or other.stars is None:
        return []
    if metrics.stars.mae.high < other.stars.mae.value:
        return []
    nearer = metrics.stars.mae.value < other.stars.mae.value
    return [
        f"The model {_beside(better=nearer)} always answering with the median star: "
        f"{metrics.stars.mae.value:.2f} stars off on average against {other.stars.mae.value:.2f}. "
        f"Try {MORE}."
    ]


def _no_better_than_mean(metrics: Metrics, baselines: Mapping[str, Metrics]) -> list[str]:
    if metrics.score is None or metrics.score.r2.low > 0:
        return []
    other = baselines.get("mean")
    off = "" if other is None or other.score is None else f" against {other.score.rmse.value:.3g}"
    return [
        f"The model {_beside(better=metrics.score.r2.value > 0)} always answering with the mean "
        f"score: a root mean squared error of {metrics.score.rmse.value:.3g}{off}. Try {MORE}."
    ]


def _no_better_than_majority(metrics: Metrics, baselines: Mapping[str, Metrics]) -> list[str]:
    other = baselines.get("majority")
    if other is None:
        return []
    better = [
        name
        for name in ("accuracy", "macro_f1")
        if metrics.headline[name].low > other.headline[name].value
    ]
    if better:
        return []
    return [
        f"The model {_beside(better=metrics.accuracy.value > other.accuracy.value)} always "
        f"answering with the most frequent label: "
        f"{100 * metrics.accuracy.value:.1f} % of rows correct against "
        f"{100 * other.accuracy.value:.1f} %. Try {MORE}."
    ]


def _no_better_than_set(metrics: Metrics, baselines: Mapping[str, Metrics]) -> list[str]:
    other = baselines.get("majority")
    if metrics.multi is None or other is None or other.multi is None:
        return []
    if metrics.multi.macro_f1.low > other.multi.macro_f1.value:
        return []
    better = metrics.multi.macro_f1.value > other.multi.macro_f1.value
    return [
        f"The model {_beside(better=better)} always answering with the most frequent set of "
        f"labels: {100 * metrics.multi.macro_f1.value:.1f} % macro F1 against "
        f"{100 * other.multi.macro_f1.value:.1f} %. Try {OTHERS}."
    ]


_NO_BETTER: Mapping[Kind, Callable[[Metrics, Mapping[str, Metrics]], list[str]]] = {
    "classes": _no_better_than_majority,
    "stars": _no_better_than_median,
    "score": _no_better_than_mean,
    "multi": _no_better_than_set,
}
"""Whether a model is no better than the same answer to every text."""
