"""How much each class counts in the loss."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from ktrain_sentiment.errors import ConfigError


def class_weights(wanted: str, labels: pd.Series, known: Sequence[str]) -> dict[int, float] | None:
    """The weight of each class index, as Keras takes it.

    Args:
        wanted: `none`, `balanced` (rows / (classes * rows of the class), as scikit-learn has
            it), or a weight a class such as `negative=1,positive=3`; classes left out weigh 1.
        labels: Labels of the training rows.
        known: All classes, in the model's order.

    Raises:
        ConfigError: A class is unknown, or a weight is not a positive number.
    """
    if wanted == "none":
        return None
    if wanted == "balanced":
        counts = labels.value_counts()
        return {i: len(labels) / (len(known) * int(counts[k])) for i, k in enumerate(known)}
    given = dict(_parse(pair, known) for pair in wanted.split(","))
    return {index: given.get(label, 1.0) for index, label in enumerate(known)}


def _parse(pair: str, known: Sequence[str]) -> tuple[str, float]:
    label, _, number = (part.strip() for part in pair.rpartition("="))
    if label not in known:
        raise ConfigError(
            f"--class-weight {pair}: wanted none, balanced or weights such as "
            f"{known[0]}=1,{known[1]}=3; the classes are {', '.join(known)}"
        )
    try:
        weight = float(number)
    except ValueError:
        weight = math.nan
    if not 0 < weight < math.inf:
        raise ConfigError(f"--class-weight {pair}: the weight must be a number above 0")
    return label, weight
