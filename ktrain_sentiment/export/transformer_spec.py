"""Transformer classifiers as one neutral description, from PyTorch-named weights.

BERT, DistilBERT, RoBERTa, XLM-R, CamemBERT, ELECTRA, ALBERT, MPNet, Longformer and GPT-2 compute
much the same with other names and small differences; here the names end (`FAMILIES` has them), and
the differences become fields. Whoever writes a graph (see `onnx_graph.py`) needs to know this
description alone.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.errors import PredictorError
from ktrain_sentiment.export.weights import Weights


@dataclass(frozen=True)
class Family:
    """Where a family keeps its weights, and what it does differently.

    Attributes:
        root: The model's own name in front of all its weights.
        layer: A layer, with its number for `{}`.
        parts: Names in a layer: query, key and value (or one that holds all three), the
            attention's output, its norm, the intermediate and the output map, their norm.
        head: The maps of the head, each with its activation.
        projection: From the embeddings' width to the layers', where a family has one.
        positions_from_padding: Positions are counted from the padding id + 1.
        causal: A token sees those before it; norms come first; maps are stored (in, out).
        windowed: A token sees its neighbours, and the first token has maps of its own.
        embeddings: Where the tables of embeddings are, below `root`.
        words: The table of word embeddings.
        positions: The table of position embeddings.
    """

    root: str
    layer: str
    parts: tuple[str, ...]
    head: tuple[tuple[str, str | None], ...]
    projection: str = ""
    positions_from_padding: bool = False
    causal: bool = False
    windowed: bool = False
    embeddings: str = "embeddings."
    words: str = "word_embeddings"
    positions: str = "position_embeddings"

    @property
    def inputs(self) -> str:
        """What stands in front of the names of the embeddings."""
        return f"{self.root}.{self.embeddings}"


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
_ROBERTA = Family(
    "roberta", "roberta.encoder.layer.{}", _BERT_PARTS, _ROBERTA_HEAD, positions_from_padding=True
)

FAMILIES: Mapping[str, Family] = {
    "bert": Family(
        "bert",
        "bert.encoder.layer.{}",
        _BERT_PARTS,
        (("bert.pooler.dense", "tanh"), ("classifier", None)),
    ),
    "roberta": _ROBERTA,
    "xlm-roberta": _ROBERTA,
    "camembert": _ROBERTA,
    "longformer": Family(
        "longformer",
        "longformer.encoder.layer.{}",
        _BERT_PARTS,
        _ROBERTA_HEAD,
        positions_from_padding=True,
        windowed=True,
    ),
    "electra": Family(
        "electra",
        "electra.encoder.layer.{}",
        _BERT_PARTS,
        (("classifier.dense", "gelu"), ("classifier.out_proj", None)),
        projection="electra.embeddings_project",
    ),
    "distilbert": Family(
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
    "albert": Family(
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
    "mpnet": Family(
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
        positions_from_padding=True,
    ),
    "gpt2": Family(
        "transformer",
        "transformer.h.{}",
        ("attn.c_attn", "attn.c_proj", "ln_1", "mlp.c_fc", "mlp.c_proj", "ln_2"),
        (("score", None),),
        causal=True,
        embeddings="",
        words="wte",
        positions="wpe",
    ),
}
"""The families whose graph can be built from weights, by config.json's `model_type`."""


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


_MOST = 10_000
"""Layers, groups of them, or attention heads; a larger number is a mistake."""


class UnknownArchitectureError(PredictorError):
    """The architecture is not one of `FAMILIES`, so its graph cannot be built from weights."""


@dataclass(frozen=True)
class Dense:
    """An affine map: `x @ weight + bias`, weight of shape (in, out)."""

    weight: Array
    bias: Array


@dataclass(frozen=True)
class Norm:
    """A layer normalisation over the last axis."""

    gamma: Array
    bias: Array


@dataclass(frozen=True)
class Layer:
    """A transformer layer: attention and a feed-forward map, each with a residual and a norm.

    Attributes:
        window: How many tokens to either side a token sees, the first token besides (Longformer);
            None: all.
        global_attention: The same layer with the query, key and value that Longformer's first
            token has of its own, which sees all tokens; None: the first token is like the others.
    """

    query: Dense
    key: Dense
    value: Dense
    attention: Dense
    attention_norm: Norm
    intermediate: Dense
    output: Dense
    output_norm: Norm
    window: int | None = None
    global_attention: Layer | None = None


@dataclass(frozen=True)
class TransformerSpec:
    """A sequence classifier.

    Attributes:
        words: Word embeddings, (vocabulary, width).
        positions: Position embeddings, (positions, width).
        types: Token-type embeddings, (types, width), or None.
        norm: Normalisation of the summed embeddings; None where each layer normalises what goes
            into its two parts (pre-norm) and not what comes out of them.
        final_norm: Normalisation after the last layer, where layers are pre-norm.
        projection: From the embeddings' width to the layers', or None when they are equal.
        layers: The layers; a shared layer is the same object several times.
        head: The maps from one token's state to the logits, each with its activation.
        heads: Attention heads.
        activation: Of the intermediate map: gelu, gelu_tanh, relu, silu.
        epsilon: Added to the variance in each normalisation.
        position_padding_idx: RoBERTa and MPNet count positions from this padding id + 1 and skip
            padding; None: from zero.
        relative: Attention bias by relative distance, (buckets, heads), or None (MPNet alone).
        causal: A token sees itself and those before it alone (GPT-2).
        pool_last_non_padding: The head reads the last token that is not this padding id (GPT-2);
            None: it reads the first token.
    """

    words: Array
    positions: Array
    types: Array | None
    norm: Norm | None
    final_norm: Norm | None
    projection: Dense | None
    layers: tuple[Layer, ...]
    head: tuple[tuple[Dense, str | None], ...]
    heads: int
    activation: str
    epsilon: float
    position_padding_idx: int | None
    relative: Array | None
    causal: bool
    pool_last_non_padding: int | None


def describe(weights: Weights, config: Mapping[str, Any]) -> TransformerSpec:
    """Turn PyTorch-named weights and their configuration into the neutral description.

    Args:
        weights: Arrays by PyTorch name, as `to_torch_names` or `read_safetensors` give them.
        config: The contents of config.json.

    Raises:
        UnknownArchitectureError: The family, or an option of it, is not one of those known here.
        PredictorError: A weight is missing, or a number in the configuration is impossible.
    """
    family = _family(config)
    reader = _Reader(weights)
    spec = _describe(family, reader, config)
    head = tuple(
        (reader.dense(name, may_lack_bias=True), activation) for name, activation in family.head
    )
    if not family.causal:
        return dataclasses.replace(spec, head=head)
    padding_id = config.get("pad_token_id")
    if not isinstance(padding_id, int):
        raise PredictorError(
            "config.json has no pad_token_id, and without one the last token of a text cannot be "
            "told from padding: add that of the tokenizer's padding or end-of-text token"
        )
    return dataclasses.replace(spec, head=head, pool_last_non_padding=padding_id)


def encoder_spec(weights: Weights, config: Mapping[str, Any]) -> TransformerSpec:
    """Like `describe`, for a pre-trained encoder: no head, and names with or without a prefix."""
    family = _family(config)
    # The oldest encoders on the hub still have TensorFlow's names of a normalisation's weights.
    renamed = {
        re.sub(r"\.gamma$", ".weight", re.sub(r"\.beta$", ".bias", name)): array
        for name, array in weights.items()
    }
    if not any(name.startswith(f"{family.root}.") for name in renamed):
        renamed = {f"{family.root}.{name}": array for name, array in renamed.items()}
    return _describe(family, _Reader(renamed), config)


def _family(config: Mapping[str, Any]) -> Family:
    """The family, where it and all of its options that change the arithmetic are known."""
    name = str(config.get("model_type"))
    if name not in FAMILIES:
        known = ", ".join(sorted(FAMILIES))
        raise UnknownArchitectureError(f"architecture {name!r} is not one of {known}")
    if config.get("position_embedding_type", "absolute") != "absolute":
        raise UnknownArchitectureError(f"{name} with relative position embeddings is not known")
    if _activation(config) not in _ACTIVATIONS:
        raise UnknownArchitectureError(f"{name} with its activation is not known")
    if config.get("inner_group_num", 1) != 1:
        raise UnknownArchitectureError(f"{name} with several layers in a group is not known")
    if config.get("scale_attn_by_inverse_layer_idx") or not config.get("scale_attn_weights", True):
        raise UnknownArchitectureError(f"{name} with its own scale of attention is not known")
    return FAMILIES[name]


def _describe(family: Family, reader: _Reader, config: Mapping[str, Any]) -> TransformerSpec:
    """Everything but the head."""
    words = reader.array(f"{family.inputs}{family.words}.weight")
    count = _count(config, "num_hidden_layers", "n_layers", "n_layer")
    # ALBERT's layers share the weights of their group, most often one for all.
    shared = "albert" in family.root and "num_hidden_groups" in config
    groups = _count(config, "num_hidden_groups") if shared else count
    distinct = [_layer(reader, family, config, group) for group in range(groups)]
    heads = _count(config, "num_attention_heads", "n_heads", "n_head")
    width = distinct[0].query.weight.shape[1]
    if width % heads:
        raise PredictorError(f"config.json: {heads} attention heads do not divide {width} channels")
    epsilon = float(config.get("layer_norm_eps", config.get("layer_norm_epsilon", 1e-12)))
    if not 0 <= epsilon < 1:
        raise PredictorError(f"config.json: layer_norm_eps is {epsilon}, wanted a small number")
    padding_idx = int(config.get("pad_token_id", 1)) if family.positions_from_padding else None
    return TransformerSpec(
        words=words,
        positions=reader.array(f"{family.inputs}{family.positions}.weight"),
        types=reader.optional(f"{family.inputs}token_type_embeddings.weight"),
        norm=None if family.causal else reader.norm(f"{family.inputs}LayerNorm"),
        final_norm=reader.norm(f"{family.root}.ln_f") if family.causal else None,
        projection=(
            reader.dense(family.projection)
            if f"{family.projection}.weight" in reader.weights
            else None
        ),
        layers=tuple(distinct[number * groups // count] for number in range(count)),
        head=(),
        heads=heads,
        activation=_ACTIVATIONS[_activation(config)],
        epsilon=epsilon,
        position_padding_idx=padding_idx,
        relative=reader.optional(f"{family.root}.encoder.relative_attention_bias.weight"),
        causal=family.causal,
        pool_last_non_padding=None,
    )


def _activation(config: Mapping[str, Any]) -> str:
    return str(_first(config, "hidden_act", "activation", "activation_function")[1])


def _count(config: Mapping[str, Any], *names: str) -> int:
    """A number of things, under the one of these names that the family has for it."""
    name, found = _first(config, *names)
    if type(found) is not int or not 0 < found <= _MOST:
        raise PredictorError(f"config.json: {name} is {found!r:.40}, wanted 1 to {_MOST:,}")
    return found


def _first(config: Mapping[str, Any], *names: str) -> tuple[str, Any]:
    for name in names:
        if name in config:
            return name, config[name]
    raise UnknownArchitectureError(f"config.json has none of {', '.join(names)}")


def _layer(reader: _Reader, family: Family, config: Mapping[str, Any], number: int) -> Layer:
    names = [f"{family.layer.format(number)}.{part}" for part in family.parts]
    mixing, (attention, attention_norm, intermediate, output, output_norm) = names[:-5], names[-5:]

    def read(name: str) -> Dense:
        return reader.dense(name, in_out=family.causal)

    if family.causal:  # One map whose outputs query, key and value share.
        joint = read(mixing[0])
        weights, biases = np.split(joint.weight, 3, axis=1), np.split(joint.bias, 3)
        query, key, value = (
            Dense(np.ascontiguousarray(w), np.ascontiguousarray(b))
            for w, b in zip(weights, biases, strict=True)
        )
    else:
        query, key, value = map(read, mixing)
    layer = Layer(
        query,
        key,
        value,
        read(attention),
        reader.norm(attention_norm),
        read(intermediate),
        read(output),
        reader.norm(output_norm),
    )
    if not family.windowed:
        return layer
    query, key, value = (read(f"{name}_global") for name in mixing)
    _, windows = _first(config, "attention_window")
    window = windows if isinstance(windows, int) else windows[number]
    global_attention = dataclasses.replace(layer, query=query, key=key, value=value)
    return dataclasses.replace(layer, window=int(window) // 2, global_attention=global_attention)


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

    def dense(self, name: str, *, in_out: bool = False, may_lack_bias: bool = False) -> Dense:
        """A map; PyTorch keeps its weight as (out, in), GPT-2's `Conv1D` as (in, out)."""
        weight = self.array(f"{name}.weight")
        weight = weight if in_out else np.ascontiguousarray(weight.T)
        bias = self.optional(f"{name}.bias") if may_lack_bias else self.array(f"{name}.bias")
        return Dense(weight, np.zeros(weight.shape[1], np.float32) if bias is None else bias)

    def norm(self, name: str) -> Norm:
        return Norm(self.array(f"{name}.weight"), self.array(f"{name}.bias"))
