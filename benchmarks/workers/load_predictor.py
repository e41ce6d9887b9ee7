"""Load a predictor folder the way one of the tools does that should be able to, and predict.

    python load_predictor.py (transformers|tensorflow|ktrain|onnxruntime|ours) FOLDER TEXTS

TEXTS is a JSON list. Prints one JSON line: probabilities in the order of the labels, and versions.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.update(TF_USE_LEGACY_KERAS="1", TF_CPP_MIN_LOG_LEVEL="3", MPLBACKEND="Agg")

import numpy as np
from answers import say

BATCH = 32
Table = np.ndarray


def shares(logits: Table) -> Table:
    """Logits to probabilities."""
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: Table = raised / raised.sum(axis=1, keepdims=True)
    return result


def with_transformers(folder: Path, texts: list[str]) -> Table:
    """PyTorch's class, from model.safetensors."""
    import torch
    from transformers import AutoModelForSequenceClassification

    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.no_grad():
        return _batchwise(folder, texts, model, "pt")


def with_tensorflow(folder: Path, texts: list[str]) -> Table:
    """TensorFlow's class of transformers 4."""
    from transformers import TFAutoModelForSequenceClassification

    model = TFAutoModelForSequenceClassification.from_pretrained(folder)
    return _batchwise(folder, texts, model, "tf")


def _batchwise(folder: Path, texts: list[str], model: Callable[..., Any], tensors: str) -> Table:
    """What a model of transformers says of texts, tokenised by its own tokenizer."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    found = []
    for start in range(0, len(texts), BATCH):
        batch = tokenizer(
            texts[start : start + BATCH], padding=True, truncation=True,
            max_length=_maxlen(folder), return_tensors=tensors,
        )  # fmt: skip
        found.append(model(**batch).logits.numpy())
    return shares(np.concatenate(found))


def with_ktrain(folder: Path, texts: list[str]) -> Table:
    """Ktrain's own predictor."""
    # NumPy 2 removed it, and ktrain asks for it.
    np.Inf = np.inf  # type: ignore[attr-defined]
    import ktrain

    result: Table = ktrain.load_predictor(str(folder)).predict_proba(texts)
    return result


def with_onnxruntime(folder: Path, texts: list[str]) -> Table:
    """ONNX Runtime and tokenizers, nothing else."""
    import onnxruntime
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(_maxlen(folder))
    padding = json.loads((folder / "config.json").read_text()).get("pad_token_id") or 0
    tokenizer.enable_padding(pad_id=padding)
    session = onnxruntime.InferenceSession(folder / "onnx" / "model.onnx")
    names = {port.name for port in session.get_inputs()}
    found = []
    for start in range(0, len(texts), BATCH):
        encodings = tokenizer.encode_batch(texts[start : start + BATCH])
        feeds = {
            "input_ids": np.array([one.ids for one in encodings]),
            "attention_mask": np.array([one.attention_mask for one in encodings]),
            "token_type_ids": np.array([one.type_ids for one in encodings]),
        }
        wanted = {name: table for name, table in feeds.items() if name in names}
        found.append(session.run(None, wanted)[0])
    return shares(np.concatenate(found))


def with_ours(folder: Path, texts: list[str]) -> Table:
    """This package, its fp32 engine."""
    import ktrain_sentiment

    table: Table = ktrain_sentiment.load(folder, "fp32").predict_proba(texts)
    return table


def _maxlen(folder: Path) -> int:
    return int(json.loads((folder / "manifest.json").read_text())["maxlen"])


LOADERS: dict[str, tuple[Callable[[Path, list[str]], Table], tuple[str, ...]]] = {
    "transformers": (with_transformers, ("transformers", "torch")),
    "tensorflow": (with_tensorflow, ("transformers", "tensorflow", "tf_keras")),
    "ktrain": (with_ktrain, ("ktrain", "tensorflow", "tf_keras")),
    "onnxruntime": (with_onnxruntime, ("onnxruntime", "tokenizers")),
    "ours": (with_ours, ("ktrain-sentiment", "onnxruntime")),
}
"""How each loads, and which versions to tell."""

if __name__ == "__main__":
    name, place, written = sys.argv[1:]
    load, packages = LOADERS[name]
    table = load(Path(place), json.loads(Path(written).read_text(encoding="utf-8")))
    versions = [f"{package} {importlib.metadata.version(package)}" for package in packages]
    say(table=np.asarray(table, float).tolist(), versions=versions)
