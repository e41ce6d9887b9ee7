"""The only door to ONNX Runtime: open a graph, run it on padded batches."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.errors import MissingExtraError, PredictorError, one_line
from ktrain_sentiment.predictor.long_texts import apart
from ktrain_sentiment.predictor.tokenization import Ids, pad, plan_batches

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_LOG_NOTHING = 4
"""Errors come as exceptions; what is logged of them besides goes to standard error, in red."""
_NO_TELEMETRY = "ORT_DISABLE_TELEMETRY"


def import_onnxruntime(module: str = "onnxruntime") -> Any:  # noqa: ANN401
    """ONNX Runtime, or a module of it, with its telemetry off.

    Since 1.31 it looks up an events host and leaves a database in the user's cache and a file of
    predictable name in the shared temporary folder. The variable is read while it is imported, so
    the caller's environment gets its own value back at once; `disable_telemetry_events` is too
    late, the files are open by then.

    Args:
        module: Dotted name of the module.

    Raises:
        MissingExtraError: It is not installed, or not whole.
    """
    known = "onnxruntime" in sys.modules
    before = os.environ.get(_NO_TELEMETRY)
    try:
        if not known:
            os.environ[_NO_TELEMETRY] = "1"
        return importlib.import_module(module)
    except ImportError as error:  # No extra brings it: every installation should have it.
        raise MissingExtraError(
            f"{module} cannot be imported ({one_line(error)}): run  pip install onnxruntime"
        ) from error
    finally:
        if not known and before is None:
            del os.environ[_NO_TELEMETRY]
        elif not known:
            os.environ[_NO_TELEMETRY] = str(before)


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
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = _LOG_NOTHING
    try:
        return onnxruntime.InferenceSession(contents, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # The library has no common exception class.
        raise PredictorError(f"the ONNX graph cannot be opened: {one_line(error)}") from error


def run(session: InferenceSession, ids: Ids, mask: Ids) -> NDArray[np.float32]:
    """The output `logits` for one padded batch, float32 of shape (texts, classes).

    Raises:
        PredictorError: The graph cannot take the batch, or what it gives is not one row of
            floating-point numbers a text.
    """
    feeds = feeds_for([entry.name for entry in session.get_inputs()], ids, mask)
    try:
        found = session.run(["logits"], feeds)[0]
    except Exception as error:  # As above.
        raise PredictorError(f"the ONNX graph cannot be run: {one_line(error)}") from error
    return check_logits(found, len(ids))


def run_in_batches(
    session: InferenceSession, rows: Sequence[Ids], padding_id: int, *, tokens: int, texts: int
) -> NDArray[np.float32]:
    """The output for one row at least, float32 of shape (rows, classes), in the rows' order.

    Args:
        session: The graph.
        rows: Token ids of each row.
        padding_id: The id that fills short ones.
        tokens: Most tokens in a batch; see `plan_batches`.
        texts: Most rows in a batch.

    Raises:
        PredictorError: As for `run`.
    """
    batches = plan_batches(np.array([len(row) for row in rows]), tokens, texts)
    parts = [run(session, *pad([rows[k] for k in batch], padding_id)) for batch in batches]
    found = np.concatenate(parts)
    found[np.concatenate(batches)] = found.copy()
    return found


def check_logits(found: Any, texts: int) -> NDArray[np.float32]:  # noqa: ANN401
    """What a graph gave, when it is one row of floating-point numbers a text.

    NumPy would spread a single row, or a single column, over all texts without a word.

    Raises:
        PredictorError: It is something else.
    """
    array = np.asarray(found)
    if array.dtype.kind != "f" or array.ndim != 2 or len(array) != texts:
        raise PredictorError(
            f"the graph gives {array.dtype} of shape {array.shape} for {texts} text(s), wanted "
            "floating-point logits, one row a text and one column a label"
        )
    return array.astype(np.float32, copy=False)


def feeds_for(inputs: Collection[str], ids: Ids, mask: Ids) -> dict[str, Ids]:
    """What a graph with these inputs is given for one padded batch."""
    ids, types = apart(ids)
    known = {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
    return {name: array for name, array in known.items() if name in inputs}
