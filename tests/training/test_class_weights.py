"""Class weights are balanced, given, or refused with the classes named."""

import pandas as pd
import pytest

from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.training.policies import class_weights

LABELS = pd.Series(["negative"] * 30 + ["positive"] * 10)
KNOWN = ("negative", "positive")


def test_none_is_no_weights() -> None:
    assert class_weights("none", LABELS, KNOWN) is None


def test_balanced_weights_make_every_class_count_the_same() -> None:
    weights = class_weights("balanced", LABELS, KNOWN)
    assert weights == {0: pytest.approx(40 / 60), 1: pytest.approx(2.0)}


def test_given_weights_are_taken_and_others_are_one() -> None:
    assert class_weights("positive=3", LABELS, KNOWN) == {0: 1.0, 1: 3.0}


@pytest.mark.parametrize("wanted", ["neutral=2", "positive=0", "positive=many", "heavy"])
def test_what_is_no_weight_is_refused(wanted: str) -> None:
    with pytest.raises(ConfigError, match="--class-weight"):
        class_weights(wanted, LABELS, KNOWN)
