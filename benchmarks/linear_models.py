"""ktrain's NBSVM and logistic regression at this package's defaults, beside scikit-learn's own.

    python benchmarks/linear_models.py
    python benchmarks/linear_models.py --data reviews.csv --judged more.csv --rows 400 2000

All learn from the same rows; what is judged has no part in it. Of these rows one in ten chooses the
epoch here and is left out there too. Few rows are drawn several times: which ones they are moves a
difference by two points. Beside NBSVM stands the textbook's (Wang and Manning 2012:
words and pairs, once a text, log-count ratios, LinearSVC, interpolated by a quarter), beside
logistic regression scikit-learn's on its TF-IDF, both as they come. Prints a table a data set, then
one JSON line.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from frame import BenchmarkFlags
from numpy.typing import NDArray
from rich.console import Console

from ktrain_sentiment.commands.frame import run
from ktrain_sentiment.config import DataConfig, ModelConfig, SplitConfig, TrainingSettings
from ktrain_sentiment.data import Splits, read_labelled, split
from ktrain_sentiment.evaluation.intervals import paired_difference
from ktrain_sentiment.report.figures import Column, FigureTable, share
from ktrain_sentiment.training.checkpoints import Checkpoints
from ktrain_sentiment.workflow.exploring import run_search
from ktrain_sentiment.workflow.models import resolve_model

SHARE = 0.25
"""How far NBSVM's weights keep from their mean (Wang and Manning 2012, beta)."""


@dataclass(frozen=True, kw_only=True)
class Flags(BenchmarkFlags):
    """What to learn from, and what to judge on."""

    data: str = "movie-reviews"
    """Two classes, to learn from."""

    judged: str = ""
    """Rows to judge on; a fifth of the data, which nothing learns from, when not given."""

    rows: tuple[int, ...] = (400, 2000, 0)
    """How many rows to learn from; 0: all."""

    models: tuple[str, ...] = ("nbsvm", "logreg")
    """Any of nbsvm, logreg."""

    draws: int = 5
    """How often rows are drawn where not all are learned from."""

    seed: int = 0
    """Which rows are drawn."""


@dataclass(frozen=True)
class Draw:
    """Which of the judged rows each has right, learned from the same rows, and our rate."""

    ours: NDArray[np.bool_]
    theirs: NDArray[np.bool_]
    rate: float


def ours(model: str, splits: Splits, texts: Sequence[str]) -> tuple[NDArray[np.int64], float]:
    """Classes of texts as `train --model` would find them, and the rate it takes."""
    settings = TrainingSettings(model=ModelConfig(model=model))  # type: ignore[arg-type]
    spec = resolve_model(settings)
    trainer = spec.open(settings, splits)
    chosen = run_search(trainer, spec.searches(settings), quiet=True).reading.chosen
    rate = spec.usual_rate if chosen is None else chosen.learning_rate
    with tempfile.TemporaryDirectory() as place:
        trainer.fit(rate, Checkpoints(Path(place)), checkpoint_every=10**9, quiet=True)
    frame = splits.test.head(0).reindex(range(len(texts))).assign(text=list(texts))
    return trainer.predict_proba(frame).argmax(axis=1), rate


def textbook(
    model: str, known: Sequence[str], classes: NDArray[np.int64], texts: Sequence[str]
) -> NDArray[np.int64]:
    """Classes of texts as scikit-learn's model finds them."""
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import LinearSVC

    warnings.simplefilter("ignore")
    if model == "logreg":
        words = TfidfVectorizer()
        fitted = LogisticRegression(max_iter=1000).fit(words.fit_transform(known), classes)
        return np.asarray(fitted.predict(words.transform(texts)), np.int64)
    pairs = CountVectorizer(ngram_range=(1, 2), binary=True, token_pattern=r"(?u)\b\w+\b|[!?]")
    table = pairs.fit_transform(known)
    inside, outside = (1 + np.asarray(table[classes == k].sum(axis=0)).ravel() for k in (1, 0))
    ratios = np.log((inside / inside.sum()) / (outside / outside.sum()))
    machine = LinearSVC().fit(table.multiply(ratios).tocsr(), classes)
    weights = (1 - SHARE) * np.abs(machine.coef_[0]).mean() + SHARE * machine.coef_[0]
    scores = pairs.transform(texts).multiply(ratios).tocsr() @ weights
    return np.asarray(scores + SHARE * machine.intercept_[0] > 0, np.int64)


def task(flags: Flags) -> dict[str, Any]:
    """Train each on each number of rows, judge both, and show them side by side."""
    known = read_labelled(DataConfig(data=flags.data))
    whole = split(known, SplitConfig(validation=0.1, test=0.0 if flags.judged else 0.2))
    judged = read_labelled(DataConfig(data=flags.judged)).frame if flags.judged else whole.test
    truth = np.array([whole.labels.index(label) for label in judged["label"]])
    drawn = np.random.default_rng(flags.seed)
    texts, found = judged["text"].tolist(), []
    for rows in flags.rows:
        by_model: dict[str, list[Draw]] = {model: [] for model in flags.models}
        for _ in range(flags.draws if rows else 1):
            splits = _some(whole, rows, drawn) if rows else whole
            classes = np.array([whole.labels.index(label) for label in splits.train["label"]])
            for model in flags.models:
                said, rate = ours(model, splits, texts)
                theirs = textbook(model, splits.train["text"].tolist(), classes, texts)
                by_model[model].append(Draw(said == truth, theirs == truth, rate))
        found += [_figures(model, len(splits.train), each) for model, each in by_model.items()]
    columns = [
        Column("model", lambda one: one["model"], words=True),
        Column("learned from", lambda one: f"{one['rows']:,}"),
        Column("draws", lambda one: f"{len(one['rates'])}"),
        Column("ours", lambda one: share(one["ours"])),
        Column("scikit-learn's", lambda one: share(one["scikit-learn"])),
        Column("points more", lambda one: f"{100 * one['gain']:+.1f}"),
        Column("95 %", lambda one: f"{100 * one['low']:+.1f} to {100 * one['high']:+.1f}"),
    ]
    title = f"{flags.data}: accuracy on {len(truth):,} rows"
    Console(width=120).print(FigureTable.of(title, columns, found))
    return {"data": flags.data, "judged": len(truth), "figures": found}


def _figures(model: str, rows: int, draws: Sequence[Draw]) -> dict[str, Any]:
    """Means over the draws, and the interval of the gain: Student's, or the test's of one draw."""
    gains = [float(one.ours.mean() - one.theirs.mean()) for one in draws]
    if len(draws) > 1:
        from scipy.stats import t

        half = t.ppf(0.975, len(gains) - 1) * np.std(gains, ddof=1) / len(gains) ** 0.5
        low, high = fmean(gains) - half, fmean(gains) + half
    else:
        here, there = draws[0].ours, draws[0].theirs
        alone = (int((there & ~here).sum()), int((here & ~there).sum()))
        interval = paired_difference(*alone, len(here))
        low, high = interval.low, interval.high
    return {
        "model": model,
        "rows": rows,
        "ours": fmean(float(one.ours.mean()) for one in draws),
        "scikit-learn": fmean(float(one.theirs.mean()) for one in draws),
        "gain": fmean(gains),
        "low": float(low),
        "high": float(high),
        "gains": gains,
        "rates": [one.rate for one in draws],
    }


def _some(whole: Splits, rows: int, drawn: np.random.Generator) -> Splits:
    """So many of the rows, one in ten of them to validate on."""
    kept = drawn.permutation(len(whole.train))[: rows - rows // 10]
    chosen_by = drawn.permutation(len(whole.validation))[: rows // 10]
    return replace(
        whole,
        train=whole.train.iloc[kept].reset_index(drop=True),
        validation=whole.validation.iloc[chosen_by].reset_index(drop=True),
    )


if __name__ == "__main__":
    run(Flags, task, __doc__)
