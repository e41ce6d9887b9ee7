"""Which labels are probably wrong, as against predictions; their list, and a person's corrections.

Confident learning (Northcutt, Jiang and Chuang 2021, "Confident Learning: Estimating Uncertainty in
Dataset Labels"): a row is counted as really of class j when its probability of j reaches the mean
that rows labelled j have of it, so that a model that is unsure of a class everywhere is not taken
to doubt each label of it. The probabilities must come from a model that did not train on the row:
out of fold, or held out. A model that memorised a wrong label agrees with it.

A row so doubted may still be the model's mistake. What tells the two apart is how the contradicted
rows lie: a model's own mistakes grow rare where it is sure, wrong labels do not care. So two
numbers are fitted together, the share of wrong labels and a temperature of the model on right ones
(the noise model of robust logistic regression: Copas 1988, "Binary regression models for
contaminated data"), and Bayes' rule gives each row its probability. Few rows tell little, and then
the belief stays that 0 to 15 % of labels are wrong, 5 % on average: people found 3.3 % in ten
well-known test sets (Northcutt, Athalye and Mueller 2021, "Pervasive Label Errors in Test Sets
Destabilize Machine Learning Benchmarks"), which are cleaner than most data.
On SST-2 sentences with 0, 2 and 8 % of the labels flipped the interval of the number of wrong ones
held in 83, 97 and 100 % of the trials: a model that is sure and wrong in some other way looks like
a wrong label, and only a reader can tell.

A list of doubted labels, corrected by hand, makes the next training set: `apply_corrections`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ktrain_sentiment.errors import DataError
from ktrain_sentiment.evaluation.calibration import (
    SMALLEST,
    apply_temperature,
    fit_temperature,
    row_log_loss,
)
from ktrain_sentiment.evaluation.codec import to_plain
from ktrain_sentiment.evaluation.confusion import Counts, Floats
from ktrain_sentiment.evaluation.intervals import Estimate
from ktrain_sentiment.evaluation.metrics import check
from ktrain_sentiment.messages import listed

_BELIEVED = 1.0, 19.0
"""Parameters of the beta distribution of the share of wrong labels before any row was seen."""
_SHARES = np.geomspace(0.001, 0.45, 50)
_TEMPERATURES = np.geomspace(0.2, 4, 31)
_TEMPERATURE_BELIEF = 0.7
_ENOUGH_ROWS = 5000
_LIKELY, _POSSIBLE = 0.5, 0.1


@dataclass(frozen=True)
class LabelNoise:
    """What confident learning says of a set of labels.

    Attributes:
        labels: Class names.
        quality: For each row how well its label fits, 0 (surely wrong) to 1, shape (n,).
        doubted: For each row whether confident learning counts its label as wrong, shape (n,).
        p_wrong: For each row the probability that its label is wrong, shape (n,).
        suggested: For each row the class it most likely is, other than its label, shape (n,).
        joint: Estimated number of rows by given class (rows) and real class (columns).
        share: Share of wrong labels that is estimated, or that was given.
        expected: How many of the doubted labels are wrong, with a 95 % interval.
    """

    labels: tuple[str, ...]
    quality: Floats
    doubted: NDArray[np.bool_]
    p_wrong: Floats
    suggested: NDArray[np.int64]
    joint: Floats
    share: float
    expected: Estimate

    @property
    def rate(self) -> float:
        """Share of labels that confident learning counts as wrong: an upper bound."""
        return float(1 - np.trace(self.joint) / self.joint.sum())

    @property
    def likely(self) -> NDArray[np.bool_]:
        """For each row whether its label is more likely wrong than the model, shape (n,)."""
        return self.doubted & (self.p_wrong >= _LIKELY)

    @property
    def possible(self) -> NDArray[np.bool_]:
        """For each doubted row whether its label is wrong with 10 to 50 %, shape (n,)."""
        return self.doubted & (self.p_wrong >= _POSSIBLE) & (self.p_wrong < _LIKELY)

    def to_json(self) -> dict[str, Any]:
        """Plain numbers."""
        return {
            "labels": list(self.labels),
            "likely": int(self.likely.sum()),
            "possible": int(self.possible.sum()),
            "doubted": int(self.doubted.sum()),
            "expected_wrong": to_plain(self.expected),
            "rate": round(self.rate, 6),
            "share": round(self.share, 6),
            "joint": np.round(self.joint, 2).tolist(),
        }


def find_label_errors(
    y_given: ArrayLike,
    probabilities: ArrayLike,
    labels: Sequence[str],
    *,
    share: float | None = None,
) -> LabelNoise:
    """Rank rows by how well their label fits what a model that never saw it believes.

    Args:
        y_given: The labels as given, class indices, shape (n,).
        probabilities: Out-of-fold or held-out probabilities, shape (n, classes).
        labels: Class names.
        share: Share of wrong labels, 0 to 1; estimated when None.

    Raises:
        DataError: Shapes, indices or probabilities make no sense.
    """
    given, table = check(y_given, probabilities, labels)
    everyone = np.arange(len(given))
    own = table[everyone, given]
    others = table.copy()
    others[everyone, given] = -1.0
    suggested = others.argmax(axis=1)
    counted = _confident_class(given, table)
    joint = _calibrated_joint(given, counted, len(labels))
    wrong = (counted >= 0) & (counted != given) & (table.argmax(axis=1) != given)
    chances = _chances(given, table, share)
    p_wrong = np.zeros(len(given))
    for one in chances:
        p_wrong += one.weight * one.wrong
    return LabelNoise(
        labels=tuple(labels),
        quality=(own - others[everyone, suggested] + 1) / 2,
        doubted=wrong,
        p_wrong=p_wrong,
        suggested=suggested,
        joint=joint,
        share=sum(one.weight * one.share for one in chances),
        expected=_expected(chances, wrong),
    )


@dataclass(frozen=True)
class _Chance:
    """One share of wrong labels, how likely it is, and what it makes of each row."""

    weight: float
    share: float
    wrong: Floats


def _chances(given: NDArray[np.int64], table: Floats, share: float | None) -> list[_Chance]:
    """Shares of wrong labels that the rows leave likely, with the probability that each is wrong.

    With a share e of labels evenly wrong, one that the model gives p at a temperature is seen with
    (1 - e) p + e (1 - p) / (K - 1). Both e and the temperature are integrated over a grid.
    """
    shares = _SHARES if share is None else np.array([share])
    others = table.shape[1] - 1
    everyone = np.arange(len(given))
    some = np.random.default_rng(0).permutation(len(given))[:_ENOUGH_ROWS]

    def own(rows: NDArray[np.int64], temperature: float) -> Floats:
        return apply_temperature(table[rows], temperature)[np.arange(len(rows)), given[rows]]

    first, second = _BELIEVED
    belief = first * np.log(shares) + (second - 1) * np.log1p(-shares)
    fit = np.empty((len(_TEMPERATURES), len(shares)))
    for k, temperature in enumerate(_TEMPERATURES):
        stated = own(some, temperature)
        doubt = -((np.log(temperature) / _TEMPERATURE_BELIEF) ** 2) / 2
        for j, one in enumerate(shares):
            seen = (1 - one) * stated + one / others * (1 - stated)
            fit[k, j] = np.log(np.maximum(seen, SMALLEST)).sum() + doubt + belief[j]
    weight = np.exp(fit - fit.max())
    weight[weight < 1e-3] = 0
    weight /= weight.sum()
    found = []
    # By share: what differs in temperature alone is averaged, so that few tables are kept.
    for j in np.flatnonzero(weight.sum(axis=0)).tolist():
        wrong = np.zeros(len(given))
        for k in np.flatnonzero(weight[:, j]).tolist():
            stated = own(everyone, _TEMPERATURES[k])
            bad = shares[j] / others * (1 - stated)
            seen = np.maximum((1 - shares[j]) * stated + bad, SMALLEST)
            wrong += weight[k, j] / weight[:, j].sum() * bad / seen
        found.append(_Chance(float(weight[:, j].sum()), float(shares[j]), wrong))
    return found


def _expected(chances: Sequence[_Chance], doubted: NDArray[np.bool_]) -> Estimate:
    """How many of the doubted labels are wrong: the mean, and where 95 % of draws lie."""
    rng, n = np.random.default_rng(0), int(doubted.sum())
    draws = rng.multinomial(2000, np.array([one.weight for one in chances]))
    counts = [0.0]
    for one, times in zip(chances, draws, strict=True):
        chance = one.wrong[doubted]
        # Two parameters describe no model wholly; a tenth of the mean stands for that.
        spread = np.sqrt((chance * (1 - chance)).sum() + (chance.sum() / 10) ** 2)
        counts += np.clip(np.rint(rng.normal(chance.sum(), spread, times)), 0.0, n).tolist()
    low, high = np.quantile(counts[1:], [0.025, 0.975])
    mean = sum(one.weight * one.wrong[doubted].sum() for one in chances)
    return Estimate(float(mean), abs(float(low)), abs(float(high)), n)


def class_thresholds(given: NDArray[np.int64], table: Floats) -> Floats:
    """Mean probability of each class among the rows labelled so, shape (classes,).

    A class without rows can never be reached: its threshold is above one.
    """
    sums = np.bincount(given, weights=table[np.arange(len(given)), given], minlength=table.shape[1])
    counts = np.bincount(given, minlength=table.shape[1])
    return np.where(counts > 0, sums / np.maximum(counts, 1), 2.0)


def _confident_class(given: NDArray[np.int64], table: Floats) -> NDArray[np.int64]:
    """The class that each row is counted as, -1 where no class reaches its threshold."""
    # A mean of equal numbers can come out a hair above them.
    reached = np.where(table >= class_thresholds(given, table) - 1e-9, table, -1.0)
    return np.where(reached.max(axis=1) >= 0, reached.argmax(axis=1), -1)


def _calibrated_joint(given: NDArray[np.int64], counted: NDArray[np.int64], classes: int) -> Floats:
    """Counts of (given, real) scaled so that each given class has its true number of rows."""
    sure = counted >= 0
    joint: Counts = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(joint, (given[sure], counted[sure]), 1)
    support = np.bincount(given, minlength=classes)
    empty = joint.sum(axis=1) == 0
    joint[empty, empty] = support[empty]
    scaled: Floats = joint * (support / np.maximum(joint.sum(axis=1), 1))[:, np.newaxis]
    return scaled


def label_error_table(
    noise: LabelNoise,
    texts: Sequence[str],
    y_given: ArrayLike,
    probabilities: ArrayLike,
    *,
    rows: Sequence[int] | None = None,
) -> pd.DataFrame:
    """All rows, the most doubtful label first.

    Args:
        noise: What `find_label_errors` returned for the same rows.
        texts: The texts, length n.
        y_given: The labels as given, shape (n,).
        probabilities: Shape (n, classes).
        rows: Row numbers in the source file; counted from 1 when None.

    Returns:
        Columns `text`, `label`, `suggested`, `p_label`, `p_suggested`, `p_wrong`, `quality`,
        `doubted`, `row`; the doubted come first, each part by rising quality.
    """
    given, table = np.asarray(y_given, dtype=np.int64), np.asarray(probabilities, dtype=np.float64)
    everyone = np.arange(len(given))
    frame = pd.DataFrame(
        {
            "text": list(texts),
            "label": [noise.labels[k] for k in given],
            "suggested": [noise.labels[k] for k in noise.suggested],
            "p_label": table[everyone, given],
            "p_suggested": table[everyone, noise.suggested],
            "p_wrong": noise.p_wrong,
            "quality": noise.quality,
            "doubted": noise.doubted,
            "row": everyone + 1 if rows is None else list(rows),
        }
    )
    return frame.sort_values(["doubted", "quality"], ascending=[False, True], ignore_index=True)


WEIGHTS = np.linspace(0, 1, 21)


def pooled(y_given: ArrayLike, first: ArrayLike, second: ArrayLike) -> Floats:
    """A weighted mean of two classifiers' probabilities, calibrated, shape (n, classes).

    The weight is the one of the lowest log loss on the given labels, so that a second opinion that
    is worth nothing is not listened to. A mean of two is less sure than either; a temperature mends
    that. Both come to two numbers fitted on n rows.

    Args:
        y_given: The labels as given, class indices, shape (n,).
        first: Probabilities of rows that the first did not learn, shape (n, classes).
        second: The same of the second.
    """
    one, other = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    losses = [row_log_loss(y_given, w * one + (1 - w) * other).mean() for w in WEIGHTS]
    weight = WEIGHTS[int(np.argmin(losses))]
    mixed: Floats = weight * one + (1 - weight) * other
    return apply_temperature(mixed, fit_temperature(y_given, mixed))


COLUMN = "corrected"
DROP = "drop"


@dataclass(frozen=True)
class Change:
    """One row that was changed.

    Attributes:
        row: Its number in the source.
        text: Its text.
        before: The label it had.
        after: The label it has now, or None when the row was dropped.
    """

    row: int
    text: str
    before: str
    after: str | None


@dataclass(frozen=True)
class Corrected:
    """A corrected data set.

    Attributes:
        frame: The rows with their new labels, dropped ones left out, in the old order.
        changes: What was changed, in the order of the source.
        confirmed: Rows whose label was looked at and written again as it was.
    """

    frame: pd.DataFrame
    changes: tuple[Change, ...]
    confirmed: int

    def to_json(self) -> dict[str, Any]:
        """The record of what changed."""
        kinds = Counter(f"{c.before} -> {c.after or DROP}" for c in self.changes)
        return {
            "rows": len(self.frame),
            "changed": len(self.changes),
            "confirmed": self.confirmed,
            "kinds": dict(kinds.most_common()),
            "changes": [vars(change) for change in self.changes],
        }


def carry_over(listed: pd.DataFrame, earlier: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Put what a person filled into an earlier list of doubted labels into a new one.

    Rows are known by their number and text. What is not doubted any more, because the data or the
    model changed, stays at the end: it may be the work of hours.

    Args:
        listed: The new list, with the columns `row`, `text` and `corrected`.
        earlier: The old one, all cells as text, perhaps with columns of the person's own.

    Returns:
        The new list with what was filled in, and the number of rows that have something of it.
    """
    own = [COLUMN, *(name for name in earlier.columns if name not in listed.columns)]
    filled = earlier[(earlier[own].map(str.strip) != "").any(axis=1)]
    merged = listed.assign(**{name: "" for name in own if name not in listed.columns})
    places = {
        (str(row), text): place
        for place, row, text in zip(merged.index, merged["row"], merged["text"], strict=True)
    }
    gone = []
    for record in filled.to_dict("records"):
        place = places.get((record["row"].strip(), record["text"]))
        if place is None:
            gone.append({name: record.get(name, "") for name in merged.columns})
        else:
            for name in own:
                merged.loc[place, name] = record[name] or merged.loc[place, name]
    if gone:
        merged = pd.concat([merged.astype(object), pd.DataFrame(gone, dtype=object)])
    return merged.reset_index(drop=True), len(filled)


def apply_corrections(
    frame: pd.DataFrame, corrections: pd.DataFrame, labels: Sequence[str]
) -> Corrected:
    """Put corrected labels into a data set.

    Args:
        frame: Columns `row`, `text`, `label` and any others.
        corrections: Columns `row`, `text` and `corrected`; an empty cell leaves the row alone.
        labels: The labels there may be.

    Raises:
        DataError: A column is missing, a label is unknown, a row does not exist, is corrected in
            two ways, or has another text than the list says.
    """
    for column in ("row", "text", COLUMN):
        if column not in corrections.columns:
            raise DataError(
                f"corrections: no column {column}, found {listed(corrections.columns)}: wanted "
                f"the list that error inspection wrote, with the column {COLUMN} filled in"
            )
    known = dict(zip(frame["row"], frame["text"], strict=True))
    wanted: dict[int, str] = {}
    cells = corrections[["row", "text", COLUMN]].itertuples(index=False, name=None)
    for number, said, cell in cells:
        label = "" if pd.isna(cell) else str(cell).strip()
        if not label:
            continue
        # A row number that was deleted is that of no row.
        row, text = (int(number) if str(number).strip().isdigit() else -1), str(said)
        if label != DROP and label not in labels:
            raise DataError(
                f"corrections: row {row}: label {label!r} is unknown: wanted one of "
                f"{listed(labels)}, or {DROP}"
            )
        if known.get(row) != text:
            held = "no such row" if row not in known else f"its text is {known[row][:40]!r}"
            raise DataError(
                f"corrections: row {row} with text {text[:40]!r}: {held} in the data; give the "
                "data that the list was made from"
            )
        if wanted.setdefault(row, label) != label:
            raise DataError(f"corrections: row {row} is corrected in two ways: keep one line of it")
    changes, confirmed, after = [], 0, []
    for row, text, before in frame[["row", "text", "label"]].itertuples(index=False, name=None):
        label = wanted.get(row, before)
        after.append(label)
        confirmed += row in wanted and label == before
        if label != before:
            changes.append(Change(int(row), text, before, None if label == DROP else label))
    dropped = frame["row"].isin([row for row, label in wanted.items() if label == DROP])
    corrected = frame.assign(label=after)[~dropped].reset_index(drop=True)
    return Corrected(corrected, tuple(changes), confirmed)
