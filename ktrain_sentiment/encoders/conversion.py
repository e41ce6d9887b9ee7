"""One `model.safetensors` from weights that are kept in another way, as a new folder in the cache.

TensorFlow's transformers want one file of weights in PyTorch's layout, and so does what writes a
graph from them. Large encoders come in several files, older ones as `pytorch_model.bin`: a zip
archive of raw numbers and a pickle that says which tensor lies where. A pickle can ask for any
function of Python; this one gets the four that a table of tensors is made of, and a file that asks
for another is refused by name (as `torch.load(weights_only=True)` does).
"""

from __future__ import annotations

import collections
import hashlib
import io
import json
import math
import pickle
import shutil
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.atomic import sha256_of, staged_folder
from ktrain_sentiment.encoders import encoder_folder
from ktrain_sentiment.errors import EncoderError, one_line
from ktrain_sentiment.runs import cache_folder

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
            # PyTorch never compresses; what is unpacked could be a thousand times the file.
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
                raise ValueError("its archive is compressed")
            found = _TensorTable(archive).load()
    except zipfile.BadZipFile as error:
        raise EncoderError(
            f"{path.name} is damaged, or of PyTorch's format from before version 1.6, which only "
            f"PyTorch reads; {HOW_TO_CONVERT}"
        ) from error
    except Exception as error:  # A pickle can make its reader raise any of them.
        raise EncoderError(
            f"{path.name} is not a table of tensors alone: {one_line(error)}"
        ) from error
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
        # Tied weights name one storage several times.
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
    # Strides of zero would let four bytes be any number of gigabytes.
    if math.prod(shape) > len(numbers):
        raise ValueError("a tensor has more numbers than the file holds")
    size = numbers.itemsize
    view = np.lib.stride_tricks.as_strided(
        numbers[offset:], shape, [step * size for step in strides], writeable=False
    )
    return RawTensor(kind, tuple(shape), np.ascontiguousarray(view).reshape(-1))


def _parameter(data: RawTensor, *_: object) -> RawTensor:
    """Stands for `torch._utils._rebuild_parameter`."""
    return data


def converted(place: Path, shown: str) -> Path:
    """The encoder with its weights in one safetensors file; the same folder where they are.

    Args:
        place: A checked encoder folder.
        shown: What the user called it, for the error message.

    Raises:
        EncoderError: The weights cannot be read.
    """
    names = encoder_folder.file_names(place)
    first, *others = encoder_folder.weights_among(names)
    if first in (encoder_folder.SAFETENSORS, encoder_folder.TF_WEIGHTS):
        return place
    if first == encoder_folder.SAFETENSORS_INDEX:
        _check_shards(place, others, shown)
    weights = [place / name for name in (others or [first])]
    # The name changes with any file of the encoder.
    small = sorted(path for path in place.iterdir() if path.suffix in {".json", ".txt", ".model"})
    digests = "".join(sha256_of(path) for path in [*small, *weights] if path.is_file())
    fingerprint = hashlib.sha256(digests.encode()).hexdigest()[:32]
    target = cache_folder() / "converted" / fingerprint
    if (target / encoder_folder.SAFETENSORS).is_file():
        return target
    try:
        tensors = _read_safetensors(weights) if others else read_pickled(weights[0])
    except EncoderError as error:
        raise EncoderError(f"encoder {shown}: {error}") from error
    if not tensors:
        raise EncoderError(f"encoder {shown}: {first} holds no tensors")
    target.parent.mkdir(parents=True, exist_ok=True)
    with staged_folder(target, overwrite=True) as staged:
        fill_folder(staged, place, tensors)
    return target


def fill_folder(
    staged: Path,
    source: Path,
    tensors: Mapping[str, RawTensor],
    config: Mapping[str, Any] | None = None,
) -> None:
    """Write an encoder into an empty folder: another one's tokenizer and notes, other weights.

    Args:
        staged: The folder.
        source: The encoder whose small files are taken.
        tensors: The weights, by PyTorch's names.
        config: Entries of config.json that become others; None takes one out.
    """
    names = [path.relative_to(source).as_posix() for path in source.glob("**/*") if path.is_file()]
    for name in set(encoder_folder.needed(names)) - set(encoder_folder.weights_among(names)):
        (staged / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(source / name, staged / name)
    if config is not None:
        path = staged / "config.json"
        now = {**encoder_folder.read_json(path, source.name), **config}
        kept = {name: value for name, value in now.items() if value is not None}
        path.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
    write_tensors(staged / encoder_folder.SAFETENSORS, tensors)


def _check_shards(place: Path, there: Iterable[str], shown: str) -> None:
    """Compare the files of weights with those that the index names."""
    name = encoder_folder.SAFETENSORS_INDEX
    placed = encoder_folder.read_json(place / name, shown).get("weight_map")
    if not isinstance(placed, dict) or not all(isinstance(file, str) for file in placed.values()):
        raise EncoderError(f"encoder {shown}: {name} has no weight_map of tensors and their files")
    lacking = sorted(set(placed.values()) - set(there))
    if lacking:
        raise EncoderError(
            f"encoder {shown}: not a whole encoder, it lacks {', '.join(lacking)}, which "
            f"{encoder_folder.SAFETENSORS_INDEX} names"
        )


def _read_safetensors(paths: Iterable[Path]) -> dict[str, RawTensor]:
    """The tensors of files whose sizes were found to be what their headers promise."""
    found: dict[str, RawTensor] = {}
    for path in paths:
        tensors, begin = encoder_folder.read_header(path)
        numbers = np.memmap(path, dtype=np.uint8, mode="r", offset=begin)
        for name, entry in tensors.items():
            part = numbers[slice(*entry["data_offsets"])]
            found[name] = RawTensor(entry["dtype"], tuple(entry["shape"]), part)
    return found


def as_raw(array: NDArray[np.float32]) -> RawTensor:
    """An array of 32-bit floats as `write_tensors` takes it."""
    numbers = np.ascontiguousarray(array, np.float32).reshape(-1)
    return RawTensor("F32", array.shape, numbers)


def write_tensors(path: Path, tensors: Mapping[str, RawTensor]) -> None:
    """Write `model.safetensors` from raw numbers of any kind, bfloat16 among them.

    Layout: see https://github.com/huggingface/safetensors#format.
    """
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, tensor in tensors.items():
        begin, end = end, end + tensor.numbers.nbytes
        shape = list(tensor.shape)
        header[name] = {"dtype": tensor.kind, "shape": shape, "data_offsets": [begin, end]}
    written = json.dumps(header).encode()
    written += b" " * (-len(written) % 8)
    with path.open("wb") as file:
        file.write(len(written).to_bytes(8, "little") + written)
        for tensor in tensors.values():
            file.write(tensor.numbers.tobytes())
