"""A predictor folder → a classifier. Nothing in the folder is executed or unpickled.

Read are manifest.json, tokenizer.json or features.json, and one ONNX file: data formats that hold
no code. Each is read once, compared with the manifest's sha256, and used from memory, so what was
checked is what runs. This guards against damage and against files that were exchanged; a folder
whose manifest was rewritten with them is as trustworthy as whoever gave it to you, and still runs
no code.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import get_args

from ktrain_sentiment.cleaning import check_steps
from ktrain_sentiment.errors import ConfigError, PredictorError
from ktrain_sentiment.inference.classifier import TextClassifier
from ktrain_sentiment.inference.foreign import load_foreign
from ktrain_sentiment.inference.runners import Engine, make_runner
from ktrain_sentiment.predictor.digests import read_checked
from ktrain_sentiment.predictor.features import FeatureEncoder, FeatureIndex
from ktrain_sentiment.predictor.layout import PredictorFolder
from ktrain_sentiment.predictor.manifest import Manifest, read_manifest
from ktrain_sentiment.predictor.tokenizing import Encoder, TextEncoder


def load(
    folder: str | os.PathLike[str], engine: Engine = "auto", *, threads: int = 0
) -> TextClassifier:
    """Open a predictor for prediction; needs neither TensorFlow nor transformers.

    Args:
        folder: A predictor folder, or a folder from elsewhere with config.json, tokenizer.json
            and an ONNX file (which is then used unchecked, with a warning).
        engine: auto, int8, fp32 or openvino.
        threads: Cores to use; 0: all that this process may use.

    Returns:
        A classifier; see `TextClassifier`.

    Raises:
        PredictorError: The folder is missing, incomplete, damaged or of a newer format.
        ConfigError: The engine is unknown.
        MissingExtraError: The engine is not installed.
    """
    place = PredictorFolder(Path(folder))
    if engine not in get_args(Engine):
        raise ConfigError(f"engine {engine!r}: wanted one of {', '.join(get_args(Engine))}")
    if place.path.is_dir() and not place.manifest.is_file():
        return load_foreign(place, engine, threads)
    manifest = read_manifest(place.path)
    check_steps(manifest.cleaning)
    chosen, path = _choose(place, manifest, engine)
    graph = read_checked(place, manifest.files, path.relative_to(place.path).as_posix())
    return TextClassifier(
        labels=manifest.labels,
        encoder=_open_encoder(place, manifest),
        runner=make_runner(chosen, graph, threads),
        engine=chosen,
        temperature=manifest.temperature,
        cleaning=manifest.cleaning,
    )


def _open_encoder(place: PredictorFolder, manifest: Manifest) -> Encoder:
    if manifest.is_classic:
        features = read_checked(place, manifest.files, place.features.name)
        return FeatureEncoder(FeatureIndex.from_bytes(features))
    tokenizer = read_checked(place, manifest.files, place.tokenizer.name)
    return TextEncoder(tokenizer, manifest.maxlen, manifest.padding_id)


def _choose(place: PredictorFolder, manifest: Manifest, engine: Engine) -> tuple[str, Path]:
    """The engine and the file it runs.

    Raises:
        PredictorError: The engine's file is not there, with the reason where one is recorded.
    """
    files = {"int8": place.onnx_int8, "fp32": place.onnx, "openvino": place.onnx}
    if engine == "auto":
        engine = "int8" if _is_kept(manifest, "int8") else "fp32"
    needed = "int8" if engine == "int8" else "fp32"
    if not _is_kept(manifest, needed) and not files[engine].is_file():
        reason = manifest.engines.get(needed, {}).get("reason") or "it was never exported"
        raise PredictorError(
            f"{place.path} has no {needed} engine: {reason}; choose another engine, or make it "
            "again with ktrain-sentiment export"
        )
    return engine, files[engine]


def _is_kept(manifest: Manifest, engine: str) -> bool:
    return bool(manifest.engines.get(engine, {}).get("kept"))
