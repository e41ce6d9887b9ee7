"""Texts as the vectors that a predictor decides on, to find what it takes to be alike.

The vector of a text is the state of its first token after the last layer, which is all that the
classification head sees. The graph is written from the predictor's PyTorch-layout weights with
8-bit products, and leaves the head out.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ktrain_sentiment.cleaning import apply_cleaning
from ktrain_sentiment.evaluation.confusion import Floats
from ktrain_sentiment.inference.batches import plan_batches
from ktrain_sentiment.predictor.architecture import describe
from ktrain_sentiment.predictor.layout import PredictorFolder
from ktrain_sentiment.predictor.manifest import read_manifest
from ktrain_sentiment.predictor.onnx_graph import build_graph
from ktrain_sentiment.predictor.onnx_int8 import DynamicInt8Writer
from ktrain_sentiment.predictor.session import open_session, run
from ktrain_sentiment.predictor.tokenizing import TextEncoder, pad
from ktrain_sentiment.predictor.weights import read_safetensors

BATCH_TOKENS, BATCH_TEXTS = 1024, 64

Embed = Callable[[Sequence[str]], Floats]


def open_embedder(folder: Path) -> Embed:
    """A function from texts to vectors, shape (texts, width).

    Args:
        folder: A predictor folder of this package.

    Raises:
        PredictorError: The folder or its weights cannot be used.
        MissingExtraError: What writes the graph is not installed.
    """
    place = PredictorFolder(folder)
    manifest = read_manifest(folder)
    config = json.loads(place.config.read_text("utf-8"))
    whole = describe(read_safetensors(place.torch_weights), config)
    graph = build_graph(dataclasses.replace(whole, head=()), DynamicInt8Writer())
    session = open_session(graph.SerializeToString())
    encoder = TextEncoder.from_folder(place, manifest.maxlen)

    def embed(texts: Sequence[str]) -> Floats:
        encoded = encoder.encode(apply_cleaning(list(texts), manifest.cleaning))
        vectors = np.zeros((len(texts), whole.words.shape[1]))
        for batch in plan_batches(encoded.lengths, BATCH_TOKENS, BATCH_TEXTS):
            ids, mask = pad([encoded.ids[k] for k in batch], manifest.padding_id)
            vectors[batch] = run(session, ids, mask)
        return vectors

    return embed
