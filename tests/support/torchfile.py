"""Files as `torch.save` writes them, without PyTorch: a zip archive of a pickle and raw numbers."""

import collections
import io
import pickle
import sys
import types
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

KINDS = {"float32": "FloatStorage", "float16": "HalfStorage", "int64": "LongStorage"}


class _Storage:
    def __init__(self, numbers: np.ndarray) -> None:
        self.numbers = numbers


class _Tensor:
    """Pickles as a tensor: a call of `torch._utils._rebuild_tensor_v2`."""

    def __init__(self, array: np.ndarray, rebuild: Any, *, as_it_lies: bool) -> None:
        if as_it_lies:
            self.storage = _Storage(np.ravel(array[(slice(0, 1),) * array.ndim]))
            steps = [step // array.itemsize for step in array.strides]
        else:
            # A matrix lies in memory as its transpose, as a tied or transposed weight may.
            self.storage = _Storage(np.ascontiguousarray(array.T))
            steps = np.cumprod([1, *array.shape[:-1]]).tolist()
        self.arguments = (self.storage, 0, array.shape, tuple(steps), False)
        self.rebuild = rebuild

    def __reduce__(self) -> Any:
        return self.rebuild, (*self.arguments, collections.OrderedDict())


def save_as_torch(
    path: Path, tensors: Mapping[str, np.ndarray], *, as_it_lies: bool = False, **others: Any
) -> Path:
    """Write what `torch.save(OrderedDict(tensors) | others, path)` would.

    Args:
        path: The file.
        tensors: The tensors by name.
        as_it_lies: Keep the arrays' strides, and of their numbers only the first.
        **others: What else the table holds.
    """
    with mock.patch.dict(sys.modules, _fake_torch()):
        rebuild = sys.modules["torch._utils"]._rebuild_tensor_v2
        named = {
            name: _Tensor(array, rebuild, as_it_lies=as_it_lies) for name, array in tensors.items()
        }
        pickled, storages = _pickled(collections.OrderedDict(named | others))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickled)
        for key, numbers in storages.items():
            archive.writestr(f"archive/data/{key}", numbers.tobytes())
        archive.writestr("archive/version", "3\n")
    return path


def _pickled(table: Any) -> tuple[bytes, dict[str, np.ndarray]]:
    storages: dict[str, np.ndarray] = {}

    class Pickler(pickle.Pickler):
        def persistent_id(self, thing: Any) -> Any:
            if not isinstance(thing, _Storage):
                return None
            key = str(len(storages))
            storages[key] = thing.numbers
            kind = getattr(sys.modules["torch"], KINDS[thing.numbers.dtype.name])
            return "storage", kind, key, "cpu", thing.numbers.size

    buffer = io.BytesIO()
    Pickler(buffer, protocol=2).dump(table)
    return buffer.getvalue(), storages


def _fake_torch() -> dict[str, types.ModuleType]:
    """Modules with the names that the pickle names, for as long as it is written."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for name in KINDS.values():
        setattr(torch, name, type(name, (), {"__module__": "torch"}))

    def _rebuild_tensor_v2(*_: Any) -> None: ...

    _rebuild_tensor_v2.__module__ = "torch._utils"
    _rebuild_tensor_v2.__qualname__ = "_rebuild_tensor_v2"
    setattr(utils, "_rebuild_tensor_v2", _rebuild_tensor_v2)  # noqa: B010
    return {"torch": torch, "torch._utils": utils}
