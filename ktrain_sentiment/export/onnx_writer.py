"""Collects the nodes and constants of an ONNX graph, in 32-bit floats."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.errors import require
from ktrain_sentiment.export.transformer_spec import Array, Dense

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET = 17
"""The first with LayerNormalization; ONNX Runtime, OpenVINO and transformers.js all read it."""

INT64, FLOAT32 = 7, 1
_IR_VERSION = 8
"""That of ONNX 1.12, with which the operators came: a newer one would shut out older runtimes."""
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
        """`tensor @ weight + bias` in 32-bit floats.

        The bias is a `Sum` and not an `Add` because ONNX Runtime fuses `Add` and GELU into a
        kernel that is slower than the two (CPU, 1.31).
        """
        product = self.node("MatMul", tensor, self.array(dense.weight))
        return self.node("Sum", product, self.array(dense.bias))

    def project(self, tensor: str, maps: Sequence[Dense]) -> list[str]:
        """Several maps of one tensor, in the writer's precision."""
        return [self.exact_dense(tensor, dense) for dense in maps]

    def dense(self, tensor: str, dense: Dense) -> str:
        """One map of a tensor, in the writer's precision."""
        return self.project(tensor, [dense])[0]

    def lookup(self, table: Array, indices: str) -> str:
        """Rows of a large table in the writer's precision."""
        return self.node("Gather", self.array(table), indices)

    def length(self) -> str:
        """How many tokens wide the batch is, (1)."""
        return self.node("Slice", self.node("Shape", "input_ids"), self.ints(1), self.ints(2))

    def range(self, end: str) -> str:
        """0, 1, ... and `end` is left out, (end)."""
        zero, one = self.array(np.array(0, np.int64)), self.array(np.array(1, np.int64))
        return self.node("Range", zero, self.node("Squeeze", end), one)

    def to_model(self, inputs: list[str], logits: str) -> ModelProto:
        """Close the graph: int64 inputs (batch, length), output `logits` (batch, labels)."""
        make = self._helper.make_tensor_value_info
        nodes = [*self._nodes, self._helper.make_node("Identity", [logits], ["logits"], "logits")]
        graph = self._helper.make_graph(
            nodes,
            "classifier",
            [make(name, INT64, ["batch_size", "sequence_length"]) for name in inputs],
            [make("logits", FLOAT32, ["batch_size", "labels"]), *self._further_outputs()],
            [
                self._to_proto(np.ascontiguousarray(array) if array.ndim else array, name)
                for name, array in self._constants.values()
            ],
        )
        domains = sorted({node.domain for node in self._nodes} | {""})
        return self._helper.make_model(
            graph,
            opset_imports=[self._helper.make_opsetid(d, 1 if d else OPSET) for d in domains],
            ir_version=_IR_VERSION,
            producer_name="ktrain-sentiment",
        )

    def _further_outputs(self) -> list[Any]:
        return []
