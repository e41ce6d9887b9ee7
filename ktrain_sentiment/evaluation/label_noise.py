"""Which labels are probably wrong, as against which predictions are.

Confident learning (Northcutt, Jiang and Chuang 2021, "Confident Learning: Estimating Uncertainty in
Dataset Labels"): a row is counted as really of class j when its probability of j reaches the mean
that rows labelled j have of it, so that a model that is unsure of a class everywhere is not taken
to doubt each label of it. The probabilities must come from a model that did not train on the row:
out of fold, or held out. A model that learned a wrong label by heart agrees with it.

A row so doubted may still be the model's mistake: where the model is sure and wrong, it looks the
same. How often labels are wrong cannot be read off probabilities that were fitted to those labels.
So a belief about it decides, by Bayes' rule: with a share e of wrong labels, the label is more
likely wrong than the model where a calibrated model gives it a probability below about 2 e. The
usual belief is 3.3 %, which is what people found by looking at ten well-known test sets (Northcutt,
Athalye and Mueller 2021, "Pervasive Label Errors in Test Sets Destabilize Machine Learning
Benchmarks").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ktrain_sentiment.evaluation.calibration import SMALLEST
from ktrain_sentiment.evaluation.confusion import Counts, Floats
from ktrain_sentiment.evaluation.metrics import check

USUAL_SHARE = 0.033
"""Share of wrong labels that is believed in when nothing else is known."""


@dataclass(frozen=True)
class LabelNoise:
    """What confident learning says of a set of labels.

    Attributes:
        labels: Class names.
        quality: For each row how well its label fits, 0 (surely wrong) to 1, shape (n,).
        doubted: For each row whether confident learning counts its label as wrong, shape (n,).
        p_wrong: For each row the probability that its label is wrong, under the belief, shape (n,).
        suggested: For each row the class it most likely is, other than its label, shape (n,).
        joint: Estimated number of rows by given class (rows) and real class (columns).
        share: Share of wrong labels that was believed in.
    """

    labels: tuple[str, ...]
    quality: Floats
    doubted: NDArray[np.bool_]
    p_wrong: Floats
    suggested: NDArray[np.int64]
    joint: Floats
    share: float

    @property
    def rate(self) -> float:
        """Share of labels that confident learning counts as wrong: an upper bound."""
        return float(1 - np.trace(self.joint) / self.joint.sum())

    @property
    def likely(self) -> NDArray[np.bool_]:
        """For each row whether its label is more likely wrong than the model, shape (n,)."""
        return self.doubted & (self.p_wrong >= 0.5)

    def to_json(self) -> dict[str, Any]:
        """Plain numbers."""
        return {
            "labels": list(self.labels),
            "likely": int(self.likely.sum()),
            "doubted": int(self.doubted.sum()),
            "rate": round(self.rate, 6),
            "believed": self.share,
            "joint": np.round(self.joint, 2).tolist(),
        }


def find_label_errors(
    y_given: ArrayLike,
    probabilities: ArrayLike,
    labels: Sequence[str],
    *,
    share: float = USUAL_SHARE,
) -> LabelNoise:
    """Rank rows by how well their label fits what a model that never saw it believes.

    Args:
        y_given: The labels as given, class indices, shape (n,).
        probabilities: Out-of-fold or held-out probabilities, shape (n, classes).
        labels: Class names.
        share: Share of wrong labels that is believed in, 0 to 1.

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
    return LabelNoise(
        labels=tuple(labels),
        quality=(own - others[everyone, suggested] + 1) / 2,
        doubted=wrong,
        p_wrong=_chance_wrong(own, share, len(labels)),
        suggested=suggested,
        joint=joint,
        share=share,
    )


def _chance_wrong(stated: Floats, share: float, classes: int) -> Floats:
    """The probability that labels are wrong, from what a calibrated model gives them.

    The model was fitted to labels of which a share is wrong, evenly over the other classes, so the
    stated probability mixes the real one with that share. The mixture is undone first.
    """
    other = share / (classes - 1)
    real = np.clip((stated - other) / max(1 - share - other, SMALLEST), 0, 1)
    return np.clip(1 - (1 - share) * real / np.maximum(stated, SMALLEST), 0, 1)


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
