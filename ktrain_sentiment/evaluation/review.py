"""Where a classifier goes wrong: weak kinds of text, confused pairs of labels, its worst mistakes.

Mistakes are sorted by whose they probably are, the model's or the label's.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ktrain_sentiment.errors import DataError
from ktrain_sentiment.evaluation.calibration import SMALLEST
from ktrain_sentiment.evaluation.explanation import (
    Explanation,
    Faithfulness,
    check_faithfulness,
    explain,
)
from ktrain_sentiment.evaluation.intervals import Estimate, bootstrap_share, fisher_less, holm
from ktrain_sentiment.evaluation.label_noise import (
    LabelNoise,
    find_label_errors,
    label_error_table,
    pooled,
)
from ktrain_sentiment.evaluation.mistake_costs import MistakeCosts
from ktrain_sentiment.evaluation.predictions import LabelledPredictions
from ktrain_sentiment.prediction import Classifier
from ktrain_sentiment.refusals import lacks
from ktrain_sentiment.tasks import CLASSES, Task
from ktrain_sentiment.words import count_words, telling

FEWEST_ROWS = 10
MOST_VALUES = 20
PARTS = 4
SIGNIFICANT = 0.05
WORTH_NAMING = 0.05
"""A slice is named as weak when it is at least this much less accurate than the rest."""


@dataclass(frozen=True)
class Slice:
    """The rows that share a value.

    Attributes:
        column: What the rows were divided by.
        value: What these rows have in common.
        n: Number of rows.
        accuracy: Accuracy on them.
        rest: Accuracy on the other rows of the same column; None when there are none.
        p_value: One-sided Fisher test that these rows do worse than the others, corrected for the
            number of slices (Holm).
        weak: Whether these rows do clearly and noticeably worse than the others.
    """

    column: str
    value: str
    n: int
    accuracy: Estimate
    rest: float | None
    p_value: float
    weak: bool


def evaluate_slices(
    columns: Mapping[str, Sequence[Any]], y_true: ArrayLike, probabilities: ArrayLike
) -> tuple[Slice, ...]:
    """Accuracy on the rows of each value of each column.

    Args:
        columns: By name, one value a row: numbers are cut at their quartiles, other values taken as
            they are. `by_length` and `by_repetition` make two that every text has.
        y_true: Class indices, shape (n,).
        probabilities: Shape (n, classes).

    Returns:
        Slices in the order of the columns, those of fewer than ten rows left out.

    Raises:
        DataError: A column has too many distinct values to divide by.
    """
    right = np.asarray(probabilities).argmax(axis=1) == np.asarray(y_true)
    found: list[tuple[str, str, NDArray[np.bool_]]] = []
    for column, values in columns.items():
        groups = group(column, pd.Series(list(values)))
        found += [(column, v, groups == v) for v in groups.cat.categories]
    found = [one for one in found if one[2].sum() >= FEWEST_ROWS]
    p_values = holm([_worse(right, inside) for _, _, inside in found])
    slices = []
    for (column, value, inside), p_value in zip(found, p_values, strict=True):
        accuracy = bootstrap_share(int(right[inside].sum()), int(inside.sum()))
        rest = None if inside.all() else float(right[~inside].mean())
        gap = 0.0 if rest is None else rest - accuracy.value
        weak = p_value < SIGNIFICANT and gap >= WORTH_NAMING
        slices.append(Slice(column, str(value), int(inside.sum()), accuracy, rest, p_value, weak))
    return tuple(slices)


def _worse(right: NDArray[np.bool_], inside: NDArray[np.bool_]) -> float:
    return fisher_less(int(right[inside].sum()), int(inside.sum()), int(right.sum()), len(right))


def group(column: str, values: pd.Series[Any]) -> pd.Series[Any]:
    """The group that each value falls into, as an ordered categorical of names.

    Raises:
        DataError: There are too many distinct values to divide by.
    """
    distinct = values.nunique(dropna=False)
    if pd.api.types.is_numeric_dtype(values) and distinct > PARTS:
        return _by_quartile(values)
    if distinct > MOST_VALUES:
        raise DataError(
            f"--slice-by {column}: {distinct:,} distinct values, wanted numbers or at most "
            f"{MOST_VALUES} values; divide by another column, or group its values first"
        )
    names = values.map(lambda value: "(none)" if pd.isna(value) else str(value))
    return names.astype(pd.CategoricalDtype(sorted(names.unique()), ordered=True))


def _by_quartile(values: pd.Series[Any]) -> pd.Series[Any]:
    edges = np.unique(np.nanquantile(values.astype(float), np.linspace(0, 1, PARTS + 1)))
    part = np.clip(np.searchsorted(edges, values.astype(float), side="left") - 1, 0, None)
    part = np.where(values.isna(), -1, part)
    names = {-1: "(none)"}
    for k in np.unique(part[part >= 0]):
        inside = values[part == k]
        names[int(k)] = _span(inside.min(), inside.max())
    order = [names[k] for k in sorted(set(part.tolist()))]
    return pd.Series([names[k] for k in part.tolist()]).astype(
        pd.CategoricalDtype(list(dict.fromkeys(order)), ordered=True)
    )


def _span(low: float, high: float) -> str:
    return f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"


def by_length(texts: Sequence[str]) -> list[int]:
    """Number of words of each text."""
    return [len(text.split()) for text in texts]


def by_repetition(texts: Sequence[str]) -> list[str]:
    """Whether a text occurs more than once, letter case and spaces aside."""
    keys = pd.Series([re.sub(r"\s+", " ", text).strip().casefold() for text in texts])
    return ["repeated" if again else "once" for again in keys.duplicated(keep=False)]


@dataclass(frozen=True)
class ConfusedPair:
    """Rows of one class that were taken for another.

    Attributes:
        true: Name of the true class.
        predicted: Name of the predicted one.
        count: Number of such rows.
        share: Their share of the rows of the true class.
        words: Telling words with their z-scores, the strongest first.
        rows: Positions of the rows, the surest mistakes first.
    """

    true: str
    predicted: str
    count: int
    share: float
    words: tuple[tuple[str, float], ...]
    rows: tuple[int, ...]


_TELLING_WORDS = 8
"""Of a pair of classes, at most."""


def confused_pairs(
    texts: Sequence[str],
    y_true: ArrayLike,
    probabilities: ArrayLike,
    labels: Sequence[str],
    task: Task = CLASSES,
) -> tuple[ConfusedPair, ...]:
    """Group the mistakes by true and predicted class, the most frequent pair first.

    Args:
        texts: The texts, length n.
        y_true: Class indices, shape (n,).
        probabilities: Shape (n, classes).
        labels: Class names.
        task: What they are, and which of them is said.
    """
    table, truth = np.asarray(probabilities), np.asarray(y_true, dtype=np.int64)
    winner = task.choices(table)
    bags = [count_words([text]) for text in texts]
    everything = _sum(bags)
    found = []
    for true, predicted in {*zip(truth.tolist(), winner.tolist(), strict=True)}:
        if true == predicted:
            continue
        inside = np.flatnonzero((truth == true) & (winner == predicted))
        inside = inside[np.argsort(-table[inside, predicted], kind="stable")]
        well = np.flatnonzero((truth == true) & (winner == true))
        scores = telling(_pick(bags, inside), _pick(bags, well), everything)
        share = len(inside) / int((truth == true).sum())
        best = tuple(scores[:_TELLING_WORDS])
        pair = ConfusedPair(
            labels[true], labels[predicted], len(inside), share, best, tuple(inside.tolist())
        )
        found.append(pair)
    return tuple(sorted(found, key=lambda pair: (-pair.count, pair.true, pair.predicted)))


def _pick(bags: Sequence[Counter[str]], rows: NDArray[np.int64]) -> Counter[str]:
    return _sum(bags[k] for k in rows.tolist())


def _sum(bags: Iterable[Counter[str]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for bag in bags:
        total.update(bag)
    return total


TELLING = 0.99
"""Share of the rows outside the commonest class that a column mends, from which on it tells it."""

OWN_COLUMNS = frozenset({"text", "label", "row"})
CHECKED_TEXTS = 20


@dataclass(frozen=True)
class Review:
    """What a model gets wrong.

    Attributes:
        losses: The model's mistakes, as `top_losses` gives them: wrongly predicted rows but for
            those whose label is more likely wrong.
        doubtful: Rows whose label is doubted, as `label_error_table` gives them; first those whose
            label is more likely wrong than the model.
        noise: The estimate behind it, for all rows.
        confusions: Mistakes by pair of classes, with telling words.
        explanations: By text, which words drive its prediction.
        faithfulness: Whether those words really matter; None when it was not checked.
    """

    losses: pd.DataFrame
    doubtful: pd.DataFrame
    noise: LabelNoise
    confusions: tuple[ConfusedPair, ...]
    explanations: Mapping[str, Explanation] = field(default_factory=dict)
    faithfulness: Faithfulness | None = None

    def summary(self, limit: int = 10) -> ErrorSummary:
        """The first rows of each list, with the counts of all."""
        likely = self.doubtful[self.doubtful["p_wrong"] >= 0.5]
        shown = [
            Mistake(
                row=int(row["row"]),
                text=str(row["text"]),
                label=str(row["label"]),
                other=str(row[other]),
                p_label=float(row[p_label]),
                p_other=float(row[p_other]),
                p_wrong=float(row.get("p_wrong", 0)),
                cost=row.get("cost"),
            )
            for frame, other, p_label, p_other in (
                (self.losses, "predicted", "p_true", "probability"),
                (self.doubtful, "suggested", "p_label", "p_suggested"),
            )
            for row in frame.head(limit).to_dict("records")
        ]
        cut = min(limit, len(self.losses))
        return ErrorSummary(
            model_errors=len(self.losses),
            likely_label_errors=len(likely),
            possible_label_errors=int(self.noise.possible.sum()),
            doubted_labels=len(self.doubtful),
            expected_label_errors=self.noise.expected,
            believed_share=self.noise.share,
            losses=tuple(shown[:cut]),
            doubtful=tuple(shown[cut:]),
            confusions=tuple(replace(one, rows=one.rows[:limit]) for one in self.confusions),
            explanations=tuple(
                self.explanations[text]
                for text in dict.fromkeys(one.text for one in shown)
                if text in self.explanations
            ),
            faithfulness=self.faithfulness,
        )


@dataclass(frozen=True)
class Mistake:
    """One row of a list of mistakes.

    Attributes:
        row: Its number in the source.
        text: Its text.
        label: The label it was given.
        other: The label that was predicted, or that is more likely right.
        p_label: Probability of the given label.
        p_other: Probability of the other.
        p_wrong: Probability that the given label is wrong; 0 in a list of the model's mistakes.
        cost: What the mistake costs, where mistakes are weighed.
    """

    row: int
    text: str
    label: str
    other: str
    p_label: float
    p_other: float
    p_wrong: float = 0.0
    cost: float | None = None

    @property
    def loss(self) -> float:
        """Minus the logarithm of the given label's probability, in nats."""
        return float(-np.log(max(self.p_label, SMALLEST)))


@dataclass(frozen=True)
class SetMistake:
    """A text whose several labels are wrong.

    Attributes:
        row: Its number in the source.
        text: Its text.
        label: The labels that it has, joined by |; empty for none.
        predicted: Those that the model gives it.
        loss: Of all labels together, in nats.
        cost: What the mistakes cost, where they are weighed.
    """

    row: int
    text: str
    label: str
    predicted: str
    loss: float
    cost: float | None = None


@dataclass(frozen=True)
class ScoreMistake:
    """A text whose score is off.

    Attributes:
        row: Its number in the source.
        text: Its text.
        label: The score it was given.
        score: The model's.
    """

    row: int
    text: str
    label: float
    score: float


Listed = TypeVar("Listed", SetMistake, ScoreMistake)


def as_mistakes(kind: type[Listed], losses: pd.DataFrame) -> tuple[Listed, ...]:
    """Rows of `top_losses`, of several labels or of scores, as mistakes."""
    names = [entry.name for entry in fields(kind) if entry.name in losses]
    return tuple(kind(*row) for row in losses[names].itertuples(index=False, name=None))


@dataclass(frozen=True, kw_only=True)
class ErrorSummary:
    """A review as `metrics.json` holds it: counts, and the first rows of each list.

    Attributes:
        model_errors: Rows that the model has wrong and whose label is not more likely wrong.
        likely_label_errors: Rows whose label is more likely wrong than the model.
        doubted_labels: Rows whose label is doubted at all.
        believed_share: Share of wrong labels, estimated or given.
        possible_label_errors: Doubted rows whose label is wrong with 10 to 50 %.
        expected_label_errors: How many of the doubted labels are wrong, with its interval.
        losses: The model's surest mistakes.
        doubtful: The doubted labels, the likeliest to be wrong first.
        confusions: Mistakes by pair of classes, with telling words.
        explanations: Of the texts in both lists, which words drive the prediction.
        faithfulness: Whether those words really matter; None when it was not checked.
    """

    model_errors: int
    likely_label_errors: int
    doubted_labels: int
    believed_share: float
    possible_label_errors: int = 0
    expected_label_errors: Estimate | None = None
    losses: tuple[Mistake, ...] = ()
    doubtful: tuple[Mistake, ...] = ()
    confusions: tuple[ConfusedPair, ...] = ()
    explanations: tuple[Explanation, ...] = ()
    faithfulness: Faithfulness | None = None


def review(
    predictions: LabelledPredictions,
    classifier: Classifier | None = None,
    *,
    explained: int = 10,
    share: float | None = None,
    second: ArrayLike | None = None,
    costs: MistakeCosts | None = None,
) -> Review:
    """Sort the mistakes on rows that the model was not trained on.

    Args:
        predictions: The rows, held out or out of fold.
        classifier: Explains its predictions; None leaves explanations out.
        explained: How many rows of each of the two lists are explained.
        share: Share of wrong labels, 0 to 1; estimated when None.
        second: Probabilities of another classifier that did not learn these rows either, to doubt
            labels together, shape (n, classes).
        costs: What mistakes cost, where they are weighed: mistakes are then those of the label of
            least expected cost, the dearest first. Which labels are doubted hangs on none.
    """
    texts, truth, rows = predictions.texts, predictions.y_true, predictions.rows
    labels, table = predictions.labels, predictions.probabilities
    listened = table if second is None else pooled(truth, table, second)
    noise = find_label_errors(truth, listened, labels, share=share)
    everything = label_error_table(noise, texts, truth, listened, rows=rows)
    doubtful = everything[everything["doubted"]].reset_index(drop=True)
    task = predictions.task if costs is None else costs.deciding
    losses = predictions.losses(costs=costs)
    # A mistake is the model's where its label is not more likely wrong than the model.
    own = losses["row"].isin(predictions.frame["row"][~noise.likely])
    losses = losses[own & (losses["predicted"] != losses["label"])].reset_index(drop=True)
    explanations: dict[str, Explanation] = {}
    faithfulness = None
    if classifier is not None:
        shown = [*losses["text"].head(explained), *doubtful["text"].head(explained)]
        said = dict(zip(texts, (labels[k] for k in task.choices(table)), strict=True))
        explained_texts = list(dict.fromkeys(shown))
        found = explain(classifier, explained_texts, [said[text] for text in explained_texts])
        explanations = {one.text: one for one in found}
        # Checked on texts drawn at random: the top losses would not be a fair sample.
        drawn = np.random.default_rng(0).choice(
            len(texts), min(CHECKED_TEXTS, len(texts)), replace=False
        )
        sample = explain(classifier, [texts[k] for k in drawn.tolist()])
        faithfulness = check_faithfulness(classifier, sample)
    pairs = confused_pairs(texts, truth, table, labels, task)
    return Review(losses, doubtful, noise, pairs, explanations, faithfulness)


def usual_slices(predictions: LabelledPredictions) -> tuple[Slice, ...]:
    """Slices by length, by repetition and by each column of the data that divides it sensibly.

    A column that the labels follow from, such as the stars that they were made from, is left out:
    that some stars are harder to tell is no finding about a kind of text. Of scores there is no
    share of right answers to compare, and so no slice.
    """
    if lacks(predictions.task.kind, "--slice-by"):
        return ()
    frame = predictions.frame.assign(
        words=by_length(predictions.texts), repetition=by_repetition(predictions.texts)
    )
    names = ["words", "repetition", *(n for n in predictions.frame if n not in OWN_COLUMNS)]
    columns = {
        str(name): frame[name].tolist()
        for name in names
        if _divides(frame[name]) and not tells(frame[name], predictions.y_true)
    }
    return evaluate_slices(columns, predictions.y_true, predictions.probabilities)


def tells(values: pd.Series[Any], y_true: ArrayLike) -> bool:
    """Whether the class of nearly every row follows from its value in a column.

    Numbers with many values tell it if the rows, in their order, have long stretches of one class.

    Args:
        values: One value a row.
        y_true: Class indices, shape (n,).
    """
    truth = pd.Series(np.asarray(y_true))
    apart = len(truth) - int(truth.value_counts().max())
    keys = values.reset_index(drop=True)
    if pd.api.types.is_numeric_dtype(keys) and keys.nunique() > MOST_VALUES:
        ordered = truth[keys.argsort(kind="stable")].to_numpy()
        missed = int((ordered[1:] != ordered[:-1]).sum()) - truth.nunique() + 1
    else:
        counts = pd.crosstab(keys.map(lambda value: "" if pd.isna(value) else str(value)), truth)
        missed = len(truth) - int(counts.max(axis=1).sum())
    # Goodman and Kruskal's lambda: of the rows that the commonest class leaves, how many it mends.
    return apart > 0 and missed <= (1 - TELLING) * apart


def _divides(values: pd.Series[Any]) -> bool:
    try:
        return len(group(str(values.name), values.reset_index(drop=True)).cat.categories) > 1
    except (DataError, TypeError):
        return False
