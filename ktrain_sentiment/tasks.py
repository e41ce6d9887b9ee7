"""What a model answers with: classes, stars, which have an order, a score, or several labels.

Stars are classes too, so that a predictor stays a plain softmax classifier that every tool can
load. What differs is what it learns of a text (`Task.targets`), how its mistakes count, and that
its probabilities have a mean, the expected star. A score is a number: its model has one output
and no probabilities, and its answers come with an interval. Where a text may have several labels,
or none, each has a probability of its own, and a threshold from which on the text has it.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.prediction import Real, sigmoid, softmax
from ktrain_sentiment.reading_rules import BETWEEN_LABELS

Kind = Literal["classes", "stars", "score", "multi"]
TASKS = frozenset(get_args(Kind))

SCORE = "score"
"""What the one output of a model of scores is called."""
HALF = 0.5
"""From which probability on a text has a label, where no threshold was chosen."""
_TINY = 1e-9
COVERAGE = 0.9
"""How often the interval around a score is meant to hold the true one."""

SOFTNESS = 0.35
"""How far a star's target reaches to its neighbours, in stars: measured on validation rows of
SST-5, see benchmarks/LOG.md."""

_FULL = "★⭐✭"
_GLYPHS = re.compile(r"(?=.*[★⭐✭☆✩])[★⭐✭☆✩\ufe0f\s]+")
_NUMBER = re.compile(
    r"(?:rated\s+)?([+-]?\d+(?:[.,]\d+)?)(?:\s*(?:out of|/)\s*(\d+))?\s*(?:stars?)?", re.IGNORECASE
)
_PAGES_OWN = ({1, 2, 3, 4, 5}, {0, 1, 2, 3, 4})
"""Numbers that are stars whatever their column is called: of reviews, and of SST-5."""
_HIGHEST = 10
ODD = 0.02
"""Share of rows whose labels may be no stars, or numbers, where all others are: slips, likely."""


@dataclass(frozen=True)
class Task:
    """What a model answers with.

    Attributes:
        kind: `classes`, `stars`, `score` or `multi`.
        stars: The star that each label stands for, in the order of the labels; empty for others.
        half_width: How far the interval around a score reaches to either side; None where that is
            not known, or there is no score.
        thresholds: The probability from which on a text has each label, of several labels; empty
            where they are not known, which means a half, and for others.
        costs: What it costs to say each label of a text that has another, a row for each that it
            has, of classes and stars; of several labels to miss each and to give it wrongly, a row
            for each. Empty: mistakes are not weighed.
    """

    kind: Kind = "classes"
    stars: tuple[float, ...] = ()
    half_width: float | None = None
    thresholds: tuple[float, ...] = ()
    costs: tuple[tuple[float, ...], ...] = ()

    @classmethod
    def of(cls, kind: str, labels: Sequence[str]) -> Task:
        """The task of a kind with these labels.

        Raises:
            ConfigError: The kind is stars, and a label is none.
        """
        if kind in ("score", "multi"):
            return SCORES if kind == "score" else SEVERAL
        if kind != "stars":
            return CLASSES
        stars = [star_of(label) for label in labels]
        if None in stars:
            raise ConfigError(
                f"--task stars: the label {labels[stars.index(None)]!r} is no star; wanted numbers "
                "such as 1 to 5, or --task classes"
            )
        return cls("stars", tuple(star for star in stars if star is not None))

    def __bool__(self) -> bool:
        """Whether labels have an order."""
        return bool(self.stars)

    @property
    def is_score(self) -> bool:
        """Whether the answer is a number, and not one of several labels."""
        return self.kind == "score"

    @property
    def chooses(self) -> bool:
        """Whether a text has exactly one of several labels: classes and stars."""
        return self.kind in ("classes", "stars")

    @property
    def is_multi(self) -> bool:
        """Whether a text may have several labels, or none."""
        return self.kind == "multi"

    @property
    def has_interval(self) -> bool:
        """Whether it is known how far a score may be off."""
        return self.half_width is not None

    def within(self, half_width: float | None) -> Task:
        """The same with an interval that reaches so far to either side of a score."""
        return replace(self, half_width=half_width)

    def cut_at(self, thresholds: Sequence[float]) -> Task:
        """The same with other thresholds."""
        return replace(self, thresholds=tuple(map(float, thresholds)))

    def answers(self, logits: NDArray[Real], temperature: float = 1.0) -> NDArray[Real]:
        """What a model says by its logits, of the same shape and dtype.

        Scores as they are; of several labels the probability of each; else probabilities that sum
        to one in each row.
        """
        if self.is_score:
            return logits
        return (sigmoid if self.is_multi else softmax)(logits, temperature)

    def cuts(self, count: int) -> tuple[float, ...]:
        """The thresholds of so many labels, a half each where none were chosen."""
        return self.thresholds or (HALF,) * count

    def decided(self, probabilities: ArrayLike) -> NDArray[np.bool_]:
        """Which of several labels each text has, bool of shape (texts, labels)."""
        table = np.asarray(probabilities)
        has: NDArray[np.bool_] = table >= np.asarray(self.thresholds or HALF, table.dtype)
        return has

    def choices(self, probabilities: ArrayLike) -> NDArray[np.int64]:
        """Which of the labels each text gets, where it gets one: the likeliest, or the cheapest.

        Args:
            probabilities: Shape (texts, labels).
        """
        if not self.costs or self.is_multi:
            return np.asarray(np.asarray(probabilities).argmax(axis=1))
        return np.asarray(self.expected_costs(probabilities).argmin(axis=1))

    def expected_costs(self, probabilities: ArrayLike) -> NDArray[np.float64]:
        """What it is expected to cost to say each label of each text, where mistakes are weighed.

        Args:
            probabilities: Shape (texts, labels); so has what is returned.
        """
        return np.asarray(np.asarray(probabilities, np.float64) @ np.asarray(self.costs))

    def answer_costs(self, probabilities: ArrayLike) -> NDArray[np.float64]:
        """What each answer is expected to cost, shape (texts,), where mistakes are weighed.

        That of several labels is the sum of what each is expected to cost, given or not, however
        the labels hang together: the expectation of a sum asks for each alone.
        """
        if not self.is_multi:
            return np.asarray(self.expected_costs(probabilities).min(axis=1))
        table, (missed, wrong) = np.asarray(probabilities, np.float64), np.transpose(self.costs)
        each = np.where(self.decided(probabilities), (1 - table) * wrong, table * missed)
        return np.asarray(each.sum(axis=1))

    def said(self, probabilities: ArrayLike) -> NDArray[np.int64]:
        """What is answered by labels: `choices`, or of several labels 0 or 1 for each."""
        if self.is_multi:
            return self.decided(probabilities).astype(np.int64)
        return self.choices(probabilities)

    def confidence(self, probabilities: ArrayLike) -> NDArray[np.float64]:
        """How sure each answer is, shape (texts,), 0 to 1: the probability of the label said.

        Of several labels that of the decision that is least sure, were all thresholds a half: a
        text is answered wrongly where any of its labels is.

        Where mistakes are weighed, one minus what the answer is expected to cost, as a share of
        what the most careful answer can cost at most; where all mistakes cost the same that is the
        probability again. A threshold on it is the rule of Chow 1970 ("On Optimum Recognition Error
        and Reject Tradeoff"): whatever number of texts is left to a person, the others cost least.
        The probability of the label would keep the dearest answers and leave out cheap ones: what
        is said for fear of the other mistake is seldom likely.
        """
        table = np.asarray(probabilities, np.float64)
        if self.costs:
            costs = np.asarray(self.costs)
            # Labels are given apart, so the most careful answer has the cheaper mistake of each.
            most = float(costs.min(axis=1).sum() if self.is_multi else costs.max(axis=0).min())
            return np.asarray(1 - self.answer_costs(table) / (most or 1.0))
        if not self.is_multi:
            return np.asarray(table.max(axis=1))
        moved = self.centred(table)
        return np.asarray(np.maximum(moved, 1 - moved).min(axis=1))

    def centred(self, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probabilities of several labels, moved in log-odds so that all thresholds are a half."""
        if not self.thresholds:
            return probabilities
        said, least = (
            np.log(kept / (1 - kept))
            for kept in (
                np.clip(np.asarray(one, np.float64), _TINY, 1 - _TINY)
                for one in (probabilities, self.thresholds)
            )
        )
        return sigmoid(said - least)

    @property
    def distance(self) -> NDArray[np.float64]:
        """Stars between each two labels, shape (labels, labels)."""
        stars = np.asarray(self.stars)
        apart: NDArray[np.float64] = np.abs(stars[:, None] - stars)
        return apart

    def order(self, labels: Sequence[str]) -> list[int]:
        """Positions of the labels from the lowest star to the highest; as they are for classes."""
        return np.argsort(self.stars).tolist() if self else list(range(len(labels)))

    def expected(self, probabilities: ArrayLike) -> NDArray[np.float64]:
        """The mean star of each row's probabilities, shape (n,); NaN where they are."""
        mean: NDArray[np.float64] = np.asarray(probabilities, np.float64) @ np.asarray(self.stars)
        return mean

    def targets(self, classes: NDArray[np.int64], count: int) -> NDArray[np.float32]:
        """What is learned of rows of these classes, float32 of shape (rows, count).

        Of several labels the classes are 0 or 1 for each, of that shape already. One label of a
        text for classes; for stars the more of a label the nearer it is, so that a mistake by one
        star costs less than one by four (Diaz and Marathe 2019, "Soft Labels for Ordinal
        Regression").
        """
        if self.is_multi:
            return classes.astype(np.float32)
        if not self:
            return np.eye(count, dtype=np.float32)[classes]
        near = np.exp(-self.distance / SOFTNESS)
        return np.asarray(near / near.sum(axis=1, keepdims=True), np.float32)[classes]


CLASSES = Task()
SCORES = Task("score")
SEVERAL = Task("multi")


def join_labels(names: Iterable[str]) -> str:
    """Several labels as one string, each once and sorted; empty for none."""
    return BETWEEN_LABELS.join(sorted(set(names)))


def labels_in(joined: str) -> list[str]:
    """The labels that `join_labels` joined."""
    return joined.split(BETWEEN_LABELS) if joined else []


def occurring(values: Iterable[str], kind: str) -> set[str]:
    """The labels that rows have; of scores the one name that all of them have."""
    kinds = set(values)
    if kind == "score":
        return {SCORE}
    return {name for one in kinds for name in labels_in(one)} if kind == "multi" else kinds


def indicators(values: Iterable[str], labels: Sequence[str]) -> NDArray[np.int64]:
    """Which labels each row has, 0 or 1, int64 of shape (rows, labels); others are not counted."""
    place = {label: k for k, label in enumerate(labels)}
    rows = [[place[name] for name in labels_in(one) if name in place] for one in values]
    found = np.zeros((len(rows), len(labels)), np.int64)
    for row, columns in enumerate(rows):
        found[row, columns] = 1
    return found


@dataclass(frozen=True)
class Scale:
    """Where scores lie: what is learned is how many spreads a text is from the middle.

    Attributes:
        middle: Mean of the training rows' scores.
        spread: Their standard deviation.
    """

    middle: float
    spread: float

    @classmethod
    def of(cls, scores: NDArray[np.float64]) -> Scale:
        """The scale of scores, shape (n,), of which two differ at least."""
        return cls(float(scores.mean()), float(scores.std()))

    def standardised(self, scores: NDArray[np.float64]) -> NDArray[np.float32]:
        """Scores as a model learns them, float32 of shape (n, 1)."""
        return np.asarray((scores - self.middle) / self.spread, np.float32).reshape(-1, 1)


def half_width(errors: NDArray[np.float64]) -> float | None:
    """How far an interval must reach to hold nine of ten scores of rows like these.

    Split conformal prediction (Papadopoulos et al. 2002, "Inductive Confidence Machines for
    Regression"): the interval holds the truth of a new row with 90 % at least, whatever the model,
    where rows are exchangeable and the model was not fitted to these.

    Args:
        errors: By how much scores were off on rows that were not learned, shape (n,), n > 0.

    Returns:
        The width to either side; None where the rows are too few (under nine) to promise it.
    """
    rank = math.ceil((len(errors) + 1) * COVERAGE)
    return float(np.sort(np.abs(errors))[rank - 1]) if rank <= len(errors) else None


def number_of(label: str) -> float | None:
    """The number that a label is, with a decimal point; None where it is none, or infinite."""
    try:
        value = float(label)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in label else None


def star_of(label: str) -> float | None:
    """The star of `4`, `4.0`, `4 stars`, `4 out of 5`, `Rated 4 out of 5`, `4/5`, `★★★★☆`."""
    text = label.strip()
    if _GLYPHS.fullmatch(text):
        return float(sum(map(text.count, _FULL)))
    found = _NUMBER.fullmatch(text)
    return float(found[1].replace(",", ".")) if found else None


def scale_of(label: str) -> str | None:
    """What a label says that its star is out of, such as 5 in `4/5`; None where it says nothing."""
    found = _NUMBER.fullmatch(label.strip())
    return found[2] if found else None


def look_like_stars(labels: Iterable[str], *, named: bool = False) -> bool:
    """Whether labels are most likely stars: three or more of one scale.

    Two never are, so that 0 and 1 stay classes. Bare numbers could as well be the numbers of
    classes: they are taken for stars where they are 1 to 5 or 0 to 4, all of them, or where their
    column is called so.

    Args:
        labels: Those that occur, without such as stand for a missing one.
        named: Whether their column is called rating, stars or the like.
    """
    kinds = set(labels)
    stars = {star_of(kind) for kind in kinds}
    if len(stars) < 3 or None in stars:
        return False
    values = {star for star in stars if star is not None}
    scales = {scale_of(kind) for kind in kinds if not _GLYPHS.fullmatch(kind.strip())}
    if len(scales - {None}) > 1 or (None in scales and any("/" in kind for kind in kinds)):
        return False  # 1/2 and 1/3 are fractions, and 4/5 beside 4 may be both.
    if min(values) < 0 or max(values) > _HIGHEST:
        return False
    said = all(not re.fullmatch(r"[\d.,]+", kind.strip()) for kind in kinds)
    whole = all((2 * value).is_integer() for value in values)
    return whole and (said or named or values in _PAGES_OWN)


def not_quite_stars(labels: Iterable[str]) -> list[str]:
    """The few labels that alone keep the others from being stars; none where that is not so.

    Args:
        labels: Of all rows.
    """
    counts = Counter(labels)
    for scale in _PAGES_OWN:
        odd = [label for label in counts if star_of(label) not in scale]
        rows = sum(counts[label] for label in odd)
        whole = {star_of(label) for label in counts} >= scale
        if odd and whole and rows <= ODD * sum(counts.values()):
            return odd
    return []


def spell_stars(labels: Iterable[str]) -> dict[str, str]:
    """One spelling for each star: `5.0` and `5` are one, and `5 stars` stays where nobody differs.

    Args:
        labels: The labels that occur.

    Returns:
        The new spelling of each label that is a star.
    """
    by_star: dict[float, list[str]] = {}
    for label in labels:
        star = star_of(label)
        if star is not None:
            by_star.setdefault(star, []).append(label)
    bare = {
        star: len(kinds) > 1 or re.fullmatch(r"[+-]?[\d.,]+", kinds[0]) is not None
        for star, kinds in by_star.items()
    }
    # All or none: 1, 2 and "3 stars" would be two scales in one.
    plain = any(bare.values())
    return {
        kind: f"{star:g}" if plain else kind for star, kinds in by_star.items() for kind in kinds
    }
