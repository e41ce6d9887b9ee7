"""ONNX Runtime with Hugging Face's tokenizers, in batches sorted by length.

Argument further: the model, if it is not the folder's fp32 file.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import predict_loop

if __name__ == "__main__":
    import onnxruntime

    folder = Path(sys.argv[1])
    file = Path(sys.argv[3]) if len(sys.argv) > 3 else folder / "onnx" / "model.onnx"
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    read = predict_loop.graph_reader(folder, [given.name for given in session.get_inputs()])

    def predict(texts: Sequence[str]) -> list[list[float]]:
        """Probabilities in the order of the labels."""
        return predict_loop.shares([session.run(None, feeds)[0] for feeds in read(texts)])

    predict_loop.serve(predict_loop.by_length(predict))
