"""What clients of other servers send, and what they expect back.

Each shape is the other side's own, so that its clients work unchanged: text-embeddings-inference
(`/predict`), Hugging Face's text-classification task, KServe's Open Inference Protocol v2 and
MLflow's scoring server. Unknown fields are ignored, as those servers do.
"""

from __future__ import annotations

import itertools
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

from ktrain_sentiment.data.columns import choose_text_column
from ktrain_sentiment.errors import DataError
from ktrain_sentiment.prediction import softmax
from ktrain_sentiment.serve.limits import RefusalError, invalid

Floats = NDArray[np.float32]


class Label(Struct):
    """A label and how sure the model is of it."""

    label: str
    score: float


Ranking = list[Label]
"""The labels of one text, the surest first; empty for a text that was abstained from."""


class ErrorBody(Struct):
    """Every answer that is no success."""

    error: str
    error_type: str


def rank(labels: Sequence[str], scores: Floats, most: int | None = None) -> Ranking:
    """The labels of one text, the surest first."""
    order = np.argsort(-scores, kind="stable")[:most].tolist()
    return [Label(labels[k], float(scores[k])) for k in order]


# text-embeddings-inference


class PredictRequest(Struct):
    """A text, or a batch of them, each in a list of its own: `[["one"], ["another"]]`."""

    inputs: str | list[str | list[str]]
    raw_scores: bool = False
    truncate: bool | None = None
    truncation_direction: Literal["Right", "right", "Left", "left"] = "Right"


def predict_texts(asked: PredictRequest) -> tuple[list[str], bool]:
    """The texts, and whether they are a batch.

    Raises:
        RefusalError: They are pairs, mixed, or to be cut at the left.
    """
    if asked.truncation_direction in {"Left", "left"}:
        raise invalid(
            "truncation_direction Left: this model was trained on the beginnings of texts"
        )
    given = asked.inputs
    if isinstance(given, str):
        return [given], False
    inner = [one for one in given if isinstance(one, list)]
    if not inner and len(given) == 1:
        return [str(given[0])], False
    if len(inner) == len(given) and all(len(one) == 1 for one in inner):
        return [one[0] for one in inner], True
    raise invalid(
        "inputs: got a list that is a pair or mixed, and this model reads single texts; wanted a "
        'text, or a batch written [["one"], ["another"]]'
    )


# Hugging Face's text-classification task


class TaskParameters(Struct):
    """`parameters` of Hugging Face's text-classification task."""

    top_k: Annotated[int, Meta(ge=1)] | None = None
    function_to_apply: Literal["softmax", "sigmoid", "none"] | None = None


class TaskRequest(Struct):
    """A text or a list of texts."""

    inputs: str | list[str]
    parameters: TaskParameters | None = None


def apply_function(logits: Floats, temperature: float, name: str | None) -> Floats:
    """Logits as scores: softmax unless told otherwise; "none": as they are.

    Args:
        logits: float32 of shape (texts, labels).
        temperature: The logits are divided by it first.
        name: softmax, sigmoid or none.
    """
    if name == "none":
        return np.asarray(logits / np.float32(temperature), np.float32)
    if name == "sigmoid":
        with np.errstate(over="ignore"):
            return np.asarray(1 / (1 + np.exp(-logits / np.float32(temperature))), np.float32)
    return softmax(logits, temperature)


# Explanation


class ExplainRequest(Struct):
    """A text, and the label to explain where it is not the predicted one."""

    inputs: str
    label: str | None = None


class Word(Struct):
    """A word of the text, or a run of words of a long one.

    Attributes:
        start: First character (a code point, not a UTF-16 unit).
        end: The character behind the last.
        importance: Fall of the label's log-odds without it, in nats; negative: it speaks against.
    """

    word: str
    start: int
    end: int
    importance: float


class ExplainAnswer(Struct):
    """Which words drive a prediction."""

    label: str
    score: float
    scores: Ranking
    words: list[Word]
    truncated: bool


# KServe


class TensorParameters(Struct):
    """`parameters` of a tensor."""

    binary_data_size: Annotated[int, Meta(ge=0)] | None = None
    binary_data: bool | None = None


class InputTensor(Struct):
    """The texts, as a tensor of BYTES."""

    name: str
    shape: list[Annotated[int, Meta(ge=0)]]
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


def tensor_texts(asked: InferRequest, behind: bytes) -> list[str]:
    """The texts of a request of KServe.

    Args:
        asked: The JSON part.
        behind: What follows it, where tensors are sent as bytes.

    Raises:
        RefusalError: It is not one tensor of BYTES that is as large as it says.
    """
    if len(asked.inputs) != 1:
        raise invalid(f"inputs: got {len(asked.inputs)} tensors, wanted one of datatype BYTES")
    tensor = asked.inputs[0]
    if tensor.datatype != "BYTES":
        raise invalid(f"inputs[0]: got datatype {tensor.datatype[:20]}, wanted BYTES")
    size = tensor.parameters.binary_data_size if tensor.parameters else None
    values = _flat(tensor.data or []) if size is None else _unpack(behind, size)
    count = math.prod(tensor.shape)
    if len(values) != count:
        raise invalid(f"inputs[0]: shape {tensor.shape} holds {count} texts, got {len(values)}")
    for place, value in enumerate(values):
        if not isinstance(value, str):
            raise invalid(f"inputs[0].data[{place}]: got {type(value).__name__}, wanted a string")
    return values


def _flat(values: Sequence[Any]) -> list[Any]:
    # Not recursive: how deep a request nests its data is up to whoever sends it.
    while any(isinstance(value, list) for value in values):
        values = [x for value in values for x in (value if isinstance(value, list) else [value])]
    return list(values)


def _unpack(data: bytes, size: int) -> list[Any]:
    """Texts in the binary form: four bytes of length, little-endian, before each."""
    if size != len(data):
        raise invalid(f"binary_data_size {size}: got {len(data)} bytes behind the JSON")
    texts: list[Any] = []
    at = 0
    while at < size:
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
        probabilities: (texts, labels).
    """

    names: list[str]
    probabilities: Floats


def infer_answer(
    asked: InferRequest, model: str, version: str, answers: Table
) -> tuple[InferAnswer, bytes]:
    """The answer to KServe's request, and the bytes that follow its JSON.

    Raises:
        RefusalError: An output is wanted that there is not.
    """
    count, width = answers.probabilities.shape
    score = answers.probabilities.max(axis=1, initial=0)
    known: dict[str, tuple[str, list[int], Any]] = {
        "label": ("BYTES", [count], answers.names),
        "score": ("FP32", [count], score),
        "probabilities": ("FP32", [count, width], answers.probabilities),
    }
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


# MLflow


class SplitFrame(Struct):
    """A table as pandas writes it with orient="split"."""

    columns: list[str]
    data: list[list[Any]]


class InvocationsRequest(Struct):
    """One of the four ways in which MLflow's clients send rows."""

    dataframe_split: SplitFrame | None = None
    dataframe_records: list[dict[str, Any]] | None = None
    instances: list[str | dict[str, Any]] | None = None
    inputs: str | list[str] | dict[str, list[Any]] | None = None


class Scored(Struct):
    """A label and its probability; null for a text that was abstained from."""

    label: str | None
    score: float | None


class InvocationsAnswer(Struct):
    """What MLflow's clients read."""

    predictions: list[Scored]


_NOTHING = object()


@dataclass(frozen=True)
class _Rows:
    """Rows of a request as what a column of texts can be chosen from."""

    records: Sequence[Mapping[str, Any]]
    name: str = "the rows"
    repeated: frozenset[str] = frozenset()

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for record in self.records for name in record))

    def sample(self, column: str) -> list[Any]:
        return [record.get(column) for record in self.records]


def invocation_texts(asked: InvocationsRequest, trained: str | None) -> list[str]:
    """The texts of MLflow's request.

    Args:
        asked: The request.
        trained: The column of texts in training, taken where the rows have it.

    Raises:
        RefusalError: There is no telling the texts, or one is none.
    """
    given = [getattr(asked, name) for name in asked.__struct_fields__]
    if sum(one is not None for one in given) != 1:
        raise invalid("wanted one of dataframe_split, dataframe_records, instances and inputs")
    values = _column_of_texts(asked, trained)
    for place, value in enumerate(values):
        if value is not None and not isinstance(value, str):
            raise invalid(f"row {place}: got {type(value).__name__}, wanted a text")
    return [value or "" for value in values]


def _column_of_texts(asked: InvocationsRequest, trained: str | None) -> list[Any]:
    given = asked.inputs
    if isinstance(given, str):
        return [given]
    if isinstance(given, list):
        return list(given)
    if isinstance(given, dict):
        # Shorter columns leave rows that are too short, and those are refused.
        rows = itertools.zip_longest(*given.values(), fillvalue=_NOTHING)
        records = _records(list(given), [[x for x in row if x is not _NOTHING] for row in rows])
    elif asked.dataframe_split is not None:
        records = _records(asked.dataframe_split.columns, asked.dataframe_split.data)
    else:
        records = list(asked.dataframe_records or asked.instances or [])
    if all(isinstance(record, str) for record in records):
        return records
    if not all(isinstance(record, dict) for record in records):
        raise invalid("instances: got texts and records, wanted all of one kind")
    table = _Rows(records)
    try:
        return table.sample(choose_text_column(table, None, trained))
    except DataError as error:
        raise invalid(str(error)) from error


def _records(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[Any]:
    try:
        return [dict(zip(columns, row, strict=True)) for row in rows]
    except ValueError:
        raise invalid(f"a row has not one value for each of {len(columns)} columns") from None


# JSON in and out

_ENCODER = msgspec.json.Encoder()
_DECODERS: dict[type, msgspec.json.Decoder[Any]] = {}


def encode(value: object) -> bytes:
    """A value as JSON."""
    return _ENCODER.encode(value)


def decode(body: bytes, kind: type) -> Any:  # noqa: ANN401
    """A request's JSON as one of the types above.

    Raises:
        RefusalError: 400 where it is no JSON, and 422 where it is another's; both say the place.
    """
    decoder = _DECODERS.get(kind)
    if decoder is None:
        decoder = _DECODERS[kind] = msgspec.json.Decoder(kind)
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise invalid(str(error)) from error
    except msgspec.DecodeError as error:
        raise RefusalError(400, "Validation", _place(body, str(error))) from error
    except UnicodeDecodeError as error:
        raise RefusalError(400, "Validation", f"JSON is malformed: {_not_utf8(body)}") from error
    except RecursionError as error:
        raise RefusalError(400, "Validation", "JSON is malformed: nested too deeply") from error


def _place(body: bytes, message: str) -> str:
    if not body.strip():
        return "JSON is malformed: the body is empty"
    if message == "Input data was truncated":
        return f"JSON is malformed: it ends within a value (byte {len(body)})"
    return message


def _not_utf8(body: bytes) -> str:
    # msgspec counts from the beginning of the string in which it stands.
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        return f"not in UTF-8 (byte {error.start})"
    return "not in UTF-8"
