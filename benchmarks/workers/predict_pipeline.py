"""Hugging Face's pipeline on PyTorch at its best: batched, sorted by length, fp32 or bf16."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import predict_loop

if __name__ == "__main__":
    import torch
    from transformers import pipeline

    folder, precision = sys.argv[1], sys.argv[3]
    classify = pipeline(
        "text-classification",
        model=folder,
        dtype={"fp32": torch.float32, "bf16": torch.bfloat16}[precision],
        device="cpu",
        top_k=None,
    )
    labels = list(classify.model.config.label2id)

    def predict(texts: Sequence[str]) -> list[list[float]]:
        """Probabilities in the order of the labels."""
        answers = classify(list(texts), batch_size=32, truncation=True)
        scores = ({entry["label"]: entry["score"] for entry in row} for row in answers)
        return [[found[label] for label in labels] for found in scores]

    predict_loop.serve(predict_loop.by_length(predict))
