"""The same model as most people serve it: FastAPI, a Hugging Face pipeline on PyTorch, uvicorn.

Called with a predictor folder, a port, and fp32 or bf16. The texts of a request are computed
together.
"""

from __future__ import annotations

import sys
from typing import Any

if __name__ == "__main__":
    import torch
    import uvicorn
    from fastapi import Body, FastAPI
    from transformers import pipeline

    folder, port, precision = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    kinds = {"fp32": torch.float32, "bf16": torch.bfloat16}
    classify = pipeline(
        "text-classification", model=folder, dtype=kinds[precision], device="cpu", top_k=None
    )

    def predict(asked: dict[str, Any] = Body()) -> Any:  # noqa: ANN401, B008 - as FastAPI wants it
        """The labels of each text."""
        inputs = asked["inputs"]
        texts = inputs if isinstance(inputs, str) else [one[0] for one in inputs]
        return classify(texts, batch_size=32, truncation=True)

    app = FastAPI()
    app.post("/predict")(predict)
    uvicorn.run(app, port=port, log_level="error")
