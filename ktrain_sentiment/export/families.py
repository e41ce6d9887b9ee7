"""Where each family of transformers keeps its weights, by PyTorch's names, and how it differs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Family:
    """Where a family keeps its weights, and what it does differently.

    Attributes:
        root: The model's own name in front of all its weights.
        layer: A layer, with its number for `{}`.
        parts: Names in a layer: query, key and value (or one that holds all three), the
            attention's output, its norm, the inner and the outer map, and their norm.
        head: The maps of the head, each with its activation.
        projection: From the embeddings' width to the layers', where a family has one.
        counts_padding: Positions are counted from the padding id + 1.
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
    counts_padding: bool = False
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
    "roberta", "roberta.encoder.layer.{}", _BERT_PARTS, _ROBERTA_HEAD, counts_padding=True
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
        counts_padding=True,
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
        counts_padding=True,
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
