"""What a model must beat: the majority class, TF-IDF with logistic regression, VADER's lexicon.

Stars have two more: the median star, and TF-IDF with ridge regression on the number of stars.
Scores have the mean, the same ridge regression, and VADER's score on the line that fits best.
"""

from __future__ import annotations

import functools
import importlib.util
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ktrain_sentiment.evaluation.metrics import Metrics, compute_metrics
from ktrain_sentiment.evaluation.multi_figures import choose_thresholds
from ktrain_sentiment.tasks import CLASSES, SEVERAL, Kind, Task

Table = NDArray[np.float64]
Integers = NDArray[np.int64]

# The word lists are short on purpose: a label that only might be polar gets no VADER baseline.
POLES = {
    "negative": {"negative", "neg"},
    "neutral": {"neutral", "neu"},
    "positive": {"positive", "pos"},
}
NEUTRAL_BAND = 0.05


@dataclass(frozen=True)
class Baseline:
    """A baseline's figures.

    Attributes:
        name: What it is, in words.
        metrics: Its figures on the same rows as the model's.
        probabilities: Its probabilities, shape (n, classes), for a paired comparison.
        seconds: Time to fit it and to predict.
    """

    name: str
    metrics: Metrics
    probabilities: Table
    seconds: float


Ask = Callable[[Any], NDArray[Any]]
"""Texts, or what else was learned from, to what is answered, shape (texts, labels)."""


@dataclass(frozen=True)
class FittedBaseline:
    """A baseline that has learned.

    Attributes:
        ask: Answers of texts, as a model of the task gives them; of several labels such that all
            thresholds are a half.
        kept: What it must keep to answer, which can be pickled; None for what needs no file.
    """

    ask: Ask
    kept: Any = None


@dataclass(frozen=True)
class Fitting:
    """What baselines are fitted on.

    Attributes:
        texts: Training texts; may be empty, for what learns nothing.
        truth: What they are to be answered with, as `truth_of` gives it.
        labels: Class names.
        task: What the labels are.
    """

    texts: Sequence[str]
    truth: NDArray[Any]
    labels: Sequence[str]
    task: Task


@dataclass(frozen=True)
class BaselineSpec:
    """A baseline of one task.

    Attributes:
        name: What it is, in words.
        fit: Makes it; None where it cannot be had: a library is not installed, or texts hold no
            word that it knows.
        learns: Whether it needs training rows.
    """

    name: str
    fit: Callable[[Fitting], FittedBaseline | None]
    learns: bool = True


def run_baselines(
    train_texts: Sequence[str],
    train_y: ArrayLike,
    texts: Sequence[str],
    y_true: ArrayLike,
    labels: Sequence[str],
    task: Task = CLASSES,
    *,
    language: str = "",
) -> dict[str, Baseline]:
    """Fit every baseline that applies on the training rows and evaluate it on the others.

    Args:
        train_texts: Texts to fit on; may be empty, then only VADER remains.
        train_y: Their class indices.
        texts: Texts to evaluate on, length n.
        y_true: Their class indices, shape (n,).
        labels: Class names.
        task: What the labels are.
        language: ISO 639 code of the texts' language, empty where it is not known: of scores, VADER
            is asked of English alone, for no label's name tells it.

    Returns:
        By key of `BASELINES`, those that can be had.
    """
    to = Fitting(train_texts, np.asarray(train_y), labels, task)
    # An interval of a baseline's scores, and thresholds of its labels, are others than the model's.
    judged = task.within(None).cut_at(())
    found = {}
    for key, spec in BASELINES[task.kind].items():
        if (spec.learns and not len(train_texts)) or not speaks(key, task, language):
            continue
        begun = time.perf_counter()
        fitted = spec.fit(to)
        if fitted is None:
            continue
        table = fitted.ask(texts)
        seconds = time.perf_counter() - begun
        figures = compute_metrics(y_true, table, labels, judged)
        found[key] = Baseline(spec.name, figures, table, seconds)
    return found


def speaks(key: str, task: Task, language: str) -> bool:
    """Whether a baseline knows texts of this language (ISO 639; empty: not known)."""
    return key != "vader" or not task.is_score or language in ("", "en")


def _always(answer: Callable[[Fitting], Table]) -> Callable[[Fitting], FittedBaseline]:
    """A baseline that learns one answer, shape (1, labels), to any text."""

    def fit(to: Fitting) -> FittedBaseline:
        row = answer(to)
        return FittedBaseline(lambda texts: np.tile(row, (len(texts), 1)))

    return fit


def _most_frequent_set(to: Fitting) -> Table:
    kinds, counts = np.unique(to.truth, axis=0, return_counts=True)
    return kinds[[counts.argmax()]].astype(np.float64)


def _fit_ridge_of_stars(to: Fitting) -> FittedBaseline | None:
    """A linear model of the number of stars, as probabilities.

    A normal distribution around what it says, as wide as it errs on rows that it was not fitted on;
    the likeliest star is the nearest.
    """
    fitted: RidgeStars | None = _fitted(
        lambda: RidgeStars(tfidf_ridge_pipeline(), to.task), to.texts, to.truth
    )
    return None if fitted is None else FittedBaseline(fitted.predict_proba, fitted)


def _fit_ridge_of_scores(to: Fitting) -> FittedBaseline | None:
    fitted = _fitted(tfidf_ridge_pipeline, to.texts, to.truth)
    if fitted is None:
        return None
    return FittedBaseline(
        lambda texts: np.asarray(fitted.predict(texts), dtype=np.float64)[:, None], fitted
    )


def _fit_vader(to: Fitting) -> FittedBaseline | None:
    if vader((), to.labels) is None:
        return None
    return FittedBaseline(lambda texts: np.asarray(vader(texts, to.labels)))


def _fit_vader_scores(to: Fitting) -> FittedBaseline | None:
    """VADER's compound score on the line through the training rows."""
    seen = _compound(to.texts)
    if seen is None or np.ptp(seen) == 0:
        return None
    slope, start = np.polyfit(seen, to.truth, 1)
    return FittedBaseline(lambda texts: (start + slope * np.asarray(_compound(texts)))[:, None])


def _fit_words_of_each_label(to: Fitting) -> FittedBaseline | None:
    wanted = np.asarray(to.truth, dtype=np.int64)
    return one_vs_rest(
        np.asarray(to.texts, dtype=object),
        wanted,
        lambda texts, own: _fit_logistic(texts.tolist(), own, 2),
    )


FitOne = Callable[[NDArray[Any], Integers], FittedBaseline | None]
"""Rows and which of them have a label, some and not all, to a model of that: (rows, 2)."""


def one_vs_rest(rows: NDArray[Any], wanted: Integers, fit_one: FitOne) -> FittedBaseline | None:
    """A model of each label, moved so that its thresholds are a half.

    Thresholds are chosen as the model's are, on folds of the training rows.

    Args:
        rows: What is learned from, texts or vectors, shape (n, ...).
        wanted: Which labels each has, 0 or 1, shape (n, labels).
        fit_one: Makes the model of one label.

    Returns:
        None where a label has no model.
    """
    fold = np.random.default_rng(0).permutation(len(wanted)) % _TUNED_ON
    held_out = np.zeros(wanted.shape)
    for k in range(_TUNED_ON):
        part = _fit_each_label(rows[fold != k], wanted[fold != k], fit_one)
        if part is None:
            return None
        if (fold == k).any():
            held_out[fold == k] = part.ask(rows[fold == k])
    whole, cuts = _fit_each_label(rows, wanted, fit_one), choose_thresholds(wanted, held_out)
    if whole is None:
        return None
    return FittedBaseline(lambda asked: SEVERAL.cut_at(cuts).centred(whole.ask(asked)), whole.kept)


_TUNED_ON = 3
"""Folds of the training rows that thresholds of the linear model are chosen on."""


def _fit_each_label(
    rows: NDArray[Any], wanted: Integers, fit_one: FitOne
) -> FittedBaseline | None:  # fmt: skip
    """A model of each label; of one that all rows have, or none, how often it is."""
    models: list[FittedBaseline | None] = []
    for own in wanted.T:
        varies = own.min() != own.max()
        models.append(fit_one(rows, own) if varies else None)
        if varies and models[-1] is None:
            return None

    def ask(asked: Sequence[Any] | NDArray[Any]) -> Table:
        columns = [
            np.full(len(asked), float(own[0])) if model is None else model.ask(asked)[:, 1]
            for own, model in zip(wanted.T, models, strict=True)
        ]
        return np.stack(columns, axis=1)

    return FittedBaseline(ask, [model.kept for model in models if model is not None])


_MAJORITY = BaselineSpec(
    "majority class", _always(lambda to: majority(to.truth, 1, len(to.labels)))
)
_TFIDF = BaselineSpec(
    "TF-IDF + logistic regression",
    lambda to: _fit_logistic(to.texts, to.truth, len(to.labels)),
)
BASELINES: Mapping[Kind, Mapping[str, BaselineSpec]] = {
    "classes": {
        "majority": _MAJORITY,
        "tfidf": _TFIDF,
        "vader": BaselineSpec("VADER lexicon", _fit_vader, learns=False),
    },
    "stars": {
        "majority": _MAJORITY,
        "tfidf": _TFIDF,
        "median": BaselineSpec("median star", _always(lambda to: median(to.truth, 1, to.task))),
        "ridge": BaselineSpec("TF-IDF + ridge", _fit_ridge_of_stars),
    },
    "score": {
        "mean": BaselineSpec("mean score", _always(lambda to: np.full((1, 1), to.truth.mean()))),
        "ridge": BaselineSpec("TF-IDF + ridge", _fit_ridge_of_scores),
        "vader": BaselineSpec("VADER lexicon", _fit_vader_scores),
    },
    "multi": {
        "majority": BaselineSpec("most frequent label set", _always(_most_frequent_set)),
        "tfidf": BaselineSpec("TF-IDF + one-vs-rest", _fit_words_of_each_label),
    },
}
"""What a model of each task must beat, by key."""
CONSTANT = frozenset({"majority", "median", "mean"})
"""Those that give every text the same answer."""
LINEAR: Mapping[Kind, str] = {
    "classes": "tfidf", "stars": "ridge", "score": "ridge", "multi": "tfidf",
}  # fmt: skip
"""The key of the linear model that a model of each task is set against."""


def _fitted(make: Callable[[], Any], texts: Sequence[str], targets: ArrayLike) -> Any:  # noqa: ANN401
    """A model of words, fitted; None without scikit-learn, or where texts hold no word at all."""
    try:
        return make().fit(texts, np.asarray(targets))
    except ModuleNotFoundError:
        return None
    except ValueError as error:
        if "empty vocabulary" in str(error):
            return None
        raise


def left_out(labels: Sequence[str], *, learning: bool) -> str:
    """Which baselines are not there for want of a library, in a sentence; empty if all are.

    Args:
        labels: Class names.
        learning: Whether there are rows to fit one on.
    """
    polar = polar_columns(labels) is not None
    wanted = {
        "TF-IDF + logistic regression": ("sklearn", "scikit-learn", learning),
        "VADER lexicon": ("vaderSentiment", "vaderSentiment", polar),
    }
    missing = [
        f"{name} (needs {package})"
        for name, (module, package, applies) in wanted.items()
        if applies and importlib.util.find_spec(module) is None
    ]
    if not missing:
        return ""
    return f'left out: {", ".join(missing)}; run  pip install "ktrain-sentiment[train]"'


def majority(train_y: ArrayLike, n: int, classes: int) -> Table:
    """The training shares of the classes for every row, shape (n, classes)."""
    counts = np.bincount(np.asarray(train_y, dtype=np.int64), minlength=classes)
    return np.tile(counts / counts.sum(), (n, 1))


def median(train_y: ArrayLike, n: int, task: Task) -> Table:
    """The training shares for every row, drawn halfway to the median star, (n, classes)."""
    classes = np.asarray(train_y, dtype=np.int64)
    stars = np.asarray(task.stars)
    middle = np.quantile(stars[classes], 0.5, method="lower")
    shares = majority(classes, n, len(stars))
    # No class has more than the whole: with half of it the median is the likeliest star.
    return np.asarray((shares + 1.01 * (stars == middle)) / 2.01)


def tfidf_logistic(
    train_texts: Sequence[str], train_y: ArrayLike, texts: Sequence[str], classes: int
) -> Table | None:
    """Probabilities of a linear model on words and pairs of words, shape (n, classes).

    None when scikit-learn is not installed, or when the texts hold no word at all.
    """
    fitted = _fit_logistic(train_texts, train_y, classes)
    return None if fitted is None else fitted.ask(texts)


def _fit_logistic(texts: Sequence[str], truth: ArrayLike, classes: int) -> FittedBaseline | None:
    pipeline = _fitted(tfidf_pipeline, texts, truth)
    if pipeline is None:
        return None

    def ask(asked: Sequence[str]) -> Table:
        table = np.zeros((len(asked), classes))
        table[:, pipeline.classes_] = pipeline.predict_proba(asked)
        return table

    return FittedBaseline(ask, pipeline)


def tfidf_pipeline() -> Any:  # noqa: ANN401 - scikit-learn publishes no types
    """TF-IDF of words and pairs, then logistic regression: the customary strong baseline."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    # On sparse words newton-cg gets there in a hundredth of the time that lbfgs takes.
    logistic = LogisticRegression(C=10.0, max_iter=1000, solver="newton-cg")
    return make_pipeline(_tfidf(), logistic)


def _tfidf() -> Any:  # noqa: ANN401
    from sklearn.feature_extraction.text import TfidfVectorizer

    # One-letter words and "n't" carry sentiment, so tokens are anything between spaces' worth of
    # punctuation rather than scikit-learn's words of two letters and more.
    return TfidfVectorizer(
        ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w[\w']*\b|[!?]"
    )


@dataclass
class RidgeStars:
    """TF-IDF and ridge regression on stars, as probabilities.

    Attributes:
        pipeline: Texts to a number of stars.
        task: The star of each class.
        spread: Standard deviation of its errors, in stars.
    """

    pipeline: Any
    task: Task
    spread: float = 1.0

    def fit(self, texts: Sequence[str], classes: Integers) -> RidgeStars:
        """Learn from texts and their class indices, shape (n,)."""
        stars = np.asarray(self.task.stars)[classes]
        # Of the training rows themselves it remembers too much to know how far it errs.
        held_out, words = np.arange(len(stars)) % 4 == 0, np.asarray(texts, dtype=object)
        if held_out.sum() > 1:
            self.pipeline.fit(words[~held_out], stars[~held_out])
            errors = self.pipeline.predict(words[held_out]) - stars[held_out]
            self.spread = max(float(np.sqrt((errors**2).mean())), 0.1)
        self.pipeline.fit(words, stars)
        return self

    def predict_proba(self, texts: Sequence[str]) -> Table:
        """Probabilities of the classes, shape (n, classes)."""
        said = self.pipeline.predict(np.asarray(texts, dtype=object))
        away = (said[:, None] - np.asarray(self.task.stars)) / self.spread
        powers = np.exp(-(away**2 - (away**2).min(axis=1, keepdims=True)) / 2)
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def tfidf_ridge_pipeline() -> Any:  # noqa: ANN401
    """TF-IDF of words and pairs, then ridge regression on a number."""
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline

    return make_pipeline(_tfidf(), Ridge(alpha=1.0))


def vader(texts: Sequence[str], labels: Sequence[str]) -> Table | None:
    """VADER's verdict (Hutto and Gilbert 2014) as probabilities, shape (n, classes).

    None when the labels are not negative, positive and perhaps neutral by name, or when
    vaderSentiment is not installed. The numbers are a reading of its compound score, -1 to 1, with
    the neutral band its authors name; they are not calibrated.
    """
    columns = polar_columns(labels)
    compound = None if columns is None else _compound(texts)
    if columns is None or compound is None:
        return None
    return vader_table(compound, columns, len(labels))


def _compound(texts: Sequence[str]) -> Table | None:
    """VADER's compound scores, -1 to 1, shape (n,); None when it is not installed."""
    try:
        analyser = _open_lexicon()
    except ModuleNotFoundError:
        return None
    return np.asarray([analyser.polarity_scores(text)["compound"] for text in texts], np.float64)


@functools.cache
def _open_lexicon() -> Any:  # noqa: ANN401 - vaderSentiment publishes no types
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer()


def vader_table(compound: Table, columns: dict[str, int], classes: int) -> Table:
    """Compound scores (n,) as probabilities (n, classes); equal scores go to the positive class."""
    positive = np.clip((compound + 1) / 2, 0.02, 0.98)
    # A text without a word of the lexicon scores 0; argmax would call it negative by column order.
    positive = np.where(positive == 0.5, 0.5 + 1e-6, positive)
    table = np.zeros((len(compound), classes))
    neutral = np.zeros(len(compound))
    if "neutral" in columns:
        neutral = np.where(np.abs(compound) < NEUTRAL_BAND, 0.6, 0.02)
        table[:, columns["neutral"]] = neutral
    table[:, columns["positive"]] = positive * (1 - neutral)
    table[:, columns["negative"]] = (1 - positive) * (1 - neutral)
    return table


def polar_columns(labels: Sequence[str]) -> dict[str, int] | None:
    """The column of each pole, or None unless every label is one and both ends are there."""
    columns = {
        pole: k
        for k, label in enumerate(labels)
        for pole, names in POLES.items()
        if label.strip().lower() in names
    }
    complete = len(columns) == len(labels) and {"negative", "positive"} <= set(columns)
    return columns if complete else None
