"""Write the ONNX engines of a predictor and keep those that agree with the trained model."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.errors import PredictorError
from ktrain_sentiment.export.onnx_graph import build_graph
from ktrain_sentiment.export.onnx_writer import GraphWriter
from ktrain_sentiment.export.parity import FP32_LIMITS, GATES, INT8_LIMITS, AnyParity, Limits
from ktrain_sentiment.export.quantization import (
    Int8Writer,
    collect_activations,
    quantize_file,
)
from ktrain_sentiment.export.transformer_spec import UnknownArchitectureError, describe
from ktrain_sentiment.export.weights import Weights
from ktrain_sentiment.prediction import softmax
from ktrain_sentiment.predictor.layout import PredictorFolder
from ktrain_sentiment.predictor.onnx_session import open_session, run_in_batches
from ktrain_sentiment.predictor.tokenization import EncodedTexts
from ktrain_sentiment.tasks import CLASSES, Task

if TYPE_CHECKING:
    from onnx import ModelProto
    from onnxruntime import InferenceSession


_TEXTS, _TOKENS = 32, 2048
"""Most of a batch."""

logger = logging.getLogger(__name__)

_LARGEST = 2_000_000_000
"""Bytes: protobuf writes no message of 2 GiB or more, and the weights lie in it."""

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
    parity: AnyParity | None = None

    def to_json(self) -> dict[str, Any]:
        """As it stands in the manifest."""
        figures = dataclasses.asdict(self.parity) if self.parity else {}
        own = {"kept": self.kept, "compared_with": self.compared_with, "reason": self.reason}
        return own | figures


@dataclass(frozen=True)
class Reference:
    """Real texts, and what an engine must say about them.

    Attributes:
        encoded: The texts' token ids.
        padding_id: The id that fills short rows.
        probabilities: What the reference says, float32 (first texts, classes); may cover only the
            first texts, since the Keras model is slow. Scores have shape (first texts, 1).
        targets: True class indices of all texts, or true scores, or None.
        source: Who says so: keras or fp32.
        task: What the model answers with.
    """

    encoded: EncodedTexts
    padding_id: int
    probabilities: NDArray[np.float32]
    targets: NDArray[Any] | None = None
    source: str = "keras"
    task: Task = CLASSES

    def ask(self, session: InferenceSession) -> NDArray[np.float32]:
        """What an engine says about all texts, those of like length in one batch."""
        logits = run_in_batches(
            session, self.encoded.ids, self.padding_id, tokens=_TOKENS, texts=_TEXTS
        )
        return self.task.answers(logits)

    def softened(self, temperature: float) -> Reference:
        """What the reference says once its logits are divided by a temperature."""
        # As in Guo et al. 2017; the smallest number keeps a class that rounding took to zero.
        logits = np.log(np.maximum(self.probabilities.astype(np.float64), 1e-45))
        table = softmax(logits, temperature).astype(np.float32)
        return dataclasses.replace(self, probabilities=table)

    def judge(self, probabilities: NDArray[np.float32], limits: Limits) -> tuple[AnyParity, str]:
        """Compare with the texts that the reference covers, and say what is wrong, if anything."""
        count = len(self.probabilities)
        targets = None if self.targets is None else self.targets[:count]
        measure, complain = GATES[self.task.kind]
        measured = measure(self.probabilities, probabilities[:count], targets, self.task)
        return measured, complain(measured, limits)


def write_engines(
    folder: PredictorFolder,
    weights: Weights,
    config: Mapping[str, Any],
    reference: Reference,
    *,
    trace: TraceOnnx | None = None,
    limits: Limits = INT8_LIMITS,
) -> list[EngineReport]:
    """Write `onnx/model.onnx` and `onnx/model_quantized.onnx`, and remove what disagrees.

    Args:
        folder: A predictor folder; its `onnx` folder is made.
        weights: Arrays by PyTorch name.
        config: The contents of config.json.
        reference: What to compare with.
        trace: Writes the graph of an unknown architecture.
        limits: How far int8 may be from fp32.

    Returns:
        One report an engine; nothing is raised for an engine that is not kept.
    """
    folder.onnx.parent.mkdir(exist_ok=True)
    plain, first = export_exact(
        folder, lambda: write_onnx(folder.onnx, weights, config, trace), reference
    )
    against = reference
    if plain is not None:
        against = dataclasses.replace(reference, probabilities=plain, source="fp32")
    _, second = _export(
        folder.onnx_int8,
        "int8",
        lambda: write_int8(folder, weights, config, reference.encoded),
        against,
        limits,
    )
    return [first, second]


def export_exact(
    folder: PredictorFolder, write: Callable[[], None], reference: Reference
) -> tuple[NDArray[np.float32] | None, EngineReport]:
    """Write `onnx/model.onnx` in 32-bit floats, and remove it if it disagrees.

    Args:
        folder: A predictor folder with its `onnx` folder.
        write: Writes the file.
        reference: What to compare with.

    Returns:
        Its probabilities for all texts (None when it is not kept), and the report.
    """
    return _export(folder.onnx, "fp32", write, reference, FP32_LIMITS)


def write_onnx(
    path: Path, weights: Weights, config: Mapping[str, Any], trace: TraceOnnx | None = None
) -> None:
    """Write the fp32 graph: from the weights where the family is known, else by tracing.

    Raises:
        PredictorError: The architecture is unknown and there is nothing to trace with, or the
            weights are more than an ONNX file can hold.
    """
    try:
        write_graph(path, build_graph(describe(weights, config), GraphWriter()))
    except UnknownArchitectureError:
        if trace is None:
            raise
        trace(path)


def write_int8(
    folder: PredictorFolder, weights: Weights, config: Mapping[str, Any], encoded: EncodedTexts
) -> None:
    """Write the int8 graph: from the weights, or from the fp32 graph of an unknown family.

    Args:
        folder: The predictor folder.
        weights: Arrays by PyTorch name.
        config: The contents of config.json.
        encoded: Real texts, whose first few thousand tokens set the scales.

    Raises:
        PredictorError: The architecture is unknown and there is no fp32 graph.
    """
    try:
        spec = describe(weights, config)
        writer = Int8Writer(collect_activations(spec, encoded))
        write_graph(folder.onnx_int8, build_graph(spec, writer))
    except UnknownArchitectureError:
        if not folder.onnx.is_file():
            raise
        quantize_file(folder.onnx, folder.onnx_int8)


def write_graph(path: Path, graph: ModelProto) -> None:
    """Write an ONNX file.

    Raises:
        PredictorError: It is more than such a file can hold.
    """
    size = graph.ByteSize()
    if size > _LARGEST:
        raise PredictorError(f"the graph has {size / 1e9:.1f} GB, and an ONNX file holds 2")
    path.write_bytes(graph.SerializeToString())


def _export(
    path: Path,
    engine: str,
    write: Callable[[], None],
    reference: Reference,
    limits: Limits,
) -> tuple[NDArray[np.float32] | None, EngineReport]:
    """Write one engine, compare it, and keep or remove it.

    Returns:
        Its probabilities for all texts (None when it is not kept), and the report.
    """
    try:
        write()
        probabilities = reference.ask(open_session(path.read_bytes()))
    except PredictorError as error:
        report = EngineReport(engine, False, reference.source, str(error))
    else:
        measured, reason = reference.judge(probabilities, limits)
        report = EngineReport(engine, not reason, reference.source, reason, measured)
        if report.kept:
            return probabilities, report
    path.unlink(missing_ok=True)
    return None, report


def warn_of_refused(reports: Iterable[EngineReport]) -> None:
    """Say which engines are not kept, and why; to be asked of files that are final."""
    for report in reports:
        if not report.kept:
            logger.warning("the onnx %s engine is not kept: %s", report.engine, report.reason)
