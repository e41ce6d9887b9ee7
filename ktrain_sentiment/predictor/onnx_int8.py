"""The same graph with 8-bit weights."""

from __future__ import annotations

from pathlib import Path

from ktrain_sentiment.errors import require


def quantise(source: Path, target: Path) -> None:
    """Quantise the matrix products of an ONNX file dynamically, one scale a column, signed.

    Args:
        source: The fp32 graph.
        target: Where the int8 graph goes.
    """
    quantisation = require("onnxruntime.quantization", "train")
    quantisation.quantize_dynamic(
        source,
        target,
        op_types_to_quantize=["MatMul"],
        per_channel=True,
        weight_type=quantisation.QuantType.QInt8,
    )
