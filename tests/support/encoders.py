"""Encoder folders to spoil, and someone who asks for encoders."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from ktrain_sentiment import encoders
from ktrain_sentiment.errors import EncoderError
from support.process import run_code
from support.torchfile import save_as_torch

NAME = "distilbert-base-uncased"
WEIGHTS = "model.safetensors"


def complaint(name: object) -> str:
    """What `resolve` says of an encoder that it must refuse, on one line."""
    with pytest.raises(EncoderError) as caught:
        encoders.resolve(str(name))
    assert "\n" not in str(caught.value)
    return str(caught.value)


SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


def in_shards(encoder: Path) -> dict[str, np.ndarray]:
    """Put the encoder's weights into two files with an index, as large encoders have them."""
    whole = load_file(encoder / WEIGHTS)
    (encoder / WEIGHTS).unlink()
    placed = {name: SHARDS[number % 2] for number, name in enumerate(whole)}
    for shard in SHARDS:
        part = {name: whole[name] for name in whole if placed[name] == shard}
        save_file(part, encoder / shard, metadata={"format": "pt"})
    index = {"metadata": {}, "weight_map": placed}
    (encoder / "model.safetensors.index.json").write_text(json.dumps(index))
    return whole


def as_pickle(encoder: Path, **others: Any) -> dict[str, np.ndarray]:
    """Put the encoder's weights into `pytorch_model.bin` alone."""
    whole = load_file(encoder / WEIGHTS)
    (encoder / WEIGHTS).unlink()
    save_as_torch(encoder / "pytorch_model.bin", whole, **others)
    return whole


def assert_same_tensors(place: Path, wanted: dict[str, np.ndarray]) -> None:
    """Check that a folder holds these tensors and no others."""
    found = load_file(place / WEIGHTS)
    assert found.keys() == wanted.keys()
    for name, array in wanted.items():
        np.testing.assert_array_equal(found[name], array)


@dataclass(frozen=True)
class Answer:
    """What `resolve` said: a folder, or one line; and what it logged."""

    folder: Path | None
    complaint: str
    log: str


@dataclass(frozen=True)
class User:
    """Someone with a cache of their own who asks a hub for encoders."""

    endpoint: str
    cache: Path

    def asks(self, name: str, setup: str = "", **environment: str) -> Answer:
        """Resolve a name in a process: huggingface_hub reads its settings when it is imported."""
        code = f"""
            import logging, sys
            logging.basicConfig(format="%(message)s", level=logging.INFO)
            from ktrain_sentiment import encoders
            from ktrain_sentiment.encoders import model_hub, packaged
            from ktrain_sentiment.errors import EncoderError
            {setup}
            try:
                print("found", encoders.resolve({name!r}))
            except EncoderError as error:
                print("complaint", error)
        """
        settings = {"HF_ENDPOINT": self.endpoint, "HF_HOME": str(self.cache), **environment}
        done = run_code(code, settings, timeout=60)
        assert done.returncode == 0, done.stderr
        kind, _, rest = done.stdout.strip().partition(" ")
        found = Path(rest) if kind == "found" else None
        return Answer(found, "" if found else rest, done.stderr)
