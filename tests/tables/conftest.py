"""The two doors that read tables."""

from collections.abc import Callable
from pathlib import Path

import pytest

from support.sides import Side, agree, predicted, trained

Both = Callable[..., Side]


@pytest.fixture
def both() -> Both:
    """Read a file through both doors, see that they agree, and return what prediction made of it.

    Its refusal is that of training where prediction goes on without the row.
    """

    def read_both(source: str | Path, **flags: object) -> Side:
        training, prediction = trained(source, **flags), predicted(source, **flags)
        assert agree(training, prediction), (training, prediction)
        assert "\n" not in training.refusal
        return prediction

    return read_both
