"""Run an ONNX classifier with ONNX Runtime."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.errors import PredictorError
from ktrain_sentiment.prediction import softmax
from ktrain_sentiment.predictor.tokenization import EncodedTexts, Ids, pad

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_LOG_ERRORS = 3


def open_session(contents: bytes, threads: int = 0) -> InferenceSession:
    """Open a graph from its bytes.

    From bytes and not from a path: what was checked is what runs, and a graph in bytes cannot
    name other files on this machine as its weights.

    Args:
        contents: The bytes of an ONNX file.
        threads: Threads for one call; 0: as many as there are cores.

    Raises:
        PredictorError: The bytes are no graph that ONNX Runtime can run.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = _LOG_ERRORS
    try:
        return onnxruntime.InferenceSession(contents, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # The library has no common exception class.
        reason = " ".join(str(error).split())[:200]
        raise PredictorError(f"the ONNX graph cannot be opened: {reason}") from error


def run(session: InferenceSession, ids: Ids, mask: Ids) -> NDArray[np.float32]:
    """The logits of one padded batch, float32 of shape (texts, classes)."""
    feeds = feeds_for([entry.name for entry in session.get_inputs()], ids, mask)
    return np.asarray(session.run(["logits"], feeds)[0], dtype=np.float32)


def feeds_for(inputs: Collection[str], ids: Ids, mask: Ids) -> dict[str, Ids]:
    """What a graph with these inputs is given for one padded batch."""
    known = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    return {name: array for name, array in known.items() if name in inputs}


def predict_probabilities(
    session: InferenceSession, encoded: EncodedTexts, padding_id: int, batch: int = 32
) -> NDArray[np.float32]:
    """Class probabilities of encoded texts, in their order, float32 of shape (texts, classes)."""
    order = np.argsort(encoded.lengths, kind="stable")
    parts = [
        run(session, *pad([encoded.ids[i] for i in order[start : start + batch]], padding_id))
        for start in range(0, len(order), batch)
    ]
    probabilities = softmax(np.concatenate(parts))
    restored = np.empty_like(probabilities)
    restored[order] = probabilities
    return restored
