"""Predictor folders without TensorFlow: a tiny encoder, a head fitted to the made-up reviews."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from ktrain_sentiment.export.onnx_graph import build_graph
from ktrain_sentiment.export.onnx_writer import GraphWriter
from ktrain_sentiment.export.quantization import Int8Writer, collect_activations
from ktrain_sentiment.export.transformer_spec import describe
from ktrain_sentiment.export.weights import write_safetensors
from ktrain_sentiment.predictor.layout import PredictorFolder
from ktrain_sentiment.predictor.manifest import Manifest, digest_files, write_manifest
from ktrain_sentiment.predictor.onnx_session import open_session, run
from ktrain_sentiment.predictor.tokenization import TextEncoder, pad
from support.reviews import LABELS, make_reviews

MAXLEN = 24


def build_predictor(encoder: Path, home: Path, **facts: Any) -> Path:
    """Write a whole predictor folder that gets most of the made-up reviews right.

    Args:
        encoder: A folder of `support.tiny.build_bert`.
        home: Where the predictor will stand.
        facts: Further fields of the manifest.
    """
    home.mkdir(parents=True)
    place = PredictorFolder(home)
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        shutil.copy(encoder / name, home / name)
    config = _write_config(place)
    weights = _with_head(_renamed(encoder), config, place)
    write_safetensors(place.torch_weights, weights)
    _write_engines(place, weights, config)
    manifest = {
        "labels": LABELS, "maxlen": MAXLEN, "encoder": "tiny-bert", "family": "bert",
        "engines": {"fp32": {"kept": True}, "int8": {"kept": True}}, "files": digest_files(place),
    }  # fmt: skip
    write_manifest(home, Manifest(**(manifest | facts)))
    return home


def _write_config(place: PredictorFolder) -> dict[str, Any]:
    config = json.loads(place.config.read_text())
    config |= {
        "architectures": ["BertForSequenceClassification"],
        "id2label": {str(index): label for index, label in enumerate(LABELS)},
        "label2id": {label: index for index, label in enumerate(LABELS)},
    }
    place.config.write_text(json.dumps(config))
    return config


def _renamed(encoder: Path) -> dict[str, np.ndarray]:
    found = load_file(encoder / "model.safetensors")
    return {f"bert.{name}": array for name, array in found.items() if "position_ids" not in name}


def _with_head(
    weights: dict[str, np.ndarray], config: dict[str, Any], place: PredictorFolder
) -> dict[str, np.ndarray]:
    """Least squares from the pooled state of a review to its label."""
    reviews = make_reviews(400, seed=3)
    texts = [text for text, _ in reviews]
    signs = np.array([1.0 if label == LABELS[1] else -1.0 for _, label in reviews])
    width = config["hidden_size"]
    probe = {
        "classifier.weight": np.eye(width, dtype=np.float32),
        "classifier.bias": np.zeros(width, np.float32),
    }
    graph = build_graph(describe(weights | probe, config), GraphWriter())
    encoded = TextEncoder.from_folder(place, MAXLEN).encode(texts)
    ids, mask = pad(encoded.ids, 0)
    states = run(open_session(graph.SerializeToString()), ids, mask)
    design = np.c_[states, np.ones(len(states))]
    normal = design.T @ design + 0.1 * np.eye(width + 1)
    solution = (3 * np.linalg.solve(normal, design.T @ signs)).astype(np.float32)
    return weights | {
        "classifier.weight": np.stack([-solution[:-1], solution[:-1]]),
        "classifier.bias": np.array([-solution[-1], solution[-1]]),
    }


def _write_engines(
    place: PredictorFolder, weights: dict[str, np.ndarray], config: dict[str, Any]
) -> None:
    encoder = describe(weights, config)
    place.onnx.parent.mkdir()
    texts = [text for text, _ in make_reviews(100, seed=5)]
    seen = collect_activations(encoder, TextEncoder.from_folder(place, MAXLEN).encode(texts))
    place.onnx.write_bytes(build_graph(encoder, GraphWriter()).SerializeToString())
    place.onnx_int8.write_bytes(build_graph(encoder, Int8Writer(seen)).SerializeToString())


def rewrite_manifest(folder: Path, **changes: object) -> None:
    """Change what the manifest of a predictor says."""
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
