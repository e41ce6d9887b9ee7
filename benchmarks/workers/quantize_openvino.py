"""Make an int8 model by NNCF's post-training quantization, calibrated on some of the texts.

Arguments: the predictor folder, the sets of texts, a precision (not used), the file to make.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from answers import say

TEXTS = 300
"""NNCF's own default for `subset_size`."""

if __name__ == "__main__":
    import nncf
    import numpy as np
    import openvino
    from tokenizers import Tokenizer

    folder, sets = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    maxlen = json.loads((folder / "manifest.json").read_text())["maxlen"]
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(maxlen)
    model = openvino.Core().read_model(folder / "onnx" / "model.onnx")
    names = [port.any_name for port in model.inputs]

    def feeds(text: str) -> dict[str, np.ndarray]:
        """One text as the model reads it."""
        ids = np.array([tokenizer.encode(text).ids])
        full = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        return {name: full.get(name, np.zeros_like(ids)) for name in names}

    texts = (sets["long"][: TEXTS // 3] + sets["short"])[:TEXTS]
    quantized = nncf.quantize(
        model, nncf.Dataset(texts, feeds), model_type=nncf.ModelType.TRANSFORMER
    )
    openvino.save_model(quantized, sys.argv[4])
    say(done=True)
