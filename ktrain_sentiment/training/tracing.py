"""A Keras model as an ONNX graph by tracing: the general road, for families outside BERT's.

Half a minute instead of a second, and a graph that ONNX Runtime can optimise less; see
`export/onnx_graph.py` for the quick road.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ktrain_sentiment.errors import PredictorError, require
from ktrain_sentiment.training.backend import Untyped, open_backend

_OPSET = 17


def tracer(model: Untyped) -> Callable[[Path], None]:
    """What writes the ONNX graph of a model to a path; `save_predictor` takes it as `trace`."""
    return lambda path: trace_onnx(model, path)


def trace_onnx(model: Untyped, path: Path) -> None:
    """Write a Keras model as ONNX: dynamic batch and length, output `logits`.

    Args:
        model: A transformers `TF…ForSequenceClassification`.
        path: Where the file goes.

    Raises:
        PredictorError: tf2onnx cannot convert it.
    """
    tf = open_backend().tf
    tf2onnx = require("tf2onnx", "train")
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    names = ["input_ids", "attention_mask"]
    signature = [tf.TensorSpec((None, None), tf.int64, name=name) for name in names]

    def logits(input_ids: Untyped, attention_mask: Untyped) -> dict[str, Untyped]:
        inputs = {"input_ids": input_ids, "attention_mask": attention_mask}
        return {"logits": model(inputs, training=False).logits}

    try:
        tf2onnx.convert.from_function(
            tf.function(logits, input_signature=signature),
            input_signature=signature,
            opset=_OPSET,
            custom_op_handlers={"Erfc": (_write_erfc, [])},
            output_path=str(path),
        )
    except (ValueError, RuntimeError, NotImplementedError) as error:
        reason = " ".join(str(error).split())[:200]
        raise PredictorError(f"the model cannot be traced to ONNX: {reason}") from error


def _write_erfc(context: Untyped, node: Untyped, _name: str, _arguments: Any) -> None:  # noqa: ANN401
    """`1 - Erf(x)`: tf2onnx 1.17 writes an operator `Erfc`, which ONNX does not have."""
    numpy = require("numpy", "train")
    data_type = context.get_dtype(node.output[0])
    shape = context.get_shape(node.output[0])
    source, output = node.input[0], node.output[0]
    context.remove_node(node.name)
    erf = context.make_node("Erf", [source], dtypes=[data_type], shapes=[shape])
    one = context.make_const(node.name + "_one", numpy.ones((), numpy.float32))
    context.make_node(
        "Sub", [one.output[0], erf.output[0]], outputs=[output], dtypes=[data_type], shapes=[shape]
    )
