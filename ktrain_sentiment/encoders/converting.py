"""One `model.safetensors` from weights that are kept in another way, as a new folder in the cache.

TensorFlow's transformers want one file of weights in PyTorch's layout, and so does what writes a
graph from them. Large encoders come in several files, older ones as `pytorch_model.bin`.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ktrain_sentiment.atomic import sha256_of, staged_folder
from ktrain_sentiment.encoders import folder
from ktrain_sentiment.encoders.digest import cache_folder
from ktrain_sentiment.encoders.pickled import RawTensor, read_pickled
from ktrain_sentiment.errors import EncoderError


def converted(place: Path, shown: str) -> Path:
    """The encoder with its weights in one safetensors file; the same folder where they are.

    Args:
        place: A checked encoder folder.
        shown: What the user called it, for the error message.

    Raises:
        EncoderError: The weights cannot be read.
    """
    names = folder.file_names(place)
    first, *others = folder.weights_among(names)
    if first in (folder.SAFETENSORS, folder.TF_WEIGHTS):
        return place
    if first == folder.SAFETENSORS_INDEX:
        _check_shards(place, others, shown)
    weights = [place / name for name in (others or [first])]
    target = cache_folder() / "converted" / _fingerprint(place, weights)
    if (target / folder.SAFETENSORS).is_file():
        return target
    try:
        tensors = _read_shards(weights) if others else read_pickled(weights[0])
    except EncoderError as error:
        raise EncoderError(f"encoder {shown}: {error}") from error
    if not tensors:
        raise EncoderError(f"encoder {shown}: {first} holds no tensors")
    target.parent.mkdir(parents=True, exist_ok=True)
    with staged_folder(target, overwrite=True) as staged:
        for name in folder.needed(names):
            if place / name not in weights and name != first:
                (staged / name).parent.mkdir(exist_ok=True)
                shutil.copyfile(place / name, staged / name)
        write_tensors(staged / folder.SAFETENSORS, tensors)
    return target


def _check_shards(place: Path, there: Iterable[str], shown: str) -> None:
    """Compare the files of weights with those that the index names."""
    index = json.loads((place / folder.SAFETENSORS_INDEX).read_text("utf-8"))
    lacking = sorted(set(index["weight_map"].values()) - set(there))
    if lacking:
        raise EncoderError(
            f"encoder {shown}: not a whole encoder, it lacks {', '.join(lacking)}, which "
            f"{folder.SAFETENSORS_INDEX} names"
        )


def _fingerprint(place: Path, weights: Iterable[Path]) -> str:
    """A name that changes with any file of the encoder."""
    small = sorted(path for path in place.iterdir() if path.suffix in {".json", ".txt", ".model"})
    digests = "".join(sha256_of(path) for path in [*small, *weights] if path.is_file())
    return hashlib.sha256(digests.encode()).hexdigest()[:32]


def _read_shards(paths: Iterable[Path]) -> dict[str, RawTensor]:
    tensors: dict[str, RawTensor] = {}
    for path in paths:
        tensors |= _read_safetensors(path)
    return tensors


def _read_safetensors(path: Path) -> dict[str, RawTensor]:
    """The tensors of a file whose size was found to be what its header promises."""
    tensors, begin = folder.read_header(path)
    numbers = np.memmap(path, dtype=np.uint8, mode="r", offset=begin)
    return {
        name: RawTensor(
            entry["dtype"], tuple(entry["shape"]), numbers[slice(*entry["data_offsets"])]
        )
        for name, entry in tensors.items()
    }


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
