"""ONNX Runtime with Hugging Face's tokenizers, in batches sorted by length.

Argument further: the model, if it is not the folder's fp32 file.
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
    import onnxruntime
    from tokenizers import Tokenizer

    folder = Path(sys.argv[1])
    file = Path(sys.argv[3]) if len(sys.argv) > 3 else folder / "onnx" / "model.onnx"
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    manifest = json.loads((folder / "manifest.json").read_text())
    tokenizer.enable_truncation(manifest["maxlen"])
    tokenizer.enable_padding(pad_id=manifest["padding_id"])
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    names = [given.name for given in session.get_inputs()]

    def predict(texts: Sequence[str]) -> list[list[float]]:
        """Probabilities in the order of the labels."""
        rows = []
        for start in range(0, len(texts), BATCH):
            encodings = tokenizer.encode_batch_fast(list(texts[start : start + BATCH]))
            ids = np.array([encoding.ids for encoding in encodings])
            mask = np.array([encoding.attention_mask for encoding in encodings])
            full = {"input_ids": ids, "attention_mask": mask}
            feeds = {name: full.get(name, np.zeros_like(ids)) for name in names}
            rows.append(session.run(None, feeds)[0])
        logits = np.concatenate(rows)
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        found: list[list[float]] = (shares / shares.sum(axis=1, keepdims=True)).tolist()
        return found

    predict_loop.serve(predict_loop.by_length(predict))
