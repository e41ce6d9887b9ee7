"""Texts as vectors: what a predictor decides on, or what a frozen encoder makes of them.

A predictor's vector of a text is the state of its first token after the last layer, which is all
that the classification head sees; it shows what the predictor takes to be alike. An encoder's is
the mean of its token states, as sentence encoders are trained to be read. Both come from a graph
that is written from PyTorch-layout weights, without TensorFlow or PyTorch.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.cleaning import apply_cleaning
from ktrain_sentiment.encoders.encoder_folder import check_maxlen
from ktrain_sentiment.errors import EncoderError, PredictorError
from ktrain_sentiment.evaluation.confusion import Floats
from ktrain_sentiment.export.onnx_graph import build_graph, build_mean_graph
from ktrain_sentiment.export.onnx_writer import GraphWriter
from ktrain_sentiment.export.quantization import DynamicInt8Writer
from ktrain_sentiment.export.transformer_spec import describe, encoder_spec
from ktrain_sentiment.export.weights import read_safetensors
from ktrain_sentiment.inference.classifier import BATCH_TEXTS
from ktrain_sentiment.predictor.layout import PredictorFolder
from ktrain_sentiment.predictor.long_texts import one_row
from ktrain_sentiment.predictor.manifest import read_json, read_manifest
from ktrain_sentiment.predictor.onnx_session import open_session, run_in_batches
from ktrain_sentiment.predictor.tokenization import TextEncoder
from ktrain_sentiment.reading_rules import LongTexts

if TYPE_CHECKING:
    from onnx import ModelProto

Embed = Callable[[Sequence[str]], Floats]

_BATCH_TOKENS = 1024
"""As many as all cores compute together without leaving their caches."""


def open_embedder(folder: Path) -> Embed:
    """A function from texts to the vectors that a predictor decides on, shape (texts, width).

    Its large products are done with 8-bit numbers.

    Args:
        folder: A predictor folder of this package.

    Raises:
        PredictorError: The folder or its weights cannot be used.
        MissingExtraError: What writes the graph is not installed.
    """
    place = PredictorFolder(folder)
    manifest = read_manifest(folder)
    if manifest.is_ktrain_model:
        raise PredictorError(
            f"{folder} holds ktrain's own {manifest.family}, which makes no vectors of texts to "
            "find the nearest by"
        )
    config = read_json(place.config)
    whole = describe(read_safetensors(place.torch_weights), config)
    graph = build_graph(dataclasses.replace(whole, head=()), DynamicInt8Writer())
    encoder = TextEncoder.from_folder(place, manifest.maxlen, pairs=bool(manifest.inputs.pair))
    embed = _embed_with(graph, encoder, one_row(manifest.long_texts))
    return lambda texts: embed(apply_cleaning(list(texts), manifest.cleaning))


def open_encoder_embedder(folder: Path, maxlen: int, *, pairs: bool = False) -> Embed:
    """A function from texts to the mean of a frozen encoder's token states, (texts, width).

    Args:
        folder: A verified encoder folder with model.safetensors and tokenizer.json.
        maxlen: Longest text in tokens, special tokens included.
        pairs: Texts are pairs, as `Inputs.join` makes one of them.

    Raises:
        EncoderError: The folder holds no such files.
        ConfigError: The encoder has fewer positions than maxlen.
        PredictorError: The encoder's family is not one whose graph can be written, or a weight is
            missing.
        MissingExtraError: What writes the graph is not installed.
    """
    place = PredictorFolder(folder)
    for path in (place.torch_weights, place.tokenizer):
        if not path.is_file():
            raise EncoderError(
                f"{folder} holds no {path.name}: wanted an encoder with weights as safetensors "
                "and a fast tokenizer"
            )
    check_maxlen(folder, maxlen)
    config = read_json(place.config)
    encoder = encoder_spec(read_safetensors(place.torch_weights), config)
    graph = build_mean_graph(encoder, GraphWriter())
    return _embed_with(graph, TextEncoder.from_folder(place, maxlen, pairs=pairs), "head")


def remembering(embed: Embed) -> Embed:
    """The same function, which embeds each text once however often it is asked for it."""
    known: dict[str, NDArray[np.floating]] = {}

    def remembered(texts: Sequence[str]) -> Floats:
        new = [text for text in dict.fromkeys(texts) if text not in known]
        if new:
            known.update(zip(new, embed(new), strict=True))
        return np.stack([known[text] for text in texts])

    return remembered


def _embed_with(graph: ModelProto, encoder: TextEncoder, long_texts: LongTexts) -> Embed:
    session = open_session(graph.SerializeToString())

    def embed(texts: Sequence[str]) -> Floats:
        if not texts:
            return np.zeros((0, 0))
        ids = encoder.encode(list(texts), long_texts).ids
        found = run_in_batches(
            session, ids, encoder.padding_id, tokens=_BATCH_TOKENS, texts=BATCH_TEXTS
        )
        return found.astype(np.float64)

    return embed
