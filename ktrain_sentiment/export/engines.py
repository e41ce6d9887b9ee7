"""Write the ONNX engines of a predictor and keep those that agree with the trained model."""

from __future__ import annotations

import dataclasses
import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.errors import PredictorError
from ktrain_sentiment.evaluation.intervals import binomial_more
from ktrain_sentiment.evaluation.thresholds import choose_thresholds
from ktrain_sentiment.export.onnx_graph import build_graph
from ktrain_sentiment.export.onnx_writer import GraphWriter
from ktrain_sentiment.export.quantization import (
    Int8Writer,
    collect_activations,
    quantize_file,
)
from ktrain_sentiment.export.transformer_spec import UnknownArchitectureError, describe
from ktrain_sentiment.export.weights import Weights
from ktrain_sentiment.prediction import softmax
from ktrain_sentiment.predictor.layout import PredictorFolder
from ktrain_sentiment.predictor.onnx_session import open_session, run
from ktrain_sentiment.predictor.tokenization import EncodedTexts, pad
from ktrain_sentiment.tasks import CLASSES, SEVERAL, Kind, Task

if TYPE_CHECKING:
    from onnx import ModelProto
    from onnxruntime import InferenceSession


SIGNIFICANT = 0.05
_BATCH = 32


@dataclass(frozen=True)
class Limits:
    """How far an engine may be from its reference before it is not kept.

    Shares are limits for all texts of this kind, of which the compared ones are a sample: an
    engine is refused when the sample shows that it exceeds them, and not when chance would do as
    much (one-sided exact tests at 5 %).

    Attributes:
        difference: Largest difference of any probability; None: any.
        changed: Share of texts whose label changes, 0 to 1; 0: none at all.
        accuracy_lost: Share of texts by which accuracy falls, 0 to 1.
        moved: How far scores may move, root mean square, as a share of their spread. A tenth costs
            at most a hundredth of the variance that is explained.
        rmse_lost: Share by which the root mean squared error of scores may grow.
    """

    difference: float | None = None
    changed: float = 0.01
    accuracy_lost: float = 0.005
    moved: float = 0.1
    rmse_lost: float = 0.01


FP32_LIMITS = Limits(difference=1e-4, changed=0.0, accuracy_lost=0.0, moved=1e-4, rmse_lost=1e-4)
"""The same arithmetic in another order: nothing but rounding may differ."""

INT8_LIMITS = Limits()
"""8-bit weights change probabilities; labels should stay."""


@dataclass(frozen=True)
class Parity:
    """How an engine's probabilities compare with the reference's.

    Attributes:
        texts: How many real texts were compared.
        largest_difference: Of any probability of any text.
        changed: Texts whose most probable label differs.
        lost: Texts that only the reference gets right; 0 without true labels.
        gained: Texts that only the engine gets right; 0 without true labels.
        accuracy: Share of texts that the engine gets right; None without true labels.
        reference_accuracy: The same for the reference.
    """

    texts: int
    largest_difference: float
    changed: int
    lost: int
    gained: int
    accuracy: float | None
    reference_accuracy: float | None


@dataclass(frozen=True)
class ScoreParity:
    """How an engine's scores compare with the reference's.

    Attributes:
        texts: How many real texts were compared.
        spread: Standard deviation of the true scores; of the reference's without such.
        largest_difference: Of any text.
        moved: Root mean square of the differences.
        rmse: Root mean squared error of the engine; None without true scores.
        reference_rmse: The same of the reference.
        p_value: Whether chance alone would make the engine's squared errors so much larger, by a
            one-sided test of the paired differences; 1 without true scores.
    """

    texts: int
    spread: float
    largest_difference: float
    moved: float
    rmse: float | None
    reference_rmse: float | None
    p_value: float = 1.0


def compare_scores(
    reference: NDArray[np.floating],
    scores: NDArray[np.floating],
    targets: NDArray[Any] | None = None,
) -> ScoreParity:
    """Compare two arrays of scores, both (texts, 1).

    Args:
        reference: What the trained model says.
        scores: What the engine says about the same texts.
        targets: True scores, (texts,); None when unknown.
    """
    theirs, ours = reference[:, 0].astype(np.float64), scores[:, 0].astype(np.float64)
    if not np.isfinite(ours).all():
        # So that it never passes.
        return ScoreParity(len(ours), float(theirs.std()), math.inf, math.inf, None, None)
    apart = np.abs(ours - theirs)
    known = targets is not None and len(targets) > 0
    truth = np.asarray(targets, np.float64) if known else theirs
    errors, before = (ours - truth) ** 2, (theirs - truth) ** 2
    gained = errors - before
    error = float(gained.std()) / max(len(gained), 1) ** 0.5
    z = float(gained.mean()) / error if error > 0 else 0.0
    return ScoreParity(
        texts=len(reference),
        spread=float(truth.std()),
        largest_difference=float(apart.max(initial=0.0)),
        moved=float(np.sqrt((apart**2).mean())),
        rmse=float(np.sqrt(errors.mean())) if known else None,
        reference_rmse=float(np.sqrt(before.mean())) if known else None,
        p_value=1 - NormalDist().cdf(z) if known else 1.0,
    )


def score_complaint(parity: ScoreParity, limits: Limits) -> str:
    """Why an engine of scores is refused, in a few words; empty when it is within the limits."""
    if not np.isfinite(parity.largest_difference):
        return "it gives scores that are not numbers"
    allowed = limits.moved * max(parity.spread, 1e-6)
    if parity.moved > allowed:
        return (
            f"scores move by {parity.moved:.2g} (root mean square; at most {allowed:.2g} allowed, "
            f"{limits.moved:g} of their spread)"
        )
    if parity.rmse is None or not parity.reference_rmse:
        return ""
    grown = parity.rmse / parity.reference_rmse - 1
    if grown > limits.rmse_lost and parity.p_value < SIGNIFICANT:
        return f"the error grows by {grown:.2%} (at most {limits.rmse_lost:.1%} allowed)"
    return ""


@dataclass(frozen=True)
class SetParity:
    """How an engine's several labels a text compare with the reference's.

    Labels are given from those thresholds on that are best for the reference; a half without true
    labels.

    Attributes:
        texts: How many real texts were compared.
        decisions: How many labels of texts were decided.
        largest_difference: Of any probability.
        changed: Decisions that differ.
        lost: Decisions that only the reference gets right; 0 without true labels.
        gained: Those that only the engine gets right; 0 without true labels.
        micro_f1: Of the engine; None without true labels.
        reference_micro_f1: Of the reference; likewise.
    """

    texts: int
    decisions: int
    largest_difference: float
    changed: int
    lost: int
    gained: int
    micro_f1: float | None
    reference_micro_f1: float | None


def compare_sets(
    reference: NDArray[np.floating],
    probabilities: NDArray[np.floating],
    targets: NDArray[Any] | None = None,
) -> SetParity:
    """Compare two arrays of probabilities of several labels, both (texts, labels).

    Args:
        reference: What the trained model says.
        probabilities: What the engine says about the same texts.
        targets: True labels, 0 or 1, (texts, labels); None when unknown.
    """
    known = targets is not None and len(targets) > 0
    has = np.asarray(targets if known else np.zeros(reference.shape)).astype(bool)
    task = SEVERAL.cut_at(choose_thresholds(has, reference)) if known else SEVERAL
    theirs, ours = task.decided(reference), task.decided(probabilities)
    largest = float(np.abs(probabilities - reference).max(initial=0.0))

    def micro_f1(said: NDArray[np.bool_]) -> float | None:
        return (
            2 * float((has & said).sum()) / max(int(has.sum() + said.sum()), 1) if known else None
        )

    return SetParity(
        texts=len(reference),
        decisions=reference.size,
        largest_difference=largest if np.isfinite(largest) else math.inf,
        changed=int((ours != theirs).sum()),
        lost=int(((theirs == has) & (ours != has)).sum()) if known else 0,
        gained=int(((ours == has) & (theirs != has)).sum()) if known else 0,
        micro_f1=micro_f1(ours),
        reference_micro_f1=micro_f1(theirs),
    )


def set_complaint(parity: SetParity, limits: Limits) -> str:
    """Why an engine of several labels is refused; empty when it is within the limits."""
    if limits.difference is not None and parity.largest_difference > limits.difference:
        return (
            f"a probability differs by {parity.largest_difference:.2g} "
            f"(at most {limits.difference:g} allowed)"
        )
    if not np.isfinite(parity.largest_difference):
        return "it gives probabilities that are not numbers"
    # A threshold lies between two probabilities, and rounding may cross it.
    allowed = max(1.0, limits.changed * parity.decisions)
    if parity.changed > allowed and (
        binomial_more(parity.changed, parity.decisions, limits.changed) < SIGNIFICANT
    ):
        return (
            f"{parity.changed} of {parity.decisions} decisions change "
            f"(at most {limits.changed:.1%} allowed)"
        )
    if parity.micro_f1 is None or parity.reference_micro_f1 is None:
        return ""
    lost = parity.reference_micro_f1 - parity.micro_f1
    beyond_chance = binomial_more(parity.lost, parity.lost + parity.gained, 0.5) < SIGNIFICANT
    if lost > limits.accuracy_lost and beyond_chance:
        return f"micro F1 falls by {lost:.2%} (at most {limits.accuracy_lost:.1%} allowed)"
    return ""


AnyParity = Parity | ScoreParity | SetParity


def compare(
    reference: NDArray[np.floating],
    probabilities: NDArray[np.floating],
    targets: NDArray[np.integer] | None = None,
) -> Parity:
    """Compare two arrays of probabilities, both (texts, classes).

    Args:
        reference: What the trained model says.
        probabilities: What the engine says about the same texts.
        targets: True class indices, (texts,); None when unknown.
    """
    ours, theirs = probabilities.argmax(axis=1), reference.argmax(axis=1)
    known = targets is not None and len(targets) > 0
    largest = float(np.abs(probabilities - reference).max(initial=0.0))
    return Parity(
        texts=len(reference),
        # Infinite when any is not a number, so that it never passes.
        largest_difference=largest if np.isfinite(largest) else float("inf"),
        changed=int((ours != theirs).sum()),
        lost=int(((theirs == targets) & (ours != targets)).sum()) if known else 0,
        gained=int(((ours == targets) & (theirs != targets)).sum()) if known else 0,
        accuracy=float((ours == targets).mean()) if known else None,
        reference_accuracy=float((theirs == targets).mean()) if known else None,
    )


def complaint(parity: Parity, limits: Limits) -> str:
    """Why an engine is refused, in a few words; empty when it is within the limits."""
    if limits.difference is not None and parity.largest_difference > limits.difference:
        return (
            f"a probability differs by {parity.largest_difference:.2g} "
            f"(at most {limits.difference:g} allowed)"
        )
    if not np.isfinite(parity.largest_difference):
        return "it gives probabilities that are not numbers"
    # One changed label never shows that more than a share of all would change, unless none may.
    changed, allowed = parity.changed, limits.changed
    too_many = changed > max(1, allowed * parity.texts) if allowed else changed > 0
    if too_many and (not allowed or binomial_more(changed, parity.texts, allowed) < SIGNIFICANT):
        return (
            f"{parity.changed} of {parity.texts} labels change "
            f"(at most {limits.changed:.1%} allowed)"
        )
    if parity.accuracy is None or parity.reference_accuracy is None:
        return ""
    lost = parity.reference_accuracy - parity.accuracy
    beyond_chance = binomial_more(parity.lost, parity.lost + parity.gained, 0.5) < SIGNIFICANT
    if lost > limits.accuracy_lost and beyond_chance:
        return f"accuracy falls by {lost:.2%} (at most {limits.accuracy_lost:.1%} allowed)"
    return ""


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
        ids, order = self.encoded.ids, np.argsort(self.encoded.lengths, kind="stable")
        parts = [
            run(session, *pad([ids[i] for i in order[start : start + _BATCH]], self.padding_id))
            for start in range(0, len(order), _BATCH)
        ]
        logits = np.concatenate(parts)
        probabilities = self.task.answers(logits)
        restored = np.empty_like(probabilities)
        restored[order] = probabilities
        return restored

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
        measure, complain = _GATES[self.task.kind]
        measured = measure(self.probabilities, probabilities[:count], targets)
        return measured, complain(measured, limits)


_GATES: Mapping[Kind, tuple[Callable[..., AnyParity], Callable[[Any, Limits], str]]] = {
    "classes": (compare, complaint),
    "stars": (compare, complaint),
    "score": (compare_scores, score_complaint),
    "multi": (compare_sets, set_complaint),
}
"""How each task's engines are compared with the reference, and when they are refused."""


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
        return None, _refuse(path, EngineReport(engine, False, reference.source, str(error)))
    measured, reason = reference.judge(probabilities, limits)
    report = EngineReport(engine, not reason, reference.source, reason, measured)
    return (None, _refuse(path, report)) if reason else (probabilities, report)


def _refuse(path: Path, report: EngineReport) -> EngineReport:
    path.unlink(missing_ok=True)
    logger.warning("the onnx %s engine is not kept: %s", report.engine, report.reason)
    return report
