"""Does an exported engine still say what the trained model says? Arrays in, a verdict out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.evaluation.exact import binomial_more

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
    """

    difference: float | None = None
    changed: float = 0.01
    accuracy_lost: float = 0.005


FP32_LIMITS = Limits(difference=1e-4, changed=0.0, accuracy_lost=0.0)
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
    return Parity(
        texts=len(reference),
        largest_difference=_largest(np.abs(probabilities - reference)),
        changed=int((ours != theirs).sum()),
        lost=int(((theirs == targets) & (ours != targets)).sum()) if known else 0,
        gained=int(((ours == targets) & (theirs != targets)).sum()) if known else 0,
        accuracy=float((ours == targets).mean()) if known else None,
        reference_accuracy=float((theirs == targets).mean()) if known else None,
    )


def _largest(differences: NDArray[np.floating]) -> float:
    """The largest value; infinite when any is not a number, so that it never passes."""
    if differences.size == 0:
        return 0.0
    return float(differences.max()) if np.isfinite(differences).all() else float("inf")


def complaint(parity: Parity, limits: Limits) -> str:
    """Why an engine is refused, in a few words; empty when it is within the limits."""
    if limits.difference is not None and parity.largest_difference > limits.difference:
        return (
            f"a probability differs by {parity.largest_difference:.2g} "
            f"(at most {limits.difference:g} allowed)"
        )
    if not np.isfinite(parity.largest_difference):
        return "it gives probabilities that are not numbers"
    if _exceeds(parity.changed, parity.texts, limits.changed):
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


def _exceeds(changed: int, texts: int, share: float) -> bool:
    """Whether so many changes show that more than a share of all texts would; one never does."""
    if not share:
        return changed > 0
    return changed > max(1, share * texts) and binomial_more(changed, texts, share) < SIGNIFICANT
