"""How far an engine's answers are from those of the trained model, and when that is too far."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.evaluation.intervals import binomial_more
from ktrain_sentiment.evaluation.thresholds import choose_thresholds
from ktrain_sentiment.tasks import SEVERAL, Kind

if TYPE_CHECKING:
    pass


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
        moved: How far scores may move, root mean square, as a share of their spread. A tenth costs
            at most a hundredth of the variance that is explained.
        rmse_lost: Share by which the root mean squared error of scores may grow.
    """

    difference: float | None = None
    changed: float = 0.01
    accuracy_lost: float = 0.005
    moved: float = 0.1
    rmse_lost: float = 0.01


FP32_LIMITS = Limits(difference=1e-4, changed=0.0, accuracy_lost=0.0, moved=1e-4, rmse_lost=1e-4)
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


def compare_scores(
    reference: NDArray[np.floating],
    scores: NDArray[np.floating],
    targets: NDArray[Any] | None = None,
) -> ScoreParity:
    """Compare two arrays of scores, both (texts, 1).

    Args:
        reference: What the trained model says.
        scores: What the engine says about the same texts.
        targets: True scores, (texts,); None when unknown.
    """
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
        return f"the error grows by {grown:.2%} (at most {limits.rmse_lost:.1%} allowed)"
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


def compare_sets(
    reference: NDArray[np.floating],
    probabilities: NDArray[np.floating],
    targets: NDArray[Any] | None = None,
) -> SetParity:
    """Compare two arrays of probabilities of several labels, both (texts, labels).

    Args:
        reference: What the trained model says.
        probabilities: What the engine says about the same texts.
        targets: True labels, 0 or 1, (texts, labels); None when unknown.
    """
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
    if limits.difference is not None and parity.largest_difference > limits.difference:
        return (
            f"a probability differs by {parity.largest_difference:.2g} "
            f"(at most {limits.difference:g} allowed)"
        )
    if not np.isfinite(parity.largest_difference):
        return "it gives probabilities that are not numbers"
    # A threshold lies between two probabilities, and rounding may cross it.
    allowed = max(1.0, limits.changed * parity.decisions)
    if parity.changed > allowed and (
        binomial_more(parity.changed, parity.decisions, limits.changed) < SIGNIFICANT
    ):
        return (
            f"{parity.changed} of {parity.decisions} decisions change "
            f"(at most {limits.changed:.1%} allowed)"
        )
    if parity.micro_f1 is None or parity.reference_micro_f1 is None:
        return ""
    lost = parity.reference_micro_f1 - parity.micro_f1
    beyond_chance = binomial_more(parity.lost, parity.lost + parity.gained, 0.5) < SIGNIFICANT
    if lost > limits.accuracy_lost and beyond_chance:
        return f"micro F1 falls by {lost:.2%} (at most {limits.accuracy_lost:.1%} allowed)"
    return ""


AnyParity = Parity | ScoreParity | SetParity


def compare(
    reference: NDArray[np.floating],
    probabilities: NDArray[np.floating],
    targets: NDArray[np.integer] | None = None,
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
    if limits.difference is not None and parity.largest_difference > limits.difference:
        return (
            f"a probability differs by {parity.largest_difference:.2g} "
            f"(at most {limits.difference:g} allowed)"
        )
    if not np.isfinite(parity.largest_difference):
        return "it gives probabilities that are not numbers"
    # One changed label never shows that more than a share of all would change, unless none may.
    changed, allowed = parity.changed, limits.changed
    too_many = changed > max(1, allowed * parity.texts) if allowed else changed > 0
    if too_many and (not allowed or binomial_more(changed, parity.texts, allowed) < SIGNIFICANT):
        return (
            f"{parity.changed} of {parity.texts} labels change "
            f"(at most {limits.changed:.1%} allowed)"
        )
    if parity.accuracy is None or parity.reference_accuracy is None:
        return ""
    lost = parity.reference_accuracy - parity.accuracy
    beyond_chance = binomial_more(parity.lost, parity.lost + parity.gained, 0.5) < SIGNIFICANT
    if lost > limits.accuracy_lost and beyond_chance:
        return f"accuracy falls by {lost:.2%} (at most {limits.accuracy_lost:.1%} allowed)"
    return ""


GATES: Mapping[Kind, tuple[Callable[..., AnyParity], Callable[[Any, Limits], str]]] = {
    "classes": (compare, complaint),
    "stars": (compare, complaint),
    "score": (compare_scores, score_complaint),
    "multi": (compare_sets, set_complaint),
}
"""How each task's engines are compared with the reference, and when they are refused."""
