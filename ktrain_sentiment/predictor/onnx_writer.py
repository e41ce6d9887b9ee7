"""Collects the nodes and constants of an ONNX graph, in 32-bit floats or with 8-bit weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.errors import require
from ktrain_sentiment.predictor.architecture import Array, Dense

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET = 17
"""The first with LayerNormalization; ONNX Runtime, OpenVINO and transformers.js all read it."""

INT64, FLOAT32 = 7, 1
_IR_VERSION = 8
T = TypeVar("T")


class GraphWriter:
    """Collects nodes and constants; methods return the names of tensors."""

    def __init__(self) -> None:
        self._helper = require("onnx.helper", "train")
        self._to_proto = require("onnx.numpy_helper", "train").from_array
        self._nodes: list[Any] = []
        self._constants: dict[Any, tuple[str, Any]] = {}
        self._made: dict[Any, Any] = {}

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:  # noqa: ANN401
        """Add a node with one output and name its output."""
        return self.nodes(kind, *inputs, outputs=1, **attributes)[0]

    def nodes(self, kind: str, *inputs: str, outputs: int, **attributes: Any) -> list[str]:  # noqa: ANN401
        """Add a node and name its outputs."""
        name = f"{kind}_{len(self._nodes)}"
        names = [f"{name}_{number}" for number in range(outputs)]
        self._nodes.append(self._helper.make_node(kind, inputs, names, name=name, **attributes))
        return names

    def array(self, array: NDArray[Any]) -> str:
        """A constant; the same array object is stored once."""
        return self._constant(id(array), array)

    def ints(self, *values: int) -> str:
        """A constant int64 vector; equal ones are stored once."""
        return self._constant(("ints", *values), np.array(values, dtype=np.int64))

    def number(self, value: float) -> str:
        """A constant float32 scalar; equal ones are stored once."""
        return self._constant(("number", value), np.array(value, dtype=np.float32))

    def _constant(self, key: object, array: NDArray[Any]) -> str:
        if key not in self._constants:
            # The array is kept too, so that no other array gets its id.
            self._constants[key] = (f"constant_{len(self._constants)}", array)
        return self._constants[key][0]

    def once(self, owner: object, make: Callable[[], T]) -> T:
        """What `make` gave for this object the first time; for weights that layers share."""
        key = owner if isinstance(owner, str) else id(owner)
        if key not in self._made:
            # The owner is kept too, so that no other object gets its id.
            self._made[key] = (make(), owner)
        found: T = self._made[key][0]
        return found

    def exact_dense(self, tensor: str, dense: Dense) -> str:
        """`tensor @ weight + bias` in 32-bit floats."""
        product = self.node("MatMul", tensor, self.array(dense.weight))
        return self.node("Add", product, self.array(dense.bias))

    def dense(self, tensor: str, dense: Dense) -> str:
        """`tensor @ weight + bias` in the writer's precision."""
        return self.exact_dense(tensor, dense)

    def lookup(self, table: Array, indices: str) -> str:
        """Rows of a large table in the writer's precision."""
        return self.node("Gather", self.array(table), indices)

    def to_model(self, inputs: list[str], logits: str) -> ModelProto:
        """Close the graph: int64 inputs (batch, length), output `logits` (batch, labels)."""
        make = self._helper.make_tensor_value_info
        nodes = [*self._nodes, self._helper.make_node("Identity", [logits], ["logits"], "logits")]
        graph = self._helper.make_graph(
            nodes,
            "classifier",
            [make(name, INT64, ["batch_size", "sequence_length"]) for name in inputs],
            [make("logits", FLOAT32, ["batch_size", "labels"])],
            [
                self._to_proto(np.ascontiguousarray(array) if array.ndim else array, name)
                for name, array in self._constants.values()
            ],
        )
        return self._helper.make_model(
            graph,
            opset_imports=[self._helper.make_opsetid("", OPSET)],
            ir_version=_IR_VERSION,
            producer_name="ktrain-sentiment",
        )


class Int8Writer(GraphWriter):
    """Stores large weights in 8 bits and multiplies in integers, with standard ONNX nodes alone.

    Weights are signed with one scale a column, as Dettmers et al. 2022 (arXiv:2208.07339) call
    vector-wise. Activations are quantised when they appear (`DynamicQuantizeLinear`), so no
    calibration texts are needed. ONNX Runtime fuses the nodes into one kernel.
    """

    def dense(self, tensor: str, dense: Dense) -> str:
        """`tensor @ weight + bias`, the product in 8-bit integers."""
        weight, scales = self.once(dense.weight, lambda: quantise(dense.weight, 0))
        values, scale, zero = self.once(
            tensor, lambda: self.nodes("DynamicQuantizeLinear", tensor, outputs=3)
        )
        product = self.node("MatMulInteger", values, self.array(weight), zero)
        factor = self.node("Mul", scale, self.array(scales))
        product = self.node("Mul", self.node("Cast", product, to=FLOAT32), factor)
        return self.node("Add", product, self.array(dense.bias))

    def lookup(self, table: Array, indices: str) -> str:
        """Rows of a table that is stored in 8 bits, one scale a row."""
        rows, scales = self.once(table, lambda: quantise(table, 1))
        row = self.node("Cast", self.node("Gather", self.array(rows), indices), to=FLOAT32)
        return self.node("Mul", row, self.node("Gather", self.array(scales), indices))


def quantise(weight: Array, axis: int) -> tuple[NDArray[np.int8], Array]:
    """Symmetric 8-bit integers and the scale of each line along `axis`.

    `weight ≈ integers * scales`, off by at most half a scale.

    Args:
        weight: A matrix.
        axis: 0 gives one scale a column (scales of shape (columns,)), 1 one a row ((rows, 1)).
    """
    largest = np.abs(weight).max(axis=axis, keepdims=axis == 1)
    scales = np.where(largest > 0, largest / 127, 1).astype(np.float32)
    return np.rint(weight / scales).astype(np.int8), scales
