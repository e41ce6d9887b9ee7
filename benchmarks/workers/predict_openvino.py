"""OpenVINO on the fp32 ONNX file or a file of its own, sorted by length, asynchronous.

Arguments further: the precision it may use (`f32`, or `bf16` where the CPU has it), its model.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import predict_loop

BATCH = 32

if __name__ == "__main__":
    import numpy as np
    import openvino
    from tokenizers import Tokenizer

    folder, precision = Path(sys.argv[1]), sys.argv[3]
    file = Path(sys.argv[4]) if len(sys.argv) > 4 else folder / "onnx" / "model.onnx"
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    manifest = json.loads((folder / "manifest.json").read_text())
    tokenizer.enable_truncation(manifest["maxlen"])
    tokenizer.enable_padding(pad_id=manifest["padding_id"])
    core = openvino.Core()
    wishes = {"PERFORMANCE_HINT": "THROUGHPUT"}
    if precision == "f32" or "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        wishes["INFERENCE_PRECISION_HINT"] = precision
    model = core.compile_model(str(file), "CPU", wishes)
    names = [port.any_name for port in model.inputs]
    queue = openvino.AsyncInferQueue(model)

    def predict(texts: Sequence[str]) -> list[list[float]]:
        """Probabilities in the order of the labels."""
        found: dict[int, np.ndarray] = {}
        queue.set_callback(
            lambda request, at: found.update({at: request.get_output_tensor(0).data.copy()})
        )
        for start in range(0, len(texts), BATCH):
            encodings = tokenizer.encode_batch_fast(list(texts[start : start + BATCH]))
            ids = np.array([encoding.ids for encoding in encodings])
            mask = np.array([encoding.attention_mask for encoding in encodings])
            feeds = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
            queue.start_async({name: feeds[name] for name in names}, start)
        queue.wait_all()
        logits = np.concatenate([found[start] for start in sorted(found)])
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        rows: list[list[float]] = (shares / shares.sum(axis=1, keepdims=True)).tolist()
        return rows

    predict_loop.serve(predict_loop.by_length(predict))
