"""What a model must beat: the majority class, TF-IDF with logistic regression, VADER's lexicon.

Stars have two more: the median star, and TF-IDF with ridge regression on the number of stars.
Scores have the mean, the same ridge regression, and VADER's score on the line that fits best.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ktrain_sentiment.evaluation.metrics import Metrics, compute_metrics
from ktrain_sentiment.evaluation.thresholds import choose_thresholds
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
        By key: `majority`, `tfidf` and, where the classes are polar and vaderSentiment is
        installed, `vader`; of stars also `median` and `ridge`. Of scores `mean`, `ridge` and, where
        VADER is installed and texts are not known to be in another language, `vader`. Of
        several labels a row `majority`, the most frequent set of them, and `tfidf`.
    """
    fitting = Fitting(train_texts, np.asarray(train_y), texts, labels, task, language)
    makers = _MAKERS[task.kind](fitting)
    if not len(train_texts):
        makers = {key: made for key, made in makers.items() if key == "vader" and not task.is_score}
    # An interval of a baseline's scores, and thresholds of its labels, are others than the model's.
    judged = task.within(None).cut_at(())
    made = {key: _timed(name, make, y_true, labels, judged) for key, (name, make) in makers.items()}
    return {key: baseline for key, baseline in made.items() if baseline is not None}


@dataclass(frozen=True)
class Fitting:
    """What baselines are fitted on, and asked: the arguments of `run_baselines`."""

    train_texts: Sequence[str]
    train_y: NDArray[Any]
    texts: Sequence[str]
    labels: Sequence[str]
    task: Task
    language: str


Makers = dict[str, tuple[str, Callable[[], Table | None]]]
"""Baselines by key: what each is called, and what makes its answers."""


def _for_classes(to: Fitting) -> Makers:
    count = len(to.labels)
    return {
        "majority": ("majority class", lambda: majority(to.train_y, len(to.texts), count)),
        "tfidf": (
            "TF-IDF + logistic regression",
            lambda: tfidf_logistic(to.train_texts, to.train_y, to.texts, count),
        ),
        "vader": ("VADER lexicon", lambda: vader(to.texts, to.labels)),
    }


def _for_stars(to: Fitting) -> Makers:
    return _for_classes(to) | {
        "median": ("median star", lambda: median(to.train_y, len(to.texts), to.task)),
        "ridge": (
            "TF-IDF + ridge",
            lambda: tfidf_ridge(to.train_texts, to.train_y, to.texts, to.task),
        ),
    }


def _for_scores(to: Fitting) -> Makers:
    makers: Makers = {
        "mean": ("mean score", lambda: np.full((len(to.texts), 1), to.train_y.mean())),
        "ridge": ("TF-IDF + ridge", lambda: ridge_scores(to.train_texts, to.train_y, to.texts)),
    }
    if to.language in ("", "en"):
        makers["vader"] = (
            "VADER lexicon",
            lambda: vader_scores(to.train_texts, to.train_y, to.texts),
        )
    return makers


def _for_sets(to: Fitting) -> Makers:
    return {
        "majority": (
            "most frequent label set",
            lambda: most_frequent_set(to.train_y, len(to.texts)),
        ),
        "tfidf": (
            "TF-IDF + one-vs-rest",
            lambda: one_vs_rest(to.train_texts, to.train_y, to.texts),
        ),
    }


_MAKERS: Mapping[Kind, Callable[[Fitting], Makers]] = {
    "classes": _for_classes, "stars": _for_stars, "score": _for_scores, "multi": _for_sets,
}  # fmt: skip
LINEAR: Mapping[Kind, str] = {
    "classes": "tfidf", "stars": "ridge", "score": "ridge", "multi": "tfidf",
}  # fmt: skip
"""The key of the linear model that a model of each task is set against."""


def ridge_scores(train_texts: Sequence[str], scores: Table, texts: Sequence[str]) -> Table | None:
    """A linear model of scores on words and pairs of words, shape (n, 1); None as for logistic."""
    fitted = _fitted(tfidf_ridge_pipeline, train_texts, scores)
    return None if fitted is None else np.asarray(fitted.predict(texts), dtype=np.float64)[:, None]


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


def vader_scores(train_texts: Sequence[str], scores: Table, texts: Sequence[str]) -> Table | None:
    """VADER's compound score on the line through the training rows, shape (n, 1).

    None when it knows no word of the training texts, or is not installed.
    """
    try:
        from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer
    except ModuleNotFoundError:
        return None
    analyser = SentimentIntensityAnalyzer()
    seen, asked = (
        np.asarray([analyser.polarity_scores(text)["compound"] for text in some])
        for some in (train_texts, texts)
    )
    if np.ptp(seen) == 0:
        return None
    slope, start = np.polyfit(seen, scores, 1)
    return np.asarray(start + slope * asked)[:, None]


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


def _timed(
    name: str,
    make: Callable[[], Table | None],
    y_true: ArrayLike,
    labels: Sequence[str],
    task: Task,
) -> Baseline | None:
    start = time.perf_counter()
    table = make()
    if table is None:
        return None
    seconds = time.perf_counter() - start
    return Baseline(name, compute_metrics(y_true, table, labels, task), table, seconds)


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


def tfidf_ridge(
    train_texts: Sequence[str], train_y: ArrayLike, texts: Sequence[str], task: Task
) -> Table | None:
    """A linear model of the number of stars, as probabilities, shape (n, classes).

    A normal distribution around what it says, as wide as it errs on rows that it was not fitted on;
    the likeliest star is the nearest. None as for `tfidf_logistic`.
    """
    fitted: RidgeStars | None = _fitted(lambda: ridge_pipeline(task), train_texts, train_y)
    return None if fitted is None else fitted.predict_proba(texts)


def tfidf_logistic(
    train_texts: Sequence[str], train_y: ArrayLike, texts: Sequence[str], classes: int
) -> Table | None:
    """Probabilities of a linear model on words and pairs of words, shape (n, classes).

    None when scikit-learn is not installed, or when the texts hold no word at all.
    """
    pipeline = _fitted(tfidf_pipeline, train_texts, train_y)
    if pipeline is None:
        return None
    table = np.zeros((len(texts), classes))
    table[:, pipeline.classes_] = pipeline.predict_proba(texts)
    return table


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
    """TF-IDF and ridge regression on stars; see `tfidf_ridge`.

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


def ridge_pipeline(task: Task) -> RidgeStars:
    """TF-IDF of words and pairs, then ridge regression on the number of stars."""
    return RidgeStars(tfidf_ridge_pipeline(), task)


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
    if columns is None:
        return None
    try:
        from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer
    except ModuleNotFoundError:
        return None
    analyser = SentimentIntensityAnalyzer()
    scores = [analyser.polarity_scores(text)["compound"] for text in texts]
    return vader_table(np.asarray(scores, dtype=np.float64), columns, len(labels))


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


def most_frequent_set(train_y: ArrayLike, n: int) -> Table:
    """The labels that most training rows have together, 0 or 1 for each, shape (n, labels)."""
    kinds, counts = np.unique(np.asarray(train_y), axis=0, return_counts=True)
    return np.tile(kinds[counts.argmax()].astype(np.float64), (n, 1))


_TUNED_ON = 3
"""Folds of the training rows that thresholds of the linear model are chosen on."""


def one_vs_rest(
    train_texts: Sequence[str], train_y: ArrayLike, texts: Sequence[str]
) -> Table | None:
    """A linear model of each label, moved so that its thresholds are a half, shape (n, labels).

    Thresholds are chosen as the model's are, on folds of the training rows. None as for
    `tfidf_logistic`.
    """
    wanted = np.asarray(train_y, dtype=np.int64)
    fold = np.random.default_rng(0).permutation(len(wanted)) % _TUNED_ON
    held_out = np.zeros(wanted.shape)
    known = np.asarray(train_texts, dtype=object)
    for k in range(_TUNED_ON):
        part = _each_label(known[fold != k].tolist(), wanted[fold != k], known[fold == k].tolist())
        if part is None:
            return None
        held_out[fold == k] = part
    table = _each_label(train_texts, wanted, texts)
    cuts = choose_thresholds(wanted, held_out)
    return None if table is None else SEVERAL.cut_at(cuts).centred(table)


def _each_label(train_texts: Sequence[str], wanted: Integers, texts: Sequence[str]) -> Table | None:
    found = np.zeros((len(texts), wanted.shape[1]))
    for label, own in enumerate(wanted.T):
        if own.min() == own.max():
            found[:, label] = own[0]
            continue
        table = tfidf_logistic(train_texts, own, texts, 2)
        if table is None:
            return None
        found[:, label] = table[:, 1]
    return found
