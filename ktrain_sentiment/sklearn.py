"""The training as scikit-learn's estimators: texts in place of a matrix.

    from ktrain_sentiment.sklearn import SentimentClassifier, SentimentRegressor

    cross_val_score(SentimentClassifier(encoder="minilm", epochs=2), texts, labels, cv=5)
    cross_val_score(SentimentRegressor(encoder="minilm"), texts, scores, scoring="r2")

They go into pipelines, grid searches and calibration. Each `fit` trains in a process of its own, so
that one search does not pile up the memory of all its trainings.
"""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_array, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from ktrain_sentiment.api import train
from ktrain_sentiment.config import DataConfig, TrainingSettings
from ktrain_sentiment.config.flat import field_names, from_flat
from ktrain_sentiment.config.renamed import nearest_names
from ktrain_sentiment.errors import ConfigError, InputError
from ktrain_sentiment.evaluation.mistake_costs import MistakeCosts
from ktrain_sentiment.inference import load
from ktrain_sentiment.inference.classifier import TextClassifier, list_rows
from ktrain_sentiment.inference.scoring import task_of
from ktrain_sentiment.inputs import Inputs
from ktrain_sentiment.prediction import Classifier, score_ends
from ktrain_sentiment.refusals import lacks
from ktrain_sentiment.tasks import CLASSES, SEVERAL, Task, look_like_stars, spell_stars


class EstimatorInputError(InputError, ValueError):
    """Texts, classes or parameters that cannot be used; a ValueError, as scikit-learn expects."""


class _TextEstimator(BaseEstimator):  # type: ignore[misc]
    """What estimators of texts have in common: their parameters, and how X is read."""

    classifier_: Classifier

    def __new__(cls, *_: Any, **given: Any) -> Self:  # noqa: ANN401 - the constructor's own
        """Name the parameter that was perhaps meant."""
        known = inspect.signature(cls.__init__).parameters
        for name in given:
            if name not in known:
                raise EstimatorInputError(_not_a_parameter(cls, name))
        made: Self = super().__new__(cls)
        return made

    def __init__(
        self,
        encoder: str = "distilbert-base-uncased",
        *,
        model: str = "encoder",
        epochs: int | None = None,
        learning_rate: float | None = None,
        batch_size: int = 32,
        maxlen: int = 128,
        validation: float | int = 0.1,
        seed: int = 0,
        settings: Mapping[str, Any] | None = None,
        quiet: bool = True,
    ) -> None:
        self.encoder = encoder
        self.model = model
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.maxlen = maxlen
        self.validation = validation
        self.seed = seed
        self.settings = settings
        self.quiet = quiet

    def __sklearn_tags__(self) -> Any:  # noqa: ANN401 - scikit-learn publishes no types
        """Say that it takes strings, one a row, and no matrix."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        return tags

    def _train(self, X: Any, labels: Sequence[Any], **settings: Any) -> TextClassifier:  # noqa: ANN401, N803
        """Learn what each row is to be answered with."""
        inputs = self._asked_inputs()
        rows: Any = self._texts(X)
        check_consistent_length(rows, labels)
        if inputs:
            of_pairs = not hasattr(X, "columns") and isinstance(X[0], tuple | list)
            rows = pd.DataFrame(X, columns=list(inputs.columns) if of_pairs else None)
            rows = rows[list(inputs.columns)]
        return train_texts(rows, labels, {**self._settings(), **settings})

    def _answers(self, X: Iterable[str]) -> NDArray[np.float64]:  # noqa: N803
        """What the predictor says, float64 of shape (n, labels), in its own order."""
        check_is_fitted(self)
        return np.asarray(self.classifier_.predict_proba(self._texts(X)), dtype=np.float64)

    def _asked_inputs(self) -> Inputs:
        """What of a row is to be read, as the settings say."""
        names = ("also", "pair_column", "text_column")
        given = {name: value for name, value in self._settings().items() if name in names}
        config = from_flat(DataConfig, given, f"{type(self).__name__}()")
        return Inputs(config.text_column or "text", config.also, config.pair_column or "")

    def _texts(self, texts: Iterable[Any]) -> list[str]:
        """The texts as a list, each with at least a word: scikit-learn has no missing answer."""
        try:
            listed = list_rows(texts, self._asked_inputs())
        except InputError as error:
            raise EstimatorInputError(str(error)) from error
        for index, text in enumerate(listed):
            if text is None:
                raise EstimatorInputError(
                    f"text number {index} is missing or blank: leave it out, or put a word there"
                )
        return [text for text in listed if text is not None]

    def _listed(self, X: Any) -> Any:  # noqa: ANN401, N803
        """Rows that can be gone through twice."""
        return list(X) if self._asked_inputs() and not hasattr(X, "columns") else X

    def _refuse_no_y(self, y: object) -> None:
        if y is None:
            raise EstimatorInputError(
                f"{type(self).__name__} requires y to be passed, but the target y is None"
            )

    def _settings(self) -> dict[str, Any]:
        own = {name: value for name, value in vars(self).items() if name in self.get_params(False)}
        further = dict(own.pop("settings") or {})
        own.pop("costs", None)  # No part of the training.
        return {**own, **further}


class SentimentClassifier(ClassifierMixin, _TextEstimator):  # type: ignore[misc]
    """A classifier of texts that is fine-tuned, or trained, by `ktrain_sentiment.train`.

    Example:
        >>> classifier = SentimentClassifier(encoder="minilm", epochs=2).fit(texts, labels)
        >>> classifier.predict(["Not bad at all."])
        array(['positive'], dtype='<U8')

    Args:
        encoder: A Hugging Face hub name, a local folder, or minilm.
        model: encoder, or one of ktrain's own classifiers: nbsvm, fasttext, logreg, standard_gru.
        epochs: Passes over the training texts; 3 when None, and more where texts are few.
        learning_rate: The maximum; found by a short search when None.
        batch_size: Texts a step.
        maxlen: Most tokens read at once; longer texts are read in windows.
        validation: Share of the texts (below 1), or number of texts, that decide which epoch is
            kept and how sure the probabilities are; not learned from.
        seed: Seed of everything random.
        task: classes; or stars (numbers such as 1 to 5), whose order is then learned: score them by
            "neg_mean_absolute_error"; or multi, several labels a text: y has 0 or 1 for each, as
            MultiLabelBinarizer makes it: score them by "f1_macro". auto looks at y.
        costs: What mistakes cost, such as ["negative:positive=5"], of a negative text that is
            called positive: `predict` then answers with the least expected cost, by the
            probabilities as they are. Training does not hang on it, so that `set_params` changes
            it in what is fitted; see `evaluation.mistake_costs`.
        settings: Further fields of `config.TrainingSettings`, by name; with `also`, columns
            that are read beside the text, X is a data frame that has them, or a list of records;
            with `pair_column` also a list of pairs.
        quiet: Show warnings only.

    Attributes:
        classes_: The classes, sorted, shape (classes,); of several labels the names of y's columns,
            or their numbers.
        classifier_: What predicts, as `ktrain_sentiment.load` gives it; needs no TensorFlow.
    """

    classes_: NDArray[Any]

    def __init__(
        self,
        encoder: str = "distilbert-base-uncased",
        *,
        model: str = "encoder",
        epochs: int | None = None,
        learning_rate: float | None = None,
        batch_size: int = 32,
        maxlen: int = 128,
        validation: float | int = 0.1,
        seed: int = 0,
        task: str = "auto",
        costs: Sequence[str] = (),
        settings: Mapping[str, Any] | None = None,
        quiet: bool = True,
    ) -> None:
        super().__init__(
            encoder, model=model, epochs=epochs, learning_rate=learning_rate,
            batch_size=batch_size, maxlen=maxlen, validation=validation, seed=seed,
            settings=settings, quiet=quiet,
        )  # fmt: skip
        self.task = task
        self.costs = costs

    def fit(self, X: Iterable[str], y: ArrayLike) -> SentimentClassifier:  # noqa: N803
        """Train on texts and their classes.

        Args:
            X: Texts, shape (n,): a list, tuple, Series or array of strings.
            y: A class each, shape (n,): strings, numbers or booleans; of several labels 0 or 1 for
                each, shape (n, labels), n x labels also sparse or a data frame with their names.

        Raises:
            ValueError: The texts or classes cannot be used.
            InputError: The encoder or a parameter cannot be used.
            TrainingError: The loss diverged, or the training process died.
        """
        if self.task == "score":
            raise EstimatorInputError(
                "task='score': it learns classes; SentimentRegressor learns scores"
            )
        given = self._listed(X)
        self._texts(given)
        self._refuse_no_y(y)
        several = self.task in ("auto", "multi") and _is_indicator(y)
        if self.task == "multi" and not several:
            raise EstimatorInputError(
                "task='multi': wanted 0 or 1 for each label in y, shape (n, labels), as "
                "MultiLabelBinarizer makes it of lists of labels"
            )
        return self._fit_sets(given, y) if several else self._fit_classes(given, y)

    def _fit_classes(self, X: Any, y: ArrayLike) -> SentimentClassifier:  # noqa: ANN401, N803
        given = y
        y = check_array(y, ensure_2d=False, dtype=None, ensure_min_samples=0, input_name="y")
        y = column_or_1d(y, warn=True)
        check_consistent_length(X, y)
        # NumPy makes the word "nan" of a missing value among strings, which would be a class.
        missing = np.flatnonzero(pd.isna(np.asarray(given, dtype=object)))
        if len(missing):
            raise EstimatorInputError(
                f"class number {missing[0]} in y is missing: leave its text out, or name its class"
            )
        check_classification_targets(y)
        classes, codes = np.unique(y, return_inverse=True)
        if len(classes) < 2:
            raise EstimatorInputError(f"{len(classes)} class in y: wanted at least two classes")
        names = [str(name).strip() for name in classes.tolist()]
        if len(set(names)) < len(names) or not all(names):
            raise EstimatorInputError(f"classes {names}: wanted each with a name of its own")
        self._check_costs(names)
        fitted = self._train(X, [names[code] for code in codes])
        if said := lacks(task_of(fitted).kind, "estimator"):
            raise EstimatorInputError(said)
        self.classifier_ = fitted
        self.classes_ = classes
        return self

    def _fit_sets(self, X: Any, y: Any) -> SentimentClassifier:  # noqa: ANN401, N803
        names = getattr(y, "columns", None)
        table = np.asarray(y.toarray() if hasattr(y, "toarray") else y)
        check_consistent_length(X, table)
        has = table.astype(bool)
        if (occurring := int(has.any(axis=0).sum())) < 2:
            raise EstimatorInputError(
                f"{occurring} of {has.shape[1]} labels in y have a row: wanted at least two"
            )
        self.classes_ = np.arange(has.shape[1]) if names is None else np.asarray(names)
        self._deciding(
            SEVERAL, [name for name, one in zip(self._names, has.T, strict=True) if one.any()]
        )
        labels = [[self._names[k] for k in np.flatnonzero(row)] for row in has]
        self.classifier_ = self._train(X, labels, task="multi")
        return self

    def _check_costs(self, names: list[str]) -> None:
        """Refuse costs that make no sense, before a training that may take long."""
        if self.task == "stars" or (self.task == "auto" and look_like_stars(names)):
            names = [spell_stars(names).get(name, name) for name in names]
            self._deciding(Task.of("stars", names), names)
        else:
            self._deciding(CLASSES, names)

    def _deciding(self, task: Task, labels: Sequence[str]) -> Task:
        """The task with the costs of mistakes behind what is answered.

        Raises:
            ValueError: A cost makes no sense.
        """
        if not self.costs:
            return task
        try:
            return MistakeCosts.parse(self.costs, task, labels).deciding
        except ConfigError as error:
            raise EstimatorInputError(str(error).replace("--costs", "costs")) from error

    @property
    def _names(self) -> list[str]:
        """What the predictor calls the classes."""
        return [str(name).strip() for name in self.classes_.tolist()]

    def predict_proba(self, X: Iterable[str]) -> NDArray[np.float64]:  # noqa: N803
        """Class probabilities, float64 of shape (n, classes), in the order of `classes_`.

        Of several labels each has its own, and they do not sum to one.

        Raises:
            ValueError: A text is missing or blank, or these are no texts.
            NotFittedError: It has not been fitted.
        """
        found = self._answers(X)
        return self._in_order(found)

    def predict(self, X: Iterable[str]) -> NDArray[Any]:  # noqa: N803
        """The most probable class of each text, shape (n,); with costs that of the least expected.

        Of several labels 0 or 1 for each, int64 of shape (n, labels), by their thresholds.

        Raises:
            ValueError: A text is missing or blank, these are no texts, or a cost makes no sense.
            NotFittedError: It has not been fitted.
        """
        found = self._answers(X)
        task = self._deciding(task_of(self.classifier_), self.classifier_.labels)
        if task.is_multi:
            return self._in_order(task.decided(found)).astype(np.int64)
        named: NDArray[Any] = self.classes_[self._places[task.choices(found)]]
        return named

    def _in_order(self, found: NDArray[Any]) -> NDArray[np.float64]:
        """Columns in the order of `classes_`; of a label that no training row had zeros."""
        table = np.zeros((len(found), len(self.classes_)))
        table[:, self._places] = found
        return table

    @property
    def _places(self) -> NDArray[np.int64]:
        """Where each label of the predictor stands among the classes."""
        # The predictor sorts its labels as strings, scikit-learn the classes as what they are.
        names = self._names
        if task_of(self.classifier_):  # 4.0 and 4 are one star.
            names = [spell_stars(names)[name] for name in names]
        place = {name: k for k, name in enumerate(names)}
        return np.array([place[label] for label in self.classifier_.labels])

    def expected_star(self, X: Iterable[str]) -> NDArray[np.float64]:  # noqa: N803
        """The mean star of each text's probabilities, float64 of shape (n,).

        Raises:
            ValueError: A text is missing or blank, or the classes are no stars.
            NotFittedError: It has not been fitted.
        """
        check_is_fitted(self)
        task = task_of(self.classifier_)
        if not task:
            raise EstimatorInputError("the classes are not stars: fit it with task='stars'")
        return task.expected(self._answers(X))

    def __sklearn_tags__(self) -> Any:  # noqa: ANN401 - scikit-learn publishes no types
        """Say that a text may have several labels."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class SentimentRegressor(RegressorMixin, _TextEstimator):  # type: ignore[misc]
    """A model of scores of texts that is fine-tuned by `ktrain_sentiment.train`.

    Example:
        >>> regressor = SentimentRegressor(encoder="minilm").fit(texts, ratings)
        >>> regressor.predict(["Not bad at all."])
        array([1.2])

    Args:
        encoder: As for `SentimentClassifier`, and so are the others.
        model: encoder; ktrain's own classifiers learn no scores.
        epochs: Passes over the training texts.
        learning_rate: The maximum.
        batch_size: Texts a step.
        maxlen: Most tokens read at once.
        validation: Share or number of texts that decide which epoch is kept and how wide intervals
            are; not learned from.
        seed: Seed of everything random.
        settings: Further fields of `config.TrainingSettings`, by name.
        quiet: Show warnings only.

    Attributes:
        classifier_: What predicts, as `ktrain_sentiment.load` gives it; needs no TensorFlow.
    """

    def fit(self, X: Iterable[str], y: ArrayLike) -> SentimentRegressor:  # noqa: N803
        """Train on texts and their scores.

        Args:
            X: Texts, shape (n,): a list, tuple, Series or array of strings.
            y: A number each, shape (n,).

        Raises:
            ValueError: The texts or scores cannot be used.
            InputError: The encoder or a parameter cannot be used.
            TrainingError: The loss diverged, or the training process died.
        """
        given = self._listed(X)
        self._texts(given)
        self._refuse_no_y(y)
        y = check_array(y, ensure_2d=False, dtype=np.float64, ensure_min_samples=0, input_name="y")
        scores = column_or_1d(y, warn=True)
        check_consistent_length(given, scores)
        if len(scores) and np.ptp(scores) == 0:
            raise EstimatorInputError(
                f"n_samples = {len(scores)}, all scores are {scores[0]:g}: wanted two that differ"
            )
        labels = [repr(score) for score in scores.tolist()]
        self.classifier_ = self._train(given, labels, task="score")
        return self

    def predict(self, X: Iterable[str]) -> NDArray[np.float64]:  # noqa: N803
        """The score of each text, float64 of shape (n,).

        Raises:
            ValueError: A text is missing or blank, or these are no texts.
            NotFittedError: It has not been fitted.
        """
        return self._answers(X)[:, 0]

    def predict_interval(self, X: Iterable[str]) -> NDArray[np.float64]:  # noqa: N803
        """Between which ends nine of ten true scores lie, float64 of shape (n, 2).

        Raises:
            ValueError: As for `predict`; or validation rows were too few to tell.
            NotFittedError: It has not been fitted.
        """
        said = self.predict(X)
        half_width = task_of(self.classifier_).half_width
        if half_width is None:
            raise EstimatorInputError(
                "scores have no interval: validation rows were too few for one; fit it with more, "
                "such as validation=0.2"
            )
        return np.stack(score_ends(said, half_width), axis=1)


def _is_indicator(y: object) -> bool:
    """Whether y has 0 or 1 for each of several labels."""
    try:
        table = np.asarray(y.toarray() if hasattr(y, "toarray") else y)
    except ValueError:  # Lists of different lengths.
        return False
    return table.ndim == 2 and table.shape[1] > 1 and bool(np.isin(table, (0, 1)).all())


# What scikit-learn and notebooks show and check: otherwise that of `__new__`.
for _estimator in (SentimentClassifier, SentimentRegressor):
    _estimator.__signature__ = inspect.Signature(
        list(inspect.signature(_estimator.__init__).parameters.values())[1:]
    )


def _not_a_parameter(estimator: type[_TextEstimator], name: str) -> str:
    own = [one for one in estimator._get_param_names() if one != "settings"]
    start = f"{estimator.__name__}(): unknown parameter {name}"
    if name in field_names(TrainingSettings):
        return f'{start}; it is a further setting: settings={{"{name}": ...}}'
    near = nearest_names(name, own)
    return f"{start}; did you mean {near[0]}?" if near else f"{start}; known: {', '.join(own)}"


def train_texts(
    texts: Sequence[str] | pd.DataFrame, labels: Sequence[Any], settings: Mapping[str, Any]
) -> TextClassifier:
    """Train on exactly these rows, keep nothing on disk, and return what predicts.

    Args:
        texts: The texts; or a data frame, the text's column first, of all columns that are read.
        labels: A label each; a list of them where a text may have several.
        settings: Keyword arguments of `ktrain_sentiment.train`.
    """
    with tempfile.TemporaryDirectory(prefix="ktrain-sentiment-") as scratch:
        rows = {"duplicates": "keep", "contradictions": "keep", "multi_label": "keep", "test": 0.0}
        data: Any = (texts, labels)
        if isinstance(texts, pd.DataFrame):
            data = texts.assign(label=pd.Series(labels, index=texts.index))
            rows |= {"text_column": texts.columns[0], "label_column": "label"}
        run = train(data, run=Path(scratch, "run"), **{**rows, **settings})
        # Made again of its parts, which it then keeps: the folder will be gone when it is pickled.
        return TextClassifier.from_parts(load(run.predictor).own_parts())
