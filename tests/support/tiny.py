"""Tiny encoders with random weights, in the file layout that the hub has: PyTorch's names.

64 wide: small enough to train in seconds, large enough to learn `make_reviews`. DistilBERT has two
layers; BERT, in which most tests train, has one, because a training of a tiny model is little else
than the tracing of its layers.
No PyTorch and no TensorFlow is needed to build them.
"""

import json
import string
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from tokenizers import BertWordPieceTokenizer

from support.reviews import BLAME, NEGATIONS, PRAISE, make_reviews

WIDTH = 64
INNER = 128
HEADS = 4
POSITIONS = 128
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")

Weights = Iterator[tuple[str, np.ndarray]]


def build_distilbert(home: Path, seed: int = 0) -> Path:
    """Write a tiny DistilBERT with its language-model head, as distilbert-base-uncased has it."""
    _write_tokenizer(home, "DistilBertTokenizer")
    _write_weights(home, dict(_distilbert(np.random.default_rng(seed))))
    config = {
        "activation": "gelu", "architectures": ["DistilBertForMaskedLM"],
        "attention_dropout": 0.1, "dim": WIDTH, "dropout": 0.1, "hidden_dim": INNER,
        "initializer_range": 0.02, "max_position_embeddings": POSITIONS,
        "model_type": "distilbert", "n_heads": HEADS, "n_layers": 2, "pad_token_id": 0,
        "sinusoidal_pos_embds": False, "tie_weights_": True, "vocab_size": len(vocabulary()),
    }  # fmt: skip
    return _write_json(home / "config.json", config).parent


def build_bert(home: Path, seed: int = 0, layers: int = 1) -> Path:
    """Write a tiny BERT without a head, as all-MiniLM-L6-v2 has it."""
    _write_tokenizer(home, "BertTokenizer")
    _write_weights(home, dict(_bert(np.random.default_rng(seed), layers)))
    config = {
        "architectures": ["BertModel"], "attention_probs_dropout_prob": 0.1, "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1, "hidden_size": WIDTH, "initializer_range": 0.02,
        "intermediate_size": INNER, "layer_norm_eps": 1e-12,
        "max_position_embeddings": POSITIONS, "model_type": "bert", "num_attention_heads": HEADS,
        "num_hidden_layers": layers, "pad_token_id": 0, "position_embedding_type": "absolute",
        "type_vocab_size": 2, "vocab_size": len(vocabulary()),
    }  # fmt: skip
    return _write_json(home / "config.json", config).parent


def _write_json(path: Path, content: dict[str, object]) -> Path:
    path.write_text(json.dumps(content, indent=2, sort_keys=True), encoding="utf-8")
    return path


def vocabulary() -> list[str]:
    """Every word of the made-up reviews, and the letters that make up other words."""
    words = {word for text, _ in make_reviews(2000, seed=99) for word in text.split()}
    letters = string.ascii_lowercase + string.digits + string.punctuation
    return [*SPECIAL, *letters, *(f"##{letter}" for letter in letters), *sorted(words - {*letters})]


def _write_tokenizer(home: Path, tokenizer_class: str) -> None:
    home.mkdir(parents=True, exist_ok=True)
    ids = {word: number for number, word in enumerate(vocabulary())}
    tokenizer = BertWordPieceTokenizer(vocab=ids, lowercase=True)
    tokenizer.save_model(str(home))
    tokenizer.save(str(home / "tokenizer.json"))
    names = {
        "pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]",
        "mask_token": "[MASK]",
    }  # fmt: skip
    _write_json(home / "special_tokens_map.json", names)
    settings = {
        **names, "do_lower_case": True, "model_max_length": POSITIONS,
        "tokenizer_class": tokenizer_class,
    }  # fmt: skip
    _write_json(home / "tokenizer_config.json", settings)


def _write_weights(home: Path, weights: dict[str, np.ndarray]) -> None:
    save_file(weights, home / "model.safetensors", metadata={"format": "pt"})


def _matrix(chance: np.random.Generator, *shape: int) -> np.ndarray:
    # Wider than BERT's 0.02: so narrow a model learns from scratch only with a livelier start.
    return chance.normal(0, 0.08, shape).astype(np.float32)


def _words(chance: np.random.Generator) -> np.ndarray:
    """Word vectors that know, as pre-trained ones do, which words praise, blame and negate."""
    vectors = _matrix(chance, len(vocabulary()), WIDTH)
    directions = np.linalg.qr(chance.normal(size=(WIDTH, 3)))[0].T.astype(np.float32)
    negating = {word for phrase in NEGATIONS for word in phrase.split()} - {"but"}
    for number, word in enumerate(vocabulary()):
        known = (word in PRAISE) - (word in BLAME), word in negating, word == "but"
        vectors[number] += np.asarray(known, np.float32) @ directions
    return vectors


def _dense(chance: np.random.Generator, name: str, outputs: int, inputs: int) -> Weights:
    yield f"{name}.weight", _matrix(chance, outputs, inputs)
    yield f"{name}.bias", np.zeros(outputs, np.float32)


def _norm(name: str) -> Weights:
    yield f"{name}.weight", np.ones(WIDTH, np.float32)
    yield f"{name}.bias", np.zeros(WIDTH, np.float32)


def _distilbert(chance: np.random.Generator) -> Weights:
    root = "distilbert.embeddings"
    yield f"{root}.word_embeddings.weight", _words(chance)
    yield f"{root}.position_embeddings.weight", _matrix(chance, POSITIONS, WIDTH)
    yield from _norm(f"{root}.LayerNorm")
    for number in range(2):
        layer = f"distilbert.transformer.layer.{number}"
        for part in ("q_lin", "k_lin", "v_lin", "out_lin"):
            yield from _dense(chance, f"{layer}.attention.{part}", WIDTH, WIDTH)
        yield from _norm(f"{layer}.sa_layer_norm")
        yield from _dense(chance, f"{layer}.ffn.lin1", INNER, WIDTH)
        yield from _dense(chance, f"{layer}.ffn.lin2", WIDTH, INNER)
        yield from _norm(f"{layer}.output_layer_norm")
    yield from _dense(chance, "vocab_transform", WIDTH, WIDTH)
    yield from _norm("vocab_layer_norm")
    yield "vocab_projector.bias", np.zeros(len(vocabulary()), np.float32)


def _bert(chance: np.random.Generator, layers: int) -> Weights:
    yield "embeddings.position_ids", np.arange(POSITIONS)[None]
    yield "embeddings.word_embeddings.weight", _words(chance)
    yield "embeddings.position_embeddings.weight", _matrix(chance, POSITIONS, WIDTH)
    yield "embeddings.token_type_embeddings.weight", _matrix(chance, 2, WIDTH)
    yield from _norm("embeddings.LayerNorm")
    for number in range(layers):
        layer = f"encoder.layer.{number}"
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            yield from _dense(chance, f"{layer}.attention.{part}", WIDTH, WIDTH)
        yield from _norm(f"{layer}.attention.output.LayerNorm")
        yield from _dense(chance, f"{layer}.intermediate.dense", INNER, WIDTH)
        yield from _dense(chance, f"{layer}.output.dense", WIDTH, INNER)
        yield from _norm(f"{layer}.output.LayerNorm")
    yield from _dense(chance, "pooler.dense", WIDTH, WIDTH)
