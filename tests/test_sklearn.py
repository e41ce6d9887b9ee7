"""The scikit-learn estimator keeps scikit-learn's contract, and really trains."""

import copy
import pickle
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score, cross_validate
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MultiLabelBinarizer
from sklearn.utils import check_array, get_tags
from sklearn.utils.estimator_checks import check_estimator_cloneable, parametrize_with_checks

from ktrain_sentiment import InputError
from ktrain_sentiment import sklearn as ours
from ktrain_sentiment.inference.classifier import TextClassifier, list_rows
from ktrain_sentiment.inputs import Inputs
from ktrain_sentiment.sklearn import SentimentClassifier, SentimentRegressor
from ktrain_sentiment.tasks import SCORES, SEVERAL, Task, spell_stars
from support.reviews import ASPECTS, BLAME, LABELS, PRAISE

ROWS = [
    (f"the {aspect} was {word}", label)
    for word in (*PRAISE[:10], *BLAME[:10])
    for aspect in ASPECTS
    for label in [LABELS[word in PRAISE]]
]
random.Random(0).shuffle(ROWS)
TEXTS, MOODS = map(list, zip(*ROWS, strict=True))
UNSEEN = [f"{text} to my surprise" for text in TEXTS[::5]]


class Linear:
    """What a training gives, at once: a linear model of words."""

    def __init__(self, texts: Sequence[str], labels: Sequence[str], settings: object) -> None:
        self.settings, self.task = settings, Task()
        words, model = TfidfVectorizer(token_pattern=r"\S+"), LogisticRegression(C=100)
        if settings["task"] == "multi":
            model, self.task = OneVsRestClassifier(model), SEVERAL
            sets = MultiLabelBinarizer()
            labels = sets.fit_transform(labels)
        if settings["task"] == "score":
            model, self.task = Ridge(alpha=0.01), SCORES.within(0.5)
            labels = [float(label) for label in labels]
        self.model = make_pipeline(words, model).fit(texts, labels)
        self.labels = ("score",)
        if not self.task.is_score:
            self.labels = tuple(sets.classes_ if self.task.is_multi else self.model.classes_)

    def predict_proba(self, texts: Sequence[str]) -> np.ndarray:
        if self.task.is_score:
            return self.model.predict(texts)[:, None]
        return self.model.predict_proba(texts)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the linear model in the place of a training."""
    monkeypatch.setattr(ours, "train_texts", Linear)


# scikit-learn's own checks, which ask with tables of numbers: each row becomes a text of its
# numbers, and the rest is the estimator's own.


class ReadsNumbers:
    """What makes an estimator take rows of numbers, which it reads as words."""

    def _texts(self, texts):
        table = check_array(texts)
        words = [[f"c{k}v{round(4 * v)}" for k, v in enumerate(row)] for row in table]
        return super()._texts([" ".join(row) for row in words])

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.one_d_array = True, False
        return tags


class OfNumbers(ReadsNumbers, SentimentClassifier):
    """The classifier for rows of numbers."""


class ScoresOfNumbers(ReadsNumbers, SentimentRegressor):
    """The regressor for rows of numbers."""


NO_COLUMNS = "a text has no columns whose number could change between fit and predict"
EXCLUDED = {
    "check_n_features_in_after_fitting": NO_COLUMNS,
    "check_n_features_in": NO_COLUMNS,
    "check_classifiers_train": NO_COLUMNS,
}


@pytest.mark.usefixtures("quick")
@pytest.mark.filterwarnings("default")
@parametrize_with_checks(
    [OfNumbers(), ScoresOfNumbers()], expected_failed_checks=lambda _: EXCLUDED
)
def test_scikit_learns_checks_pass_where_they_apply_to_texts(estimator, check) -> None:
    check(estimator)


@pytest.mark.usefixtures("quick")
def test_what_the_excluded_check_of_training_asks_besides_columns_holds() -> None:
    for classes in (["b", "a"], ["c", "a", "b"], [2, 10], [True, False]):
        y = np.array(classes * 30)
        texts = [f"word{name} text{k % 7}" for k, name in enumerate(y)]
        fitted = SentimentClassifier().fit(texts, y)
        assert fitted.classes_.tolist() == sorted(classes)
        assert fitted.predict(texts).tolist() == y.tolist()
        table = fitted.predict_proba(texts)
        assert table.shape == (len(y), len(classes))
        np.testing.assert_allclose(table.sum(axis=1), 1)
        np.testing.assert_array_equal(fitted.classes_[table.argmax(axis=1)], y)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        SentimentClassifier().fit(TEXTS, MOODS[:-1])


def test_it_can_be_cloned_and_says_that_it_takes_strings() -> None:
    check_estimator_cloneable("SentimentClassifier", SentimentClassifier())
    tags = get_tags(SentimentClassifier())
    assert tags.input_tags.string
    assert not tags.input_tags.two_d_array
    assert tags.estimator_type == "classifier"


def test_parameters_are_kept_as_given_and_can_be_set() -> None:
    estimator = SentimentClassifier("minilm", epochs=2, settings={"policy": "sgdr"})
    assert clone(estimator).get_params() == estimator.get_params()
    assert estimator.set_params(epochs=5).epochs == 5
    assert repr(SentimentClassifier(epochs=2)) == "SentimentClassifier(epochs=2)"


@pytest.mark.usefixtures("quick")
def test_a_training_gets_all_parameters_and_further_settings() -> None:
    estimator = SentimentClassifier("minilm", seed=3, settings={"policy": "sgdr", "maxlen": 9})
    handed = estimator.fit(TEXTS, MOODS).classifier_.settings
    assert (handed["encoder"], handed["seed"], handed["policy"]) == ("minilm", 3, "sgdr")
    assert handed["maxlen"] == 9
    assert "settings" not in handed


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("kind", [tuple, np.array, pd.Series, partial(np.array, dtype=object)])
def test_texts_may_stand_in_any_array(kind) -> None:
    fitted = SentimentClassifier().fit(kind(TEXTS), kind(MOODS))
    assert fitted.predict(kind(UNSEEN)).tolist() == fitted.predict(UNSEEN).tolist()
    assert fitted.score(kind(TEXTS), kind(MOODS)) > 0.8


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("texts", "labels", "said"),
    [
        (["a", None, "b"], [0, 1, 0], "text number 1 is missing or blank"),
        (["a", " ", "b"], [0, 1, 0], "text number 1 is missing or blank"),
        ("abc", [0, 1, 0], r"write \[text\]"),
        (pd.DataFrame({"text": ["a", "b"]}), [0, 1], r'give df\["text"\] in its place'),
        (["a", "b"], None, "requires y to be passed"),
        (["a", "b"], [0.5, 1.5], "Unknown label type"),
        (["a", "b", "c"], ["x", "y", np.nan], "class number 2 in y is missing: leave its text out"),
        (["a", "b", "c"], ["x", None, "y"], "class number 1 in y is missing"),
        (["a", "b"], ["x", "x"], "1 class in y: wanted at least two"),
        (["a", "b"], ["x", ""], "wanted each with a name of its own"),
        (["a", "b"], [0, np.nan], "y contains NaN"),
    ],
)
def test_what_cannot_be_learned_is_a_value_error(texts, labels, said) -> None:
    with pytest.raises(ValueError, match=said):
        SentimentClassifier().fit(texts, labels)


def test_a_parameter_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(InputError, match=r"epochs: wanted a whole number or None, got 'two'"):
        SentimentClassifier(epochs="two").fit(TEXTS, MOODS)
    with pytest.raises(InputError, match="unknown setting polcy; did you mean policy"):
        SentimentClassifier(settings={"polcy": "sgdr"}).fit(TEXTS, MOODS)


def test_it_says_that_it_is_not_fitted() -> None:
    with pytest.raises(NotFittedError):
        SentimentClassifier().predict(["a film"])


@pytest.mark.usefixtures("quick")
def test_it_goes_into_searches_pipelines_and_calibration() -> None:
    lower = FunctionTransformer(lambda texts: [text.lower() for text in texts])
    pipeline = make_pipeline(lower, SentimentClassifier())
    assert cross_val_score(pipeline, TEXTS, MOODS, cv=3).mean() > 0.9
    assert cross_val_predict(pipeline, TEXTS, MOODS, cv=3).shape == (300,)
    grid = GridSearchCV(SentimentClassifier(), {"epochs": [1, 2]}, cv=2).fit(TEXTS, MOODS)
    assert grid.best_params_["epochs"] in (1, 2)
    calibrated = CalibratedClassifierCV(SentimentClassifier(), cv=2).fit(TEXTS, MOODS)
    np.testing.assert_allclose(calibrated.predict_proba(UNSEEN).sum(axis=1), 1)


# With real trainings


@dataclass
class Validated:
    """Two trainings of ktrain's logistic regression, on labels that are numbers."""

    fitted: SentimentClassifier
    scores: np.ndarray
    imported: set[str]


@pytest.fixture(scope="module")
def validated() -> Validated:
    before = set(sys.modules)
    estimator = SentimentClassifier(model="logreg", epochs=20, learning_rate=0.05)
    numbers = np.where(np.array(MOODS) == "positive", 10, 2)
    found = cross_validate(
        estimator, TEXTS, numbers, cv=2, return_estimator=True, error_score="raise"
    )
    return Validated(found["estimator"][0], found["test_score"], set(sys.modules) - before)


def test_it_learns_and_is_cross_validated(validated) -> None:
    assert validated.scores.min() > 0.8
    assert validated.fitted.classes_.tolist() == [2, 10]
    assert set(validated.fitted.predict(UNSEEN)) == {2, 10}


def test_a_training_brings_no_framework_into_this_process(validated) -> None:
    assert isinstance(validated.fitted.classifier_, TextClassifier)
    assert not validated.imported & {"tensorflow", "ktrain", "tf_keras", "transformers"}


def test_what_is_fitted_can_be_pickled_and_copied(validated) -> None:
    fitted = validated.fitted
    wanted = fitted.predict_proba(UNSEEN)
    for again in (pickle.loads(pickle.dumps(fitted)), copy.deepcopy(fitted)):
        np.testing.assert_array_equal(again.predict_proba(UNSEEN), wanted)
    assert not hasattr(clone(fitted), "classes_")


def test_a_misspelt_parameter_is_answered_with_the_nearest_or_with_where_it_goes() -> None:
    with pytest.raises(ValueError, match=r"unknown parameter modle; did you mean model[?]"):
        SentimentClassifier(modle="nbsvm")
    with pytest.raises(ValueError, match=r"unknown parameter lr; did you mean learning_rate[?]"):
        SentimentClassifier(lr=0.1)
    with pytest.raises(ValueError, match=r'a further setting: settings={"policy": ...}'):
        SentimentClassifier(policy="sgdr")


def test_stars_are_given_back_as_the_numbers_they_were_and_have_a_mean(quick, monkeypatch):
    words = ("awful", "weak", "decent", "good", "superb")
    texts = [f"a {words[k % 5]} film, number {k}" for k in range(100)]
    stars = [1.0 + k % 5 for k in range(100)]

    def train(given, labels, settings):
        made = Linear(given, [spell_stars(labels)[label] for label in labels], settings)
        made.task = Task.of("stars", made.labels)
        return made

    monkeypatch.setattr(ours, "train_texts", train)
    judge = SentimentClassifier(task="stars").fit(texts, stars)
    assert judge.classifier_.settings["task"] == "stars"
    assert judge.predict(texts[:5]).tolist() == [1.0, 2.0, 3.0, 4.0, 5.0]
    low, high = judge.expected_star(["an awful film", "a superb film"])
    assert 1 <= low < high <= 5
    table = np.array([[0.45, 0.0, 0.1, 0.05, 0.4]])
    monkeypatch.setattr(judge.classifier_, "predict_proba", lambda _: table)
    assert judge.predict(["a film"]) == [1.0]
    assert judge.set_params(costs=["squared"]).predict(["a film"]) == [3.0]


def test_with_costs_it_says_what_is_expected_to_cost_least(quick):
    fitted = SentimentClassifier(costs=["negative:positive=1000000000"]).fit(TEXTS, MOODS)
    plain = clone(fitted).set_params(costs=()).fit(TEXTS, MOODS)
    assert set(fitted.predict(TEXTS)) == {"negative"}
    assert (fitted.predict_proba(TEXTS) == plain.predict_proba(TEXTS)).all()
    # Nothing is learned of it.
    assert (fitted.set_params(costs=()).predict(TEXTS) == plain.predict(TEXTS)).all()
    assert "costs" not in fitted.classifier_.settings
    with pytest.raises(ValueError, match="costs negativ:=5: there is no label 'negativ'"):
        SentimentClassifier(costs=["negativ:=5"]).fit(TEXTS, MOODS)
    numbers = [mood == "positive" for mood in MOODS]
    several = SentimentClassifier(costs=["missed=1000000000"]).fit(LONG, INDICATORS[:, :3])
    assert several.predict(LONG).all()
    fitted = SentimentClassifier(costs=["False:True=1000000000"]).fit(TEXTS, numbers)
    assert not fitted.predict(TEXTS).any()


def test_classes_that_are_no_stars_have_no_mean(quick):
    with pytest.raises(ValueError, match="not stars"):
        SentimentClassifier().fit(TEXTS, MOODS).expected_star(TEXTS[:1])


class Joining(Linear):
    """The linear model in the place of a training on rows of which more is read than a text."""

    def __init__(self, texts: Any, labels: Sequence[str], settings: Any) -> None:
        self.read = texts
        self.inputs = Inputs(
            "text", tuple(settings.get("also", ())), settings.get("pair_column", "")
        )
        super().__init__(list_rows(texts, self.inputs), labels, settings)


def test_columns_are_read_beside_the_text(monkeypatch) -> None:
    monkeypatch.setattr(ours, "train_texts", Joining)
    rows = pd.DataFrame({"mood": MOODS, "text": TEXTS, "more": 1})
    estimator = SentimentClassifier(settings={"also": ["mood"]})
    assert cross_val_score(estimator, rows, MOODS, cv=2).min() == 1
    estimator.fit(rows, MOODS)
    assert list(estimator.classifier_.read.columns) == ["text", "mood"]
    with pytest.raises(ValueError, match="row number 0 is a text, and the predictor reads"):
        estimator.predict(TEXTS)


def test_pairs_may_be_a_list(monkeypatch) -> None:
    monkeypatch.setattr(ours, "train_texts", Joining)
    pairs = list(zip(TEXTS, MOODS, strict=True))
    estimator = SentimentClassifier(settings={"pair_column": "aspect"}).fit(pairs, MOODS)
    assert list(estimator.classifier_.read.columns) == ["text", "aspect"]
    assert estimator.score(pairs, MOODS) == 1
    with pytest.raises(ValueError, match="number 0 is missing or blank"):
        estimator.predict([(TEXTS[0], " ")])


LISTS = [[mood, "long"] if k % 3 else [] for k, mood in enumerate(MOODS)]
LONG = [f"{text} all evening" if k % 3 else text for k, text in enumerate(TEXTS)]
SETS = MultiLabelBinarizer(classes=["positive", "long", "negative", "rare"])
INDICATORS = SETS.fit_transform(LISTS)


@pytest.mark.usefixtures("quick")
def test_several_labels_are_scored_by_scikit_learns_own_scorers() -> None:
    found = cross_val_score(
        SentimentClassifier(), LONG, INDICATORS[:, :3], scoring="f1_macro", cv=3
    )
    assert found.min() > 0.6
    named = pd.DataFrame(INDICATORS, columns=SETS.classes_)
    fitted = SentimentClassifier().fit(LONG, named)
    assert fitted.classes_.tolist() == ["positive", "long", "negative", "rare"]
    assert fitted.predict_proba(LONG).shape == INDICATORS.shape
    said = fitted.predict(LONG)
    assert (said[:, 3] == 0).all()
    assert (said == INDICATORS)[:, :3].mean() > 0.9
    assert SentimentClassifier().fit(LONG, INDICATORS).classes_.tolist() == [0, 1, 2, 3]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("y", "said"),
    [
        (MOODS, "task='multi': wanted 0 or 1 for each label in y"),
        (LISTS, "as MultiLabelBinarizer makes it of lists of labels"),
        (INDICATORS * [1, 0, 0, 0], "1 of 4 labels in y have a row: wanted at least two"),
    ],
)
def test_several_labels_that_cannot_be_learned_are_refused(y, said) -> None:
    with pytest.raises(ValueError, match=said):
        SentimentClassifier(task="multi").fit(LONG, y)


@pytest.mark.usefixtures("quick")
def test_scores_are_learned_by_the_regressor() -> None:
    scores = np.array([1.5 if mood == "positive" else -1.25 for mood in MOODS])
    assert cross_val_score(SentimentRegressor(), TEXTS, scores, cv=3, scoring="r2").min() > 0.5
    fitted = SentimentRegressor().fit(TEXTS, scores)
    ends = fitted.predict_interval(TEXTS)
    np.testing.assert_allclose(ends.mean(axis=1), fitted.predict(TEXTS))
    assert ends.shape == (len(TEXTS), 2)
    for y, said in (
        ([2.0] * len(TEXTS), "all scores are 2: wanted two that differ"),
        (MOODS, "could not convert"),
    ):
        with pytest.raises(ValueError, match=said):
            SentimentRegressor().fit(TEXTS, y)
    with pytest.raises(InputError, match="SentimentRegressor learns scores"):
        SentimentClassifier(task="score").fit(TEXTS, MOODS)
    with pytest.raises(InputError, match=r"SentimentRegressor\(\): unknown parameter task"):
        SentimentRegressor(task="score")
