"""How far an engine's answers are from those of the trained model, and when that is too far."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.evaluation.intervals import binomial_more
from ktrain_sentiment.evaluation.multi_figures import choose_thresholds
from ktrain_sentiment.messages import percent
from ktrain_sentiment.tasks import CLASSES, SEVERAL, Kind, Task

SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Limits:
    """How far an engine may be from its reference before it is not kept.

    Shares are limits for all texts of this kind, of which the compared ones are a sample: an
    engine is refused when the sample shows that it exceeds them, and not when chance would do as
    much (one-sided exact tests at 5 %).

    Attributes:
        difference: Largest difference of any probability; None: any.
        changed: Share of texts whose label changes, 0 to 1; 0: none at all.
        accuracy_lost: Share of texts by which accuracy falls, 0 to 1.
        stars_lost: Stars by which the mean error may grow; of mistakes by one star as many as of
            other labels.
        moved: How far scores, and expected stars, may move, root mean square, as a share of their
            spread. A tenth costs at most a hundredth of the variance that is explained.
        rmse_lost: Share by which the root mean squared error of scores may grow.
    """

    difference: float | None = None
    changed: float = 0.01
    accuracy_lost: float = 0.005
    stars_lost: float = 0.005
    moved: float = 0.1
    rmse_lost: float = 0.01


FP32_LIMITS = Limits(
    difference=1e-4, changed=0.0, accuracy_lost=0.0, stars_lost=0.0, moved=1e-4, rmse_lost=1e-4
)
"""The same arithmetic in another order: nothing but rounding may differ."""


INT8_LIMITS = Limits()
"""8-bit weights change probabilities; labels should stay."""


@dataclass(frozen=True)
class Parity:
    """How an engine's probabilities compare with the reference's.

    Attributes:
        texts: How many real texts were compared.
        largest_difference: Of any probability of any text.
        changed: Texts whose most probable label differs.
        lost: Texts that only the reference gets right; 0 without true labels.
        gained: Texts that only the engine gets right; 0 without true labels.
        accuracy: Share of texts that the engine gets right; None without true labels.
        reference_accuracy: The same for the reference.
    """

    texts: int
    largest_difference: float
    changed: int
    lost: int
    gained: int
    accuracy: float | None
    reference_accuracy: float | None

    def differs_from(self, other: str) -> str:
        """How far it is from another engine, in words."""
        accuracy = f", accuracy {percent(self.accuracy, 2)}" if self.accuracy is not None else ""
        return (
            f"{self.changed} of {self.texts} labels differ from {other}, probabilities by "
            f"{self.largest_difference:.2g} at most{accuracy}"
        )


@dataclass(frozen=True)
class StarParity:
    """How an engine's stars compare with the reference's.

    Attributes:
        texts: How many real texts were compared.
        spread: Standard deviation of the stars of the scale.
        largest_difference: Of any probability of any text.
        changed: Texts whose likeliest star differs.
        far: Those of them whose star is no neighbour of what it was.
        moved: Root mean square of the differences of expected stars.
        farther: Texts whose likeliest star is farther from the true one; 0 without true stars.
        nearer: Those where it is nearer; 0 without true stars.
        mae: Mean distance of the likeliest star from the true one; None without true stars.
        reference_mae: The same of the reference.
    """

    texts: int
    spread: float
    largest_difference: float
    changed: int
    far: int
    moved: float
    farther: int
    nearer: int
    mae: float | None
    reference_mae: float | None

    def differs_from(self, other: str) -> str:
        """How far it is from another engine, in words."""
        error = f", mean error {self.mae:.3f} stars" if self.mae is not None else ""
        return (
            f"{self.changed} of {self.texts} stars differ from {other}, {self.far} of them by more "
            f"than one, expected stars by {self.moved:.2g} (root mean square){error}"
        )


def compare_stars(
    reference: NDArray[np.floating],
    probabilities: NDArray[np.floating],
    targets: NDArray[np.integer] | None,
    task: Task,
) -> StarParity:
    """Compare two arrays of probabilities of stars, both (texts, classes); see `compare`."""
    plain = compare(reference, probabilities, targets)
    place = np.argsort(np.argsort(task.stars))
    steps = np.abs(place[probabilities.argmax(axis=1)] - place[reference.argmax(axis=1)])
    apart = task.expected(probabilities) - task.expected(reference)
    known = plain.accuracy is not None
    ours, theirs = (
        task.distance[table.argmax(axis=1), targets] if known else np.zeros(0)
        for table in (probabilities, reference)
    )
    return StarParity(
        texts=plain.texts,
        spread=float(np.std(task.stars)),
        largest_difference=plain.largest_difference,
        changed=plain.changed,
        far=int((steps > 1).sum()),
        moved=float(np.sqrt((apart**2).mean())),
        farther=int((ours > theirs).sum()),
        nearer=int((ours < theirs).sum()),
        mae=float(ours.mean()) if known else None,
        reference_mae=float(theirs.mean()) if known else None,
    )


def star_complaint(parity: StarParity, limits: Limits) -> str:
    """Why an engine of stars is refused, in a few words; empty when it is within the limits.

    A star that becomes its neighbour is no other answer, as long as the expected star stays where
    it was: between two that are almost equally likely any rounding decides.
    """
    if said := _other_probabilities(parity.largest_difference, limits):
        return said
    if said := _other_labels(parity.far, parity.texts, limits, "stars"):
        return f"{said}, neighbours not counted"
    allowed = limits.moved * parity.spread
    if parity.moved > allowed:
        return (
            f"expected stars move by {parity.moved:.2g} (root mean square; at most {allowed:.2g} "
            f"allowed, {limits.moved:g} of the spread of the scale)"
        )
    if parity.mae is None or parity.reference_mae is None:
        return ""
    grown = parity.mae - parity.reference_mae
    if grown > limits.stars_lost and _more_than_chance(parity.farther, parity.nearer):
        return f"the mean error grows by {grown:.3f} stars (at most {limits.stars_lost:g} allowed)"
    return ""


def _other_probabilities(largest: float, limits: Limits) -> str:
    """Why probabilities that differ by so much are too different; empty where they are not."""
    if limits.difference is not None and largest > limits.difference:
        return f"a probability differs by {largest:.2g} (at most {limits.difference:g} allowed)"
    return "" if np.isfinite(largest) else "it gives probabilities that are not numbers"


def _other_labels(changed: int, texts: int, limits: Limits, called: str) -> str:
    """Why so many other labels are too many; empty where they are not."""
    # One changed label never shows that more than a share of all would change, unless none may.
    allowed = limits.changed
    too_many = changed > max(1, allowed * texts) if allowed else changed > 0
    if too_many and (not allowed or binomial_more(changed, texts, allowed) < SIGNIFICANT):
        return f"{changed} of {texts} {called} change (at most {percent(allowed)} allowed)"
    return ""


def _fall(
    figure: str, before: float | None, now: float | None, parity: Parity | SetParity, limits: Limits
) -> str:  # fmt: skip
    """Why a figure of right answers falls too far; empty where it does not, or is not known."""
    if before is None or now is None:
        return ""
    lost = before - now
    if lost > limits.accuracy_lost and _more_than_chance(parity.lost, parity.gained):
        allowed = percent(limits.accuracy_lost)
        return f"{figure} falls by {percent(lost, 2)} (at most {allowed} allowed)"
    return ""


def _more_than_chance(worse: int, better: int) -> bool:
    """Whether more of the answers that differ became worse than chance would make (sign test)."""
    return binomial_more(worse, worse + better, 0.5) < SIGNIFICANT


@dataclass(frozen=True)
class ScoreParity:
    """How an engine's scores compare with the reference's.

    Attributes:
        texts: How many real texts were compared.
        spread: Standard deviation of the true scores; of the reference's without such.
        largest_difference: Of any text.
        moved: Root mean square of the differences.
        rmse: Root mean squared error of the engine; None without true scores.
        reference_rmse: The same of the reference.
        p_value: Whether chance alone would make the engine's squared errors so much larger, by a
            one-sided test of the paired differences; 1 without true scores.
    """

    texts: int
    spread: float
    largest_difference: float
    moved: float
    rmse: float | None
    reference_rmse: float | None
    p_value: float = 1.0

    def differs_from(self, other: str) -> str:
        """How far it is from another engine, in words."""
        return (
            f"scores differ from {other} by {self.moved:.2g} (root mean square) where they spread "
            f"by {self.spread:.2g}"
        )


def compare_scores(
    reference: NDArray[np.floating],
    scores: NDArray[np.floating],
    targets: NDArray[Any] | None = None,
    _task: Task = CLASSES,
) -> ScoreParity:
    """Compare two arrays of scores, both (texts, 1), targets being true scores."""
    theirs, ours = reference[:, 0].astype(np.float64), scores[:, 0].astype(np.float64)
    if not np.isfinite(ours).all():
        # So that it never passes.
        return ScoreParity(len(ours), float(theirs.std()), math.inf, math.inf, None, None)
    apart = np.abs(ours - theirs)
    known = targets is not None and len(targets) > 0
    truth = np.asarray(targets, np.float64) if known else theirs
    errors, before = (ours - truth) ** 2, (theirs - truth) ** 2
    gained = errors - before
    error = float(gained.std()) / max(len(gained), 1) ** 0.5
    z = float(gained.mean()) / error if error > 0 else 0.0
    return ScoreParity(
        texts=len(reference),
        spread=float(truth.std()),
        largest_difference=float(apart.max(initial=0.0)),
        moved=float(np.sqrt((apart**2).mean())),
        rmse=float(np.sqrt(errors.mean())) if known else None,
        reference_rmse=float(np.sqrt(before.mean())) if known else None,
        p_value=1 - NormalDist().cdf(z) if known else 1.0,
    )


def score_complaint(parity: ScoreParity, limits: Limits) -> str:
    """Why an engine of scores is refused, in a few words; empty when it is within the limits."""
    if not np.isfinite(parity.largest_difference):
        return "it gives scores that are not numbers"
    allowed = limits.moved * max(parity.spread, 1e-6)
    if parity.moved > allowed:
        return (
            f"scores move by {parity.moved:.2g} (root mean square; at most {allowed:.2g} allowed, "
            f"{limits.moved:g} of their spread)"
        )
    if parity.rmse is None or not parity.reference_rmse:
        return ""
    grown = parity.rmse / parity.reference_rmse - 1
    if grown > limits.rmse_lost and parity.p_value < SIGNIFICANT:
        return (
            f"the error grows by {percent(grown, 2)} (at most {percent(limits.rmse_lost)} allowed)"
        )
    return ""


@dataclass(frozen=True)
class SetParity:
    """How an engine's several labels a text compare with the reference's.

    Labels are given from those thresholds on that are best for the reference; a half without true
    labels.

    Attributes:
        texts: How many real texts were compared.
        decisions: How many labels of texts were decided.
        largest_difference: Of any probability.
        changed: Decisions that differ.
        lost: Decisions that only the reference gets right; 0 without true labels.
        gained: Those that only the engine gets right; 0 without true labels.
        micro_f1: Of the engine; None without true labels.
        reference_micro_f1: Of the reference; likewise.
    """

    texts: int
    decisions: int
    largest_difference: float
    changed: int
    lost: int
    gained: int
    micro_f1: float | None
    reference_micro_f1: float | None

    def differs_from(self, other: str) -> str:
        """How far it is from another engine, in words."""
        return (
            f"{self.changed} of {self.decisions} decisions on labels differ from {other}, "
            f"probabilities by {self.largest_difference:.2g} at most"
        )


def compare_sets(
    reference: NDArray[np.floating],
    probabilities: NDArray[np.floating],
    targets: NDArray[Any] | None = None,
    _task: Task = CLASSES,
) -> SetParity:
    """Compare probabilities of several labels, both (texts, labels), targets being 0 or 1."""
    known = targets is not None and len(targets) > 0
    has = np.asarray(targets if known else np.zeros(reference.shape)).astype(bool)
    task = SEVERAL.cut_at(choose_thresholds(has, reference)) if known else SEVERAL
    theirs, ours = task.decided(reference), task.decided(probabilities)
    largest = float(np.abs(probabilities - reference).max(initial=0.0))

    def micro_f1(said: NDArray[np.bool_]) -> float | None:
        return (
            2 * float((has & said).sum()) / max(int(has.sum() + said.sum()), 1) if known else None
        )

    return SetParity(
        texts=len(reference),
        decisions=reference.size,
        largest_difference=largest if np.isfinite(largest) else math.inf,
        changed=int((ours != theirs).sum()),
        lost=int(((theirs == has) & (ours != has)).sum()) if known else 0,
        gained=int(((ours == has) & (theirs != has)).sum()) if known else 0,
        micro_f1=micro_f1(ours),
        reference_micro_f1=micro_f1(theirs),
    )


def set_complaint(parity: SetParity, limits: Limits) -> str:
    """Why an engine of several labels is refused; empty when it is within the limits."""
    if said := _other_probabilities(parity.largest_difference, limits):
        return said
    # A threshold lies between two probabilities, and rounding may cross it.
    allowed = max(1.0, limits.changed * parity.decisions)
    if parity.changed > allowed and (
        binomial_more(parity.changed, parity.decisions, limits.changed) < SIGNIFICANT
    ):
        return (
            f"{parity.changed} of {parity.decisions} decisions change "
            f"(at most {percent(limits.changed)} allowed)"
        )
    return _fall("micro F1", parity.reference_micro_f1, parity.micro_f1, parity, limits)


AnyParity = Parity | StarParity | ScoreParity | SetParity


def compare(
    reference: NDArray[np.floating],
    probabilities: NDArray[np.floating],
    targets: NDArray[np.integer] | None = None,
    _task: Task = CLASSES,
) -> Parity:
    """Compare two arrays of probabilities, both (texts, classes).

    Args:
        reference: What the trained model says.
        probabilities: What the engine says about the same texts.
        targets: True class indices, (texts,); None when unknown.
    """
    ours, theirs = probabilities.argmax(axis=1), reference.argmax(axis=1)
    known = targets is not None and len(targets) > 0
    largest = float(np.abs(probabilities - reference).max(initial=0.0))
    return Parity(
        texts=len(reference),
        # Infinite when any is not a number, so that it never passes.
        largest_difference=largest if np.isfinite(largest) else float("inf"),
        changed=int((ours != theirs).sum()),
        lost=int(((theirs == targets) & (ours != targets)).sum()) if known else 0,
        gained=int(((ours == targets) & (theirs != targets)).sum()) if known else 0,
        accuracy=float((ours == targets).mean()) if known else None,
        reference_accuracy=float((theirs == targets).mean()) if known else None,
    )


def complaint(parity: Parity, limits: Limits) -> str:
    """Why an engine is refused, in a few words; empty when it is within the limits."""
    if said := _other_probabilities(parity.largest_difference, limits):
        return said
    if said := _other_labels(parity.changed, parity.texts, limits, "labels"):
        return said
    return _fall("accuracy", parity.reference_accuracy, parity.accuracy, parity, limits)


GATES: Mapping[Kind, tuple[Callable[..., AnyParity], Callable[[Any, Limits], str]]] = {
    "classes": (compare, complaint),
    "stars": (compare_stars, star_complaint),
    "score": (compare_scores, score_complaint),
    "multi": (compare_sets, set_complaint),
}
"""How each task's engines are compared with the reference, given its task, and when refused."""
