"""What a training runs on, and with which products."""

from __future__ import annotations

import pytest

from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.training.backend import choose_precision

PLAIN, BRAIN = frozenset({"avx2"}), frozenset({"avx2", "avx512_bf16"})


@pytest.mark.parametrize(
    ("device", "flags", "capability", "chosen"),
    [
        ("CPU", PLAIN, (0, 0), "float32"),
        ("CPU", BRAIN, (0, 0), "bfloat16"),
        ("GPU", BRAIN, (6, 1), "float32"),
        ("GPU", PLAIN, (7, 5), "float32"),
        ("GPU", PLAIN, (8, 0), "bfloat16"),
        ("GPU", PLAIN, (9, 0), "bfloat16"),
    ],
)
def test_products_are_in_the_format_that_the_device_is_fast_at(
    device: str, flags: frozenset[str], capability: tuple[int, int], chosen: str
) -> None:
    assert choose_precision(device, "auto", flags, capability) == chosen


@pytest.mark.parametrize("device", ["CPU", "GPU"])
def test_the_format_is_the_one_that_was_asked_for(device: str) -> None:
    assert choose_precision(device, "float32", BRAIN, (9, 0)) == "float32"
    assert choose_precision(device, "bfloat16", PLAIN, (7, 5)) == "bfloat16"


def test_float16_is_refused_on_a_cpu() -> None:
    with pytest.raises(ConfigError, match="--precision float16 needs a GPU"):
        choose_precision("CPU", "float16", BRAIN)
