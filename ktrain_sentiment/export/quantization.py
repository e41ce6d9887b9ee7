"""The graph with 8-bit weights and 8-bit activations in its large products.

Weights are signed with one scale a column. Activations are unsigned with one fixed scale a
product, found on real texts (`collect_activations`), so that a text's prediction does not depend on
which texts share its batch, as it does when scales are taken from the batch. Three things keep
the loss small; all are computed here, and cost the graph nothing but one product a channel:

- Channels with outliers are scaled down, and their weights up (Xiao et al. 2023, "SmoothQuant",
  arXiv:2211.10438): a few channels of BERT's family are ten times larger than the others.
- The mean error that rounding leaves in each output goes into the bias (Nagel et al. 2019,
  "Data-Free Quantization", arXiv:1906.04721).
- Weights use 100 of 127 steps: on CPUs without VNNI, ONNX Runtime adds pairs of products in 16
  bits, which saturate now and then when all steps are used.

`MatMulIntegerToFloat` is ONNX Runtime's own operator, the one that it fuses standard quantised
products into; written directly, the bias is part of it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.export.onnx_graph import build_graph
from ktrain_sentiment.export.onnx_writer import FLOAT32, GraphWriter
from ktrain_sentiment.export.transformer_spec import Array, Dense, TransformerSpec
from ktrain_sentiment.predictor.onnx_session import feeds_for, import_onnxruntime, open_session
from ktrain_sentiment.predictor.tokenization import EncodedTexts

_STEPS = 100
"""Of 127: ONNX Runtime's kernels without VNNI add pairs of products in 16 bits (see above)."""
_TINY = 1e-30
_SMOOTHING = 0.8
"""SmoothQuant's alpha, how much of an outlier moves from the activations (0) into the weights (1).
The paper balances at 0.5 and goes up to 0.9 where activations have the worse outliers, as here,
where each column of the weights has a scale of its own."""
_TOKENS = 8_000
"""Tokens that are looked at: extremes of more hardly move, and each costs time at every export."""
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


class Passing:
    """The inputs of one product while texts go by: of MPNet all together would be 2 GB."""

    def __init__(self) -> None:
        self._low: list[Array] = []
        self._high: list[Array] = []
        self._kept: list[Array] = []
        self._rows = 0

    def add(self, rows: Array, step: int) -> None:
        """Take the extremes of the next rows, and each row whose place `step` divides."""
        self._low.append(rows.min(axis=0))
        self._high.append(rows.max(axis=0))
        self._kept.append(rows[-self._rows % step :: step].copy())
        self._rows += len(rows)

    @property
    def activations(self) -> Activations:
        """What was seen."""
        return Activations(
            np.min(self._low, axis=0), np.max(self._high, axis=0), np.concatenate(self._kept)
        )


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


def collect_activations(spec: TransformerSpec, encoded: EncodedTexts) -> list[Activations]:
    """Run the fp32 graph on some texts and look at the inputs of its products.

    Args:
        spec: The description of the model.
        encoded: Real texts; the first few thousand tokens are used.

    Returns:
        One entry for each call of `GraphWriter.project`, in order; calls that share their weights
        share the entry.
    """
    writer = _Observer()
    session = open_session(build_graph(spec, writer).SerializeToString())
    inputs = [entry.name for entry in session.get_inputs()]
    names = [output.name for output in session.get_outputs()][1:]
    seen = {name: Passing() for name in names}
    count = int(np.searchsorted(np.cumsum(encoded.lengths), _TOKENS)) + 1
    tokens = int(encoded.lengths[:count].sum())
    for ids in encoded.ids[:count]:
        feeds = feeds_for(inputs, ids[None], np.ones((1, len(ids)), np.int64))
        for name, values in zip(names, session.run(names, feeds), strict=True):
            # Of all tokens, or of each text's first alone.
            total = tokens if len(values[0]) == len(ids) else count
            seen[name].add(values[0], max(total // _KEPT_TOKENS, 1))
    shared: dict[int, Activations] = {}
    found = []
    for tensor, weight in writer.calls:
        own = seen[tensor].activations
        if weight in shared:
            shared[weight].absorb(own)
        found.append(shared.setdefault(weight, own))
    return found


@dataclass(frozen=True)
class Rounding:
    """How the inputs of a product are rounded: `uint8(x * smoothing_scales / scale + zero_point)`.

    Attributes:
        smoothing_scales: One a channel; its inverse is in the weights.
        scale: One step.
        zero_point: The integer that stands for zero.
    """

    smoothing_scales: Array
    scale: float
    zero_point: int


class _Int8Tables(GraphWriter):
    """Stores large tables of embeddings in 8 bits."""

    def lookup(self, table: Array, indices: str) -> str:
        """Rows of a table, one scale a row."""
        rows, scales = self.once(table, lambda: quantize(table, 1, 127))
        row = self.node("Cast", self.node("Gather", self.array(rows), indices), to=FLOAT32)
        return self.node("Mul", row, self.node("Gather", self.array(scales), indices))


class Int8Writer(_Int8Tables):
    """Writes large products and tables in 8 bits.

    Args:
        activations: The inputs of each product, as `collect_activations` gives them.
    """

    def __init__(self, activations: Sequence[Activations]) -> None:
        super().__init__()
        self._activations: Iterator[Activations] = iter(activations)

    def project(self, tensor: str, maps: Sequence[Dense]) -> list[str]:
        """Several maps of one tensor, which is rounded once."""
        seen = next(self._activations)
        joint = np.concatenate([dense.weight for dense in maps], axis=1)
        rounding = self.once(seen, lambda: choose_rounding(seen, joint))
        value = rounding.zero_point
        scale = self.number(rounding.scale)
        zero = self._constant(("zero", value), np.array(value, dtype=np.uint8))
        smooth = self.node("Mul", tensor, self.array(rounding.smoothing_scales))
        rounded = self.node("QuantizeLinear", smooth, scale, zero)
        products = []
        for dense in maps:
            weight, scales, bias = self.once(
                dense, functools.partial(quantize_map, dense, seen, rounding)
            )
            inputs = (rounded, self.array(weight), scale, self.array(scales), zero, "")
            products.append(
                self.node("MatMulIntegerToFloat", *inputs, self.array(bias), domain="com.microsoft")
            )
        return products


class DynamicInt8Writer(_Int8Tables):
    """Writes large products in 8 bits without having seen any text.

    Each batch's own range gives the scale of its activations, so a prediction depends a little on
    what else is in the batch, and the error is about twice that of `Int8Writer`. Standard nodes
    alone, which ONNX Runtime fuses.
    """

    def project(self, tensor: str, maps: Sequence[Dense]) -> list[str]:
        """Several maps of one tensor, which is rounded once."""
        values, scale, zero = self.nodes("DynamicQuantizeLinear", tensor, outputs=3)
        return [self._product(values, scale, zero, dense) for dense in maps]

    def _product(self, values: str, scale: str, zero: str, dense: Dense) -> str:
        weight, scales = self.once(dense, lambda: quantize(dense.weight, 0, _STEPS))
        product = self.node("MatMulInteger", values, self.array(weight), zero)
        factor = self.node("Mul", scale, self.array(scales))
        product = self.node("Mul", self.node("Cast", product, to=FLOAT32), factor)
        return self.node("Add", product, self.array(dense.bias))


def choose_rounding(seen: Activations, weight: Array) -> Rounding:
    """Spread outliers over activations and weights, then cover the range that was seen.

    Args:
        seen: The inputs of the product.
        weight: Its weights, (channels, outputs).
    """
    largest = np.maximum(np.maximum(np.abs(seen.low), np.abs(seen.high)), 1e-3)
    heaviest = np.maximum(np.abs(weight).max(axis=1), 1e-5)
    spread = largest**_SMOOTHING / heaviest ** (1 - _SMOOTHING)
    smoothing = (np.exp(np.log(spread).mean()) / spread).astype(np.float32)
    low = min(float((seen.low * smoothing).min()), 0.0)
    high = max(float((seen.high * smoothing).max()), 0.0)
    # A mean layer's feed-forward map (training/mean_layer.py) gives zeros alone.
    scale = float(np.float32((high - low) / 255)) or 1.0
    return Rounding(smoothing, scale, int(np.clip(np.rint(-low / scale), 0, 255)))


def quantize_map(
    dense: Dense, seen: Activations, rounding: Rounding
) -> tuple[NDArray[np.int8], Array, Array]:
    """A map's 8-bit weights, their scales (one a column), and a bias without the mean error.

    Args:
        dense: The map.
        seen: Its inputs.
        rounding: How they are rounded.
    """
    weight = dense.weight / rounding.smoothing_scales[:, None]
    integers, scales = quantize(weight, 0, _STEPS)
    inputs = seen.sample * rounding.smoothing_scales
    zero_point = rounding.zero_point
    steps = np.clip(np.rint(inputs / rounding.scale) + zero_point, 0, 255) - zero_point
    rounded = steps.mean(axis=0) * rounding.scale
    error = inputs.mean(axis=0) @ weight - rounded @ (integers * scales)
    return integers, scales, (dense.bias + error).astype(np.float32)


def quantize(weight: Array, axis: int, steps: int) -> tuple[NDArray[np.int8], Array]:
    """Symmetric integers and the scale of each line along `axis`.

    `weight ≈ integers * scales`, off by at most half a scale.

    Args:
        weight: A matrix.
        axis: 0 gives one scale a column (scales of shape (columns,)), 1 one a row ((rows, 1)).
        steps: The largest integer.
    """
    largest = np.abs(weight).max(axis=axis, keepdims=axis == 1)
    # Numbers too small to be divided exactly count as zero.
    scales = np.where(largest > _TINY, largest / steps, 1).astype(np.float32)
    return np.rint(weight / scales).astype(np.int8), scales


def quantize_file(source: Path, target: Path) -> None:
    """Quantise the matrix products of any ONNX file, one signed scale a column.

    Per-channel signed weights doubled the throughput of 32-bit floats; one unsigned scale for a
    whole matrix gained nothing (ONNX Runtime 1.31 on a CPU with VNNI).
    """
    quantization = import_onnxruntime("onnxruntime.quantization")
    quantization.quantize_dynamic(
        source,
        target,
        op_types_to_quantize=["MatMul"],
        per_channel=True,
        weight_type=quantization.QuantType.QInt8,
    )
