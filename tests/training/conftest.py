"""Sessions on a tiny encoder, quick enough to train in a test."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ktrain_sentiment.config import ComputeConfig, EncoderConfig, TrainConfig
from ktrain_sentiment.data.labelled import Splits


def frame_of(pairs: list[tuple[str, str]]) -> pd.DataFrame:
    frame = pd.DataFrame(pairs, columns=["text", "label"])
    return frame.assign(row=range(1, len(frame) + 1))


@pytest.fixture(scope="session")
def splits(reviews: list[tuple[str, str]]) -> Splits:
    labels = tuple(sorted({label for _, label in reviews}))
    return Splits(
        frame_of(reviews[:300]), frame_of(reviews[300:400]), frame_of(reviews[400:600]), labels
    )


@pytest.fixture
def open_tiny(tiny_bert: Path, deeper_bert: Path, splits: Splits) -> Callable[..., Any]:
    from ktrain_sentiment.training.encoder_trainer import open_encoder_trainer

    def make(
        *,
        accelerate: bool = False,
        deeper: bool = False,
        layers: int | None = None,
        **settings: Any,
    ) -> Any:
        config = TrainConfig(
            **{"epochs": 2, "batch_size": 16, "adversarial_epsilon": 0.0, **settings}
        )
        # The fused kernels compile for every batch shape, which a tiny model does not repay.
        compute = ComputeConfig(accelerate=accelerate)
        text = EncoderConfig(maxlen=32, layers=layers)
        encoder = deeper_bert if deeper else tiny_bert
        return open_encoder_trainer(encoder, splits, text, config, compute)

    return make
