"""KServe's Open Inference Protocol v2: texts as a tensor of BYTES, answers as tensors.

Tensors are JSON, or bytes behind it, as Triton's clients send them unless told otherwise ("binary
tensor data extension").
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

from ktrain_sentiment.inputs import TEXTS, Inputs
from ktrain_sentiment.prediction import EXPECTED, SCORE_HIGH, SCORE_LOW, score_ends
from ktrain_sentiment.serve.limits import invalid
from ktrain_sentiment.tasks import Task

Floats = NDArray[np.float32]


class TensorParameters(Struct):
    """`parameters` of a tensor."""

    binary_data_size: Annotated[int, Meta(ge=0)] | None = None
    binary_data: bool | None = None


class InputTensor(Struct):
    """The texts, as a tensor of BYTES."""

    name: str
    shape: Annotated[list[Annotated[int, Meta(ge=0, le=2**31)]], Meta(max_length=8)]
    datatype: str
    data: list[Any] | None = None
    parameters: TensorParameters | None = None


class WantedTensor(Struct):
    """An output that is asked for."""

    name: str
    parameters: TensorParameters | None = None


class InferParameters(Struct):
    """`parameters` of a request."""

    binary_data_output: bool = False


class InferRequest(Struct):
    """A request of the Open Inference Protocol v2."""

    inputs: list[InputTensor]
    id: str | None = None
    outputs: list[WantedTensor] | None = None
    parameters: InferParameters | None = None


class OutputTensor(Struct, omit_defaults=True):
    """An output: `label` (BYTES), `score` (FP32) or `probabilities` (FP32, a column a label)."""

    name: str
    datatype: str
    shape: list[int]
    data: list[Any] | None = None
    parameters: TensorParameters | None = None


class InferAnswer(Struct, omit_defaults=True):
    """An answer of the Open Inference Protocol v2."""

    model_name: str
    model_version: str
    outputs: list[OutputTensor]
    id: str | None = None


def tensor_names(inputs: Inputs) -> tuple[str, ...]:
    """The tensors that a model reads, the text's first."""
    return ("text", *inputs.also, *(["text_pair"] if inputs.pair else []))


def tensor_texts(asked: InferRequest, behind: bytes, inputs: Inputs = TEXTS) -> list[str]:
    """The texts of a request of KServe; of a model that reads more, a tensor for each column.

    Args:
        asked: The JSON part.
        behind: What follows it, where tensors are sent as bytes, in their order.
        inputs: What the model reads.

    Raises:
        RefusalError: They are not tensors of BYTES that are as large as they say, one a column.
    """
    wanted = tensor_names(inputs)
    if len(asked.inputs) != len(wanted):
        all_of = f"one a column, {', '.join(wanted)}" if inputs else "one of datatype BYTES"
        raise invalid(f"inputs: got {len(asked.inputs)} tensors, wanted {all_of}")
    sizes = [one.parameters.binary_data_size if one.parameters else None for one in asked.inputs]
    if (total := sum(filter(None, sizes))) != len(behind) and set(sizes) != {None}:
        raise invalid(f"binary_data_size {total}: got {len(behind)} bytes behind the JSON")
    columns: dict[str, list[Any]] = {}
    for place, (tensor, size) in enumerate(zip(asked.inputs, sizes, strict=True)):
        own, behind = behind[: size or 0], behind[size or 0 :]
        columns[tensor.name] = _strings(tensor, place, None if size is None else own)
    if not inputs:
        return next(iter(columns.values()))
    for name in wanted:
        if name not in columns:
            raise invalid(f"inputs: there is no tensor {name!r}; wanted {', '.join(wanted)}")
    if len(set(map(len, columns.values()))) > 1:
        raise invalid("inputs: the tensors hold different numbers of rows")
    rows = zip(*(columns[name] for name in wanted), strict=True)
    return [inputs.join(text, others) or "" for text, *others in rows]


def _strings(tensor: InputTensor, place: int, packed: bytes | None) -> list[Any]:
    if tensor.datatype != "BYTES":
        raise invalid(f"inputs[{place}]: got datatype {tensor.datatype[:20]}, wanted BYTES")
    values = _flat(tensor.data or []) if packed is None else _unpack(packed)
    count = math.prod(tensor.shape)
    if len(values) != count:
        raise invalid(
            f"inputs[{place}]: shape {tensor.shape} holds {count} texts, got {len(values)}"
        )
    for at, value in enumerate(values):
        if not isinstance(value, str):
            kind = type(value).__name__
            raise invalid(f"inputs[{place}].data[{at}]: got {kind}, wanted a string")
    return values


def _flat(values: Sequence[Any]) -> list[Any]:
    # Neither recursive nor level by level: how deep a request nests its data is up to its sender.
    found, inside = list[Any](), [iter(values)]
    while inside:
        for value in inside[-1]:
            if isinstance(value, list):
                inside.append(iter(value))
                break
            found.append(value)
        else:
            inside.pop()
    return found


def _unpack(data: bytes) -> list[Any]:
    """Texts in the binary form: four bytes of length, little-endian, before each."""
    texts: list[Any] = []
    at = 0
    while at < len(data):
        try:
            (length,) = struct.unpack_from("<I", data, at)
            part = data[at + 4 : at + 4 + length]
            if len(part) != length:
                raise ValueError("cut off")
            texts.append(part.decode("utf-8"))
        except (ValueError, struct.error):
            raise invalid(
                f"inputs[0]: text {len(texts)} is cut off or not in UTF-8; wanted four bytes of "
                "length before each text"
            ) from None
        at += 4 + length
    return texts


@dataclass(frozen=True)
class Table:
    """Answers as columns, for KServe's tensors.

    Attributes:
        names: The label of each text; empty for one abstained from.
        score: The probability of each text's label, (texts,); of several how sure they are
            (`Task.confidence`), of a model of scores the score.
        probabilities: (texts, labels).
        stars: The mean star of each text, (texts,); None where labels are no stars.
        of_scores: The task of a model of scores, whose `probabilities` are these, (texts, 1).
    """

    names: list[str]
    score: Floats
    probabilities: Floats
    stars: Floats | None = None
    of_scores: Task | None = None


def infer_answer(
    asked: InferRequest, model: str, version: str, answers: Table
) -> tuple[InferAnswer, bytes]:
    """The answer to KServe's request, and the bytes that follow its JSON.

    Raises:
        RefusalError: An output is wanted that there is not.
    """
    count, width = answers.probabilities.shape
    known: dict[str, tuple[str, list[int], Any]] = {
        "label": ("BYTES", [count], answers.names),
        "score": ("FP32", [count], answers.score),
        "probabilities": ("FP32", [count, width], answers.probabilities),
    }
    if answers.of_scores is not None:
        del known["probabilities"]
        width = answers.of_scores.half_width
        if width is not None:
            low, high = score_ends(answers.score, width)
            known[SCORE_LOW], known[SCORE_HIGH] = ("FP32", [count], low), ("FP32", [count], high)
    if answers.stars is not None:
        known[EXPECTED] = ("FP32", [count], answers.stars)
    wanted = asked.outputs or [WantedTensor(name) for name in known]
    binary = bool(asked.parameters and asked.parameters.binary_data_output)
    outputs, behind = [], b""
    for one in wanted:
        if one.name not in known:
            raise invalid(f"outputs: there is no such tensor, wanted of {', '.join(known)}")
        datatype, shape, values = known[one.name]
        own = one.parameters.binary_data if one.parameters else None
        if binary if own is None else own:
            packed = _pack(values)
            behind += packed
            size = TensorParameters(binary_data_size=len(packed))
            outputs.append(OutputTensor(one.name, datatype, shape, parameters=size))
        else:
            data = values if isinstance(values, list) else values.ravel().tolist()
            outputs.append(OutputTensor(one.name, datatype, shape, data))
    return InferAnswer(model, version, outputs, asked.id), behind


def _pack(values: list[str] | Floats) -> bytes:
    if not isinstance(values, list):
        return values.astype("<f4").tobytes()
    encoded = [value.encode("utf-8") for value in values]
    return b"".join(struct.pack("<I", len(one)) + one for one in encoded)
