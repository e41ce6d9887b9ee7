"""Folders from elsewhere: a Hugging Face model without our manifest.

Such folders are what optimum and the hub hand out, with an ONNX file or with PyTorch-layout
weights, from which the graph is then written in memory. Labels, length limit and padding come from
the files that transformers reads. Nothing vouches for the files, and a warning says so.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ktrain_sentiment.errors import PredictorError
from ktrain_sentiment.inference.classifier import TextClassifier
from ktrain_sentiment.inference.runners import Engine, make_runner
from ktrain_sentiment.predictor.layout import PredictorFolder
from ktrain_sentiment.predictor.tokenizing import TextEncoder, padding_id

logger = logging.getLogger(__name__)

_INT8 = ("onnx/model_quantized.onnx", "onnx/model_int8.onnx", "model_quantized.onnx")
_FP32 = ("onnx/model.onnx", "model.onnx")
_LARGEST = 2**31
_LARGEST_JSON = 2**27
_NO_LIMIT = 10**9
"""transformers writes a huge model_max_length for "no limit"."""


def load_foreign(place: PredictorFolder, engine: Engine, threads: int = 0) -> TextClassifier:
    """Open a folder that has no manifest.

    Args:
        place: The folder.
        engine: As in `load`.
        threads: Cores to use; 0: all.

    Raises:
        PredictorError: A needed file is missing or cannot be used; the message lists all missing.
    """
    config = _read_json(place.config) if place.config.is_file() else {}
    chosen, graph = _open_graph(place, engine, config)
    tokenizer = _read(place.tokenizer, _LARGEST_JSON)
    logger.warning("%s has no manifest.json: its files are used unchecked", place.path)
    limit = _length_limit(place, config)
    return TextClassifier(
        labels=_labels(place, config),
        encoder=TextEncoder(tokenizer, limit, padding_id(tokenizer, config)),
        runner=make_runner(chosen, graph, threads),
        engine=chosen,
    )


def _open_graph(
    place: PredictorFolder, engine: Engine, config: Mapping[str, Any]
) -> tuple[str, bytes]:
    """The engine and the bytes of its graph, written from the PyTorch weights if there is none."""
    named = (*_INT8, *_FP32)
    if any((place.path / name).is_file() for name in named) or not _has_weights(place):
        chosen, path = _find(place, engine)
        return chosen, _read(path, _LARGEST)
    logger.info("%s has no ONNX file: writing its graph from model.safetensors", place.path)
    # Imported here: writing a graph needs libraries that predicting does not.
    from ktrain_sentiment.export.architecture import describe
    from ktrain_sentiment.export.onnx_graph import build_graph
    from ktrain_sentiment.export.onnx_int8 import DynamicInt8Writer
    from ktrain_sentiment.export.onnx_writer import GraphWriter
    from ktrain_sentiment.export.weights import read_safetensors

    # Without the model's own word on how much 8 bits may cost, auto means exact here.
    writer = DynamicInt8Writer() if engine == "int8" else GraphWriter()
    graph = build_graph(describe(read_safetensors(place.torch_weights), config), writer)
    return "fp32" if engine == "auto" else engine, graph.SerializeToString()


def _has_weights(place: PredictorFolder) -> bool:
    needed = (place.config, place.tokenizer, place.torch_weights)
    return all(path.is_file() for path in needed)


def _find(place: PredictorFolder, engine: Engine) -> tuple[str, Path]:
    """The engine and its ONNX file; complains about everything that is missing at once."""
    wanted = {"int8": _INT8, "fp32": _FP32, "openvino": _FP32, "auto": (*_INT8, *_FP32)}[engine]
    found = next((name for name in wanted if (place.path / name).is_file()), None)
    present = {
        "config.json": place.config.is_file(),
        "tokenizer.json": place.tokenizer.is_file(),
        " or ".join(wanted): found is not None,
    }
    missing = [name for name, there in present.items() if not there]
    if found is None or missing:
        raise PredictorError(
            f"{place.path} is no predictor: it has no manifest.json, and also lacks "
            f"{', '.join(missing)}; make a predictor of a ktrain or Keras model with "
            "ktrain-sentiment export"
        )
    if engine == "auto":
        engine = "int8" if found in _INT8 else "fp32"
    return engine, place.path / found


def _labels(place: PredictorFolder, config: Mapping[str, Any]) -> tuple[str, ...]:
    names = config.get("id2label")
    if not isinstance(names, dict) or len(names) < 2:
        raise PredictorError(f"{place.config} has no id2label with at least two labels")
    try:
        return tuple(str(names[str(index)]) for index in range(len(names)))
    except KeyError as error:
        raise PredictorError(f"{place.config}: id2label lacks the label {error}") from error


def _length_limit(place: PredictorFolder, config: Mapping[str, Any]) -> int:
    # Imported here: a predictor with a manifest needs nothing of encoders.
    from ktrain_sentiment.encoders.positions import most_tokens

    own = _read_json(place.tokenizer_config) if place.tokenizer_config.is_file() else {}
    limits = (own.get("model_max_length"), most_tokens(config))
    known = [int(limit) for limit in limits if isinstance(limit, int) and limit < _NO_LIMIT]
    return min(known, default=512)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(_read(path, _LARGEST_JSON))
    except (ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise PredictorError(f"{path} cannot be read as JSON: {reason}") from error
    if not isinstance(value, dict):
        raise PredictorError(f"{path}: wanted a JSON object, got {type(value).__name__}")
    return value


def _read(path: Path, largest: int) -> bytes:
    size = path.stat().st_size
    if size > largest:
        raise PredictorError(f"{path} has {size:,} bytes, wanted at most {largest:,}")
    try:
        return path.read_bytes()
    except OSError as error:
        raise PredictorError(f"{path} cannot be read: {error.strerror}") from error
