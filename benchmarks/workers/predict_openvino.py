"""OpenVINO on the fp32 ONNX file or a file of its own, sorted by length, asynchronous.

Arguments further: the precision it may use (`f32`, or `bf16` where the CPU has it), its model.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import predict_loop

if __name__ == "__main__":
    import numpy as np
    import openvino

    folder, precision = Path(sys.argv[1]), sys.argv[3]
    file = Path(sys.argv[4]) if len(sys.argv) > 4 else folder / "onnx" / "model.onnx"
    core = openvino.Core()
    wishes = {"PERFORMANCE_HINT": "THROUGHPUT"}
    if precision == "f32" or "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        wishes["INFERENCE_PRECISION_HINT"] = precision
    model = core.compile_model(str(file), "CPU", wishes)
    read = predict_loop.graph_reader(folder, [port.any_name for port in model.inputs])
    queue = openvino.AsyncInferQueue(model)

    def predict(texts: Sequence[str]) -> list[list[float]]:
        """Probabilities in the order of the labels."""
        found: dict[int, np.ndarray] = {}
        queue.set_callback(
            lambda request, at: found.update({at: request.get_output_tensor(0).data.copy()})
        )
        for number, feeds in enumerate(read(texts)):
            queue.start_async(feeds, number)
        queue.wait_all()
        return predict_loop.shares([found[number] for number in sorted(found)])

    predict_loop.serve(predict_loop.by_length(predict))
