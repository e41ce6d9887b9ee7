"""Tiny encoders of every architecture, in the file layout that the hub has them in.

Random weights under PyTorch's own names (`tests/export/torch_names.json`, which PyTorch wrote),
without a head; and a tokenizer of each family's real kind, trained on the made-up reviews:
WordPiece, byte-level BPE, Unigram.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file
from tokenizers import (
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

from support.reviews import make_reviews

WIDTH, INNER, HEADS, LAYERS = 32, 64, 4, 2
VOCABULARY = 400
NAMES = Path(__file__).parents[1] / "export" / "torch_names.json"

SHAPE = {
    "hidden_size": WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
    "intermediate_size": INNER, "hidden_act": "gelu", "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1, "initializer_range": 0.02, "layer_norm_eps": 1e-12,
    "max_position_embeddings": 64, "type_vocab_size": 2, "pad_token_id": 0,
}  # fmt: skip
ROBERTA = {
    **SHAPE, "layer_norm_eps": 1e-5, "max_position_embeddings": 66, "type_vocab_size": 1,
    "bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2,
}  # fmt: skip
DISTILBERT = {
    "dim": WIDTH, "n_layers": LAYERS, "n_heads": HEADS, "hidden_dim": INNER, "activation": "gelu",
    "dropout": 0.1, "attention_dropout": 0.1, "max_position_embeddings": 64, "pad_token_id": 0,
}  # fmt: skip
GPT2 = {
    "n_embd": WIDTH, "n_layer": LAYERS, "n_head": HEADS, "n_positions": 64, "n_ctx": 64,
    "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5, "embd_pdrop": 0.1,
    "attn_pdrop": 0.1, "resid_pdrop": 0.1, "bos_token_id": 0, "eos_token_id": 0,
}  # fmt: skip

BERT_TOKENS = {
    "pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}  # fmt: skip
ROBERTA_TOKENS = {
    "bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>",
    "cls_token": "<s>", "sep_token": "</s>", "mask_token": "<mask>",
}  # fmt: skip
MPNET_TOKENS = {**ROBERTA_TOKENS, "unk_token": "[UNK]"}
ALBERT_TOKENS = {**BERT_TOKENS, "pad_token": "<pad>", "unk_token": "<unk>"}
GPT2_TOKENS = dict.fromkeys(("bos_token", "eos_token", "unk_token"), "<|endoftext|>")

FOREIGN = (
    "Ein großartiger Film, der mich bewegt hat", "Quel film ennuyeux, vraiment décevant",
    "Una película maravillosa y muy divertida", "Ένα υπέροχο έργο", "Замечательный фильм",
    "とても良い映画でした", "这部电影非常无聊",
)  # fmt: skip
"""What a multilingual vocabulary also covers."""


@dataclass(frozen=True)
class Architecture:
    """One architecture as it is found on the hub.

    Attributes:
        example: A well-known encoder of this kind.
        family: config.json's `model_type`.
        model: The class that the hub's configuration names.
        config: What the configuration holds besides.
        kind: What the tokenizer is.
        tokens: Its special tokens.
        tokenizer: The class that transformers wraps it in.
        make: Trains it on some texts.
        bare: Whether the hub's names lack the model's prefix.
        maxlen: Longest text that it is trained with here.
    """

    example: str
    family: str
    model: str
    config: dict[str, Any]
    kind: str
    tokens: dict[str, str]
    tokenizer: str
    make: Callable[[list[str], dict[str, str]], Tokenizer]
    bare: bool = False
    maxlen: int = 32
    settings: dict[str, Any] = field(default_factory=dict)


def build_encoder(home: Path, architecture: Architecture, seed: int = 0) -> Path:
    """Write an encoder folder: config.json, tokenizer.json and its friends, model.safetensors."""
    home.mkdir(parents=True)
    texts = [text for text, _ in make_reviews(300, seed=7)]
    tokenizer = architecture.make(texts + list(FOREIGN) * 3, architecture.tokens)
    tokenizer.save(str(home / "tokenizer.json"))
    size = tokenizer.get_vocab_size()
    _write_json(home / "special_tokens_map.json", architecture.tokens)
    settings = {"tokenizer_class": architecture.tokenizer, **architecture.settings}
    _write_json(home / "tokenizer_config.json", architecture.tokens | settings)
    config = {"architectures": [architecture.model], "model_type": architecture.family}
    config |= architecture.config | {"vocab_size": size}
    _write_json(home / "config.json", config)
    weights = make_weights(architecture, config, seed)
    save_file(weights, home / "model.safetensors", metadata={"format": "pt"})
    return home


def make_weights(
    architecture: Architecture, config: dict[str, Any], seed: int = 0
) -> dict[str, np.ndarray]:
    """Random tensors under PyTorch's names, without those of the head."""
    shapes = json.loads(NAMES.read_text())[architecture.family]
    chance = np.random.default_rng(seed)
    weights = {}
    for name, shape in shapes.items():
        if re.match(r"(classifier|pre_classifier|score)\.", name):
            continue
        if name.endswith(("word_embeddings.weight", "wte.weight")):
            shape = [config["vocab_size"], shape[1]]
        if name.endswith(("position_embeddings.weight", "wpe.weight")):
            shape = [config.get("max_position_embeddings", config.get("n_positions")), shape[1]]
        middle = 1.0 if re.search(r"(norm|LayerNorm|ln_.)\.weight$", name) else 0.0
        # Wider than the usual 0.02, words most of all, so that a few steps tell two words apart.
        width = 1.0 if name.endswith(("word_embeddings.weight", "wte.weight")) else 0.2
        values = chance.normal(middle, width, shape).astype(np.float32)
        weights[name.split(".", 1)[1] if architecture.bare else name] = values
    return weights


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False), encoding="utf-8")


def _wordpiece(texts: list[str], tokens: dict[str, str], *, lowercase: bool = True) -> Tokenizer:
    """BERT's tokenizer: words, cut into pieces that continue with ##."""
    special = list(dict.fromkeys(tokens.values()))
    tokenizer = Tokenizer(models.WordPiece(unk_token=tokens["unk_token"]))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(
        vocab_size=VOCABULARY, special_tokens=special, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return _wrapped(tokenizer, tokens)


def _cased_wordpiece(texts: list[str], tokens: dict[str, str]) -> Tokenizer:
    """The same, which tells capitals and accents apart."""
    return _wordpiece([*texts, *(text.capitalize() for text in texts)], tokens, lowercase=False)


def _bytes(texts: list[str], tokens: dict[str, str]) -> Tokenizer:
    """GPT-2's tokenizer: byte pairs, with nothing around a text."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=list(dict.fromkeys(tokens.values())),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False,
    )  # fmt: skip
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def _roberta_bytes(texts: list[str], tokens: dict[str, str]) -> Tokenizer:
    """RoBERTa's tokenizer: GPT-2's byte pairs between <s> and </s>."""
    tokenizer = _bytes(texts, tokens)
    ids = [(token, tokenizer.token_to_id(token)) for token in ("</s>", "<s>")]
    tokenizer.post_processor = processors.RobertaProcessing(*ids, add_prefix_space=False)
    return tokenizer


def _unigram(texts: list[str], tokens: dict[str, str]) -> Tokenizer:
    """SentencePiece's unigram tokenizer, as ALBERT and XLM-R have it."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=VOCABULARY, special_tokens=list(dict.fromkeys(tokens.values())),
        unk_token=tokens["unk_token"], show_progress=False,
    )  # fmt: skip
    tokenizer.train_from_iterator(texts, trainer)
    return _wrapped(tokenizer, tokens)


def _wrapped(tokenizer: Tokenizer, tokens: dict[str, str]) -> Tokenizer:
    """With the first and the last token that each text gets."""
    first, last = tokens["cls_token"], tokens["sep_token"]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{first} $A {last}",
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in (first, last)],
    )
    return tokenizer


ARCHITECTURES = {
    "BERT": Architecture(
        "bert-base-uncased", "bert", "BertForMaskedLM", SHAPE,
        "WordPiece", BERT_TOKENS, "BertTokenizer", _wordpiece,
    ),
    "DistilBERT": Architecture(
        "distilbert-base-uncased", "distilbert", "DistilBertForMaskedLM", DISTILBERT,
        "WordPiece", BERT_TOKENS, "DistilBertTokenizer", _wordpiece,
    ),
    "DistilBERT, multilingual, cased": Architecture(
        "distilbert-base-multilingual-cased", "distilbert", "DistilBertForMaskedLM", DISTILBERT,
        "WordPiece, cased", BERT_TOKENS, "DistilBertTokenizer", _cased_wordpiece,
        settings={"do_lower_case": False},
    ),
    "RoBERTa": Architecture(
        "roberta-base", "roberta", "RobertaForMaskedLM", ROBERTA,
        "byte-level BPE", ROBERTA_TOKENS, "RobertaTokenizer", _roberta_bytes,
    ),
    "XLM-R": Architecture(
        "xlm-roberta-base", "xlm-roberta", "XLMRobertaForMaskedLM", ROBERTA,
        "Unigram", ROBERTA_TOKENS, "XLMRobertaTokenizer", _unigram,
    ),
    # What most small multilingual encoders are: BERT's weights behind XLM-R's tokenizer. Their
    # configuration gives BERT's padding id, which is another token of that vocabulary.
    "BERT, multilingual MiniLM": Architecture(
        "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2", "bert", "BertModel", SHAPE,
        "Unigram", ROBERTA_TOKENS, "XLMRobertaTokenizer", _unigram, bare=True,
    ),
    "ALBERT": Architecture(
        "albert-base-v2", "albert", "AlbertForMaskedLM",
        {**SHAPE, "embedding_size": 16, "num_hidden_groups": 1, "inner_group_num": 1},
        "Unigram", ALBERT_TOKENS, "AlbertTokenizer", _unigram,
    ),
    "ELECTRA": Architecture(
        "google/electra-small-discriminator", "electra", "ElectraForPreTraining",
        {**SHAPE, "embedding_size": 16},
        "WordPiece", BERT_TOKENS, "ElectraTokenizer", _wordpiece,
    ),
    "MPNet": Architecture(
        "microsoft/mpnet-base", "mpnet", "MPNetForMaskedLM",
        {**ROBERTA, "relative_attention_num_buckets": 32},
        "WordPiece", MPNET_TOKENS, "MPNetTokenizer", _wordpiece,
    ),
    "GPT-2": Architecture(
        "gpt2", "gpt2", "GPT2LMHeadModel", GPT2,
        "byte-level BPE", GPT2_TOKENS, "GPT2Tokenizer", _bytes, bare=True,
    ),
    "Longformer": Architecture(
        "allenai/longformer-base-4096", "longformer", "LongformerForMaskedLM",
        {**ROBERTA, "attention_window": [16, 16], "max_position_embeddings": 1026},
        "byte-level BPE", ROBERTA_TOKENS, "LongformerTokenizer", _roberta_bytes, maxlen=1024,
    ),
}  # fmt: skip
"""Every architecture that is promised to work, by the name that its users give it."""
