"""What computes logits: ONNX Runtime, or OpenVINO where it is installed."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.errors import PredictorError, one_line, require
from ktrain_sentiment.predictor.onnx_session import check_logits, feeds_for, open_session, run
from ktrain_sentiment.predictor.tokenization import Ids

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Logits = NDArray[np.float32]


class Runner(Protocol):
    """Computes logits; may be called from several threads at once.

    Attributes:
        threads: How many batches side by side keep all cores busy.
    """

    threads: int

    def alone(self, ids: Ids, mask: Ids) -> Logits:
        """Logits (texts, classes) of a batch that has all cores to itself."""
        ...

    def among_others(self, ids: Ids, mask: Ids) -> Logits:
        """Logits (texts, classes) of one of many batches, `threads` of them at a time."""
        ...


def usable_cores() -> int:
    """Cores that this process may use (a container often has fewer than the machine)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_flags() -> frozenset[str]:
    """Feature flags of this machine's CPU, empty where the system does not tell."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="ascii", errors="ignore").splitlines():
            if line.startswith(("flags", "Features")):  # As ARM calls them.
                return frozenset(line.split(":", 1)[1].split())
    return frozenset()


def make_runner(engine: str, contents: bytes, threads: int = 0) -> Runner:
    """The runner of an engine.

    Args:
        engine: int8, fp32 or openvino.
        contents: The bytes of its ONNX file.
        threads: Cores to use; 0: all.

    Raises:
        MissingExtraError: The engine is not installed.
        PredictorError: The bytes are no graph that it can run.
    """
    kind = OpenVinoRunner if engine == "openvino" else OnnxRunner
    return kind(contents, threads)


class OnnxRunner:
    """ONNX Runtime on the CPU.

    Many batches run one a core, which beats splitting each over all cores because nobody waits
    for anybody; a batch alone is split. These are two sessions, and the second is opened when it
    is first needed. Sessions do not survive a fork: their threads are left behind.

    Args:
        contents: The bytes of an ONNX file.
        threads: Cores to use; 0: all.

    Raises:
        PredictorError: The bytes are no graph that ONNX Runtime can run.
    """

    def __init__(self, contents: bytes, threads: int = 0) -> None:
        self.threads = threads or usable_cores()
        self._contents: bytes | None = contents if self.threads > 1 else None
        self._whole = open_session(contents, self.threads)
        self._single: InferenceSession | None = None if self.threads > 1 else self._whole
        self._lock = threading.Lock()

    def alone(self, ids: Ids, mask: Ids) -> Logits:
        """Logits (texts, classes) of a batch that has all cores to itself."""
        return run(self._whole, ids, mask)

    def among_others(self, ids: Ids, mask: Ids) -> Logits:
        """Logits (texts, classes) of one of many batches."""
        return run(self._single or self._open_single(), ids, mask)

    def _open_single(self) -> InferenceSession:
        with self._lock:
            if self._single is None:
                self._single = open_session(self._contents or b"", 1)
                self._contents = None
            return self._single


class OpenVinoRunner:
    """OpenVINO on the CPU, in bf16 where the CPU has it.

    Args:
        contents: The bytes of an fp32 ONNX file.
        threads: Cores to use; 0: all.

    Raises:
        MissingExtraError: OpenVINO is not installed.
        PredictorError: The bytes are no graph that OpenVINO can run.
    """

    def __init__(self, contents: bytes, threads: int = 0) -> None:
        openvino = require("openvino", "openvino")
        self.threads = threads or usable_cores()
        try:
            core = openvino.Core()
            model = core.read_model(contents)
            self._inputs = {entry.any_name for entry in model.inputs}
            options = {"INFERENCE_NUM_THREADS": self.threads}
            self._whole = core.compile_model(
                model, "CPU", options | {"PERFORMANCE_HINT": "LATENCY"}
            )
            many = options | {"NUM_STREAMS": self.threads}
            self._single = core.compile_model(model, "CPU", many)
        except RuntimeError as error:
            raise PredictorError(
                f"OpenVINO cannot open the ONNX graph: {one_line(error)}"
            ) from error
        self._requests = threading.local()

    def alone(self, ids: Ids, mask: Ids) -> Logits:
        """Logits (texts, classes) of a batch that has all cores to itself."""
        return self._infer("whole", self._whole, ids, mask)

    def among_others(self, ids: Ids, mask: Ids) -> Logits:
        """Logits (texts, classes) of one of many batches."""
        return self._infer("single", self._single, ids, mask)

    def _infer(self, name: str, model: Any, ids: Ids, mask: Ids) -> Logits:  # noqa: ANN401
        request = getattr(self._requests, name, None)
        if request is None:  # A request holds its own buffers, so each thread has one.
            request = model.create_infer_request()
            setattr(self._requests, name, request)
        try:
            answer = request.infer(feeds_for(self._inputs, ids, mask))["logits"]
        except (RuntimeError, KeyError) as error:
            raise PredictorError(f"OpenVINO cannot run the graph: {one_line(error)}") from error
        # The request's buffer is used again for the next batch.
        return check_logits(answer, len(ids)).copy()
