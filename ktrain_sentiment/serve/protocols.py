"""What clients of other servers send, and what they expect back.

Each shape is the other side's own, so that its clients work unchanged: text-embeddings-inference
(`/predict`), Hugging Face's text-classification task and MLflow's scoring server; KServe's is in
`kserve.py`. Unknown fields are ignored, as those servers do.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, TypeVar

import msgspec
import numpy as np
from msgspec import UNSET, Meta, Struct, UnsetType
from numpy.typing import NDArray

from ktrain_sentiment.data.columns import choose_text_column
from ktrain_sentiment.errors import DataError, InputError
from ktrain_sentiment.inference.rows import join_rows
from ktrain_sentiment.inputs import Inputs
from ktrain_sentiment.prediction import sigmoid, softmax
from ktrain_sentiment.serve.limits import RefusalError, invalid, too_many, unusable
from ktrain_sentiment.tables.table import cells_of, wanted_fields

Floats = NDArray[np.float32]
Query = TypeVar("Query", bound=Struct)


class Label(Struct):
    """A label and how sure the model is of it.

    Where labels come as a list the first is the answer: the surest, or where mistakes are weighed
    that of the least expected cost.
    """

    label: str
    score: float


Ranking = list[Label]
"""The labels of one text, that which is said first; empty for a text that was abstained from."""


class ErrorBody(Struct):
    """Every answer that is no success."""

    error: str
    error_type: str


def rank(
    labels: Sequence[str], scores: Floats, most: int | None = None, said: int | None = None
) -> Ranking:
    """The labels of one text, the surest first.

    Args:
        labels: All of them.
        scores: How sure each is, (labels,).
        most: How many to give; all when None.
        said: Which one is the answer where that need not be the surest: it stands before all.
    """
    order = np.argsort(-scores, kind="stable").tolist()
    if said is not None:
        order = [said, *(k for k in order if k != said)]
    return [Label(labels[k], float(scores[k])) for k in order[:most]]


Row = dict[str, Any]
"""The cells by column, of a model that reads more of a row than its text."""


def joined(rows: Sequence[Any], inputs: Inputs) -> list[str]:
    """What the model reads of each text, or row, of a request; empty where there is no text.

    Raises:
        RefusalError: They are not what it reads.
    """
    try:
        if inputs:
            read = join_rows(list(rows), inputs, "text", _example(inputs))
            return [text or "" for text in read]
    except InputError as error:
        raise unusable(error) from error
    for place, row in enumerate(rows):
        if not isinstance(row, str):
            several = "a pair" if len(row) == 2 else "a list"
            kind = several if isinstance(row, list) else "an object"
            raise invalid(f"text {place}: got {kind}, and this model reads texts alone")
    return list(rows)


def _example(inputs: Inputs) -> str:
    """A row as JSON has it, which every route takes."""
    return encode(dict.fromkeys(inputs.columns, "...")).decode()


# text-embeddings-inference


class PredictRequest(Struct):
    """A text, or a batch of them, each in a list of its own: `[["one"], ["another"]]`."""

    inputs: str | Row | list[str | list[str] | Row]
    raw_scores: bool = False
    truncate: bool | None = None
    truncation_direction: Literal["Right", "right", "Left", "left"] = "Right"


def predict_rows(asked: PredictRequest, inputs: Inputs) -> tuple[list[Any], bool]:
    """The texts, or rows, and whether they are a batch.

    Raises:
        RefusalError: They are pairs, mixed, or to be cut at the left.
    """
    if asked.truncation_direction in {"Left", "left"}:
        raise invalid(
            "truncation_direction Left: this model was trained on the beginnings of texts"
        )
    given = asked.inputs
    if isinstance(given, str | dict):
        return [given], False
    if given and all(isinstance(one, dict) for one in given):
        return list(given), True
    if inputs.pair:
        # As at that server: two texts in a list are a pair, lists of them a batch.
        single = len(given) == 2 and all(isinstance(one, str) for one in given)
        return ([list(given)], False) if single else (list(given), True)
    if len(given) == 1 and isinstance(given[0], str):
        return [given[0]], False
    if inputs and given:
        raise invalid(
            f"inputs: this model reads {inputs.told}; wanted {_example(inputs)}, or a list of such"
        )
    inner = [one for one in given if isinstance(one, list)]
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
    """A text or a list of texts; a row of several columns is an object by their names."""

    inputs: str | Row | list[str | Row | list[str]]
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
        return sigmoid(logits, temperature)
    return softmax(logits, temperature)


# Explanation


class ExplainRequest(Struct):
    """A text or a row, and the label to explain where it is not the predicted one."""

    inputs: str | list[str] | Row
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
    """Which words drive a prediction.

    Attributes:
        text: What was read, in which words are counted: of a row all of it that the model reads.
    """

    label: str
    score: float
    scores: Ranking
    words: list[Word]
    truncated: bool
    text: str


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
    inputs: str | list[str | dict[str, Any]] | dict[str, list[Any]] | None = None


class Scored(Struct, omit_defaults=True):
    """A label and its probability; null for a text that was abstained from.

    Of stars also the mean star of the probabilities. A model of scores has its score in the
    probability's place, and the ends of its interval. Of several labels a text these as a list
    too; the label is all of them, joined by |, and in the probability's place stands how sure they
    are together (`Task.confidence`).
    Where mistakes are weighed the label is that of the least expected cost.
    """

    label: str | None
    score: float | None
    expected_star: float | None = None
    score_low: float | None = None
    score_high: float | None = None
    labels: list[str] | None = None


class InvocationsAnswer(Struct):
    """What MLflow's clients read."""

    predictions: list[Scored]


@dataclass(frozen=True)
class _Rows:
    """Rows of a request as what a column of texts can be chosen from."""

    records: Sequence[Mapping[str, Any]]
    trained: str = ""
    name: str = "the rows"
    repeated: frozenset[str] = frozenset()
    made: Mapping[str, str] = field(default_factory=dict)

    @functools.cached_property
    def columns(self) -> tuple[str, ...]:
        own = tuple(dict.fromkeys(name for record in self.records for name in record))
        return (*own, *wanted_fields(self.records, own, (self.trained,)))

    def sample(self, column: str) -> list[Any]:
        return cells_of(self.records, column)


def invocation_texts(
    asked: InvocationsRequest, trained: str | None, inputs: Inputs, most: int
) -> list[str]:
    """The texts of MLflow's request.

    Args:
        asked: The request.
        trained: The column of texts in training, taken where the rows have it.
        inputs: What the model reads.
        most: Rows that a request may have.

    Raises:
        RefusalError: They are too many, there is no telling the texts, or one is none.
    """
    given = [getattr(asked, name) for name in asked.__struct_fields__]
    if sum(one is not None for one in given) != 1:
        raise invalid("wanted one of dataframe_split, dataframe_records, instances and inputs")
    rows = _rows_of(asked)
    # Before a column is looked for: that takes as long as there are rows, for each column.
    if len(rows) > most:
        raise too_many(len(rows), most)
    if inputs:
        return joined(rows, inputs)
    values = _column_of_texts(rows, trained)
    for place, value in enumerate(values):
        if value is not None and not isinstance(value, str):
            raise invalid(f"row {place}: got {type(value).__name__}, wanted a text")
    return [value or "" for value in values]


def _rows_of(asked: InvocationsRequest) -> list[Any]:
    """The texts or records of a request."""
    given = asked.inputs
    if isinstance(given, str):
        return [given]
    if isinstance(given, list):
        return list(given)
    if isinstance(given, dict):
        records = _records(list(given), zip(*given.values(), strict=True))
    elif asked.dataframe_split is not None:
        records = _records(asked.dataframe_split.columns, asked.dataframe_split.data)
    else:
        records = list(asked.dataframe_records or asked.instances or [])
    return records


def _column_of_texts(records: list[Any], trained: str | None) -> list[Any]:
    if all(isinstance(record, str) for record in records):
        return records
    if not all(isinstance(record, dict) for record in records):
        raise invalid("instances: got texts and records, wanted all of one kind")
    table = _Rows(records, trained or "")
    try:
        return table.sample(choose_text_column(table, None, trained))
    except DataError as error:
        raise unusable(error) from error


def _records(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[Any]:
    try:
        return [dict(zip(columns, row, strict=True)) for row in rows]
    except ValueError:
        raise invalid(f"a row has not one value for each of {len(columns)} columns") from None


# Tables


class TableQuery(Struct):
    """What the address of a table may say: the format of the answer, and the column of texts."""

    format: Literal["csv", "tsv", "jsonl", "parquet"] | UnsetType = UNSET
    column: str | UnsetType = UNSET


@functools.cache
def query_schemas(kind: type[Struct]) -> Mapping[str, Mapping[str, Any]]:
    """The JSON schema of each parameter of a query, by its name."""
    _, defined = msgspec.json.schema_components([kind])
    return dict(defined[kind.__name__]["properties"])


def decode_query(given: Mapping[str, str], kind: type[Query]) -> Query:
    """The parameters of a request's address as one of the types above.

    Raises:
        RefusalError: One is unknown, or has a value that it cannot have.
    """
    known = query_schemas(kind)
    for name, value in given.items():
        if name not in known:
            raise invalid(f"?{name[:40]}: there is no such parameter, wanted {' or '.join(known)}")
        wanted = known[name].get("enum", [value])
        if value not in wanted:
            raise invalid(f"?{name}={value[:40]}: wanted one of {', '.join(wanted)}")
    return msgspec.convert(dict(given), kind)


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
