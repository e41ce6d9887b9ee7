"""What values go into each matrix product, seen on real texts: what 8-bit numbers must cover."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ktrain_sentiment.export.architecture import Array, Dense, Encoder
from ktrain_sentiment.export.onnx_graph import build_graph
from ktrain_sentiment.export.onnx_writer import FLOAT32, GraphWriter
from ktrain_sentiment.predictor.onnx_session import open_session
from ktrain_sentiment.predictor.tokenizing import EncodedTexts

_TOKENS = 8_000
_KEPT_TOKENS = 1_024


@dataclass
class Activations:
    """The inputs of one matrix product, by channel.

    Attributes:
        low: Smallest value of each channel, (channels,).
        high: Largest value of each channel, (channels,).
        sample: Some of the inputs themselves, (tokens, channels).
    """

    low: Array
    high: Array
    sample: Array

    def absorb(self, other: Activations) -> None:
        """Cover another product's inputs too: a layer that is used several times."""
        self.low = np.minimum(self.low, other.low)
        self.high = np.maximum(self.high, other.high)
        self.sample = np.concatenate([self.sample, other.sample])[::2]


class _Observer(GraphWriter):
    """Writes the fp32 graph with the inputs of all products as further outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, int]] = []

    def project(self, tensor: str, maps: Sequence[Dense]) -> list[str]:
        self.calls.append((tensor, id(maps[0])))
        return super().project(tensor, maps)

    def _further_outputs(self) -> list[Any]:
        names = dict.fromkeys(tensor for tensor, _ in self.calls)
        return [self._helper.make_tensor_value_info(name, FLOAT32, None) for name in names]


def observe(encoder: Encoder, encoded: EncodedTexts) -> list[Activations]:
    """Run the fp32 graph on some texts and look at the inputs of its products.

    Args:
        encoder: The description of the model.
        encoded: Real texts; the first few thousand tokens are used.

    Returns:
        One entry for each call of `GraphWriter.project`, in order; calls that share their weights
        share the entry.
    """
    writer = _Observer()
    session = open_session(build_graph(encoder, writer).SerializeToString())
    names = [output.name for output in session.get_outputs()][1:]
    seen: dict[str, list[Array]] = {name: [] for name in names}
    for ids in _first(encoded):
        inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        feeds = {i.name: inputs.get(i.name, np.zeros_like(ids)) for i in session.get_inputs()}
        for name, values in zip(names, session.run(names, feeds), strict=True):
            seen[name].append(values[0])
    return _merged(writer.calls, {name: _summary(values) for name, values in seen.items()})


def _first(encoded: EncodedTexts) -> list[Any]:
    budget = np.cumsum(encoded.lengths)
    count = int(np.searchsorted(budget, _TOKENS)) + 1
    return [ids[None] for ids in encoded.ids[:count]]


def _summary(values: Sequence[Array]) -> Activations:
    rows = np.concatenate(values)
    step = max(len(rows) // _KEPT_TOKENS, 1)
    return Activations(rows.min(axis=0), rows.max(axis=0), rows[::step])


def _merged(calls: Sequence[tuple[str, int]], found: dict[str, Activations]) -> list[Activations]:
    by_weight: dict[int, Activations] = {}
    merged = []
    for tensor, weight in calls:
        own = Activations(found[tensor].low, found[tensor].high, found[tensor].sample)
        if weight in by_weight:
            by_weight[weight].absorb(own)
        else:
            by_weight[weight] = own
        merged.append(by_weight[weight])
    return merged
