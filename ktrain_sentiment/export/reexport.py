"""Make the engines of a saved predictor again, from its own weights."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

from ktrain_sentiment.atomic import staged_folder
from ktrain_sentiment.export import parity
from ktrain_sentiment.export.engines import TraceOnnx, write_engines
from ktrain_sentiment.export.keras_model import KerasModel
from ktrain_sentiment.export.saving import (
    SavedPredictor,
    ValidationTexts,
    installed_versions,
    make_reference,
)
from ktrain_sentiment.export.weights import read_safetensors
from ktrain_sentiment.predictor.digests import check_files, digest_files
from ktrain_sentiment.predictor.layout import PredictorFolder
from ktrain_sentiment.predictor.manifest import Manifest, read_manifest, write_manifest
from ktrain_sentiment.predictor.tokenizing import TextEncoder


def check_folder(folder: Path) -> Manifest:
    """Compare every file of a predictor with its manifest.

    Raises:
        PredictorError: A file is missing or changed; the message names it.
    """
    manifest = read_manifest(folder)
    check_files(PredictorFolder(folder), manifest.files, manifest.files)
    return manifest


def export_again(
    folder: Path,
    output: Path,
    model: KerasModel,
    validation: ValidationTexts,
    *,
    limits: parity.Limits = parity.INT8_LIMITS,
    trace: TraceOnnx | None = None,
    overwrite: bool = False,
) -> SavedPredictor:
    """Write the ONNX engines of a predictor again, and keep those that agree with its model.

    Args:
        folder: A predictor folder of this package; every file in it is checked first.
        output: Where the result goes; may be `folder` itself.
        model: The Keras model in it.
        validation: Real texts to compare engines on.
        limits: How far the int8 engine may be from the model.
        trace: See `save_predictor`.
        overwrite: Replace a predictor that stands in `output`.

    Raises:
        PredictorError: The folder is damaged.
        InputError: The output exists and may not be replaced.
    """
    manifest = check_folder(folder)
    with staged_folder(output, overwrite, marker="manifest.json") as staged:
        place = PredictorFolder(staged)
        shutil.copytree(folder, staged, ignore=_only_sources, dirs_exist_ok=True)
        config = json.loads(place.config.read_text(encoding="utf-8"))
        weights = read_safetensors(place.torch_weights)
        tokenizer = place.tokenizer.read_bytes()
        encoder = TextEncoder(tokenizer, manifest.maxlen, manifest.padding_id)
        reference = make_reference(model, encoder, validation, manifest.cleaning)
        engines = write_engines(place, weights, config, reference, trace=trace, limits=limits)
        manifest = dataclasses.replace(
            manifest,
            versions={**manifest.versions, **installed_versions()},
            engines={report.engine: report.to_json() for report in engines},
            files=digest_files(place),
        )
        write_manifest(staged, manifest)
    return SavedPredictor(PredictorFolder(output), manifest, tuple(engines))


def _only_sources(_folder: str, names: list[str]) -> set[str]:
    return {"onnx", "manifest.json"} & set(names)
