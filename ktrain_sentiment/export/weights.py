"""Keras weights → the names and layout that PyTorch has for the same architecture.

Arrays in, arrays out: neither TensorFlow nor PyTorch is needed. The result is what transformers
(PyTorch) writes for the same model, so that `model.safetensors` loads there without a missing or
an unexpected tensor.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.errors import PredictorError, one_line, require

Weights = Mapping[str, NDArray[Any]]
"""Named arrays."""

_LEAVES = {"kernel": "weight", "embeddings": "weight", "gamma": "weight", "beta": "bias"}

_NOT_IN_TORCH = {"mpnet": ("mpnet.pooler.",)}
"""Weights that only the Keras class creates, and does not use for classification."""


def to_torch_names(weights: Weights, family: str) -> dict[str, NDArray[Any]]:
    """Rename and transpose Keras weights into PyTorch's layout.

    A variable of the Keras model is called like
    `tf_bert_for_sequence_classification/bert/encoder/layer_._0/attention/self/query/kernel:0`:
    the model's scope, the path with `_._` before an index, the leaf. Kernels are (in, out) in
    Keras and (out, in) in PyTorch.

    Args:
        weights: The model's variables by name, as `variable.name` has it.
        family: config.json's `model_type`.

    Returns:
        The arrays by PyTorch name, in the given order.

    Raises:
        PredictorError: Two variables get the same name, or a kernel is no matrix.
    """
    dropped = _NOT_IN_TORCH.get(family, ())
    renamed: dict[str, NDArray[Any]] = {}
    for name, array in weights.items():
        path = re.sub(r":\d+$", "", name).replace("_._", "/").split("/")
        leaf = path[-1]
        torch_name = ".".join([*path[1:-1], _LEAVES.get(leaf, leaf)])
        if torch_name.startswith(dropped):
            continue
        if torch_name in renamed:
            raise PredictorError(f"two Keras weights are called {torch_name} in PyTorch's layout")
        if leaf == "kernel":
            if array.ndim != 2:
                raise PredictorError(f"{name} has shape {array.shape}: wanted a matrix")
            array = np.ascontiguousarray(array.T)
        elif leaf == "bias" and array.ndim == 2:
            array = array.reshape(-1)  # GPT-2's biases are rows in Keras.
        renamed[torch_name] = np.asarray(array)
    return renamed


def write_safetensors(
    path: Path, weights: Weights, metadata: Mapping[str, str] | None = None
) -> None:
    """Write named arrays.

    Args:
        path: The file.
        weights: The arrays.
        metadata: Texts to keep with them; None: those that transformers asks for.
    """
    path.touch()
    mode = path.stat().st_mode
    require("safetensors.numpy", "train").save_file(
        {name: np.asarray(array, order="C") for name, array in weights.items()},
        str(path),
        metadata=dict(metadata) if metadata is not None else {"format": "pt"},
    )
    path.chmod(mode)  # It writes a file that only its owner may read.


def read_safetensors(path: Path) -> dict[str, NDArray[Any]]:
    """Read named arrays; no code in the file can run, it holds a table and numbers.

    Raises:
        PredictorError: The file is missing or damaged.
    """
    return read_with_metadata(path)[0]


def read_with_metadata(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Read named arrays and the texts that were kept with them.

    Raises:
        PredictorError: The file is missing or damaged.
    """
    require("safetensors", "train")
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return arrays, dict(file.metadata() or {})
    # It raises KeyError or TypeError for kinds of numbers that NumPy lacks, such as bfloat16.
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        reason = one_line(error)
        raise PredictorError(f"{path} cannot be read as safetensors: {reason}") from error
