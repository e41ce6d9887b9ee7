"""Write the ONNX engines of a predictor and keep those that agree with the trained model."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.errors import PredictorError, require
from ktrain_sentiment.predictor import parity
from ktrain_sentiment.predictor.architecture import describe
from ktrain_sentiment.predictor.layout import PredictorFolder
from ktrain_sentiment.predictor.onnx_graph import build_graph
from ktrain_sentiment.predictor.onnx_int8 import quantise
from ktrain_sentiment.predictor.session import open_session, predict_probabilities
from ktrain_sentiment.predictor.tokenizing import EncodedTexts
from ktrain_sentiment.predictor.weights import Weights

logger = logging.getLogger(__name__)

TraceOnnx = Callable[[Path], None]
"""Writes the ONNX file of a model that cannot be built from weights, the slow general way."""


@dataclass(frozen=True)
class EngineReport:
    """What became of an exported engine.

    Attributes:
        engine: fp32 or int8.
        kept: Whether its file is in the folder.
        compared_with: keras (the trained model itself) or fp32.
        reason: Why it was not kept; empty when it was.
        parity: The comparison; None when there was nothing to compare.
    """

    engine: str
    kept: bool
    compared_with: str
    reason: str = ""
    parity: parity.Parity | None = None

    def to_json(self) -> dict[str, Any]:
        """As it stands in the manifest."""
        figures = dataclasses.asdict(self.parity) if self.parity else {}
        own = {"kept": self.kept, "compared_with": self.compared_with, "reason": self.reason}
        return own | figures


@dataclass(frozen=True)
class Reference:
    """Real texts, and what the trained model says about the first of them.

    Attributes:
        encoded: The texts' token ids.
        probabilities: Of the model, float32 (first texts, classes); may cover fewer texts, since
            the Keras model is slow. The rest are compared between fp32 and int8.
        targets: True class indices of all texts, or None.
    """

    encoded: EncodedTexts
    probabilities: NDArray[np.float32]
    targets: NDArray[np.integer] | None = None


def write_engines(
    folder: PredictorFolder,
    weights: Weights,
    config: Mapping[str, Any],
    reference: Reference,
    padding_id: int,
    *,
    trace: TraceOnnx | None = None,
    limits: parity.Limits = parity.INT8_LIMITS,
) -> list[EngineReport]:
    """Write `onnx/model.onnx` and `onnx/model_quantized.onnx`, and remove what disagrees.

    Args:
        folder: A predictor folder; its `onnx` folder is made.
        weights: Arrays by PyTorch name.
        config: The contents of config.json.
        reference: What to compare with.
        padding_id: The id that fills short rows.
        trace: Writes the graph of an unknown architecture.
        limits: How far int8 may be from fp32.

    Returns:
        One report an engine; nothing is raised for an engine that is not kept.
    """
    folder.onnx.parent.mkdir(exist_ok=True)
    try:
        write_onnx(folder.onnx, weights, config, trace)
        plain = _probabilities(folder.onnx, reference.encoded, padding_id)
    except PredictorError as error:
        folder.onnx.unlink(missing_ok=True)
        return [EngineReport("fp32", kept=False, compared_with="keras", reason=str(error))]
    count = len(reference.probabilities)
    targets = reference.targets[:count] if reference.targets is not None else None
    measured = parity.compare(reference.probabilities, plain[:count], targets)
    first = _judge("fp32", "keras", folder.onnx, measured, parity.FP32_LIMITS)
    return (
        [first, _write_int8(folder, reference, padding_id, plain, limits)]
        if first.kept
        else [first]
    )


def write_onnx(
    path: Path, weights: Weights, config: Mapping[str, Any], trace: TraceOnnx | None = None
) -> None:
    """Write the fp32 graph: from the weights where the family is known, else by tracing.

    Raises:
        PredictorError: The architecture is unknown and there is nothing to trace with.
    """
    from ktrain_sentiment.predictor.architecture import UnknownArchitectureError

    try:
        graph = build_graph(describe(weights, config))
    except UnknownArchitectureError:
        if trace is None:
            raise
        trace(path)
        return
    require("onnx", "train").save(graph, str(path))


def _write_int8(
    folder: PredictorFolder,
    reference: Reference,
    padding_id: int,
    plain: NDArray[np.float32],
    limits: parity.Limits,
) -> EngineReport:
    quantise(folder.onnx, folder.onnx_int8)
    probabilities = _probabilities(folder.onnx_int8, reference.encoded, padding_id)
    measured = parity.compare(plain, probabilities, reference.targets)
    return _judge("int8", "fp32", folder.onnx_int8, measured, limits)


def _probabilities(path: Path, encoded: EncodedTexts, padding_id: int) -> NDArray[np.float32]:
    return predict_probabilities(open_session(path.read_bytes()), encoded, padding_id)


def _judge(
    engine: str, against: str, path: Path, measured: parity.Parity, limits: parity.Limits
) -> EngineReport:
    reason = parity.complaint(measured, limits)
    if reason:
        path.unlink()
        logger.warning("onnx %s is not kept, compared with %s: %s", engine, against, reason)
    return EngineReport(engine, not reason, against, reason, measured)
