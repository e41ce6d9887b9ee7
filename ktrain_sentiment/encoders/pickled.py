"""The tensors of a `pytorch_model.bin`, read without PyTorch and without running what is in it.

Such a file is a zip archive of raw numbers and a pickle that says which tensor lies where. A pickle
can ask for any function of Python; this one gets the four that a table of tensors is made of, and
a file that asks for another is refused by name (as `torch.load(weights_only=True)` does).
"""

from __future__ import annotations

import collections
import io
import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.errors import EncoderError

STORAGES = {
    "DoubleStorage": "F64",
    "FloatStorage": "F32",
    "HalfStorage": "F16",
    "BFloat16Storage": "BF16",
    "LongStorage": "I64",
    "IntStorage": "I32",
    "ShortStorage": "I16",
    "CharStorage": "I8",
    "ByteStorage": "U8",
    "BoolStorage": "BOOL",
}
"""PyTorch's kinds of numbers, by the names that safetensors has for them."""

BYTES = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2, "I16": 2}
"""Bytes of a number; the other kinds take one."""


@dataclass(frozen=True)
class RawTensor:
    """A tensor whose numbers are left as they are.

    Attributes:
        kind: Its kind of number, by safetensors' name.
        shape: Its shape.
        numbers: One opaque item of the right size a number, in row-major order.
    """

    kind: str
    shape: tuple[int, ...]
    numbers: NDArray[Any]


def read_pickled(path: Path) -> dict[str, RawTensor]:
    """The named tensors of a file that `torch.save(model.state_dict(), path)` wrote.

    Raises:
        EncoderError: It is of PyTorch's format from before 1.6, damaged, or asks for something
            else than tensors.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            found = _TensorTable(archive).load()
    except zipfile.BadZipFile as error:
        raise EncoderError(
            f"{path.name} is damaged, or of PyTorch's format from before version 1.6, which only "
            f"PyTorch reads; {HOW_TO_CONVERT}"
        ) from error
    except (pickle.UnpicklingError, KeyError, ValueError, TypeError, EOFError, IndexError) as error:
        reason = " ".join(str(error).split())[:200]
        raise EncoderError(f"{path.name} is not a table of tensors alone: {reason}") from error
    if not isinstance(found, Mapping):
        raise EncoderError(f"{path.name} holds a {type(found).__name__}, wanted named tensors")
    return {str(name): value for name, value in found.items() if isinstance(value, RawTensor)}


HOW_TO_CONVERT = (
    "where you trust it and have PyTorch, convert it with  AutoModel.from_pretrained(folder)"
    ".save_pretrained(folder)  to model.safetensors"
)


class _TensorTable(pickle.Unpickler):
    """Unpickles a table of tensors and nothing else."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        (table,) = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        super().__init__(io.BytesIO(archive.read(table)))
        self._archive = archive
        self._root = table.removesuffix("data.pkl")
        self._storages: dict[str, NDArray[Any]] = {}

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401
        """What the pickle asks for, if it is one of the few things that it may have."""
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        allowed = {
            "collections.OrderedDict": collections.OrderedDict,
            "torch._utils._rebuild_tensor_v2": _tensor,
            "torch._utils._rebuild_parameter": _parameter,
        }
        if f"{module}.{name}" not in allowed:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return allowed[f"{module}.{name}"]

    def persistent_load(self, pid: Any) -> tuple[str, NDArray[Any]]:  # noqa: ANN401
        """The numbers of one storage, with their kind."""
        _, kind, key, *_ = pid
        if key not in self._storages:
            contents = self._archive.read(f"{self._root}data/{key}")
            item = np.dtype(f"V{BYTES.get(kind, 1)}")
            self._storages[key] = np.frombuffer(contents, dtype=item)
        return kind, self._storages[key]


def _tensor(
    storage: tuple[str, NDArray[Any]],
    offset: int,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    *_: object,
) -> RawTensor:
    """Stands for `torch._utils._rebuild_tensor_v2`."""
    kind, numbers = storage
    last = offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
    if 0 in shape:
        return RawTensor(kind, tuple(shape), numbers[:0])
    if min((offset, *shape, *strides)) < 0 or last >= len(numbers):
        raise ValueError("a tensor lies outside of its numbers")
    size = numbers.itemsize
    view = np.lib.stride_tricks.as_strided(
        numbers[offset:], shape, [step * size for step in strides], writeable=False
    )
    return RawTensor(kind, tuple(shape), np.ascontiguousarray(view).reshape(-1))


def _parameter(data: RawTensor, *_: object) -> RawTensor:
    """Stands for `torch._utils._rebuild_parameter`."""
    return data
