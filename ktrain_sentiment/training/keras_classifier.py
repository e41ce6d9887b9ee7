"""A predictor on the Keras model it was trained as: slow, and the baseline of other engines.

The weights are read from model.safetensors or tf_model.h5 by transformers; nothing is unpickled.

`trace_onnx` writes such a model as an ONNX graph by tracing it: the general road, for families
outside BERT's. It takes half a minute instead of a second, and ONNX Runtime can optimise the graph
less than the one that `export/` builds.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ktrain_sentiment.errors import PredictorError, one_line, require
from ktrain_sentiment.export.keras_files import keras_feeds
from ktrain_sentiment.inference.classifier import ClassifierParts, TextClassifier
from ktrain_sentiment.inference.runners import Logits
from ktrain_sentiment.predictor.layout import PredictorFolder
from ktrain_sentiment.predictor.manifest import check_files, read_manifest
from ktrain_sentiment.predictor.tokenization import Ids, TextEncoder
from ktrain_sentiment.training.backend import Untyped, open_backend

_OPSET = 17


class KerasRunner:
    """Computes logits with a transformers `TF…ForSequenceClassification`.

    Args:
        model: The Keras model, or what calls it like one.
    """

    threads = 1
    """TensorFlow spreads each batch over the cores itself."""

    def __init__(self, model: Untyped) -> None:
        self._model = model

    def alone(self, ids: Ids, mask: Ids) -> Logits:
        """Logits (texts, classes) of a batch."""
        feeds = keras_feeds(self._model, ids, mask)
        return np.asarray(self._model(feeds, training=False).logits, dtype=np.float32)

    among_others = alone


def load_keras(folder: Path) -> TextClassifier:
    """Open a predictor on TensorFlow, every file checked that is used.

    Args:
        folder: A predictor folder of this package.

    Raises:
        PredictorError: The folder is missing, damaged or of a newer format, or its model cannot
            be loaded.
        MissingExtraError: TensorFlow is not installed.
    """
    manifest = read_manifest(folder)
    if manifest.is_ktrain_model:
        raise PredictorError(
            f"{folder} holds ktrain's own {manifest.family}, whose Keras model only ktrain itself "
            "opens, with the pickle beside it: choose another engine"
        )
    place = PredictorFolder(folder)
    names = (place.config, place.tokenizer, place.torch_weights)
    check_files(place, manifest.files, [path.name for path in names])

    def parts() -> ClassifierParts:
        raise PredictorError(
            f"{folder}: a classifier on Keras cannot be pickled: load it where it is used, or "
            "choose another engine"
        )

    return TextClassifier(
        labels=manifest.labels,
        encoder=TextEncoder(
            place.tokenizer.read_bytes(),
            manifest.maxlen,
            manifest.padding_id,
            pairs=bool(manifest.inputs.pair),
        ),
        runner=KerasRunner(load_keras_model(folder)),
        engine="keras",
        parts=parts,
        temperature=manifest.temperature,
        cleaning=manifest.cleaning,
        task=manifest.answers,
        long_texts=manifest.reads,
        inputs=manifest.inputs,
    )


def load_keras_model(folder: Path) -> Untyped:
    """The Keras model in a folder that transformers wrote.

    Raises:
        PredictorError: transformers cannot load it.
        MissingExtraError: TensorFlow is not installed.
    """
    loader = open_backend().transformers.TFAutoModelForSequenceClassification
    try:
        # transformers' Longformer makes some weights twice, and Keras mentions it.
        with warnings.catch_warnings(action="ignore"):
            return loader.from_pretrained(
                str(folder), local_files_only=True, trust_remote_code=False
            )
    except (OSError, ValueError, ImportError) as error:
        raise PredictorError(
            f"{folder}: transformers cannot load the model: {one_line(error)}"
        ) from error


def load_with_ktrain(folder: Path) -> Untyped:
    """The predictor that plain ktrain saved in a folder: this unpickles, and so may run any code.

    Raises:
        PredictorError: ktrain cannot load it.
        MissingExtraError: ktrain is not installed.
    """
    ktrain = open_backend().ktrain
    try:
        return ktrain.load_predictor(str(folder))
    except Exception as error:  # ktrain raises the bare class.
        raise PredictorError(f"{folder}: ktrain cannot load it: {one_line(error)}") from error


def tracer(model: Untyped) -> Callable[[Path], None]:
    """What writes the ONNX graph of a model to a path; `save_predictor` takes it as `trace`."""
    return lambda path: trace_onnx(model, path)


def trace_onnx(model: Untyped, path: Path) -> None:
    """Write a Keras model as ONNX: dynamic batch and length, output `logits`.

    Args:
        model: A transformers `TF…ForSequenceClassification`.
        path: Where the file goes.

    Raises:
        PredictorError: tf2onnx cannot convert it.
    """
    tf = open_backend().tf
    tf2onnx = require("tf2onnx", "train")
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    names = ["input_ids", "attention_mask"]
    signature = [tf.TensorSpec((None, None), tf.int64, name=name) for name in names]

    def logits(input_ids: Untyped, attention_mask: Untyped) -> dict[str, Untyped]:
        inputs = {"input_ids": input_ids, "attention_mask": attention_mask}
        return {"logits": model(inputs, training=False).logits}

    try:
        tf2onnx.convert.from_function(
            tf.function(logits, input_signature=signature),
            input_signature=signature,
            opset=_OPSET,
            custom_op_handlers={"Erfc": (_write_erfc, [])},
            output_path=str(path),
        )
    except (ValueError, RuntimeError, NotImplementedError) as error:
        raise PredictorError(f"the model cannot be traced to ONNX: {one_line(error)}") from error


def _write_erfc(context: Untyped, node: Untyped, _name: str, _arguments: Any) -> None:  # noqa: ANN401
    """`1 - Erf(x)`: tf2onnx 1.17 writes an operator `Erfc`, which ONNX does not have."""
    numpy = require("numpy", "train")
    data_type = context.get_dtype(node.output[0])
    shape = context.get_shape(node.output[0])
    source, output = node.input[0], node.output[0]
    context.remove_node(node.name)
    erf = context.make_node("Erf", [source], dtypes=[data_type], shapes=[shape])
    one = context.make_const(node.name + "_one", numpy.ones((), numpy.float32))
    context.make_node(
        "Sub", [one.output[0], erf.output[0]], outputs=[output], dtypes=[data_type], shapes=[shape]
    )
