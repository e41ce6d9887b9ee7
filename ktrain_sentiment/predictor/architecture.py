"""The encoders of BERT's family as one neutral description, from PyTorch-named weights.

BERT, DistilBERT, RoBERTa, XLM-R, CamemBERT, ELECTRA, ALBERT and MPNet compute the same thing with
other names and small differences; here the names end, and the differences become fields. Whoever
writes a graph (see `onnx_graph.py`) needs to know this description alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.errors import PredictorError
from ktrain_sentiment.predictor.weights import Weights

Array = NDArray[np.float32]

_ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
    "tanh": "tanh",
}


class UnknownArchitectureError(PredictorError):
    """The architecture is outside BERT's family, so its graph cannot be built from weights."""


@dataclass(frozen=True)
class Dense:
    """An affine map: `x @ weight + bias`, weight of shape (in, out)."""

    weight: Array
    bias: Array


@dataclass(frozen=True)
class Norm:
    """A layer normalisation over the last axis."""

    gain: Array
    bias: Array


@dataclass(frozen=True)
class Layer:
    """A transformer layer, normalised after each residual sum (post-norm)."""

    query: Dense
    key: Dense
    value: Dense
    attention: Dense
    attention_norm: Norm
    inner: Dense
    outer: Dense
    output_norm: Norm


@dataclass(frozen=True)
class Encoder:
    """A sequence classifier of BERT's family.

    Attributes:
        words: Word embeddings, (vocabulary, width).
        positions: Position embeddings, (positions, width).
        types: Token-type embeddings, (types, width), or None.
        norm: Normalisation of the summed embeddings.
        projection: From the embeddings' width to the layers', or None when they are equal.
        layers: The layers; a shared layer is the same object several times.
        head: The maps from the first token's state to the logits, each with its activation.
        heads: Attention heads.
        activation: Of the inner map: gelu, gelu_tanh, relu, silu.
        epsilon: Added to the variance in each normalisation.
        counted_from: RoBERTa and MPNet count positions from this padding id + 1 and skip
            padding; None: from zero.
        relative: Attention bias by relative distance, (buckets, heads), or None (MPNet alone).
    """

    words: Array
    positions: Array
    types: Array | None
    norm: Norm
    projection: Dense | None
    layers: tuple[Layer, ...]
    head: tuple[tuple[Dense, str | None], ...]
    heads: int
    activation: str
    epsilon: float
    counted_from: int | None
    relative: Array | None


@dataclass(frozen=True)
class _Family:
    """Where a family keeps its weights, and what it does differently.

    Names of a layer's parts are relative to `layer`, which has the layer's number for `{}`.
    """

    root: str
    layer: str
    parts: tuple[str, str, str, str, str, str, str, str]
    head: tuple[tuple[str, str | None], ...]
    projection: str = ""
    counts_padding: bool = False


_BERT_PARTS = (
    "attention.self.query",
    "attention.self.key",
    "attention.self.value",
    "attention.output.dense",
    "attention.output.LayerNorm",
    "intermediate.dense",
    "output.dense",
    "output.LayerNorm",
)
_ROBERTA_HEAD = (("classifier.dense", "tanh"), ("classifier.out_proj", None))
_ROBERTA = _Family(
    "roberta", "roberta.encoder.layer.{}", _BERT_PARTS, _ROBERTA_HEAD, counts_padding=True
)

FAMILIES: Mapping[str, _Family] = {
    "bert": _Family(
        "bert",
        "bert.encoder.layer.{}",
        _BERT_PARTS,
        (("bert.pooler.dense", "tanh"), ("classifier", None)),
    ),
    "roberta": _ROBERTA,
    "xlm-roberta": _ROBERTA,
    "camembert": _ROBERTA,
    "electra": _Family(
        "electra",
        "electra.encoder.layer.{}",
        _BERT_PARTS,
        (("classifier.dense", "gelu"), ("classifier.out_proj", None)),
        projection="electra.embeddings_project",
    ),
    "distilbert": _Family(
        "distilbert",
        "distilbert.transformer.layer.{}",
        (
            "attention.q_lin",
            "attention.k_lin",
            "attention.v_lin",
            "attention.out_lin",
            "sa_layer_norm",
            "ffn.lin1",
            "ffn.lin2",
            "output_layer_norm",
        ),
        (("pre_classifier", "relu"), ("classifier", None)),
    ),
    "albert": _Family(
        "albert",
        "albert.encoder.albert_layer_groups.{}.albert_layers.0",
        (
            "attention.query",
            "attention.key",
            "attention.value",
            "attention.dense",
            "attention.LayerNorm",
            "ffn",
            "ffn_output",
            "full_layer_layer_norm",
        ),
        (("albert.pooler", "tanh"), ("classifier", None)),
        projection="albert.encoder.embedding_hidden_mapping_in",
    ),
    "mpnet": _Family(
        "mpnet",
        "mpnet.encoder.layer.{}",
        (
            "attention.attn.q",
            "attention.attn.k",
            "attention.attn.v",
            "attention.attn.o",
            "attention.LayerNorm",
            "intermediate.dense",
            "output.dense",
            "output.LayerNorm",
        ),
        _ROBERTA_HEAD,
        counts_padding=True,
    ),
}
"""The families whose graph can be built from weights, by config.json's `model_type`."""


def describe(weights: Weights, config: Mapping[str, Any]) -> Encoder:
    """Turn PyTorch-named weights and their configuration into the neutral description.

    Args:
        weights: Arrays by PyTorch name, as `to_torch_names` or `read_safetensors` give them.
        config: The contents of config.json.

    Raises:
        UnknownArchitectureError: The family, or an option of it, is not one of those known here.
        PredictorError: A weight is missing.
    """
    family = _family(config)
    reader = _Reader(weights)
    encoder = _describe(family, reader, config)
    head = tuple((reader.dense(name), activation) for name, activation in family.head)
    return dataclasses.replace(encoder, head=head)


def describe_encoder(weights: Weights, config: Mapping[str, Any]) -> Encoder:
    """Like `describe`, for a pre-trained encoder: no head, and names with or without a prefix.

    The oldest encoders on the hub call a normalisation's gain `gamma` and its bias `beta`.
    """
    family = _family(config)
    renamed = {_modern(name): array for name, array in weights.items()}
    if not any(name.startswith(f"{family.root}.") for name in renamed):
        renamed = {f"{family.root}.{name}": array for name, array in renamed.items()}
    return _describe(family, _Reader(renamed), config)


def _modern(name: str) -> str:
    for old, new in ((".gamma", ".weight"), (".beta", ".bias")):
        if name.endswith(old):
            return name.removesuffix(old) + new
    return name


def _describe(family: _Family, reader: _Reader, config: Mapping[str, Any]) -> Encoder:
    """Everything but the head."""
    root = f"{family.root}.embeddings"
    return Encoder(
        words=reader.array(f"{root}.word_embeddings.weight"),
        positions=reader.array(f"{root}.position_embeddings.weight"),
        types=reader.optional(f"{root}.token_type_embeddings.weight"),
        norm=reader.norm(f"{root}.LayerNorm"),
        projection=reader.optional_dense(family.projection),
        layers=_layers(reader, family, config),
        head=(),
        heads=int(_first(config, "num_attention_heads", "n_heads")),
        activation=_ACTIVATIONS[_first(config, "hidden_act", "activation")],
        epsilon=float(config.get("layer_norm_eps", 1e-12)),
        counted_from=_padding_id(config) if family.counts_padding else None,
        relative=reader.optional(f"{family.root}.encoder.relative_attention_bias.weight"),
    )


def _family(config: Mapping[str, Any]) -> _Family:
    name = str(config.get("model_type"))
    if name not in FAMILIES:
        known = ", ".join(sorted(FAMILIES))
        raise UnknownArchitectureError(f"architecture {name!r} is not one of {known}")
    if config.get("position_embedding_type", "absolute") != "absolute":
        raise UnknownArchitectureError(f"{name} with relative position embeddings is not known")
    if _first(config, "hidden_act", "activation") not in _ACTIVATIONS:
        raise UnknownArchitectureError(f"{name} with its activation is not known")
    if config.get("inner_group_num", 1) != 1:
        raise UnknownArchitectureError(f"{name} with several layers in a group is not known")
    return FAMILIES[name]


def _padding_id(config: Mapping[str, Any]) -> int:
    return int(config.get("pad_token_id", 1))


def _first(config: Mapping[str, Any], *names: str) -> Any:  # noqa: ANN401
    for name in names:
        if name in config:
            return config[name]
    raise UnknownArchitectureError(f"config.json has none of {', '.join(names)}")


def _layers(reader: _Reader, family: _Family, config: Mapping[str, Any]) -> tuple[Layer, ...]:
    count = int(_first(config, "num_hidden_layers", "n_layers"))
    groups = int(config.get("num_hidden_groups", count)) if "albert" in family.root else count
    distinct = [_layer(reader, family, group) for group in range(groups)]
    return tuple(distinct[number * groups // count] for number in range(count))


def _layer(reader: _Reader, family: _Family, number: int) -> Layer:
    names = [f"{family.layer.format(number)}.{part}" for part in family.parts]
    query, key, value, attention, attention_norm, inner, outer, output_norm = names
    return Layer(
        reader.dense(query),
        reader.dense(key),
        reader.dense(value),
        reader.dense(attention),
        reader.norm(attention_norm),
        reader.dense(inner),
        reader.dense(outer),
        reader.norm(output_norm),
    )


@dataclass(frozen=True)
class _Reader:
    """Looks weights up by name, in 32-bit floats."""

    weights: Weights

    def array(self, name: str) -> Array:
        if name not in self.weights:
            raise PredictorError(f"the weights lack {name}")
        return np.asarray(self.weights[name], dtype=np.float32)

    def optional(self, name: str) -> Array | None:
        return self.array(name) if name in self.weights else None

    def dense(self, name: str) -> Dense:
        return Dense(
            np.ascontiguousarray(self.array(f"{name}.weight").T), self.array(f"{name}.bias")
        )

    def optional_dense(self, name: str) -> Dense | None:
        return self.dense(name) if f"{name}.weight" in self.weights else None

    def norm(self, name: str) -> Norm:
        return Norm(self.array(f"{name}.weight"), self.array(f"{name}.bias"))
